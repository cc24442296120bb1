//! The steps of every execution: find the code, take cycles, make the input, run, keep or undo the
//! changes of the memories, apply the effects, conclude the call context, send the response.

use crate::canister::received_call::{CallResponse, Origin, Outcome, ReceivedCall, last_response};
use crate::canister::round::{Execution, RoundInput};
use crate::canister::sandbox::{Entry, ExecutionOutput, Extent, MemoryChanges, Sandbox};
use crate::canister::settings::Status;
use crate::canister::state::Canister;
use crate::error::{ErrorCode, Trap, UserError};
use crate::limits::*;
use crate::log::ExecutionLog;
use crate::message::Request;
use crate::routing;
use crate::system_api::{Effects, EntryPoint, Environment, ExecutionInput, OutgoingCall};
use crate::trace::{Event, Responder, Work};
use crate::types::*;
use crate::wasm::ModuleInfo;
use candid::Principal;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The properties of the installed module. Fails if the canister is not running, or has no code.
pub(super) fn runnable_module(canister: &Canister) -> Result<&ModuleInfo, UserError> {
    let id = canister.id;
    let not_running = |code| UserError::new(code, format!("Canister {id} is not running"));
    match canister.status {
        Status::Running => {}
        Status::Stopping(_) => return Err(not_running(ErrorCode::CanisterStopping)),
        Status::Stopped => return Err(not_running(ErrorCode::CanisterStopped)),
    }
    match &canister.sandbox {
        Some(sandbox) => Ok(&sandbox.module().info),
        None => Err(Trap::NoWasmModule.into_user_error(id)),
    }
}

/// Takes cycles from the balance for a call of `caller`. Fails if the balance would fall below the freezing
/// threshold. Only the error depends on the caller.
pub(super) fn withdraw(
    canister: &mut Canister,
    amount: Cycles,
    caller: impl FnOnce() -> Principal,
    round: &RoundInput,
) -> Result<(), UserError> {
    if !canister.can_pay(amount, round.prices) {
        canister.check_can_pay(amount, round.prices, caller())?;
    }
    canister.balance -= amount;
    Ok(())
}

/// The parts of an input that depend only on the canister and the round.
pub(super) fn input(
    canister: &mut Canister,
    entry_point: EntryPoint,
    round: &RoundInput,
) -> ExecutionInput {
    let own_callbacks = canister.contexts.open_callbacks();
    ExecutionInput {
        entry_point,
        environment: canister.environment(round),
        run_state: canister.run_state(),
        version: canister.version,
        time: round.time,
        caller: Principal::management_canister(),
        caller_info: None,
        argument: Payload::new(),
        method: String::new(),
        reject: None,
        cycles_available: 0,
        cycles_refunded: 0,
        deadline: None,
        may_respond: false,
        balance: canister.balance,
        memory_bytes: canister.memory_usage().total(),
        message_bytes: canister.queues.bytes(),
        subnet_memory: round.subnet_memory,
        reserved: canister.reserved,
        slots_taken: BTreeMap::new(),
        callbacks: SUBNET_CALLBACKS_SOFT_MAX
            .saturating_sub(round.subnet_callbacks)
            .max(CANISTER_CALLBACKS_GUARANTEED.saturating_sub(own_callbacks)),
        guaranteed_memory: round.guaranteed_memory,
        instructions_max: round.message_instructions_max,
        slice_instructions_max: round.slice_instructions_max,
        call_context_instructions: 0,
        global_timer: canister.global_timer,
        data_certificate: None,
    }
}

/// The input of an execution in the call context of `received`, as far as it depends only on the canister,
/// the round and the call.
pub(super) fn call_input(
    canister: &mut Canister,
    entry_point: EntryPoint,
    received: &ReceivedCall,
    round: &RoundInput,
) -> ExecutionInput {
    let mut input = input(canister, entry_point, round);
    add_call(&mut input, received);
    input
}

/// Adds what depends on the call to the input of an execution in its call context.
pub(super) fn add_call(input: &mut ExecutionInput, received: &ReceivedCall) {
    let ReceivedCall { origin, cycles } = received;
    input.caller = origin.caller();
    input.caller_info = origin.caller_info();
    input.cycles_available = *cycles;
    input.deadline = origin.deadline();
    input.may_respond = !matches!(origin, Origin::Task);
}

/// Executes code of the canister, and prints its debug output. The canister must have code.
pub(super) fn run(
    canister: &mut Canister,
    entry: Entry,
    input: impl Into<Arc<ExecutionInput>>,
) -> ExecutionOutput {
    let input = input.into();
    let environment = input.environment.clone();
    let output = in_sandbox(canister, |sandbox| run_within(sandbox, Extent::Whole, entry, input));
    let output = output.expect("it is executed as a whole");
    print(&environment, &output.log);
    output
}

/// Calls `execute` with the sandbox of a canister. Meanwhile, the sandbox has the pairs of queues. The canister must
/// have code.
pub(super) fn in_sandbox<T>(canister: &mut Canister, execute: impl FnOnce(&mut Sandbox) -> T) -> T {
    let Canister { sandbox, queues, .. } = canister;
    let sandbox = sandbox.as_mut().expect("there is code to run");
    std::mem::swap(&mut sandbox.pairs, queues.pairs());
    let executed = execute(sandbox);
    std::mem::swap(&mut sandbox.pairs, queues.pairs());
    executed
}

/// Executes code in a sandbox. If the execution is replicated, a trap is recorded in the canister log
/// (`system_api.rs`, `add_canister_log_for_trap`). `None` if the execution is longer than `extent`. Then it
/// has changed nothing.
pub(super) fn run_within(
    sandbox: &mut Sandbox,
    extent: Extent,
    entry: Entry,
    input: impl Into<Arc<ExecutionInput>>,
) -> Option<ExecutionOutput> {
    let input = input.into();
    let (is_replicated, time) = (input.entry_point.is_replicated(), input.time);
    let mut ran = sandbox.run(extent, entry, input);
    if is_replicated
        && let Some(output) = &mut ran
        && let Some(line) = output.result.as_ref().err().and_then(Trap::log_line)
    {
        output.log.print(time, line.as_bytes());
    }
    ran
}

/// Prints the debug output of an execution, with the name that the canister has in its own environment variables.
pub(super) fn print(environment: &Environment, log: &ExecutionLog) {
    for line in log.printed() {
        let canister = environment.canister;
        tracing::info!(target: "canister", %canister, name = environment.name(), "{line}");
    }
}

/// How much of a message or task a round executes at once.
pub(super) fn extent(round: &RoundInput) -> Extent {
    if round.defers_slices { Extent::FirstSlice } else { Extent::Whole }
}

/// Keeps the changes that an execution made in the memories: `changes`, or the pending changes if
/// `None`.
pub(super) fn keep(canister: &mut Canister, changes: Option<MemoryChanges>) {
    let sandbox = canister.sandbox.as_mut().expect("there is code that ran");
    match changes {
        Some(changes) => sandbox.apply(changes),
        None => sandbox.keep(),
    }
    canister.check_low_wasm_memory();
}

/// Undoes the changes that an execution made in the memories: `changes`, or the pending changes if `None`.
pub(super) fn undo(canister: &mut Canister, changes: Option<MemoryChanges>) {
    let sandbox = canister.sandbox.as_mut().expect("there is code that ran");
    match changes {
        Some(changes) => sandbox.discard(changes),
        None => sandbox.undo(),
    }
}

/// Applies the effects of an execution to the canister, except that the call context has fewer cycles left.
pub(super) fn apply(
    canister: &mut Canister,
    call_context_id: CallContextId,
    effects: Box<Effects>,
    round: &RoundInput,
) -> Outcome {
    canister.credit(effects.cycles_accepted);
    if effects.cycles_minted > 0 {
        canister.deposit(effects.cycles_minted);
    }
    canister.debit(effects.cycles_burned);
    canister.consumption.burn(effects.cycles_burned);
    canister.reserve(effects.cycles_reserved);
    if let Some(data) = effects.certified_data {
        canister.certified_data = data;
    }
    if let Some(timer) = effects.global_timer {
        canister.global_timer = timer;
    }
    for call in effects.calls {
        send_call(canister, call_context_id, call, round);
    }
    for (callee, limit, calls) in effects.refused.0 {
        let caller = canister.id;
        canister.trace.record(|| Event::Refused { caller, callee, call_context_id, limit, calls });
    }
    effects.response.map_or(Outcome::Nothing, Outcome::Responded)
}

/// Sends a call. An invalid call of the management canister is rejected at once.
fn send_call(
    canister: &mut Canister,
    call_context_id: CallContextId,
    mut call: OutgoingCall,
    round: &RoundInput,
) {
    call.callee = routing::receiver(call.callee, &call.content);
    let header = canister.contexts.register(call_context_id, &call, canister.id);
    canister.trace.record(|| Event::Sent {
        call: header.id(),
        callee: header.callee,
        method: call.content.method.clone(),
        call_context_id,
        cycles: call.content.cycles,
        withheld: call.price.total(),
        deadline: header.deadline,
    });
    canister.debit(call.price.total());
    canister.consumption.withhold(call.price);
    canister.debit(call.content.cycles);
    let request = Request { header, content: call.content };
    match routing::check_request(&request, canister.version, round.subnet, &round.routes) {
        Ok(()) => canister.queues.push_output_request(request, round.time),
        Err(reject) => {
            canister.contexts.settle(&header);
            canister.queues.push_rejected_request(request.rejected(reject));
        }
    }
}

/// An execution whose effects are applied.
pub(super) struct FinishedExecution {
    pub work: Work,
    pub call_context_id: CallContextId,
    pub outcome: Outcome,
    pub instructions: Instructions,
    /// The cost of the execution, in cycles.
    pub fee: Cycles,
    pub taken: Taken,
}

/// What an execution took from the attached cycles, the balance and the subnet memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub accepted: Cycles,
    pub burned: Cycles,
    /// Subnet memory that the execution allocated, in bytes.
    pub memory: u64,
    /// Heap delta, in bytes.
    pub written: u64,
}

impl From<&Effects> for Taken {
    fn from(effects: &Effects) -> Self {
        Self {
            accepted: effects.cycles_accepted,
            burned: effects.cycles_burned,
            memory: effects.memory_taken,
            written: effects.heap_delta_bytes,
        }
    }
}

impl FinishedExecution {
    /// The event of the execution.
    fn event(&self, canister: CanisterId) -> Event {
        Event::Executed {
            canister: canister.into(),
            work: self.work,
            call_context_id: Some(self.call_context_id),
            result: match &self.outcome {
                Outcome::Failed(trap) => Err(trap.code()),
                Outcome::Responded(_) | Outcome::Nothing => Ok(()),
            },
            instructions: self.instructions,
            fee: self.fee,
            accepted: self.taken.accepted,
            burned: self.taken.burned,
        }
    }
}

/// Records an execution, concludes its call context, and sends the response if there is one.
pub(super) fn conclude(canister: &mut Canister, finished: FinishedExecution) -> Execution {
    canister.trace.record(|| finished.event(canister.id));
    let FinishedExecution { call_context_id, outcome, instructions, taken, .. } = finished;
    let response = canister.contexts.conclude(call_context_id, outcome, instructions, canister.id);
    let response = response.and_then(|response| send(canister, response));
    executed(instructions, taken, response)
}

/// Records the only execution of a call context that was not opened, and sends the response.
pub(super) fn conclude_at_once(
    canister: &mut Canister,
    received: ReceivedCall,
    finished: FinishedExecution,
) -> Execution {
    canister.trace.record(|| finished.event(canister.id));
    let FinishedExecution { outcome, instructions, taken, .. } = finished;
    let response = last_response(received, outcome, canister.id);
    let response = send(canister, response);
    executed(instructions, taken, response)
}

fn executed(
    instructions: Instructions,
    taken: Taken,
    response: Option<Box<CallResponse>>,
) -> Execution {
    let Taken { memory, written, .. } = taken;
    Execution {
        instructions,
        memory_taken: memory,
        heap_delta_bytes: written,
        response,
        processing: None,
    }
}

/// Sends a response to a canister, or returns a response to a user.
pub(super) fn send(canister: &mut Canister, response: CallResponse) -> Option<Box<CallResponse>> {
    if matches!(response.origin, Origin::Ingress { .. }) {
        return Some(response.into());
    }
    if let Some(response) = response.into_canister_response() {
        canister.trace.record(|| response.made(Responder::Callee));
        canister.queues.push_output_response(response);
    }
    None
}
