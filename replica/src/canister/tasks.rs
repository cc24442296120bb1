//! Executes tasks.
//!
//! Rules: `replicated_state/src/canister_state/system_state/task_queue.rs` and
//! `execution_environment/src/execution/call_or_task.rs` in the replica's repository.

use crate::canister::execute::{NewCall, execute, prepayment};
use crate::canister::round::{Execution, RoundInput};
use crate::canister::sandbox::Entry;
use crate::canister::settings::Status;
use crate::canister::state::Canister;
use crate::canister::task::{LowWasmMemoryHook, Task, Turn};
use crate::types::{NextWork, Time};

impl Canister {
    /// Whether the hook `canister_on_low_wasm_memory` is due, and the canister can pay for its
    /// execution. Otherwise the hook waits.
    pub fn is_low_wasm_memory_hook_due(&self, round: &RoundInput) -> bool {
        self.low_wasm_memory_hook == LowWasmMemoryHook::Ready
            && self.status == Status::Running
            && self.can_pay_for_task(round)
    }

    /// The tasks of this round, the last one first. Global timer, heartbeat and messages take turns in
    /// coming first. No task is due if it is the turn of messages, or if an execution is paused. Whether
    /// the canister can pay for a task is not checked here: see [`execute_task`].
    pub fn due_tasks(&mut self, now: Time) -> Vec<Task> {
        let timer = self.global_timer.is_some_and(|timer| timer <= now)
            && self.exports(Task::GlobalTimer.export());
        let heartbeat = self.exports(Task::Heartbeat.export());
        if self.status != Status::Running || self.is_paused() || !(heartbeat || timer) {
            return Vec::new();
        }
        let with = |other: bool, task| other.then_some(task);
        for _ in 0..Turn::COUNT {
            let turn = self.turn;
            self.turn = turn.following();
            if self.low_wasm_memory_hook == LowWasmMemoryHook::Ready {
                break;
            }
            let (first, second) = match turn {
                Turn::Messages if self.queues.has_input() => break,
                Turn::GlobalTimer if timer => (Task::GlobalTimer, with(heartbeat, Task::Heartbeat)),
                Turn::Heartbeat if heartbeat => (Task::Heartbeat, with(timer, Task::GlobalTimer)),
                _ => continue,
            };
            return second.into_iter().chain([first]).collect();
        }
        Vec::new()
    }

    /// When the canister next has a task. `heartbeat` is the time of the next heartbeat.
    /// [`NextWork::Never`] if the canister is not running or cannot pay for a task.
    pub fn next_task(&self, heartbeat: Time, round: &RoundInput) -> NextWork {
        if self.status != Status::Running || !self.can_pay_for_task(round) {
            return NextWork::Never;
        }
        if self.low_wasm_memory_hook == LowWasmMemoryHook::Ready {
            return NextWork::Now;
        }
        let timer = self.global_timer.filter(|_| self.exports(Task::GlobalTimer.export()));
        let heartbeat = self.exports(Task::Heartbeat.export()).then_some(heartbeat);
        timer.into_iter().chain(heartbeat).min().map_or(NextWork::Never, NextWork::At)
    }

    fn can_pay_for_task(&self, round: &RoundInput) -> bool {
        let prepaid = prepayment(self, round.message_instructions_max, round);
        self.can_pay(prepaid, round.prices)
    }
}

/// Executes a task. If the canister cannot pay for the task, nothing is executed, and the global timer
/// stays set.
pub fn execute_task(canister: &mut Canister, task: Task, round: &RoundInput) -> Execution {
    if !canister.can_pay_for_task(round) {
        return Execution::default();
    }
    match task {
        Task::Heartbeat => {}
        Task::GlobalTimer => canister.global_timer = None,
        Task::LowWasmMemory => canister.low_wasm_memory_hook = LowWasmMemoryHook::Executed,
    }
    if !canister.exports(task.export()) {
        return Execution::default();
    }
    let instructions_max = round.message_instructions_max;
    execute(canister, NewCall::task(), instructions_max, round, |_, _| {
        Ok((task.entry_point(), Entry::Export(task.export().into())))
    })
}

#[cfg(test)]
mod tests;
