//! Requests and answers as PocketIC's clients send and read them: JSON, and errors with a message.

use crate::certification::PathError;
use crate::instance::InstanceError;
use crate::server::body::{self, NoBody};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An error with the HTTP status and the message a client gets.
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

impl From<InstanceError> for ApiError {
    fn from(error: InstanceError) -> Self {
        let status = match error {
            InstanceError::NotTheSender | InstanceError::Path(PathError::Forbidden(_)) => {
                StatusCode::FORBIDDEN
            }
            InstanceError::Path(PathError::NotFound(_)) => StatusCode::NOT_FOUND,
            // Agents try again (`ic-agent`, `execute`).
            InstanceError::PoolFull => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, message: error.to_string() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            message: String,
        }
        json(self.status, &Body { message: self.message })
    }
}

/// The answer to a request: JSON, or an error.
pub(super) type ApiResult<T> = Result<Answer<T>, ApiError>;

/// A result, as JSON.
pub(super) struct Answer<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self.0)
    }
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("wire types are valid JSON");
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// All of a request's body.
pub(super) struct Whole(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let read = body::read(request).await;
        read.map(Self).map_err(|NoBody { status, text }| ApiError {
            status,
            message: format!("the request's body cannot be read: {text}"),
        })
    }
}

/// A body of JSON, whatever the request calls it.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Whole(bytes) = Whole::from_request(request, state).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            ApiError::bad_request(format!("the request's body is not what was expected: {error}"))
        })?;
        Ok(Self(value))
    }
}
