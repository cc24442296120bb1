//! Responses of canisters, as the server sends them.

use super::address::Address;
use super::error::PageError;
use crate::limits::CANISTER_STREAM_BYTES;
use crate::server::load::{RequestBytes, with_body};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use http_body_util::Either;
use ic_http_gateway::HttpGatewayResponse;

/// Headers about the connection, which is the server's and not the canister's (RFC 9110, section 7.6.1).
const CONNECTION_HEADERS: [HeaderName; 6] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What a page may do that has the origin of the server itself: all but read what belongs to this origin.
const SANDBOX: &str = "sandbox allow-downloads allow-forms allow-modals allow-popups \
                       allow-popups-to-escape-sandbox allow-scripts allow-top-navigation-by-user-activation";

/// The response to send. `held` counts what the server holds for it.
///
/// # Errors
///
/// Fails if the gateway refuses the canister's response or has none, or if the server holds too many bytes.
pub(super) fn convert(
    response: HttpGatewayResponse,
    address: &Address,
    method: &Method,
    held: RequestBytes,
) -> Result<Response, PageError> {
    let HttpGatewayResponse { canister_response: mut response, metadata } = response;
    if let Some(error) = metadata.internal_error {
        return Err(PageError::of(error, response.status(), address.canister));
    }
    if response.status().is_informational() {
        return Err(PageError::bad_status(response.status(), address.canister));
    }
    for name in CONNECTION_HEADERS {
        response.headers_mut().remove(name);
    }
    let (mut head, body) = response.into_parts();
    let body = match body {
        Either::Left(stream) => {
            held.add(CANISTER_STREAM_BYTES)?;
            with_body(Body::new(stream), held)
        }
        Either::Right(complete) => {
            // The length of a body in one piece is known here. The canister may say something else.
            if *method != Method::HEAD {
                head.headers.remove(header::CONTENT_LENGTH);
            }
            Body::new(complete)
        }
    };
    Ok(Response::from_parts(head, body))
}

/// Gives the page an origin of its own, because its address has the origin of the server.
pub(super) fn sandboxed(mut response: Response) -> Response {
    let name = header::CONTENT_SECURITY_POLICY;
    response.headers_mut().append(name, HeaderValue::from_static(SANDBOX));
    response
}
