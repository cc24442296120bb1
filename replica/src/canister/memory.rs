//! The memory of a canister: how much it holds, and its stable memory as a whole.

use crate::canister::memory_usage::{MemoryUsage, log_store_bytes};
use crate::canister::sandbox::Sandbox;
use crate::canister::state::Canister;
use crate::canister::task::LowWasmMemoryHook;
use crate::wasm::StableMemory;

impl Canister {
    /// The bytes it holds, by kind.
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

    /// Whether a heap of this size leaves less memory than `wasm_memory_threshold`.
    pub fn is_wasm_memory_low(&self, heap_bytes: u64) -> bool {
        // A limit of 0, which elsewhere means that there is none, is one here (`task_queue.rs`,
        // `is_low_wasm_memory_hook_condition_satisfied`).
        let needed = heap_bytes.saturating_add(self.settings.wasm_memory_threshold);
        self.settings.wasm_memory_limit < needed
    }

    /// Updates the state of the low-memory hook, after the heap or a setting may have changed.
    pub fn check_low_wasm_memory(&mut self) {
        let is_low = self.is_wasm_memory_low(self.heap_bytes());
        self.low_wasm_memory_hook = match self.low_wasm_memory_hook {
            _ if !is_low => LowWasmMemoryHook::ConditionNotSatisfied,
            LowWasmMemoryHook::ConditionNotSatisfied => LowWasmMemoryHook::Ready,
            same => same,
        };
    }

    /// Bytes of heap.
    pub fn heap_bytes(&self) -> u64 {
        self.sandbox.as_ref().map_or(0, Sandbox::heap_bytes)
    }

    /// A copy of its whole stable memory. `None` if it has no code.
    pub fn stable_memory(&self) -> Option<Vec<u8>> {
        let memories = self.sandbox.as_ref()?.memories();
        memories.read_stable(0, memories.stable_bytes())
    }

    /// Replaces its stable memory, without checking limits. `None` if it has no code.
    pub fn set_stable_memory(&mut self, stable: StableMemory) -> Option<()> {
        self.sandbox.as_mut()?.set_stable(stable);
        Some(())
    }

    /// The larger of its memory usage and its memory allocation, in bytes.
    pub fn allocated_bytes(&self) -> u64 {
        self.memory_usage().total().max(self.settings.memory_allocation)
    }

    /// The bytes it pays for: [`allocated_bytes`](Self::allocated_bytes) and what its open calls reserve.
    pub fn memory_bytes(&self) -> u64 {
        self.allocated_bytes() + self.queues.guaranteed_bytes()
    }
}
