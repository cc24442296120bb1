//! The management canister: takes in calls and executes them, with one file for each subject.
//!
//! [`crate::ic00`] lists the methods and who may call them.
//!
//! Rules: `execution_environment.rs` and `canister_manager.rs` in the replica's repository.

mod access;
mod chunks;
mod code;
mod creation;
mod dispatch;
mod info;
mod lifecycle;
mod logs;
mod outcalls;
mod queue;
mod randomness;
mod settings;
mod snapshot_data;
mod snapshots;
mod status;
mod subnet;
mod waiting_modules;

use crate::canister::{Canister, Failure, Origin, ReceivedCall};
use crate::error::{ErrorCode, UserError};
use crate::ic00::{self, ManagementCall, Rules, Subject};
use crate::message::{CallHeader, Ingress, Request};
use crate::subnet::Subnet;
use crate::trace::Event;
use crate::types::{CanisterId, Cycles, MessageId, Payload};
use candid::{CandidType, Principal};
use serde::de::DeserializeOwned;

pub(super) use lifecycle::finish_stopping;
pub(super) use outcalls::Outcalls;
pub use outcalls::{NodeResponse, NodeResponses, OutcallError, OutcallRequest, Pricing, Transform};
pub(super) use queue::{CallQueues, CallSender};
use serde::{Deserialize, Serialize};

/// A call or query of the management canister.
#[derive(Debug, Serialize, Deserialize)]
struct Call {
    caller: Principal,
    by_canister: bool,
    method: ManagementCall,
    #[serde(with = "serde_bytes")]
    argument: Payload,
}

/// A call that waits to be executed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PendingCall {
    call: Call,
    received: ReceivedCall,
}

impl PendingCall {
    fn new(method: ManagementCall, argument: Payload, received: ReceivedCall) -> Self {
        let by_canister = matches!(received.origin, Origin::Canister(_));
        let call = Call { caller: received.origin.caller(), by_canister, method, argument };
        Self { call, received }
    }

    /// The request that made the call, with its cycles. `None` if a user made the call.
    pub(super) fn request(&self) -> Option<(&CallHeader, Cycles)> {
        match &self.received.origin {
            Origin::Canister(header) => Some((header, self.received.cycles)),
            _ => None,
        }
    }

    /// The ingress message that made the call. `None` if a canister made it.
    pub(super) fn message(&self) -> Option<MessageId> {
        match self.received.origin {
            Origin::Ingress { message, .. } => Some(message),
            _ => None,
        }
    }
}

impl Call {
    fn rules(&self) -> &'static Rules {
        self.method.rules
    }

    fn decode<T: CandidType + DeserializeOwned>(&self) -> Result<T, UserError> {
        ic00::decode(&self.argument)
    }
}

impl Subnet {
    /// Whether a management call of a user is accepted.
    pub(super) fn check_management_ingress(
        &self,
        ingress: &Ingress,
        call: &ManagementCall,
    ) -> Result<(), UserError> {
        let rules = call.rules;
        let by_canisters_only = || {
            UserError::new(
                ErrorCode::CanisterRejectedMessage,
                format!(
                    "Only canisters can call ic00 method {}. Users cannot call this method of the \
                     management canister",
                    rules.name
                ),
            )
        };
        let admins = &self.config.admins;
        if rules.by_admins {
            access::check_admin(admins, ingress.sender, by_canisters_only)?;
        } else if !rules.by_users {
            return Err(by_canisters_only());
        }
        if let Some(payer) = self.payer(ingress, call)? {
            let fee = self.prices.ingress(ingress.envelope_bytes);
            payer.check_can_pay(fee, self.prices, ingress.sender)?;
        }
        match call.subject.clone()? {
            Subject::Canister(id) => {
                access::check(self.existing(id)?, admins, rules.permitted, ingress.sender)
            }
            Subject::NewCanister(_) | Subject::Subnet(_) | Subject::Nothing => Ok(()),
        }
    }

    /// Takes in a management call of a user. The canister that the call is about pays for it.
    pub(super) fn induct_management_ingress(
        &mut self,
        ingress: Ingress,
        call: ManagementCall,
    ) -> Result<(), UserError> {
        if let Some(payer) = self.payer(&ingress, &call)?.map(|canister| canister.id) {
            self.charge_ingress(payer, ingress.id, ingress.sender, ingress.envelope_bytes)?;
        }
        let origin = Origin::Ingress { message: ingress.id, sender: ingress.sender, info: None };
        let received = ReceivedCall { origin, cycles: 0 };
        let sender = CallSender::User(call.canister());
        self.management_calls.push(sender, PendingCall::new(call, ingress.argument, received));
        Ok(())
    }

    /// The canister that pays for taking in a management call of a user, if there is one. Small calls of
    /// `update_settings` are paid for after their execution, so that a canister frozen by its settings
    /// can be unfrozen (`cycles_account_manager.rs`, `ingress_induction_cost`).
    pub(super) fn payer(
        &self,
        ingress: &Ingress,
        call: &ManagementCall,
    ) -> Result<Option<&Canister>, UserError> {
        if settings::is_paid_afterwards(call.rules.method, &ingress.argument) {
            return Ok(None);
        }
        call.canister().map(|id| self.existing(id)).transpose()
    }

    /// Takes in a management call of a canister.
    pub(super) fn induct_management_request(&mut self, request: Request) {
        self.trace.record(|| Event::Inducted { call: request.call() });
        let caller = request.header.caller;
        let sender = match self.canisters.contains_key(&caller) {
            true => CallSender::Local(caller),
            false => CallSender::Remote(caller),
        };
        let origin = Origin::Canister(request.header);
        let received = ReceivedCall { origin, cycles: request.content.cycles };
        match self.resolve_request(&request) {
            Ok(call) => {
                let argument = request.content.argument;
                self.management_calls.push(sender, PendingCall::new(call, argument, received));
            }
            Err(error) => self.respond(received.respond(Err(Failure::Error(error)))),
        }
    }

    /// Resolves a management call of a canister, if the canister may make it from its subnet.
    fn resolve_request(&self, request: &Request) -> Result<ManagementCall, UserError> {
        let caller = request.header.caller;
        let call = ManagementCall::resolve(&request.content.method, &request.content.argument)?;
        let rules = call.rules;
        if !rules.from_free_subnets && self.routes.is_on_free(caller) {
            return Err(UserError::new(
                ErrorCode::CanisterContractViolation,
                format!(
                    "{} can only be called by a canister on a subnet with a normal cost schedule",
                    rules.name
                ),
            ));
        }
        if rules.from_other_subnets || self.hosts(caller) || self.routes.is_on_root(caller) {
            return Ok(call);
        }
        Err(UserError::new(
            ErrorCode::CanisterContractViolation,
            format!(
                "Incorrect sender subnet id: canister {} calls {} of subnet {}, but should be on the \
                 same subnet or on the root subnet",
                caller, rules.name, self.config.id
            ),
        ))
    }

    /// The canister with this id, if it exists and the caller may call the method about it.
    fn authorized_canister(
        &mut self,
        call: &Call,
        id: CanisterId,
    ) -> Result<&mut Canister, UserError> {
        // With a full stop, unlike the texts of calls and queries to canisters that do not exist. Programs compare the text
        // (`execution_environment.rs`, `deposit_cycles`).
        let missing =
            || UserError::new(ErrorCode::CanisterNotFound, format!("Canister {id} not found."));
        let canister = self.canisters.get_mut(&id).ok_or_else(missing)?;
        access::check(canister, &self.config.admins, call.rules().permitted, call.caller)?;
        Ok(canister)
    }
}
