//! Middleware and fallbacks that the server and its gateways share.

use super::extract::Shared;
use crate::server::api::ApiError;
use crate::server::load::with_body;
use crate::server::names;
use crate::server::outcalls::OUTCALL_HEADER;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;

/// Refuses requests of web pages from other machines, and of the pages of canisters: a client of these routes can do
/// everything, and a page may be anybody's. Browsers send an `origin` header; other clients do not, except for test
/// environments that imitate a browser, and these have a local origin. Refuses requests that a server makes for
/// canisters, too.
pub(super) async fn refuse_web_pages(request: Request, next: Next) -> Result<Response, ApiError> {
    if request.headers().contains_key(OUTCALL_HEADER) {
        return Err(ApiError::forbidden(
            "HTTP outcalls of canisters may use the interface for agents only: the routes below \
             /instances/ID/api, or those of a gateway",
        ));
    }
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    match origins.all(|origin| names::is_local_origin(origin.as_bytes())) {
        true => Ok(next.run(request).await),
        false => Err(ApiError::forbidden(
            "pages in a browser that are not from localhost itself may use the interface for agents only: \
             the routes below /instances/ID/api, or those of a gateway",
        )),
    }
}

/// Counts a request as open until its response is sent.
pub(super) async fn note_activity(
    State(instances): Shared,
    request: Request,
    next: Next,
) -> Response {
    let open = instances.begin_request();
    next.run(request).await.map(|body| with_body(body, open))
}

/// The response where no route has this path.
pub(super) async fn no_route(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::not_found(format!("the embedded replica does not serve the route {}", uri.path()))
}

/// The response where the route does not have this method.
pub(super) async fn no_method(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::method_not_allowed(format!("the route {} does not accept {method}", uri.path()))
}
