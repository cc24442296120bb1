//! Reading the whole body of a request, within a time limit.

use crate::limits::{BODY_BYTES_RESERVED_MAX, REQUEST_BODY_TIMEOUT};
use crate::server::load::{Overloaded, RequestBytes};
use axum::RequestExt;
use axum::body::{Bytes, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use http_body_util::LengthLimitError;
use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

/// Longest time for the body of a request to arrive. A request extension with this type replaces the
/// default, which is [`REQUEST_BODY_TIMEOUT`].
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyTimeout(pub(super) Duration);

impl Default for BodyTimeout {
    fn default() -> Self {
        Self(REQUEST_BODY_TIMEOUT)
    }
}

/// Why a body could not be read, with the HTTP status for the client.
#[derive(Debug)]
pub(super) struct BodyError {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

/// Reads the whole body of a request.
///
/// # Errors
///
/// Fails if the body is larger than the route allows, if the server holds too many bytes, if the body does not
/// arrive in time, or if the connection breaks.
pub(super) async fn read(request: Request) -> Result<Bytes, BodyError> {
    let BodyTimeout(timeout) = request.extensions().get().copied().unwrap_or_default();
    tokio::time::timeout(timeout, collect(request)).await.unwrap_or_else(|_| {
        Err(BodyError {
            status: StatusCode::REQUEST_TIMEOUT,
            message: format!("the request's body did not arrive within {timeout:?}"),
        })
    })
}

async fn collect(request: Request) -> Result<Bytes, BodyError> {
    let counted = request.extensions().get::<RequestBytes>().cloned();
    let mut body = request.into_limited_body();
    let mut first = Bytes::new();
    let mut collected = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(unreadable)?.into_data() else { continue };
        if let Some(counted) = &counted {
            counted.add(data.len())?;
        }
        // A body in one piece need not be copied.
        if first.is_empty() && collected.is_empty() {
            first = data;
            continue;
        }
        if collected.is_empty() {
            let rest = usize::try_from(body.size_hint().lower()).unwrap_or_default();
            collected.reserve(first.len() + data.len() + rest.min(BODY_BYTES_RESERVED_MAX));
            collected.extend_from_slice(&std::mem::take(&mut first));
        }
        collected.extend_from_slice(&data);
    }
    Ok(if collected.is_empty() { first } else { collected.into() })
}

/// Why a body could not be read to its end.
fn unreadable(error: axum::Error) -> BodyError {
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            let message = "it is larger than this route accepts".into();
            return BodyError { status: StatusCode::PAYLOAD_TOO_LARGE, message };
        }
        cause = error.source();
    }
    BodyError { status: StatusCode::BAD_REQUEST, message: error.to_string() }
}

impl From<Overloaded> for BodyError {
    fn from(error: Overloaded) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: error.to_string() }
    }
}
