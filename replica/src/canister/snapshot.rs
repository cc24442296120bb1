//! Snapshots: the state of a canister at one time. A snapshot can be loaded into any canister of the
//! subnet.
//!
//! Rules: interface specification, `take_canister_snapshot` and the methods after it;
//! `replicated_state/src/canister_snapshots.rs` in the replica's repository.

use crate::canister::chunks::ChunkStore;
use crate::canister::sandbox::Memories;
use crate::canister::task::LowWasmMemoryHook;
use crate::limits::GLOBAL_BYTES;
use crate::types::{CanisterId, Time};
use candid::Principal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The id of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotId {
    /// The canister that the snapshot belongs to.
    pub canister: CanisterId,
    /// The number of the snapshot, unique among all snapshots of the canister.
    pub number: u64,
}

impl SnapshotId {
    const NUMBER_BYTES: usize = size_of::<u64>();

    /// The id as users and canisters see it: the number (8 bytes, big-endian), followed by the canister
    /// id.
    pub fn to_bytes(self) -> Vec<u8> {
        [&self.number.to_be_bytes(), self.canister.as_slice()].concat()
    }

    /// Parses an id. `None` if the bytes are not an id.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (number, canister) = bytes.split_at_checked(Self::NUMBER_BYTES)?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        Some(Self { canister: Principal::try_from_slice(canister).ok()?.into(), number })
    }
}

impl std::fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.to_bytes()))
    }
}

/// A snapshot of a canister.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Whether the snapshot was uploaded. Otherwise it was taken from a canister.
    pub uploaded: bool,
    /// The time at which the snapshot was taken, or its upload began.
    pub taken_at: Time,
    /// The version of the canister at that time.
    pub version: u64,
    /// The module.
    #[serde(with = "crate::pieces::bytes")]
    pub module: Arc<[u8]>,
    /// Heap, globals and stable memory.
    pub memories: Memories,
    /// Chunks of modules.
    pub chunks: ChunkStore,
    /// The certified data.
    pub certified_data: Vec<u8>,
    /// The global timer. `None` if the snapshot was uploaded without it.
    #[serde(with = "crate::types::encoding::nested_option")]
    pub global_timer: Option<Option<Time>>,
    /// The state of the low-memory hook. `None` if the snapshot was uploaded without it.
    pub low_wasm_memory_hook: Option<LowWasmMemoryHook>,
}

impl Snapshot {
    /// The memory that the snapshot counts for, in bytes.
    pub fn bytes(&self) -> u64 {
        // A snapshot that was taken from a canister has the instruction counter, too.
        let globals = self.memories.globals().len() as u64 + u64::from(!self.uploaded);
        self.memories.heap_bytes()
            + self.memories.stable_bytes()
            + globals * GLOBAL_BYTES
            + self.module.len() as u64
            + self.chunks.bytes()
            + self.certified_data.len() as u64
    }

    /// The size in bytes of all pages of memories and chunks that were ever written to.
    pub fn heap_delta_bytes(&self) -> u64 {
        self.memories.heap_delta_bytes() + self.chunks.heap_delta_bytes()
    }

    /// Writes bytes into the module at `offset`. Returns `None`, and writes nothing, if the range
    /// exceeds the module.
    pub fn write_module(&mut self, offset: u64, bytes: &[u8]) -> Option<()> {
        let start = usize::try_from(offset).ok()?;
        let range = start..start.checked_add(bytes.len())?;
        Arc::make_mut(&mut self.module).get_mut(range)?.copy_from_slice(bytes);
        Some(())
    }
}

/// A canister's snapshots, by their numbers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Snapshots {
    next: u64,
    kept: BTreeMap<u64, Snapshot>,
}

impl Snapshots {
    /// Adds a snapshot and returns its number.
    pub fn push(&mut self, snapshot: Snapshot) -> u64 {
        let number = self.next;
        self.next += 1;
        self.kept.insert(number, snapshot);
        number
    }

    /// Puts back a snapshot that had this number and was removed.
    pub fn put_back(&mut self, number: u64, snapshot: Snapshot) {
        debug_assert!(number < self.next, "the number was never used");
        self.kept.insert(number, snapshot);
    }

    /// The snapshot with this number.
    pub fn get(&self, number: u64) -> Option<&Snapshot> {
        self.kept.get(&number)
    }

    /// The snapshot with this number, for changes.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut Snapshot> {
        self.kept.get_mut(&number)
    }

    /// Removes the snapshot with this number, if it exists.
    pub fn remove(&mut self, number: u64) {
        self.kept.remove(&number);
    }

    /// Removes all snapshots. Their numbers are not used again.
    pub fn clear(&mut self) {
        self.kept.clear();
    }

    /// All snapshots with their numbers, in ascending order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, &Snapshot)> {
        self.kept.iter().map(|(number, snapshot)| (*number, snapshot))
    }

    /// The memory that all snapshots count for, in bytes.
    pub fn bytes(&self) -> u64 {
        self.kept.values().map(Snapshot::bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::canister_id;

    #[test]
    fn an_id_is_the_number_and_the_canister() {
        let id = SnapshotId { canister: canister_id(3), number: 258 };
        let bytes = id.to_bytes();
        assert_eq!(bytes[..8], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(&bytes[8..], canister_id(3).as_slice());
        assert_eq!(SnapshotId::parse(&bytes), Some(id));
        assert!(id.to_string().starts_with("0000000000000102"));
    }

    #[test]
    fn what_is_too_short_or_too_long_names_nothing() {
        assert_eq!(SnapshotId::parse(&[0; 7]), None);
        assert!(SnapshotId::parse(&[0; 8]).is_some());
        assert!(SnapshotId::parse(&[0; 37]).is_some());
        assert_eq!(SnapshotId::parse(&[0; 38]), None);
    }
}
