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

/// Headers that concern one response only, and beginnings of the names of such headers. Other headers may change what
/// the browser does with other responses of the same origin or host: cookies, other servers for the same address,
/// responses that are kept for other addresses, and whatever browsers will have.
const OWN_HEADERS: [&str; 9] = [
    "accept-ranges",
    "allow",
    "date",
    "etag",
    "last-modified",
    "location",
    "refresh",
    "retry-after",
    "vary",
];
const OWN_HEADER_PREFIXES: [&str; 4] = ["access-control-", "content-", "ic-", "x-"];

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

/// Gives the page an origin of its own, because its address has the origin of the server. What belongs to the server's
/// origin, such as the storage of the network's page, stays as it is.
pub(super) fn sandboxed(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let is_own = |name: &HeaderName| {
        let name = name.as_str();
        OWN_HEADERS.contains(&name)
            || OWN_HEADER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    let others: Vec<HeaderName> =
        head.headers.keys().filter(|name| !is_own(name)).cloned().collect();
    for name in others {
        head.headers.remove(name);
    }
    head.headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Response::from_parts(head, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_at_the_server_s_own_address_changes_nothing_of_the_server_s_origin() {
        let mut response = Response::new(Body::empty());
        for (name, value) in [
            ("set-cookie", "a=b"),
            ("clear-site-data", "\"storage\""),
            ("strict-transport-security", "max-age=1"),
            ("alt-svc", "h2=\":1\""),
            ("no-vary-search", "params"),
            ("cache-control", "max-age=100000"),
            ("expires", "Wed, 21 Oct 2065 07:28:00 GMT"),
            ("service-worker-allowed", "/"),
            ("what-browsers-will-have", "1"),
            ("etag", "\"1\""),
            ("x-own", "1"),
            ("content-type", "text/html"),
            ("content-security-policy", "default-src *"),
        ] {
            response.headers_mut().append(name, HeaderValue::from_static(value));
        }
        let headers = sandboxed(response).headers().clone();
        assert_eq!(headers["content-type"], "text/html");
        let policies: Vec<_> = headers.get_all(header::CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies, ["default-src *", SANDBOX]);
        for (name, value) in [("cache-control", "no-store"), ("etag", "\"1\""), ("x-own", "1")] {
            assert_eq!(headers[name], value);
        }
        assert_eq!(headers.len(), 6, "{headers:?}");
    }
}
