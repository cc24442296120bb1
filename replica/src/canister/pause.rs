//! Pauses and aborts executions of several slices.

use crate::canister::installation::InstallExecution;
use crate::canister::management_call::ExecutedManagementCall;
use crate::canister::paused::{PausedExecution, PausedWork};
use crate::canister::round::{Execution, RoundInput};
use crate::canister::slices::Slices;
use crate::canister::state::Canister;
use crate::cycles::Prices;
use crate::error::UserError;
use crate::trace::{Event, Fee};
use crate::types::{Cycles, Time};
use candid::Principal;

impl Canister {
    /// Whether the canister has a paused execution.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Whether the paused execution is an installation.
    pub fn is_installing(&self) -> bool {
        self.paused.as_ref().is_some_and(PausedExecution::is_installation)
    }

    /// The time at which the paused execution of a message or task began. `None` if there is none.
    pub fn message_since(&self) -> Option<Time> {
        let paused = self.paused.as_ref().filter(|paused| !paused.is_installation());
        paused.map(|paused| paused.since)
    }

    /// Whether the paused execution has executed slices that an abort would lose.
    pub fn holds_progress(&self) -> bool {
        self.paused.as_ref().is_some_and(|paused| paused.slices_done > 0)
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

impl PausedExecution {
    fn is_installation(&self) -> bool {
        matches!(self.work, PausedWork::Installation(..))
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
    let changes = canister.sandbox.as_mut().and_then(|sandbox| sandbox.hold());
    let (since, owed) = (round.time, Vec::new());
    wait(canister, PausedExecution { work, slices, slices_done: 1, since, changes, owed })
}

/// Stores a paused execution that has just executed a slice.
pub(super) fn wait(canister: &mut Canister, paused: PausedExecution) -> Execution {
    let PausedExecution { slices_done, slices, .. } = paused;
    let id = canister.id;
    canister.trace.record(|| Event::Slice { canister: id, number: slices_done, of: slices.count });
    canister.paused = Some(paused);
    Execution { instructions: slices.instructions_after(slices_done - 1), ..Execution::default() }
}
