//! The middle of a round: canisters execute while the round's budget of instructions lasts.
//!
//! Rules: `execution_environment/src/scheduler.rs` in the replica's repository. In each iteration
//! every canister executes all it has; then messages within the subnet are delivered, and the next
//! iteration begins. Nothing limits the number of messages but the budget.

use crate::canister::{
    Execution, LowWasmMemoryHook, RoundContext, Task, execute_next, execute_task,
};
use crate::limits::*;
use crate::message::Message;
use crate::subnet::Subnet;
use crate::subnet::ingress::IngressState;
use crate::types::CanisterId;
use std::collections::BTreeMap;

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

impl Subnet {
    /// Runs iterations until there is nothing to do or the budget is spent.
    pub(super) fn execute_canisters(&mut self) {
        let mut budget = ROUND_BUDGET;
        self.management_budget = MANAGEMENT_BUDGET;
        self.deliver_outcalls();
        self.answer_randomness();
        let mut tasks = self.due_tasks();
        loop {
            self.execute_management_calls();
            let spent = self.execute_iteration(budget, &mut tasks);
            if spent == 0 {
                break;
            }
            budget -= spent + ROUND_OVERHEAD_FINALIZATION * self.canisters.len() as i64;
            self.deliver_within_subnet();
            if budget <= 0 {
                break;
            }
        }
        let canisters = &self.canisters;
        self.schedule.finish_round(|id| {
            let canister = canisters.get(&id)?;
            Some((canister.queues.has_input(), canister.settings.compute_allocation))
        });
    }

    /// Heartbeats and timers of this round, by canister.
    fn due_tasks(&mut self) -> Tasks {
        let canisters = self.canisters.values_mut();
        let due = canisters.map(|canister| (canister.id, canister.due_tasks(self.time)));
        due.filter(|(_, due)| !due.is_empty()).collect()
    }

    /// Lets every canister execute what it has. The canisters are spread over threads as on the
    /// network; what the busiest thread spent is what the round is charged.
    fn execute_iteration(&mut self, budget: i64, tasks: &mut Tasks) -> i64 {
        let mut active: Vec<CanisterId> = self
            .canisters
            .values()
            .filter(|canister| {
                canister.queues.has_input()
                    || tasks.contains_key(&canister.id)
                    || canister.low_wasm_memory_hook == LowWasmMemoryHook::Ready
            })
            .map(|canister| canister.id)
            .collect();
        self.schedule.order(&mut active);
        let mut context = self.round_context();
        let guaranteed_per_thread = context.guaranteed_memory / SCHEDULER_THREADS as u64;
        let mut most_spent = 0;
        for thread in 0..SCHEDULER_THREADS.min(active.len()) {
            let mut left = budget;
            let mut memory_left = guaranteed_per_thread;
            for id in active.iter().skip(thread).step_by(SCHEDULER_THREADS) {
                if left <= 0 {
                    break;
                }
                context.guaranteed_memory = memory_left;
                left -= self.execute_canister(*id, left, tasks, &mut context);
                memory_left = context.guaranteed_memory;
            }
            most_spent = most_spent.max(budget - left);
        }
        for id in active {
            let canister = self.canisters.get(&id);
            if canister.is_some_and(|canister| !canister.queues.has_input()) {
                self.schedule.note_idle(id);
            }
        }
        most_spent
    }

    /// Executes one canister's tasks and messages while the budget lasts, and returns what that
    /// spent.
    fn execute_canister(
        &mut self,
        id: CanisterId,
        budget: i64,
        tasks: &mut Tasks,
        context: &mut RoundContext,
    ) -> i64 {
        let (mut spent, mut instructions) = (0, 0);
        while spent < budget {
            let Some(canister) = self.canisters.get_mut(&id) else { break };
            let before = (canister.queues.guaranteed_bytes(), canister.contexts.open_callbacks());
            let task = match canister.is_low_wasm_memory_hook_due(context) {
                true => Some(Task::LowWasmMemory),
                false => next_task(tasks, id),
            };
            let execution = match task {
                Some(task) => Some(execute_task(canister, task, context)),
                None => execute_next(canister, context),
            };
            let Some(execution) = execution else { break };
            let after = (canister.queues.guaranteed_bytes(), canister.contexts.open_callbacks());
            context.guaranteed_memory =
                context.guaranteed_memory.saturating_add(before.0).saturating_sub(after.0);
            context.subnet_callbacks =
                (context.subnet_callbacks + after.1).saturating_sub(before.1);
            instructions += execution.instructions;
            spent += execution.instructions as i64 + ROUND_OVERHEAD_PER_MESSAGE;
            self.note(execution);
        }
        if instructions > 0 { spent + ROUND_OVERHEAD_PER_CANISTER } else { spent }
    }

    /// Writes down what an execution means for users.
    fn note(&mut self, execution: Execution) {
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
            peers.sort_by_key(|peer| *peer != sender);
            for peer in peers {
                while self.deliver_one(sender, peer) {}
            }
        }
    }

    /// Delivers the next message of a queue, if its receiver is here and can take it.
    fn deliver_one(&mut self, sender: CanisterId, peer: CanisterId) -> bool {
        let Some(message) = self.canisters[&sender].queues.peek_output(peer) else { return false };
        let deliverable = match message {
            Message::Request(request) => self.check_induction(request).is_ok(),
            Message::Response(_) => self.canisters.contains_key(&peer),
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
