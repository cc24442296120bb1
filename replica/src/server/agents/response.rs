//! Responses as agents read them: values in CBOR, and errors as plain text.

use crate::certification::cbor;
use crate::error::{self, UserError};
use crate::instance::InstanceError;
use crate::server::api::{self, ApiError};
use crate::server::keywords::gateway_error;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ic_transport_types::{RejectCode, RejectResponse};
use serde::Serialize;

/// An error with the HTTP status and the text that an agent gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgentError {
    status: StatusCode,
    text: String,
}

impl AgentError {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn forbidden(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }
}

impl From<ApiError> for AgentError {
    fn from(ApiError { status, message }: ApiError) -> Self {
        Self { status, text: message }
    }
}

impl From<InstanceError> for AgentError {
    fn from(error: InstanceError) -> Self {
        let text = gateway_error(&error).unwrap_or_else(|| error.to_string());
        Self::new(api::status(&error), text)
    }
}

impl IntoResponse for AgentError {
    fn into_response(self) -> Response {
        (self.status, self.text).into_response()
    }
}

/// The result of a request.
pub(super) type AgentResult<T> = Result<T, AgentError>;

/// A value that is sent as CBOR.
pub(super) struct Cbor<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Cbor<T> {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/cbor")], cbor(&self.0)).into_response()
    }
}

/// A reject in the form that agents read.
pub(super) fn reject(error: UserError) -> RejectResponse {
    // An error code starts with one of the reject codes 1 to 5, all of which agents know.
    let reject_code = RejectCode::try_from(error::reject_code(error.code) as u64);
    RejectResponse {
        reject_code: reject_code.unwrap_or(RejectCode::SysFatal),
        error_code: Some(error.code_text()),
        reject_message: error.description,
    }
}
