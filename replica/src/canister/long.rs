//! Executions that take longer than one round. They are run in one go, but what they did is set aside
//! and comes to count in the round in which the network would have run their last slice. Until then
//! the canister is as it was before, and executes nothing else.
//!
//! Rules: `PausedExecution` in `execution_environment/src/execution/{call_or_task,response}.rs` and
//! `install_code.rs` in the replica's repository.

use crate::canister::sandbox::Held;
use crate::canister::state::Canister;
use crate::canister::steps::{Execution, RoundContext};
use crate::cycles::Prices;
use crate::error::UserError;
use crate::trace::{Event, Fee};
use crate::types::{Cycles, Instructions, Time};

/// What is left to do once the last slice has run. It gets what the execution did to the memories.
pub type Finish = Box<dyn FnOnce(&mut Canister, &RoundContext, Option<Held>) -> Execution + Send>;

/// What takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Long {
    /// A message or task.
    Message,
    /// An installation.
    Installation,
}

/// How an execution is spread over rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slices {
    /// How many there are, at least one.
    pub count: u64,
    /// Instructions of each but the last one.
    pub instructions_max: Instructions,
    /// Instructions of all of them.
    pub instructions: Instructions,
}

impl Slices {
    /// Instructions of a slice, when `before` have run.
    pub fn instructions_after(&self, before: u64) -> Instructions {
        let left = self.instructions.saturating_sub(before * self.instructions_max);
        if before + 1 < self.count { left.min(self.instructions_max) } else { left }
    }
}

/// An execution that waits for its next slice.
pub struct Paused {
    what: Long,
    slices: Slices,
    /// Slices that have run; none, if it has to begin anew.
    done: u64,
    since: Time,
    held: Option<Held>,
    finish: Finish,
    /// Fees that fell due in the meantime: it goes on with the balance it began with.
    owed: Vec<(Fee, Cycles)>,
}

impl std::fmt::Debug for Paused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Paused")
            .field("what", &self.what)
            .field("slices", &self.slices)
            .field("done", &self.done)
            .field("since", &self.since)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

impl Canister {
    /// Whether it is in the middle of something.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Whether that is an installation.
    pub fn is_installing(&self) -> bool {
        self.paused.as_ref().is_some_and(|paused| paused.what == Long::Installation)
    }

    /// When it began the message it is in the middle of.
    pub fn message_since(&self) -> Option<Time> {
        let paused = self.paused.as_ref().filter(|paused| paused.what == Long::Message);
        paused.map(|paused| paused.since)
    }

    /// Whether slices of what it is in the middle of have run.
    pub fn holds_progress(&self) -> bool {
        self.paused.as_ref().is_some_and(|paused| paused.done > 0)
    }

    /// Has it pay a fee for a message from a user, if it has enough: now, or else after what it is in
    /// the middle of.
    pub fn charge(&mut self, fee: Fee, cycles: Cycles, prices: Prices) -> Result<(), UserError> {
        let owed = self.paused.iter().flat_map(|paused| &paused.owed).map(|(_, cycles)| cycles);
        self.check_can_pay(owed.sum::<Cycles>() + cycles, prices)?;
        match &mut self.paused {
            Some(paused) => paused.owed.push((fee, cycles)),
            None => self.pay(fee, cycles),
        }
        Ok(())
    }

    /// Has what it is in the middle of begin anew.
    pub fn abort(&mut self) {
        if let Some(paused) = &mut self.paused {
            paused.done = 0;
        }
    }
}

/// Finishes an execution, whose effect on the memories is pending, in the round of its last slice: this
/// one, if it is the only slice.
pub(super) fn finish_message(
    canister: &mut Canister,
    slices: Slices,
    round: &RoundContext,
    finish: impl FnOnce(&mut Canister, &RoundContext, Option<Held>) -> Execution + Send + 'static,
) -> Execution {
    if slices.count == 1 {
        return finish(canister, round, None);
    }
    pause(canister, Long::Message, slices, round, Box::new(finish))
}

/// Pauses an execution of several slices, whose effect on the memories is pending, after the first one.
pub fn pause(
    canister: &mut Canister,
    what: Long,
    slices: Slices,
    round: &RoundContext,
    finish: Finish,
) -> Execution {
    let held = canister.sandbox.as_mut().and_then(|sandbox| sandbox.hold());
    let (since, owed) = (round.time, Vec::new());
    wait(canister, Paused { what, slices, done: 1, since, held, finish, owed })
}

/// Has an execution wait for its next slice.
fn wait(canister: &mut Canister, paused: Paused) -> Execution {
    let Paused { done, slices, .. } = paused;
    let id = canister.id;
    canister.trace.record(|| Event::Slice { canister: id, number: done, of: slices.count });
    canister.paused = Some(paused);
    Execution { instructions: slices.instructions_after(done - 1), ..Execution::default() }
}

/// Runs the next slice of what the canister is in the middle of.
pub fn resume(canister: &mut Canister, round: &RoundContext) -> Execution {
    let Some(mut paused) = canister.paused.take() else { return Execution::default() };
    paused.done += 1;
    if paused.done < paused.slices.count {
        return wait(canister, paused);
    }
    let instructions = paused.slices.instructions_after(paused.done - 1);
    let execution = (paused.finish)(canister, round, paused.held);
    for (fee, cycles) in paused.owed {
        // Most of the time it has enough. That it did not spend more is no reason to fail now.
        canister.pay(fee, cycles.min(canister.balance));
    }
    Execution { instructions, ..execution }
}

#[cfg(test)]
mod tests;
