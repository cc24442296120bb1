//! What a canister's memory consists of, and taking on more of it.
//!
//! Rules: `canister_manager.rs`, `cycles_and_memory_usage_checks`, in the replica's repository.

use crate::canister::sandbox::Sandbox;
use crate::canister::state::Canister;
use crate::cycles::Prices;
use crate::error::{ErrorCode, UserError};
use crate::limits::*;
use crate::trace::Fee;
use crate::types::Cycles;

/// Bytes a canister holds, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUsage {
    /// Heap.
    pub heap: u64,
    /// Stable memory.
    pub stable: u64,
    /// Globals that are kept between executions.
    pub globals: u64,
    /// The module as it was installed.
    pub module: u64,
    /// Metadata of the module.
    pub custom_sections: u64,
    /// Chunks of modules.
    pub chunks: u64,
    /// What keeps the log.
    pub log: u64,
}

impl MemoryUsage {
    /// All of it.
    pub const fn total(&self) -> u64 {
        self.heap
            + self.stable
            + self.globals
            + self.module
            + self.custom_sections
            + self.chunks
            + self.log
    }
}

impl Canister {
    /// What it holds.
    pub fn memory_usage(&self) -> MemoryUsage {
        let usage = MemoryUsage {
            chunks: self.chunks.bytes(),
            log: log_store_bytes(self.log.bytes_max()),
            ..MemoryUsage::default()
        };
        let Some(sandbox) = &self.sandbox else { return usage };
        let module = sandbox.module();
        let sections = module.info.metadata.iter();
        MemoryUsage {
            heap: sandbox.heap_bytes(),
            stable: sandbox.stable_bytes(),
            // The replica itself adds the counter of instructions.
            globals: (u64::from(module.info.mutable_globals) + 1) * GLOBAL_BYTES,
            module: module.size_bytes,
            custom_sections: sections
                .map(|(name, section)| (name.len() + section.content.len()) as u64)
                .sum(),
            ..usage
        }
    }

    /// Bytes of heap.
    pub fn heap_bytes(&self) -> u64 {
        self.sandbox.as_ref().map_or(0, Sandbox::heap_bytes)
    }

    /// Bytes it occupies or keeps others from occupying.
    pub fn allocated_bytes(&self) -> u64 {
        self.memory_usage().total().max(self.settings.memory_allocation)
    }

    /// Bytes it pays for: those and what its open calls reserve.
    pub fn memory_bytes(&self) -> u64 {
        self.allocated_bytes() + self.queues.guaranteed_bytes()
    }
}

/// Bytes of what keeps a log of at most `bytes_max`: a header, an index and the records, in whole
/// pages.
fn log_store_bytes(bytes_max: usize) -> u64 {
    const PAGE: u64 = OS_PAGE_BYTES as u64;
    match bytes_max as u64 {
        0 => 0,
        bytes => 2 * PAGE + bytes.next_multiple_of(PAGE),
    }
}

/// What a subnet's memory has room for, and what it asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Bytes all canisters have taken.
    pub taken: u64,
    /// The subnet's prices.
    pub prices: Prices,
}

impl Room {
    /// Bytes that can still be taken.
    pub fn available(&self) -> u64 {
        (SUBNET_MEMORY_MAX - SUBNET_MEMORY_RESERVED).saturating_sub(self.taken)
    }

    /// Has a canister pay `cost` and hold `new` bytes where it held `old`, if it can afford both.
    pub fn resize(
        &self,
        canister: &mut Canister,
        old: u64,
        new: u64,
        cost: Cycles,
    ) -> Result<(), UserError> {
        let allocation = canister.settings.memory_allocation;
        let growth = new.max(allocation).saturating_sub(old.max(allocation));
        if growth > self.available() {
            return Err(UserError::new(
                ErrorCode::SubnetOversubscribed,
                format!(
                    "Canister requested {growth} bytes of memory but only {} are available in the \
                     subnet.",
                    self.available()
                ),
            ));
        }
        let threshold = self.prices.freezing_threshold(
            new.max(allocation) + canister.queues.guaranteed_bytes(),
            canister.settings.compute_allocation,
            canister.settings.freezing_threshold_seconds,
        );
        if canister.balance < threshold {
            return Err(too_poor_to_grow(growth, threshold - canister.balance));
        }
        if canister.balance - threshold < cost {
            return Err(UserError::new(
                ErrorCode::CanisterOutOfCycles,
                format!(
                    "Canister {} is out of cycles: the call costs {cost} cycles above the freezing \
                     threshold of {threshold}, and its balance is {}",
                    canister.id, canister.balance
                ),
            ));
        }
        canister.pay(Fee::Management, cost);
        Ok(())
    }
}

fn too_poor_to_grow(growth: u64, missing: Cycles) -> UserError {
    UserError::new(
        ErrorCode::InsufficientCyclesInMemoryGrow,
        format!(
            "Canister cannot grow memory by {growth} bytes due to insufficient cycles. At least \
             {missing} additional cycles are required."
        ),
    )
}
