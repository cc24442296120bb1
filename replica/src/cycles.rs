//! What things cost. Pure functions of a subnet's size and cost schedule.
//!
//! Prices are those of a 13-node application subnet (`config/src/subnet_config.rs`,
//! `CyclesAccountManagerConfig::application_subnet`, in the replica's repository); other sizes pay
//! in proportion.

pub mod http;

use crate::limits::*;
use crate::types::{Cycles, Instructions};

/// Nodes of the subnet the prices are stated for.
pub const REFERENCE_SUBNET_SIZE: u64 = 13;

/// Executing a message, whatever it does.
pub const EXECUTION_BASE_FEE: Cycles = 5_000_000;

/// One instruction of a 32-bit module; a 64-bit one pays [`WASM64_INSTRUCTION_FACTOR`] times this.
pub const INSTRUCTION_FEE: Cycles = 1;

/// How much dearer an instruction of a 64-bit module is.
pub const WASM64_INSTRUCTION_FACTOR: Cycles = 2;

/// Making an inter-canister call.
pub const CALL_BASE_FEE: Cycles = 260_000;

/// Each byte of a call's method name and argument, and of its response.
pub const CALL_BYTE_FEE: Cycles = 1_000;

/// Taking in an ingress message.
pub const INGRESS_BASE_FEE: Cycles = 1_200_000;

/// Each byte of an ingress message's signed envelope.
pub const INGRESS_BYTE_FEE: Cycles = 2_000;

/// Creating a canister.
pub const CANISTER_CREATION_FEE: Cycles = 500_000_000_000;

/// One GiB of memory for one second.
pub const GIB_SECOND_FEE: Cycles = 127_000;

/// One percent of compute allocation for one second.
pub const COMPUTE_PERCENT_SECOND_FEE: Cycles = 10_000_000;

const SECONDS_PER_DAY: Cycles = 24 * 60 * 60;

/// The prices of one subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    nodes: u64,
    free: bool,
}

/// What a call withholds from its caller's balance until its response has been executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallPrice {
    /// Base fee and request bytes: spent whatever happens.
    pub request: Cycles,
    /// For the largest response; what its bytes do not need comes back.
    pub response_transmission: Cycles,
    /// For executing the callback; unused instructions come back.
    pub response_execution: Cycles,
}

impl CallPrice {
    /// All of it, the amount `call_perform` needs above the freezing threshold.
    pub const fn total(self) -> Cycles {
        self.request + self.response_transmission + self.response_execution
    }
}

impl Prices {
    /// Prices of a subnet of `nodes` nodes; none of them when `free`.
    pub const fn new(nodes: u64, free: bool) -> Self {
        Self { nodes, free }
    }

    /// Prices of the subnet size all fees are stated for, which `ic0.cost_call` quotes.
    pub const fn reference(self) -> Self {
        Self { nodes: REFERENCE_SUBNET_SIZE, free: self.free }
    }

    /// Nodes of the subnet.
    pub const fn nodes(self) -> u64 {
        self.nodes
    }

    /// A 13-node price on this subnet: multiplied first, then divided
    /// (`cycles_account_manager/src/lib.rs`, `scale_cost`).
    const fn scaled(self, fee: Cycles) -> Cycles {
        if self.free { 0 } else { fee * self.nodes as Cycles / REFERENCE_SUBNET_SIZE as Cycles }
    }

    /// Executing a message that used `instructions`.
    pub const fn execution(self, instructions: Instructions, wasm64: bool) -> Cycles {
        self.scaled(EXECUTION_BASE_FEE) + self.instructions(instructions, wasm64)
    }

    /// Instructions alone, without the base fee.
    pub const fn instructions(self, instructions: Instructions, wasm64: bool) -> Cycles {
        let factor = if wasm64 { WASM64_INSTRUCTION_FACTOR } else { 1 };
        self.scaled(instructions as Cycles * INSTRUCTION_FEE * factor)
    }

    /// What an inter-canister call with `request_bytes` of method name and argument withholds.
    pub const fn call(self, request_bytes: u64, wasm64: bool) -> CallPrice {
        CallPrice {
            request: self.scaled(CALL_BASE_FEE + request_bytes as Cycles * CALL_BYTE_FEE),
            response_transmission: self.response_transmission(RESPONSE_BYTES_MAX),
            response_execution: self.execution(MESSAGE_INSTRUCTIONS_MAX, wasm64),
        }
    }

    /// Transmitting a response of `bytes`.
    pub const fn response_transmission(self, bytes: usize) -> Cycles {
        self.scaled(bytes as Cycles * CALL_BYTE_FEE)
    }

    /// Taking in an ingress message whose signed envelope has `bytes`.
    pub const fn ingress(self, bytes: usize) -> Cycles {
        self.scaled(INGRESS_BASE_FEE + bytes as Cycles * INGRESS_BYTE_FEE)
    }

    /// Creating a canister.
    pub const fn canister_creation(self) -> Cycles {
        self.scaled(CANISTER_CREATION_FEE)
    }

    /// Holding `memory_bytes` and a compute allocation for some seconds.
    pub const fn allocation(self, memory_bytes: u64, compute_percent: u64, seconds: u64) -> Cycles {
        let memory = memory_bytes as Cycles * GIB_SECOND_FEE * seconds as Cycles / GIB as Cycles;
        let compute = compute_percent as Cycles * COMPUTE_PERCENT_SECOND_FEE * seconds as Cycles;
        self.scaled(memory + compute)
    }

    /// Cycles to be set aside for taking `growth` more bytes on a subnet where `taken` are in use:
    /// nothing below the threshold, then more and more
    /// (`cycles_account_manager.rs`, `storage_reservation_cycles`).
    pub const fn storage_reservation(self, taken: u64, growth: u64) -> Cycles {
        self.reservation_up_to(taken.saturating_add(growth)) - self.reservation_up_to(taken)
    }

    const fn reservation_up_to(self, taken: u64) -> Cycles {
        let taken = if taken < SUBNET_MEMORY_MAX { taken } else { SUBNET_MEMORY_MAX };
        let above = taken.saturating_sub(SUBNET_MEMORY_THRESHOLD);
        let seconds = STORAGE_RESERVATION_SECONDS_MAX as u128 * above as u128
            / (SUBNET_MEMORY_MAX - SUBNET_MEMORY_THRESHOLD) as u128;
        self.allocation(above, 0, seconds as u64 / 2)
    }

    /// What an idle canister of this size burns in a day.
    pub const fn idle_burn_per_day(self, memory_bytes: u64, compute_percent: u64) -> Cycles {
        self.allocation(memory_bytes, compute_percent, SECONDS_PER_DAY as u64)
    }

    /// The balance below which a canister is frozen: its idle burn over the freezing period.
    pub const fn freezing_threshold(
        self,
        memory_bytes: u64,
        compute_percent: u64,
        freezing_seconds: u64,
    ) -> Cycles {
        self.idle_burn_per_day(memory_bytes, compute_percent) * freezing_seconds as Cycles
            / SECONDS_PER_DAY
    }
}

/// By how much setting more cycles aside exceeds the limit; nothing, where none are to be set aside.
pub fn reservation_excess(reserved: Cycles, reservation: Cycles, limit: Cycles) -> Option<Cycles> {
    let excess = reserved.saturating_add(reservation).saturating_sub(limit);
    (reservation > 0 && excess > 0).then_some(excess)
}

#[cfg(test)]
mod tests;
