//! Which route does what.

mod blobs;
mod calls;
mod canisters;
mod gateways;
mod instances;
mod outcalls;
mod rounds;
mod signatures;
mod snapshots;
mod subnets;

use crate::limits::*;
use crate::server::agents;
use crate::server::api::ApiError;
use crate::server::instances::Instances;
use crate::server::names::{self, Names};
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, OriginalUri, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};
use std::collections::BTreeMap;
use std::sync::Arc;

type Shared = State<Arc<Instances>>;
type Route = (&'static str, MethodRouter<Arc<Instances>>);

/// The number of an instance or a gateway, in the path.
struct Id(usize);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(ApiError::bad_request("the number in the path is not a whole number")),
        }
    }
}

/// What concerns no instance in particular.
fn of_the_server() -> [Route; 7] {
    [
        ("/status", get(async || StatusCode::OK)),
        ("/instances", get(instances::list).post(instances::create)),
        ("/blobstore", post(blobs::store).layer(DefaultBodyLimit::max(BLOB_BYTES_MAX))),
        ("/blobstore/{id}", get(blobs::fetch)),
        ("/verify_signature", post(signatures::verify)),
        ("/http_gateway", get(gateways::list).post(gateways::create)),
        ("/http_gateway/{id}/stop", post(gateways::stop)),
    ]
}

/// What is asked or done of one instance, below `/instances/{id}`.
fn of_an_instance() -> [Route; 26] {
    let outcalls = DefaultBodyLimit::max(OUTCALL_BODY_BYTES_MAX);
    [
        ("", delete(instances::delete)),
        ("/auto_progress", get(rounds::progresses).post(rounds::start_progress)),
        ("/stop_progress", post(rounds::stop_progress)),
        ("/_/topology", get(subnets::topology)),
        ("/read/topology", get(subnets::topology)),
        ("/read/pub_key", post(subnets::public_key)),
        ("/update/delete_subnet", post(subnets::delete)),
        ("/read/get_time", get(rounds::get_time)),
        ("/update/set_time", post(rounds::set_time)),
        ("/update/set_certified_time", post(rounds::set_certified_time)),
        ("/update/tick", post(rounds::tick)),
        ("/update/submit_ingress_message", post(calls::submit)),
        ("/update/await_ingress_message", post(calls::await_ingress)),
        ("/read/ingress_status", post(calls::ingress_status)),
        ("/read/query", post(calls::query).layer(DefaultBodyLimit::max(QUERY_BODY_BYTES_MAX))),
        ("/read/get_cycles", post(canisters::get_cycles)),
        ("/update/add_cycles", post(canisters::add_cycles)),
        ("/read/get_subnet", post(canisters::get_subnet)),
        ("/read/get_controllers", post(canisters::get_controllers)),
        ("/read/get_stable_memory", post(canisters::get_stable_memory)),
        ("/update/set_stable_memory", post(canisters::set_stable_memory)),
        ("/update/canister_snapshot_download", post(snapshots::download)),
        ("/update/canister_snapshot_upload", post(snapshots::upload)),
        ("/read/get_canister_http", get(outcalls::list)),
        ("/update/mock_canister_http", post(outcalls::answer).layer(outcalls)),
        ("/update/mock_flexible_canister_http", post(outcalls::answer_flexible).layer(outcalls)),
    ]
}

/// All routes of a server.
pub(super) fn router(instances: Arc<Instances>, names: Names) -> Router {
    let below = |(path, handlers)| (format!("/instances/{{id}}{path}"), handlers);
    let own = of_the_server().map(|(path, handlers)| (path.to_owned(), handlers));
    let mut router = Router::new();
    for (path, handlers) in own.into_iter().chain(of_an_instance().map(below)) {
        // Some clients end the path with a slash, some do not.
        router = router.route(&format!("{path}/"), handlers.clone()).route(&path, handlers);
    }
    let agents = agents::routes()
        .layer(from_fn_with_state(instances.clone(), find_instance))
        .layer(from_fn(agents::allow_other_origins));
    router
        .layer(from_fn(refuse_web_pages))
        .nest("/instances/{instance}/api", agents)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .layer(from_fn_with_state(instances.clone(), note_activity))
        .layer(from_fn_with_state(names, names::refuse_others))
        .with_state(instances)
}

/// Turns away what pages in a browser ask for: they may be anybody's, and whoever can use these routes
/// can do everything. A browser says where a page is from; other clients do not, but for tests that
/// have a browser's surroundings. Those are from this machine.
async fn refuse_web_pages(request: Request, next: Next) -> Result<Response, ApiError> {
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    match origins.all(|origin| names::is_origin_here(origin.as_bytes())) {
        true => Ok(next.run(request).await),
        false => Err(ApiError::forbidden(
            "pages in a browser that are not from localhost may use the interface for agents only: \
             the routes below /instances/ID/api, or those of a gateway",
        )),
    }
}

/// Finds the instance in the path, for agents.
async fn find_instance(
    State(instances): Shared,
    Path(parameters): Path<BTreeMap<String, String>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let id = parameters.get("instance").and_then(|id| id.parse().ok());
    let id =
        id.ok_or_else(|| ApiError::bad_request("the number of an instance is a whole number"))?;
    request.extensions_mut().insert(instances.slot(id)?);
    Ok(next.run(request).await)
}

async fn note_activity(State(instances): Shared, request: Request, next: Next) -> Response {
    let _under_way = instances.request();
    next.run(request).await
}

async fn no_route(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::not_found(format!("the embedded replica does not serve the route {}", uri.path()))
}

async fn no_method(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::method_not_allowed(format!("the route {} does not take {method}", uri.path()))
}

#[cfg(test)]
mod tests;
