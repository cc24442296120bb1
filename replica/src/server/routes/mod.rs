//! The routes of PocketIC's protocol, and their handlers.

mod auto_progress;
mod blobs;
mod calls;
mod canisters;
mod extract;
mod gateways;
mod instances;
mod middleware;
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
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};
use std::collections::BTreeMap;
use std::sync::Arc;

use extract::{Shared, number};
use middleware::{no_method, no_route, note_activity, refuse_web_pages};

type Route = (&'static str, MethodRouter<Arc<Instances>>);

/// The routes that do not concern a single instance.
fn server_routes() -> [Route; 7] {
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

/// The routes of one instance, below `/instances/{id}`.
fn instance_routes() -> [Route; 26] {
    let outcalls = DefaultBodyLimit::max(OUTCALL_BODY_BYTES_MAX);
    [
        ("", delete(instances::delete)),
        ("/auto_progress", get(auto_progress::status).post(auto_progress::start)),
        ("/stop_progress", post(auto_progress::stop)),
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
        ("/update/mock_canister_http", post(outcalls::respond).layer(outcalls)),
        ("/update/mock_flexible_canister_http", post(outcalls::respond_flexible).layer(outcalls)),
    ]
}

/// All routes of a server.
pub(super) fn router(instances: Arc<Instances>, names: Names) -> Router {
    let below = |(path, handlers)| (format!("/instances/{{id}}{path}"), handlers);
    let own = server_routes().map(|(path, handlers)| (path.to_owned(), handlers));
    let mut router = Router::new();
    for (path, handlers) in own.into_iter().chain(instance_routes().map(below)) {
        // Some clients add a slash to the path, some do not.
        router = router.route(&format!("{path}/"), handlers.clone()).route(&path, handlers);
    }
    let agents = agents::routes()
        .layer(from_fn_with_state(instances.clone(), find_instance))
        .layer(agents::allow_other_origins());
    router
        .layer(from_fn(refuse_web_pages))
        .nest("/instances/{instance}/api", agents)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .layer(from_fn_with_state(instances.clone(), note_activity))
        .layer(from_fn_with_state(names, names::refuse_other_hosts))
        .with_state(instances)
}

/// Adds the instance with the number in the path to the request, for the handlers of agents' requests.
async fn find_instance(
    State(instances): Shared,
    Path(parameters): Path<BTreeMap<String, String>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let id = parameters.get("instance").and_then(|id| number(id));
    let id = id.ok_or_else(|| {
        ApiError::bad_request("the number of the instance in the path is not a whole number")
    })?;
    request.extensions_mut().insert(instances.get(id)?);
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests;
