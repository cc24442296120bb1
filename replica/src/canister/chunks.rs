//! The chunk store: chunks of modules that are too large for one message.
//!
//! Rules: `wasm_chunk_store.rs` in the replica's repository.

use crate::limits::{CHUNK_BYTES_MAX, CHUNKS_MAX, OS_PAGE_BYTES};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// SHA-256 of a chunk.
pub type ChunkHash = [u8; 32];

/// The chunks of one canister, by hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkStore {
    #[serde(with = "crate::pieces::bytes_by_key")]
    chunks: BTreeMap<ChunkHash, Arc<[u8]>>,
}

impl ChunkStore {
    /// Checks that a chunk can be stored. Returns its hash and whether the chunk is new.
    ///
    /// # Errors
    /// Why the chunk cannot be stored: it is too large, or the store is full.
    pub fn check(&self, chunk: &[u8]) -> Result<(ChunkHash, bool), String> {
        if chunk.len() > CHUNK_BYTES_MAX {
            return Err(format!(
                "Wasm chunk size {} exceeds the maximum chunk size of {CHUNK_BYTES_MAX}",
                chunk.len()
            ));
        }
        let hash = Sha256::digest(chunk).into();
        if self.chunks.contains_key(&hash) {
            return Ok((hash, false));
        }
        if self.chunks.len() >= CHUNKS_MAX {
            return Err(format!(
                "Wasm chunk store has already reached maximum capacity of {CHUNKS_MAX} chunks"
            ));
        }
        Ok((hash, true))
    }

    /// Stores a chunk that passed [`check`](Self::check).
    pub fn insert(&mut self, hash: ChunkHash, chunk: Vec<u8>) {
        self.chunks.insert(hash, chunk.into());
    }

    /// The chunk with this hash, if it is stored.
    pub fn get(&self, hash: &[u8]) -> Option<&[u8]> {
        self.chunks.get(hash).map(|chunk| &**chunk)
    }

    /// The hashes of all chunks, in ascending order.
    pub fn hashes(&self) -> impl Iterator<Item = &ChunkHash> {
        self.chunks.keys()
    }

    /// The heap delta of writing all chunks, in bytes.
    pub fn heap_delta_bytes(&self) -> u64 {
        let pages = self.chunks.values().map(|chunk| chunk.len().div_ceil(OS_PAGE_BYTES));
        (pages.sum::<usize>() * OS_PAGE_BYTES) as u64
    }

    /// The memory that the chunks count as, in bytes. Each chunk counts as one of the largest size.
    pub fn bytes(&self) -> u64 {
        (self.chunks.len() * CHUNK_BYTES_MAX) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(store: &mut ChunkStore, chunk: &[u8]) -> Result<bool, String> {
        store.check(chunk).map(|(hash, new)| {
            store.insert(hash, chunk.to_vec());
            new
        })
    }

    #[test]
    fn a_chunk_is_stored_once_and_found_by_its_hash() {
        let mut chunks = ChunkStore::default();
        assert_eq!(store(&mut chunks, b"one"), Ok(true));
        assert_eq!(store(&mut chunks, b"one"), Ok(false));
        assert_eq!(store(&mut chunks, b""), Ok(true));
        assert_eq!(chunks.bytes(), 2 * CHUNK_BYTES_MAX as u64);
        let hashes: Vec<ChunkHash> = chunks.hashes().copied().collect();
        assert!(hashes.is_sorted() && hashes.len() == 2);
        assert_eq!(chunks.get(&Sha256::digest(b"one")), Some(&b"one"[..]));
        assert_eq!(chunks.get(b"short"), None);
    }

    #[test]
    fn chunks_are_limited_in_size_and_number() {
        let mut chunks = ChunkStore::default();
        assert!(chunks.check(&vec![0; CHUNK_BYTES_MAX + 1]).is_err());
        for number in 0..CHUNKS_MAX {
            assert_eq!(store(&mut chunks, &number.to_be_bytes()), Ok(true));
        }
        assert!(chunks.check(b"another").is_err());
        // A chunk that is stored already needs no space.
        assert_eq!(store(&mut chunks, &0usize.to_be_bytes()), Ok(false));
    }
}
