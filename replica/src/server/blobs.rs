//! Blobs: bytes that clients upload, to refer to them by their hash in later requests.

use crate::limits::{BLOB_BYTES_MAX, MIB};
use crate::server::api::ApiError;
use crate::server::load::RequestBytes;
use axum::body::Bytes;
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::io::Read;

/// Bytes of a blob that are decompressed at once.
const BLOB_STEP_BYTES: u64 = MIB;

/// The id of a blob: its SHA-256 hash.
pub(super) type BlobId = [u8; 32];

/// Computes the id of a blob. Takes long for a large blob.
pub(super) fn id(blob: &[u8]) -> BlobId {
    Sha256::digest(blob).into()
}

/// Parses the id of a blob from 64 hexadecimal digits. `None` if the text is something else.
pub(super) fn parse_id(text: &str) -> Option<BlobId> {
    let mut id = BlobId::default();
    hex::decode_to_slice(text, &mut id).ok().map(|()| id)
}

/// The blobs uploaded last, [`BLOB_BYTES_MAX`] bytes of them at most.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    kept: VecDeque<(BlobId, Bytes)>,
    bytes: usize,
}

impl Blobs {
    /// Adds a blob under its id. Removes the oldest blobs if all together are too large.
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

    /// The blob with this id.
    ///
    /// # Errors
    ///
    /// Fails if no blob with this id was uploaded, or if it has been removed since.
    pub(super) fn get(&self, id: &[u8]) -> Result<Bytes, ApiError> {
        let found = self.kept.iter().find(|(kept, _)| kept == id);
        found.map(|(_, blob)| blob.clone()).ok_or_else(|| {
            ApiError::bad_request("there is no such blob, or it has been removed: upload it first")
        })
    }
}

/// Decompresses a blob. Counts its bytes in `counted`.
///
/// # Errors
///
/// Fails if the bytes are not in gzip format, if the decompressed blob is larger than [`BLOB_BYTES_MAX`], or if
/// the server holds too many bytes.
pub(super) fn unpack(packed: &[u8], counted: &RequestBytes) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    let mut decoder = GzDecoder::new(packed);
    loop {
        let before = bytes.len();
        decoder.by_ref().take(BLOB_STEP_BYTES).read_to_end(&mut bytes).map_err(|error| {
            ApiError::bad_request(format!("the blob cannot be decompressed with gzip: {error}"))
        })?;
        if bytes.len() == before {
            return Ok(bytes);
        }
        if bytes.len() > BLOB_BYTES_MAX {
            return Err(ApiError::bad_request(format!(
                "a blob may have at most {BLOB_BYTES_MAX} bytes when it is decompressed"
            )));
        }
        counted.add(bytes.len() - before)?;
    }
}
