//! The state of a canister.

use crate::canister::call_context::CallContexts;
use crate::canister::chunks::ChunkStore;
use crate::canister::consumption::Consumption;
use crate::canister::debits::Debits;
use crate::canister::history::History;
use crate::canister::paused::PausedExecution;
use crate::canister::query_stats::QueryStats;
use crate::canister::round::RoundInput;
use crate::canister::sandbox::Sandbox;
use crate::canister::settings::{Settings, Status};
use crate::canister::snapshot::Snapshots;
use crate::canister::task::{LowWasmMemoryHook, Turn};
use crate::error::{ErrorCode, UserError};
use crate::log::{CanisterLog, ExecutionLog, LogRecord};
use crate::queues::Queues;
use crate::system_api::{Environment, RunState};
use crate::trace::{Notice, Trace};
use crate::types::{CanisterId, Cycles, Time};
use crate::wasm::ModuleInfo;
use ic_management_canister_types::{Change, ChangeDetails, ChangeOrigin};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One canister.
#[derive(Debug, Serialize, Deserialize)]
pub struct Canister {
    /// The canister id.
    pub id: CanisterId,
    /// The settings.
    pub settings: Settings,
    /// The balance of cycles.
    pub balance: Cycles,
    /// Cycles that are reserved for memory. They are not part of the balance.
    pub reserved: Cycles,
    /// The status: running, stopping or stopped.
    pub status: Status,
    /// The canister version: the number of changes of its state.
    pub version: u64,
    /// The input and output queues.
    pub queues: Queues,
    /// The call contexts and callbacks.
    pub contexts: CallContexts,
    /// The certified data, at most 32 bytes.
    pub certified_data: Vec<u8>,
    /// The time at which the global timer fires. `None` if it is not set.
    pub global_timer: Option<Time>,
    /// The state of the hook `canister_on_low_wasm_memory`.
    pub low_wasm_memory_hook: LowWasmMemoryHook,
    /// What the canister executes first in the next round, if it has tasks.
    pub(super) turn: Turn,
    /// The log: the latest debug output, and the latest traps.
    pub log: CanisterLog,
    /// The canister history: changes of controllers and code.
    pub history: History,
    /// The chunk store: chunks of modules.
    pub chunks: ChunkStore,
    /// The snapshots.
    pub snapshots: Snapshots,
    /// The time up to which the canister has paid for memory and compute allocation.
    pub charged_until: Time,
    /// The statistics of queries.
    pub query_stats: QueryStats,
    /// The debits of the rate limits.
    pub debits: Debits,
    /// The consumed cycles, by use.
    pub consumption: Consumption,
    /// Records the events of the canister.
    #[serde(skip)]
    pub trace: Trace,
    pub(super) sandbox: Option<Sandbox>,
    /// The paused execution, if there is one.
    pub(super) paused: Option<PausedExecution>,
    /// A cache.
    #[serde(skip)]
    environment: Option<Arc<Environment>>,
}

impl Canister {
    /// A canister without code.
    pub fn new(id: CanisterId, settings: Settings, balance: Cycles, now: Time) -> Self {
        Self {
            id,
            log: CanisterLog::new(settings.log_bytes()),
            settings,
            balance,
            reserved: 0,
            status: Status::Running,
            version: 0,
            queues: Queues::default(),
            contexts: CallContexts::default(),
            certified_data: Vec::new(),
            global_timer: None,
            low_wasm_memory_hook: LowWasmMemoryHook::default(),
            turn: Turn::default(),
            history: History::default(),
            chunks: ChunkStore::default(),
            snapshots: Snapshots::default(),
            charged_until: now,
            query_stats: QueryStats::default(),
            debits: Debits::default(),
            consumption: Consumption::default(),
            trace: Trace::default(),
            sandbox: None,
            paused: None,
            environment: None,
        }
    }

    /// The SHA-256 hash of the installed module. `None` if the canister has no code.
    pub fn module_hash(&self) -> Option<[u8; 32]> {
        self.sandbox.as_ref().map(|sandbox| sandbox.module().hash)
    }

    /// The properties of the installed module. `None` if the canister has no code.
    pub fn module(&self) -> Option<&ModuleInfo> {
        self.sandbox.as_ref().map(|sandbox| &sandbox.module().info)
    }

    /// Whether the installed module has 64-bit pointers.
    pub fn is_wasm64(&self) -> bool {
        self.module().is_some_and(|module| module.wasm64)
    }

    /// Whether the installed module exports the function `name`.
    pub fn exports(&self, name: &str) -> bool {
        self.sandbox.as_ref().is_some_and(|sandbox| sandbox.module().info.exports.contains(name))
    }

    /// The status that `ic0.canister_status` returns.
    pub fn run_state(&self) -> RunState {
        match self.status {
            Status::Running => RunState::Running,
            Status::Stopping(_) => RunState::Stopping,
            Status::Stopped => RunState::Stopped,
        }
    }

    /// Checks that the canister accepts messages.
    ///
    /// # Errors
    ///
    /// Fails if the canister is stopping or stopped: start it first.
    pub fn check_running(&self) -> Result<(), UserError> {
        let (code, state) = match self.status {
            Status::Running => return Ok(()),
            Status::Stopping(_) => (ErrorCode::CanisterStopping, "stopping"),
            Status::Stopped => (ErrorCode::CanisterStopped, "stopped"),
        };
        Err(UserError::new(code, format!("Canister {} is {state}", self.id)))
    }

    /// Adds a change to the canister history. `origin` is the user or canister that made the change.
    pub fn record_change(&mut self, now: Time, origin: ChangeOrigin, details: ChangeDetails) {
        self.history.push(Change {
            timestamp_nanos: now.as_nanos(),
            canister_version: self.version,
            origin,
            details: Some(details),
        });
    }

    /// Adds the log of an execution to the log of the canister.
    pub(super) fn add_log(&mut self, log: ExecutionLog) {
        let first = self.log.next_index();
        self.log.append(log);
        self.trace.notify(|| {
            let is_new = |record: &&LogRecord| record.idx >= first;
            let new: Vec<&LogRecord> = self.log.records().rev().take_while(is_new).collect();
            let canister = self.id;
            new.into_iter().rev().map(move |LogRecord { idx, time, content }| Notice::Logged {
                canister,
                index: *idx,
                time: *time,
                line: content.clone(),
            })
        });
    }

    /// Updates the data that depends on settings and code. Call this after each change of settings or
    /// code.
    pub fn settings_changed(&mut self) {
        self.environment = None;
        self.log.resize(self.settings.log_bytes());
    }

    /// The properties of the canister that an execution can read.
    pub(crate) fn environment(&mut self, round: &RoundInput) -> Arc<Environment> {
        let wasm64 = self.is_wasm64();
        let environment = self.environment.get_or_insert_with(|| {
            Arc::new(Environment {
                canister: self.id,
                subnet: round.subnet,
                prices: round.prices,
                root_key: round.root_key.clone(),
                controllers: self.settings.controllers.clone(),
                log_bytes: self.log.bytes_max(),
                variables: self.settings.environment_variables.clone(),
                wasm64,
                wasm_memory_limit: self.settings.wasm_memory_limit,
                compute_allocation: self.settings.compute_allocation,
                memory_allocation: self.settings.memory_allocation,
                reserved_cycles_limit: self.settings.reserved_cycles_limit,
                freezing_threshold_seconds: self.settings.freezing_threshold_seconds,
            })
        });
        environment.clone()
    }
}
