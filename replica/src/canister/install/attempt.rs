//! An installation that ran, and how it takes effect.

use super::InstallMode;
use crate::canister::long::Slices;
use crate::canister::room::Room;
use crate::canister::sandbox::Sandbox;
use crate::canister::state::Canister;
use crate::canister::steps::RoundContext;
use crate::error::UserError;
use crate::log::ExecutionLog;
use crate::trace::Fee;
use crate::types::{Cycles, Instructions, Time};

/// An installation that ran. Until it is [finished](Self::finish) the canister is as it was before,
/// except that it has prepaid.
pub struct Attempt {
    /// How its functions are spread over rounds.
    pub slices: Slices,
    /// Whether it was the new code's turn to be put together and compiled.
    pub has_compiled: bool,
    /// Instructions, those for compiling the code included.
    pub(super) instructions: Instructions,
    pub(super) result: Result<NewState, UserError>,
    pub(super) mode: InstallMode,
    pub(super) logs: Vec<ExecutionLog>,
    pub(super) prepaid: Cycles,
    pub(super) fee: Cycles,
}

impl Attempt {
    /// Puts the new code in place, if there is room for it. When anything failed, the canister stays
    /// as it was before, except for what the attempt cost.
    pub fn finish(self, canister: &mut Canister, round: &RoundContext) -> Result<(), UserError> {
        canister.debits.add_installed(self.instructions);
        canister.credit(self.prepaid);
        canister.pay(Fee::Installation, self.fee);
        let result = self.result.and_then(|state| state.put(canister, round));
        if result.is_ok() && !matches!(self.mode, InstallMode::Upgrade(_)) {
            canister.log.clear();
        }
        for log in self.logs {
            canister.log.append(log);
        }
        result
    }
}

/// What new code made of what it began with.
pub(super) struct NewState {
    pub sandbox: Sandbox,
    pub certified_data: Vec<u8>,
    pub global_timer: Option<Time>,
}

impl NewState {
    /// Gives it to the canister, if the canister and its subnet can afford what it holds more.
    fn put(self, canister: &mut Canister, round: &RoundContext) -> Result<(), UserError> {
        let before = canister.memory_usage().total();
        let old = canister.sandbox.replace(self.sandbox);
        let after = canister.memory_usage().total();
        let room = Room { memory_taken: round.subnet_memory.taken, prices: round.prices };
        if after > before
            && let Err(error) = room.resize(canister, before, after, 0)
        {
            canister.sandbox = old;
            return Err(error);
        }
        canister.global_timer = self.global_timer;
        canister.certified_data = self.certified_data;
        canister.version += 1;
        canister.settings_changed();
        Ok(())
    }
}
