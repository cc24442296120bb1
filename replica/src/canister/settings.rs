//! A canister's settings, and whether it takes messages.

use crate::canister::call_context::Origin;
use crate::cycles::IdleCanister;
use crate::limits::*;
use crate::types::{Cycles, Time};
use candid::Principal;
use ic_management_canister_types::{LogVisibility, SnapshotVisibility, StatusVisibility};
use std::collections::{BTreeMap, BTreeSet};

/// What a canister's controllers decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who controls it.
    pub controllers: BTreeSet<Principal>,
    /// Share of a core that is reserved for it, in percent.
    pub compute_allocation: u64,
    /// Memory that is reserved for it, in bytes.
    pub memory_allocation: u64,
    /// How long its cycles must last while it is idle, in seconds.
    pub freezing_threshold_seconds: u64,
    /// Most cycles that may be set aside for its memory.
    pub reserved_cycles_limit: Cycles,
    /// Fewest cycles a call from a canister must bring.
    pub minimum_incoming_canister_call_cycles: Cycles,
    /// Who may read its log.
    pub log_visibility: LogVisibility,
    /// Bytes of log that are kept.
    pub log_memory_limit: u64,
    /// Who may see its snapshots.
    pub snapshot_visibility: SnapshotVisibility,
    /// Who may see its status.
    pub status_visibility: StatusVisibility,
    /// Heap it may have, in bytes; 0, if nothing but its pointers limits it.
    pub wasm_memory_limit: u64,
    /// Free heap below which it is told, in bytes.
    pub wasm_memory_threshold: u64,
    /// Values it can read.
    pub environment_variables: BTreeMap<String, String>,
}

impl Settings {
    /// The settings of a canister that says nothing else.
    pub fn new(controllers: BTreeSet<Principal>) -> Self {
        Self {
            controllers,
            compute_allocation: 0,
            memory_allocation: 0,
            freezing_threshold_seconds: FREEZING_THRESHOLD_SECONDS_DEFAULT,
            reserved_cycles_limit: RESERVED_CYCLES_LIMIT_DEFAULT,
            minimum_incoming_canister_call_cycles: 0,
            log_visibility: LogVisibility::Controllers,
            log_memory_limit: CANISTER_LOG_BYTES_DEFAULT as u64,
            snapshot_visibility: SnapshotVisibility::Controllers,
            status_visibility: StatusVisibility::Controllers,
            wasm_memory_limit: WASM_MEMORY_LIMIT_DEFAULT,
            wasm_memory_threshold: 0,
            environment_variables: BTreeMap::new(),
        }
    }

    /// What the freezing threshold of a canister with these settings depends on. It holds so many bytes,
    /// its open calls reserve others, and cycles are reserved for its memory.
    pub(super) fn idle_canister(
        &self,
        memory_bytes: u64,
        message_bytes: u64,
        reserved: Cycles,
    ) -> IdleCanister {
        IdleCanister {
            memory_bytes,
            memory_allocation: self.memory_allocation,
            message_bytes,
            compute_allocation: self.compute_allocation,
            freezing_threshold_seconds: self.freezing_threshold_seconds,
            reserved,
        }
    }

    /// Bytes of log that are kept: none, or as many as make sense.
    pub(super) fn log_bytes(&self) -> usize {
        match usize::try_from(self.log_memory_limit).unwrap_or(usize::MAX) {
            0 => 0,
            bytes => bytes.max(CANISTER_LOG_BYTES_MIN),
        }
    }
}

/// Whether a canister takes messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Running,
    /// It finishes what it began, then answers those who asked it to stop.
    Stopping(Vec<StopRequest>),
    /// It does not.
    Stopped,
}

/// A `stop_canister` that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopRequest {
    /// Who asked.
    pub origin: Origin,
    /// Cycles attached, which go back.
    pub cycles: Cycles,
    /// When it is given up.
    pub expiry: Time,
}
