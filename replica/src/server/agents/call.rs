//! Calls: submitted, and awaited for a while.

use super::answer::{AgentError, AgentResult, Cbor, reject};
use super::envelope::{Request, canister_call};
use super::{Addressed, Asked, WholeBody};
use crate::certification::Scope;
use crate::error::UserError;
use crate::instance::{Instance, RequestKind};
use crate::server::instances::Slot;
use crate::types::MessageId;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ic_transport_types::TransportCallResponse;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a call waits to be let in and for its answer before the agent is told to ask for it
/// (`config/src/http_handler.rs`, `ingress_message_certificate_timeout_seconds`).
const CALL_PATIENCE: Duration = Duration::from_secs(10);

/// Submits a call and returns at once.
pub(super) async fn submit(
    Extension(slot): Asked,
    Addressed(id): Addressed,
    WholeBody(body): WholeBody,
) -> AgentResult<Response> {
    let deadline = Instant::now() + CALL_PATIENCE;
    Ok(match let_in(&slot, Scope::Canister(id.into()), body, deadline).await? {
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
    submit_and_wait(&slot, Scope::Canister(id.into()), body, CALL_PATIENCE).await
}

/// The same for a call that is sent to a subnet.
pub(super) async fn call_subnet(
    Extension(slot): Asked,
    Addressed(id): Addressed,
    WholeBody(body): WholeBody,
) -> AgentResult<Response> {
    submit_and_wait(&slot, Scope::Subnet(id.into()), body, CALL_PATIENCE).await
}

/// Submits a call and waits for its answer, both together for no longer than `patience`.
async fn submit_and_wait(
    slot: &Slot,
    sent_to: Scope,
    body: Bytes,
    patience: Duration,
) -> AgentResult<Response> {
    let deadline = Instant::now() + patience;
    let message = match let_in(slot, sent_to, body, deadline).await? {
        Ok(message) => message,
        Err(error) => return Ok(rejected(error)),
    };
    let answer = timeout_at(deadline, certified_answer(slot, message)).await;
    Ok(match answer {
        Ok(certificate) => {
            let certificate = certificate?;
            Cbor(TransportCallResponse::Replied { certificate }).into_response()
        }
        Err(_) => {
            let text = "there is no answer yet: ask for it with read_state";
            (StatusCode::ACCEPTED, text).into_response()
        }
    })
}

/// Waits for the answer to a message.
async fn certified_answer(slot: &Slot, message: MessageId) -> AgentResult<Vec<u8>> {
    loop {
        let round = slot.next_round();
        let answer = slot.execute(|instance| instance.certified_answer(message)).await?;
        match answer {
            Some(certificate) => return Ok(certificate),
            None => round.await,
        }
    }
}

/// Lets a call in, or says why the network does not. What was sent is dropped then.
async fn let_in(
    slot: &Slot,
    sent_to: Scope,
    body: Bytes,
    deadline: Instant,
) -> AgentResult<Result<MessageId, UserError>> {
    let let_in = async {
        let request = Request::receive(slot, &body).await?;
        drop(body);
        let submit = |instance: &mut Instance| {
            let call = canister_call(&request, RequestKind::Call)?;
            let id = request.message_id();
            Ok(instance.submit_signed(id, request.expiry, sent_to, call)?.map(|()| id))
        };
        slot.execute(submit).await?
    };
    timeout_at(deadline, let_in).await.unwrap_or_else(|_| {
        // The call has no effect, so that it may be sent again, as agents do then by themselves.
        let text =
            "the network is busy with something long and has not taken the call: send it again";
        Err(AgentError::new(StatusCode::SERVICE_UNAVAILABLE, text))
    })
}

/// The answer to a call that was not let in.
fn rejected(error: UserError) -> Response {
    Cbor(TransportCallResponse::NonReplicatedRejection(reject(error))).into_response()
}

#[cfg(test)]
mod tests;
