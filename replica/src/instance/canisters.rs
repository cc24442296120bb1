//! Reading and changing canisters directly. Users of a real network cannot do this.

use crate::canister::{Canister, Snapshot, SnapshotId};
use crate::instance::{Instance, InstanceError};
use crate::limits::BLOB_BYTES_MAX;
use crate::types::*;
use crate::wasm::StableMemory;
use candid::Principal;

impl Instance {
    /// A canister, for inspection; `None` if there is no such canister.
    pub fn canister(&self, id: CanisterId) -> Option<&Canister> {
        self.network.subnet(self.network.subnet_of(id)?)?.canister(id)
    }

    /// The subnet of a canister; `None` if there is no such canister.
    pub fn subnet_with(&self, id: CanisterId) -> Option<SubnetId> {
        self.canister(id).and(self.network.subnet_of(id))
    }

    /// A canister's controllers.
    ///
    /// # Errors
    ///
    /// [`InstanceError::NoSuchCanister`] if there is no such canister.
    pub fn controllers(&self, id: CanisterId) -> Result<Vec<Principal>, InstanceError> {
        let canister = self.canister(id).ok_or(InstanceError::NoSuchCanister(id))?;
        Ok(canister.settings.controllers.iter().copied().collect())
    }

    /// The snapshot with this id; `None` if there is none.
    pub fn snapshot(&self, id: &[u8]) -> Option<&Snapshot> {
        let id = SnapshotId::parse(id)?;
        self.canister(id.canister)?.snapshots.get(id.number)
    }

    /// Removes a snapshot, if it exists. This costs nothing and takes no round.
    pub fn remove_snapshot(&mut self, id: &[u8]) {
        if let Some(id) = SnapshotId::parse(id)
            && let Ok(canister) = self.canister_mut(id.canister)
        {
            canister.snapshots.remove(id.number);
        }
    }

    /// Puts back a snapshot that had this id and was removed, if its canister still exists.
    pub fn put_back_snapshot(&mut self, id: &[u8], snapshot: Snapshot) {
        if let Some(id) = SnapshotId::parse(id)
            && let Ok(canister) = self.canister_mut(id.canister)
        {
            canister.snapshots.put_back(id.number, snapshot);
        }
    }

    /// A canister's whole stable memory.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::NoSuchCanister`] if there is no such canister.
    /// - [`InstanceError::NoCode`] if no code is installed.
    /// - [`InstanceError::StableMemoryTooLarge`] if it has more than [`BLOB_BYTES_MAX`] bytes.
    pub fn stable_memory(&self, id: CanisterId) -> Result<Vec<u8>, InstanceError> {
        let canister = self.canister(id).ok_or(InstanceError::NoSuchCanister(id))?;
        let bytes = canister.memory_usage().stable;
        if bytes > BLOB_BYTES_MAX as u64 {
            return Err(InstanceError::StableMemoryTooLarge(bytes));
        }
        canister.stable_memory().ok_or(InstanceError::NoCode(id))
    }

    /// Replaces a canister's stable memory by `bytes`.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::NoSuchCanister`] if there is no such canister.
    /// - [`InstanceError::NoCode`] if no code is installed.
    /// - [`InstanceError::StableMemoryTooLarge`] if there are more bytes than a stable memory can have.
    /// - [`InstanceError::ExecutionPaused`] if an execution of the canister is paused: execute rounds until
    ///   it has finished.
    pub fn set_stable_memory(&mut self, id: CanisterId, bytes: &[u8]) -> Result<(), InstanceError> {
        let too_large = InstanceError::StableMemoryTooLarge(bytes.len() as u64);
        let stable = StableMemory::from_bytes(bytes).ok_or(too_large)?;
        let canister = self.canister_mut(id)?;
        if canister.is_paused() {
            return Err(InstanceError::ExecutionPaused(id));
        }
        canister.set_stable_memory(stable).ok_or(InstanceError::NoCode(id))
    }

    /// A canister's balance of cycles.
    ///
    /// # Errors
    ///
    /// [`InstanceError::NoSuchCanister`] if there is no such canister.
    pub fn cycles(&self, id: CanisterId) -> Result<Cycles, InstanceError> {
        let canister = self.canister(id).ok_or(InstanceError::NoSuchCanister(id))?;
        Ok(canister.balance)
    }

    /// Adds cycles to a canister, out of nothing. Returns the new balance, which is at most 2^128 - 1:
    /// cycles above this limit are lost, as on PocketIC's server.
    ///
    /// # Errors
    ///
    /// [`InstanceError::NoSuchCanister`] if there is no such canister.
    pub fn add_cycles(
        &mut self,
        canister: CanisterId,
        amount: Cycles,
    ) -> Result<Cycles, InstanceError> {
        let canister = self.canister_mut(canister)?;
        canister.deposit(amount);
        Ok(canister.balance)
    }

    fn canister_mut(&mut self, id: CanisterId) -> Result<&mut Canister, InstanceError> {
        let missing = InstanceError::NoSuchCanister(id);
        let subnet = self.network.subnet_of(id).ok_or(missing.clone())?;
        let subnet = self.network.subnet_mut(subnet).expect("routes lead to subnets");
        subnet.canister_mut(id).ok_or(missing)
    }
}
