//! The settings and the status of a canister.

use crate::canister::received_call::ReceivedCall;
use crate::cycles::IdleCanister;
use crate::limits::*;
use crate::types::{Cycles, Time};
use candid::Principal;
use ic_management_canister_types::{LogVisibility, SnapshotVisibility, StatusVisibility};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The settings of a canister.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The controllers.
    pub controllers: BTreeSet<Principal>,
    /// The compute allocation, in percent of a core.
    pub compute_allocation: u64,
    /// The memory allocation, in bytes.
    pub memory_allocation: u64,
    /// The freezing threshold, in seconds: how long the balance must last while the canister is idle.
    pub freezing_threshold_seconds: u64,
    /// The most cycles that can be reserved for memory.
    pub reserved_cycles_limit: Cycles,
    /// The fewest cycles that a call from another canister must have attached.
    pub minimum_incoming_canister_call_cycles: Cycles,
    /// Who may read the log.
    pub log_visibility: LogVisibility,
    /// The requested capacity of the log, in bytes.
    pub log_memory_limit: u64,
    /// Who may read the snapshots.
    pub snapshot_visibility: SnapshotVisibility,
    /// Who may read the status.
    pub status_visibility: StatusVisibility,
    /// The largest heap, in bytes. 0 means no limit below the largest memory of a 32-bit or 64-bit
    /// module.
    pub wasm_memory_limit: u64,
    /// The free heap memory, in bytes, below which `canister_on_low_wasm_memory` is executed.
    pub wasm_memory_threshold: u64,
    /// The environment variables, by name.
    pub environment_variables: BTreeMap<String, String>,
}

impl Settings {
    /// The default settings with these controllers.
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

    /// The data for the freezing threshold of a canister with these settings. `memory_bytes` is the
    /// memory usage, `message_bytes` is the memory that open calls reserve, and `reserved` are the
    /// reserved cycles.
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

    /// The capacity of the log, in bytes: 0, or at least [`CANISTER_LOG_BYTES_MIN`].
    pub(super) fn log_bytes(&self) -> usize {
        match usize::try_from(self.log_memory_limit).unwrap_or(usize::MAX) {
            0 => 0,
            bytes => bytes.max(CANISTER_LOG_BYTES_MIN),
        }
    }
}

/// The status of a canister.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// The canister accepts messages.
    Running,
    /// The canister accepts responses only. It stops when no call context is open. The stop requests
    /// then get their responses.
    Stopping(Vec<StopRequest>),
    /// The canister accepts no messages.
    Stopped,
}

/// A call of `stop_canister` that has no response yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    /// The call.
    pub received: ReceivedCall,
    /// The time at which the call is rejected if the canister has not stopped.
    pub expiry: Time,
}
