//! The canister history: the latest changes of a canister and the total number of changes.
//!
//! Rules: interface specification, `canister_info`; `canister_state/system_state.rs`,
//! `CanisterHistory`, in the replica's repository.

use crate::limits::{
    CANISTER_CHANGE_BYTES, CANISTER_CHANGE_CONTROLLER_BYTES, CANISTER_HISTORY_CHANGES_MAX,
};
use ic_management_canister_types::{Change, ChangeDetails};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The history of one canister.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SavedHistory")]
pub struct History {
    total: u64,
    changes: VecDeque<Change>,
    /// The memory that the kept changes count as, in bytes. Each execution of the canister asks for it.
    #[serde(skip)]
    bytes: u64,
}

/// A history as it is saved. The number of bytes is not saved, because it follows from the changes. A skipped
/// field is decoded as its default value, 0, and not computed. So this type, which lists the saved fields again, is
/// decoded first.
#[derive(Deserialize)]
struct SavedHistory {
    total: u64,
    changes: VecDeque<Change>,
}

impl From<SavedHistory> for History {
    fn from(SavedHistory { total, changes }: SavedHistory) -> Self {
        let bytes = changes.iter().map(bytes).sum();
        Self { total, changes, bytes }
    }
}

impl History {
    /// Adds a change. Removes the oldest change if the history is full.
    pub fn push(&mut self, change: Change) {
        self.total += 1;
        self.bytes += bytes(&change);
        self.changes.push_back(change);
        if self.changes.len() > CANISTER_HISTORY_CHANGES_MAX {
            let oldest = self.changes.pop_front();
            self.bytes -= oldest.as_ref().map_or(0, bytes);
        }
    }

    /// Removes all changes. The total number of changes stays.
    pub fn clear(&mut self) {
        self.changes.clear();
        self.bytes = 0;
    }

    /// The total number of changes, with those that are no longer kept.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The latest `count` of the kept changes, oldest first.
    pub fn latest(&self, count: u64) -> impl Iterator<Item = &Change> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.changes.iter().skip(self.changes.len().saturating_sub(count))
    }

    /// The memory that the kept changes count as, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn bytes(change: &Change) -> u64 {
    let controllers = match &change.details {
        Some(ChangeDetails::Creation(creation)) => creation.controllers.len(),
        Some(ChangeDetails::ControllersChange(change)) => change.controllers.len(),
        _ => 0,
    };
    CANISTER_CHANGE_BYTES + controllers as u64 * CANISTER_CHANGE_CONTROLLER_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use candid::Principal;
    use ic_management_canister_types::{ChangeOrigin, ControllersChangeRecord, FromUserRecord};

    fn change(canister_version: u64, controllers: usize) -> Change {
        let controllers = vec![Principal::anonymous(); controllers];
        Change {
            timestamp_nanos: 0,
            canister_version,
            origin: ChangeOrigin::FromUser(FromUserRecord { user_id: Principal::anonymous() }),
            details: Some(ChangeDetails::ControllersChange(ControllersChangeRecord {
                controllers,
            })),
        }
    }

    fn versions(history: &History, count: u64) -> Vec<u64> {
        history.latest(count).map(|change| change.canister_version).collect()
    }

    #[test]
    fn twenty_changes_are_kept_and_all_are_counted() {
        let mut history = History::default();
        for version in 0..25 {
            history.push(change(version, 0));
        }
        assert_eq!((history.total(), history.bytes()), (25, 20 * CANISTER_CHANGE_BYTES));
        assert_eq!(versions(&history, 2), [23, 24]);
        assert_eq!(versions(&history, u64::MAX), (5..25).collect::<Vec<_>>());
        history.clear();
        assert_eq!((history.total(), history.bytes()), (25, 0));
        assert_eq!(versions(&history, 5), [0; 0]);
    }

    #[test]
    fn controllers_count_for_memory() {
        let mut history = History::default();
        history.push(change(0, 3));
        assert_eq!(history.bytes(), CANISTER_CHANGE_BYTES + 3 * CANISTER_CHANGE_CONTROLLER_BYTES);
    }
}
