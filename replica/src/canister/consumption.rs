//! The cycles that a canister spent, by use.
//!
//! Rules: `CyclesUseCase` and `consumed_cycles_by_use_cases` in the replica's repository.
//! Cycles that are withheld for a call count as spent until they come back. Sums saturate at the largest
//! number of cycles, as balances do.

use crate::cycles::CallPrice;
use crate::trace::Fee;
use crate::types::Cycles;
use ic_management_canister_types::CyclesConsumed;
use serde::{Deserialize, Serialize};

/// The cycles that a canister has spent since its creation, by use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumption {
    /// Cycles for memory.
    pub memory: Cycles,
    /// Cycles for the compute allocation.
    pub compute: Cycles,
    /// Cycles for the induction of ingress messages.
    pub ingress: Cycles,
    /// Cycles for executing messages, for installing code, and for management calls.
    pub instructions: Cycles,
    /// Cycles for the transmission of requests and responses.
    pub transmission: Cycles,
    /// Cycles that were lost when the canister was uninstalled because it could not pay for its resources.
    pub uninstallation: Cycles,
    /// The fee for the creation of the canister.
    pub creation: Cycles,
    /// Cycles for HTTP outcalls.
    pub outcalls: Cycles,
    /// Cycles that the canister burned.
    pub burned: Cycles,
}

impl Consumption {
    /// The sum of all uses.
    pub fn total(&self) -> Cycles {
        let Self { memory, compute, ingress, instructions, transmission, .. } = self;
        let Self { uninstallation, creation, outcalls, burned, .. } = self;
        let known = [memory, compute, ingress, instructions, transmission];
        let parts = known.into_iter().chain([uninstallation, creation, outcalls, burned]);
        parts.fold(0, |sum: Cycles, part| sum.saturating_add(*part))
    }

    /// Adds cycles that the canister burned.
    pub fn burn(&mut self, cycles: Cycles) {
        self.burned = self.burned.saturating_add(cycles);
    }

    /// Adds a fee. The fee for resources is added elsewhere, because it is for memory and for compute
    /// allocation.
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

    /// Adds the cycles that are withheld for a call.
    pub fn withhold(&mut self, price: CallPrice) {
        self.transmission += price.request + price.response_transmission;
        self.instructions += price.response_execution;
    }

    /// Subtracts withheld cycles that come back: those for the transmission and those for the execution
    /// of the response.
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
