//! The HTTP client for outcalls.
//!
//! Rules: `https_outcalls/adapter` in the replica's repository. There are two differences: a
//! request has the header `accept: */*` if the canister names none, and each has the header [`OUTCALL_HEADER`].

use super::destinations::{LocalHosts, NotThisMachine, OutcallDestinations};
use super::text::{fatal, unreachable, with_causes};
use crate::error::Reject;
use crate::limits::{
    OPEN_OUTCALLS_MAX, OUTCALL_CONNECT_TIMEOUT_SECONDS, OUTCALL_REQUEST_TIMEOUT_SECONDS,
    OUTCALL_RESPONSE_BYTES_MAX, OUTCALL_TIMEOUT_SECONDS,
};
use crate::server::threads::run_long;
use crate::subnet::{NodeResponse, OutcallRequest};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use ic_management_canister_types::{HttpHeader, HttpMethod, HttpRequestResult};
use reqwest::{Client, ClientBuilder, Method, Request, Response, Url, redirect};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The user agent of requests for which the canister names none
/// (`https_outcalls/adapter/src/rpc_server.rs`, `USER_AGENT_ADAPTER`).
const USER_AGENT: &str = "ic/1.0";

/// The header of all requests that a server makes for canisters. A server refuses such requests on the routes that
/// control it: otherwise, whoever may install a canister could control the server.
pub(in crate::server) const OUTCALL_HEADER: &str = "embedded-replica-outcall";

/// Makes HTTP requests for canisters.
#[derive(Debug)]
pub(in crate::server) struct OutcallClient {
    destinations: OutcallDestinations,
    /// The HTTP client, created for the first request: it reads the certificates of this machine.
    http: OnceLock<Result<Client, String>>,
    /// A permit for each request that may be open.
    permits: Semaphore,
    /// Longest time for a request and its response.
    time_limit: Duration,
}

impl OutcallClient {
    pub(in crate::server) fn new(destinations: OutcallDestinations) -> Self {
        Self {
            destinations,
            http: OnceLock::new(),
            permits: Semaphore::new(OPEN_OUTCALLS_MAX),
            time_limit: Duration::from_secs(OUTCALL_REQUEST_TIMEOUT_SECONDS),
        }
    }

    /// Makes the HTTP request of an outcall. Returns the result and how long the request took.
    pub(in crate::server) async fn request(
        &self,
        outcall: &OutcallRequest,
    ) -> (NodeResponse, Duration) {
        // An outcall that waits for longer has timed out, so it needs no request.
        let patience = Duration::from_secs(OUTCALL_TIMEOUT_SECONDS);
        let permit = timeout(patience, self.permits.acquire()).await;
        let started = Instant::now();
        let result = match permit {
            Ok(_permit) => self.exchange_in_time(outcall).await,
            Err(_) => Err(fatal("the server makes too many HTTP requests at the same time")),
        };
        let response = result.map_or_else(NodeResponse::Reject, NodeResponse::Reply);
        (response, started.elapsed())
    }

    async fn exchange_in_time(
        &self,
        outcall: &OutcallRequest,
    ) -> Result<HttpRequestResult, Reject> {
        match timeout(self.time_limit, self.exchange(outcall)).await {
            Ok(result) => result,
            Err(_) => Err(fatal(format!(
                "Timeout expired: there was no complete response within {:?}",
                self.time_limit
            ))),
        }
    }

    async fn exchange(&self, outcall: &OutcallRequest) -> Result<HttpRequestResult, Reject> {
        let request = self.http_request(outcall)?;
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let create = || run_long(|| http_client(self.destinations));
        let client =
            self.http.get_or_init(create).as_ref().map_err(|error| fatal(error.clone()))?;
        let response = client.execute(request).await.map_err(|error| unreachable(&host, error))?;
        let limit = outcall.max_response_bytes.unwrap_or(OUTCALL_RESPONSE_BYTES_MAX);
        read(response, limit as usize).await
    }

    /// The HTTP request that a canister asks for.
    fn http_request(&self, outcall: &OutcallRequest) -> Result<Request, Reject> {
        let url = parse_url(&outcall.url)?;
        self.destinations.check(&url).map_err(|error: NotThisMachine| fatal(error.to_string()))?;
        let method = match outcall.method {
            HttpMethod::GET => Method::GET,
            HttpMethod::POST => Method::POST,
            HttpMethod::HEAD => Method::HEAD,
            HttpMethod::PUT => Method::PUT,
            HttpMethod::DELETE => Method::DELETE,
            HttpMethod::PATCH => Method::PATCH,
        };
        let mut request = Request::new(method, url);
        *request.headers_mut() = header_map(&outcall.headers)?;
        request.headers_mut().insert(OUTCALL_HEADER, HeaderValue::from_static("1"));
        *request.body_mut() = outcall.body.clone().map(Into::into);
        Ok(request)
    }
}

/// Creates the HTTP client. It trusts the certificate authorities that this machine trusts.
fn http_client(destinations: OutcallDestinations) -> Result<Client, String> {
    let builder = || -> ClientBuilder {
        let builder = Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(Duration::from_secs(OUTCALL_CONNECT_TIMEOUT_SECONDS))
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            // The body of a response is what the server sends, whatever its encoding.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            // A server may close a kept connection just when the next request is sent.
            .pool_max_idle_per_host(0);
        match destinations {
            OutcallDestinations::ThisMachine => builder.dns_resolver(LocalHosts),
            OutcallDestinations::All => builder,
        }
    };
    builder()
        .build()
        // A machine without certificate authorities can still make requests without TLS.
        .or_else(|_| builder().tls_certs_only([]).build())
        .map_err(|error| format!("the server has no HTTP client: {}", with_causes(&error)))
}

/// Parses a URL as a node does, which refuses some URLs that an HTTP client would correct.
fn parse_url(text: &str) -> Result<Url, Reject> {
    let invalid = |error: String| fatal(format!("Failed to parse URL: {error}"));
    text.parse::<Uri>().map_err(|error| invalid(error.to_string()))?;
    let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(invalid(format!("the scheme is '{scheme}', not http or https"))),
    }
}

fn header_map(headers: &[HttpHeader]) -> Result<HeaderMap, Reject> {
    let mut map = HeaderMap::new();
    for HttpHeader { name, value } in headers {
        let name = HeaderName::try_from(name)
            .map_err(|error| fatal(format!("Failed to parse header name: {error}")))?;
        let value = HeaderValue::try_from(value)
            .map_err(|error| fatal(format!("Failed to parse header value: {error}")))?;
        map.append(name, value);
    }
    Ok(map)
}

/// Reads a response. If it is larger than `limit` bytes, the rest is not read: the node rejects such a
/// response.
async fn read(mut response: Response, limit: usize) -> Result<HttpRequestResult, Reject> {
    let status = response.status().as_u16().into();
    let mut bytes = 0;
    let mut headers = Vec::new();
    for (name, value) in response.headers() {
        bytes += name.as_str().len() + value.len();
        let value = value.to_str().map_err(|_| {
            fatal(format!("Failed to parse headers: the value of '{name}' is not ASCII text"))
        })?;
        headers.push(HttpHeader { name: name.to_string(), value: value.to_owned() });
    }
    let mut body = Vec::new();
    while bytes + body.len() <= limit {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => {
                let error = with_causes(&error.without_url());
                return Err(fatal(format!("The response ended before its body: {error}")));
            }
        }
    }
    Ok(HttpRequestResult { status, headers, body })
}

#[cfg(test)]
mod tests;
