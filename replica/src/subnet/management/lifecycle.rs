//! Management calls that start, stop and delete a canister.

use super::dispatch::Completion;
use super::{Call, PendingCall};
use crate::canister::{CallResponse, Canister, Failure, Status, StopRequest};
use crate::error::{ErrorCode, UserError};
use crate::ic00::empty_reply;
use crate::limits::STOP_TIMEOUT_SECONDS;
use crate::subnet::Subnet;
use crate::trace::Event;
use crate::types::{CanisterId, Time};
use ic_management_canister_types::CanisterIdRecord;

impl Subnet {
    pub(super) fn start_canister(&mut self, call: &Call) -> Result<(), UserError> {
        let CanisterIdRecord { canister_id } = call.decode()?;
        let canister = self.authorized_canister(call, canister_id.into())?;
        let status = std::mem::replace(&mut canister.status, Status::Running);
        canister.version += 1;
        if let Status::Stopping(requests) = status {
            let error = UserError::new(
                ErrorCode::CanisterStoppingCancelled,
                format!("Canister {canister_id}'s stop request was cancelled"),
            );
            for StopRequest { received, .. } in requests {
                self.respond(received.respond(Err(Failure::Error(error.clone()))));
            }
        }
        Ok(())
    }

    /// Starts to stop a canister. The caller gets a response at the end of the round in which the
    /// canister has stopped.
    pub(super) fn stop_canister(&mut self, pending: &PendingCall) -> Result<Completion, UserError> {
        let PendingCall { call, received } = pending;
        let CanisterIdRecord { canister_id } = call.decode()?;
        let expiry = self.time.plus_secs(STOP_TIMEOUT_SECONDS);
        let canister = self.authorized_canister(call, canister_id.into())?;
        let request = StopRequest { received: received.clone(), expiry };
        canister.version += 1;
        match &mut canister.status {
            Status::Stopped => return Ok(Completion::Reply(empty_reply())),
            Status::Stopping(requests) => requests.push(request),
            Status::Running => canister.status = Status::Stopping(vec![request]),
        }
        Ok(Completion::Deferred)
    }

    pub(super) fn delete_canister(&mut self, call: &Call) -> Result<(), UserError> {
        let CanisterIdRecord { canister_id } = call.decode()?;
        let id = CanisterId::from(canister_id);
        if call.caller == id {
            return Err(UserError::new(
                ErrorCode::CanisterInvalidController,
                format!("Canister {id} cannot delete itself."),
            ));
        }
        let canister = self.authorized_canister(call, id)?;
        if canister.status != Status::Stopped {
            return Err(UserError::new(
                ErrorCode::CanisterNotStopped,
                format!("Canister {id} must be stopped before it is deleted."),
            ));
        }
        if !canister.queues.is_idle() {
            return Err(UserError::new(
                ErrorCode::CanisterQueueNotEmpty,
                format!(
                    "Canister {id} has messages in its queues and cannot be deleted now. Please \
                     retry after some time."
                ),
            ));
        }
        let cycles = canister.balance;
        if let Some(canister) = self.canisters.remove(&id) {
            self.meter.count_deleted(&canister);
        }
        self.trace.record(|| Event::Deleted { canister: id, cycles });
        Ok(())
    }
}

/// Stops a stopping canister that has no open call contexts. Otherwise, rejects the stop requests that
/// have waited too long. Returns the responses to stop requests.
pub(in crate::subnet) fn finish_stopping(canister: &mut Canister, now: Time) -> Vec<CallResponse> {
    let Status::Stopping(requests) = &mut canister.status else { return Vec::new() };
    let respond = |request: StopRequest, result| request.received.respond(result);
    if canister.contexts.is_empty() {
        let requests = std::mem::take(requests);
        canister.status = Status::Stopped;
        canister.version += 1;
        return requests.into_iter().map(|request| respond(request, Ok(empty_reply()))).collect();
    }
    let (expired, waiting) =
        std::mem::take(requests).into_iter().partition(|request| request.expiry <= now);
    *requests = waiting;
    let expired: Vec<_> = expired;
    let error = UserError::new(
        ErrorCode::StopCanisterRequestTimeout,
        format!("Stop canister request timed out: canister {} has open call contexts", canister.id),
    );
    expired
        .into_iter()
        .map(|request| respond(request, Err(Failure::Error(error.clone()))))
        .collect()
}
