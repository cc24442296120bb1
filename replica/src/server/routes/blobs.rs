//! Uploading and downloading blobs.

use super::extract::Shared;
use crate::server::api::{ApiError, RawBody};
use crate::server::blobs;
use crate::server::instances::Instances;
use crate::server::load::RequestBytes;
use crate::server::threads::run_long;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};

/// Stores the body as a blob. The response is the blob's id as plain text in hexadecimal digits, not
/// JSON.
pub(super) async fn store(
    State(instances): Shared,
    counted: RequestBytes,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<String, ApiError> {
    let blob = match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None => body,
        Some(b"gzip") => {
            // One after the other: each may need much more memory than its packed form.
            let _turn = instances.unpacking().lock().await;
            let blob = run_long(|| blobs::unpack(&body, &counted))?.into();
            return Ok(keep(&instances, blob));
        }
        Some(_) => {
            return Err(ApiError::bad_request(
                "the content encoding of a blob must be 'gzip' or missing: there is no other",
            ));
        }
    };
    Ok(keep(&instances, blob))
}

/// Keeps a blob and returns its id.
fn keep(instances: &Instances, blob: Bytes) -> String {
    let id = run_long(|| blobs::id(&blob));
    instances.blobs().add(id, blob);
    hex::encode(id)
}

/// Returns the blob with this id, decompressed.
pub(super) async fn fetch(
    State(instances): Shared,
    Path(text): Path<String>,
) -> Result<Bytes, ApiError> {
    let id = blobs::parse_id(&text).ok_or_else(|| {
        ApiError::bad_request(format!(
            "'{text}' is not the id of a blob: use the id that uploading the blob returned"
        ))
    })?;
    instances.blobs().get(&id).map_err(|error| ApiError::not_found(error.message))
}
