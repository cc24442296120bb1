//! The memory of a canister: its memory usage, and access to the whole stable memory.

use crate::canister::memory_usage::{MemoryUsage, log_store_bytes};
use crate::canister::sandbox::Sandbox;
use crate::canister::state::Canister;
use crate::canister::task::LowWasmMemoryHook;
use crate::wasm::StableMemory;

impl Canister {
    /// The memory usage by kind.
    pub fn memory_usage(&self) -> MemoryUsage {
        let usage = MemoryUsage {
            history: self.history.bytes(),
            chunks: self.chunks.bytes(),
            snapshots: self.snapshots.bytes(),
            log: log_store_bytes(self.log.bytes_max()),
            ..MemoryUsage::default()
        };
        match &self.sandbox {
            Some(sandbox) => usage.with_code(sandbox.module(), sandbox.memories()),
            None => usage,
        }
    }

    /// Whether a heap of `heap_bytes` bytes leaves less free memory than the setting
    /// `wasm_memory_threshold`.
    pub fn is_wasm_memory_low(&self, heap_bytes: u64) -> bool {
        // Elsewhere, a `wasm_memory_limit` of 0 means that there is no limit. Here it is a limit of 0
        // bytes (`task_queue.rs`, `is_low_wasm_memory_hook_condition_satisfied`).
        let needed = heap_bytes.saturating_add(self.settings.wasm_memory_threshold);
        self.settings.wasm_memory_limit < needed
    }

    /// Updates the state of the low-memory hook. Call this after a change of the heap or of the
    /// settings.
    pub fn check_low_wasm_memory(&mut self) {
        let is_low = self.is_wasm_memory_low(self.heap_bytes());
        self.low_wasm_memory_hook = match self.low_wasm_memory_hook {
            _ if !is_low => LowWasmMemoryHook::ConditionNotSatisfied,
            LowWasmMemoryHook::ConditionNotSatisfied => LowWasmMemoryHook::Ready,
            same => same,
        };
    }

    /// The size of the heap in bytes.
    pub fn heap_bytes(&self) -> u64 {
        self.sandbox.as_ref().map_or(0, Sandbox::heap_bytes)
    }

    /// A copy of the whole stable memory. `None` if the canister has no code.
    pub fn stable_memory(&self) -> Option<Vec<u8>> {
        let memories = self.sandbox.as_ref()?.memories();
        memories.read_stable(0, memories.stable_bytes())
    }

    /// Replaces the stable memory without checking limits. Returns `None` if the canister has no code.
    pub fn set_stable_memory(&mut self, stable: StableMemory) -> Option<()> {
        self.sandbox.as_mut()?.set_stable(stable);
        Some(())
    }

    /// The memory usage or the memory allocation, whichever is larger, in bytes.
    pub fn allocated_bytes(&self) -> u64 {
        self.memory_usage().total().max(self.settings.memory_allocation)
    }
}
