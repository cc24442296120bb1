//! Making, listing and deleting instances.

use super::rounds::delay;
use super::{Id, Shared};
use crate::server::api::{Answer, ApiError, ApiResult, Body, json};
use crate::server::convert::{instance_config, topology};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pocket_ic::common::rest::{CreateInstanceResponse, InitialTime, InstanceConfig};

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
    let http_gateway_info = None;
    let created = CreateInstanceResponse::Created { instance_id, topology, http_gateway_info };
    json(StatusCode::CREATED, &created)
}

pub(super) async fn delete(State(instances): Shared, Id(id): Id) -> ApiResult<()> {
    instances.delete(id).await.map(Answer)
}
