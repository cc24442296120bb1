//! How far memories can grow in an execution, and what growing asks of the canister.
//!
//! Rules: `system_api.rs`, `allocate_execution_memory` and `effective_wasm_memory_limit`, and
//! `sandbox_safe_system_state.rs` in the replica's repository.

use super::functions::EntryPoint;
use super::host::Host;
use crate::cycles::reservation_excess;
use crate::error::Trap;
use crate::limits::*;
use crate::types::Cycles;
use wasmtime::ResourceLimiter;

impl EntryPoint {
    /// Whether growing may not freeze the canister. Callbacks finish what was begun, queries keep
    /// nothing, and an installation is looked at as a whole when it is over.
    const fn must_not_freeze(self) -> bool {
        matches!(self, Self::Update | Self::Heartbeat | Self::GlobalTimer | Self::LowWasmMemory)
    }

    /// Whether what grows takes room from the subnet at once.
    const fn takes_room(self) -> bool {
        self.must_not_freeze() || self.is_callback()
    }

    /// Whether this is a callback of a call, or its cleanup.
    const fn is_callback(self) -> bool {
        matches!(self, Self::ReplyCallback | Self::RejectCallback | Self::Cleanup)
    }

    /// Whether `wasm_memory_limit` holds. It guards new work only, so that callbacks can still finish
    /// old work.
    const fn has_wasm_memory_limit(self) -> bool {
        matches!(self, Self::Update | Self::Init | Self::Start)
    }
}

impl Host {
    /// The balance below which the canister is frozen, were its calls to reserve `extra_bytes` more.
    pub(super) fn freezing_threshold(&self, extra_bytes: u64) -> Cycles {
        let messages = self.input.message_bytes + self.memory_reserved + extra_bytes;
        self.threshold(self.allocated_bytes(0) + messages)
    }

    fn threshold(&self, bytes: u64) -> Cycles {
        let environment = &self.input.environment;
        let threshold = environment.prices.freezing_threshold(
            bytes,
            environment.compute_allocation,
            environment.freezing_threshold_seconds,
        );
        threshold.saturating_sub(self.reserved())
    }

    /// Cycles that are set aside for its memory.
    fn reserved(&self) -> Cycles {
        self.input.reserved.saturating_add(self.effects.cycles_reserved)
    }

    /// Bytes the canister takes from the subnet, were it to grow by so many.
    fn allocated_bytes(&self, growth: u64) -> u64 {
        let held = self.input.memory_bytes + self.grown + growth;
        held.max(self.input.environment.memory_allocation)
    }

    /// Has a memory grow by so many bytes, and says whether there is room for them. Fails when the
    /// canister has too few cycles.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<bool, Trap> {
        let entry_point = self.input.entry_point;
        let after = self.allocated_bytes(bytes);
        let taken = after - self.allocated_bytes(0);
        if taken > 0 && entry_point.must_not_freeze() {
            let messages = self.input.message_bytes + self.memory_reserved;
            self.check_grow(taken, self.threshold(after + messages))?;
        }
        if entry_point.takes_room() {
            let spare =
                if entry_point.is_callback() { SUBNET_MEMORY_RESERVED_PER_THREAD } else { 0 };
            let available = self.input.subnet_memory.available + spare;
            if taken > available.saturating_sub(self.effects.memory_taken) {
                return Ok(false);
            }
            self.reserve(taken)?;
            self.effects.memory_taken += taken;
        }
        self.grown += bytes;
        Ok(true)
    }

    /// Sets cycles aside for bytes that are about to be taken.
    fn reserve(&mut self, bytes: u64) -> Result<(), Trap> {
        let environment = &self.input.environment;
        let in_use = self.input.subnet_memory.taken + self.effects.memory_taken;
        let cycles = environment.prices.storage_reservation(in_use + SUBNET_MEMORY_RESERVED, bytes);
        let limit = environment.reserved_cycles_limit;
        if let Some(excess) = reservation_excess(self.reserved(), cycles, limit) {
            return Err(Trap::ReservedCyclesLimit { bytes, limit, excess });
        }
        self.check_grow(bytes, cycles)?;
        self.balance -= cycles;
        self.effects.cycles_reserved += cycles;
        Ok(())
    }

    /// Fails unless the canister has so many cycles, as growing requires.
    fn check_grow(&self, bytes: u64, cycles: Cycles) -> Result<(), Trap> {
        match cycles.checked_sub(self.balance) {
            Some(missing) if missing > 0 => Err(Trap::MemoryGrow { bytes, missing }),
            _ => Ok(()),
        }
    }
}

/// Bounds heap and table.
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
