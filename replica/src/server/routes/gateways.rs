//! Starting, listing and stopping gateways.

use super::{Id, Shared, no_route, note_activity, refuse_web_pages};
use crate::server::agents::{self, Asked};
use crate::server::api::{Answer, ApiError, ApiResult, Body, json};
use crate::server::convert;
use crate::server::instances::Instances;
use crate::server::names::{self, Names};
use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use pocket_ic::common::rest::*;
use std::sync::Arc;

/// Starts a gateway, or says why there can be none.
pub(super) fn start(
    instances: &Arc<Instances>,
    config: HttpGatewayConfig,
) -> Result<HttpGatewayInfo, String> {
    if let HttpGatewayBackend::PocketIcInstance(id) = config.forward_to {
        instances.slot(id).map_err(|error| error.message)?;
    }
    instances.gateways().start(config, |instance, names| router(instances.clone(), instance, names))
}

/// Clients look for errors in the answer, not at its status.
pub(super) async fn create(
    State(instances): Shared,
    Body(config): Body<HttpGatewayConfig>,
) -> Response {
    match start(&instances, config) {
        Ok(info) => json(StatusCode::CREATED, &CreateHttpGatewayResponse::Created(info)),
        Err(message) => {
            json(StatusCode::BAD_REQUEST, &CreateHttpGatewayResponse::Error { message })
        }
    }
}

pub(super) async fn list(State(instances): Shared) -> Answer<Vec<HttpGatewayDetails>> {
    Answer(instances.gateways().list())
}

pub(super) async fn stop(State(instances): Shared, Id(id): Id) -> ApiResult<()> {
    match instances.gateways().stop(id).await {
        true => Ok(Answer(())),
        false => Err(ApiError::not_found(format!("there is no gateway {id}, or no longer"))),
    }
}

/// The routes of a gateway: those for agents, and where the client of PocketIC finds the topology.
fn router(instances: Arc<Instances>, instance: usize, names: Names) -> Router {
    let served = (instances.clone(), instance);
    let agents = agents::routes().layer(from_fn(agents::allow_other_origins));
    Router::new()
        .route("/_/topology", get(topology))
        .layer(from_fn(refuse_web_pages))
        .nest("/api", agents)
        .layer(from_fn_with_state(served, find_instance))
        .fallback(no_route)
        .layer(from_fn_with_state(instances.clone(), note_activity))
        .layer(from_fn_with_state(names, names::refuse_others))
        .with_state(instances)
}

async fn find_instance(
    State((instances, instance)): State<(Arc<Instances>, usize)>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    request.extensions_mut().insert(instances.slot(instance)?);
    Ok(next.run(request).await)
}

async fn topology(Extension(slot): Asked) -> ApiResult<Topology> {
    slot.with(|instance| convert::topology(instance)).await.map(Answer)
}
