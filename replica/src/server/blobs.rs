//! Blobs that clients upload, to refer to them afterwards.

use crate::limits::BLOB_BYTES_MAX;
use crate::server::api::ApiError;
use axum::body::Bytes;
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::io::Read;

/// What names a blob: its hash.
pub(super) type BlobId = [u8; 32];

/// What names a blob. Takes a while, if it is large.
pub(super) fn id(blob: &[u8]) -> BlobId {
    Sha256::digest(blob).into()
}

/// What names a blob, from hexadecimal digits; nothing, if these are none, or not as many.
pub(super) fn named(name: &str) -> Option<BlobId> {
    let mut id = BlobId::default();
    hex::decode_to_slice(name, &mut id).ok().map(|()| id)
}

/// The blobs uploaded last, as many as fit into [`BLOB_BYTES_MAX`].
#[derive(Debug, Default)]
pub(super) struct Blobs {
    kept: VecDeque<(BlobId, Bytes)>,
    bytes: usize,
}

impl Blobs {
    /// Adds one with what names it. Those uploaded first go when there is no room.
    pub(super) fn add(&mut self, id: BlobId, blob: Bytes) {
        if self.get(&id).is_ok() {
            return;
        }
        self.bytes += blob.len();
        self.kept.push_back((id, blob));
        while self.bytes > BLOB_BYTES_MAX
            && let Some((_, oldest)) = self.kept.pop_front()
        {
            self.bytes -= oldest.len();
        }
    }

    /// One of them.
    pub(super) fn get(&self, id: &[u8]) -> Result<Bytes, ApiError> {
        let found = self.kept.iter().find(|(kept, _)| kept == id);
        found.map(|(_, blob)| blob.clone()).ok_or_else(|| {
            ApiError::bad_request("there is no such blob, or no longer: upload it first")
        })
    }
}

/// What gzip made these bytes of.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    let limit = BLOB_BYTES_MAX as u64 + 1;
    GzDecoder::new(packed).take(limit).read_to_end(&mut bytes).map_err(|error| {
        ApiError::bad_request(format!("the blob is not what gzip makes: {error}"))
    })?;
    match bytes.len() {
        0..=BLOB_BYTES_MAX => Ok(bytes),
        _ => Err(ApiError::bad_request(format!(
            "a blob may have {BLOB_BYTES_MAX} bytes when it is unpacked, and no more"
        ))),
    }
}
