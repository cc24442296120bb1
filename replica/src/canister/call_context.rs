//! Call contexts: the calls that a canister has not finished, and the callbacks of its own calls.
//!
//! Rules: interface specification, "Call contexts"; `call_context_manager.rs` in the replica's
//! repository.

use crate::canister::received_call::{CallResponse, Failure, Outcome, ReceivedCall, last_result};
use crate::cycles::CallPrice;
use crate::error::UserError;
use crate::message::CallHeader;
use crate::system_api::{Callbacks, OutgoingCall};
use crate::types::{CallContextId, CallbackId, CanisterId, Cycles, Instructions, Payload, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A call context: a call that the canister has not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallContext {
    /// The call. Its cycles are 0 once there is a response.
    pub received: ReceivedCall,
    /// Whether the call has a response.
    pub responded: bool,
    /// The number of calls that this call context made and whose callbacks have not run.
    pub open_calls: usize,
    /// Instructions that all executions of this call context used.
    pub instructions: Instructions,
    /// Whether the code of the canister was uninstalled. The callbacks of this call context then do not
    /// run.
    pub deleted: bool,
}

impl CallContext {
    /// Makes the response to the call.
    fn respond(&mut self, result: Result<Payload, Failure>) -> CallResponse {
        self.responded = true;
        let cycles = std::mem::take(&mut self.received.cycles);
        ReceivedCall { origin: self.received.origin.clone(), cycles }.respond(result)
    }
}

/// The callback of an open call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The call context that made the call.
    pub call_context_id: CallContextId,
    /// The header of the call.
    pub header: CallHeader,
    /// The reply callback, the reject callback and the cleanup callback.
    pub functions: Callbacks,
    /// The cycles that were withheld for the call.
    pub price: CallPrice,
}

/// All call contexts and callbacks of a canister.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct CallContexts {
    next_context: u64,
    next_callback: u64,
    /// Boxed, like the callbacks, because a map has room for eleven values even if it has only one.
    contexts: BTreeMap<CallContextId, Box<CallContext>>,
    callbacks: BTreeMap<CallbackId, Box<Callback>>,
    /// The callbacks of bounded-wait calls by deadline, until the deadline expires or a response arrives.
    deadlines: BTreeSet<(Time, CallbackId)>,
}

impl CallContexts {
    /// The id of a call context that ends with its first execution, because the execution makes no calls. Such a call
    /// context is not kept: see `received_call::last_response`.
    pub fn next_id(&mut self) -> CallContextId {
        let id = CallContextId(self.next_context);
        self.next_context += 1;
        id
    }

    /// Opens the call context of a received call, and returns the id of the call context.
    pub fn open(&mut self, received: ReceivedCall) -> CallContextId {
        let id = self.next_id();
        let context = Box::new(CallContext {
            received,
            responded: false,
            open_calls: 0,
            instructions: 0,
            deleted: false,
        });
        self.contexts.insert(id, context);
        id
    }

    /// The call context with this id.
    ///
    /// # Panics
    ///
    /// Panics if no call context with this id is open.
    pub fn get(&self, id: CallContextId) -> &CallContext {
        &self.contexts[&id]
    }

    /// Records that the canister accepted `cycles` of the attached cycles.
    ///
    /// # Panics
    ///
    /// Panics if no call context with this id is open.
    pub fn accept_cycles(&mut self, id: CallContextId, cycles: Cycles) {
        let context = self.contexts.get_mut(&id).expect("the context is open");
        context.received.cycles -= cycles;
    }

    /// Records a call that a call context of the canister `caller` made, and returns the header of the
    /// call.
    ///
    /// # Panics
    ///
    /// Panics if no call context with this id is open.
    pub fn register(
        &mut self,
        id: CallContextId,
        call: &OutgoingCall,
        caller: CanisterId,
    ) -> CallHeader {
        let callback = CallbackId(self.next_callback);
        self.next_callback += 1;
        self.contexts.get_mut(&id).expect("the context is open").open_calls += 1;
        self.deadlines.extend(call.deadline.map(|deadline| (deadline, callback)));
        let header = CallHeader { caller, callee: call.callee, callback, deadline: call.deadline };
        let (functions, price) = (call.callbacks, call.price);
        let registered = Callback { call_context_id: id, header, functions, price };
        self.callbacks.insert(callback, registered.into());
        header
    }

    /// Removes and returns the callback that a response is for. `None` if the callback has had a
    /// response.
    pub fn take_callback(&mut self, id: CallbackId) -> Option<Box<Callback>> {
        let callback = self.callbacks.remove(&id)?;
        self.contexts
            .get_mut(&callback.call_context_id)
            .expect("callbacks have contexts")
            .open_calls -= 1;
        self.settle(&callback.header);
        Some(callback)
    }

    /// Records that a response to this call has arrived, so that the deadline no longer applies. Returns whether the
    /// callback waited for a response: no response had arrived, and the deadline had not expired.
    pub fn settle(&mut self, call: &CallHeader) -> bool {
        match call.deadline {
            Some(deadline) => self.deadlines.remove(&(deadline, call.callback)),
            None => self.callbacks.contains_key(&call.callback),
        }
    }

    /// The bounded-wait calls without a response whose deadline is before `now`. Their deadlines are
    /// removed, but the callbacks stay open: the subnet creates a reject for each.
    pub fn expire(&mut self, now: Time) -> Vec<CallHeader> {
        let mut expired = Vec::new();
        while let Some((deadline, id)) = self.deadlines.first().copied().filter(|(at, _)| *at < now)
        {
            self.deadlines.remove(&(deadline, id));
            expired.push(self.callbacks[&id].header);
        }
        expired
    }

    /// The earliest deadline of a bounded-wait call that has no response.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Records the end of an execution. Returns the response, if the execution decides it.
    ///
    /// A reply or a reject is the response at once. A trap, or an end without a response, fails the call
    /// only if no calls are open; otherwise a callback can still respond. The call context is removed
    /// when no calls are open.
    ///
    /// # Panics
    ///
    /// Panics if no call context with this id is open.
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
            Outcome::Nothing | Outcome::Failed(_) if !last => None,
            outcome => Some(last_result(outcome, &context.received.origin, canister)),
        };
        let response = result.map(|result| context.respond(result));
        if last {
            self.contexts.remove(&id);
        }
        response
    }

    /// Marks all call contexts as deleted, because the code is uninstalled. Returns a response with
    /// `error` for each call that has none.
    pub fn delete_all(&mut self, error: &UserError) -> Vec<CallResponse> {
        let mut responses = Vec::new();
        for context in self.contexts.values_mut() {
            context.deleted = true;
            if !context.responded {
                responses.push(context.respond(Err(Failure::Error(error.clone()))));
            }
        }
        self.contexts.retain(|_, context| context.open_calls > 0);
        responses
    }

    /// Whether no call context is open.
    pub fn is_empty(&self) -> bool {
        self.contexts.is_empty()
    }

    /// The number of open callbacks.
    pub fn open_callbacks(&self) -> usize {
        self.callbacks.len()
    }
}

#[cfg(test)]
mod tests;
