//! The HTTP interface for agents: what the interface specification asks of a network, for one
//! instance. It is made for everybody; requests say who makes them by signatures.

mod answer;
mod authentication;
mod call;
mod envelope;
mod query;
mod read_state;
mod status;

use crate::limits::INGRESS_BYTES_MAX;
use crate::server::body::{self, NoBody};
use crate::server::instances::Slot;
use answer::AgentError;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use candid::Principal;
use serde::Deserialize;
use std::sync::Arc;

/// The instance that is asked, which the router's surroundings put into each request.
pub(super) type Asked = Extension<Arc<Slot>>;

/// The routes below `/api`, and the versions that there are of each. They differ in where certificates
/// list canister ids, which is in all places here.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let routes: [(&[&str], &str, MethodRouter<S>); 8] = [
        (&["v2"], "status", get(status::status)),
        (&["v2"], "canister/{id}/call", post(call::submit)),
        (&["v3", "v4"], "canister/{id}/call", post(call::call)),
        (&["v4"], "subnet/{id}/call", post(call::call_subnet)),
        (&["v2", "v3"], "canister/{id}/query", post(query::query)),
        (&["v3"], "subnet/{id}/query", post(query::query_subnet)),
        (&["v2", "v3"], "canister/{id}/read_state", post(read_state::canister)),
        (&["v2", "v3"], "subnet/{id}/read_state", post(read_state::subnet)),
    ];
    let mut router = Router::new();
    for (versions, path, handlers) in routes {
        let handlers = handlers.options(preflight);
        for version in versions {
            router = router.route(&format!("/{version}/{path}"), handlers.clone());
        }
    }
    router.layer(DefaultBodyLimit::max(INGRESS_BYTES_MAX))
}

/// What a browser asks before a page of another origin may send a request.
async fn preflight() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Lets pages of other origins read answers, as the replica does: what agents can do is made for
/// everybody (`http_endpoints/public/src/common.rs`, `get_cors_headers`).
pub(super) async fn allow_other_origins(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, GET"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The principal in the path.
struct Addressed(Principal);

impl<S: Send + Sync> FromRequestParts<S> for Addressed {
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
            AgentError::bad_request(format!("'{id}' in the path is no principal: {error}"))
        })
    }
}

/// All of the request's body, if it comes in time.
struct WholeBody(Bytes);

impl<S: Send + Sync> FromRequest<S> for WholeBody {
    type Rejection = AgentError;

    async fn from_request(request: Request, _: &S) -> Result<Self, AgentError> {
        let read = body::read(request).await;
        let bytes = read.map_err(|NoBody { status, text }| match status {
            StatusCode::PAYLOAD_TOO_LARGE => AgentError::new(
                status,
                format!("a request may have {INGRESS_BYTES_MAX} bytes, and no more"),
            ),
            status => AgentError::new(status, text),
        })?;
        Ok(Self(bytes))
    }
}
