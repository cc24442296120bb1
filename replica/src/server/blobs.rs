//! Blobs that clients upload, to refer to them afterwards.

use crate::limits::BLOB_BYTES_MAX;
use crate::server::api::ApiError;
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;

/// What names a blob: its hash.
pub(super) type BlobId = [u8; 32];

/// The blobs uploaded last, as many as fit into [`BLOB_BYTES_MAX`].
#[derive(Debug, Default)]
pub(super) struct Blobs {
    kept: VecDeque<(BlobId, Arc<[u8]>)>,
    bytes: usize,
}

impl Blobs {
    /// Adds one and returns what names it. Those uploaded first go when there is no room.
    pub(super) fn add(&mut self, blob: Vec<u8>) -> BlobId {
        let id: BlobId = Sha256::digest(&blob).into();
        if self.get(&id).is_ok() {
            return id;
        }
        self.bytes += blob.len();
        self.kept.push_back((id, blob.into()));
        while self.bytes > BLOB_BYTES_MAX
            && let Some((_, oldest)) = self.kept.pop_front()
        {
            self.bytes -= oldest.len();
        }
        id
    }

    /// One of them.
    pub(super) fn get(&self, id: &[u8]) -> Result<Arc<[u8]>, ApiError> {
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
