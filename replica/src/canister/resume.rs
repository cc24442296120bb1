//! Resumes paused executions.

use crate::canister::execute::finish_call;
use crate::canister::install::finish_installation;
use crate::canister::pause::wait;
use crate::canister::paused::{LongExecution, PausedExecution, PausedWork};
use crate::canister::response::finish_response;
use crate::canister::round::{Execution, RoundInput};
use crate::canister::state::Canister;

/// Executes the next slice of the canister's paused execution, and finishes the execution after its last
/// slice. Does nothing if there is no paused execution.
pub fn resume(canister: &mut Canister, round: &RoundInput) -> Execution {
    let Some(mut paused) = canister.paused.take() else { return Execution::default() };
    let slices = paused.execution.result().slices;
    let instructions = slices.instructions_after(paused.slices_done);
    paused.slices_done += 1;
    if paused.slices_done < slices.count {
        return wait(canister, paused, instructions);
    }
    let PausedExecution { execution, owed, .. } = paused;
    let LongExecution { work, changes, .. } = execution.into_result();
    let execution = match work {
        PausedWork::Call(call) => finish_call(canister, *call, changes, round),
        PausedWork::Response(response) => finish_response(canister, *response, changes, round),
        PausedWork::Installation(installation, call) => {
            finish_installation(canister, *installation, call, round)
        }
    };
    for (fee, cycles) in owed {
        // The balance nearly always suffices. If it does not, the canister pays what it has: the
        // execution must not fail after its last slice.
        canister.pay(fee, cycles.min(canister.balance));
    }
    Execution { instructions, ..execution }
}

#[cfg(test)]
mod tests;
