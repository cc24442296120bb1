//! Takes snapshots of a canister and loads them.
//!
//! Rules: interface specification, `take_canister_snapshot` and the methods after it.

use crate::canister::memory_usage::MemoryUsage;
use crate::canister::sandbox::{Code, Sandbox};
use crate::canister::snapshot::Snapshot;
use crate::canister::state::Canister;
use crate::types::Time;
use std::sync::Arc;

impl Snapshot {
    /// Takes a snapshot of a canister. `None` if the canister has no code.
    pub fn of(canister: &Canister, now: Time) -> Option<Self> {
        let sandbox = canister.sandbox.as_ref()?;
        Some(Self {
            uploaded: false,
            taken_at: now,
            version: canister.version,
            module: sandbox.module().bytes.clone(),
            memories: sandbox.memories().clone(),
            chunks: canister.chunks.clone(),
            certified_data: canister.certified_data.clone(),
            global_timer: Some(canister.global_timer),
            low_wasm_memory_hook: Some(canister.low_wasm_memory_hook),
        })
    }

    /// The memory usage of a canister after this snapshot is loaded. `code` is the snapshot's module.
    pub fn usage_in(&self, canister: &Canister, code: &Code) -> MemoryUsage {
        let usage = MemoryUsage { chunks: self.chunks.bytes(), ..canister.memory_usage() };
        usage.with_code(&code.module, &self.memories)
    }

    /// Loads the snapshot: replaces code, memories, chunks and certified data of a canister. An uploaded
    /// snapshot also replaces the global timer and the state of the low-memory hook
    /// (`canister_manager.rs`, `load_canister_snapshot`).
    pub fn load(&self, canister: &mut Canister, code: Arc<Code>) {
        canister.sandbox = Some(Sandbox::with_memories(code, self.memories.clone()));
        canister.chunks = self.chunks.clone();
        canister.certified_data = self.certified_data.clone();
        if self.uploaded {
            canister.global_timer = self.global_timer.unwrap_or(canister.global_timer);
            canister.low_wasm_memory_hook =
                self.low_wasm_memory_hook.unwrap_or(canister.low_wasm_memory_hook);
        }
        canister.version += 1;
        canister.settings_changed();
    }
}
