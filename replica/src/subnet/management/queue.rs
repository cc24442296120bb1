//! The queues of management calls that wait for their execution.
//!
//! Calls of canisters of the same subnet, of users, and of other canisters take turns. So do, within the first
//! and the last group, the calling canisters, and within the second one the canisters that the calls are
//! about.
//!
//! Rules: `peek_input`, `pop_input` and `skip_input` in `replicated_state/src/canister_state/queues.rs`, and
//! `drain_subnet_queues` in `execution_environment/src/scheduler.rs`, in the replica's repository.

use crate::types::CanisterId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// The sender of a call, as it counts for the turns of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallSender {
    /// A canister of the same subnet.
    Local(CanisterId),
    /// A user. The id is that of the canister that the call is about, if there is one.
    User(Option<CanisterId>),
    /// A canister of another subnet.
    Remote(CanisterId),
}

/// A group of senders. The groups take turns in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Group {
    #[default]
    Local,
    Users,
    Remote,
}

impl Group {
    fn following(self) -> Self {
        match self {
            Self::Local => Self::Users,
            Self::Users => Self::Remote,
            Self::Remote => Self::Local,
        }
    }
}

/// The calls of one group, in one queue for each key. Keys take turns.
#[derive(Debug, Serialize, Deserialize)]
struct Turns<T> {
    queues: BTreeMap<Option<CanisterId>, VecDeque<T>>,
    /// The keys of all queues, in the order of their turns.
    order: VecDeque<Option<CanisterId>>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { queues: BTreeMap::new(), order: VecDeque::new() }
    }
}

impl<T> Turns<T> {
    fn push(&mut self, key: Option<CanisterId>, call: T) {
        let queue = self.queues.entry(key).or_default();
        if queue.is_empty() {
            self.order.push_back(key);
        }
        queue.push_back(call);
    }

    fn peek(&self) -> Option<&T> {
        self.queues.get(self.order.front()?)?.front()
    }

    fn pop(&mut self) -> Option<T> {
        let key = self.order.pop_front()?;
        let queue = self.queues.get_mut(&key)?;
        let call = queue.pop_front();
        match queue.is_empty() {
            true => _ = self.queues.remove(&key),
            false => self.order.push_back(key),
        }
        call
    }

    /// Moves the queue whose turn it is to the end.
    fn skip(&mut self) {
        if !self.order.is_empty() {
            self.order.rotate_left(1);
        }
    }

    /// Removes and returns the calls for which `is_gone` returns true.
    fn extract(&mut self, mut is_gone: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut gone = Vec::new();
        for queue in self.queues.values_mut() {
            let (removed, kept) = std::mem::take(queue).into_iter().partition(&mut is_gone);
            *queue = kept;
            gone.extend::<VecDeque<T>>(removed);
        }
        self.queues.retain(|_, queue| !queue.is_empty());
        let queues = &self.queues;
        self.order.retain(|key| queues.contains_key(key));
        gone
    }
}

/// The queues of management calls.
#[derive(Debug, Serialize, Deserialize)]
pub struct CallQueues<T> {
    local: Turns<T>,
    users: Turns<T>,
    remote: Turns<T>,
    /// The group whose turn it is.
    next: Group,
}

impl<T> Default for CallQueues<T> {
    fn default() -> Self {
        let (local, users, remote) = (Turns::default(), Turns::default(), Turns::default());
        Self { local, users, remote, next: Group::default() }
    }
}

impl<T> CallQueues<T> {
    /// Whether no call waits.
    pub fn is_empty(&self) -> bool {
        [&self.local, &self.users, &self.remote].iter().all(|turns| turns.order.is_empty())
    }

    /// Queues a call.
    pub fn push(&mut self, sender: CallSender, call: T) {
        match sender {
            CallSender::Local(caller) => self.local.push(Some(caller), call),
            CallSender::User(subject) => self.users.push(subject, call),
            CallSender::Remote(caller) => self.remote.push(Some(caller), call),
        }
    }

    /// All calls, not in the order of their turns.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let groups = [&self.local, &self.users, &self.remote];
        groups.into_iter().flat_map(|turns| turns.queues.values().flatten())
    }

    fn turns(&mut self, group: Group) -> &mut Turns<T> {
        match group {
            Group::Local => &mut self.local,
            Group::Users => &mut self.users,
            Group::Remote => &mut self.remote,
        }
    }

    /// Takes the next call that can be executed. A queue whose first call cannot be executed loses its turn.
    pub fn next(&mut self, can_execute: impl Fn(&T) -> bool) -> Option<T> {
        let mut skipped = [0; 3];
        while !self.is_empty() {
            let group = self.next;
            let turns = self.turns(group);
            let Some(call) = turns.peek() else {
                self.next = group.following();
                continue;
            };
            if can_execute(call) {
                let call = turns.pop();
                self.next = group.following();
                return call;
            }
            turns.skip();
            self.next = group.following();
            skipped[group as usize] += 1;
            let lengths = [&self.local, &self.users, &self.remote].map(|turns| turns.order.len());
            if skipped.iter().zip(lengths).all(|(skipped, length)| *skipped >= length) {
                break;
            }
        }
        None
    }

    /// Removes and returns the calls for which `is_gone` returns true.
    pub fn extract(&mut self, mut is_gone: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut gone = self.local.extract(&mut is_gone);
        gone.extend(self.users.extract(&mut is_gone));
        gone.extend(self.remote.extract(&mut is_gone));
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::CallSender::*;
    use super::*;
    use crate::topology::canister_id;

    fn queues<const N: usize>(calls: [(CallSender, u32); N]) -> CallQueues<u32> {
        let mut queues = CallQueues::default();
        calls.into_iter().for_each(|(sender, call)| queues.push(sender, call));
        queues
    }

    fn drain(queues: &mut CallQueues<u32>, can_execute: impl Fn(&u32) -> bool) -> Vec<u32> {
        std::iter::from_fn(|| queues.next(&can_execute)).collect()
    }

    #[test]
    fn canisters_of_the_subnet_users_and_other_canisters_take_turns() {
        let [a, b] = [1, 2].map(canister_id);
        let mut queues = queues([
            (Remote(a), 1),
            (Remote(a), 2),
            (User(None), 3),
            (User(None), 4),
            (Local(b), 5),
            (Local(b), 6),
        ]);
        assert_eq!(drain(&mut queues, |_| true), [5, 3, 1, 6, 4, 2]);
        assert!(queues.is_empty());
        // The turns continue where they were.
        queues.push(Local(b), 7);
        assert_eq!(queues.next(|_| true), Some(7));
        queues.push(Local(b), 8);
        queues.push(User(None), 9);
        assert_eq!(drain(&mut queues, |_| true), [9, 8]);
    }

    #[test]
    fn callers_take_turns_and_so_do_the_canisters_that_calls_of_users_are_about() {
        let [a, b] = [1, 2].map(canister_id);
        for senders in [[Local(a), Local(b)], [User(Some(a)), User(None)], [Remote(a), Remote(b)]] {
            let [first, second] = senders;
            let mut queues = queues([(first, 1), (first, 2), (first, 3), (second, 4), (second, 5)]);
            assert_eq!(drain(&mut queues, |_| true), [1, 4, 2, 5, 3]);
        }
    }

    #[test]
    fn a_call_that_cannot_be_executed_holds_up_the_calls_behind_it_in_its_queue_only() {
        let [a, b] = [1, 2].map(canister_id);
        let mut queues = queues([
            (Local(a), 1),
            (Local(a), 2),
            (Local(b), 3),
            (User(Some(a)), 4),
            (User(Some(a)), 5),
            (User(Some(b)), 6),
        ]);
        let can_execute = |call: &u32| ![1, 4].contains(call);
        assert_eq!(drain(&mut queues, can_execute), [3, 6]);
        assert_eq!(drain(&mut queues, |_| true).len(), 4);
    }

    #[test]
    fn calls_can_be_removed() {
        let a = canister_id(1);
        let mut queues = queues([(Local(a), 1), (User(None), 2), (User(None), 3), (Remote(a), 4)]);
        assert_eq!(queues.extract(|call| call % 2 == 0), [2, 4]);
        assert_eq!(drain(&mut queues, |_| true), [1, 3]);
        assert!(queues.is_empty());
    }
}
