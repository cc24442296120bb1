//! What a canister spent its cycles on.
//!
//! Rules: `CyclesUseCase` and `consumed_cycles_by_use_cases` in the replica's repository. What is
//! withheld counts as spent until it comes back. Sums end at the largest number of cycles, as balances
//! do.

use crate::cycles::CallPrice;
use crate::trace::Fee;
use crate::types::Cycles;
use ic_management_canister_types::CyclesConsumed;

/// Cycles a canister has spent since it was made, by what they were spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumption {
    /// Memory.
    pub memory: Cycles,
    /// Compute allocation.
    pub compute: Cycles,
    /// Taking in messages from users.
    pub ingress: Cycles,
    /// Executing messages and installing code, and what the management canister executes.
    pub instructions: Cycles,
    /// Sending calls and getting responses.
    pub transmission: Cycles,
    /// What was left when it could not pay for what it had.
    pub uninstallation: Cycles,
    /// Being made.
    pub creation: Cycles,
    /// HTTP outcalls.
    pub outcalls: Cycles,
    /// What it burned itself.
    pub burned: Cycles,
}

impl Consumption {
    /// All of it.
    pub fn total(&self) -> Cycles {
        let Self { memory, compute, ingress, instructions, transmission, .. } = self;
        let Self { uninstallation, creation, outcalls, burned, .. } = self;
        let known = [memory, compute, ingress, instructions, transmission];
        let parts = known.into_iter().chain([uninstallation, creation, outcalls, burned]);
        parts.fold(0, |sum: Cycles, part| sum.saturating_add(*part))
    }

    /// Notes what it burned.
    pub fn burn(&mut self, cycles: Cycles) {
        self.burned = self.burned.saturating_add(cycles);
    }

    /// Notes a fee, but for memory and compute allocation, which are told apart before.
    pub fn pay(&mut self, fee: Fee, cycles: Cycles) {
        let sum = match fee {
            Fee::Ingress(_) => &mut self.ingress,
            Fee::Installation | Fee::Management => &mut self.instructions,
            Fee::Creation => &mut self.creation,
            Fee::Uninstall => &mut self.uninstallation,
            Fee::Outcall => &mut self.outcalls,
            Fee::Resources => return,
        };
        *sum = sum.saturating_add(cycles);
    }

    /// Notes what is withheld for a call.
    pub fn withhold(&mut self, price: CallPrice) {
        self.transmission += price.request + price.response_transmission;
        self.instructions += price.response_execution;
    }

    /// Notes what of that comes back.
    pub fn give_back(&mut self, transmission: Cycles, instructions: Cycles) {
        self.transmission -= transmission;
        self.instructions -= instructions;
    }
}

impl From<Consumption> for CyclesConsumed {
    fn from(spent: Consumption) -> Self {
        Self {
            memory: spent.memory.into(),
            compute_allocation: spent.compute.into(),
            ingress_induction: spent.ingress.into(),
            instructions: spent.instructions.into(),
            request_and_response_transmission: spent.transmission.into(),
            uninstall: spent.uninstallation.into(),
            canister_creation: spent.creation.into(),
            http_outcalls: spent.outcalls.into(),
            burned_cycles: spent.burned.into(),
        }
    }
}
