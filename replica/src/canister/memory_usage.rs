//! The memory usage of a canister, by kind.
//!
//! Sizes: `canister_state.rs` and `execution_state.rs`, `…_memory_usage`, in the replica's repository.

use crate::canister::sandbox::Memories;
use crate::limits::{GLOBAL_BYTES, OS_PAGE_BYTES};
use crate::wasm::CompiledModule;

/// The memory usage of a canister, in bytes by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUsage {
    /// The heap.
    pub heap: u64,
    /// The stable memory.
    pub stable: u64,
    /// The mutable globals, and the instruction counter.
    pub globals: u64,
    /// The module as it was installed.
    pub module: u64,
    /// The metadata sections of the module.
    pub custom_sections: u64,
    /// The canister history.
    pub history: u64,
    /// The chunk store.
    pub chunks: u64,
    /// The snapshots.
    pub snapshots: u64,
    /// The canister log.
    pub log: u64,
}

impl MemoryUsage {
    /// The sum in bytes.
    pub const fn total(&self) -> u64 {
        self.code() + self.history + self.chunks + self.snapshots + self.log
    }

    /// The bytes that uninstalling the code frees, without the chunk store.
    pub const fn code(&self) -> u64 {
        self.heap + self.stable + self.globals + self.module + self.custom_sections
    }

    /// This usage with other code and other memories.
    pub(super) fn with_code(self, module: &CompiledModule, memories: &Memories) -> Self {
        Self {
            heap: memories.heap_bytes(),
            stable: memories.stable_bytes(),
            globals: globals_bytes(module),
            module: module.bytes.len() as u64,
            custom_sections: module.info.metadata_bytes,
            ..self
        }
    }
}

/// The size of a module's mutable globals in bytes. The instruction counter, which the replica adds,
/// counts as one more global.
fn globals_bytes(module: &CompiledModule) -> u64 {
    (u64::from(module.info.mutable_globals) + 1) * GLOBAL_BYTES
}

/// The size in bytes of the store for a log with the capacity `bytes_max`: a header, an index and the
/// records, each in whole pages.
pub(super) fn log_store_bytes(bytes_max: usize) -> u64 {
    const PAGE: u64 = OS_PAGE_BYTES as u64;
    match bytes_max as u64 {
        0 => 0,
        bytes => 2 * PAGE + bytes.next_multiple_of(PAGE),
    }
}
