//! Tasks: code that a canister executes without a message, and the order of tasks and messages.
//!
//! Rules: `replicated_state/src/canister_state/system_state/task_queue.rs` in the replica's repository.

use crate::system_api::EntryPoint;
use serde::{Deserialize, Serialize};

/// A task: code that a canister executes without a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// `canister_heartbeat`, once in every round.
    Heartbeat,
    /// `canister_global_timer`, when the global timer has fired.
    GlobalTimer,
    /// `canister_on_low_wasm_memory`, when little memory is left for the heap.
    LowWasmMemory,
}

impl Task {
    /// The kind of entry point, for the rules of the system API.
    pub(super) const fn entry_point(self) -> EntryPoint {
        match self {
            Self::Heartbeat => EntryPoint::Heartbeat,
            Self::GlobalTimer => EntryPoint::GlobalTimer,
            Self::LowWasmMemory => EntryPoint::LowWasmMemory,
        }
    }

    /// The exported function that it runs.
    pub const fn export(self) -> &'static str {
        match self {
            Self::Heartbeat => "canister_heartbeat",
            Self::GlobalTimer => "canister_global_timer",
            Self::LowWasmMemory => "canister_on_low_wasm_memory",
        }
    }
}

/// The state of the hook `canister_on_low_wasm_memory`. The hook is executed each time the memory left
/// for the heap falls below `wasm_memory_threshold`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LowWasmMemoryHook {
    /// Enough memory is left.
    #[default]
    ConditionNotSatisfied,
    /// Little memory is left. The hook runs before anything else.
    Ready,
    /// Little memory is left, and the hook has run.
    Executed,
}

impl LowWasmMemoryHook {
    /// Whether little memory is left.
    pub fn means_low(self) -> bool {
        self != Self::ConditionNotSatisfied
    }
}

/// What a canister with tasks executes first in a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Turn {
    /// The global timer, if it is due.
    #[default]
    GlobalTimer,
    /// The heartbeat, if the module exports one.
    Heartbeat,
    /// Messages, if any wait.
    Messages,
}

impl Turn {
    pub(super) const COUNT: usize = 3;

    /// What comes first in the next round.
    pub(super) const fn following(self) -> Self {
        match self {
            Self::GlobalTimer => Self::Heartbeat,
            Self::Heartbeat => Self::Messages,
            Self::Messages => Self::GlobalTimer,
        }
    }
}
