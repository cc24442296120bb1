//! Prices in cycles, as functions of the size of a subnet and its cost schedule.
//!
//! The fees are those of a 13-node application subnet (`config/src/subnet_config.rs`,
//! `CyclesAccountManagerConfig::application_subnet`, in the replica's repository). The prices of other
//! subnets are proportional to their number of nodes.

pub mod http;

use crate::limits::*;
use crate::types::{Cycles, Instructions};
use serde::{Deserialize, Serialize};

/// Number of nodes of the subnet that the fees are stated for.
pub const REFERENCE_SUBNET_SIZE: u64 = 13;

/// Fee for executing a message, in addition to its instructions.
pub const EXECUTION_BASE_FEE: Cycles = 5_000_000;

/// Fee for one instruction of a 32-bit module. An instruction of a 64-bit module costs
/// [`WASM64_INSTRUCTION_FACTOR`] times this fee.
pub const INSTRUCTION_FEE: Cycles = 1;

/// Factor of the fee for an instruction of a 64-bit module.
pub const WASM64_INSTRUCTION_FACTOR: Cycles = 2;

/// Fee for an inter-canister call, in addition to its bytes.
pub const CALL_BASE_FEE: Cycles = 260_000;

/// Fee for each byte of the method name, the argument and the response of an inter-canister call.
pub const CALL_BYTE_FEE: Cycles = 1_000;

/// Fee for the induction of an ingress message, in addition to its bytes.
pub const INGRESS_BASE_FEE: Cycles = 1_200_000;

/// Fee for each byte of the signed envelope of an ingress message.
pub const INGRESS_BYTE_FEE: Cycles = 2_000;

/// Fee for creating a canister.
pub const CANISTER_CREATION_FEE: Cycles = 500_000_000_000;

/// Fee for one GiB of memory for one second.
pub const GIB_SECOND_FEE: Cycles = 127_000;

/// Fee for one percent of compute allocation for one second.
pub const COMPUTE_PERCENT_SECOND_FEE: Cycles = 10_000_000;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// The prices of one subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    nodes: u64,
    free: bool,
}

/// The cycles that a call withholds from the balance of its caller until its response has been executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallPrice {
    /// The base fee and the fee for the bytes of the request. Never refunded.
    pub request: Cycles,
    /// The fee for the bytes of the largest response. The fee for unused bytes is refunded.
    pub response_transmission: Cycles,
    /// The fee for executing the callback with all instructions it may use. The fee for unused
    /// instructions is refunded.
    pub response_execution: Cycles,
}

impl CallPrice {
    /// The sum of all parts: the cycles that `call_perform` requires above the freezing threshold.
    pub const fn total(self) -> Cycles {
        self.request + self.response_transmission + self.response_execution
    }
}

impl Prices {
    /// The prices of a subnet of `nodes` nodes. If `free`, all prices are 0.
    pub const fn new(nodes: u64, free: bool) -> Self {
        Self { nodes, free }
    }

    /// The prices of a subnet of the reference size, which `ic0.cost_call` quotes.
    pub const fn reference(self) -> Self {
        Self { nodes: REFERENCE_SUBNET_SIZE, free: self.free }
    }

    /// The number of nodes of the subnet.
    pub const fn nodes(self) -> u64 {
        self.nodes
    }

    /// Scales a fee of a 13-node subnet to this subnet. Multiplies first, then divides
    /// (`cycles_account_manager/src/lib.rs`, `scale_cost`).
    const fn scaled(self, fee: Cycles) -> Cycles {
        match self.nodes {
            _ if self.free => 0,
            REFERENCE_SUBNET_SIZE => fee,
            nodes => divided(fee * nodes as Cycles, REFERENCE_SUBNET_SIZE),
        }
    }

    /// The price of executing a message that uses `instructions`.
    pub const fn execution(self, instructions: Instructions, wasm64: bool) -> Cycles {
        self.scaled(EXECUTION_BASE_FEE + instruction_fee(instructions, wasm64))
    }

    /// The price of instructions, without the base fee.
    pub const fn instructions(self, instructions: Instructions, wasm64: bool) -> Cycles {
        self.scaled(instruction_fee(instructions, wasm64))
    }

    /// What an execution costs that used some of its prepaid instructions: the prepaid cycles, less the
    /// price of the unused instructions. Because the refund is rounded down, and not the cost, the cost
    /// can be a cycle more than [`execution`](Self::execution) of the used instructions
    /// (`cycles_account_manager/src/lib.rs`, `refund_unused_execution_cycles`).
    pub fn spent(self, prepaid: Cycles, unused: Instructions, wasm64: bool) -> Cycles {
        prepaid.saturating_sub(self.instructions(unused, wasm64))
    }

    /// The cycles that an inter-canister call withholds. `request_bytes` is the size of method name and
    /// argument together.
    pub const fn call(self, request_bytes: u64, wasm64: bool) -> CallPrice {
        CallPrice {
            request: self.scaled(CALL_BASE_FEE + request_bytes as Cycles * CALL_BYTE_FEE),
            response_transmission: self.response_transmission(RESPONSE_BYTES_MAX),
            response_execution: self.execution(MESSAGE_INSTRUCTIONS_MAX, wasm64),
        }
    }

    /// The price of transmitting a response of `bytes`.
    pub const fn response_transmission(self, bytes: usize) -> Cycles {
        self.scaled(bytes as Cycles * CALL_BYTE_FEE)
    }

    /// The price of the induction of an ingress message whose signed envelope has `bytes`.
    pub const fn ingress(self, bytes: usize) -> Cycles {
        self.scaled(INGRESS_BASE_FEE + bytes as Cycles * INGRESS_BYTE_FEE)
    }

    /// The price of creating a canister.
    pub const fn canister_creation(self) -> Cycles {
        self.scaled(CANISTER_CREATION_FEE)
    }

    /// The price of `bytes` of memory for some seconds.
    pub const fn memory(self, bytes: u64, seconds: u64) -> Cycles {
        self.scaled(bytes as Cycles * GIB_SECOND_FEE * seconds as Cycles / GIB as Cycles)
    }

    /// The price of a compute allocation, in percent, for some seconds.
    pub const fn compute(self, percent: u64, seconds: u64) -> Cycles {
        self.scaled(percent as Cycles * COMPUTE_PERCENT_SECOND_FEE * seconds as Cycles)
    }

    /// The cycles that allocating `growth` more bytes reserves if `used` bytes of a thread's share of the
    /// subnet's memory are in use (the resource reservation mechanism). 0 below the threshold; above it, the
    /// price of a byte increases with the memory in use
    /// (`cycles_account_manager.rs`, `storage_reservation_cycles`).
    pub const fn storage_reservation(self, used: u64, growth: u64) -> Cycles {
        self.reservation_up_to(used.saturating_add(growth)) - self.reservation_up_to(used)
    }

    const fn reservation_up_to(self, used: u64) -> Cycles {
        let used = if used < SUBNET_MEMORY_SHARE { used } else { SUBNET_MEMORY_SHARE };
        let above = used.saturating_sub(SUBNET_MEMORY_SHARE_THRESHOLD);
        let seconds = STORAGE_RESERVATION_SECONDS_MAX as u128 * above as u128
            / (SUBNET_MEMORY_SHARE - SUBNET_MEMORY_SHARE_THRESHOLD) as u128;
        self.memory(above, seconds as u64 / 2)
    }

    /// The cycles that an idle canister burns in a day
    /// (`cycles_account_manager.rs`, `idle_cycles_burned_rate_by_resource`).
    pub fn idle_burn_per_day(self, canister: &IdleCanister) -> IdleBurn {
        let seconds = SECONDS_PER_DAY;
        IdleBurn {
            memory: self.memory(canister.memory_bytes.max(canister.memory_allocation), seconds),
            messages: self.memory(canister.message_bytes, seconds),
            compute: self.compute(canister.compute_allocation, seconds),
        }
    }

    /// The freezing threshold, in cycles: the cycles that an idle canister burns in its freezing
    /// period, less the cycles that are reserved for its memory already
    /// (`cycles_account_manager.rs`, `freeze_threshold_cycles`).
    pub fn freezing_threshold(self, canister: &IdleCanister) -> Cycles {
        let per_day = self.idle_burn_per_day(canister).total();
        let seconds = Cycles::from(canister.freezing_threshold_seconds);
        divided(per_day * seconds, SECONDS_PER_DAY).saturating_sub(canister.reserved)
    }
}

/// Divides, with 64 bits if they are enough: dividing 128 bits takes long, and freezing thresholds are computed several
/// times for each message.
#[inline]
const fn divided(cycles: Cycles, by: u64) -> Cycles {
    match cycles <= u64::MAX as Cycles {
        true => (cycles as u64 / by) as Cycles,
        false => cycles / by as Cycles,
    }
}

/// The fee for instructions on a subnet of the reference size.
const fn instruction_fee(instructions: Instructions, wasm64: bool) -> Cycles {
    let factor = if wasm64 { WASM64_INSTRUCTION_FACTOR } else { 1 };
    instructions as Cycles * INSTRUCTION_FEE * factor
}

/// The cycles that an idle canister burns in some time, by resource. Each part is rounded down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdleBurn {
    /// Cycles for memory.
    pub memory: Cycles,
    /// Cycles for the memory of messages.
    pub messages: Cycles,
    /// Cycles for the compute allocation.
    pub compute: Cycles,
}

impl IdleBurn {
    /// The sum for all resources.
    pub const fn total(self) -> Cycles {
        self.memory + self.messages + self.compute
    }

    /// Of the cycles for a day, the part for some seconds
    /// (`cycles_account_manager.rs`, `charge_canister_for_resource_allocation_and_usage`).
    pub fn of_seconds(self, seconds: u64) -> Self {
        let part = |per_day: Cycles| divided(per_day * Cycles::from(seconds), SECONDS_PER_DAY);
        let Self { memory, messages, compute } = self;
        Self { memory: part(memory), messages: part(messages), compute: part(compute) }
    }
}

/// The properties of a canister that determine its freezing threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdleCanister {
    /// The memory usage in bytes, without messages.
    pub memory_bytes: u64,
    /// The memory allocation, in bytes.
    pub memory_allocation: u64,
    /// Bytes that open unbounded-wait calls reserve.
    pub message_bytes: u64,
    /// The compute allocation, in percent.
    pub compute_allocation: u64,
    /// The freezing threshold, in seconds.
    pub freezing_threshold_seconds: u64,
    /// The reserved cycles, which pay for memory.
    pub reserved: Cycles,
}

/// The cycles by which a further reservation exceeds the limit of reserved cycles. `None` if the limit
/// is not exceeded, or if `reservation` is 0.
pub fn reservation_excess(reserved: Cycles, reservation: Cycles, limit: Cycles) -> Option<Cycles> {
    let excess = reserved.saturating_add(reservation).saturating_sub(limit);
    (reservation > 0 && excess > 0).then_some(excess)
}

#[cfg(test)]
mod tests;
