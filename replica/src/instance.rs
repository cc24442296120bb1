//! A whole network as one value: the in-process interface of the replica.
//!
//! Everything a client can do goes through here, whether it comes over HTTP or from the same
//! process. Nothing happens by itself: time and rounds move when they are told to.

use crate::canister::{Canister, Failure};
use crate::cycles::Prices;
use crate::error::{ErrorCode, UserError};
use crate::limits::*;
use crate::message::Ingress;
use crate::network::{Network, NetworkProfile};
use crate::subnet::{IngressState, Subnet, SubnetConfig, effective_canister, is_creation};
use crate::topology::{Place, SubnetKind, SubnetRequest, nth_canister, places};
use crate::types::*;
use candid::Principal;
use sha2::{Digest, Sha256};

/// What a network is made of.
#[derive(Clone, Debug)]
pub struct InstanceConfig {
    /// Its subnets; at least one.
    pub subnets: Vec<SubnetRequest>,
    /// How rounds relate to time.
    pub profile: NetworkProfile,
    /// When it begins; not before [`Time::GENESIS`].
    pub initial_time: Time,
}

impl InstanceConfig {
    /// A network of this many application subnets, with PocketIC's profile and start time.
    pub fn with_application_subnets(count: usize) -> Self {
        let application =
            SubnetRequest { kind: SubnetKind::Application, free: false, benchmarking: false };
        Self {
            subnets: vec![application; count],
            profile: NetworkProfile::POCKET_IC,
            initial_time: Time::GENESIS,
        }
    }
}

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
    /// An id no subnet has.
    #[error("there is no subnet {0}")]
    NoSuchSubnet(SubnetId),
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
    /// More cycles than a balance can hold.
    #[error("a balance of cycles must stay below 2^128")]
    TooManyCycles,
}

/// Where a call is sent, for calls that do not say it themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectivePrincipal {
    /// Nowhere in particular.
    None,
    /// To a subnet.
    Subnet(SubnetId),
    /// To the subnet of a canister.
    Canister(CanisterId),
}

/// A call from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanisterCall {
    /// Who calls. Nobody checks.
    pub sender: Principal,
    /// Who is called; the management canister's principal for management calls.
    pub canister: CanisterId,
    /// Where it is sent.
    pub effective: EffectivePrincipal,
    /// The method.
    pub method: String,
    /// Its argument.
    pub argument: Payload,
}

/// A subnet as the topology shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetInfo {
    /// What was asked for.
    pub request: SubnetRequest,
    /// Where it is.
    pub place: Place,
}

/// A network.
///
/// ```
/// use embedded_replica::instance::{Instance, InstanceConfig};
///
/// let mut instance = Instance::new(InstanceConfig::with_application_subnets(2))?;
/// let before = instance.time();
/// instance.tick();
/// assert_eq!(instance.time().nanos_since(before), 1);
/// # Ok::<(), embedded_replica::instance::InstanceError>(())
/// ```
#[derive(Debug)]
pub struct Instance {
    network: Network,
    subnets: Vec<SubnetInfo>,
    messages: u64,
}

impl Instance {
    /// Makes a network.
    pub fn new(config: InstanceConfig) -> Result<Self, InstanceError> {
        if config.subnets.is_empty() {
            return Err(InstanceError::NoSubnets);
        }
        check_time(Time::GENESIS, config.initial_time)?;
        let kinds: Vec<SubnetKind> = config.subnets.iter().map(|subnet| subnet.kind).collect();
        let places = places(&kinds);
        check_distinct(&kinds, &places)?;
        let subnets: Vec<SubnetInfo> = config
            .subnets
            .into_iter()
            .zip(places)
            .map(|(request, place)| SubnetInfo { request, place })
            .collect();
        let members =
            subnets.iter().map(|info| Subnet::new(subnet_config(info), config.initial_time));
        let network = Network::new(config.profile, members.collect(), config.initial_time);
        Ok(Self { network, subnets, messages: 0 })
    }

    /// Its subnets, in the order they were asked for.
    pub fn subnets(&self) -> &[SubnetInfo] {
        &self.subnets
    }

    /// The canister id that stands for the subnet where things happen unless they are sent
    /// elsewhere: the first of the first application subnet, or else of the first subnet.
    pub fn default_effective_canister(&self) -> CanisterId {
        let ranges = &self.default_subnet().place.canister_ranges;
        nth_canister(ranges, 0).expect("subnets host canisters")
    }

    fn default_subnet(&self) -> &SubnetInfo {
        let application =
            self.subnets.iter().find(|info| info.request.kind == SubnetKind::Application);
        application.unwrap_or(&self.subnets[0])
    }

    /// The network, to be looked at.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The time it is.
    pub fn time(&self) -> Time {
        self.network.time()
    }

    /// Sets the time, which cannot go back.
    pub fn set_time(&mut self, time: Time) -> Result<(), InstanceError> {
        check_time(self.network.time(), time)?;
        self.network.set_time(time);
        Ok(())
    }

    /// Executes one round on every subnet.
    pub fn tick(&mut self) {
        self.network.tick();
    }

    /// Submits an ingress message for the next round. The inner error is the network's own: it did
    /// not let the message in.
    pub fn submit(
        &mut self,
        call: CanisterCall,
    ) -> Result<Result<MessageId, UserError>, InstanceError> {
        let subnet = match self.route(&call)? {
            Ok(subnet) => subnet,
            Err(error) => return Ok(Err(error)),
        };
        self.messages += 1;
        let is_management = call.canister == CanisterId::management_canister();
        let ingress = Ingress {
            id: message_id(self.messages, &call),
            sender: call.sender,
            receiver: call.canister,
            effective_canister: (is_management && !is_creation(&call.method))
                .then(|| effective_canister(&call.method, &call.argument))
                .flatten(),
            method: call.method,
            argument: call.argument,
            expiry: self.network.time().plus_secs(INGRESS_LIFETIME_SECONDS),
        };
        let bytes = ingress.envelope_bytes();
        if bytes > INGRESS_BYTES_MAX {
            return Err(InstanceError::IngressTooLarge(bytes));
        }
        let id = ingress.id;
        let subnet = self.network.subnet_mut(subnet).expect("routes lead to subnets");
        Ok(subnet.submit(ingress).map(|()| id))
    }

    /// The answer to an ingress message; nothing, as long as there is none. With a `caller`, only
    /// the message's sender may see it.
    pub fn ingress_status(
        &self,
        message: MessageId,
        caller: Option<Principal>,
    ) -> Result<Option<Result<Payload, Failure>>, InstanceError> {
        for subnet in self.network.subnets() {
            let Some((sender, state)) = subnet.ingress_state(message) else { continue };
            if caller.is_some_and(|caller| caller != sender) {
                return Err(InstanceError::NotTheSender);
            }
            return Ok(match state {
                IngressState::Done(result) => Some(result.clone()),
                IngressState::Received | IngressState::Processing => None,
            });
        }
        Ok(None)
    }

    /// Ticks until an ingress message is answered, a hundred times at most.
    pub fn await_ingress(
        &mut self,
        message: MessageId,
    ) -> Result<Result<Payload, Failure>, InstanceError> {
        let known =
            |subnet: &Subnet| subnet.has_pooled(message) || subnet.ingress_state(message).is_some();
        if !self.network.subnets().any(known) {
            return Err(InstanceError::NoSuchMessage);
        }
        for _ in 0..AWAIT_INGRESS_ROUNDS_MAX {
            if let Some(result) = self.ingress_status(message, None)? {
                return Ok(result);
            }
            self.tick();
        }
        Err(InstanceError::NotAnswered)
    }

    /// Submits an ingress message and awaits its answer.
    pub fn update(
        &mut self,
        call: CanisterCall,
    ) -> Result<Result<Payload, Failure>, InstanceError> {
        match self.submit(call)? {
            Ok(message) => self.await_ingress(message),
            Err(error) => Ok(Err(Failure::Error(error))),
        }
    }

    /// Answers a query on the state as it is.
    pub fn query(&mut self, call: CanisterCall) -> Result<Result<Payload, Failure>, InstanceError> {
        if call.canister == CanisterId::management_canister() {
            return Ok(Err(Failure::Error(UserError::new(
                ErrorCode::UnknownManagementMessage,
                format!("The management canister has no query '{}' in this replica", call.method),
            ))));
        }
        let subnet = match self.route(&call)? {
            Ok(subnet) => subnet,
            Err(error) => return Ok(Err(Failure::Error(error))),
        };
        let subnet = self.network.subnet_mut(subnet).expect("routes lead to subnets");
        Ok(subnet.query(call.sender, call.canister, &call.method, call.argument))
    }

    /// A canister, to be looked at.
    pub fn canister(&self, id: CanisterId) -> Option<&Canister> {
        self.network.subnet(self.network.subnet_of(id)?)?.canister(id)
    }

    /// The subnet that has a canister of this id; none, when there is no such canister.
    pub fn subnet_with(&self, id: CanisterId) -> Option<SubnetId> {
        self.canister(id).and(self.network.subnet_of(id))
    }

    /// A canister's cycles.
    pub fn cycles(&self, id: CanisterId) -> Result<Cycles, InstanceError> {
        let canister = self.canister(id).ok_or(InstanceError::NoSuchCanister(id))?;
        Ok(canister.balance)
    }

    /// Adds cycles to a canister out of nothing and returns what it has then.
    pub fn add_cycles(
        &mut self,
        canister: CanisterId,
        amount: Cycles,
    ) -> Result<Cycles, InstanceError> {
        let missing = InstanceError::NoSuchCanister(canister);
        let subnet = self.network.subnet_of(canister).ok_or(missing.clone())?;
        let subnet = self.network.subnet_mut(subnet).expect("routes lead to subnets");
        let canister = subnet.canister_mut(canister).ok_or(missing)?;
        let balance = canister.balance.checked_add(amount).ok_or(InstanceError::TooManyCycles)?;
        canister.balance = balance;
        Ok(balance)
    }

    /// The subnet a call goes to; the inner error is the network's own.
    fn route(&self, call: &CanisterCall) -> Result<Result<SubnetId, UserError>, InstanceError> {
        let of_canister = |canister: CanisterId| {
            self.network.subnet_of(canister).ok_or_else(|| {
                let text = format!("Canister {canister} does not belong to any subnet");
                UserError::new(ErrorCode::CanisterNotFound, text)
            })
        };
        if call.canister != CanisterId::management_canister() {
            return Ok(of_canister(call.canister));
        }
        let named = effective_canister(&call.method, &call.argument);
        Ok(match (call.effective, named) {
            (EffectivePrincipal::Subnet(subnet), _) => match self.network.subnet(subnet) {
                Some(_) => Ok(subnet),
                None => return Err(InstanceError::NoSuchSubnet(subnet)),
            },
            (EffectivePrincipal::Canister(canister), _)
                if canister != CanisterId::management_canister() =>
            {
                of_canister(canister)
            }
            (_, Some(canister)) => of_canister(canister),
            (_, None) if is_creation(&call.method) => Ok(self.default_subnet().place.id),
            (_, None) => Err(UserError::new(
                ErrorCode::InvalidManagementPayload,
                format!("The argument of '{}' names no canister", call.method),
            )),
        })
    }
}

fn check_time(now: Time, asked: Time) -> Result<(), InstanceError> {
    if asked < now { Err(InstanceError::TimeInPast { now, asked }) } else { Ok(()) }
}

/// Fails when two subnets would host the same canisters, as two of a kind with a place of its own
/// on the mainnet would.
fn check_distinct(kinds: &[SubnetKind], places: &[Place]) -> Result<(), InstanceError> {
    let mut taken = std::collections::BTreeSet::new();
    for (kind, place) in kinds.iter().zip(places) {
        if !taken.insert(place.canister_ranges[0]) {
            return Err(InstanceError::SubnetTwice(*kind));
        }
    }
    Ok(())
}

fn subnet_config(info: &SubnetInfo) -> SubnetConfig {
    let SubnetRequest { kind, free, benchmarking } = info.request;
    SubnetConfig {
        id: info.place.id,
        nodes: kind.nodes(),
        free: free || kind.is_free(),
        benchmarking,
        canister_ranges: info.place.canister_ranges.clone(),
    }
}

impl SubnetInfo {
    /// The subnet's prices.
    pub fn prices(&self) -> Prices {
        let config = subnet_config(self);
        Prices::new(config.nodes, config.free)
    }
}

/// An id for the n-th message of an instance.
fn message_id(n: u64, call: &CanisterCall) -> MessageId {
    let mut hash = Sha256::new();
    hash.update(n.to_be_bytes());
    for part in
        [call.sender.as_slice(), call.canister.as_slice(), call.method.as_bytes(), &call.argument]
    {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    MessageId(hash.finalize().into())
}
