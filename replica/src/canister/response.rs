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
use crate::types::{Instructions, Payload};

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

    let context = canister.contexts.get(callback.context);
    if context.deleted {
        canister.credit(callback.price.response_execution);
        return conclude(canister, callback.context, Outcome::Nothing, 0);
    }
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
    let outcome = match executed.result {
        Ok(effects) => {
            keep(canister);
            let outcome = apply(canister, callback.context, effects, round);
            canister.version += 1;
            outcome
        }
        Err(trap) => {
            undo(canister);
            let left = round.message_instructions_max.saturating_sub(instructions);
            let input = ExecutionInput {
                instructions_max: left,
                context_instructions: base.context_instructions + instructions,
                ..base
            };
            let (trap, used) = clean_up(canister, &callback, input, trap, round);
            instructions += used;
            Outcome::Failed(trap)
        }
    };
    let wasm64 = canister.environment(round).wasm64;
    let spent = round.prices.execution(instructions, wasm64);
    canister.credit(callback.price.response_execution.saturating_sub(spent));
    conclude(canister, callback.context, outcome, instructions)
}

/// Runs the cleanup of a callback that failed with `trap`, if there is one. What it does counts;
/// the callback's failure stays the outcome.
fn clean_up(
    canister: &mut Canister,
    callback: &Callback,
    input: ExecutionInput,
    trap: Trap,
    round: &RoundContext,
) -> (Trap, Instructions) {
    let Some(cleanup) = callback.on_cleanup else { return (trap, 0) };
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
            apply(canister, callback.context, effects, round);
            canister.version += 1;
            (trap, executed.instructions)
        }
        Err(failure) => {
            undo(canister);
            let trap = Trap::Cleanup { callback: Box::new(trap), cleanup: Box::new(failure) };
            (trap, executed.instructions)
        }
    }
}
