//! Update calls: submitting them, and waiting for the response (interface specification, "Request:
//! Call").

use super::envelope::{Request, canister_call};
use super::extract::{EnvelopeBody, Hosted, PathPrincipal};
use super::response::{AgentError, AgentResult, Cbor, reject};
use crate::certification::Scope;
use crate::error::UserError;
use crate::instance::{Instance, RequestKind, Submission};
use crate::limits::SYNCHRONOUS_CALL_TIMEOUT;
use crate::server::hosted::HostedInstance;
use crate::types::MessageId;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ic_transport_types::TransportCallResponse;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Submits a call and responds at once ("asynchronous call").
pub(super) async fn submit(
    Extension(hosted): Hosted,
    PathPrincipal(id): PathPrincipal,
    EnvelopeBody(body): EnvelopeBody,
) -> AgentResult<Response> {
    let deadline = Instant::now() + SYNCHRONOUS_CALL_TIMEOUT;
    Ok(match accept(&hosted, Scope::Canister(id.into()), body, deadline).await? {
        Ok(_) => StatusCode::ACCEPTED.into_response(),
        Err(error) => rejected(error),
    })
}

/// Submits a call and waits for its response ("synchronous call").
pub(super) async fn call(
    Extension(hosted): Hosted,
    PathPrincipal(id): PathPrincipal,
    EnvelopeBody(body): EnvelopeBody,
) -> AgentResult<Response> {
    submit_and_wait(&hosted, Scope::Canister(id.into()), body, SYNCHRONOUS_CALL_TIMEOUT).await
}

/// Submits a call that is sent to a subnet, and waits for its response.
pub(super) async fn call_subnet(
    Extension(hosted): Hosted,
    PathPrincipal(id): PathPrincipal,
    EnvelopeBody(body): EnvelopeBody,
) -> AgentResult<Response> {
    submit_and_wait(&hosted, Scope::Subnet(id.into()), body, SYNCHRONOUS_CALL_TIMEOUT).await
}

/// Submits a call and waits for its response. Both together take at most `timeout`.
async fn submit_and_wait(
    hosted: &HostedInstance,
    sent_to: Scope,
    body: Bytes,
    timeout: Duration,
) -> AgentResult<Response> {
    let deadline = Instant::now() + timeout;
    let message = match accept(hosted, sent_to, body, deadline).await? {
        Ok(message) => message,
        Err(error) => return Ok(rejected(error)),
    };
    let response = timeout_at(deadline, certified_response(hosted, message)).await;
    Ok(match response {
        Ok(certificate) => {
            let certificate = certificate?;
            Cbor(TransportCallResponse::Replied { certificate }).into_response()
        }
        Err(_) => {
            let text = "there is no response yet: poll for it with read_state";
            (StatusCode::ACCEPTED, text).into_response()
        }
    })
}

/// Waits for the response to a message, and returns its certificate.
async fn certified_response(hosted: &HostedInstance, message: MessageId) -> AgentResult<Vec<u8>> {
    loop {
        let round = hosted.next_round();
        let certificate = hosted.execute(|instance| instance.certified_response(message)).await?;
        match certificate {
            Some(certificate) => return Ok(certificate),
            None => round.await,
        }
    }
}

/// Verifies a call and submits it. The inner error is the reject of a subnet that does not accept the
/// call.
///
/// # Errors
///
/// Fails if the request is invalid, or if the instance is busy until the deadline.
async fn accept(
    hosted: &HostedInstance,
    sent_to: Scope,
    body: Bytes,
    deadline: Instant,
) -> AgentResult<Result<MessageId, UserError>> {
    let accept = async {
        let request = Request::receive(hosted, sent_to, &body).await?;
        drop(body);
        let submit = |instance: &mut Instance| {
            let call = canister_call(&request, RequestKind::Call)?;
            let (id, expiry) = (request.message_id(), request.expiry);
            let submission = Submission { id, expiry, authentication: request.authentication };
            Ok(instance.submit_signed(submission, sent_to, call)?.map(|()| id))
        };
        hosted.execute(submit).await?
    };
    timeout_at(deadline, accept).await.unwrap_or_else(|_| {
        // The call has no effect, so it may be sent again. Agents do so on this status.
        let text = "the network was busy for too long and has not accepted the call: send it again";
        Err(AgentError::new(StatusCode::SERVICE_UNAVAILABLE, text))
    })
}

/// The response to a call that the subnet does not accept.
fn rejected(error: UserError) -> Response {
    Cbor(TransportCallResponse::NonReplicatedRejection(reject(error))).into_response()
}

#[cfg(test)]
mod tests;
