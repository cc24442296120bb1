//! Requests and responses in JSON, as PocketIC's clients send and read them, and errors with a message.

use crate::certification::PathError;
use crate::instance::InstanceError;
use crate::server::body::{self, BodyError};
use crate::server::keywords::pocket_ic_name;
use crate::server::load::Overloaded;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An error with the HTTP status and the message that a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl ApiError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, message: message.into() }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into() }
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, message: message.into() }
    }

    pub(super) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self { status: StatusCode::METHOD_NOT_ALLOWED, message: message.into() }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

/// The HTTP status of an error.
pub(super) fn status(error: &InstanceError) -> StatusCode {
    match error {
        InstanceError::NotTheSender | InstanceError::Path(PathError::Forbidden(_)) => {
            StatusCode::FORBIDDEN
        }
        InstanceError::Path(PathError::NotFound(_)) => StatusCode::NOT_FOUND,
        // Agents retry the request on this status (`ic-agent`, `execute`).
        InstanceError::PoolFull => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

impl From<InstanceError> for ApiError {
    fn from(error: InstanceError) -> Self {
        let message = match pocket_ic_name(&error) {
            Some(name) => format!("{name}: {error}"),
            None => error.to_string(),
        };
        Self { status: status(&error), message }
    }
}

impl From<Overloaded> for ApiError {
    fn from(error: Overloaded) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: error.to_string() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct ErrorBody {
            message: String,
        }
        (self.status, Json(ErrorBody { message: self.message })).into_response()
    }
}

/// The result of a request: a value that is sent as JSON, or an error.
pub(super) type ApiResult<T> = Result<Json<T>, ApiError>;

/// The whole body of a request, as bytes.
pub(super) struct RawBody(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = body::read(request).await;
        bytes.map(Self).map_err(|BodyError { status, message }| ApiError {
            status,
            message: format!("the request's body cannot be read: {message}"),
        })
    }
}

/// The body of a request, parsed as JSON. Unlike axum's [`Json`], it accepts any content type, as some
/// clients send none.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            ApiError::bad_request(format!("the request's body cannot be decoded: {error}"))
        })?;
        Ok(Self(value))
    }
}
