//! The growth of heap and stable memory in an execution: how far they can grow, and the cycles that this
//! requires.
//!
//! Rules: `system_api.rs`, `allocate_execution_memory` and `effective_wasm_memory_limit`, and
//! `sandbox_safe_system_state.rs` in the replica's repository.

use super::functions::EntryPoint;
use super::host::Host;
use crate::cycles::{IdleCanister, reservation_excess};
use crate::error::Trap;
use crate::limits::*;
use crate::types::Cycles;
use wasmtime::ResourceLimiter;

impl EntryPoint {
    /// Whether growing memory must not freeze the canister. The rule is for new work only. Callbacks
    /// finish earlier work, queries keep no changes, and the memory of an installation is checked
    /// after the installation.
    const fn must_not_freeze(self) -> bool {
        matches!(self, Self::Update | Self::Heartbeat | Self::GlobalTimer | Self::LowWasmMemory)
    }

    /// Whether growing memory allocates subnet memory at once.
    const fn allocates_subnet_memory(self) -> bool {
        self.must_not_freeze() || self.is_callback()
    }

    /// Whether this is a reply, reject, or cleanup callback of a replicated call.
    const fn is_callback(self) -> bool {
        matches!(self, Self::ReplyCallback | Self::RejectCallback | Self::Cleanup)
    }

    /// Whether `wasm_memory_limit` applies. The limit is for new work only, so that callbacks can
    /// finish earlier work.
    const fn has_wasm_memory_limit(self) -> bool {
        matches!(self, Self::Update | Self::Init | Self::Start)
    }
}

impl Host {
    /// The freezing threshold, in cycles, if the messages of the canister took `extra_bytes` more.
    pub(super) fn freezing_threshold(&self, extra_bytes: u64) -> Cycles {
        self.threshold(0, extra_bytes)
    }

    /// The freezing threshold, in cycles, if the memory of the canister also grew by `growth` bytes.
    fn threshold(&self, growth: u64, extra_message_bytes: u64) -> Cycles {
        let environment = &self.input.environment;
        environment.prices.freezing_threshold(&IdleCanister {
            memory_bytes: self.input.memory_bytes + self.grown + growth,
            memory_allocation: environment.memory_allocation,
            message_bytes: self.input.message_bytes
                + self.memory_reserved
                + self.best_effort_bytes
                + extra_message_bytes,
            compute_allocation: environment.compute_allocation,
            freezing_threshold_seconds: environment.freezing_threshold_seconds,
            reserved: self.reserved(),
        })
    }

    /// The reserved cycles of the canister, with those that this execution reserved.
    fn reserved(&self) -> Cycles {
        self.input.reserved.saturating_add(self.effects.cycles_reserved)
    }

    /// Bytes of subnet memory that the canister occupies after growing by `growth` bytes: its memory
    /// usage or its memory allocation, whichever is larger.
    fn allocated_bytes(&self, growth: u64) -> u64 {
        let held = self.input.memory_bytes + self.grown + growth;
        held.max(self.input.environment.memory_allocation)
    }

    /// Allocates `bytes` for a memory that grows. Returns false if the subnet has too little memory.
    ///
    /// # Errors
    ///
    /// Traps if the canister has too few cycles: growing would freeze it, or it cannot reserve the
    /// cycles that a nearly full subnet requires.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<bool, Trap> {
        let entry_point = self.input.entry_point;
        let after = self.allocated_bytes(bytes);
        let taken = after - self.allocated_bytes(0);
        if taken > 0 && entry_point.must_not_freeze() {
            self.check_grow(taken, self.threshold(bytes, 0))?;
        }
        if entry_point.allocates_subnet_memory() {
            let spare =
                if entry_point.is_callback() { SUBNET_MEMORY_RESERVED_PER_THREAD } else { 0 };
            let mut share = self.input.subnet_memory;
            share.take(self.effects.memory_taken);
            if !share.has(taken, spare) {
                return Ok(false);
            }
            self.reserve(taken)?;
            self.effects.memory_taken += taken;
        }
        self.grown += bytes;
        Ok(true)
    }

    /// Reserves cycles for `bytes` of new memory (the resource reservation mechanism).
    fn reserve(&mut self, bytes: u64) -> Result<(), Trap> {
        let environment = &self.input.environment;
        let used = self.input.subnet_memory.used() + self.effects.memory_taken;
        let cycles = environment.prices.storage_reservation(used, bytes);
        let limit = environment.reserved_cycles_limit;
        if let Some(excess) = reservation_excess(self.reserved(), cycles, limit) {
            return Err(Trap::ReservedCyclesLimit { bytes, limit, excess });
        }
        self.check_grow(bytes, cycles)?;
        self.balance -= cycles;
        self.effects.cycles_reserved += cycles;
        Ok(())
    }

    /// Checks that the canister has `cycles`, which growing by `bytes` requires. Only controllers learn how
    /// many cycles are missing.
    fn check_grow(&self, bytes: u64, cycles: Cycles) -> Result<(), Trap> {
        match cycles.checked_sub(self.balance) {
            Some(missing) if missing > 0 => {
                let reveals = self.input.environment.controllers.contains(&self.input.caller);
                Err(Trap::MemoryGrow { bytes, missing: reveals.then_some(missing) })
            }
            _ => Ok(()),
        }
    }
}

/// The limits of heap and table growth, which the engine checks.
impl ResourceLimiter for Host {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let environment = &self.input.environment;
        let bytes = desired as u64;
        let bytes_max = if environment.wasm64 { WASM64_MEMORY_MAX } else { WASM32_MEMORY_MAX };
        if bytes > bytes_max || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if !self.running {
            return Ok(true);
        }
        let limit = environment.wasm_memory_limit;
        if limit != 0 && bytes > limit && self.input.entry_point.has_wasm_memory_limit() {
            return Err(wasmtime::Error::new(Trap::WasmMemoryLimit { bytes, limit }));
        }
        self.grow((desired - current) as u64).map_err(wasmtime::Error::new)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }
}
