//! Executes the callback a response is for, and its cleanup when that fails.
//!
//! Rules: `execution_environment/src/execution/response.rs` in the replica's repository.

use crate::canister::call_context::{Callback, Origin, Outcome};
use crate::canister::long::{Slices, finish_message};
use crate::canister::sandbox::Entry;
use crate::canister::state::Canister;
use crate::canister::steps::*;
use crate::error::Trap;
use crate::limits::CLEANUP_RESERVE_PERCENT;
use crate::log::ExecutionLog;
use crate::message::Response;
use crate::system_api::{Effects, EntryPoint, ExecutionInput};
use crate::trace::Work;
use crate::types::{Cycles, Payload};
use std::sync::Arc;

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

    let (call, refund) = (response.call(), response.refund);
    let reject = response.result.as_ref().err().map(|reject| reject.code);
    let deleted = canister.contexts.get(callback.context).deleted;
    let ran = match deleted {
        true => Ran::nothing(round),
        false => run_callback(canister, &callback, response, refund + unsent, round),
    };
    // What is left of a call whose code is gone is paid for as if there were 32-bit code.
    let wasm64 = !deleted && canister.is_wasm64();
    finish_message(canister, ran.slices, round, move |canister, round, held| {
        canister.credit(refund + unsent);
        let Ran { effects, failure, slices, logs } = ran;
        for log in logs {
            canister.log.append(log);
        }
        let mut taken = Taken::default();
        let mut outcome = Outcome::Nothing;
        if let Some(effects) = effects {
            keep(canister, held);
            taken = Taken::from(&effects);
            outcome = apply(canister, callback.context, effects, round);
            canister.version += 1;
        }
        // That of a callback that failed is its failure, whatever its cleanup did.
        if let Some(trap) = failure {
            outcome = Outcome::Failed(trap);
        }
        let instructions = slices.instructions;
        let withheld = callback.price.response_execution;
        let fee = round.prices.execution(instructions, wasm64).min(withheld);
        let unspent = withheld - fee;
        canister.credit(unspent);
        canister.consumption.give_back(unsent, unspent);
        let work = Work::Response { call, reject, refund, unspent: unsent + unspent };
        let context = callback.context;
        conclude(canister, Executed { work, context, outcome, instructions, fee, taken })
    })
}

/// What running a callback, and its cleanup if that failed, came to.
struct Ran {
    /// Of the one that did not fail, if there is one. What it did to the memories is pending.
    effects: Option<Effects>,
    /// Of the callback.
    failure: Option<Trap>,
    slices: Slices,
    logs: Vec<ExecutionLog>,
}

impl Ran {
    /// Of a call whose code is gone: its callback does not run.
    fn nothing(round: &RoundContext) -> Self {
        let instructions_max = round.slice_instructions_max;
        let slices = Slices { count: 1, instructions_max, instructions: 0 };
        Self { effects: None, failure: None, slices, logs: Vec::new() }
    }
}

/// Runs a callback, to which `returned` cycles come back with its response.
fn run_callback(
    canister: &mut Canister,
    callback: &Callback,
    response: Response,
    returned: Cycles,
    round: &RoundContext,
) -> Ran {
    let context = canister.contexts.get(callback.context);
    let (kind, closure, argument, reject) = match response.result {
        Ok(reply) => (EntryPoint::ReplyCallback, callback.on_reply, reply, None),
        Err(reject) => {
            (EntryPoint::RejectCallback, callback.on_reject, Payload::new(), Some(reject))
        }
    };
    let cleanup_reserve = round.message_instructions_max / 100 * CLEANUP_RESERVE_PERCENT;
    let input = Arc::new(ExecutionInput {
        argument,
        caller: context.origin.caller(),
        caller_info: context.origin.caller_info(),
        cycles_available: context.cycles_available,
        cycles_refunded: response.refund,
        deadline: context.origin.deadline(),
        may_respond: !context.answered && context.origin != Origin::Task,
        call_context_instructions: context.instructions,
        balance: canister.balance.saturating_add(returned),
        reject,
        instructions_max: round.message_instructions_max - cleanup_reserve,
        ..input(canister, kind, round)
    });
    let executed = run(canister, Entry::Closure(closure), input.clone(), round);
    let slices = Slices {
        count: executed.slices,
        instructions_max: round.slice_instructions_max,
        instructions: executed.instructions,
    };
    let mut ran = Ran { effects: None, failure: None, slices, logs: vec![executed.log] };
    match executed.result {
        Ok(effects) => ran.effects = Some(effects),
        Err(trap) => {
            undo(canister);
            ran.clean_up(canister, callback, &input, trap, round);
        }
    }
    ran
}

impl Ran {
    /// Runs the cleanup of a callback that failed with `trap`, if there is one.
    fn clean_up(
        &mut self,
        canister: &mut Canister,
        callback: &Callback,
        input: &ExecutionInput,
        trap: Trap,
        round: &RoundContext,
    ) {
        let Some(cleanup) = callback.on_cleanup else {
            self.failure = Some(trap);
            return;
        };
        let instructions_max =
            round.message_instructions_max.saturating_sub(self.slices.instructions);
        let input = ExecutionInput {
            entry_point: EntryPoint::Cleanup,
            argument: Payload::new(),
            cycles_available: 0,
            may_respond: false,
            instructions_max,
            ..input.clone()
        };
        let executed = run(canister, Entry::Closure(cleanup), input, round);
        // Its first slice runs in the same round as the callback's last one.
        self.slices.count += executed.slices - 1;
        self.slices.instructions += executed.instructions;
        self.logs.push(executed.log);
        self.failure = Some(match executed.result {
            Ok(effects) => {
                self.effects = Some(effects);
                trap
            }
            Err(failure) => {
                undo(canister);
                Trap::Cleanup { callback: Box::new(trap), cleanup: Box::new(failure) }
            }
        });
    }
}
