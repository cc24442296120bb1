//! What a canister runs without a message: its tasks, and when it is their turn.
//!
//! Rules: `replicated_state/src/canister_state/system_state/task_queue.rs` in the replica's repository.

use crate::system_api::EntryPoint;

/// What runs by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// `canister_heartbeat`, in every round.
    Heartbeat,
    /// `canister_global_timer`, once it is time.
    GlobalTimer,
    /// `canister_on_low_wasm_memory`, once when the heap has little room left.
    LowWasmMemory,
}

impl Task {
    /// Where it executes, for the rules of the system interface.
    pub(super) const fn context(self) -> EntryPoint {
        match self {
            Self::Heartbeat => EntryPoint::Heartbeat,
            Self::GlobalTimer => EntryPoint::GlobalTimer,
            Self::LowWasmMemory => EntryPoint::LowWasmMemory,
        }
    }

    /// The function that does it.
    pub const fn export(self) -> &'static str {
        match self {
            Self::Heartbeat => "canister_heartbeat",
            Self::GlobalTimer => "canister_global_timer",
            Self::LowWasmMemory => "canister_on_low_wasm_memory",
        }
    }
}

/// Whether `canister_on_low_wasm_memory` is to run. It runs once each time the heap comes to have
/// less room than `wasm_memory_threshold`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LowWasmMemoryHook {
    /// There is room.
    #[default]
    ConditionNotSatisfied,
    /// There is little, and the hook runs before anything else.
    Ready,
    /// There is little, and the hook has run.
    Executed,
}

impl LowWasmMemoryHook {
    /// Whether there is little room.
    pub fn means_low(self) -> bool {
        self != Self::ConditionNotSatisfied
    }
}

/// With what a canister that has tasks begins a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// With its timer, if that is due.
    #[default]
    GlobalTimer,
    /// With its heartbeat, if it has one.
    Heartbeat,
    /// With messages, if some wait.
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
