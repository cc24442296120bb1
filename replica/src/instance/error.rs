//! What can be asked of an instance that makes no sense.

use crate::certification::PathError;
use crate::limits::{AWAIT_INGRESS_ROUNDS_MAX, BLOB_BYTES_MAX, INGRESS_BYTES_MAX};
use crate::subnet::{BlockMakerError, OutcallError};
use crate::topology::SubnetKind;
use crate::types::{CanisterId, SubnetId, Time};

/// A use of an instance that makes no sense, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstanceError {
    /// A network without subnets.
    #[error("a network needs at least one subnet: ask for one")]
    NoSubnets,
    /// Two subnets of a kind of which there can be only one.
    #[error("there can be only one subnet of kind {0:?}: ask for it once")]
    SubnetTwice(SubnetKind),
    /// A time before the one it is.
    #[error("time cannot go back: it is {now}, and {asked} was asked for")]
    TimeInPast {
        /// The time it is.
        now: Time,
        /// The time asked for.
        asked: Time,
    },
    /// An id no subnet hosts a canister of.
    #[error("there is no canister {0}")]
    NoSuchCanister(CanisterId),
    /// A canister id in no subnet's ranges.
    #[error("canister {0} does not belong to any subnet of this network")]
    NoSubnetHosts(CanisterId),
    /// A canister to be created with an id it can only have on a subnet that has to be there.
    #[error(
        "canister {canister} belongs to the mainnet's subnet of kind {kind:?}: ask for such a \
         subnet when the instance is made"
    )]
    SubnetMissing {
        /// The canister.
        canister: CanisterId,
        /// What hosts it on the mainnet.
        kind: SubnetKind,
    },
    /// A canister to be created with an id that no subnet hosts, where no subnets are added.
    #[error(
        "no subnet of this network hosts canister {0}, and it gets no further ones: start it with \
         such a subnet, or create the canister without an id of its own"
    )]
    SubnetsFixed(CanisterId),
    /// A request sent to another canister than the one it is about.
    #[error("the request is sent to canister {sent_to}, but it is about {about}: send it there")]
    SentElsewhere {
        /// Where it was sent.
        sent_to: CanisterId,
        /// What it is about.
        about: CanisterId,
    },
    /// A request sent to a subnet that belongs to a canister; what subnets take instead.
    #[error(
        "of the management canister alone, and of it only {0} can be sent to a subnet: send the \
         request to the canister it is about"
    )]
    NotForSubnets(&'static str),
    /// A part of the state that cannot be read.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A canister without code, which has no stable memory.
    #[error("canister {0} has no code: install it first")]
    NoCode(CanisterId),
    /// A canister that a long message or installation may still change.
    #[error(
        "canister {0} is in the middle of something that takes several rounds: tick until it ends"
    )]
    InTheMiddle(CanisterId),
    /// More stable memory than can be read or set as a whole.
    #[error(
        "{0} bytes of stable memory are too many to be read or set as a whole, which \
         {BLOB_BYTES_MAX} bytes at most can be: have the canister do it in parts"
    )]
    StableMemoryTooLarge(u64),
    /// An id no subnet has.
    #[error("there is no subnet {0}")]
    NoSuchSubnet(SubnetId),
    /// Block makers that the network does not have.
    #[error(transparent)]
    BlockMakers(#[from] BlockMakerError),
    /// A subnet of a kind that cannot be deleted.
    #[error(
        "a subnet of kind {0:?} cannot be deleted: only application, cloud engine, system and \
         verified application subnets can"
    )]
    SubnetCannotBeDeleted(SubnetKind),
    /// More messages than are let wait.
    #[error("too many messages wait for a block: send this one again in a while")]
    PoolFull,
    /// An ingress message larger than the network takes.
    #[error("an ingress message may have at most {INGRESS_BYTES_MAX} bytes, not {0}")]
    IngressTooLarge(usize),
    /// An ingress message nobody submitted, or that was forgotten.
    #[error("there is no ingress message with this id: submit it first")]
    NoSuchMessage,
    /// A status asked for by somebody who did not send the message.
    #[error("only the sender of an ingress message can see its status")]
    NotTheSender,
    /// An ingress message without an answer for too long.
    #[error(
        "the ingress message was not answered within {AWAIT_INGRESS_ROUNDS_MAX} rounds: instead of \
         awaiting it, tick and ask for its status in turn (`submit_call`, `tick` and \
         `ingress_status` of the pocket-ic crate)"
    )]
    NotAnswered,
    /// Responses to an HTTP outcall that make no sense.
    #[error(transparent)]
    Outcall(#[from] OutcallError),
    /// More cycles than a balance can hold.
    #[error("a balance of cycles must stay below 2^128")]
    TooManyCycles,
}
