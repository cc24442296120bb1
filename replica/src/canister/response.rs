//! Executes the callback that a response is for, and the cleanup callback if the callback traps.
//!
//! Rules: `execution_environment/src/execution/response.rs` in the replica's repository.

use crate::canister::call_context::Callback;
use crate::canister::pause::{defer, pause};
use crate::canister::paused::{CallbackOutput, PausedWork, ResponseExecution};
use crate::canister::received_call::Outcome;
use crate::canister::round::{Execution, RoundInput};
use crate::canister::sandbox::{Entry, Extent, MemoryChanges, Sandbox};
use crate::canister::slices::Slices;
use crate::canister::state::Canister;
use crate::canister::steps::*;
use crate::error::Trap;
use crate::limits::{CLEANUP_RESERVE_PERCENT, MESSAGE_INSTRUCTIONS_MAX};
use crate::message::Response;
use crate::system_api::{Callbacks, Closure, EntryPoint, ExecutionInput};
use crate::trace::Work;
use crate::types::{Instructions, Payload};
use std::sync::Arc;

/// Executes the callback that a response is for.
pub(super) fn execute_response(
    canister: &mut Canister,
    response: Box<Response>,
    round: &RoundInput,
) -> Execution {
    let bytes = response.payload_bytes();
    let Some(callback) = canister.contexts.take_callback(response.header.callback) else {
        canister.credit(response.refund);
        return Execution::default();
    };
    let unsent = callback
        .price
        .response_transmission
        .saturating_sub(round.prices.response_transmission(bytes));

    let (call, refund) = (response.call(), response.refund);
    let reject = response.result.as_ref().err().map(|reject| reject.code);
    let call_context_id = callback.call_context_id;
    let deleted = canister.contexts.get(call_context_id).deleted;
    let execution = ResponseExecution {
        call,
        reject,
        call_context_id,
        refund,
        unsent,
        withheld: callback.price.response_execution,
        // The response to a call of uninstalled code is charged like 32-bit code.
        wasm64: !deleted && canister.is_wasm64(),
        output: CallbackOutput::default(),
    };
    if deleted {
        // The callback belongs to uninstalled code, so it is not executed.
        return finish_response(canister, execution, None, round);
    }
    let callback = ReadyCallback::new(canister, &callback, response, execution, round);
    let ran = in_sandbox(canister, |sandbox| callback.run(sandbox, extent(round)));
    let Some(output) = ran else {
        return defer(canister, false, move |sandbox| callback.run_whole(sandbox), round);
    };
    let (execution, slices) = callback.executed(output);
    match slices.count {
        1 => finish_response(canister, execution, None, round),
        _ => pause(canister, PausedWork::Response(Box::new(execution)), slices, round),
    }
}

/// Finishes the execution of a callback. Keeps the changes of the memories, which are `changes` or
/// pending in the sandbox, applies the effects, and sends the response if there is one.
pub(super) fn finish_response(
    canister: &mut Canister,
    execution: ResponseExecution,
    changes: Option<MemoryChanges>,
    round: &RoundInput,
) -> Execution {
    let ResponseExecution { call, reject, call_context_id, refund, unsent, withheld, .. } =
        execution;
    let CallbackOutput { effects, trap, instructions, logs } = execution.output;
    canister.credit(refund + unsent);
    for log in logs {
        canister.add_log(log);
    }
    let mut taken = Taken::default();
    let mut outcome = Outcome::Nothing;
    if let Some(effects) = effects {
        keep(canister, changes);
        taken = Taken::from(&*effects);
        canister.contexts.accept_cycles(call_context_id, effects.cycles_accepted);
        outcome = apply(canister, call_context_id, effects, round);
        canister.version += 1;
    }
    // A callback that trapped has failed, even if its cleanup callback succeeded.
    if let Some(trap) = trap {
        outcome = Outcome::Failed(trap);
    }
    let unused = MESSAGE_INSTRUCTIONS_MAX.saturating_sub(instructions);
    let fee = round.prices.spent(withheld, unused, execution.wasm64);
    let unspent = withheld - fee;
    canister.credit(unspent);
    canister.consumption.give_back(unsent, unspent);
    let work = Work::Response { call, reject, refund, unspent: unsent + unspent };
    conclude(
        canister,
        FinishedExecution { work, call_context_id, outcome, instructions, fee, taken },
    )
}

/// A callback that is about to be executed.
struct ReadyCallback {
    functions: Callbacks,
    closure: Closure,
    input: Arc<ExecutionInput>,
    /// Instruction limit of the callback and its cleanup callback together.
    instructions_max: Instructions,
    /// The execution without its output.
    execution: ResponseExecution,
}

/// The result of a callback and of its cleanup callback, and the number of slices of both.
type Ran = (CallbackOutput, u64);

impl ReadyCallback {
    #[expect(clippy::boxed_local, reason = "the response moves as a pointer")]
    fn new(
        canister: &mut Canister,
        callback: &Callback,
        response: Box<Response>,
        execution: ResponseExecution,
        round: &RoundInput,
    ) -> Self {
        let functions = callback.functions;
        let (kind, closure, argument, reject) = match response.result {
            Ok(reply) => (EntryPoint::ReplyCallback, functions.on_reply, reply, None),
            Err(reject) => {
                (EntryPoint::RejectCallback, functions.on_reject, Payload::new(), Some(reject))
            }
        };
        let instructions_max = round.message_instructions_max;
        let cleanup_reserve = instructions_max / 100 * CLEANUP_RESERVE_PERCENT;
        // The canister gets these cycles back with the response.
        let returned = execution.refund + execution.unsent;
        let mut input = input(canister, kind, round);
        let context = canister.contexts.get(callback.call_context_id);
        add_call(&mut input, &context.received);
        input.argument = argument;
        input.cycles_refunded = response.refund;
        // A callback of a timer or a heartbeat may respond, too. The response goes nowhere.
        input.may_respond = !context.responded;
        input.call_context_instructions = context.instructions;
        input.balance = canister.balance.saturating_add(returned);
        input.reject = reject;
        input.instructions_max = instructions_max - cleanup_reserve;
        Self { functions, closure, input: input.into(), instructions_max, execution }
    }

    /// Executes the callback, and its cleanup callback if the callback traps. `None` if one of them is
    /// longer than `extent`.
    fn run(&self, sandbox: &mut Sandbox, extent: Extent) -> Option<Ran> {
        let entry = Entry::Closure(self.closure);
        let ran = run_within(sandbox, extent, entry, self.input.clone())?;
        let mut output = CallbackOutput {
            effects: None,
            trap: None,
            instructions: ran.instructions,
            logs: Vec::from_iter(Some(ran.log).filter(|log| !log.is_empty())),
        };
        let mut slices = ran.slices;
        match ran.result {
            Ok(effects) => output.effects = Some(effects),
            Err(trap) => {
                sandbox.undo();
                slices += self.clean_up(sandbox, extent, trap, &mut output)?;
            }
        }
        Some((output, slices))
    }

    /// Executes the cleanup callback, if there is one, of a callback that failed with `trap`. Returns the
    /// number of slices that this adds to those of the callback. `None` if the cleanup callback is longer
    /// than `extent`.
    fn clean_up(
        &self,
        sandbox: &mut Sandbox,
        extent: Extent,
        trap: Trap,
        output: &mut CallbackOutput,
    ) -> Option<u64> {
        let Some(cleanup) = self.functions.on_cleanup else {
            output.trap = Some(trap);
            return Some(0);
        };
        let input = ExecutionInput {
            entry_point: EntryPoint::Cleanup,
            argument: Payload::new(),
            cycles_available: 0,
            may_respond: false,
            instructions_max: self.instructions_max.saturating_sub(output.instructions),
            ..ExecutionInput::clone(&self.input)
        };
        let ran = run_within(sandbox, extent, Entry::Closure(cleanup), input)?;
        output.instructions += ran.instructions;
        output.logs.push(ran.log);
        output.trap = Some(match ran.result {
            Ok(effects) => {
                output.effects = Some(effects);
                trap
            }
            Err(failure) => {
                sandbox.undo();
                Trap::Cleanup { callback: Box::new(trap), cleanup: Box::new(failure) }
            }
        });
        // The first slice of the cleanup callback is executed in the same round as the last slice of the
        // callback.
        Some(ran.slices - 1)
    }

    /// Executes all of the callback in the sandbox of the canister, which has code.
    fn run_whole(self, sandbox: Option<&mut Sandbox>) -> (PausedWork, Slices) {
        let ran = sandbox.and_then(|sandbox| self.run(sandbox, Extent::Whole));
        let (execution, slices) =
            self.executed(ran.expect("there is code, and it is all executed"));
        (PausedWork::Response(Box::new(execution)), slices)
    }

    fn executed(self, (output, count): Ran) -> (ResponseExecution, Slices) {
        let Self { input, execution, .. } = self;
        for log in &output.logs {
            print(&input.environment, log);
        }
        let slices = Slices {
            count,
            instructions_max: input.slice_instructions_max,
            instructions: output.instructions,
        };
        (ResponseExecution { output, ..execution }, slices)
    }
}
