//! Creating, listing and deleting instances.

use super::auto_progress::delay;
use super::extract::{Id, Shared};
use super::gateways;
use crate::server::api::{ApiError, ApiResult, JsonBody};
use crate::server::convert::{instance_request, topology};
use crate::server::gateways::listen_for;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pocket_ic::common::rest::*;
use std::net::TcpListener;

pub(super) async fn list(State(instances): Shared) -> Json<Vec<String>> {
    Json(instances.list())
}

pub(super) async fn create(
    State(instances): Shared,
    body: Result<JsonBody<InstanceConfig>, ApiError>,
) -> Response {
    let JsonBody(raw) = match body {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let auto_progress = match &raw.initial_time {
        Some(InitialTime::AutoProgress(config)) => Some(config.clone()),
        _ => None,
    };
    let gateway = raw.http_gateway_config.clone();
    // An instance whose gateway cannot have its port is not created.
    let listener = match gateway.as_ref().map(listener).transpose() {
        Ok(listener) => listener,
        Err(message) => return refusal(message),
    };
    let created = instance_request(raw, instances.profile())
        .and_then(|request| instances.create(request, topology));
    let (instance_id, topology) = match created {
        Ok(created) => created,
        Err(message) => {
            return refusal(message);
        }
    };
    if let Some(config) = auto_progress {
        let started =
            async { instances.get(instance_id)?.start_auto_progress(delay(config)).await };
        if let Err(error) = started.await {
            // The client does not get the instance's number, so it could never delete the instance.
            let _ = instances.delete(instance_id).await;
            return error.into_response();
        }
    }
    let gateway = gateway.zip(listener).map(|(config, listener)| {
        gateways::start(&instances, of_instance(instance_id, config), listener)
    });
    let http_gateway_info = match gateway.transpose() {
        Ok(info) => info,
        Err(message) => {
            // The client does not get the instance's number, so it could never delete the instance.
            let _ = instances.delete(instance_id).await;
            return refusal(message);
        }
    };
    let created = CreateInstanceResponse::Created { instance_id, topology, http_gateway_info };
    (StatusCode::CREATED, Json(created)).into_response()
}

/// The response of a server that does not create an instance.
fn refusal(message: String) -> Response {
    let refusal = CreateInstanceResponse::Error { message };
    (StatusCode::BAD_REQUEST, Json(refusal)).into_response()
}

/// A listener for a gateway that is created together with an instance.
fn listener(config: &InstanceHttpGatewayConfig) -> Result<TcpListener, String> {
    listen_for(config.ip_addr.as_deref(), config.port)
}

/// The configuration of a gateway that is created together with an instance.
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
    instances.delete(id).await.map(Json)
}
