//! Calls: submitted, and awaited for a while.

use super::answer::{AgentResult, Cbor, reject};
use super::envelope::{Request, canister_call};
use super::{Addressed, Asked, WholeBody};
use crate::certification::Scope;
use crate::error::UserError;
use crate::instance::{Instance, RequestKind};
use crate::server::instances::Slot;
use crate::types::MessageId;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ic_transport_types::TransportCallResponse;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a call waits for its answer before the agent is told to ask for it
/// (`config/src/http_handler.rs`, `ingress_message_certificate_timeout_seconds`).
const CALL_PATIENCE: Duration = Duration::from_secs(10);

/// Submits a call and returns at once.
pub(super) async fn submit(
    Extension(slot): Asked,
    Addressed(id): Addressed,
    WholeBody(body): WholeBody,
) -> AgentResult<Response> {
    Ok(match let_in(&slot, Scope::Canister(id), &body).await? {
        Ok(_) => StatusCode::ACCEPTED.into_response(),
        Err(error) => rejected(error),
    })
}

/// Submits a call and waits for its answer.
pub(super) async fn call(
    Extension(slot): Asked,
    Addressed(id): Addressed,
    WholeBody(body): WholeBody,
) -> AgentResult<Response> {
    submit_and_wait(&slot, Scope::Canister(id), &body).await
}

/// The same for a call that is sent to a subnet.
pub(super) async fn call_subnet(
    Extension(slot): Asked,
    Addressed(id): Addressed,
    WholeBody(body): WholeBody,
) -> AgentResult<Response> {
    submit_and_wait(&slot, Scope::Subnet(id), &body).await
}

async fn submit_and_wait(slot: &Slot, sent_to: Scope, body: &[u8]) -> AgentResult<Response> {
    let message = match let_in(slot, sent_to, body).await? {
        Ok(message) => message,
        Err(error) => return Ok(rejected(error)),
    };
    let deadline = Instant::now() + CALL_PATIENCE;
    loop {
        let round = slot.next_round();
        let answer = slot.execute(|instance| instance.certified_answer(message)).await?;
        if let Some(certificate) = answer {
            return Ok(Cbor(TransportCallResponse::Replied { certificate }).into_response());
        }
        if timeout_at(deadline, round).await.is_err() {
            let text = "there is no answer yet: ask for it with read_state";
            return Ok((StatusCode::ACCEPTED, text).into_response());
        }
    }
}

/// Lets a call in, or says why the network does not.
async fn let_in(
    slot: &Slot,
    sent_to: Scope,
    body: &[u8],
) -> AgentResult<Result<MessageId, UserError>> {
    let request = Request::receive(slot, body).await?;
    let submit = |instance: &mut Instance| {
        let call = canister_call(instance, &request, RequestKind::Call, sent_to)?;
        let id = request.message_id();
        Ok(instance.submit_signed(id, request.expiry, call)?.map(|()| id))
    };
    slot.execute(submit).await?
}

/// The answer to a call that was not let in.
fn rejected(error: UserError) -> Response {
    Cbor(TransportCallResponse::NonReplicatedRejection(reject(error))).into_response()
}
