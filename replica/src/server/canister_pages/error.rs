//! Why a canister's page cannot be shown, as a person reads it. The statuses are those of `ic-gateway`
//! (`src/routing/error_cause.rs`).

use crate::error::{ErrorCode, UserError};
use crate::limits::{CANISTER_PAGE_TIMEOUT, OPEN_CANISTER_PAGES_MAX};
use crate::server::api::ApiError;
use crate::server::load::Overloaded;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use candid::Principal;
use ic_agent_of_gateway::AgentError;
use ic_agent_of_gateway::agent::{RejectCode, RejectResponse};
use ic_http_gateway::HttpGatewayError;

/// A page with plain text instead of the canister's: what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageError {
    status: StatusCode,
    text: String,
    /// Whether the state or the code of the canister is the reason, which the page of the network shows.
    is_by_canister: bool,
}

/// What the replica says about a canister that does not exist, in a status 400 for agents.
const NOT_FOUND: &str = "canister_not_found";

impl PageError {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), is_by_canister: false }
    }

    /// An error whose reason is the canister.
    fn by_canister(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), is_by_canister: true }
    }

    /// The same error with a link to the page of the network, opened at the canister, if the canister is the reason.
    pub(super) fn with_link(self, link: Option<String>) -> Self {
        match link {
            Some(link) if self.is_by_canister => {
                let text =
                    format!("{}\n\nThe canister on the page of the network: {link}", self.text);
                Self { text, ..self }
            }
            _ => self,
        }
    }

    /// A text that should name a canister does not.
    pub(super) fn not_an_id(text: &str) -> Self {
        let text = format!(
            "'{text}' is not a canister id. `icp canister status NAME --id-only` prints the id of the canister NAME."
        );
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// A host name below the server's that is not that of a canister.
    pub(super) fn unknown_name(name: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            format!(
                "No canister has the name '{name}' on this network. Deploy the canister, and open the link that the \
                 deployment prints; or put the canister's id in place of the name."
            ),
        )
    }

    /// The page of the network, or another page at the server's own address, loads something of a canister.
    pub(super) fn own_origin(canister: Principal) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            format!(
                "Pages at the server's own address may not load scripts or data of canister {canister} from there: \
                 put the canister's id in the host name, as in {canister}.localhost."
            ),
        )
    }

    /// The canister takes too long.
    pub(super) fn slow() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            format!(
                "The canister did not respond within {} seconds. Load the page again. If the page needs an update \
                 call, the network must execute rounds: start auto-progress on an instance of PocketIC.",
                CANISTER_PAGE_TIMEOUT.as_secs()
            ),
        )
    }

    /// Too many pages are being made.
    pub(super) fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "The server already waits for {OPEN_CANISTER_PAGES_MAX} responses of canisters. Load the page again \
                 in a moment."
            ),
        )
    }

    /// The instance is gone.
    pub(super) fn gone() -> Self {
        let text = "The network of this address has ended. Start a network, and deploy the canister to it.";
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// The body of the request cannot be read.
    pub(super) fn unreadable(status: StatusCode, message: &str) -> Self {
        Self::new(status, format!("The body of the request cannot be read: {message}."))
    }

    /// The canister's response has a status that a response cannot have.
    pub(super) fn bad_status(status: StatusCode, canister: Principal) -> Self {
        Self::by_canister(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "Canister {canister} responds with status {status}, which is not the status of a complete response. \
                 Its method `http_request` must respond with a status of at least 200."
            ),
        )
    }

    /// The network has no such canister, or the canister is the network itself.
    fn not_found(canister: Principal) -> Self {
        if canister == Principal::management_canister() {
            let text = format!(
                "{canister} is the management canister. It is a part of the network, and has no pages."
            );
            return Self::new(StatusCode::NOT_FOUND, text);
        }
        Self::new(
            StatusCode::NOT_FOUND,
            format!(
                "404 - canister not found\n\nThis network has no canister {canister}. Perhaps it was deleted, or it is \
                 on another network or was on an earlier one. Deploy it to this network, for example with `icp \
                 deploy`, and open the link that the deployment prints."
            ),
        )
    }

    /// An error of the gateway. `status` is its own status for the error.
    pub(super) fn of(error: HttpGatewayError, status: StatusCode, canister: Principal) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match error {
            HttpGatewayError::ResponseVerificationError(error) => Self::by_canister(
                unavailable,
                format!(
                    "The response from the canister failed verification and cannot be trusted. Reason: its \
                     certificate does not prove that the canister made it: {error}.\nCanister {canister} has to \
                     certify the responses of `http_request`. To see the response without a proof, put `.raw` behind \
                     the canister's id in the address."
                ),
            ),
            HttpGatewayError::AgentError(error) => match &*error {
                AgentError::CertifiedReject { reject, .. }
                | AgentError::UncertifiedReject { reject, .. } => Self::rejected(reject, canister),
                AgentError::HttpError(payload) => {
                    let status = StatusCode::from_u16(payload.status).unwrap_or(status);
                    let message = String::from_utf8_lossy(&payload.content);
                    match message.contains(NOT_FOUND) {
                        true => Self::not_found(canister),
                        false => Self::new(
                            status,
                            format!(
                                "The network refuses the call of canister {canister}: {message}"
                            ),
                        ),
                    }
                }
                AgentError::TimeoutWaitingForResponse() => Self::slow(),
                AgentError::CandidError(error) => Self::by_canister(
                    unavailable,
                    format!(
                        "The method `http_request` of canister {canister} replies with another type than that of \
                         the HTTP gateway protocol: {error}. Give the method the type of the protocol."
                    ),
                ),
                error => Self::new(
                    unavailable,
                    format!(
                        "The network did not make the page of canister {canister}: {error}. Load the page again."
                    ),
                ),
            },
            error => Self::by_canister(
                status,
                format!(
                    "The response of canister {canister} cannot be sent: {error}. Correct the response of its method \
                     `http_request`."
                ),
            ),
        }
    }

    /// The canister, or the network for the canister, rejects the call.
    fn rejected(reject: &RejectResponse, canister: Principal) -> Self {
        let RejectResponse { reject_code, reject_message: message, error_code } = reject;
        let code = error_code.as_deref().unwrap_or_default();
        let is = |known: ErrorCode| code == code_text(known);
        let text = match reject_code {
            _ if is(ErrorCode::CanisterStopped) => {
                "is stopped, so it serves no pages. Start it, for example with `icp canister start NAME`, and load \
                 this page again."
            }
            _ if is(ErrorCode::CanisterStopping) => {
                "is stopping: it waits for responses to its own calls, and takes no more calls. Start it again, for \
                 example with `icp canister start NAME`, and load this page again."
            }
            _ if is(ErrorCode::CanisterWasmModuleNotFound) => {
                "has no code. Install its code, for example with `icp deploy`, and load this page again."
            }
            _ if is(ErrorCode::CanisterOutOfCycles) => {
                "is frozen, because it has too few cycles. Top it up, for example with `icp canister top-up NAME \
                 --amount 1t`, and load this page again."
            }
            _ if is(ErrorCode::CanisterMethodNotFound) && message.contains("'http_request'") => {
                "has no pages: it has no query method `http_request`. A canister with pages has this method."
            }
            _ if is(ErrorCode::CanisterMethodNotFound) => {
                "lacks a method that its response asks for. Add the method to the canister."
            }
            RejectCode::DestinationInvalid => {
                return Self::not_found(canister);
            }
            RejectCode::CanisterError => {
                "failed while it made this page. The canister's log may say more than the reason below."
            }
            RejectCode::CanisterReject => "refuses to make this page.",
            _ => "cannot be called right now. Load the page again.",
        };
        let text = format!("Canister {canister} {text}\n\n{code}: {message}");
        Self::by_canister(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

/// An error code as agents get it, such as `IC0508`.
fn code_text(code: ErrorCode) -> String {
    UserError::new(code, "").code_text()
}

impl From<ApiError> for PageError {
    fn from(ApiError { status, message }: ApiError) -> Self {
        Self::new(status, message)
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
        for (name, value) in
            [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-store")]
        {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text about a reject with this code and message, and without the link.
    fn text(code: ErrorCode, message: &str) -> String {
        let canister = Principal::from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 1, 1]);
        let reject_code = match code as u64 / 100 {
            2 => RejectCode::SysTransient,
            4 => RejectCode::CanisterReject,
            _ => RejectCode::CanisterError,
        };
        let error_code = Some(code_text(code));
        let reject = RejectResponse { reject_code, reject_message: message.into(), error_code };
        let PageError { status, text, is_by_canister } = PageError::rejected(&reject, canister);
        assert!(is_by_canister && status == StatusCode::SERVICE_UNAVAILABLE, "{text}");
        assert!(text.ends_with(&format!("\n\n{}: {message}", code_text(code))), "{text}");
        text
    }

    #[test]
    fn the_text_says_what_to_do_about_a_reject() {
        for (code, message, words) in [
            (ErrorCode::CanisterStopped, "", "is stopped, so it serves no pages. Start it,"),
            (ErrorCode::CanisterStopping, "", "is stopping: it waits for responses"),
            (ErrorCode::CanisterWasmModuleNotFound, "", "has no code. Install its code,"),
            (ErrorCode::CanisterOutOfCycles, "", "Top it up,"),
            (ErrorCode::CanisterMethodNotFound, "no query method 'http_request'", "has no pages"),
            (
                ErrorCode::CanisterMethodNotFound,
                "no update method 'http_request_update'",
                "lacks a method that its response asks for. Add the method",
            ),
            (ErrorCode::CanisterTrapped, "", "failed while it made this page. The canister's log"),
            (ErrorCode::CanisterRejectedMessage, "", "refuses to make this page"),
            (ErrorCode::CanisterQueueFull, "", "cannot be called right now. Load the page again"),
        ] {
            let text = text(code, message);
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn only_texts_about_the_canister_have_the_link_to_it() {
        let link = || Some("http://localhost:1/?id=x".to_owned());
        assert_eq!(PageError::busy().with_link(link()), PageError::busy());
        let canister = Principal::anonymous();
        let error = PageError::bad_status(StatusCode::CONTINUE, canister);
        assert_eq!(error.clone().with_link(None), error);
        assert!(
            error
                .with_link(link())
                .text
                .ends_with("\n\nThe canister on the page of the network: http://localhost:1/?id=x")
        );
    }
}
