//! The calls that `call_perform` refused, for the trace.

use crate::trace::Refusal;
use crate::types::Callee;
use serde::{Deserialize, Serialize};

/// The calls of an execution that `call_perform` refused, in the order in which they were refused. Equal calls in a
/// row are one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCalls(pub Vec<(Callee, Refusal, u64)>);

impl RefusedCalls {
    /// Largest number of entries. A canister can try without end, so later calls only count.
    const ENTRIES_MAX: usize = 1_000;

    /// Adds a call. If the list is full, the call counts for the latest callee with the same limit.
    pub(super) fn add(&mut self, callee: Callee, limit: Refusal) {
        let is_full = self.0.len() >= Self::ENTRIES_MAX;
        let same = |entry: &&mut (Callee, Refusal, u64)| entry.1 == limit;
        let entry = match is_full {
            true => self.0.iter_mut().rev().find(same),
            false => self.0.last_mut().filter(same).filter(|entry| entry.0 == callee),
        };
        match entry {
            Some((.., calls)) => *calls += 1,
            None => self.0.push((callee, limit, 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SubnetId;
    use candid::Principal;

    #[test]
    fn equal_refused_calls_in_a_row_are_one_entry() {
        let mut refused = RefusedCalls::default();
        for limit in [Refusal::QueueFull, Refusal::QueueFull, Refusal::Cycles, Refusal::QueueFull] {
            refused.add(Callee::MANAGEMENT, limit);
        }
        let counts: Vec<_> = refused.0.iter().map(|(_, limit, calls)| (*limit, *calls)).collect();
        let queue_full = Refusal::QueueFull;
        assert_eq!(counts, [(queue_full, 2), (Refusal::Cycles, 1), (queue_full, 1)]);
    }

    #[test]
    fn a_full_list_of_refused_calls_only_counts() {
        let mut refused = RefusedCalls::default();
        for number in 0..5_000_u16 {
            let callee = SubnetId::new(Principal::from_slice(&number.to_be_bytes()));
            refused.add(callee.into(), Refusal::Cycles);
        }
        refused.add(Callee::MANAGEMENT, Refusal::QueueFull);
        assert_eq!(refused.0.len(), RefusedCalls::ENTRIES_MAX + 1);
        assert_eq!(refused.0.iter().map(|(.., calls)| calls).sum::<u64>(), 5_001);
    }
}
