//! What a canister is.

use crate::canister::call_context::CallContexts;
use crate::canister::chunks::ChunkStore;
use crate::canister::consumption::Consumption;
use crate::canister::debits::Debits;
use crate::canister::history::History;
use crate::canister::long::Paused;
use crate::canister::query::QueryStats;
use crate::canister::queues::Queues;
use crate::canister::sandbox::Sandbox;
use crate::canister::snapshot::Snapshots;
use crate::canister::steps::RoundContext;
use crate::canister::tasks::{LowWasmMemoryHook, Turn};
use crate::cycles::Prices;
use crate::error::{ErrorCode, Trap, UserError};
use crate::limits::*;
use crate::log::CanisterLog;
use crate::system_api::{Environment, RunState};
use crate::trace::{Event, Fee, Trace};
use crate::types::{CanisterId, Cycles, Time};
use crate::wasm::ModuleInfo;
use candid::Principal;
use ic_management_canister_types::{LogVisibility, SnapshotVisibility, StatusVisibility};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    pub origin: super::Origin,
    /// Cycles attached, which go back.
    pub cycles: Cycles,
    /// When it is given up.
    pub expiry: Time,
}

/// One canister.
#[derive(Debug)]
pub struct Canister {
    /// Its id.
    pub id: CanisterId,
    /// What its controllers decided.
    pub settings: Settings,
    /// Its cycles.
    pub balance: Cycles,
    /// Cycles set aside for its memory, beside those.
    pub reserved: Cycles,
    /// Whether it takes messages.
    pub status: Status,
    /// Counts its changes of state.
    pub version: u64,
    /// Its queues.
    pub queues: Queues,
    /// What it is working on.
    pub contexts: CallContexts,
    /// What it had certified.
    pub certified_data: Vec<u8>,
    /// When its global timer fires.
    pub global_timer: Option<Time>,
    /// Whether it is to be told that its heap has little room left.
    pub low_wasm_memory_hook: LowWasmMemoryHook,
    /// Whose turn it is when it has tasks.
    pub(super) turn: Turn,
    /// The latest lines it printed or trapped with.
    pub log: CanisterLog,
    /// What was done to it.
    pub history: History,
    /// Chunks of modules to be installed.
    pub chunks: ChunkStore,
    /// What it was before.
    pub snapshots: Snapshots,
    /// When it last paid for its memory.
    pub charged_until: Time,
    /// What queries it answered.
    pub query_stats: QueryStats,
    /// What it has not been forgiven yet.
    pub debits: Debits,
    /// What it spent cycles on.
    pub consumption: Consumption,
    /// Where it tells what happens to it.
    pub trace: Trace,
    pub(super) sandbox: Option<Sandbox>,
    /// What it is in the middle of.
    pub(super) paused: Option<Paused>,
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

    /// SHA-256 of the module it runs.
    pub fn module_hash(&self) -> Option<[u8; 32]> {
        self.sandbox.as_ref().map(|sandbox| sandbox.module().hash)
    }

    /// What is known of the module it runs.
    pub fn module(&self) -> Option<&ModuleInfo> {
        self.sandbox.as_ref().map(|sandbox| &sandbox.module().info)
    }

    /// Whether its module has 64-bit pointers.
    pub fn is_wasm64(&self) -> bool {
        self.module().is_some_and(|module| module.wasm64)
    }

    /// Whether its module exports this function.
    pub fn exports(&self, name: &str) -> bool {
        self.sandbox.as_ref().is_some_and(|sandbox| sandbox.module().info.exports.contains(name))
    }

    /// The balance below which it is frozen.
    pub fn freezing_threshold(&self, prices: Prices) -> Cycles {
        let threshold = prices.freezing_threshold(
            self.memory_bytes(),
            self.settings.compute_allocation,
            self.settings.freezing_threshold_seconds,
        );
        threshold.saturating_sub(self.reserved)
    }

    /// What `ic0.canister_status` says.
    pub fn run_state(&self) -> RunState {
        match self.status {
            Status::Running => RunState::Running,
            Status::Stopping(_) => RunState::Stopping,
            Status::Stopped => RunState::Stopped,
        }
    }

    /// Takes a fee, for which it has enough.
    pub fn pay(&mut self, fee: Fee, cycles: Cycles) {
        self.debit(cycles);
        self.consumption.pay(fee, cycles);
        self.trace.record(|| Event::Charged { canister: self.id, fee, cycles });
    }

    /// Takes cycles that an execution spent, of which it had enough; they are fewer only where
    /// [`credit`](Self::credit) lost some.
    pub fn debit(&mut self, cycles: Cycles) {
        self.balance = self.balance.saturating_sub(cycles);
    }

    /// Fails when it takes no messages.
    pub fn check_running(&self) -> Result<(), UserError> {
        let (code, state) = match self.status {
            Status::Running => return Ok(()),
            Status::Stopping(_) => (ErrorCode::CanisterStopping, "stopping"),
            Status::Stopped => (ErrorCode::CanisterStopped, "stopped"),
        };
        Err(UserError::new(code, format!("Canister {} is {state}", self.id)))
    }

    /// Fails unless it can pay `amount` without being frozen.
    pub fn check_can_pay(&self, amount: Cycles, prices: Prices) -> Result<(), UserError> {
        let needed = self.freezing_threshold(prices) + amount;
        if self.balance >= needed {
            return Ok(());
        }
        let missing = needed - self.balance;
        let trap = Trap::OutOfCycles(format!("top it up with at least {missing} cycles"));
        Err(trap.into_user_error(self.id))
    }

    /// Sets cycles aside, of which it has enough.
    pub fn reserve(&mut self, cycles: Cycles) {
        self.debit(cycles);
        self.reserved = self.reserved.saturating_add(cycles);
    }

    /// Adds cycles. What would exceed the largest balance there is, is lost.
    pub fn credit(&mut self, cycles: Cycles) {
        self.balance = self.balance.saturating_add(cycles);
    }

    /// Adds cycles that did not come with a message.
    pub fn deposit(&mut self, cycles: Cycles) {
        self.credit(cycles);
        self.trace.record(|| Event::Credited { canister: self.id, cycles });
    }

    /// Has its settings or code changed, what executions see of them is made anew.
    pub fn settings_changed(&mut self) {
        self.environment = None;
        self.log.resize(self.settings.log_bytes());
    }

    /// What executions see of its settings and code.
    pub(crate) fn environment(&mut self, round: &RoundContext) -> Arc<Environment> {
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
