//! What the memory of a canister consists of.
//!
//! Sizes: `canister_state.rs` and `execution_state.rs`, `…_memory_usage`, in the replica's repository.

use crate::canister::sandbox::Memories;
use crate::limits::{GLOBAL_BYTES, OS_PAGE_BYTES};
use crate::wasm::CompiledModule;

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
    /// What is kept of its history.
    pub history: u64,
    /// Chunks of modules.
    pub chunks: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// What keeps the log.
    pub log: u64,
}

impl MemoryUsage {
    /// All of it.
    pub const fn total(&self) -> u64 {
        self.code() + self.history + self.chunks + self.snapshots + self.log
    }

    /// The part that goes when the code is uninstalled, without chunks.
    pub const fn code(&self) -> u64 {
        self.heap + self.stable + self.globals + self.module + self.custom_sections
    }

    /// This usage with other code and memories.
    pub(super) fn with_code(self, module: &CompiledModule, memories: &Memories) -> Self {
        let sections = module.info.metadata.iter();
        Self {
            heap: memories.heap_bytes(),
            stable: memories.stable_bytes(),
            globals: globals_bytes(module),
            module: module.bytes.len() as u64,
            custom_sections: sections
                .map(|(name, section)| (name.len() + section.content.len()) as u64)
                .sum(),
            ..self
        }
    }
}

/// Bytes of a module's globals. One more global counts: the instruction counter that the replica adds.
fn globals_bytes(module: &CompiledModule) -> u64 {
    (u64::from(module.info.mutable_globals) + 1) * GLOBAL_BYTES
}

/// Bytes of the store for a log of at most `bytes_max`: a header, an index and the records, each in
/// whole pages.
pub(super) fn log_store_bytes(bytes_max: usize) -> u64 {
    const PAGE: u64 = OS_PAGE_BYTES as u64;
    match bytes_max as u64 {
        0 => 0,
        bytes => 2 * PAGE + bytes.next_multiple_of(PAGE),
    }
}
