//! Links that lead elsewhere: those to Candid UI, and those that name a canister in the query string.

use super::address::{Address, parameter};
use super::error::PageError;
use crate::server::hosted::HostedInstance;
use crate::server::names::HostName;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use candid::Principal;
use std::sync::{Arc, Weak};

/// The id of Candid UI on the mainnet, to which `icp` links for networks that it did not start
/// (`icp-canister-interfaces/src/candid_ui.rs`, `MAINNET_CANDID_UI_CID`).
const MAINNET_CANDID_UI: &str = "a4gq6-oaaaa-aaaab-qaa4q-cai";

/// A method that only Candid UI has. Tools install it with an id that the network chooses
/// (`tools/ui/src/didjs/src/lib.rs` of the repository `candid`).
const CANDID_UI_EXPORT: &str = "canister_query did_to_js";

/// The parameter with which Candid UI opens a canister.
const OPENED: &str = "id";

/// What is known about an instance and its server, to tell where a link leads.
#[derive(Debug)]
pub(super) struct Links {
    instance: Weak<HostedInstance>,
    /// Whether the root path of the server's own names is the page of the network.
    has_network_page: bool,
}

impl Links {
    pub(super) fn new(instance: &Arc<HostedInstance>, has_network_page: bool) -> Self {
        Self { instance: Arc::downgrade(instance), has_network_page }
    }

    /// Where the response sends the browser. `None` if the canister's page is served here.
    pub(super) async fn redirect(
        &self,
        address: &Address,
        request: &Parts,
    ) -> Result<Option<Response>, PageError> {
        let Parts { uri, method, headers, .. } = request;
        let opened = parameter(uri, OPENED).and_then(Result::ok);
        if let Some(opened) = opened
            && self.has_network_page
            && uri.path() == "/"
            && matches!(*method, Method::GET | Method::HEAD)
            && self.is_candid_ui(address.canister).await?
        {
            return Ok(Some(to(network_page(&address.server, opened))));
        }
        // Of all browsers' requests, only this one changes the address.
        let is_navigation = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
        let server = address.server.for_subdomains();
        Ok(match server {
            Some(server) if address.shares_origin && is_navigation => {
                Some(to(format!("http://{}.{server}{}", address.canister, path_and_query(uri))))
            }
            _ => None,
        })
    }

    /// The page of the network, opened at the canister of this address. `None` if there is no such page.
    pub(super) fn network_page(&self, address: &Address) -> Option<String> {
        self.has_network_page.then(|| network_page(&address.server, address.canister))
    }

    /// Whether a canister is Candid UI, or would be on the mainnet.
    async fn is_candid_ui(&self, canister: Principal) -> Result<bool, PageError> {
        let instance = self.instance.upgrade().ok_or_else(PageError::gone)?;
        let exports = instance
            .read(|instance| {
                let found = instance.canister(canister.into());
                found.map(|canister| canister.exports(CANDID_UI_EXPORT))
            })
            .await?;
        Ok(exports.unwrap_or_else(|| canister.to_text() == MAINNET_CANDID_UI))
    }
}

/// The address of the page of the network, opened at a canister.
fn network_page(server: &HostName, canister: Principal) -> String {
    let server = server.for_subdomains().unwrap_or_else(|| server.clone());
    format!("http://{server}/?{OPENED}={canister}")
}

/// Sends a client elsewhere, with the same method and body.
fn to(location: String) -> Response {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
}

fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}

impl HostName {
    /// The name of the same server below which canisters have names of their own. `None` if there is none, because the
    /// server is on another machine and has no name.
    pub(super) fn for_subdomains(&self) -> Option<Self> {
        match self.address() {
            None => Some(self.clone()),
            Some(address) if address.is_loopback() => {
                Some(Self { name: "localhost".into(), port: self.port })
            }
            Some(_) => None,
        }
    }
}
