//! Call contexts: the calls that a canister has not finished, and the callbacks of its own calls.
//!
//! Rules: interface specification, "Call contexts"; `call_context_manager.rs` in the replica's
//! repository.

use crate::cycles::CallPrice;
use crate::error::{ErrorCode, Reject, Trap, UserError};
use crate::message::{CallerInfo, Response};
use crate::system_api::{Closure, OutgoingCall};
use crate::trace::{CallId, Work};
use crate::types::{
    CallContextId, CallbackId, Callee, CanisterId, Cycles, Instructions, MessageId, Payload, Time,
};
use candid::Principal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A user.
    Ingress {
        /// The message.
        message: MessageId,
        /// Who sent it.
        sender: Principal,
        /// What came along about them.
        info: Option<Arc<CallerInfo>>,
    },
    /// A canister.
    Canister {
        /// The caller.
        sender: CanisterId,
        /// The callee as the caller named it.
        receiver: Callee,
        /// The caller's callback.
        callback: CallbackId,
        /// When the caller stops waiting.
        deadline: Option<Time>,
    },
    /// Nobody: a task, such as a timer or a heartbeat.
    Task,
}

impl Origin {
    /// The principal that called.
    pub fn caller(&self) -> Principal {
        match self {
            Self::Ingress { sender, .. } => *sender,
            Self::Canister { sender, .. } => sender.principal(),
            Self::Task => Principal::management_canister(),
        }
    }

    /// What came along about the caller.
    pub fn caller_info(&self) -> Option<Arc<CallerInfo>> {
        match self {
            Self::Ingress { info, .. } => info.clone(),
            Self::Canister { .. } | Self::Task => None,
        }
    }

    /// When the caller stops waiting.
    pub fn deadline(&self) -> Option<Time> {
        match self {
            Self::Canister { deadline, .. } => *deadline,
            Self::Ingress { .. } | Self::Task => None,
        }
    }
}

impl From<&Origin> for Work {
    fn from(origin: &Origin) -> Self {
        match origin {
            Origin::Ingress { message, .. } => Self::Ingress(*message),
            Origin::Canister { sender, callback, .. } => {
                Self::Request(CallId { caller: *sender, callback: *callback })
            }
            Origin::Task => Self::Task,
        }
    }
}

/// A call context: one call that the canister has not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallContext {
    /// Who is to be answered.
    pub origin: Origin,
    /// Whether the call has a response.
    pub responded: bool,
    /// Attached cycles that are not accepted. 0 once there is a response.
    pub cycles_available: Cycles,
    /// Calls made on its behalf whose callbacks have not run.
    pub open_calls: usize,
    /// Instructions that executions on its behalf used.
    pub instructions: Instructions,
    /// Whether its code was uninstalled. Then its callbacks do not run.
    pub deleted: bool,
}

/// The callback of a call that waits for its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// On whose behalf.
    pub call_context_id: CallContextId,
    /// Who was called.
    pub callee: Callee,
    /// Runs on a reply.
    pub on_reply: Closure,
    /// Runs on a reject.
    pub on_reject: Closure,
    /// Runs when one of these traps.
    pub on_cleanup: Option<Closure>,
    /// What was withheld for it.
    pub price: CallPrice,
    /// When the caller stops waiting.
    pub deadline: Option<Time>,
}

/// A response to a call, before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResponse {
    /// Who is to be answered.
    pub origin: Origin,
    /// A reply or a failure.
    pub result: Result<Payload, Failure>,
    /// Attached cycles that go back.
    pub refund: Cycles,
}

impl CallResponse {
    /// The response that the calling canister gets. `None` if no canister called.
    pub fn into_canister_response(self) -> Option<Response> {
        let Origin::Canister { sender, receiver, callback, deadline } = self.origin else {
            return None;
        };
        Some(Response {
            originator: sender,
            respondent: receiver,
            callback,
            refund: self.refund,
            deadline,
            result: self.result.map_err(Reject::from),
        })
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The canister rejected it.
    Rejected(Reject),
    /// The replica rejected it.
    Error(UserError),
}

impl From<Failure> for UserError {
    /// As users see it: without the code in the text.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(Reject { message, error_code, .. }) => {
                let code = error_code.unwrap_or(ErrorCode::CanisterRejectedMessage);
                Self { code, description: message }
            }
            Failure::Error(error) => error,
        }
    }
}

impl From<Failure> for Reject {
    /// As another canister gets it.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(reject) => reject,
            Failure::Error(error) => error.into(),
        }
        .shortened()
    }
}

/// The outcome of an execution for its call context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It replied or rejected.
    Responded(Result<Payload, Reject>),
    /// It ended without a response.
    Nothing,
    /// It trapped.
    Failed(Trap),
}

/// All call contexts and callbacks of a canister.
#[derive(Debug, Default)]
pub struct CallContexts {
    next_context: u64,
    next_callback: u64,
    contexts: BTreeMap<CallContextId, CallContext>,
    callbacks: BTreeMap<CallbackId, Callback>,
    /// Callbacks of bounded-wait calls by deadline, until they expire or are answered.
    deadlines: BTreeSet<(Time, CallbackId)>,
}

impl CallContexts {
    /// Opens a context.
    pub fn open(&mut self, origin: Origin, cycles_available: Cycles) -> CallContextId {
        let id = CallContextId(self.next_context);
        self.next_context += 1;
        let context = CallContext {
            origin,
            responded: false,
            cycles_available,
            open_calls: 0,
            instructions: 0,
            deleted: false,
        };
        self.contexts.insert(id, context);
        id
    }

    /// The context of this id, which must be open.
    pub fn get(&self, id: CallContextId) -> &CallContext {
        &self.contexts[&id]
    }

    /// Notes that `cycles` attached to the call were accepted.
    pub fn accept_cycles(&mut self, id: CallContextId, cycles: Cycles) {
        let context = self.contexts.get_mut(&id).expect("the context is open");
        context.cycles_available -= cycles;
    }

    /// Registers a call made on behalf of a context.
    pub fn register(&mut self, id: CallContextId, call: &OutgoingCall) -> CallbackId {
        let callback = CallbackId(self.next_callback);
        self.next_callback += 1;
        self.contexts.get_mut(&id).expect("the context is open").open_calls += 1;
        self.deadlines.extend(call.deadline.map(|deadline| (deadline, callback)));
        let registered = Callback {
            call_context_id: id,
            callee: call.callee,
            on_reply: call.on_reply,
            on_reject: call.on_reject,
            on_cleanup: call.on_cleanup,
            price: call.price,
            deadline: call.deadline,
        };
        self.callbacks.insert(callback, registered);
        callback
    }

    /// Takes the callback a response is for. There is none if it was answered before.
    pub fn take_callback(&mut self, id: CallbackId) -> Option<Callback> {
        let callback = self.callbacks.remove(&id)?;
        self.contexts
            .get_mut(&callback.call_context_id)
            .expect("callbacks have contexts")
            .open_calls -= 1;
        self.settle(id, callback.deadline);
        Some(callback)
    }

    /// Whether a response for this callback is awaited.
    pub fn awaits(&self, id: CallbackId) -> bool {
        match self.callbacks.get(&id) {
            Some(Callback { deadline: Some(deadline), .. }) => {
                self.deadlines.contains(&(*deadline, id))
            }
            Some(_) => true,
            None => false,
        }
    }

    /// Notes that the response for this callback is there, so that its deadline no longer matters.
    pub fn settle(&mut self, id: CallbackId, deadline: Option<Time>) {
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, id));
        }
    }

    /// Takes the bounded-wait callbacks whose deadline has passed at `now` and that no response has
    /// reached. They stay open: their canister gets a reject made here.
    pub fn expire(&mut self, now: Time) -> Vec<(CallbackId, Callback)> {
        let mut expired = Vec::new();
        while let Some((deadline, id)) = self.deadlines.first().copied().filter(|(at, _)| *at < now)
        {
            self.deadlines.remove(&(deadline, id));
            expired.push((id, self.callbacks[&id].clone()));
        }
        expired
    }

    /// The next deadline of a bounded-wait call that no response has reached.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Notes what an execution came to, and returns the answer that is due because of it.
    ///
    /// A failure does not answer while other calls are open, an answer is given at once, and a
    /// context is gone when it is answered and nothing is open any more.
    pub fn conclude(
        &mut self,
        id: CallContextId,
        outcome: Outcome,
        instructions: Instructions,
        canister: CanisterId,
    ) -> Option<CallResponse> {
        let context = self.contexts.get_mut(&id).expect("the context is open");
        context.instructions += instructions;
        let last = context.open_calls == 0;
        let result = match outcome {
            _ if context.responded => None,
            Outcome::Responded(Ok(reply)) => Some(Ok(reply)),
            Outcome::Responded(Err(reject)) => Some(Err(Failure::Rejected(reject))),
            Outcome::Nothing | Outcome::Failed(_) if !last => None,
            Outcome::Nothing => Some(Err(no_response(&context.origin, canister))),
            Outcome::Failed(trap) => Some(Err(Failure::Error(trap.into_user_error(canister)))),
        };
        let response = result.map(|result| {
            context.responded = true;
            let refund = std::mem::take(&mut context.cycles_available);
            CallResponse { origin: context.origin.clone(), result, refund }
        });
        if last {
            self.contexts.remove(&id);
        }
        response
    }

    /// Marks all contexts as belonging to code that is gone and answers those not yet answered.
    pub fn delete_all(&mut self, error: &UserError) -> Vec<CallResponse> {
        let mut responses = Vec::new();
        for context in self.contexts.values_mut() {
            context.deleted = true;
            if !std::mem::replace(&mut context.responded, true) {
                let refund = std::mem::take(&mut context.cycles_available);
                let result = Err(Failure::Error(error.clone()));
                responses.push(CallResponse { origin: context.origin.clone(), result, refund });
            }
        }
        self.contexts.retain(|_, context| context.open_calls > 0);
        responses
    }

    /// Whether nothing is being worked on.
    pub fn is_empty(&self) -> bool {
        self.contexts.is_empty()
    }

    /// Open callbacks.
    pub fn open_callbacks(&self) -> usize {
        self.callbacks.len()
    }
}

/// What a caller gets whose call ended without an answer; a canister gets it without an error code.
fn no_response(origin: &Origin, canister: CanisterId) -> Failure {
    match origin {
        Origin::Canister { .. } => {
            Failure::Rejected(Reject::from_code(ErrorCode::CanisterDidNotReply, "No response"))
        }
        Origin::Ingress { .. } | Origin::Task => {
            Failure::Error(Trap::DidNotReply.into_user_error(canister))
        }
    }
}

#[cfg(test)]
mod tests;
