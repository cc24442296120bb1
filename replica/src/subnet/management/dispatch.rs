//! Carries management calls and queries out, method by method.

use super::{Call, PendingCall};
use crate::canister::{Answer, Failure};
use crate::error::{ErrorCode, UserError};
use crate::ic00::{Method, Rules, empty_reply};
use crate::limits::COMPILED_BEFORE_SPEEDUP;
use crate::subnet::Subnet;
use crate::trace::{Event, Work};
use crate::types::{Instructions, Payload};
use candid::Principal;

/// What a method comes to: a reply now, or none yet.
pub(super) enum Reply {
    Now(Payload),
    Later,
}

impl Subnet {
    /// Executes the management calls that wait. Once the round's budget for them is spent, heavy ones
    /// go on waiting, and of the others there is one in each iteration.
    pub(in crate::subnet) fn execute_management_calls(&mut self) {
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
    pub(super) fn spend(&mut self, instructions: Instructions) {
        self.management_budget = self.management_budget.saturating_sub_unsigned(instructions);
    }

    /// The same for compiling a module, which is cheaper another time.
    pub(super) fn spend_on_compiling(&mut self, hash: [u8; 32], cost: Instructions) {
        let is_new = self.compiled.insert(hash);
        self.spend(if is_new { cost } else { cost / COMPILED_BEFORE_SPEEDUP });
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
            Method::CanisterInfo => self.canister_info(call).map(Reply::Now),
            Method::CanisterMetadata => self.canister_metadata(call).map(Reply::Now),
            Method::CanisterStatus => self.canister_status(call).map(Reply::Now),
            Method::FetchCanisterLogs => self.fetch_canister_logs(call).map(Reply::Now),
            Method::StartCanister => self.start_canister(call).map(done),
            Method::StopCanister => self.stop_canister(pending),
            Method::DeleteCanister => self.delete_canister(call).map(done),
            Method::TakeCanisterSnapshot => self.take_snapshot(call).map(Reply::Now),
            Method::LoadCanisterSnapshot => self.load_snapshot(call).map(done),
            Method::ListCanisterSnapshots => self.list_snapshots(call).map(Reply::Now),
            Method::DeleteCanisterSnapshot => self.delete_snapshot(call).map(done),
            Method::ReadCanisterSnapshotMetadata => self.read_metadata(call).map(Reply::Now),
            Method::ReadCanisterSnapshotData => self.read_data(call).map(Reply::Now),
            Method::UploadCanisterSnapshotMetadata => self.upload_metadata(call).map(Reply::Now),
            Method::UploadCanisterSnapshotData => self.upload_data(call).map(done),
            Method::HttpRequest => self.http_request(pending),
            Method::FlexibleHttpRequest => self.flexible_http_request(pending),
            Method::RawRand => self.ask_for_randomness(pending),
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
        let call = Call { caller: sender, by_canister: false, rules, argument };
        match rules.method {
            Method::CanisterInfo => self.canister_info(&call),
            Method::CanisterStatus => self.canister_status(&call),
            Method::FetchCanisterLogs => self.fetch_canister_logs(&call),
            _ => Err(missing()),
        }
    }
}
