//! Paused executions in the model. An execution is paid for when it begins and takes effect when it ends, as if nothing
//! had happened in between.

use super::round::Input;
use super::*;

const SLICE_INSTRUCTIONS: u64 = 2_000_000_000;

/// More than what all pages cost that a message here can change. They are charged for after the last
/// instruction, and no reason for another slice.
const PAGES_INSTRUCTIONS: u64 = 10_000_000;

/// A message whose execution has begun.
pub(super) struct Begun {
    pub input: Input,
    pub cost: Cost,
    /// When.
    pub now: u64,
    /// Why it is not executed, if it is not.
    pub refused: Option<u16>,
    pub prepaid: u128,
    /// What the canister had then.
    balance: u128,
}

/// What a canister is in the middle of.
pub(super) struct Paused {
    pub begun: Begun,
    /// Slices that have run.
    pub done: u64,
    /// Fees for messages that came in the meantime.
    pub owed: u128,
}

impl Model<'_> {
    pub(super) fn begin_input(&mut self, index: usize, input: Input) -> Begun {
        let cost = self.costs.execution(index);
        let slices = cost.instructions.saturating_sub(PAGES_INSTRUCTIONS);
        let fewest = slices.div_ceil(SLICE_INSTRUCTIONS).max(1);
        let most = cost.instructions.div_ceil(SLICE_INSTRUCTIONS).max(1);
        assert!((fewest..=most).contains(&cost.slices), "{cost:?} of canister {index}");
        let method = match &input {
            Input::Ingress(action) => Some(self.called(*action).0),
            Input::Request(request) => Some(request.call.method),
            Input::Response(_) => None,
        };
        let refused = method.and_then(|method| self.check_callable(index, method).err());
        let prepaid = match method {
            Some(method) if refused != Some(207) => self.prepaid(index, method),
            _ => 0,
        };
        let canister = &mut self.canisters[index];
        canister.balance -= prepaid;
        Begun { input, cost, now: self.now, refused, prepaid, balance: canister.balance }
    }

    /// Executes a slice of what the canister is in the middle of, and tells how many instructions.
    pub(super) fn execute_slice(&mut self, index: usize) -> u64 {
        let mut paused = self.canisters[index].paused.take().expect("it is in the middle of it");
        let Cost { instructions, slices, .. } = paused.begun.cost;
        paused.done += 1;
        if paused.done < slices {
            self.canisters[index].paused = Some(paused);
            return SLICE_INSTRUCTIONS;
        }
        let Paused { begun, owed, .. } = paused;
        let canister = &mut self.canisters[index];
        let credited = canister.balance - begun.balance;
        canister.balance = begun.balance;
        self.finish_input(index, begun);
        let canister = &mut self.canisters[index];
        canister.balance += credited;
        canister.balance -= owed.min(canister.balance);
        instructions - (slices - 1) * SLICE_INSTRUCTIONS
    }

    /// Has a canister pay for a message, if it can, at once or after what it is in the middle of.
    pub(super) fn charge(&mut self, index: usize, fee: u128) -> Result<(), u16> {
        let canister = &mut self.canisters[index];
        let owed = canister.paused.as_ref().map_or(0, |paused| paused.owed);
        if canister.balance < owed + fee {
            return Err(207);
        }
        match &mut canister.paused {
            Some(paused) => paused.owed += fee,
            None => canister.balance -= fee,
        }
        Ok(())
    }
}
