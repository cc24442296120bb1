//! The pages that canisters serve themselves, at `CANISTER_ID.localhost` and at `?canisterId=CANISTER_ID`
//! (interface specification, "The HTTP Gateway protocol").
//!
//! `ic-http-gateway` turns a request into a query of the canister, checks the certificate of the response, follows
//! streams, and upgrades queries to update calls. Its agent makes no connection: requests go to the instance in this
//! process, through the routes that other agents use.

mod address;
mod custom_domains;
mod error;
mod links;
mod response;
mod transport;

use crate::limits::{CANISTER_PAGE_TIMEOUT, INGRESS_BYTES_MAX, OPEN_CANISTER_PAGES_MAX};
use crate::server::body::{self, BodyError};
use crate::server::hosted::HostedInstance;
use crate::server::load::RequestBytes;
use crate::server::names::Names;
use address::Address;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::request::Parts;
use axum::http::{self, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
pub(super) use custom_domains::CustomDomains;
use error::PageError;
use ic_agent_of_gateway::Agent;
use ic_http_gateway::{HttpGatewayClient, HttpGatewayRequestArgs};
use links::Links;
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};
use transport::InProcess;

/// Paths that are the server's at every host name: the interface for agents, and what gateways reserve for themselves.
const OWN_PATHS: [&str; 2] = ["/api/", "/_/"];

/// What serves the pages of the canisters of one instance. It does not keep the instance from being deleted.
#[derive(Clone, Debug)]
pub(super) struct CanisterPages(Arc<Inner>);

struct Inner {
    client: HttpGatewayClient,
    names: Names,
    domains: CustomDomains,
    links: Links,
    open: Semaphore,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("links", &self.links).finish_non_exhaustive()
    }
}

impl CanisterPages {
    /// The pages of the canisters of `instance`, on a server with these names. Links to Candid UI lead to the page of
    /// the network if `has_network_page`.
    pub(super) fn new(
        instance: &Arc<HostedInstance>,
        names: Names,
        domains: CustomDomains,
        has_network_page: bool,
    ) -> Self {
        let agent = Agent::builder()
            .with_url(transport::URL)
            .with_arc_http_middleware(Arc::new(InProcess::new(instance)))
            // The node that would sign is in this process.
            .with_verify_query_signatures(false)
            .with_max_concurrent_requests(OPEN_CANISTER_PAGES_MAX)
            .with_max_polling_time(CANISTER_PAGE_TIMEOUT)
            .build()
            .expect("the URL of the transport is valid");
        agent.set_root_key(instance.root_key().public_key_der().to_vec());
        let client = HttpGatewayClient::builder()
            .with_agent(agent)
            .build()
            .expect("a client with an agent needs nothing else");
        Self(Arc::new(Inner {
            client,
            names,
            domains,
            links: Links::new(instance, has_network_page),
            open: Semaphore::new(OPEN_CANISTER_PAGES_MAX),
        }))
    }
}

/// Middleware that serves the pages of canisters. Requests for the server's [own paths](OWN_PATHS), and requests that
/// name no canister, go on.
pub(super) async fn serve(
    State(pages): State<CanisterPages>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if path == "/api" || OWN_PATHS.iter().any(|own| path.starts_with(own)) {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    match Address::of(&head, &pages.0.names, &pages.0.domains).await {
        Ok(None) => next.run(Request::from_parts(head, body)).await,
        Ok(Some(address)) => {
            let page = pages.page(address, head, body).await;
            page.unwrap_or_else(IntoResponse::into_response)
        }
        Err(error) => error.into_response(),
    }
}

impl CanisterPages {
    async fn page(&self, address: Address, head: Parts, body: Body) -> Result<Response, PageError> {
        let inner = &*self.0;
        if let Some(redirect) = inner.links.redirect(&address, &head).await? {
            return Ok(redirect);
        }
        if address.shares_origin && is_part_of_own_page(&head.headers) {
            return Err(PageError::own_origin(address.canister));
        }
        let deadline = Instant::now() + CANISTER_PAGE_TIMEOUT;
        let method = head.method.clone();
        let (request, held) = read(head, body).await?;
        let open = self.begin(deadline).await?;
        let arguments =
            HttpGatewayRequestArgs { canister_request: request, canister_id: address.canister };
        let mut builder = inner.client.request(arguments);
        builder.unsafe_set_skip_verification(address.is_raw);
        let response = timeout_at(deadline, builder.send()).await.map_err(|_| PageError::slow())?;
        drop(open);
        let response = response::convert(response, &address, &method, held)
            .map_err(|error| error.with_link(inner.links.network_page(&address)))?;
        Ok(if address.shares_origin { response::sandboxed(response) } else { response })
    }

    /// Waits until the server may begin another request to a canister.
    async fn begin(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, PageError> {
        let begun = timeout_at(deadline, self.0.open.acquire()).await;
        begun.map_err(|_| PageError::busy()).map(|open| open.expect("nobody closes the semaphore"))
    }
}

/// Whether a page at the server's own address loads the response: as a script, as data or in another way, but not as a
/// page. The page of the network never does this, and its policy for scripts allows the address. A page of a canister
/// at this address has an origin of its own.
fn is_part_of_own_page(headers: &HeaderMap) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|found| found == value);
    is("sec-fetch-site", "same-origin") && !is("sec-fetch-mode", "navigate")
}

/// Reads the body of a request, at most as large as an ingress message may be. The second value counts the bytes that
/// the server holds for the request.
async fn read(head: Parts, body: Body) -> Result<(http::Request<Bytes>, RequestBytes), PageError> {
    let mut request = http::Request::new(());
    request.method_mut().clone_from(&head.method);
    request.uri_mut().clone_from(&head.uri);
    request.headers_mut().clone_from(&head.headers);
    let held = head.extensions.get().cloned();
    let held = held.unwrap_or_else(|| RequestBytes::new(Arc::default()));
    let mut unread = Request::from_parts(head, body);
    DefaultBodyLimit::max(INGRESS_BYTES_MAX).apply(&mut unread);
    let body = body::read(unread).await;
    let body =
        body.map_err(|BodyError { status, message }| PageError::unreadable(status, &message))?;
    Ok((request.map(|()| body), held))
}
