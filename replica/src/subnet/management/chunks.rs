//! Management calls about the chunk store.

use super::Call;
use crate::canister::Canister;
use crate::error::{ErrorCode, UserError};
use crate::ic00::encode;
use crate::limits::{CHUNK_BYTES_MAX, UPLOAD_CHUNK_INSTRUCTIONS};
use crate::subnet::Subnet;
use crate::trace::Fee;
use crate::types::Payload;
use ic_management_canister_types::{CanisterIdRecord, ChunkHash, UploadChunkArgs};

impl Subnet {
    pub(super) fn upload_chunk(&mut self, call: &Call) -> Result<Payload, UserError> {
        let UploadChunkArgs { canister_id, chunk } = call.decode()?;
        let capacity = self.capacity();
        let instructions = self.config.baseline(UPLOAD_CHUNK_INSTRUCTIONS);
        let canister = self.authorized_canister(call, canister_id.into())?;
        // The call is charged for even if the chunk is stored already.
        let cost = capacity.prices.instructions(instructions, false);
        canister.check_can_pay(cost, capacity.prices, call.caller).map_err(|error| {
            chunk_store_error(format!("Error charging for 'upload_chunk': {}", error.description))
        })?;
        canister.pay(Fee::Management, cost);
        let (hash, is_new) = canister.chunks.check(&chunk).map_err(chunk_store_error)?;
        if is_new {
            check_writing_chunks(canister)?;
            let used = canister.memory_usage().total();
            capacity.resize(canister, used, used + CHUNK_BYTES_MAX as u64, 0)?;
            canister.chunks.insert(hash, chunk);
            canister.debits.add_heap_delta(CHUNK_BYTES_MAX as u64);
        }
        self.spend(instructions);
        Ok(encode((ChunkHash { hash: hash.to_vec() },)))
    }

    pub(super) fn clear_chunk_store(&mut self, call: &Call) -> Result<(), UserError> {
        let CanisterIdRecord { canister_id } = call.decode()?;
        self.authorized_canister(call, canister_id.into())?.chunks = Default::default();
        Ok(())
    }

    pub(super) fn stored_chunks(&mut self, call: &Call) -> Result<Payload, UserError> {
        let CanisterIdRecord { canister_id } = call.decode()?;
        let hashes = self.authorized_canister(call, canister_id.into())?.chunks.hashes();
        let hashes: Vec<_> = hashes.map(|hash| ChunkHash { hash: hash.to_vec() }).collect();
        Ok(encode((hashes,)))
    }
}

/// Checks that a canister is not heap delta rate limited. The error is one of the chunk store.
pub(super) fn check_writing_chunks(canister: &Canister) -> Result<(), UserError> {
    let refused = canister.debits.check_writing(canister.id);
    refused.map_err(|error| chunk_store_error(error.description))
}

/// An error of the chunk store.
pub(super) fn chunk_store_error(message: impl std::fmt::Display) -> UserError {
    let text = format!("Error from Wasm chunk store: {message}.");
    UserError::new(ErrorCode::CanisterContractViolation, text)
}
