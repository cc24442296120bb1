//! Making, listing and deleting instances.

use super::rounds::delay;
use super::{Id, Shared, gateways};
use crate::server::api::{Answer, ApiError, ApiResult, Body, json};
use crate::server::convert::{instance_config, topology};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pocket_ic::common::rest::*;

pub(super) async fn list(State(instances): Shared) -> Answer<Vec<String>> {
    Answer(instances.list())
}

pub(super) async fn create(
    State(instances): Shared,
    body: Result<Body<InstanceConfig>, ApiError>,
) -> Response {
    let Body(raw) = match body {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let progress = match &raw.initial_time {
        Some(InitialTime::AutoProgress(config)) => Some(config.clone()),
        _ => None,
    };
    let gateway = raw.http_gateway_config.clone();
    let created = instance_config(raw, instances.profile())
        .and_then(|config| instances.create(config, topology).map_err(|error| error.to_string()));
    let (instance_id, topology) = match created {
        Ok(created) => created,
        Err(message) => {
            return json(StatusCode::BAD_REQUEST, &CreateInstanceResponse::Error { message });
        }
    };
    if let Some(config) = progress {
        let started = async { instances.slot(instance_id)?.start_progress(delay(config)).await };
        if let Err(error) = started.await {
            return error.into_response();
        }
    }
    let gateway =
        gateway.map(|config| gateways::start(&instances, of_instance(instance_id, config)));
    let http_gateway_info = match gateway.transpose() {
        Ok(info) => info,
        Err(message) => {
            // What it is told not to have, nobody could ever delete.
            let _ = instances.delete(instance_id).await;
            return json(StatusCode::BAD_REQUEST, &CreateInstanceResponse::Error { message });
        }
    };
    let created = CreateInstanceResponse::Created { instance_id, topology, http_gateway_info };
    json(StatusCode::CREATED, &created)
}

/// The gateway that is asked for together with an instance.
fn of_instance(instance: usize, config: InstanceHttpGatewayConfig) -> HttpGatewayConfig {
    let InstanceHttpGatewayConfig {
        ip_addr,
        port,
        domains,
        https_config,
        domain_custom_provider_local_file,
    } = config;
    let forward_to = HttpGatewayBackend::PocketIcInstance(instance);
    HttpGatewayConfig {
        ip_addr,
        port,
        forward_to,
        domains,
        https_config,
        domain_custom_provider_local_file,
    }
}

pub(super) async fn delete(State(instances): Shared, Id(id): Id) -> ApiResult<()> {
    instances.delete(id).await.map(Answer)
}
