//! Calls of clients: submitting update calls, reading their status, and executing queries.

use crate::canister::{Failure, Query};
use crate::error::UserError;
use crate::fake_canisters::FakeCanisters;
use crate::ic00::is_provisional_creation;
use crate::instance::destination::{Destination, Resolved};
use crate::instance::envelope::{Authentication, envelope_bytes};
use crate::instance::{EffectivePrincipal, Instance, InstanceError};
use crate::limits::*;
use crate::message::{CallerInfo, Ingress};
use crate::subnet::{IngressState, Subnet};
use crate::types::*;
use candid::Principal;
use ic_transport_types::EnvelopeContent;
use std::sync::Arc;

/// A call of a client: an update call or a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanisterCall {
    /// The sender. The server has verified the sender of an agent's request; other clients may name any
    /// sender.
    pub sender: Principal,
    /// Information about the sender, signed by a canister.
    pub caller_info: Option<Arc<CallerInfo>>,
    /// The canister that is called. It may be the management canister.
    pub canister: CanisterId,
    /// The subnet or the canister that the call is sent to.
    pub effective_principal: EffectivePrincipal,
    /// The name of the method.
    pub method: String,
    /// The argument, as bytes.
    pub argument: Payload,
}

#[cfg(test)]
impl CanisterCall {
    /// A call of the anonymous sender, sent to no particular subnet.
    pub(crate) fn anonymous(
        canister: CanisterId,
        method: &str,
        argument: impl Into<Payload>,
    ) -> Self {
        Self {
            sender: Principal::anonymous(),
            caller_info: None,
            canister,
            effective_principal: EffectivePrincipal::None,
            method: method.into(),
            argument: argument.into(),
        }
    }
}

/// What identifies and authenticates an ingress message, besides the call itself.
#[derive(Debug)]
pub struct Submission {
    /// The id of the message.
    pub id: MessageId,
    /// The time at which the message expires.
    pub expiry: Time,
    /// The other parts of its envelope.
    pub authentication: Authentication,
}

impl Instance {
    /// Submits an ingress message, which the next round executes, and returns its id. The inner error is
    /// the reject of a subnet that does not accept the message.
    ///
    /// If the message creates a canister with an id of the mainnet that no subnet hosts, the subnet of
    /// that id is added to the network.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::NoSubnetHosts`] if no subnet hosts the canister.
    /// - [`InstanceError::NoSuchSubnet`] if there is no such subnet.
    /// - [`InstanceError::NotOnMainnet`], [`InstanceError::SubnetMissing`], [`InstanceError::SubnetsFixed`] or
    ///   [`InstanceError::TooManySubnets`] if a subnet cannot be added.
    /// - [`InstanceError::IngressTooLarge`] if the message is too large.
    pub fn submit(
        &mut self,
        call: CanisterCall,
    ) -> Result<Result<MessageId, UserError>, InstanceError> {
        let destination = match self.find_or_add_subnet(&call, Resolved::new(&call))? {
            Ok(destination) => destination,
            Err(error) => return Ok(Err(error)),
        };
        let expiry = self.network.time().plus_secs(INGRESS_LIFETIME_SECONDS_MAX);
        let subnet = self.network.subnet_mut(destination.subnet).expect("routes lead to subnets");
        let nonce = subnet.next_nonce();
        let id = message_id(&call, expiry, nonce);
        let authentication = Authentication::unsigned(nonce);
        let submission = Submission { id, expiry, authentication };
        Ok(self.submit_to(destination, submission, call)?.map(|()| id))
    }

    /// Finds the subnet that a resolved call goes to. Adds this subnet if the call creates a canister with
    /// an id of the mainnet that no subnet hosts.
    pub(super) fn find_or_add_subnet(
        &mut self,
        call: &CanisterCall,
        resolved: Resolved,
    ) -> Result<Result<Destination, UserError>, InstanceError> {
        match self.find_subnet(call, resolved.clone()) {
            Err(InstanceError::NoSubnetHosts(canister))
                if is_provisional_creation(call.canister, &call.method) =>
            {
                // On a network with fake canisters, users could add subnets without end.
                if self.fake_canisters.is_some() {
                    return Err(InstanceError::SubnetsFixed(canister));
                }
                self.add_subnet_hosting(canister)?;
                self.find_subnet(call, resolved)
            }
            found => found,
        }
    }

    /// Submits an ingress message. The inner error is the reject of a subnet that does not accept the
    /// message.
    pub(super) fn submit_to(
        &mut self,
        destination: Destination,
        submission: Submission,
        call: CanisterCall,
    ) -> Result<Result<(), UserError>, InstanceError> {
        let is_for_fake_canisters = self.is_for_fake_canisters(&call, &destination);
        let Destination { subnet, management, .. } = destination;
        let (management, unknown) = match management.transpose() {
            Ok(management) => (management, None),
            Err(error) => (None, Some(error)),
        };
        let Submission { id, expiry, authentication } = submission;
        let envelope_bytes = envelope_bytes(&call, expiry, &authentication);
        let CanisterCall { sender, caller_info, canister: receiver, method, argument, .. } = call;
        let ingress = Ingress {
            id,
            sender,
            caller_info,
            receiver,
            management,
            method,
            argument,
            expiry,
            envelope_bytes,
        };
        let bytes = ingress.counted_bytes();
        if bytes > INGRESS_BYTES_MAX {
            return Err(InstanceError::IngressTooLarge(bytes));
        }
        if let Some(error) = unknown {
            return Ok(Err(error));
        }
        if self.fake_canisters.is_some()
            && let Err(error) = FakeCanisters::check_no_migration(&ingress)
        {
            return Ok(Err(error));
        }
        if is_for_fake_canisters {
            self.submit_to_fake_canisters(subnet, ingress);
            return Ok(Ok(()));
        }
        let now = self.network.time();
        let subnet = self.network.subnet_mut(subnet).expect("routes lead to subnets");
        Ok(subnet.submit(ingress, now))
    }

    /// The response to an ingress message; `None` until there is a response, or if there is no such
    /// message.
    ///
    /// # Errors
    ///
    /// [`InstanceError::NotTheSender`] if a `caller` is given and is not the sender of the message.
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

    /// Executes rounds until an ingress message has a response, [`AWAIT_INGRESS_ROUNDS_MAX`] at most.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::NoSuchMessage`] if there is no such message.
    /// - [`InstanceError::NotAnswered`] if it has no response after these rounds: call
    ///   [`Self::tick`] and [`Self::ingress_status`] in turn instead.
    pub fn await_ingress(
        &mut self,
        message: MessageId,
    ) -> Result<Result<Payload, Failure>, InstanceError> {
        self.check_submitted(message)?;
        for _ in 0..AWAIT_INGRESS_ROUNDS_MAX {
            if let Some(result) = self.await_round(message)? {
                return Ok(result);
            }
        }
        Err(InstanceError::NotAnswered)
    }

    /// Checks that an ingress message was submitted.
    ///
    /// # Errors
    ///
    /// [`InstanceError::NoSuchMessage`] if there is no such message.
    pub fn check_submitted(&self, message: MessageId) -> Result<(), InstanceError> {
        if self.knows(message) { Ok(()) } else { Err(InstanceError::NoSuchMessage) }
    }

    /// The response to an ingress message. If there is none yet, executes a round and returns `None`.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::ingress_status`].
    pub fn await_round(
        &mut self,
        message: MessageId,
    ) -> Result<Option<Result<Payload, Failure>>, InstanceError> {
        let result = self.ingress_status(message, None)?;
        if result.is_none() {
            self.tick();
        }
        Ok(result)
    }

    /// Whether a message with this id waits, is being executed, or has a status that has not expired.
    pub(super) fn knows(&self, message: MessageId) -> bool {
        let knows = |subnet: &Subnet| {
            subnet.has_pooled(message) || subnet.ingress_record(message).is_some()
        };
        let waits = self
            .fake_canisters
            .as_ref()
            .is_some_and(|fake_canisters| fake_canisters.has_waiting(message));
        waits || self.network.subnets().any(knows)
    }

    /// Submits an ingress message and executes rounds until it has a response.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::submit`] and [`Self::await_ingress`].
    pub fn update(
        &mut self,
        call: CanisterCall,
    ) -> Result<Result<Payload, Failure>, InstanceError> {
        match self.submit(call)? {
            Ok(message) => self.await_ingress(message),
            Err(error) => Ok(Err(Failure::Error(error))),
        }
    }

    /// Executes a query on the current state.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::NoSubnetHosts`] if no subnet hosts the canister.
    /// - [`InstanceError::NoSuchSubnet`] if there is no such subnet.
    pub fn query(&mut self, call: CanisterCall) -> Result<Result<Payload, Failure>, InstanceError> {
        if let Some(answer) = self.query_fake_canister(&call) {
            return Ok(answer);
        }
        match self.resolve(&call)? {
            Ok(destination) => Ok(self.query_at(destination, call)),
            Err(error) => Ok(Err(Failure::Error(error))),
        }
    }

    /// Executes a query with a known destination, which is not a fake canister.
    pub(super) fn query_at(
        &mut self,
        destination: Destination,
        call: CanisterCall,
    ) -> Result<Payload, Failure> {
        let data_certificate = self.data_certificate(call.canister);
        let subnet = self.network.subnet_mut(destination.subnet).expect("routes lead to subnets");
        let CanisterCall { sender: caller, caller_info, canister, method, argument, .. } = call;
        match destination.management {
            Some(management) => subnet
                .query_management(caller, &method, management.ok(), argument)
                .0
                .map_err(Failure::Error),
            None => {
                let query = Query { caller, caller_info, method, argument, data_certificate };
                subnet.query(canister, query)
            }
        }
    }
}

/// The id of a message of a client that is not an agent: the request id of an agent's call with this expiry
/// and this nonce. The nonce is a number in 8 bytes, little-endian. So messages have the same ids, and the
/// same order in a block, as on PocketIC's server (`state_machine_tests/src/lib.rs`, `ingress_message`).
fn message_id(call: &CanisterCall, expiry: Time, nonce: u64) -> MessageId {
    let content = EnvelopeContent::Call {
        nonce: Some(nonce.to_le_bytes().to_vec()),
        ingress_expiry: expiry.as_nanos(),
        sender: call.sender,
        canister_id: call.canister.principal(),
        method_name: call.method.clone(),
        arg: call.argument.clone(),
        sender_info: None,
    };
    MessageId(*content.to_request_id())
}

#[cfg(test)]
mod tests;
