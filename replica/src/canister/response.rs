//! Executes the callback a response is for, and its cleanup when that fails.
//!
//! Rules: `execution_environment/src/execution/response.rs` in the replica's repository.

use crate::canister::call_context::{Callback, Origin, Outcome};
use crate::canister::sandbox::Entry;
use crate::canister::state::Canister;
use crate::canister::steps::*;
use crate::error::Trap;
use crate::limits::CLEANUP_RESERVE_PERCENT;
use crate::message::Response;
use crate::system_api::{Context, ExecutionInput};
use crate::trace::Work;
use crate::types::{Cycles, Instructions, Payload};

/// Executes the callback a response is for.
pub(super) fn execute_response(
    canister: &mut Canister,
    response: Response,
    round: &RoundContext,
) -> Execution {
    let bytes = response.payload_bytes();
    let Some(callback) = canister.contexts.take_callback(response.callback) else {
        canister.credit(response.refund);
        return Execution::default();
    };
    let unsent = callback
        .price
        .response_transmission
        .saturating_sub(round.prices.response_transmission(bytes));
    canister.credit(response.refund + unsent);

    let (call, refund) = (response.call(), response.refund);
    let reject = response.result.as_ref().err().map(|reject| reject.code);
    let ran = match canister.contexts.get(callback.context).deleted {
        true => Ran::nothing(round),
        false => run_callback(canister, &callback, response, round),
    };
    let fee = ran.fee.min(callback.price.response_execution);
    let unspent = callback.price.response_execution - fee;
    canister.credit(unspent);
    let executed = Executed {
        work: Work::Response { call, reject, refund, unspent: unsent + unspent },
        context: callback.context,
        outcome: ran.outcome,
        instructions: ran.instructions,
        fee,
        cycles: ran.cycles,
    };
    conclude(canister, executed)
}

/// What running a callback, and its cleanup if that failed, came to.
struct Ran {
    outcome: Outcome,
    instructions: Instructions,
    fee: Cycles,
    cycles: Taken,
}

impl Ran {
    /// What is left of a call whose code is gone: its callback does not run, but is paid for.
    fn nothing(round: &RoundContext) -> Self {
        let fee = round.prices.execution(0, false);
        Self { outcome: Outcome::Nothing, instructions: 0, fee, cycles: Taken::default() }
    }
}

fn run_callback(
    canister: &mut Canister,
    callback: &Callback,
    response: Response,
    round: &RoundContext,
) -> Ran {
    let context = canister.contexts.get(callback.context);
    let (kind, closure, argument, reject) = match response.result {
        Ok(reply) => (Context::ReplyCallback, callback.on_reply, reply, None),
        Err(reject) => (Context::RejectCallback, callback.on_reject, Payload::new(), Some(reject)),
    };
    let base = ExecutionInput {
        caller: context.origin.caller(),
        cycles_available: context.cycles_available,
        cycles_refunded: response.refund,
        deadline: context.origin.deadline(),
        answerable: !context.answered && context.origin != Origin::Task,
        context_instructions: context.instructions,
        reject,
        ..input(canister, kind, round)
    };
    let cleanup_reserve = round.message_instructions_max / 100 * CLEANUP_RESERVE_PERCENT;
    let callback_input = ExecutionInput {
        argument,
        instructions_max: round.message_instructions_max - cleanup_reserve,
        ..base.clone()
    };
    let executed = run(canister, Entry::Closure(closure), callback_input, round);
    let mut instructions = executed.instructions;
    let (outcome, cycles) = match executed.result {
        Ok(effects) => {
            keep(canister);
            let cycles = Taken::from(&effects);
            let outcome = apply(canister, callback.context, effects, round);
            canister.version += 1;
            (outcome, cycles)
        }
        Err(trap) => {
            undo(canister);
            let left = round.message_instructions_max.saturating_sub(instructions);
            let input = ExecutionInput { instructions_max: left, ..base };
            let (trap, used, cycles) = clean_up(canister, callback, input, trap, round);
            instructions += used;
            (Outcome::Failed(trap), cycles)
        }
    };
    let wasm64 = canister.environment(round).wasm64;
    let fee = round.prices.execution(instructions, wasm64);
    Ran { outcome, instructions, fee, cycles }
}

/// Runs the cleanup of a callback that failed with `trap`, if there is one. What it does counts;
/// the callback's failure stays the outcome.
fn clean_up(
    canister: &mut Canister,
    callback: &Callback,
    input: ExecutionInput,
    trap: Trap,
    round: &RoundContext,
) -> (Trap, Instructions, Taken) {
    let Some(cleanup) = callback.on_cleanup else { return (trap, 0, Taken::default()) };
    let input = ExecutionInput {
        context: Context::Cleanup,
        cycles_available: 0,
        answerable: false,
        ..input
    };
    let executed = run(canister, Entry::Closure(cleanup), input, round);
    match executed.result {
        Ok(effects) => {
            keep(canister);
            let cycles = Taken::from(&effects);
            apply(canister, callback.context, effects, round);
            canister.version += 1;
            (trap, executed.instructions, cycles)
        }
        Err(failure) => {
            undo(canister);
            let trap = Trap::Cleanup { callback: Box::new(trap), cleanup: Box::new(failure) };
            (trap, executed.instructions, Taken::default())
        }
    }
}
