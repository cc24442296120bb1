//! Starting, listing and stopping gateways.

use super::extract::{Id, Shared};
use super::middleware::{no_route, note_activity, refuse_web_pages};
use crate::server::agents::{self, Hosted};
use crate::server::api::{ApiError, ApiResult, JsonBody};
use crate::server::canister_pages::{self, CanisterPages};
use crate::server::convert;
use crate::server::gateways::listen_for;
use crate::server::instances::Instances;
use crate::server::names::{self, Names};
use crate::server::page;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use pocket_ic::common::rest::*;
use std::net::TcpListener;
use std::sync::Arc;

/// Starts a gateway on a listener.
///
/// # Errors
///
/// Fails if there is no such instance, and for the reasons of `Gateways::start`.
pub(super) fn start(
    instances: &Arc<Instances>,
    config: HttpGatewayConfig,
    listener: TcpListener,
) -> Result<HttpGatewayInfo, String> {
    let shared = instances.shared().clone();
    let router = |id, names: Names, domains| {
        let hosted = instances.get(id).map_err(|error| error.message)?;
        let has_network_page = instances.page_token().is_some();
        let pages = CanisterPages::new(&hosted, names.clone(), domains, has_network_page);
        Ok(router(instances.clone(), id, names, pages))
    };
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let started = instances.gateways().start(config, listener, shared, router)?;
    if let Some(token) = instances.page_token() {
        tracing::info!("the page of this gateway's instance: {}", token.link(address));
    }
    Ok(started)
}

/// Clients find an error in the body of the response; they ignore its status.
pub(super) async fn create(
    State(instances): Shared,
    JsonBody(config): JsonBody<HttpGatewayConfig>,
) -> Response {
    let started = listen_for(config.ip_addr.as_deref(), config.port)
        .and_then(|listener| start(&instances, config, listener));
    match started {
        Ok(info) => (StatusCode::CREATED, Json(CreateHttpGatewayResponse::Created(info))),
        Err(message) => {
            (StatusCode::BAD_REQUEST, Json(CreateHttpGatewayResponse::Error { message }))
        }
    }
    .into_response()
}

pub(super) async fn list(State(instances): Shared) -> Json<Vec<HttpGatewayDetails>> {
    Json(instances.gateways().list())
}

/// Stopping a gateway that is not there succeeds: clients that share an instance stop its gateway several
/// times, and end with a panic if the server reports an error.
pub(super) async fn stop(State(instances): Shared, Id(id): Id) -> Json<()> {
    instances.gateways().stop(id).await;
    Json(())
}

/// The routes of a gateway: those for agents, the page if the server has pages, the topology for PocketIC's client, and
/// the pages of canisters.
fn router(
    instances: Arc<Instances>,
    instance: usize,
    names: Names,
    pages: CanisterPages,
) -> Router {
    let served = (instances.clone(), instance);
    let agents = agents::routes().layer(agents::allow_other_origins());
    let page = instances
        .page_token()
        .map(|token| page::routes(names.clone(), token.clone(), instances.shared().stop.clone()));
    Router::new()
        .route("/_/topology", get(topology))
        .layer(from_fn(refuse_web_pages))
        .nest("/api", agents)
        .merge(page.unwrap_or_default())
        .layer(from_fn_with_state(served, find_instance))
        .fallback(no_route)
        .layer(from_fn_with_state(pages, canister_pages::serve))
        .layer(from_fn_with_state(instances.clone(), note_activity))
        .layer(from_fn_with_state(names, names::refuse_other_hosts))
        .with_state(instances)
}

/// Adds the gateway's instance to the request, for the handlers of agents' requests.
async fn find_instance(
    State((instances, instance)): State<(Arc<Instances>, usize)>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    request.extensions_mut().insert(instances.get(instance)?);
    Ok(next.run(request).await)
}

async fn topology(Extension(hosted): Hosted) -> ApiResult<Topology> {
    hosted.with(|instance| convert::topology(instance)).await.map(Json)
}
