//! The scheduler: executes canisters in the middle of a round, until the round's budget is spent.
//!
//! A round has iterations. In each iteration every canister executes all its messages; then messages
//! within the subnet are delivered, and the next iteration begins. The number of messages is limited by
//! two budgets only: instructions and heap delta. A message that needs more instructions than a slice is
//! paused and continues in the following rounds, one slice in each (DTS).
//!
//! Rules: `execution_environment/src/scheduler.rs` in the replica's repository.

use crate::canister::{
    Canister, Execution, LowWasmMemoryHook, RoundInput, Task, execute_next, execute_task, resume,
};
use crate::limits::*;
use crate::subnet::Subnet;
use crate::subnet::ingress::IngressState;
use crate::subnet::schedule::SchedulingState;
use crate::system_api::MemoryShare;
use crate::types::CanisterId;
use std::collections::BTreeMap;

/// A budget of execution, or the part of a budget that was spent.
#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    /// Instructions, with the overheads.
    instructions: i64,
    /// Heap delta: bytes of the pages that were written to.
    heap_delta_bytes: i64,
}

impl Budget {
    /// Whether nothing is left.
    const fn is_spent(self) -> bool {
        self.instructions <= 0 || self.heap_delta_bytes <= 0
    }
}

/// The timers and heartbeats that are due in this round, by canister.
type Tasks = BTreeMap<CanisterId, Vec<Task>>;

/// Takes a canister's next task.
fn next_task(tasks: &mut Tasks, canister: CanisterId) -> Option<Task> {
    let due = tasks.get_mut(&canister)?;
    let task = due.pop();
    if due.is_empty() {
        tasks.remove(&canister);
    }
    task
}

/// A canister's state as the schedule needs it.
fn schedule_state(canister: &Canister, tasks: &Tasks) -> SchedulingState {
    let is_active = canister.message_since().is_some()
        || canister.queues.has_input()
        || tasks.contains_key(&canister.id)
        || canister.low_wasm_memory_hook == LowWasmMemoryHook::Ready;
    SchedulingState {
        is_active: is_active && !canister.is_installing(),
        is_rate_limited: canister.debits.is_rate_limited(),
        compute_allocation: canister.settings.compute_allocation,
        paused_since: canister.message_since(),
    }
}

/// Executes the next slice of a paused execution, the next task, or the next message.
fn execute_one(
    canister: &mut Canister,
    tasks: &mut Tasks,
    round: &RoundInput,
) -> Option<Execution> {
    if canister.is_paused() {
        return Some(resume(canister, round));
    }
    let task = match canister.is_low_wasm_memory_hook_due(round) {
        true => Some(Task::LowWasmMemory),
        false => next_task(tasks, canister.id),
    };
    match task {
        Some(task) => Some(execute_task(canister, task, round)),
        None => execute_next(canister, round),
    }
}

impl Subnet {
    /// The budget of a round. In each iteration, every thread has the whole heap delta budget, and what
    /// is left of the instructions.
    fn round_budget(&self) -> Budget {
        Budget {
            instructions: self.config.round_budget(),
            heap_delta_bytes: self.config.heap_delta_bytes_max(),
        }
    }

    /// Executes iterations until nothing is left to execute or the budget is spent.
    pub(super) fn execute_canisters(&mut self) {
        let mut left = self.round_budget();
        self.management_budget = self.config.management_budget();
        self.deliver_outcalls();
        self.continue_installation();
        let nothing = Tasks::default();
        let awake = self.canisters.awake();
        self.schedule.begin_round(
            awake.map(|canister| (canister.id, schedule_state(canister, &nothing))),
            self.canisters.count_asleep() as u64,
            self.canisters.asleep().compute,
        );
        self.execute_management_calls();
        // After the management calls: a canister installed just now may have a timer or heartbeat.
        let mut tasks = self.due_tasks();
        let mut memory_taken = None;
        loop {
            let spent = self.execute_iteration(left.instructions, &mut tasks, &mut memory_taken);
            if spent.instructions == 0 {
                break;
            }
            let finalization = ROUND_OVERHEAD_FINALIZATION * self.canisters.len() as i64;
            self.meter.count_instructions(finalization);
            left.instructions -= spent.instructions + finalization;
            left.heap_delta_bytes -= spent.heap_delta_bytes;
            if left.heap_delta_bytes <= 0 {
                break;
            }
            self.deliver_within_subnet();
            if left.instructions <= 0 {
                break;
            }
            if self.execute_management_calls() {
                memory_taken = None;
            }
        }
        self.meter.count_instructions(self.config.management_budget() - self.management_budget);
        self.abort_excess_paused_executions();
        let (canisters, tasks) = (&self.canisters, Tasks::default());
        self.schedule.finish_round(|id| Some(schedule_state(canisters.get(&id)?, &tasks)));
    }

    /// Aborts paused messages, so that they begin again, if more messages are paused than are allowed.
    fn abort_excess_paused_executions(&mut self) {
        let held = self.canisters.awake().filter(|canister| canister.holds_progress());
        let paused = held.filter_map(|canister| Some((canister.id, canister.message_since()?)));
        for id in self.schedule.exceeding_paused_limit(paused.collect()) {
            if let Some(canister) = self.canisters.get_mut(&id) {
                canister.abort();
            }
        }
    }

    /// The heartbeats and timers that are due in this round.
    fn due_tasks(&mut self) -> Tasks {
        let mut tasks = Tasks::default();
        self.canisters.for_each_awake(|canister| {
            let due = canister.due_tasks(self.time);
            if !due.is_empty() {
                tasks.insert(canister.id, due);
            }
        });
        tasks
    }

    /// Lets every canister execute its tasks and messages. The canisters are distributed over threads as
    /// on the mainnet. The iteration counts as the instructions of the busiest thread, and as the heap
    /// delta of all threads. `memory_taken` caches the bytes that all canisters have taken.
    fn execute_iteration(
        &mut self,
        instructions: i64,
        tasks: &mut Tasks,
        memory_taken: &mut Option<u64>,
    ) -> Budget {
        let states =
            self.canisters.awake().map(|canister| (canister.id, schedule_state(canister, tasks)));
        let threads = self.schedule.threads(states);
        if threads.iter().all(Vec::is_empty) {
            return Budget::default();
        }
        let memory_taken = memory_taken.get_or_insert_with(|| self.memory_taken());
        let share = MemoryShare::on_subnet_with(*memory_taken);
        let mut round = self.round_input();
        let guaranteed_per_thread = round.guaranteed_memory / SCHEDULER_THREADS as u64;
        let budget = Budget { instructions, ..self.round_budget() };
        let mut spent = Budget::default();
        for canisters in &threads {
            let mut left = budget;
            let mut memory_left = guaranteed_per_thread;
            round.subnet_memory = share;
            for id in canisters {
                if left.is_spent() {
                    break;
                }
                round.guaranteed_memory = memory_left;
                self.execute_canister(*id, &mut left, tasks, &mut round);
                memory_left = round.guaranteed_memory;
            }
            let instructions = budget.instructions - left.instructions;
            self.meter.count_instructions(instructions);
            spent.instructions = spent.instructions.max(instructions);
            spent.heap_delta_bytes += budget.heap_delta_bytes - left.heap_delta_bytes;
            *memory_taken += round.subnet_memory.taken_since(share);
        }
        spent
    }

    /// Executes one canister's tasks and messages until the budget is spent.
    fn execute_canister(
        &mut self,
        id: CanisterId,
        left: &mut Budget,
        tasks: &mut Tasks,
        round: &mut RoundInput,
    ) {
        let mut instructions = 0;
        while !left.is_spent() {
            let Some(canister) = self.canisters.get_mut(&id) else { break };
            let before = (canister.queues.guaranteed_bytes(), canister.contexts.open_callbacks());
            let continues = canister.is_paused();
            let Some(execution) = execute_one(canister, tasks, round) else { break };
            let after = (canister.queues.guaranteed_bytes(), canister.contexts.open_callbacks());
            round.guaranteed_memory =
                round.guaranteed_memory.saturating_add(before.0).saturating_sub(after.0);
            round.subnet_callbacks = (round.subnet_callbacks + after.1).saturating_sub(before.1);
            round.subnet_memory.take(execution.memory_taken);
            left.instructions -= execution.instructions as i64 + ROUND_OVERHEAD_PER_MESSAGE;
            left.heap_delta_bytes -= execution.heap_delta_bytes as i64;
            canister.debits.add_heap_delta(execution.heap_delta_bytes);
            let is_paused = canister.is_paused();
            if !is_paused {
                instructions += execution.instructions;
                self.meter.count_transaction();
            }
            if continues || is_paused || !canister.queues.has_input() {
                self.schedule.record_full_execution(id);
            }
            self.record_execution(execution);
            // A canister that ended a paused message executes nothing else in this iteration.
            if continues && !is_paused {
                break;
            }
        }
        if instructions > 0 {
            left.instructions -= ROUND_OVERHEAD_PER_CANISTER;
        }
    }

    /// Updates the status of ingress messages after an execution.
    pub(super) fn record_execution(&mut self, execution: Execution) {
        if let Some(message) = execution.processing {
            self.history.set(message, IngressState::Processing, self.time);
        }
        if let Some(response) = execution.response {
            self.respond(response);
        }
    }
}
