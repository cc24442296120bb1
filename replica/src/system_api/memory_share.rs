//! The memory of the subnet that executions may allocate.

use crate::limits::{
    SCHEDULER_THREADS, SUBNET_MEMORY_MAX, SUBNET_MEMORY_RESERVED, SUBNET_MEMORY_SHARE,
};

/// The subnet memory that one thread may allocate in an iteration of a round: a share of what is free at the
/// start of the iteration. Management calls are executed by one thread and have one share, too
/// (`execution_environment.rs`, `scaled_subnet_available_memory`, in the replica's repository).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryShare {
    /// Bytes that are left. Less than 0 after changes that nothing can refuse, such as entries of a
    /// canister history.
    left: i64,
}

impl MemoryShare {
    /// The share of a thread on a subnet whose canisters have `taken` bytes.
    pub fn on_subnet_with(taken: u64) -> Self {
        let free = (SUBNET_MEMORY_MAX - SUBNET_MEMORY_RESERVED) as i64 - taken as i64;
        Self { left: free / SCHEDULER_THREADS as i64 }
    }

    /// This share after the memory of canisters changed from `before` to `after` bytes.
    pub fn after_change(self, before: u64, after: u64) -> Self {
        Self { left: self.left + before as i64 - after as i64 }
    }

    /// Records that an execution allocated `bytes`.
    pub fn take(&mut self, bytes: u64) {
        *self = self.after_change(0, bytes);
    }

    /// Bytes that were allocated since this was the share `before`.
    pub fn taken_since(self, before: Self) -> u64 {
        before.left.saturating_sub(self.left).max(0) as u64
    }

    /// Whether `bytes` can be allocated, if there were `spare` bytes more.
    pub fn has(self, bytes: u64, spare: u64) -> bool {
        bytes == 0 || bytes as i64 <= self.left + spare as i64
    }

    /// Bytes that can be allocated.
    pub fn available(self) -> u64 {
        self.left.max(0) as u64
    }

    /// Bytes that are in use, as they count for the reservation of cycles: all of the share that is not
    /// free (`execution_environment.rs`, `subnet_memory_saturation`).
    pub fn used(self) -> u64 {
        SUBNET_MEMORY_SHARE.saturating_sub(self.available())
    }
}
