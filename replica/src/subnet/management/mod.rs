//! The management canister: takes calls in, carries them out, one file for each subject.
//!
//! Which methods there are and who may call them stands in [`crate::ic00`]. Behaviour:
//! `execution_environment.rs` and `canister_manager.rs` in the replica's repository.

mod access;
mod chunks;
mod code;
mod creation;
mod lifecycle;
mod settings;
mod status;

use crate::canister::{Answer, Canister, Failure, Origin};
use crate::error::{ErrorCode, UserError};
use crate::ic00::{self, Method, Rules, empty_reply};
use crate::message::{Ingress, Request};
use crate::subnet::Subnet;
use crate::trace::{Event, Work};
use crate::types::{CanisterId, Cycles, Instructions, Payload};
use candid::{CandidType, Principal};
use serde::de::DeserializeOwned;

pub(super) use lifecycle::finish_stopping;

/// A call of the management canister, or a query.
#[derive(Debug)]
struct Call {
    caller: Principal,
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
        Self { call: Call { caller: origin.caller(), rules, argument }, origin, cycles }
    }
}

impl Call {
    fn decode<T: CandidType + DeserializeOwned>(&self) -> Result<T, UserError> {
        ic00::decode(&self.argument)
    }
}

/// What a method comes to: a reply now, or none yet.
enum Reply {
    Now(Payload),
    Later,
}

impl Subnet {
    /// Whether a management call is let in from outside.
    pub(super) fn check_management_ingress(&self, ingress: &Ingress) -> Result<(), UserError> {
        let rules = Rules::named(&ingress.method)?;
        if !rules.by_users {
            return Err(UserError::new(
                ErrorCode::CanisterRejectedMessage,
                format!("ic00 method {} can be called only by a canister", rules.name),
            ));
        }
        if let Some(payer) = self.payer(ingress)? {
            payer.check_can_pay(self.prices.ingress(ingress.envelope_bytes()), self.prices)?;
        }
        match rules.subject(&ingress.argument)? {
            ic00::Subject::Canister(id) => {
                access::check(self.existing(id)?, rules.permitted, ingress.sender)
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
        let origin = Origin::Ingress { message: ingress.id, sender: ingress.sender };
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
        self.trace.tell(|| Event::Inducted { call: request.call() });
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

    /// Executes the management calls that wait. Once the round's budget for them is spent, heavy ones
    /// go on waiting, and of the others there is one in each iteration.
    pub(super) fn execute_management_calls(&mut self) {
        while let Some(mut pending) = self.next_management_call() {
            let attached = pending.cycles;
            let result = self.execute_management_call(&mut pending);
            self.trace.tell(|| Event::Executed {
                canister: self.config.id,
                work: Work::from(&pending.origin),
                context: None,
                result: result.as_ref().map(|_| ()).map_err(|error| error.code),
                instructions: 0,
                fee: 0,
                accepted: attached - pending.cycles,
                burned: 0,
            });
            let result = match result {
                Ok(Reply::Now(reply)) => Ok(reply),
                Ok(Reply::Later) => continue,
                Err(error) => Err(Failure::Error(error)),
            };
            self.answer(Answer { origin: pending.origin, result, refund: pending.cycles });
            if self.management_budget <= 0 {
                break;
            }
        }
    }

    fn next_management_call(&mut self) -> Option<PendingCall> {
        let has_budget = self.management_budget > 0;
        let next = |pending: &PendingCall| has_budget || !pending.call.rules.is_heavy;
        self.management_calls.remove(self.management_calls.iter().position(next)?)
    }

    /// Takes instructions from the round's budget for management calls.
    fn spend(&mut self, instructions: Instructions) {
        self.management_budget = self.management_budget.saturating_sub_unsigned(instructions);
    }

    fn execute_management_call(&mut self, pending: &mut PendingCall) -> Result<Reply, UserError> {
        let done = |()| Reply::Now(empty_reply());
        let call = &pending.call;
        match call.rules.method {
            Method::CreateCanister => self.create_canister(pending).map(Reply::Now),
            Method::ProvisionalCreateCanister => self.provisional_create(call).map(Reply::Now),
            Method::ProvisionalTopUp => self.provisional_top_up(call).map(done),
            Method::DepositCycles => self.deposit_cycles(pending).map(done),
            Method::InstallCode => self.install_code(call).map(done),
            Method::InstallChunkedCode => self.install_chunked_code(call).map(done),
            Method::UploadChunk => self.upload_chunk(call).map(Reply::Now),
            Method::ClearChunkStore => self.clear_chunk_store(call).map(done),
            Method::StoredChunks => self.stored_chunks(call).map(Reply::Now),
            Method::UninstallCode => self.uninstall_code(call).map(done),
            Method::UpdateSettings => self.update_settings(pending).map(done),
            Method::CanisterStatus => self.canister_status(call).map(Reply::Now),
            Method::StartCanister => self.start_canister(call).map(done),
            Method::StopCanister => self.stop_canister(pending),
            Method::DeleteCanister => self.delete_canister(call).map(done),
            // Nobody gets here: where there is no key, calls that need one go nowhere.
            Method::EcdsaPublicKey
            | Method::SignWithEcdsa
            | Method::SchnorrPublicKey
            | Method::SignWithSchnorr
            | Method::VetkdPublicKey
            | Method::VetkdDeriveKey => Err(UserError::new(
                ErrorCode::InvalidManagementPayload,
                format!("{}: there is no threshold key on this subnet", call.rules.name),
            )),
            Method::BitcoinGetBalance
            | Method::BitcoinGetBlockHeaders
            | Method::BitcoinGetCurrentFeePercentiles
            | Method::BitcoinGetUtxos
            | Method::BitcoinSendTransaction => Err(UserError::new(
                ErrorCode::CanisterRejectedMessage,
                "No bitcoin canisters available.",
            )),
        }
    }

    /// Answers a query of the management canister from outside.
    pub fn query_management(
        &mut self,
        sender: Principal,
        method: &str,
        argument: Payload,
    ) -> Result<Payload, UserError> {
        let missing = || {
            UserError::new(
                ErrorCode::CanisterMethodNotFound,
                format!("Query method {method} not found."),
            )
        };
        let rules = Rules::named(method).ok().filter(|rules| rules.by_query).ok_or_else(missing)?;
        let call = Call { caller: sender, rules, argument };
        match rules.method {
            Method::CanisterStatus => self.canister_status(&call),
            _ => Err(missing()),
        }
    }

    /// The canister of this id, if the caller may call the method about it.
    fn addressed(&mut self, call: &Call, id: CanisterId) -> Result<&mut Canister, UserError> {
        let canister =
            self.canisters.get_mut(&id).ok_or_else(|| UserError::canister_not_found(id))?;
        access::check(canister, call.rules.permitted, call.caller)?;
        Ok(canister)
    }
}
