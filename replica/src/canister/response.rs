//! Executes the callback that a response is for, and the cleanup callback if the callback traps.
//!
//! Rules: `execution_environment/src/execution/response.rs` in the replica's repository.

use crate::canister::call_context::{CallContext, Callback, Outcome};
use crate::canister::pause::pause;
use crate::canister::paused::{CallbackOutput, PausedWork, ResponseExecution};
use crate::canister::round::{Execution, RoundInput};
use crate::canister::sandbox::{Entry, MemoryChanges};
use crate::canister::slices::Slices;
use crate::canister::state::Canister;
use crate::canister::steps::*;
use crate::error::Trap;
use crate::limits::{CLEANUP_RESERVE_PERCENT, MESSAGE_INSTRUCTIONS_MAX};
use crate::message::Response;
use crate::system_api::{EntryPoint, ExecutionInput};
use crate::trace::Work;
use crate::types::{Cycles, Payload};
use std::sync::Arc;

/// Executes the callback that a response is for.
pub(super) fn execute_response(
    canister: &mut Canister,
    response: Response,
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
    let deleted = canister.contexts.get(callback.call_context_id).deleted;
    let (output, slices) = match deleted {
        // The callback belongs to uninstalled code, so it is not executed.
        true => (CallbackOutput::default(), 1),
        false => run_callback(canister, &callback, response, refund + unsent, round),
    };
    let slices = Slices {
        count: slices,
        instructions_max: round.slice_instructions_max,
        instructions: output.instructions,
    };
    let execution = ResponseExecution {
        call,
        reject,
        call_context_id: callback.call_context_id,
        refund,
        unsent,
        withheld: callback.price.response_execution,
        // The response to a call of uninstalled code is charged like 32-bit code.
        wasm64: !deleted && canister.is_wasm64(),
        output,
    };
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
        canister.log.append(log);
    }
    let mut taken = Taken::default();
    let mut outcome = Outcome::Nothing;
    if let Some(effects) = effects {
        keep(canister, changes);
        taken = Taken::from(&effects);
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

/// Executes a callback, and its cleanup callback if it traps. `returned` are the cycles that the
/// canister gets back with the response. The second result is the number of slices of both callbacks.
fn run_callback(
    canister: &mut Canister,
    callback: &Callback,
    response: Response,
    returned: Cycles,
    round: &RoundInput,
) -> (CallbackOutput, u64) {
    let CallContext { received, responded, instructions, .. } =
        canister.contexts.get(callback.call_context_id).clone();
    let (kind, closure, argument, reject) = match response.result {
        Ok(reply) => (EntryPoint::ReplyCallback, callback.functions.on_reply, reply, None),
        Err(reject) => {
            (EntryPoint::RejectCallback, callback.functions.on_reject, Payload::new(), Some(reject))
        }
    };
    let cleanup_reserve = round.message_instructions_max / 100 * CLEANUP_RESERVE_PERCENT;
    let input = Arc::new(ExecutionInput {
        argument,
        cycles_refunded: response.refund,
        // A callback of a timer or a heartbeat may respond, too. The response goes nowhere.
        may_respond: !responded,
        call_context_instructions: instructions,
        balance: canister.balance.saturating_add(returned),
        reject,
        instructions_max: round.message_instructions_max - cleanup_reserve,
        ..call_input(canister, kind, &received, round)
    });
    let ran = run(canister, Entry::Closure(closure), input.clone(), round);
    let mut output = CallbackOutput {
        effects: None,
        trap: None,
        instructions: ran.instructions,
        logs: vec![ran.log],
    };
    let mut slices = ran.slices;
    match ran.result {
        Ok(effects) => output.effects = Some(effects),
        Err(trap) => {
            undo(canister);
            slices += clean_up(canister, callback, &input, trap, &mut output, round);
        }
    }
    (output, slices)
}

/// Executes the cleanup callback, if there is one, of a callback that failed with `trap`. Returns the
/// number of slices that this adds to those of the callback.
fn clean_up(
    canister: &mut Canister,
    callback: &Callback,
    input: &ExecutionInput,
    trap: Trap,
    output: &mut CallbackOutput,
    round: &RoundInput,
) -> u64 {
    let Some(cleanup) = callback.functions.on_cleanup else {
        output.trap = Some(trap);
        return 0;
    };
    let instructions_max = round.message_instructions_max.saturating_sub(output.instructions);
    let input = ExecutionInput {
        entry_point: EntryPoint::Cleanup,
        argument: Payload::new(),
        cycles_available: 0,
        may_respond: false,
        instructions_max,
        ..input.clone()
    };
    let ran = run(canister, Entry::Closure(cleanup), input, round);
    output.instructions += ran.instructions;
    output.logs.push(ran.log);
    output.trap = Some(match ran.result {
        Ok(effects) => {
            output.effects = Some(effects);
            trap
        }
        Err(failure) => {
            undo(canister);
            Trap::Cleanup { callback: Box::new(trap), cleanup: Box::new(failure) }
        }
    });
    // The first slice of the cleanup callback is executed in the same round as the last slice of the
    // callback.
    ran.slices - 1
}
