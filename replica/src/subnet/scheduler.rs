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

/// What the executions of a round need. It is kept while canisters execute: to add up all canisters before each
/// iteration takes long.
struct Progress {
    round: RoundInput,
    /// The bytes of memory that all canisters have taken.
    memory_taken: u64,
    /// The bytes that unbounded-wait calls of all canisters take.
    guaranteed_bytes: u64,
}

/// What one thread may use in one iteration.
#[derive(Clone, Copy)]
struct Share {
    budget: Budget,
    memory: MemoryShare,
    /// Bytes that unbounded-wait calls may reserve for their responses.
    guaranteed_memory: u64,
}

/// Debug builds check the first iterations of each round, if the subnet has few canisters. The check looks at all
/// canisters that are awake, so it would take long with many. Numbers of this project.
const CHECKED_ITERATIONS: usize = 8;
const CHECKED_CANISTERS_MAX: usize = 8;

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

/// Whether a canister has something to execute or to send.
fn is_busy(canister: &Canister, tasks: &Tasks) -> bool {
    canister.queues.has_output() || schedule_state(canister, tasks).is_active
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
        let mut busy = self.canisters.awake_ids();
        let (mut progress, mut receivers) = (None, Vec::new());
        for iteration in 0.. {
            if cfg!(debug_assertions)
                && iteration < CHECKED_ITERATIONS
                && self.canisters.len() <= CHECKED_CANISTERS_MAX
            {
                self.check_kept(&busy, &tasks, progress.as_ref());
            }
            let spent = self.execute_iteration(left.instructions, &busy, &mut tasks, &mut progress);
            let Some(running) = progress.as_mut().filter(|_| spent.instructions != 0) else {
                break;
            };
            let finalization = ROUND_OVERHEAD_FINALIZATION * self.canisters.len() as i64;
            self.meter.count_instructions(finalization);
            left.instructions -= spent.instructions + finalization;
            left.heap_delta_bytes -= spent.heap_delta_bytes;
            if left.heap_delta_bytes <= 0 {
                break;
            }
            self.deliver_within_subnet(&busy, &mut running.guaranteed_bytes, &mut receivers);
            if left.instructions <= 0 {
                break;
            }
            if self.execute_management_calls() {
                busy = self.canisters.awake_ids();
                receivers.clear();
                progress = None;
            } else {
                self.update_busy(&mut busy, &mut receivers, &tasks);
            }
        }
        self.meter.count_instructions(self.config.management_budget() - self.management_budget);
        self.abort_excess_paused_executions();
        let (canisters, tasks) = (&self.canisters, Tasks::default());
        self.schedule.finish_round(|id| Some(schedule_state(canisters.get(&id)?, &tasks)));
    }

    /// Updates the canisters that may have something to execute or to send in the next iteration: those that still
    /// have, and the `receivers` of messages, which are taken. Nothing else changes between two iterations without
    /// management calls.
    fn update_busy(
        &self,
        busy: &mut Vec<CanisterId>,
        receivers: &mut Vec<CanisterId>,
        tasks: &Tasks,
    ) {
        busy.retain(|id| self.canisters.get(id).is_some_and(|canister| is_busy(canister, tasks)));
        busy.append(receivers);
        busy.sort_unstable();
        busy.dedup();
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

    /// What the executions of this round need, as of now.
    fn progress(&self) -> Progress {
        Progress {
            round: self.round_input(),
            memory_taken: self.memory_taken(),
            guaranteed_bytes: self.guaranteed_bytes(),
        }
    }

    /// What each thread may use in an iteration, of the instructions that are left.
    fn share(&self, instructions: i64, progress: &Progress) -> Share {
        let guaranteed_memory = self.config.guaranteed_memory(progress.guaranteed_bytes);
        Share {
            budget: Budget { instructions, ..self.round_budget() },
            memory: MemoryShare::on_subnet_with(progress.memory_taken),
            guaranteed_memory: guaranteed_memory / SCHEDULER_THREADS as u64,
        }
    }

    /// Lets the `busy` canisters execute their tasks and messages. The canisters are distributed over threads as
    /// on the mainnet. The iteration counts as the instructions of the busiest thread, and as the heap
    /// delta of all threads.
    fn execute_iteration(
        &mut self,
        instructions: i64,
        busy: &[CanisterId],
        tasks: &mut Tasks,
        progress: &mut Option<Progress>,
    ) -> Budget {
        let Self { canisters, schedule, .. } = self;
        let state = |id: &CanisterId| Some((*id, schedule_state(canisters.get(id)?, tasks)));
        if let [id] = busy
            && state(id).is_some_and(|(id, state)| schedule.goes_on_alone(id, state))
        {
            let progress = progress.get_or_insert_with(|| self.progress());
            let share = self.share(instructions, progress);
            return self.execute_thread(busy, share, tasks, progress);
        }
        let threads = schedule.threads(busy.iter().filter_map(state));
        let mut spent = Budget::default();
        if threads.iter().all(Vec::is_empty) {
            return spent;
        }
        let progress = progress.get_or_insert_with(|| self.progress());
        let share = self.share(instructions, progress);
        for canisters in threads {
            let of_thread = self.execute_thread(&canisters, share, tasks, progress);
            spent.instructions = spent.instructions.max(of_thread.instructions);
            spent.heap_delta_bytes += of_thread.heap_delta_bytes;
        }
        spent
    }

    /// Checks what is kept from one iteration to the next against the state of all canisters.
    fn check_kept(&self, busy: &[CanisterId], tasks: &Tasks, progress: Option<&Progress>) {
        if let Some(Progress { round, guaranteed_bytes, .. }) = progress {
            assert_eq!(*guaranteed_bytes, self.guaranteed_bytes(), "bytes of unbounded-wait calls");
            assert_eq!(round.subnet_callbacks, self.open_callbacks(), "open callbacks");
        }
        for canister in self.canisters.awake().filter(|canister| is_busy(canister, tasks)) {
            assert!(busy.binary_search(&canister.id).is_ok(), "{} is not busy", canister.id);
        }
    }

    /// Lets the canisters of one thread execute their tasks and messages. Returns what they spent.
    fn execute_thread(
        &mut self,
        canisters: &[CanisterId],
        share: Share,
        tasks: &mut Tasks,
        progress: &mut Progress,
    ) -> Budget {
        let mut left = share.budget;
        progress.round.subnet_memory = share.memory;
        progress.round.guaranteed_memory = share.guaranteed_memory;
        for id in canisters {
            if left.is_spent() {
                break;
            }
            self.execute_canister(*id, &mut left, tasks, progress);
        }
        progress.memory_taken += progress.round.subnet_memory.taken_since(share.memory);
        let spent = Budget {
            instructions: share.budget.instructions - left.instructions,
            heap_delta_bytes: share.budget.heap_delta_bytes - left.heap_delta_bytes,
        };
        self.meter.count_instructions(spent.instructions);
        spent
    }

    /// Executes one canister's tasks and messages until the budget is spent.
    fn execute_canister(
        &mut self,
        id: CanisterId,
        left: &mut Budget,
        tasks: &mut Tasks,
        progress: &mut Progress,
    ) {
        let Progress { round, guaranteed_bytes, .. } = progress;
        let mut instructions = 0;
        let mut has_executed_all = false;
        let Some(mut canister) = self.canisters.get_mut(&id) else { return };
        while !left.is_spent() {
            let before = (canister.queues.guaranteed_bytes(), canister.contexts.open_callbacks());
            let continues = canister.is_paused();
            let Some(execution) = execute_one(canister, tasks, round) else { break };
            let after = (canister.queues.guaranteed_bytes(), canister.contexts.open_callbacks());
            round.guaranteed_memory =
                round.guaranteed_memory.saturating_add(before.0).saturating_sub(after.0);
            *guaranteed_bytes = *guaranteed_bytes - before.0 + after.0;
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
            has_executed_all |= continues || is_paused || !canister.queues.has_input();
            if execution.processing.is_some() || execution.response.is_some() {
                self.record_execution(execution);
                canister = self.canisters.get_mut(&id).expect("it has just executed");
            }
            // A canister that ended a paused message executes nothing else in this iteration.
            if continues && !is_paused || !schedule_state(canister, tasks).is_active {
                break;
            }
        }
        if has_executed_all {
            self.schedule.record_full_execution(id);
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
            self.respond(*response);
        }
    }
}
