//! Extractors: parts of a request for the handlers of routes.

use super::response::AgentError;
use crate::limits::INGRESS_BYTES_MAX;
use crate::server::body::{self, BodyError};
use crate::server::hosted::HostedInstance;
use crate::server::keywords::{PAYLOAD_TOO_LARGE, gateway_text};
use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use candid::Principal;
use serde::Deserialize;
use std::sync::Arc;

/// The instance that a request is for. The middleware around these routes adds it to the request.
pub(in crate::server) type Hosted = Extension<Arc<HostedInstance>>;

/// The principal in the path.
pub(super) struct PathPrincipal(pub(super) Principal);

impl<S: Send + Sync> FromRequestParts<S> for PathPrincipal {
    type Rejection = AgentError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AgentError> {
        #[derive(Deserialize)]
        struct Parameters {
            id: String,
        }
        let Path(Parameters { id }) = Path::from_request_parts(parts, state)
            .await
            .map_err(|error| AgentError::bad_request(error.body_text()))?;
        let principal = Principal::from_text(&id);
        principal.map(Self).map_err(|error| {
            AgentError::bad_request(format!("'{id}' in the path is not a principal: {error}"))
        })
    }
}

/// The whole body of a request, [`INGRESS_BYTES_MAX`] bytes at most.
pub(super) struct EnvelopeBody(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for EnvelopeBody {
    type Rejection = AgentError;

    async fn from_request(request: Request, _: &S) -> Result<Self, AgentError> {
        let bytes = body::read(request).await;
        let bytes = bytes.map_err(|BodyError { status, message }| match status {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let details =
                    format!("Payload is too large: maximum body size is {INGRESS_BYTES_MAX} bytes");
                AgentError::new(status, gateway_text(PAYLOAD_TOO_LARGE, details))
            }
            status => AgentError::new(status, message),
        })?;
        Ok(Self(bytes))
    }
}
