//! Blobs that clients upload and get back, which concerns no instance yet.

use super::Shared;
use crate::server::api::{ApiError, Whole};
use crate::server::blobs;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use tokio::task::block_in_place;

/// Keeps the body, and answers with what names it from now on: hexadecimal digits, and no JSON.
pub(super) async fn store(
    State(instances): Shared,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<String, ApiError> {
    let blob = match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None => body,
        Some(b"gzip") => block_in_place(|| blobs::unpack(&body))?.into(),
        Some(_) => {
            return Err(ApiError::bad_request(
                "a blob may come as it is or with the content encoding 'gzip', and no other",
            ));
        }
    };
    let id = block_in_place(|| blobs::id(&blob));
    instances.blobs().add(id, blob);
    Ok(hex::encode(id))
}

/// What was kept, by its name; unpacked, if it came packed.
pub(super) async fn fetch(
    State(instances): Shared,
    Path(name): Path<String>,
) -> Result<Bytes, ApiError> {
    let id = blobs::named(&name).ok_or_else(|| {
        ApiError::bad_request(format!("'{name}' names no blob: use what uploading it returned"))
    })?;
    instances.blobs().get(&id).map_err(|error| ApiError::not_found(error.message))
}
