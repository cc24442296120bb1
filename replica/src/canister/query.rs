//! Queries: executions outside of rounds. Only their statistics are kept.
//!
//! A composite query can wait for the responses to its calls. While it waits, it has its own copy of the
//! memories; the canister never sees its changes
//! (`execution_environment/src/query_handler/query_context.rs` in the replica's repository).

use crate::canister::received_call::Failure;
use crate::canister::round::RoundInput;
use crate::canister::sandbox::{Entry, ExecutionOutput, Sandbox};
use crate::canister::state::Canister;
use crate::canister::steps::*;
use crate::error::{ErrorCode, Reject, Trap, UserError};
use crate::message::{CallHeader, CallerInfo, Request};
use crate::routing;
use crate::system_api::{
    Callbacks, Closure, DataCertificate, Effects, EntryPoint, ExecutionInput, OutgoingCall,
};
use crate::types::{CallbackId, Callee, CanisterId, Instructions, Payload};
use crate::wasm::{Method, MethodKind};
use candid::Principal;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A query of a canister.
#[derive(Clone, Debug)]
pub struct Query {
    /// The caller.
    pub caller: Principal,
    /// Signed information about the caller, if there is any.
    pub caller_info: Option<Arc<CallerInfo>>,
    /// The name of the method.
    pub method: String,
    /// The argument of the method.
    pub argument: Payload,
    /// The certificate for the canister's certified data. Only queries from users have one.
    pub data_certificate: Option<DataCertificate>,
}

/// A composite query that made calls and has no response yet.
#[derive(Debug)]
pub struct OpenQuery {
    caller: Principal,
    caller_info: Option<Arc<CallerInfo>>,
    sandbox: Sandbox,
    calls: VecDeque<OutgoingCall>,
    instructions: Instructions,
}

impl OpenQuery {
    /// Takes the next call that has not been executed. Its callee is the receiver of the call: for a call
    /// of the management canister, the subnet that executes it.
    pub fn next_call(&mut self) -> Option<OutgoingCall> {
        self.calls.pop_front()
    }
}

/// The calls that one execution of a composite query made, in the order in which they are executed: the
/// receivers take turns, in the order of their ids (`replicated_state/src/canister_state/queues.rs`,
/// `CanisterOutputQueuesIterator`). An invalid call of the management canister is not executed, nor is a
/// callback of such a call: as in the replica, its reject gets lost (`query_handler/tests.rs`,
/// `composite_query_call_to_management_canister_rejects_unknown_methods`).
fn in_order(
    canister: &Canister,
    calls: Vec<OutgoingCall>,
    round: &RoundInput,
) -> VecDeque<OutgoingCall> {
    let mut queues: BTreeMap<Callee, VecDeque<OutgoingCall>> = BTreeMap::new();
    for call in calls {
        let OutgoingCall { callee, content, deadline, callbacks, price } = call;
        let callee = routing::receiver(callee, &content);
        let callback = CallbackId(0);
        let header = CallHeader { caller: canister.id, callee, callback, deadline };
        let request = Request { header, content };
        if routing::check_request(&request, canister.version, round.subnet, &round.routes).is_err()
        {
            continue;
        }
        let callee = routing::addressee(&request, round.subnet, &round.routes);
        let call = OutgoingCall { callee, content: request.content, deadline, callbacks, price };
        queues.entry(callee).or_default().push_back(call);
    }
    let mut turns: VecDeque<_> = queues.into_values().collect();
    let mut ordered = VecDeque::new();
    while let Some(mut queue) = turns.pop_front() {
        ordered.extend(queue.pop_front());
        if !queue.is_empty() {
            turns.push_back(queue);
        }
    }
    ordered
}

/// The progress of a query.
#[derive(Debug)]
pub enum QueryProgress {
    /// The query has ended, with this result.
    Finished(Result<Payload, Failure>),
    /// The query waits for responses to its calls.
    Waiting(Box<OpenQuery>),
}

/// Begins a query with this instruction limit. Returns its progress and the instructions that it used.
pub fn begin_query(
    canister: &mut Canister,
    query: Query,
    instructions_max: Instructions,
    round: &RoundInput,
) -> (QueryProgress, Instructions) {
    begin(canister, query, EntryPoint::Query, instructions_max, round)
        .unwrap_or_else(|error| (QueryProgress::Finished(Err(Failure::Error(error))), 0))
}

/// Calls a query method that transforms the response to an HTTP outcall. Returns the result and the
/// instructions that it used.
pub fn transform(
    canister: &mut Canister,
    method: String,
    argument: Payload,
    instructions_max: Instructions,
    round: &RoundInput,
) -> (Result<Payload, Failure>, Instructions) {
    let caller = Principal::management_canister();
    let query = Query { caller, caller_info: None, method, argument, data_certificate: None };
    match begin(canister, query, EntryPoint::Transform, instructions_max, round) {
        Ok((QueryProgress::Finished(response), used)) => (response, used),
        Ok((QueryProgress::Waiting(_), used)) => (Err(no_response(canister.id)), used),
        Err(error) => (Err(Failure::Error(error)), 0),
    }
}

/// Begins a query. A query method that is not composite begins at `entry_point`.
fn begin(
    canister: &mut Canister,
    query: Query,
    entry_point: EntryPoint,
    instructions_max: Instructions,
    round: &RoundInput,
) -> Result<(QueryProgress, Instructions), UserError> {
    let Query { caller, caller_info, method, argument, data_certificate } = query;
    let (kind, entry) = queryable(canister, &method)?;
    let entry_point = match (kind, entry_point) {
        (MethodKind::CompositeQuery, EntryPoint::Transform) => {
            return Err(UserError::new(
                ErrorCode::CompositeQueryCalledInReplicatedMode,
                format!("Composite query '{method}' cannot transform the response to an outcall"),
            ));
        }
        (MethodKind::CompositeQuery, _) => EntryPoint::CompositeQuery,
        _ => entry_point,
    };
    check_not_frozen(canister, round)?;
    let input = ExecutionInput {
        caller,
        caller_info: caller_info.clone(),
        argument,
        instructions_max,
        may_respond: true,
        data_certificate,
        ..input(canister, entry_point, round)
    };
    let executed = run(canister, entry, input);
    let instructions = executed.instructions;
    let sandbox = canister.sandbox.as_mut().expect("there is code that ran");
    let progress = match executed.result.map(|effects| *effects) {
        Ok(Effects { response: None, calls, .. }) if !calls.is_empty() => {
            let sandbox = sandbox.split_off();
            let calls = in_order(canister, calls, round);
            let open = OpenQuery { caller, caller_info, sandbox, calls, instructions };
            return Ok((QueryProgress::Waiting(Box::new(open)), instructions));
        }
        Ok(Effects { response: Some(response), .. }) => response.map_err(Failure::Rejected),
        Ok(Effects { response: None, .. }) => Err(no_response(canister.id)),
        Err(trap) => Err(Failure::Error(trap.into_user_error(canister.id))),
    };
    canister.sandbox.as_mut().expect("there is code that ran").undo();
    Ok((QueryProgress::Finished(progress), instructions))
}

/// Whether a query of `method` is executed, instead of rejected at once.
pub fn is_queryable(canister: &Canister, method: &str) -> bool {
    queryable(canister, method).is_ok()
}

/// The kind of the query method `method` and its code.
fn queryable(canister: &Canister, method: &str) -> Result<(MethodKind, Entry), UserError> {
    use MethodKind::{CompositeQuery, Query};
    match runnable_module(canister)?.methods.get(method) {
        Some(Method { kind: kind @ (Query | CompositeQuery), export }) => {
            Ok((*kind, Entry::Export(export.clone())))
        }
        Some(Method { kind: MethodKind::Update, .. }) | None => {
            let kind = Query.name();
            Err(Trap::MethodNotFound { kind: kind.into(), method: method.into() }
                .into_user_error(canister.id))
        }
    }
}

fn check_not_frozen(canister: &Canister, round: &RoundInput) -> Result<(), UserError> {
    if !canister.is_frozen(round.prices) {
        return Ok(());
    }
    Err(UserError::new(
        ErrorCode::CanisterOutOfCycles,
        format!(
            "Canister {} is unable to process query calls because it's frozen: top it up with cycles",
            canister.id
        ),
    ))
}

/// The failure of a query that ended without a response and without open calls.
pub fn no_response(canister: CanisterId) -> Failure {
    Failure::Error(UserError::new(
        ErrorCode::CanisterDidNotReply,
        format!("Canister {canister} did not produce a response"),
    ))
}

/// Continues a composite query with the response to one of its calls. `canister` is the canister on
/// which the query began. Instructions are as for [`begin_query`].
pub fn resume_query(
    canister: &mut Canister,
    mut open: Box<OpenQuery>,
    callbacks: Callbacks,
    response: Result<Payload, Reject>,
    instructions_max: Instructions,
    round: &RoundInput,
) -> (QueryProgress, Instructions) {
    let (entry_point, closure, argument, reject) = match response {
        Ok(reply) => (EntryPoint::CompositeReplyCallback, callbacks.on_reply, reply, None),
        Err(reject) => {
            (EntryPoint::CompositeRejectCallback, callbacks.on_reject, vec![], Some(reject))
        }
    };
    let mut base = ExecutionInput {
        caller: open.caller,
        caller_info: open.caller_info.clone(),
        call_context_instructions: open.instructions,
        ..input(canister, entry_point, round)
    };
    for call in &open.calls {
        *base.slots_taken.entry(call.callee).or_default() += 1;
    }
    let callback =
        ExecutionInput { argument, reject, may_respond: true, instructions_max, ..base.clone() };
    let executed = open.run(canister, closure, callback);
    let mut used = executed.instructions;
    let response = match executed.result {
        Ok(effects) => {
            open.sandbox.keep();
            open.calls.extend(in_order(canister, effects.calls, round));
            effects.response.map(|response| response.map_err(Failure::Rejected))
        }
        Err(trap) => {
            open.sandbox.undo();
            let trap = match callbacks.on_cleanup {
                None => trap,
                Some(cleanup) => {
                    let cleanup_input = ExecutionInput {
                        entry_point: EntryPoint::CompositeCleanup,
                        instructions_max: instructions_max.saturating_sub(used),
                        ..base
                    };
                    let executed = open.run(canister, cleanup, cleanup_input);
                    used += executed.instructions;
                    open.clean_up(executed, trap)
                }
            };
            // A trap ends the query only if no other calls are open.
            let failure = Failure::Error(trap.into_user_error(canister.id));
            open.calls.is_empty().then_some(Err(failure))
        }
    };
    open.instructions += used;
    let progress = match response {
        Some(response) => QueryProgress::Finished(response),
        None if open.calls.is_empty() => QueryProgress::Finished(Err(no_response(canister.id))),
        None => QueryProgress::Waiting(open),
    };
    (progress, used)
}

impl OpenQuery {
    /// Runs a callback on the memories of the query.
    fn run(
        &mut self,
        canister: &mut Canister,
        closure: Closure,
        input: ExecutionInput,
    ) -> ExecutionOutput {
        let own = canister.sandbox.as_mut().expect("no code is replaced while a query waits");
        std::mem::swap(own, &mut self.sandbox);
        let executed = run(canister, Entry::Closure(closure), input);
        let own = canister.sandbox.as_mut().expect("no code is replaced while a query waits");
        std::mem::swap(own, &mut self.sandbox);
        executed
    }

    /// Keeps or undoes the changes of a cleanup. Returns the trap of the callback, with the trap of the
    /// cleanup if there is one.
    fn clean_up(&mut self, executed: ExecutionOutput, trap: Trap) -> Trap {
        match executed.result {
            Ok(_) => {
                self.sandbox.keep();
                trap
            }
            Err(failure) => {
                self.sandbox.undo();
                Trap::Cleanup { callback: Box::new(trap), cleanup: Box::new(failure) }
            }
        }
    }
}
