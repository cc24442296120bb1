//! Which route does what.

use crate::canister::Failure;
use crate::instance::Instance;
use crate::limits::REQUEST_BODY_BYTES_MAX;
use crate::server::api::{Answer, ApiError, ApiResult, Body, json};
use crate::server::convert::*;
use crate::server::instances::Instances;
use crate::types::Time;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, OriginalUri, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use axum::serve::ListenerExt;
use pocket_ic::RejectResponse;
use pocket_ic::common::rest::*;
use serde::Deserialize;
use std::sync::Arc;

type Shared = State<Arc<Instances>>;
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

/// Serves until the listener fails.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    instances: Arc<Instances>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|connection| {
        // Requests are small and wait for each other: sending at once halves the time of each.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!("cannot set TCP_NODELAY: {error}");
        }
    });
    axum::serve(listener, router(instances)).await
}

fn router(instances: Arc<Instances>) -> Router {
    let routes: [(&str, MethodRouter<Arc<Instances>>); 14] = [
        ("/instances", get(list_instances).post(create_instance)),
        ("/instances/{id}", delete(delete_instance)),
        ("/instances/{id}/read/topology", get(read_topology)),
        ("/instances/{id}/read/get_time", get(get_time)),
        ("/instances/{id}/update/set_time", post(set_time)),
        ("/instances/{id}/update/tick", post(tick)),
        ("/instances/{id}/update/submit_ingress_message", post(submit)),
        ("/instances/{id}/update/await_ingress_message", post(await_ingress)),
        ("/instances/{id}/read/ingress_status", post(ingress_status)),
        ("/instances/{id}/read/query", post(query)),
        ("/instances/{id}/read/get_cycles", post(get_cycles)),
        ("/instances/{id}/update/add_cycles", post(add_cycles)),
        ("/instances/{id}/read/get_subnet", post(get_subnet)),
        ("/instances/{id}/read/pub_key", post(public_key)),
    ];
    let mut router = Router::new();
    for (path, handlers) in routes {
        // Some clients end the path with a slash, some do not.
        router = router.route(&format!("{path}/"), handlers.clone()).route(path, handlers);
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .layer(from_fn_with_state(instances.clone(), note_activity))
        .with_state(instances)
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

async fn list_instances(State(instances): Shared) -> Answer<Vec<String>> {
    Answer(instances.list())
}

async fn create_instance(
    State(instances): Shared,
    body: Result<Body<InstanceConfig>, ApiError>,
) -> Response {
    let Body(raw) = match body {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let created = instance_config(raw, instances.profile())
        .and_then(|config| instances.create(config, topology).map_err(|error| error.to_string()));
    match created {
        Ok((instance_id, topology)) => {
            let http_gateway_info = None;
            let created =
                CreateInstanceResponse::Created { instance_id, topology, http_gateway_info };
            json(StatusCode::CREATED, &created)
        }
        Err(message) => json(StatusCode::BAD_REQUEST, &CreateInstanceResponse::Error { message }),
    }
}

async fn delete_instance(State(instances): Shared, Id(id): Id) -> ApiResult<()> {
    instances.delete(id).map(Answer)
}

async fn read_topology(State(instances): Shared, Id(id): Id) -> ApiResult<Topology> {
    instances.with(id, |instance| topology(instance)).await.map(Answer)
}

async fn get_time(State(instances): Shared, Id(id): Id) -> ApiResult<RawTime> {
    let time = instances.with(id, |instance| instance.time()).await?;
    Ok(Answer(RawTime { nanos_since_epoch: time.as_nanos() }))
}

async fn set_time(State(instances): Shared, Id(id): Id, Body(raw): Body<RawTime>) -> ApiResult<()> {
    let time = Time::from_nanos(raw.nanos_since_epoch);
    instances.with(id, |instance| instance.set_time(time)).await??;
    Ok(Answer(()))
}

/// What a tick can be asked to do: only to happen.
#[derive(Deserialize)]
struct TickConfig {
    blockmakers: Option<serde_json::Value>,
}

async fn tick(
    State(instances): Shared,
    Id(id): Id,
    Body(config): Body<TickConfig>,
) -> ApiResult<()> {
    if config.blockmakers.is_some() {
        return Err(ApiError::bad_request(
            "block makers cannot be chosen on the embedded replica: tick without them",
        ));
    }
    instances.execute(id, Instance::tick).await.map(Answer)
}

/// Submitting returns an id, or the reject of a network that did not let the message in.
type Submitted = Result<RawMessageId, RejectResponse>;

async fn submit(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterCall>,
) -> ApiResult<Submitted> {
    let effective_principal = raw.effective_principal.clone();
    let call = canister_call(raw)?;
    let submitted = instances.execute(id, |instance| instance.submit(call)).await??;
    Ok(Answer(match submitted {
        Ok(id) => Ok(RawMessageId { effective_principal, message_id: id.0.to_vec() }),
        Err(error) => Err(reject_response(Failure::Error(error), false)),
    }))
}

async fn await_ingress(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawMessageId>,
) -> ApiResult<RawCanisterResult> {
    let message = message_id(&raw)?;
    let result = instances.execute(id, |instance| instance.await_ingress(message)).await??;
    Ok(Answer(canister_result(result, true)))
}

async fn ingress_status(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawIngressStatusArgs>,
) -> ApiResult<Option<RawCanisterResult>> {
    let message = message_id(&raw.raw_message_id)?;
    let caller = raw.raw_caller.map(|caller| principal(&caller.principal_id)).transpose()?;
    let status = instances.with(id, |instance| instance.ingress_status(message, caller)).await??;
    Ok(Answer(status.map(|result| canister_result(result, true))))
}

async fn query(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterCall>,
) -> ApiResult<RawCanisterResult> {
    let call = canister_call(raw)?;
    let result = instances.execute(id, |instance| instance.query(call)).await??;
    Ok(Answer(canister_result(result, false)))
}

async fn get_cycles(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterId>,
) -> ApiResult<RawCycles> {
    let canister = principal(&raw.canister_id)?;
    let cycles = instances.with(id, |instance| instance.cycles(canister)).await??;
    Ok(Answer(RawCycles { cycles }))
}

async fn add_cycles(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawAddCycles>,
) -> ApiResult<RawCycles> {
    let canister = principal(&raw.canister_id)?;
    let cycles = instances.with(id, |instance| instance.add_cycles(canister, raw.amount)).await??;
    Ok(Answer(RawCycles { cycles }))
}

async fn get_subnet(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterId>,
) -> ApiResult<Option<RawSubnetId>> {
    let canister = principal(&raw.canister_id)?;
    let subnet = instances.with(id, |instance| instance.subnet_with(canister)).await?;
    Ok(Answer(subnet.map(RawSubnetId::from)))
}

async fn public_key(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawSubnetId>,
) -> ApiResult<Vec<u8>> {
    let subnet = principal(&raw.subnet_id)?;
    let key = instances.with(id, |instance| instance.public_key(subnet)).await??;
    Ok(Answer(key))
}
