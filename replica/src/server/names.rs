//! The host names that requests to a server may have in their `host` header.
//!
//! A web page can change the address of its own host name to that of this machine after the browser has
//! loaded it ("DNS rebinding"). Its requests to this server are then of the same origin, and the browser
//! sends no `origin` header. But the `host` header still has the page's host name.

use crate::server::api::ApiError;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::IpAddr;
use std::sync::Arc;

/// The host names of a server: every IP address, `localhost`, the names that were configured, and all
/// subdomains of these names. Nobody can make `localhost` or an IP address lead elsewhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Arc<[String]>);

impl Names {
    /// The default names and these.
    pub(super) fn with(configured: &[String]) -> Self {
        Self(configured.iter().map(|name| normalized(name)).collect())
    }

    /// Whether the value of a `host` header is one of these names, with or without a port.
    fn include(&self, host: &[u8]) -> bool {
        let Some(HostName { name: host, .. }) = HostName::parse(host) else { return false };
        address(&host).is_some()
            || is_in_domain(&host, "localhost")
            || self.0.iter().any(|name| is_in_domain(&host, name))
    }

    /// Whether the value of a `host` header is one of these names and no subdomain of one, with or without a port.
    pub(super) fn are_exactly(&self, host: &[u8]) -> bool {
        let Some(HostName { name: host, .. }) = HostName::parse(host) else { return false };
        address(&host).is_some() || host == "localhost" || self.0.contains(&host)
    }

    /// Splits the value of a `host` header into one of these names and what is before it: the labels of a subdomain,
    /// without the last dot, or nothing. `None` if it is another name.
    pub(super) fn split(&self, host: &[u8]) -> Option<(String, HostName)> {
        let HostName { name: host, port } = HostName::parse(host)?;
        let named = |name: &str| HostName { name: name.to_owned(), port };
        if address(&host).is_some() {
            return Some((String::new(), named(&host)));
        }
        let names = self.0.iter().map(String::as_str).chain(["localhost"]);
        // Of a name and a subdomain of it, the subdomain.
        let name = names.filter(|name| is_in_domain(&host, name)).max_by_key(|name| name.len())?;
        let prefix = host[..host.len() - name.len()].trim_end_matches('.');
        Some((prefix.to_owned(), named(name)))
    }
}

/// The name that a client uses for a server: a host name or an IP address, in lower case, and the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostName {
    pub(super) name: String,
    pub(super) port: Option<u16>,
}

impl HostName {
    /// The name in the value of a `host` header. `None` if the value is not a host name with or without a port; a URL
    /// may also have a user before its host name (RFC 9110, section 7.2).
    fn parse(host: &[u8]) -> Option<Self> {
        let authority = Authority::try_from(host).ok()?;
        let rest = authority.as_str().strip_prefix(authority.host())?;
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            _ => return None,
        };
        Some(Self { name: normalized(authority.host()), port })
    }

    /// The IP address that the name is, if it is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        address(&self.name)
    }
}

impl std::fmt::Display for HostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The IP address that a host name is, if it is one. Only an address of version 6 is in brackets.
fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

/// Whether the value of an `origin` header is that of pages from this `host`: the scheme is HTTP or HTTPS, and the
/// host and the port are the same.
pub(super) fn is_origin_of(origin: &[u8], host: &[u8]) -> bool {
    let rest =
        [&b"http://"[..], b"https://"].into_iter().find_map(|scheme| origin.strip_prefix(scheme));
    rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
}

/// Whether the value of an `origin` header is a page that a program of this machine serves: by HTTP, from `localhost`
/// or a loopback address. Under other schemes, such as `file` or that of a browser extension, the name `localhost` does
/// not mean this machine. At subdomains of `localhost`, canisters serve pages, which anybody may have written.
pub(super) fn is_local_origin(origin: &[u8]) -> bool {
    let Ok(origin) = Uri::try_from(origin) else { return false };
    if !matches!(origin.scheme_str(), Some("http" | "https")) {
        return false;
    }
    let host = normalized(origin.host().unwrap_or_default());
    address(&host).map_or(host == "localhost", |address| address.is_loopback())
}

/// Whether a host name is this domain or a subdomain of it.
fn is_in_domain(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// A host name in lower case and without a dot at its end. Both forms mean the same host.
fn normalized(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Middleware that refuses requests with another host name. A request without a `host` header is
/// accepted: no browser sends one.
pub(super) async fn refuse_other_hosts(
    State(names): State<Names>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match hosts.find(|host| !names.include(host.as_bytes())) {
        Some(host) => Err(ApiError::forbidden(format!(
            "this server does not accept the host name '{}': use localhost or the server's IP address, \
             or start it with this name (--domain)",
            String::from_utf8_lossy(host.as_bytes())
        ))),
        None => Ok(next.run(request).await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_configured_names_are_accepted_and_no_others() {
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
            "localhost:port",
            "localhost:65536",
            "localhost:+80",
            "localhost:80:80",
            "user@localhost",
            "user:password@127.0.0.1:80",
            "localhost/evil.example",
            "localhost,evil.example",
            "localhost#evil.example",
            "%6cocalhost",
            "[localhost]",
            "[127.0.0.1]",
            "::1",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
        ] {
            assert!(!names.include(host.as_bytes()), "{host}");
        }
        assert!(!Names::default().include(b"my.test"));
    }
}
