//! Ingress messages and queries.

use super::extract::{Id, Shared};
use crate::canister::Failure;
use crate::instance::InstanceError;
use crate::limits::AWAIT_INGRESS_ROUNDS_MAX;
use crate::server::api::{ApiResult, JsonBody};
use crate::server::convert::*;
use crate::server::executions::Awaited;
use axum::Json;
use axum::extract::State;
use pocket_ic::RejectResponse;
use pocket_ic::common::rest::*;

/// The id of a submitted message, or the reject of a subnet that did not accept it.
type Submitted = Result<RawMessageId, RejectResponse>;

pub(super) async fn submit(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawCanisterCall>,
) -> ApiResult<Submitted> {
    let effective_principal = raw.effective_principal.clone();
    let call = canister_call(raw)?;
    let submitted = instances.execute(id, |instance| instance.submit(call)).await??;
    Ok(Json(match submitted {
        Ok(id) => Ok(RawMessageId { effective_principal, message_id: id.0.to_vec() }),
        Err(error) => Err(reject_response(Failure::Error(error), false)),
    }))
}

pub(super) async fn await_ingress(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawMessageId>,
) -> ApiResult<RawCanisterResult> {
    let message = message_id(&raw)?;
    let hosted = instances.get(id)?;
    hosted.with(|instance| instance.check_submitted(message)).await??;
    // Between the batches of rounds, other requests can use the instance.
    let mut left = AWAIT_INGRESS_ROUNDS_MAX;
    while left > 0 {
        match hosted.await_rounds(message, left).await? {
            Awaited::Response(result) => return Ok(Json(canister_result(result, true))),
            Awaited::Rounds(executed) => left -= executed,
        }
    }
    Err(InstanceError::NotAnswered.into())
}

pub(super) async fn ingress_status(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawIngressStatusArgs>,
) -> ApiResult<Option<RawCanisterResult>> {
    let message = message_id(&raw.raw_message_id)?;
    let caller = raw.raw_caller.map(|caller| principal(&caller.principal_id)).transpose()?;
    let status = instances.with(id, |instance| instance.ingress_status(message, caller)).await??;
    Ok(Json(status.map(|result| canister_result(result, true))))
}

pub(super) async fn query(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawCanisterCall>,
) -> ApiResult<RawCanisterResult> {
    let call = canister_call(raw)?;
    let result = instances.execute(id, |instance| instance.query(call)).await??;
    Ok(Json(canister_result(result, false)))
}
