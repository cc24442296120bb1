//! Calls in the model that wait for the management canister.

use super::*;

/// The calls of canisters of the subnet, of users, and of other canisters. The groups take turns; and so do,
/// in each group, the queues: one for each caller, or for each canister that users' calls are about.
#[derive(Default)]
pub(super) struct Waiting {
    groups: [VecDeque<(usize, VecDeque<Origin>)>; 3],
    turn: usize,
}

pub(super) const LOCAL: usize = 0;
pub(super) const USERS: usize = 1;
pub(super) const REMOTE: usize = 2;

impl Waiting {
    pub(super) fn push(&mut self, group: usize, key: usize, origin: Origin) {
        let group = &mut self.groups[group];
        match group.iter_mut().find(|(other, _)| *other == key) {
            Some((_, queue)) => queue.push_back(origin),
            None => group.push_back((key, [origin].into())),
        }
    }

    /// The next call that can be executed. A queue whose first call cannot be executed loses its turn.
    pub(super) fn next(&mut self, can_be_executed: impl Fn(&Origin) -> bool) -> Option<Origin> {
        let mut skipped = [0; 3];
        while self.groups.iter().zip(skipped).any(|(group, skipped)| group.len() > skipped) {
            let turn = self.turn;
            self.turn = (turn + 1) % 3;
            let group = &mut self.groups[turn];
            let Some((key, mut queue)) = group.pop_front() else { continue };
            if can_be_executed(&queue[0]) {
                let origin = queue.pop_front();
                if !queue.is_empty() {
                    group.push_back((key, queue));
                }
                return origin;
            }
            group.push_back((key, queue));
            skipped[turn] += 1;
        }
        None
    }

    /// Takes out the calls that are given up.
    pub(super) fn give_up(&mut self, is_late: impl Fn(&Origin) -> bool) -> Vec<Origin> {
        let mut late = Vec::new();
        for group in &mut self.groups {
            for (_, queue) in group.iter_mut() {
                let all = std::mem::take(queue);
                let (gone, kept): (Vec<Origin>, Vec<Origin>) = all.into_iter().partition(&is_late);
                late.extend(gone);
                *queue = kept.into();
            }
            group.retain(|(_, queue)| !queue.is_empty());
        }
        late
    }
}
