//! Calls from outside: where they go, and what comes of them.

use crate::canister::{Failure, Query};
use crate::error::{ErrorCode, UserError};
use crate::ic00::{effective_canister, is_creation};
use crate::instance::{Instance, InstanceError};
use crate::limits::*;
use crate::message::{CallerInfo, Ingress};
use crate::subnet::{IngressState, Subnet};
use crate::types::*;
use candid::Principal;
use sha2::{Digest, Sha256};
use std::sync::Arc;

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
    /// Who calls: for agents' requests checked by the server, for other clients' as they say.
    pub sender: Principal,
    /// What a canister says of them.
    pub caller_info: Option<Arc<CallerInfo>>,
    /// Who is called; the management canister's principal for management calls.
    pub canister: CanisterId,
    /// Where it is sent.
    pub effective: EffectivePrincipal,
    /// The method.
    pub method: String,
    /// Its argument.
    pub argument: Payload,
}

impl Instance {
    /// Submits an ingress message for the next round. The inner error is the network's own: it did
    /// not let the message in.
    ///
    /// A canister that is to be created with the id of one on the mainnet, which no subnet hosts,
    /// gets a subnet.
    pub fn submit(
        &mut self,
        call: CanisterCall,
    ) -> Result<Result<MessageId, UserError>, InstanceError> {
        self.messages += 1;
        let id = message_id(self.messages, &call);
        let expiry = self.network.time().plus_secs(INGRESS_LIFETIME_SECONDS);
        Ok(self.submit_as(id, expiry, call)?.map(|()| id))
    }

    /// Submits an ingress message that has an id and an expiry.
    pub(super) fn submit_as(
        &mut self,
        id: MessageId,
        expiry: Time,
        call: CanisterCall,
    ) -> Result<Result<(), UserError>, InstanceError> {
        let route = match self.route(&call) {
            Err(InstanceError::NoSubnetHosts(canister)) if is_provisional_creation(&call) => {
                // On a live network, which has stand-ins, anybody could go on and on.
                if self.standins.is_some() {
                    return Err(InstanceError::SubnetsFixed(canister));
                }
                self.add_subnet_hosting(canister)?;
                self.route(&call)?
            }
            route => route?,
        };
        let subnet = match route {
            Ok(subnet) => subnet,
            Err(error) => return Ok(Err(error)),
        };
        let is_for_standins = self.is_for_standins(&call);
        let is_management = call.canister.is_management();
        let ingress = Ingress {
            id,
            sender: call.sender,
            caller_info: call.caller_info,
            receiver: call.canister,
            effective_canister: (is_management && !is_creation(&call.method))
                .then(|| effective_canister(&call.method, &call.argument))
                .flatten(),
            method: call.method,
            argument: call.argument,
            expiry,
        };
        let bytes = ingress.envelope_bytes();
        if bytes > INGRESS_BYTES_MAX {
            return Err(InstanceError::IngressTooLarge(bytes));
        }
        if is_for_standins {
            self.submit_to_standins(subnet, ingress);
            return Ok(Ok(()));
        }
        let subnet = self.network.subnet_mut(subnet).expect("routes lead to subnets");
        Ok(subnet.submit(ingress))
    }

    /// The answer to an ingress message; nothing, as long as there is none. With a `caller`, only
    /// the message's sender may see it.
    pub fn ingress_status(
        &self,
        message: MessageId,
        caller: Option<Principal>,
    ) -> Result<Option<Result<Payload, Failure>>, InstanceError> {
        for subnet in self.network.subnets() {
            let Some(record) = subnet.ingress_record(message) else { continue };
            if caller.is_some_and(|caller| caller != record.sender) {
                return Err(InstanceError::NotTheSender);
            }
            return Ok(match &record.state {
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
        if !self.knows(message) {
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

    /// Whether there is, or was not long ago, a message with this id.
    pub(super) fn knows(&self, message: MessageId) -> bool {
        let knows = |subnet: &Subnet| {
            subnet.has_pooled(message) || subnet.ingress_record(message).is_some()
        };
        let waits = self.standins.as_ref().is_some_and(|standins| standins.has_waiting(message));
        waits || self.network.subnets().any(knows)
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
        if let Some(answer) = self.query_standin(&call) {
            return Ok(answer);
        }
        let subnet = match self.route(&call)? {
            Ok(subnet) => subnet,
            Err(error) => return Ok(Err(Failure::Error(error))),
        };
        let data_certificate = self.data_certificate(call.canister);
        let subnet = self.network.subnet_mut(subnet).expect("routes lead to subnets");
        Ok(match call.canister.is_management() {
            true => {
                let result = subnet.query_management(call.sender, &call.method, call.argument);
                result.map_err(Failure::Error)
            }
            false => {
                let CanisterCall { sender: caller, caller_info, method, argument, .. } = call;
                let query = Query { caller, caller_info, method, argument, data_certificate };
                subnet.query(call.canister, query)
            }
        })
    }

    /// The subnet a call goes to; the inner error is the network's own.
    pub(super) fn route(
        &self,
        call: &CanisterCall,
    ) -> Result<Result<SubnetId, UserError>, InstanceError> {
        let of_canister = |canister: CanisterId| {
            self.network.subnet_of(canister).ok_or(InstanceError::NoSubnetHosts(canister))
        };
        if !call.canister.is_management() {
            return of_canister(call.canister).map(Ok);
        }
        let named = effective_canister(&call.method, &call.argument);
        match (call.effective, named) {
            (EffectivePrincipal::Subnet(subnet), _) => match self.network.subnet(subnet) {
                Some(_) => Ok(subnet),
                None => Err(InstanceError::NoSuchSubnet(subnet)),
            },
            (EffectivePrincipal::Canister(canister), _) if !canister.is_management() => {
                of_canister(canister)
            }
            (_, Some(canister)) => of_canister(canister),
            (_, None) if is_creation(&call.method) => of_canister(self.default_canister),
            (_, None) => {
                return Ok(Err(UserError::new(
                    ErrorCode::InvalidManagementPayload,
                    format!("The argument of '{}' names no canister", call.method),
                )));
            }
        }
        .map(Ok)
    }
}

/// Whether a call is a user's who creates a canister.
fn is_provisional_creation(call: &CanisterCall) -> bool {
    call.canister.is_management() && call.method == "provisional_create_canister_with_cycles"
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
