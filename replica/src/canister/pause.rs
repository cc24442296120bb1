//! Pauses and aborts executions of several slices.

use crate::canister::deferred::Deferred;
use crate::canister::installation::InstallExecution;
use crate::canister::management_call::ExecutedManagementCall;
use crate::canister::paused::{DeferredExecution, LongExecution, PausedExecution, PausedWork};
use crate::canister::round::{Execution, RoundInput};
use crate::canister::sandbox::Sandbox;
use crate::canister::slices::Slices;
use crate::canister::state::Canister;
use crate::cycles::Prices;
use crate::error::UserError;
use crate::trace::{Event, Fee};
use crate::types::{Cycles, Instructions, Time};
use candid::Principal;

impl Canister {
    /// Whether the canister has a paused execution.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Whether the paused execution is an installation.
    pub fn is_installing(&self) -> bool {
        self.paused.as_ref().is_some_and(|paused| paused.is_installation)
    }

    /// The time at which the paused execution of a message or task began. `None` if there is none.
    pub fn message_since(&self) -> Option<Time> {
        let paused = self.paused.as_ref().filter(|paused| !paused.is_installation);
        paused.map(|paused| paused.since)
    }

    /// Whether the paused execution has executed slices that an abort would lose.
    pub fn holds_progress(&self) -> bool {
        self.paused.as_ref().is_some_and(|paused| paused.slices_done > 0)
    }

    /// The paused execution, if its result is not known yet.
    pub fn deferred_execution(&self) -> Option<&DeferredExecution> {
        let paused = self.paused.as_ref().map(|paused| &paused.execution);
        paused.filter(|execution| !execution.has_ended())
    }

    /// Charges a fee for an ingress message of `sender`: now, or at the end of the paused execution.
    ///
    /// # Errors
    ///
    /// Fails if the balance above the freezing threshold is less than this fee and all fees that are
    /// still owed: top up the canister.
    pub fn charge(
        &mut self,
        fee: Fee,
        cycles: Cycles,
        prices: Prices,
        sender: Principal,
    ) -> Result<(), UserError> {
        let owed = self.paused.iter().flat_map(|paused| &paused.owed).map(|(_, cycles)| cycles);
        self.check_can_pay(owed.sum::<Cycles>() + cycles, prices, sender)?;
        match &mut self.paused {
            Some(paused) => paused.owed.push((fee, cycles)),
            None => self.pay(fee, cycles),
        }
        Ok(())
    }

    /// Aborts the paused execution: it begins again with its first slice.
    pub fn abort(&mut self) {
        if let Some(paused) = &mut self.paused {
            paused.slices_done = 0;
        }
    }
}

/// Pauses an installation after its first slice. `call` gets its response when the installation ends.
pub fn pause_installation(
    canister: &mut Canister,
    installation: InstallExecution,
    call: ExecutedManagementCall,
    round: &RoundInput,
) -> Execution {
    let slices = installation.attempt.slices;
    pause(canister, PausedWork::Installation(Box::new(installation), call), slices, round)
}

/// Pauses an execution after its first slice. Its pending changes of the memories are stored with it.
pub(super) fn pause(
    canister: &mut Canister,
    work: PausedWork,
    slices: Slices,
    round: &RoundInput,
) -> Execution {
    let changes = canister.sandbox.as_mut().and_then(Sandbox::hold);
    let is_installation = work.is_installation();
    let execution = Deferred::done(LongExecution { work, slices, changes });
    begin(canister, execution, is_installation, slices.instructions_after(0), round)
}

/// Pauses an execution after its first slice, and defers the other slices: `work` then executes the whole
/// execution in a sandbox with the same memories. The first slice has executed all instructions that a slice
/// has.
pub(super) fn defer(
    canister: &mut Canister,
    is_installation: bool,
    work: impl FnOnce(Option<&mut Sandbox>) -> (PausedWork, Slices) + Send + 'static,
    round: &RoundInput,
) -> Execution {
    let mut sandbox = canister.sandbox.as_ref().map(Sandbox::duplicate);
    if let Some(sandbox) = &mut sandbox {
        sandbox.pairs = canister.queues.pairs().without_messages();
    }
    let execution = Deferred::new(move || {
        let (work, slices) = work(sandbox.as_mut());
        let changes = sandbox.as_mut().and_then(Sandbox::hold);
        LongExecution { work, slices, changes }
    });
    let instructions = match is_installation {
        true => round.install_slice_instructions_max,
        false => round.slice_instructions_max,
    };
    begin(canister, execution, is_installation, instructions, round)
}

/// Stores a paused execution whose first slice has used this number of instructions.
fn begin(
    canister: &mut Canister,
    execution: DeferredExecution,
    is_installation: bool,
    instructions: Instructions,
    round: &RoundInput,
) -> Execution {
    let (since, owed) = (round.time, Vec::new());
    let paused = PausedExecution { execution, is_installation, slices_done: 1, since, owed };
    wait(canister, paused, instructions)
}

/// Stores a paused execution that has just executed a slice of this number of instructions.
pub(super) fn wait(
    canister: &mut Canister,
    paused: PausedExecution,
    instructions: Instructions,
) -> Execution {
    canister.trace.record_after_wait(|| Event::Slice {
        canister: canister.id,
        number: paused.slices_done,
        of: paused.execution.result().slices.count,
    });
    canister.paused = Some(paused);
    Execution { instructions, ..Execution::default() }
}
