//! Who may use the routes of the page: the page itself, and programs on this machine, but no other page of a browser.
//!
//! Canisters serve pages of their own at subdomains of `localhost`, and anybody may have written them. So the page's
//! routes exist for the server's own host names only, never for a subdomain.

use crate::limits::PAGE_TOKEN_BYTES;
use crate::server::names::{Names, is_origin_of};
use crate::server::outcalls::OUTCALL_HEADER;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};

/// The header with the token.
const TOKEN_HEADER: &str = "x-page-token";

/// Headers of all responses: scripts, styles and data come from this server only, no script may make markup or code
/// from text, and no other page may show the page in a frame or read its responses.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// A secret that the printed link contains. Requests that change something must have it, so that other programs that
/// can reach the server, and pages in a browser, cannot use the page for calls without a signature.
#[derive(Clone)]
pub(in crate::server) struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A new token, which nobody can guess.
    ///
    /// # Errors
    ///
    /// Fails if the operating system has no random numbers.
    pub(in crate::server) fn random() -> std::io::Result<Self> {
        let mut bytes = [0; PAGE_TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// The link to the page of a network that listens at this address, for a browser on this machine. The part after
    /// `#`, with the token, is never sent.
    pub(in crate::server) fn link(&self, address: SocketAddr) -> String {
        let (ip, port) = (address.ip(), address.port());
        // Pages of canisters have names below `localhost`, and no such names exist below an address.
        let host = match ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST {
            true => format!("localhost:{port}"),
            false => address.to_string(),
        };
        format!("http://{host}/#token={}", self.0)
    }

    /// Whether this is the token. The time does not depend on how many bytes are right.
    fn is(&self, given: &[u8]) -> bool {
        let own = self.0.as_bytes();
        own.len() == given.len()
            && own.iter().zip(given).fold(0, |diff, (own, given)| black_box(diff | (own ^ given)))
                == 0
    }
}

/// What requests are compared with.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) names: Names,
    pub(super) token: Token,
}

/// Middleware that refuses requests of others than the page.
pub(super) async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.refusal(request.method(), request.uri().path(), request.headers()) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

/// Middleware that adds the headers which protect the page to each response. Browsers keep only responses that say how.
pub(super) async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(no_store);
    response
}

/// The status and the reason of a refusal.
type Refusal = (StatusCode, &'static str);

impl Access {
    /// The status and the reason if a request is refused. `None` if it is not. Only for the token the status is 401, so
    /// that the page knows when its token is wrong.
    fn refusal(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Refusal> {
        if let Some(reason) = self.foreign(method, path, headers) {
            return Some((StatusCode::FORBIDDEN, reason));
        }
        let mut tokens = headers.get_all(TOKEN_HEADER).iter();
        let token = tokens.next().filter(|token| self.token.is(token.as_bytes()));
        let has_token = token.is_some() && tokens.next().is_none();
        let reason = "calls from the page need the token of the link that the network printed when it started: \
                      open that link\n";
        let needs_token = !matches!(*method, Method::GET | Method::HEAD);
        (needs_token && !has_token).then_some((StatusCode::UNAUTHORIZED, reason))
    }

    /// Why a request is refused whether it has the token or not. `None` if it is not.
    fn foreign(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<&'static str> {
        let all = |name: HeaderName| headers.get_all(name).iter().map(HeaderValue::as_bytes);
        if headers.contains_key(OUTCALL_HEADER) {
            return Some("HTTP outcalls of canisters may not use the page of the network\n");
        }
        let hosts: Vec<&[u8]> = all(header::HOST).collect();
        let [host] = hosts[..] else {
            return Some("the page of the network needs one Host header\n");
        };
        if !self.names.are_exactly(host) {
            return Some(
                "the page of the network has the host names of the server only: use localhost or the \
                 server's IP address, without the id of a canister\n",
            );
        }
        if !all(header::ORIGIN).all(|origin| is_origin_of(origin, host)) {
            return Some("pages of other origins may not use the page of the network\n");
        }
        let is_navigation = path == "/" && *method == Method::GET && is_navigation(headers);
        let is_own = |site: &[u8]| matches!(site, b"same-origin" | b"none");
        if !is_navigation && !all(HeaderName::from_static("sec-fetch-site")).all(is_own) {
            return Some("pages of other sites may not use the page of the network\n");
        }
        None
    }
}

/// Whether a browser opens the response as a document of its own, after a click on a link for example.
fn is_navigation(headers: &HeaderMap) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|found| found == value);
    is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
}

#[cfg(test)]
mod tests;
