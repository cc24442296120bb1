//! A round in the model: canisters execute messages on four threads while the round has instructions left.

use super::*;

const MESSAGE_OVERHEAD: i64 = 2_000_000;
const CANISTER_OVERHEAD: i64 = 8_000_000;
const FINALIZATION_OVERHEAD: i64 = 12_000;

/// What a canister executes.
#[derive(Clone)]
pub(super) enum Input {
    Ingress(usize),
    Request(Request),
    Response(Response),
}

impl Model<'_> {
    pub(super) fn execute_canisters(&mut self, subnet: usize) {
        let mut budget = ROUND_BUDGET;
        self.begin_turns(subnet);
        while budget > 0 {
            self.execute_management(subnet);
            let threads = self.threads(subnet);
            let spent = threads.iter().map(|thread| self.execute_thread(thread, budget)).max();
            let spent = spent.unwrap_or(0);
            if spent == 0 {
                break;
            }
            budget -= spent + FINALIZATION_OVERHEAD * self.on(subnet).len() as i64;
            self.deliver(subnet);
        }
        self.begin_some_anew(subnet);
        self.finish_turns(subnet);
    }

    fn execute_thread(&mut self, thread: &[usize], budget: i64) -> i64 {
        let mut left = budget;
        for index in thread {
            if left > 0 {
                left -= self.execute_canister(*index, left);
            }
        }
        budget - left
    }

    fn execute_canister(&mut self, index: usize, budget: i64) -> i64 {
        let (mut spent, mut instructions) = (0, 0);
        while spent < budget {
            let was_paused = self.canisters[index].paused.is_some();
            let Some(used) = self.execute_one(index) else { break };
            let is_paused = self.canisters[index].paused.is_some();
            spent += used as i64 + MESSAGE_OVERHEAD;
            if !is_paused {
                instructions += used;
            }
            if was_paused || is_paused || !self.has_input(index) {
                self.had_its_turn(index);
            }
            // What took long was enough.
            if was_paused && !is_paused {
                break;
            }
        }
        if instructions > 0 { spent + CANISTER_OVERHEAD } else { spent }
    }

    /// Executes a message, or a slice of one; tells how many instructions, if there was any.
    fn execute_one(&mut self, index: usize) -> Option<u64> {
        if self.canisters[index].paused.is_some() {
            return Some(self.execute_slice(index));
        }
        let input = self.next_input(index)?;
        let begun = self.begin_input(index, input);
        let cost = begun.cost;
        if cost.slices == 1 {
            self.finish_input(index, begun);
            return Some(cost.instructions);
        }
        self.canisters[index].paused = Some(Paused { begun, done: 0, owed: 0 });
        Some(self.execute_slice(index))
    }

    pub(super) fn has_input(&self, index: usize) -> bool {
        let canister = &self.canisters[index];
        !canister.ingress.is_empty() || canister.input.values().any(|queue| !queue.is_empty())
    }

    /// What is next: from local senders, from users, from remote senders.
    fn next_input(&mut self, index: usize) -> Option<Input> {
        for _ in 0..3 {
            let canister = &mut self.canisters[index];
            let turn = canister.turn;
            canister.turn = (turn + 1) % 3;
            if turn == 1 {
                if let Some(action) = canister.ingress.pop_front() {
                    return Some(Input::Ingress(action));
                }
                continue;
            }
            let senders = &mut canister.senders[turn / 2];
            let Some(sender) = senders.pop_front() else { continue };
            let queue = canister.input.get_mut(&sender).expect("it has a queue");
            let message = queue.pop_front().expect("it has messages");
            if !queue.is_empty() {
                senders.push_back(sender);
            }
            return Some(match message {
                Message::Response(response) => Input::Response(response),
                Message::Request(request) => Input::Request(request),
            });
        }
        None
    }
}
