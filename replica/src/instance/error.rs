//! Errors of the operations of an instance.

use crate::certification::{NOT_THE_SENDER, PathError};
use crate::limits::{
    AWAIT_INGRESS_ROUNDS_MAX, BLOB_BYTES_MAX, INGRESS_BYTES_MAX, INSTANCE_SUBNETS_MAX,
};
use crate::subnet::{BlockMakerError, OutcallError};
use crate::topology::SubnetKind;
use crate::types::{CanisterId, SubnetId, Time};

/// Why an instance refuses an operation. The message says what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstanceError {
    /// The configuration has no subnet.
    #[error("a network needs at least one subnet: add a subnet to its configuration")]
    NoSubnets,
    /// The configuration has two subnets of a kind that can exist only once.
    #[error("a network can have only one subnet of kind {0:?}: request it once")]
    SubnetTwice(SubnetKind),
    /// Two subnets would host the same canisters, and the state of one of them is a saved one.
    #[error(
        "Invalid canister ranges. Two subnets would host the same canisters, as subnet {0} does: give \
         each saved state only once"
    )]
    OverlappingRanges(SubnetId),
    /// The state of a subnet was saved by a subnet of another kind, which hosts other canisters.
    #[error(
        "the saved state is not that of a subnet of kind {kind:?}: the actual subnet canister ranges \
         {problem} the canister ranges of {of}; request the kind that the subnet had"
    )]
    UnsuitableState {
        /// The requested kind.
        kind: SubnetKind,
        /// How the saved ranges relate to those of `of`.
        problem: &'static str,
        /// The subnets whose ranges are not respected.
        of: &'static str,
    },
    /// The instance would have too many subnets. The field is their number.
    #[error(
        "an instance of the embedded replica has at most {INSTANCE_SUBNETS_MAX} subnets, not {0}: use fewer \
         subnets, or several instances"
    )]
    TooManySubnets(usize),
    /// The requested time is before the current time.
    #[error("time cannot go back: the current time is {now}, the requested time is {asked}")]
    TimeInPast {
        /// The current time.
        now: Time,
        /// The time that was requested.
        asked: Time,
    },
    /// A network was to begin before the first time that it can have. The field is the requested time.
    #[error(
        "The initial timestamp (unix timestamp in nanoseconds) must be no earlier than {} (provided {}).",
        Time::GENESIS.as_nanos(), .0.as_nanos()
    )]
    InitialTimeTooEarly(Time),
    /// There is no canister with this id.
    #[error("there is no canister {0}")]
    NoSuchCanister(CanisterId),
    /// The canister id is not in the ranges of any subnet.
    #[error("canister {0} does not belong to any subnet of this network")]
    NoSubnetHosts(CanisterId),
    /// A canister was to be created with an id that neither a subnet of this network nor the mainnet has.
    #[error(
        "The effective canister ID {0} does not belong to an existing subnet and it is not a mainnet canister ID. \
         Choose the id of a mainnet canister, or create the canister without choosing its id"
    )]
    NotOnMainnet(CanisterId),
    /// A canister was to be created with an id of a mainnet subnet that cannot be added later.
    #[error(
        "canister {canister} belongs to the mainnet's subnet of kind {kind:?}: ask for such a \
         subnet when you create the instance"
    )]
    SubnetMissing {
        /// The canister.
        canister: CanisterId,
        /// The kind of the subnet that hosts it on the mainnet.
        kind: SubnetKind,
    },
    /// A canister was to be created with an id that no subnet hosts, and this network adds no subnets.
    #[error(
        "no subnet of this network hosts canister {0}, and subnets cannot be added: start the network \
         with such a subnet, or create the canister without choosing its id, in a request to the \
         management canister (aaaaa-aa)"
    )]
    SubnetsFixed(CanisterId),
    /// A request was sent to a canister, but concerns another canister.
    #[error(
        "the request was sent to canister {sent_to}, but concerns canister {about}: send it to canister {about}"
    )]
    SentElsewhere {
        /// The canister that the request was sent to.
        sent_to: CanisterId,
        /// The canister that the request concerns.
        about: CanisterId,
    },
    /// A request was sent to a subnet, but must be sent to a canister. The field names the requests that
    /// subnets accept.
    #[error(
        "only {0} of the management canister can be sent to a subnet: send this request to the \
         canister that it concerns"
    )]
    NotForSubnets(&'static str),
    /// A path of the state tree cannot be read.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The canister has no code, and therefore no stable memory.
    #[error("canister {0} has no code: install it first")]
    NoCode(CanisterId),
    /// The canister has a paused execution, which may still change its state.
    #[error(
        "canister {0} has a paused execution, which takes several rounds: tick until it has finished"
    )]
    ExecutionPaused(CanisterId),
    /// A stable memory is too large to be read or set as a whole. The field is its size in bytes.
    #[error(
        "a stable memory of {0} bytes is too large to be read or set as a whole (at most \
         {BLOB_BYTES_MAX} bytes): have the canister read or write it in parts"
    )]
    StableMemoryTooLarge(u64),
    /// There is no subnet with this id.
    #[error("there is no subnet {0}")]
    NoSuchSubnet(SubnetId),
    /// The block makers for a round are invalid.
    #[error(transparent)]
    BlockMakers(#[from] BlockMakerError),
    /// Subnets of this kind cannot be deleted.
    #[error(
        "a subnet of kind {0:?} cannot be deleted: only application, cloud engine, system and \
         verified application subnets can"
    )]
    SubnetCannotBeDeleted(SubnetKind),
    /// The pool of messages that wait for a block is full.
    #[error("too many messages wait for a block: send this message again later")]
    PoolFull,
    /// An ingress message is larger than the network accepts. The field is its size in bytes.
    #[error("an ingress message may have at most {INGRESS_BYTES_MAX} bytes, not {0}")]
    IngressTooLarge(usize),
    /// No ingress message with this id was submitted, or its status has expired, or no block took the message
    /// before it expired.
    #[error(
        "there is no ingress message with this id: submit it first, and read its status within five minutes"
    )]
    NoSuchMessage,
    /// Only the sender of an ingress message may read its status.
    #[error("{NOT_THE_SENDER}")]
    NotTheSender,
    /// An awaited ingress message got no response within [`AWAIT_INGRESS_ROUNDS_MAX`] rounds.
    #[error(
        "the ingress message got no response within {AWAIT_INGRESS_ROUNDS_MAX} rounds: submit it without \
         awaiting it, then execute rounds and read its status in turn (`submit_call`, `tick` and \
         `ingress_status` of the pocket-ic crate)"
    )]
    NotAnswered,
    /// The responses do not fit the HTTP outcall.
    #[error(transparent)]
    Outcall(#[from] OutcallError),
}
