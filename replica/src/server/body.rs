//! Reading the whole body of a request, within a time limit.

use crate::limits::REQUEST_BODY_TIMEOUT;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
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
/// Fails if the body is larger than the route allows, if it does not arrive in time, or if the
/// connection breaks.
pub(super) async fn read(request: Request) -> Result<Bytes, BodyError> {
    let BodyTimeout(timeout) = request.extensions().get().copied().unwrap_or_default();
    match tokio::time::timeout(timeout, Bytes::from_request(request, &())).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) => {
            Err(BodyError { status: rejection.status(), message: rejection.body_text() })
        }
        Err(_) => Err(BodyError {
            status: StatusCode::REQUEST_TIMEOUT,
            message: format!("the request's body did not arrive within {timeout:?}"),
        }),
    }
}
