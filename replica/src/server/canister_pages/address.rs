//! Which canister a request is for.

use super::custom_domains::CustomDomains;
use super::error::PageError;
use crate::server::names::{HostName, Names};
use axum::http::request::Parts;
use axum::http::{Uri, header};
use candid::Principal;

/// The first label of a host name after the canister id that asks for no verification.
const RAW: &str = "raw";

/// The parameter of the query string that names a canister.
const PARAMETER: &str = "canisterId";

/// The canister that a request is for, and how the request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) canister: Principal,
    /// Whether the response is not verified.
    pub(super) is_raw: bool,
    /// Whether the canister's page has the origin of the server itself, and of the pages of other canisters.
    pub(super) shares_origin: bool,
    /// The server's own host name, without the canister.
    pub(super) server: HostName,
}

impl Address {
    /// The address of a request. `None` if it names no canister.
    ///
    /// # Errors
    ///
    /// Fails if the request names a canister that cannot be found out.
    pub(super) async fn of(
        request: &Parts,
        names: &Names,
        domains: &CustomDomains,
    ) -> Result<Option<Self>, PageError> {
        let host = request.headers.get(header::HOST);
        let Some((prefix, server)) = host.and_then(|host| names.split(host.as_bytes())) else {
            return Ok(None);
        };
        let address = |canister, is_raw, shares_origin| {
            Some(Self { canister, is_raw, shares_origin, server: server.clone() })
        };
        if prefix.is_empty() {
            let Some(id) = parameter(&request.uri, PARAMETER) else { return Ok(None) };
            let id = id.map_err(|text| PageError::not_an_id(&text))?;
            return Ok(address(id, false, true));
        }
        let (id, is_raw) = match prefix.split_once('.') {
            Some((id, RAW)) => (id, true),
            _ => (prefix.as_str(), false),
        };
        if let Ok(id) = Principal::from_text(id) {
            return Ok(address(id, is_raw, false));
        }
        match domains.find(&format!("{prefix}.{}", server.name)).await {
            Some(id) => Ok(address(id, false, false)),
            None => Err(PageError::unknown_name(&prefix)),
        }
    }
}

/// The value of a parameter of the query string, as a principal. The inner error is the text that is none.
pub(super) fn parameter(uri: &Uri, name: &str) -> Option<Result<Principal, String>> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(found, _)| *found == name)?;
    Some(Principal::from_text(value).map_err(|_| value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    const ID: &str = "rwlgt-iiaaa-aaaaa-aaaaa-cai";

    /// The address of a request for a path at a host: the canister's id, whether it is raw, whether it shares the
    /// server's origin, and the server's name.
    async fn address(
        host: &str,
        path: &str,
    ) -> Result<Option<(String, bool, bool, String)>, PageError> {
        let request = Request::builder().uri(path).header("host", host).body(());
        let names = Names::with(&["my.test".into()]);
        let address = Address::of(
            &request.expect("the request is valid").into_parts().0,
            &names,
            &CustomDomains::default(),
        )
        .await?;
        Ok(address.map(|Address { canister, is_raw, shares_origin, server }| {
            (canister.to_text(), is_raw, shares_origin, server.to_string())
        }))
    }

    #[tokio::test]
    async fn the_host_name_or_a_parameter_says_which_canister_a_request_is_for() {
        let found = |is_raw, shares_origin, server: &str| {
            Ok(Some((ID.to_owned(), is_raw, shares_origin, server.to_owned())))
        };
        for (host, path, expected) in [
            (format!("{ID}.localhost:4943"), "/a?b=c", found(false, false, "localhost:4943")),
            (format!("{ID}.LOCALHOST"), "/", found(false, false, "localhost")),
            (format!("{ID}.raw.localhost:1"), "/", found(true, false, "localhost:1")),
            (format!("{ID}.my.test:1"), "/", found(false, false, "my.test:1")),
            ("localhost:4943".into(), "/", Ok(None)),
            ("127.0.0.1:4943".into(), "/page/state", Ok(None)),
        ] {
            assert_eq!(address(&host, path).await, expected, "{host}{path}");
        }
        let path = format!("/a?b=c&canisterId={ID}");
        for host in ["localhost:4943", "127.0.0.1:4943", "[::1]:4943", "my.test:4943"] {
            assert_eq!(address(host, &path).await, found(false, true, host), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_that_is_no_canister_is_an_error_and_not_the_servers_own_page() {
        for (host, path) in [
            ("shop.localhost", "/"),
            ("raw.localhost", "/"),
            ("rwlgt-iiaaa-aaaaa-aaaaa-caj.localhost", "/"),
            ("localhost", "/?canisterId=shop"),
        ] {
            address(host, path).await.expect_err(host);
        }
    }
}
