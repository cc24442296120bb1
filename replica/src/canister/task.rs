//! What a canister runs without a message: its tasks, and when it is their turn.
//!
//! Rules: `replicated_state/src/canister_state/system_state/task_queue.rs` in the replica's repository.

use crate::system_api::EntryPoint;

/// A task: code that a canister runs without a message.
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

/// The state of the hook `canister_on_low_wasm_memory`. The hook runs once each time less memory than
/// `wasm_memory_threshold` becomes left for the heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// Its global timer, if that is due.
    #[default]
    GlobalTimer,
    /// Its heartbeat, if it has one.
    Heartbeat,
    /// Messages, if some wait.
    Messages,
}

impl Turn {
    pub(super) const COUNT: usize = 3;

    /// Whose turn it is in the round after.
    pub(super) const fn following(self) -> Self {
        match self {
            Self::GlobalTimer => Self::Heartbeat,
            Self::Heartbeat => Self::Messages,
            Self::Messages => Self::GlobalTimer,
        }
    }
}
