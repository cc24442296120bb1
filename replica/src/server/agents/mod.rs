//! The HTTP interface for agents of one instance (interface specification, "HTTPS Interface").
//!
//! Anybody may send requests. The signature of a request proves who its sender is.

mod authentication;
mod call;
mod envelope;
mod extract;
mod query;
mod read_state;
mod response;
mod status;

use crate::limits::INGRESS_BYTES_MAX;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::routing::{MethodRouter, get, post};
pub(super) use extract::Hosted;
use tower_http::set_header::SetResponseHeaderLayer;

/// The routes below `/api`, each in all its versions. Versions differ in the place of a certificate that
/// lists canister ranges; the certificates here list them in all places.
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

/// The response to the request that a browser sends before a page of another origin may send its own.
async fn preflight() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Sets one header of a response.
type HeaderLayer = SetResponseHeaderLayer<HeaderValue>;

/// Lets web pages of all origins use the routes and read the responses, as the replica does. The
/// signature of a request proves who its sender is, so a page can do no more than other clients
/// (`http_endpoints/public/src/common.rs`, `get_cors_headers`).
///
/// Like the replica, it sets the same three headers on every response. A `CorsLayer` would set two of
/// them on responses to preflight requests only.
pub(super) fn allow_other_origins() -> (HeaderLayer, HeaderLayer, HeaderLayer) {
    let header = |name: HeaderName, value| {
        SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
    };
    (
        header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        header(header::ACCESS_CONTROL_ALLOW_METHODS, "POST, GET"),
        header(header::ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type"),
    )
}
