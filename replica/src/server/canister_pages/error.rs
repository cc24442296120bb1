//! Why a canister's page cannot be shown, as a person reads it. The statuses are those of `ic-gateway`
//! (`src/routing/error_cause.rs`).

use crate::server::api::ApiError;
use crate::server::load::Overloaded;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use candid::Principal;
use ic_agent_of_gateway::AgentError;
use ic_agent_of_gateway::agent::{RejectCode, RejectResponse};
use ic_http_gateway::HttpGatewayError;

/// A page with plain text instead of the canister's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageError {
    status: StatusCode,
    text: String,
}

/// What the replica says about a canister without the method (`IC0536`).
const NO_METHOD: &str = "IC0536";

/// What the replica says about a stopped and a stopping canister.
const STOPPED: [&str; 2] = ["IC0508", "IC0509"];

impl PageError {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// A text that should name a canister does not.
    pub(super) fn not_an_id(text: &str) -> Self {
        let text = format!(
            "'{text}' is not a canister id: look it up with `icp canister status NAME --id-only`"
        );
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// A host name below the server's that is not that of a canister.
    pub(super) fn unknown_name(name: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            format!(
                "no canister has the name '{name}' here: use the canister's id in place of the name, and deploy \
                 the canister first"
            ),
        )
    }

    /// The canister takes too long.
    pub(super) fn slow() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the canister's response took too long: an update call ends only on a network that executes rounds, \
             for example one with auto-progress",
        )
    }

    /// Too many pages are being made.
    pub(super) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the server is making too many pages: try again")
    }

    /// The instance is gone.
    pub(super) fn gone() -> Self {
        Self::new(StatusCode::NOT_FOUND, "the network of this address has ended")
    }

    /// The body of the request cannot be read.
    pub(super) fn unreadable(status: StatusCode, message: &str) -> Self {
        Self::new(status, format!("the request's body cannot be read: {message}"))
    }

    /// The canister's response has a status that a response cannot have.
    pub(super) fn bad_status(status: StatusCode, canister: Principal) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "canister {canister} responds with status {status}, which is not the status of a complete response"
            ),
        )
    }

    /// An error of the gateway. `status` is its own status for the error.
    pub(super) fn of(error: HttpGatewayError, status: StatusCode, canister: Principal) -> Self {
        match error {
            HttpGatewayError::ResponseVerificationError(error) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "the response of canister {canister} is not shown, because its certificate does not prove that \
                     the canister made it: {error}.\nA canister has to certify the responses of `http_request`. To \
                     see the response without a proof, put `.raw` behind the canister's id in the address"
                ),
            ),
            HttpGatewayError::AgentError(error) => match &*error {
                AgentError::CertifiedReject { reject, .. }
                | AgentError::UncertifiedReject { reject, .. } => Self::rejected(reject, canister),
                AgentError::HttpError(payload) => Self::new(
                    StatusCode::from_u16(payload.status).unwrap_or(status),
                    String::from_utf8_lossy(&payload.content),
                ),
                AgentError::TimeoutWaitingForResponse() => Self::slow(),
                AgentError::CandidError(error) => Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!(
                        "the method `http_request` of canister {canister} replies with another type than that of \
                         the HTTP gateway protocol: {error}"
                    ),
                ),
                error => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            },
            error => Self::new(status, error.to_string()),
        }
    }

    /// The canister, or the network for the canister, rejects the call.
    fn rejected(reject: &RejectResponse, canister: Principal) -> Self {
        let RejectResponse { reject_code, reject_message: message, error_code } = reject;
        let code = error_code.as_deref().unwrap_or_default();
        let (status, what, advice) = match reject_code {
            _ if code == NO_METHOD => (
                StatusCode::SERVICE_UNAVAILABLE,
                "serves no pages",
                "a canister with pages has the query method `http_request`",
            ),
            _ if STOPPED.contains(&code) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "does not run",
                "start it, or wait until it has stopped and start it",
            ),
            RejectCode::DestinationInvalid => (
                StatusCode::NOT_FOUND,
                "does not exist or has no code",
                "deploy it to this network",
            ),
            RejectCode::CanisterError => (
                StatusCode::SERVICE_UNAVAILABLE,
                "failed while it made the page",
                "the canister's log may say more",
            ),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "did not make the page", "try again"),
        };
        Self::new(status, format!("canister {canister} {what}: {advice}.\n{code}: {message}"))
    }
}

impl From<ApiError> for PageError {
    fn from(ApiError { status, message }: ApiError) -> Self {
        Self { status, text: message }
    }
}

impl From<Overloaded> for PageError {
    fn from(error: Overloaded) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = (self.status, format!("{}\n", self.text)).into_response();
        let nosniff = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        response
    }
}
