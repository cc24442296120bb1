//! Which route does what.

mod blobs;
mod calls;
mod canisters;
mod instances;
mod outcalls;
mod rounds;
mod signatures;
mod snapshots;
mod subnets;

use crate::limits::{BLOB_BYTES_MAX, REQUEST_BODY_BYTES_MAX};
use crate::server::agents;
use crate::server::api::{ApiError, json};
use crate::server::instances::Instances;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, OriginalUri, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};
use axum::serve::ListenerExt;
use pocket_ic::common::rest::CreateHttpGatewayResponse;
use std::collections::BTreeMap;
use std::sync::Arc;

type Shared = State<Arc<Instances>>;
type Route = (&'static str, MethodRouter<Arc<Instances>>);

/// The number of an instance, in the path.
struct Id(usize);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(ApiError::bad_request("the number of an instance is a whole number")),
        }
    }
}

/// Serves PocketIC's clients until the listener fails.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    instances: Arc<Instances>,
) -> std::io::Result<()> {
    listen(listener, router(instances)).await
}

/// Serves until the listener fails.
pub(super) async fn listen(listener: std::net::TcpListener, router: Router) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|connection| {
        // Requests are small and wait for each other: sending at once halves the time of each.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!("cannot set TCP_NODELAY: {error}");
        }
    });
    axum::serve(listener, router).await
}

/// What concerns no instance in particular.
fn of_the_server() -> [Route; 4] {
    [
        ("/instances", get(instances::list).post(instances::create)),
        ("/blobstore", post(blobs::store).layer(DefaultBodyLimit::max(BLOB_BYTES_MAX))),
        ("/verify_signature", post(signatures::verify)),
        ("/http_gateway", post(no_gateway)),
    ]
}

/// What is asked or done of one instance, below `/instances/{id}`.
fn of_an_instance() -> [Route; 26] {
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
        ("/read/query", post(calls::query)),
        ("/read/get_cycles", post(canisters::get_cycles)),
        ("/update/add_cycles", post(canisters::add_cycles)),
        ("/read/get_subnet", post(canisters::get_subnet)),
        ("/read/get_controllers", post(canisters::get_controllers)),
        ("/read/get_stable_memory", post(canisters::get_stable_memory)),
        ("/update/set_stable_memory", post(canisters::set_stable_memory)),
        ("/update/canister_snapshot_download", post(snapshots::download)),
        ("/update/canister_snapshot_upload", post(snapshots::upload)),
        ("/read/get_canister_http", get(outcalls::list)),
        ("/update/mock_canister_http", post(outcalls::answer)),
        ("/update/mock_flexible_canister_http", post(outcalls::answer_flexible)),
    ]
}

fn router(instances: Arc<Instances>) -> Router {
    let below = |(path, handlers)| (format!("/instances/{{id}}{path}"), handlers);
    let own = of_the_server().map(|(path, handlers)| (path.to_owned(), handlers));
    let mut router = Router::new();
    for (path, handlers) in own.into_iter().chain(of_an_instance().map(below)) {
        // Some clients end the path with a slash, some do not.
        router = router.route(&format!("{path}/"), handlers.clone()).route(&path, handlers);
    }
    let agents = agents::routes().layer(from_fn_with_state(instances.clone(), find_instance));
    router
        .nest("/instances/{instance}/api", agents)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .layer(from_fn_with_state(instances.clone(), note_activity))
        .with_state(instances)
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

/// Answers in the form in which clients that ask for a gateway look for errors.
async fn no_gateway() -> Response {
    let message = "the embedded replica has no HTTP gateway: drive it through the routes of its \
                   instances, or use a PocketIC server";
    let answer = CreateHttpGatewayResponse::Error { message: message.into() };
    json(StatusCode::NOT_IMPLEMENTED, &answer)
}
