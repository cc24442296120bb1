//! Executes one message: prepay, run, keep or undo the changes, settle the fee, respond.
//!
//! Rules: `execution_environment/src/execution/call_or_task.rs` in the replica's repository.

use crate::canister::pause::{defer, pause};
use crate::canister::paused::{CallExecution, PausedWork};
use crate::canister::received_call::{Failure, Origin, Outcome, ReceivedCall};
use crate::canister::response::execute_response;
use crate::canister::round::{Execution, RoundInput};
use crate::canister::sandbox::{Entry, ExecutionOutput, Extent, MemoryChanges, Sandbox};
use crate::canister::slices::Slices;
use crate::canister::state::Canister;
use crate::canister::steps::*;
use crate::error::{ErrorCode, Trap, UserError};
use crate::message::{CallContent, Ingress, Message, Request};
use crate::queues::Input;
use crate::system_api::{EntryPoint, ExecutionInput};
use crate::trace::{Event, Work};
use crate::types::{CanisterId, Cycles, Instructions};
use crate::wasm::{Method, MethodKind};
use std::sync::Arc;

/// Executes the next message in the queues of a canister. `None` if the queues are empty.
pub fn execute_next(canister: &mut Canister, round: &RoundInput) -> Option<Execution> {
    Some(match canister.queues.pop_input()? {
        Input::Ingress(ingress) => execute_ingress(canister, *ingress, round),
        Input::Message(Message::Request(request)) => execute_request(canister, request, round),
        Input::Message(Message::Response(response)) => execute_response(canister, response, round),
    })
}

fn execute_ingress(canister: &mut Canister, ingress: Ingress, round: &RoundInput) -> Execution {
    let Ingress { id: message, sender, caller_info: info, method, argument, .. } = ingress;
    let origin = Origin::Ingress { message, sender, info };
    let content = CallContent { method, argument, cycles: 0 };
    let mut execution = execute_call(canister, NewCall { origin, content }, round);
    if execution.response.is_none() {
        execution.processing = Some(message);
    }
    execution
}

#[expect(clippy::boxed_local, reason = "the request moves as a pointer")]
fn execute_request(
    canister: &mut Canister,
    request: Box<Request>,
    round: &RoundInput,
) -> Execution {
    let Request { header, content } = *request;
    execute_call(canister, NewCall { origin: Origin::Canister(header), content }, round)
}

/// A call, or a task, that has no call context yet.
pub(super) struct NewCall {
    origin: Origin,
    content: CallContent,
}

impl NewCall {
    /// The call that a task begins with: without a caller, a method and an argument.
    pub(super) fn task() -> Self {
        Self { origin: Origin::Task, content: CallContent::default() }
    }
}

fn execute_call(canister: &mut Canister, call: NewCall, round: &RoundInput) -> Execution {
    let instructions_max = instructions_max(canister, &call.content.method, round);
    execute(canister, call, instructions_max, round, |canister, call| {
        let callable = callable(canister, &call.content.method)?;
        check_heap(canister, callable.0).map_err(|trap| trap.into_user_error(canister.id))?;
        Ok(callable)
    })
}

/// The entry point of an update call of `method`.
fn callable(canister: &Canister, method: &str) -> Result<(EntryPoint, Entry), UserError> {
    let id = canister.id;
    let found = runnable_module(canister)?.methods.get(method);
    let entry = |method: &Method| Entry::Export(method.export.clone());
    match found.map(|method| (method.kind, entry(method))) {
        Some((MethodKind::Update, entry)) => Ok((EntryPoint::Update, entry)),
        Some((MethodKind::Query, entry)) => Ok((EntryPoint::ReplicatedQuery, entry)),
        Some((MethodKind::CompositeQuery, _)) => Err(composite_query_called(id, method)),
        None => {
            let kind = MethodKind::Update.name();
            Err(Trap::MethodNotFound { kind: kind.into(), method: method.into() }
                .into_user_error(id))
        }
    }
}

impl Canister {
    /// Checks that no composite query has this name.
    ///
    /// # Errors
    ///
    /// `CompositeQueryCalledInReplicatedMode`, if there is one: a user calls it as an update.
    pub fn check_no_composite_query(&self, method: &str) -> Result<(), UserError> {
        match runnable_module(self)?.methods.get(method).map(|method| method.kind) {
            Some(MethodKind::CompositeQuery) => Err(composite_query_called(self.id, method)),
            Some(MethodKind::Update | MethodKind::Query) | None => Ok(()),
        }
    }
}

fn composite_query_called(canister: CanisterId, method: &str) -> UserError {
    UserError::new(
        ErrorCode::CompositeQueryCalledInReplicatedMode,
        format!(
            "Composite query '{method}' of Canister {canister} cannot be called in replicated mode, \
             as an update"
        ),
    )
}

/// Rejects a call that is not executed, and refunds all its cycles. The canister has paid `fee` for it.
fn refuse(canister: &mut Canister, call: NewCall, error: UserError, fee: Cycles) -> Execution {
    canister.trace.record(|| Event::Executed {
        canister: canister.id.into(),
        work: Work::from(&call.origin),
        call_context_id: None,
        result: Err(error.code),
        instructions: 0,
        fee,
        accepted: 0,
        burned: 0,
    });
    let received = ReceivedCall { origin: call.origin, cycles: call.content.cycles };
    let response = received.respond(Err(Failure::Error(error)));
    Execution { response: send(canister, response), ..Execution::default() }
}

/// Checks that the heap is not larger than the limit for update calls (`wasm_memory_limit`).
fn check_heap(canister: &Canister, entry_point: EntryPoint) -> Result<(), Trap> {
    let limit = canister.settings.wasm_memory_limit;
    let bytes = canister.heap_bytes();
    if entry_point == EntryPoint::Update && limit != 0 && bytes > limit {
        return Err(Trap::WasmMemoryLimit { bytes, limit });
    }
    Ok(())
}

/// The instruction limit of a call of `method`. A query method has a lower limit and a lower prepayment
/// (`execution_environment.rs`, `execute_call`).
fn instructions_max(canister: &Canister, method: &str, round: &RoundInput) -> Instructions {
    let module = canister.sandbox.as_ref().map(|sandbox| &sandbox.module().info);
    match module.and_then(|module| module.methods.get(method)).map(|method| method.kind) {
        Some(MethodKind::Query | MethodKind::CompositeQuery) => round.query_instructions_max,
        Some(MethodKind::Update) | None => round.message_instructions_max,
    }
}

/// The cycles that the canister prepays for a message with this instruction limit.
pub(super) fn prepayment(
    canister: &Canister,
    instructions_max: Instructions,
    round: &RoundInput,
) -> Cycles {
    round.prices.execution(instructions_max, canister.is_wasm64())
}

/// Executes the first message of a new call context. After the prepayment, `prepare` finds the code to
/// run. If it finds none, the canister pays the fee of an execution without instructions.
pub(super) fn execute(
    canister: &mut Canister,
    call: NewCall,
    instructions_max: Instructions,
    round: &RoundInput,
    prepare: impl FnOnce(&Canister, &NewCall) -> Result<(EntryPoint, Entry), UserError>,
) -> Execution {
    let prepaid = prepayment(canister, instructions_max, round);
    if let Err(error) = withdraw(canister, prepaid, || call.origin.caller(), round) {
        return refuse(canister, call, error, 0);
    }
    let wasm64 = canister.is_wasm64();
    let (entry_point, entry) = match prepare(canister, &call) {
        Ok(prepared) => prepared,
        Err(error) => {
            let fee = round.prices.spent(prepaid, instructions_max, wasm64);
            canister.credit(prepaid - fee);
            canister.consumption.instructions += fee;
            return refuse(canister, call, error, fee);
        }
    };
    let NewCall { origin, content: CallContent { argument, cycles, .. } } = call;
    let received = ReceivedCall { origin, cycles };
    let mut input = call_input(canister, entry_point, &received, round);
    input.argument = argument;
    input.instructions_max = instructions_max;
    let call = ReadyCall { received, entry, input: input.into(), wasm64, prepaid };
    let Some(output) = in_sandbox(canister, |sandbox| call.run(sandbox, extent(round))) else {
        return defer(canister, false, move |sandbox| call.run_whole(sandbox), round);
    };
    let (call, slices) = call.executed(output);
    match slices.count {
        1 => finish_call(canister, call, None, round),
        _ => pause(canister, PausedWork::Call(Box::new(call)), slices, round),
    }
}

/// A call or a task that the canister has prepaid.
struct ReadyCall {
    received: ReceivedCall,
    entry: Entry,
    input: Arc<ExecutionInput>,
    wasm64: bool,
    prepaid: Cycles,
}

impl ReadyCall {
    /// Executes the call. `None` if the execution is longer than `extent`.
    fn run(&self, sandbox: &mut Sandbox, extent: Extent) -> Option<ExecutionOutput> {
        run_within(sandbox, extent, self.entry.clone(), self.input.clone())
    }

    /// Executes the whole call in the sandbox of the canister, which has code.
    fn run_whole(self, sandbox: Option<&mut Sandbox>) -> (PausedWork, Slices) {
        let output = sandbox.and_then(|sandbox| self.run(sandbox, Extent::Whole));
        let (call, slices) = self.executed(output.expect("there is code, and it is all executed"));
        (PausedWork::Call(Box::new(call)), slices)
    }

    fn executed(self, output: ExecutionOutput) -> (CallExecution, Slices) {
        let Self { received, input, wasm64, prepaid, .. } = self;
        let ExecutionInput { entry_point, instructions_max, .. } = *input;
        print(&input.environment, &output.log);
        let slices = Slices {
            count: output.slices,
            instructions_max: input.slice_instructions_max,
            instructions: output.instructions,
        };
        let call =
            CallExecution { received, entry_point, wasm64, prepaid, instructions_max, output };
        (call, slices)
    }
}

/// Makes an execution of a call or a task count: keeps its changes of the memories, opens its call
/// context, and responds if a response is due. The changes are in `changes`, or pending in the sandbox.
pub(super) fn finish_call(
    canister: &mut Canister,
    call: CallExecution,
    changes: Option<MemoryChanges>,
    round: &RoundInput,
) -> Execution {
    let CallExecution { mut received, entry_point, wasm64, prepaid, instructions_max, output } =
        call;
    let instructions = output.instructions;
    let unused = instructions_max.saturating_sub(instructions);
    let fee = round.prices.spent(prepaid, unused, wasm64);
    canister.credit(prepaid - fee);
    canister.consumption.instructions += fee;
    canister.add_log(output.log);
    let work = Work::from(&received.origin);
    let effects = match output.result {
        Ok(effects) => effects,
        Err(trap) => {
            undo(canister, changes);
            let (outcome, taken) = (Outcome::Failed(trap), Taken::default());
            let call_context_id = canister.contexts.next_id();
            let finished =
                FinishedExecution { work, call_context_id, outcome, instructions, fee, taken };
            return conclude_at_once(canister, received, finished);
        }
    };
    if entry_point == EntryPoint::ReplicatedQuery {
        undo(canister, changes);
    } else {
        keep(canister, changes);
    }
    received.cycles -= effects.cycles_accepted;
    let taken = Taken::from(&*effects);
    // Without calls, nothing follows, so no call context is opened.
    let (call_context_id, unopened) = match effects.calls.is_empty() {
        true => (canister.contexts.next_id(), Some(received)),
        false => (canister.contexts.open(received), None),
    };
    let outcome = apply(canister, call_context_id, effects, round);
    canister.version += 1;
    let finished = FinishedExecution { work, call_context_id, outcome, instructions, fee, taken };
    match unopened {
        Some(received) => conclude_at_once(canister, received, finished),
        None => conclude(canister, finished),
    }
}
