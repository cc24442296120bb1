//! Calls from outside.

use super::{Id, Shared};
use crate::canister::Failure;
use crate::server::api::{Answer, ApiResult, Body};
use crate::server::convert::*;
use axum::extract::State;
use pocket_ic::RejectResponse;
use pocket_ic::common::rest::*;

/// Submitting returns an id, or the reject of a network that did not let the message in.
type Submitted = Result<RawMessageId, RejectResponse>;

pub(super) async fn submit(
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

pub(super) async fn await_ingress(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawMessageId>,
) -> ApiResult<RawCanisterResult> {
    let message = message_id(&raw)?;
    let result = instances.execute(id, |instance| instance.await_ingress(message)).await??;
    Ok(Answer(canister_result(result, true)))
}

pub(super) async fn ingress_status(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawIngressStatusArgs>,
) -> ApiResult<Option<RawCanisterResult>> {
    let message = message_id(&raw.raw_message_id)?;
    let caller = raw.raw_caller.map(|caller| principal(&caller.principal_id)).transpose()?;
    let status = instances.with(id, |instance| instance.ingress_status(message, caller)).await??;
    Ok(Answer(status.map(|result| canister_result(result, true))))
}

pub(super) async fn query(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterCall>,
) -> ApiResult<RawCanisterResult> {
    let call = canister_call(raw)?;
    let result = instances.execute(id, |instance| instance.query(call)).await??;
    Ok(Answer(canister_result(result, false)))
}
