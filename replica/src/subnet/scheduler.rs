//! The middle of a round: canisters execute while the round's budget lasts.
//!
//! Rules: `execution_environment/src/scheduler.rs` in the replica's repository. In each iteration
//! every canister executes all it has; then messages within the subnet are delivered, and the next
//! iteration begins. Nothing limits the number of messages but the budget of instructions, and that
//! of pages to write to. A message that takes more than a slice of instructions goes on in the rounds
//! that follow, a slice in each.

use crate::canister::{
    Canister, Execution, LowWasmMemoryHook, Room, RoundContext, Task, execute_next, execute_task,
    resume,
};
use crate::limits::*;
use crate::message::Message;
use crate::subnet::Subnet;
use crate::subnet::ingress::IngressState;
use crate::subnet::schedule::State;
use crate::types::{Callee, CanisterId};
use std::collections::BTreeMap;

/// An amount of execution: what is left of a budget, or what was spent of it.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    /// Instructions, with the overheads.
    instructions: i64,
    /// Bytes of pages written to.
    heap_delta_bytes: i64,
}

impl Amount {
    /// Whether nothing is left.
    const fn is_spent(self) -> bool {
        self.instructions <= 0 || self.heap_delta_bytes <= 0
    }
}

/// What is to run by itself in this round, by canister.
type Tasks = BTreeMap<CanisterId, Vec<Task>>;

/// Takes the canister's next task.
fn next_task(tasks: &mut Tasks, canister: CanisterId) -> Option<Task> {
    let due = tasks.get_mut(&canister)?;
    let task = due.pop();
    if due.is_empty() {
        tasks.remove(&canister);
    }
    task
}

/// What decides where a canister is executed.
fn schedule_state(canister: &Canister, tasks: &Tasks) -> State {
    let is_active = canister.message_since().is_some()
        || canister.queues.has_input()
        || tasks.contains_key(&canister.id)
        || canister.low_wasm_memory_hook == LowWasmMemoryHook::Ready;
    State {
        is_active: is_active && !canister.is_installing(),
        has_to_rest: canister.debits.has_to_rest(),
        compute_allocation: canister.settings.compute_allocation,
        long_since: canister.message_since(),
    }
}

/// Executes what is next: the rest of a long message, a task, or a message.
fn execute_one(
    canister: &mut Canister,
    tasks: &mut Tasks,
    context: &RoundContext,
) -> Option<Execution> {
    if canister.is_paused() {
        return Some(resume(canister, context));
    }
    let task = match canister.is_low_wasm_memory_hook_due(context) {
        true => Some(Task::LowWasmMemory),
        false => next_task(tasks, canister.id),
    };
    match task {
        Some(task) => Some(execute_task(canister, task, context)),
        None => execute_next(canister, context),
    }
}

impl Subnet {
    /// The budget of a round. In each iteration, a thread has all of the bytes, and what is left of
    /// the instructions.
    fn round_budget(&self) -> Amount {
        Amount {
            instructions: self.config.round_budget(),
            heap_delta_bytes: self.config.written_bytes_max(),
        }
    }

    /// Runs iterations until there is nothing to do or the budget is spent.
    pub(super) fn execute_canisters(&mut self) {
        let mut left = self.round_budget();
        self.management_budget = self.config.management_budget();
        self.deliver_outcalls();
        self.answer_randomness();
        self.continue_installation();
        let nothing = Tasks::default();
        self.schedule.begin_round(
            self.canisters
                .values()
                .map(|canister| (canister.id, schedule_state(canister, &nothing))),
        );
        self.execute_management_calls();
        // Only now: what has just been installed may have a timer or heartbeat in this round.
        let mut tasks = self.due_tasks();
        let mut room = None;
        loop {
            let spent = self.execute_iteration(left.instructions, &mut tasks, &mut room);
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
                room = None;
            }
        }
        self.meter.count_instructions(self.config.management_budget() - self.management_budget);
        self.abort_long_messages();
        let (canisters, tasks) = (&self.canisters, Tasks::default());
        self.schedule.finish_round(|id| Some(schedule_state(canisters.get(&id)?, &tasks)));
    }

    /// Has messages begin anew, if more are paused than can be.
    fn abort_long_messages(&mut self) {
        let held = self.canisters.values().filter(|canister| canister.holds_progress());
        let paused = held.filter_map(|canister| Some((canister.id, canister.message_since()?)));
        for id in self.schedule.too_many(paused.collect()) {
            if let Some(canister) = self.canisters.get_mut(&id) {
                canister.abort();
            }
        }
    }

    /// Heartbeats and timers of this round, by canister.
    fn due_tasks(&mut self) -> Tasks {
        let canisters = self.canisters.values_mut();
        let due = canisters.map(|canister| (canister.id, canister.due_tasks(self.time)));
        due.filter(|(_, due)| !due.is_empty()).collect()
    }

    /// Lets every canister execute what it has. The canisters are spread over threads as on the
    /// network; the round is charged for the instructions of the busiest one, and for what all of them
    /// wrote. `room` is what there is of the subnet's memory, once anybody wanted to know.
    fn execute_iteration(
        &mut self,
        instructions: i64,
        tasks: &mut Tasks,
        room: &mut Option<Room>,
    ) -> Amount {
        let states =
            self.canisters.values().map(|canister| (canister.id, schedule_state(canister, tasks)));
        let threads = self.schedule.threads(states);
        if threads.iter().all(Vec::is_empty) {
            return Amount::default();
        }
        let room = room.get_or_insert_with(|| self.room());
        let share = room.share();
        let mut context = self.round_context();
        let guaranteed_per_thread = context.guaranteed_memory / SCHEDULER_THREADS as u64;
        let budget = Amount { instructions, ..self.round_budget() };
        let mut spent = Amount::default();
        for canisters in &threads {
            let mut left = budget;
            let mut memory_left = guaranteed_per_thread;
            context.subnet_memory = share;
            for id in canisters {
                if left.is_spent() {
                    break;
                }
                context.guaranteed_memory = memory_left;
                self.execute_canister(*id, &mut left, tasks, &mut context);
                memory_left = context.guaranteed_memory;
            }
            let instructions = budget.instructions - left.instructions;
            self.meter.count_instructions(instructions);
            spent.instructions = spent.instructions.max(instructions);
            spent.heap_delta_bytes += budget.heap_delta_bytes - left.heap_delta_bytes;
            room.memory_taken += context.subnet_memory.taken - share.taken;
        }
        spent
    }

    /// Executes one canister's tasks and messages while anything is left of the budget.
    fn execute_canister(
        &mut self,
        id: CanisterId,
        left: &mut Amount,
        tasks: &mut Tasks,
        context: &mut RoundContext,
    ) {
        let mut instructions = 0;
        while !left.is_spent() {
            let Some(canister) = self.canisters.get_mut(&id) else { break };
            let before = (canister.queues.guaranteed_bytes(), canister.contexts.open_callbacks());
            let continues = canister.is_paused();
            let Some(execution) = execute_one(canister, tasks, context) else { break };
            let after = (canister.queues.guaranteed_bytes(), canister.contexts.open_callbacks());
            context.guaranteed_memory =
                context.guaranteed_memory.saturating_add(before.0).saturating_sub(after.0);
            context.subnet_callbacks =
                (context.subnet_callbacks + after.1).saturating_sub(before.1);
            context.subnet_memory.take(execution.memory_taken);
            left.instructions -= execution.instructions as i64 + ROUND_OVERHEAD_PER_MESSAGE;
            left.heap_delta_bytes -= execution.heap_delta_bytes as i64;
            canister.debits.add_written(execution.heap_delta_bytes);
            let is_paused = canister.is_paused();
            if !is_paused {
                instructions += execution.instructions;
                self.meter.count_transaction();
            }
            if continues || is_paused || !canister.queues.has_input() {
                self.schedule.note_fully_executed(id);
            }
            self.note(execution);
            // After a long message it is the turn of others.
            if continues && !is_paused {
                break;
            }
        }
        if instructions > 0 {
            left.instructions -= ROUND_OVERHEAD_PER_CANISTER;
        }
    }

    /// Writes down what an execution means for users.
    pub(super) fn note(&mut self, execution: Execution) {
        if let Some(message) = execution.processing {
            self.history.set(message, IngressState::Processing, self.time);
        }
        if let Some(answer) = execution.answer {
            self.answer(answer);
        }
    }

    /// Delivers messages between the subnet's own canisters, each canister's to itself first. What
    /// cannot be delivered stays where it is and leaves by the loopback stream.
    fn deliver_within_subnet(&mut self) {
        for sender in self.senders() {
            let mut peers = self.canisters[&sender].queues.output_peers();
            peers.sort_by_key(|peer| *peer != Callee::from(sender));
            for peer in peers {
                while self.deliver_one(sender, peer) {}
            }
        }
    }

    /// Delivers the next message of a queue, if its receiver is here and can take it.
    fn deliver_one(&mut self, sender: CanisterId, peer: Callee) -> bool {
        let Some(message) = self.canisters[&sender].queues.peek_output(peer) else { return false };
        let deliverable = match message {
            Message::Request(request) => self.check_induction(request).is_ok(),
            Message::Response(_) => self.canisters.contains_key(&peer.as_canister()),
        };
        if !deliverable {
            return false;
        }
        let queues = &mut self.canisters.get_mut(&sender).expect("it is here").queues;
        match queues.pop_output(peer) {
            Some(Message::Request(request)) => self.push_request(request),
            Some(Message::Response(response)) => self.induct_response(response, false),
            None => {}
        }
        true
    }
}
