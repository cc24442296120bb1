//! The management canister: takes calls in, carries them out, one file for each subject.
//!
//! Which methods there are and who may call them stands in [`crate::ic00`]. Behaviour:
//! `execution_environment.rs` and `canister_manager.rs` in the replica's repository.

mod access;
mod chunks;
mod code;
mod creation;
mod dispatch;
mod info;
mod lifecycle;
mod logs;
mod outcalls;
mod randomness;
mod settings;
mod snapshot_data;
mod snapshots;
mod status;
mod subnet;

use crate::canister::{Answer, Canister, Failure, Origin};
use crate::error::{ErrorCode, UserError};
use crate::ic00::{self, Rules};
use crate::message::{Ingress, Request};
use crate::subnet::Subnet;
use crate::trace::Event;
use crate::types::{CanisterId, Cycles, Payload};
use candid::{CandidType, Principal};
use serde::de::DeserializeOwned;

pub(super) use lifecycle::finish_stopping;
pub(super) use outcalls::Outcalls;
pub use outcalls::{NodeResponse, NodeResponses, OutcallError, OutcallRequest, Pricing, Transform};
pub(super) use randomness::Asker;

/// A call of the management canister, or a query.
#[derive(Debug)]
struct Call {
    caller: Principal,
    by_canister: bool,
    rules: &'static Rules,
    argument: Payload,
}

/// A call, waiting to be executed and answered.
#[derive(Debug)]
pub(super) struct PendingCall {
    call: Call,
    origin: Origin,
    /// Cycles attached. What is left of them goes back with the answer.
    cycles: Cycles,
}

impl PendingCall {
    fn new(rules: &'static Rules, argument: Payload, origin: Origin, cycles: Cycles) -> Self {
        let by_canister = matches!(origin, Origin::Canister { .. });
        let call = Call { caller: origin.caller(), by_canister, rules, argument };
        Self { call, origin, cycles }
    }
}

impl Call {
    fn decode<T: CandidType + DeserializeOwned>(&self) -> Result<T, UserError> {
        ic00::decode(&self.argument)
    }
}

impl Subnet {
    /// Whether a management call is let in from outside.
    pub(super) fn check_management_ingress(&self, ingress: &Ingress) -> Result<(), UserError> {
        let rules = Rules::named(&ingress.method)?;
        let by_canisters_only = || {
            UserError::new(
                ErrorCode::CanisterRejectedMessage,
                format!(
                    "Users cannot call {} of the management canister: it can be called only by a canister",
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
        if let Some(payer) = self.payer(ingress)? {
            payer.check_can_pay(self.prices.ingress(ingress.envelope_bytes()), self.prices)?;
        }
        match rules.subject(&ingress.argument)? {
            ic00::Subject::Canister(id) => {
                access::check(self.existing(id)?, admins, rules.permitted, ingress.sender)
            }
            _ => Ok(()),
        }
    }

    /// Takes in a management call from a user, for which the canister it is about pays.
    pub(super) fn induct_management_ingress(&mut self, ingress: Ingress) -> Result<(), UserError> {
        let rules = Rules::named(&ingress.method)?;
        if let Some(payer) = self.payer(&ingress)?.map(|canister| canister.id) {
            self.charge_ingress(payer, ingress.id, ingress.envelope_bytes())?;
        }
        let origin = Origin::Ingress { message: ingress.id, sender: ingress.sender, info: None };
        self.management_calls.push_back(PendingCall::new(rules, ingress.argument, origin, 0));
        Ok(())
    }

    /// The canister that pays for taking in a management call from a user, if one does. Small calls
    /// of `update_settings` are paid for afterwards, so that a canister frozen by its settings can
    /// be freed (`cycles_account_manager.rs`, `ingress_induction_cost`).
    fn payer(&self, ingress: &Ingress) -> Result<Option<&Canister>, UserError> {
        if settings::is_paid_afterwards(&ingress.method, &ingress.argument) {
            return Ok(None);
        }
        ingress.effective_canister.map(|id| self.existing(id)).transpose()
    }

    /// Takes in a management call from a canister.
    pub(super) fn induct_management_request(&mut self, request: Request) {
        self.trace.record(|| Event::Inducted { call: request.call() });
        let origin = Origin::Canister {
            sender: request.sender,
            receiver: request.receiver,
            callback: request.callback,
            deadline: request.deadline,
        };
        match self.admitted(&request) {
            Ok(rules) => self.management_calls.push_back(PendingCall::new(
                rules,
                request.argument,
                origin,
                request.cycles,
            )),
            Err(error) => {
                let result = Err(Failure::Error(error));
                self.answer(Answer { origin, result, refund: request.cycles });
            }
        }
    }

    /// The rules of the method that a canister calls, if it may from where it is.
    fn admitted(&self, request: &Request) -> Result<&'static Rules, UserError> {
        let rules = Rules::named(&request.method)?;
        if !rules.from_free_subnets && self.routes.is_on_free(request.sender) {
            return Err(UserError::new(
                ErrorCode::CanisterContractViolation,
                format!(
                    "{} can only be called by a canister on a subnet with a normal cost schedule",
                    rules.name
                ),
            ));
        }
        if rules.from_other_subnets
            || self.hosts(request.sender)
            || self.routes.is_on_nns(request.sender)
        {
            return Ok(rules);
        }
        Err(UserError::new(
            ErrorCode::CanisterContractViolation,
            format!(
                "Incorrect sender subnet id: canister {} calls {} of subnet {}, but should be on the \
                 same subnet or on the NNS subnet",
                request.sender, rules.name, self.config.id
            ),
        ))
    }

    /// The canister of this id, if the caller may call the method about it.
    fn addressed(&mut self, call: &Call, id: CanisterId) -> Result<&mut Canister, UserError> {
        let canister =
            self.canisters.get_mut(&id).ok_or_else(|| UserError::canister_not_found(id))?;
        access::check(canister, &self.config.admins, call.rules.permitted, call.caller)?;
        Ok(canister)
    }
}
