//! The names by which a server may be called.
//!
//! A page in a browser can have a name of its own lead to this machine once it is loaded ("DNS
//! rebinding"). Its requests then come from where they go to, and a browser says nothing of their
//! origin; but it says by which name it found the server.

use crate::server::api::ApiError;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::IpAddr;
use std::sync::Arc;

/// Addresses, `localhost` and all names below it, which nobody else can have lead elsewhere; and
/// further names, with all below them, that somebody here has asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Arc<[String]>);

impl Names {
    /// The usual ones and these.
    pub(super) fn with(further: &[String]) -> Self {
        Self(further.iter().map(|name| normalized(name)).collect())
    }

    /// Whether a server may be called by this, which is what a request has for its host.
    fn include(&self, host: &[u8]) -> bool {
        let Ok(authority) = Authority::try_from(host) else { return false };
        let host = normalized(authority.host());
        let address = host.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || is_or_below(&host, "localhost")
            || self.0.iter().any(|name| is_or_below(&host, name))
    }
}

/// Whether an origin, as browsers name it, is on this machine: `localhost`, a name below it, or an
/// address of the loopback interface.
pub(super) fn is_origin_here(origin: &[u8]) -> bool {
    let Ok(origin) = Uri::try_from(origin) else { return false };
    let host = normalized(origin.host().unwrap_or_default());
    let address: Result<IpAddr, _> = host.trim_start_matches('[').trim_end_matches(']').parse();
    address.map_or(is_or_below(&host, "localhost"), |address| address.is_loopback())
}

/// Whether a host is this name or one below it.
fn is_or_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Names are the same in capitals, and with a dot at the end.
fn normalized(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Turns away requests that call the server by another name. Without any, it is no browser's.
pub(super) async fn refuse_others(
    State(names): State<Names>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match hosts.find(|host| !names.include(host.as_bytes())) {
        Some(host) => Err(ApiError::forbidden(format!(
            "this server is not called '{}': use its address or localhost, or start it with this \
             name (--domain)",
            String::from_utf8_lossy(host.as_bytes())
        ))),
        None => Ok(next.run(request).await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_the_names_asked_for_are_a_servers_and_no_others() {
        let names = Names::with(&["my.test.".into()]);
        for host in [
            "127.0.0.1",
            "127.0.0.1:4943",
            "10.0.0.7:80",
            "[::1]:4943",
            "localhost",
            "LocalHost:1",
            "localhost.",
            "canister.localhost:4943",
            "my.test",
            "Canister.My.test:4943",
        ] {
            assert!(names.include(host.as_bytes()), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:4943",
            "evillocalhost",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notmy.test",
            "test",
            "a b",
        ] {
            assert!(!names.include(host.as_bytes()), "{host}");
        }
        assert!(!Names::default().include(b"my.test"));
    }
}
