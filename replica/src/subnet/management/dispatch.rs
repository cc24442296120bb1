//! Executes management calls and queries, method by method.

use super::{Call, PendingCall};
use crate::canister::{self, Canister, ExecutedManagementCall, Origin, RoundInput};
use crate::error::{ErrorCode, UserError};
use crate::ic00::{ManagementCall, Method, empty_reply};
use crate::subnet::{IngressState, Subnet};
use crate::types::{Cycles, Instructions, Payload, SubnetId};
use candid::Principal;

/// The progress of a management call that did not fail.
pub(super) enum Completion {
    /// The call is done, with this reply.
    Reply(Payload),
    /// The call is executed; its response is made later.
    Deferred,
    /// The execution is paused and continues in the next round.
    Paused,
}

impl Completion {
    /// The reply, if the caller gets one now.
    fn reply(self) -> Option<Payload> {
        match self {
            Self::Reply(reply) => Some(reply),
            Self::Deferred | Self::Paused => None,
        }
    }
}

impl PendingCall {
    /// This call after its execution. `attached` are the cycles that were attached to the call.
    pub(super) fn executed(&self, subnet: SubnetId, attached: Cycles) -> ExecutedManagementCall {
        ExecutedManagementCall { subnet, received: self.received.clone(), attached }
    }
}

impl Subnet {
    /// Continues an installation that was paused in an earlier round.
    pub(in crate::subnet) fn continue_installation(&mut self) {
        let installing = self.canisters.awake().find(|canister| canister.is_installing());
        let Some(id) = installing.map(|canister| canister.id) else { return };
        self.memory_taken_before_calls = self.memory_taken();
        let round = RoundInput { subnet_memory: self.capacity().memory, ..self.round_input() };
        let Some(canister) = self.canisters.get_mut(&id) else { return };
        let execution = canister::resume(canister, &round);
        if !canister.is_paused() {
            self.meter.count_transaction();
        }
        let response = execution.response.as_ref();
        if response.is_some_and(|response| response.result.is_ok()) {
            self.known_modules.extend(canister.module_hash());
        }
        self.spend(execution.instructions);
        self.record_execution(execution);
    }

    /// Executes the waiting management calls. Once the round's budget for management calls is spent, heavy
    /// calls wait for the next round, and one other call is executed in each iteration. Returns whether
    /// any call was executed.
    pub(in crate::subnet) fn execute_management_calls(&mut self) -> bool {
        if self.management_calls.is_empty() {
            return false;
        }
        self.memory_taken_before_calls = self.memory_taken();
        let mut any = false;
        while let Some(mut pending) = self.next_management_call() {
            any = true;
            let attached = pending.received.cycles;
            let result = self.execute_management_call(&mut pending);
            match (&result, &pending.received.origin) {
                (Ok(Completion::Paused), Origin::Ingress { message, .. }) => {
                    self.history.set(*message, IngressState::Processing, self.time);
                }
                (Ok(Completion::Paused), _) => {}
                _ => {
                    self.meter.count_transaction();
                    let call = pending.executed(self.config.id, attached);
                    let result = result.map(Completion::reply);
                    if let Some(response) = call.conclude(result, &self.trace) {
                        self.respond(response);
                    }
                }
            }
            if self.management_budget <= 0 {
                break;
            }
        }
        any
    }

    fn next_management_call(&mut self) -> Option<PendingCall> {
        let has_budget = self.management_budget > 0;
        let anybody_paused = self.canisters.awake().any(Canister::is_paused);
        let mut calls = std::mem::take(&mut self.management_calls);
        let next = calls.next(|pending| {
            (has_budget || !pending.call.rules().is_heavy)
                && !(anybody_paused && self.has_to_wait(&pending.call))
        });
        self.management_calls = calls;
        next
    }

    /// Whether a call must wait for a paused execution: of the canister that the call is about, or of an
    /// installation if the call installs code. While an execution is aborted, to begin again, only some
    /// methods wait (`scheduler.rs`, `can_execute_subnet_msg`; `ic00_permissions.rs`, `can_be_executed`).
    fn has_to_wait(&self, call: &Call) -> bool {
        let Some(id) = call.method.canister() else { return false };
        let Some(canister) = self.canisters.get(&id) else { return false };
        let installs =
            matches!(call.rules().method, Method::InstallCode | Method::InstallChunkedCode);
        canister.holds_progress()
            || call.rules().waits_for_aborted && canister.is_paused()
            || installs && self.canisters.awake().any(Canister::is_installing)
    }

    /// Subtracts instructions from the round's budget for management calls.
    pub(super) fn spend(&mut self, instructions: Instructions) {
        self.management_budget = self.management_budget.saturating_sub_unsigned(instructions);
    }

    fn execute_management_call(
        &mut self,
        pending: &mut PendingCall,
    ) -> Result<Completion, UserError> {
        let done = |()| Completion::Reply(empty_reply());
        let call = &pending.call;
        match call.rules().method {
            Method::CreateCanister => self.create_canister(pending).map(Completion::Reply),
            Method::ProvisionalCreateCanister => {
                self.provisional_create(call).map(Completion::Reply)
            }
            Method::ProvisionalTopUp => self.provisional_top_up(call).map(done),
            Method::DepositCycles => self.deposit_cycles(pending).map(done),
            Method::InstallCode => self.install_code(pending),
            Method::InstallChunkedCode => self.install_chunked_code(pending),
            Method::UploadChunk => self.upload_chunk(call).map(Completion::Reply),
            Method::ClearChunkStore => self.clear_chunk_store(call).map(done),
            Method::StoredChunks => self.stored_chunks(call).map(Completion::Reply),
            Method::UninstallCode => self.uninstall_code(call).map(done),
            Method::UpdateSettings => self.update_settings(pending).map(done),
            Method::CanisterInfo => self.canister_info(call).map(Completion::Reply),
            Method::CanisterMetadata => self.canister_metadata(call).map(Completion::Reply),
            Method::CanisterMetrics => self.canister_metrics(call).map(Completion::Reply),
            Method::CanisterStatus => self.canister_status(call).map(Completion::Reply),
            Method::FetchCanisterLogs => self.fetch_canister_logs(call).map(Completion::Reply),
            Method::StartCanister => self.start_canister(call).map(done),
            Method::StopCanister => self.stop_canister(pending),
            Method::DeleteCanister => self.delete_canister(call).map(done),
            Method::TakeCanisterSnapshot => self.take_snapshot(call).map(Completion::Reply),
            Method::LoadCanisterSnapshot => self.load_snapshot(call).map(done),
            Method::ListCanisterSnapshots => self.list_snapshots(call).map(Completion::Reply),
            Method::DeleteCanisterSnapshot => self.delete_snapshot(call).map(done),
            Method::ReadCanisterSnapshotMetadata => self.read_metadata(call).map(Completion::Reply),
            Method::ReadCanisterSnapshotData => self.read_data(call).map(Completion::Reply),
            Method::UploadCanisterSnapshotMetadata => {
                self.upload_metadata(call).map(Completion::Reply)
            }
            Method::UploadCanisterSnapshotData => self.upload_data(call).map(done),
            Method::HttpRequest => self.http_request(pending),
            Method::FlexibleHttpRequest => self.flexible_http_request(pending),
            Method::ListCanisters => self.list_canisters(call).map(Completion::Reply),
            Method::NodeMetricsHistory => self.node_metrics_history(call).map(Completion::Reply),
            Method::SubnetInfo => self.subnet_info(call).map(Completion::Reply),
            Method::SubnetMetrics => self.subnet_metrics(call).map(Completion::Reply),
            Method::RawRand => self.raw_rand(call).map(Completion::Reply),
            // Unreachable by canisters: calls that need a threshold key are not routed to any subnet.
            Method::EcdsaPublicKey
            | Method::SignWithEcdsa
            | Method::SchnorrPublicKey
            | Method::SignWithSchnorr
            | Method::VetkdPublicKey
            | Method::VetkdDeriveKey => Err(UserError::new(
                ErrorCode::InvalidManagementPayload,
                format!("{}: there is no threshold key on this subnet", call.rules().name),
            )),
            // Only canisters of the root subnet, which may address a subnet, get here: calls of the
            // management canister go to the bitcoin canisters.
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

    /// Executes a query of the management canister: from a user, or a call of a composite query. `call` is
    /// the resolved query. Returns the reply and the instructions that it counts.
    ///
    /// # Errors
    ///
    /// `CanisterMethodNotFound`, if the method is not a query; otherwise the error of the method. A query
    /// that fails counts no instructions.
    pub fn query_management(
        &mut self,
        sender: Principal,
        method: &str,
        call: Option<ManagementCall>,
        argument: Payload,
    ) -> (Result<Payload, UserError>, Instructions) {
        // The methods count their instructions against the budget of a round, which a query does not use.
        let budget = self.management_budget;
        let result = self.execute_management_query(sender, method, call, argument);
        let used = budget.abs_diff(self.management_budget);
        self.management_budget = budget;
        (result, used)
    }

    fn execute_management_query(
        &mut self,
        sender: Principal,
        method: &str,
        call: Option<ManagementCall>,
        argument: Payload,
    ) -> Result<Payload, UserError> {
        let missing = || {
            UserError::new(
                ErrorCode::CanisterMethodNotFound,
                format!("Query method {method} not found."),
            )
        };
        let method = call.filter(|call| call.rules.by_query).ok_or_else(missing)?;
        // The text for queries has no full stop (`query_handler/subnet_query.rs`, `get_canister`).
        method.canister().map(|id| self.existing(id)).transpose()?;
        let call = Call { caller: sender, by_canister: false, method, argument };
        match call.rules().method {
            Method::CanisterInfo => self.canister_info(&call),
            Method::CanisterMetrics => self.canister_metrics(&call),
            Method::CanisterStatus => self.canister_status(&call),
            Method::FetchCanisterLogs => self.fetch_canister_logs(&call),
            Method::ListCanisters => self.list_canisters(&call),
            _ => Err(missing()),
        }
    }
}
