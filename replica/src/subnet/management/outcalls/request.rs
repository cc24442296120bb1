//! The HTTP requests of canisters, and their prices.

use super::Outcall;
use crate::cycles::http::Replication;
use crate::error::{ErrorCode, UserError};
use crate::limits::*;
use crate::subnet::Subnet;
use crate::subnet::management::PendingCall;
use crate::subnet::management::dispatch::Completion;
use crate::trace::{Event, Fee};
use crate::types::{CanisterId, Cycles};
use ic_management_canister_types::{
    FlexibleHttpRequestArgs, HttpHeader, HttpMethod, HttpRequestArgs, ReplicationCounts,
    TransformContext,
};
use serde::{Deserialize, Serialize};

/// The version number of pay-as-you-go pricing (interface specification, `http_request`).
const PAY_AS_YOU_GO: u32 = 2;

/// An HTTP request that nodes are to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcallRequest {
    /// The URL.
    pub url: String,
    /// The HTTP method.
    pub method: HttpMethod,
    /// The headers.
    pub headers: Vec<HttpHeader>,
    /// The body, if there is one.
    #[serde(with = "serde_bytes")]
    pub body: Option<Vec<u8>>,
    /// The maximum size of the response in bytes, if the canister set one.
    pub max_response_bytes: Option<u64>,
    /// The function with which the canister transforms responses before nodes compare them.
    pub transform: Option<Transform>,
    /// The nodes that make the request.
    pub replication: Replication,
    /// The pricing of the request.
    pub pricing: Pricing,
}

/// The transform function of an outcall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transform {
    /// The query method that transforms responses.
    pub method: String,
    /// Data that the query gets in addition to the response.
    #[serde(with = "serde_bytes")]
    pub context: Vec<u8>,
}

/// The pricing of an outcall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pricing {
    /// Legacy pricing: the canister pays in advance for the largest possible response.
    Legacy,
    /// Pay as you go: the canister pays for the resources that the outcall uses.
    PayAsYouGo,
}

impl OutcallRequest {
    /// The size in bytes of all parts of variable length.
    fn bytes(&self) -> u64 {
        let transform = self.transform.iter();
        let transform = transform.map(|transform| transform.method.len() + transform.context.len());
        let body = self.body.as_ref().map_or(0, Vec::len);
        let bytes = self.url.len() + headers_bytes(&self.headers) + body + transform.sum::<usize>();
        bytes as u64
    }
}

impl Subnet {
    pub(in crate::subnet::management) fn http_request(
        &mut self,
        pending: &mut PendingCall,
    ) -> Result<Completion, UserError> {
        let arguments: HttpRequestArgs = pending.call.decode()?;
        let replication = match arguments.is_replicated {
            Some(false) => Replication::NonReplicated,
            Some(true) | None => Replication::FullyReplicated,
        };
        if changes_server(arguments.method) && replication != Replication::NonReplicated {
            return Err(refused(
                "The requested HTTP method is only allowed for non-replicated requests.",
            ));
        }
        let request = OutcallRequest {
            url: arguments.url,
            method: arguments.method,
            headers: arguments.headers,
            body: arguments.body,
            max_response_bytes: arguments.max_response_bytes,
            transform: transform(arguments.transform, pending.call.caller.into())?,
            replication,
            pricing: match arguments.pricing_version {
                Some(PAY_AS_YOU_GO) => Pricing::PayAsYouGo,
                _ => Pricing::Legacy,
            },
        };
        self.make_outcall(pending, request)
    }

    pub(in crate::subnet::management) fn flexible_http_request(
        &mut self,
        pending: &mut PendingCall,
    ) -> Result<Completion, UserError> {
        let arguments: FlexibleHttpRequestArgs = pending.call.decode()?;
        let counts = arguments.replication.unwrap_or(self.prices.all_nodes());
        check_counts(&counts, self.config.nodes)?;
        let is_certain = counts.min_responses == counts.max_responses
            && counts.max_responses == counts.total_requests;
        if changes_server(arguments.method) && !is_certain {
            return Err(refused(
                "The requested HTTP method is only allowed when min_responses, max_responses and \
                 total_requests are equal.",
            ));
        }
        let request = OutcallRequest {
            url: arguments.url,
            method: arguments.method,
            headers: arguments.headers,
            body: arguments.body,
            max_response_bytes: arguments.max_response_bytes,
            transform: transform(arguments.transform, pending.call.caller.into())?,
            replication: Replication::Flexible(counts),
            pricing: Pricing::PayAsYouGo,
        };
        self.make_outcall(pending, request)
    }

    /// Checks an outcall, charges for it and starts it.
    fn make_outcall(
        &mut self,
        pending: &mut PendingCall,
        request: OutcallRequest,
    ) -> Result<Completion, UserError> {
        check(&request)?;
        if self.outcalls.open.len() >= OUTCALLS_MAX {
            return Err(refused(format!(
                "max number ({OUTCALLS_MAX}) of http requests in-flight reached."
            )));
        }
        let (price, allowance) = self.charge_for(pending, &request)?;
        pending.received.cycles -= price;
        let caller = CanisterId::from(pending.call.caller);
        self.trace.record(|| Event::Charged { canister: caller, fee: Fee::Outcall, cycles: price });
        if let Some(canister) = self.canisters.get_mut(&caller) {
            canister.consumption.pay(Fee::Outcall, price);
        }
        let outcall = Outcall {
            request,
            caller,
            received: pending.received.clone(),
            since: self.time,
            allowance,
            reports: None,
        };
        self.outcalls.open.insert(self.outcalls.next, outcall);
        self.outcalls.next += 1;
        Ok(Completion::Deferred)
    }

    /// The price, which is taken from the attached cycles, and the part of it that each node may spend.
    fn charge_for(
        &self,
        pending: &PendingCall,
        request: &OutcallRequest,
    ) -> Result<(Cycles, Option<Cycles>), UserError> {
        let (prices, attached) = (self.prices, pending.received.cycles);
        let response_bytes = request.max_response_bytes.unwrap_or(OUTCALL_RESPONSE_BYTES_MAX);
        let needed = match request.pricing {
            Pricing::Legacy => prices.http_request(request.bytes(), response_bytes),
            Pricing::PayAsYouGo => prices.outcall_base(request.bytes(), &request.replication),
        };
        let Some(rest) = attached.checked_sub(needed) else {
            return Err(refused(format!(
                "{} request sent with {attached} cycles, but {needed} cycles are required.",
                pending.call.rules().name
            )));
        };
        if request.pricing == Pricing::Legacy || self.config.free {
            return Ok((needed, None));
        }
        let nodes = Cycles::from(request.replication.node_count(self.config.nodes));
        let most = prices.outcall_allowance_max(&request.replication, request.max_response_bytes);
        let allowance = (rest / nodes).min(most);
        Ok((needed + allowance * nodes, Some(allowance)))
    }
}

fn refused(text: impl Into<String>) -> UserError {
    UserError::new(ErrorCode::CanisterRejectedMessage, text)
}

/// Whether a request with this method must not be made more than once.
fn changes_server(method: HttpMethod) -> bool {
    matches!(method, HttpMethod::PUT | HttpMethod::DELETE | HttpMethod::PATCH)
}

/// The query that transforms responses. It must be one of the caller.
fn transform(
    transform: Option<TransformContext>,
    caller: CanisterId,
) -> Result<Option<Transform>, UserError> {
    let Some(TransformContext { function, context }) = transform else { return Ok(None) };
    let named = function.0.principal;
    if named != caller {
        return Err(refused(format!(
            "transform principal id expected to be {caller}, got {named}"
        )));
    }
    Ok(Some(Transform { method: function.0.method, context }))
}

fn check_counts(counts: &ReplicationCounts, nodes: u64) -> Result<(), UserError> {
    let ReplicationCounts { min_responses: min, max_responses: max, total_requests: total } =
        counts;
    let broken = if *total < 1 {
        format!("total_requests ({total}) must be at least 1")
    } else if u64::from(*total) > nodes {
        format!("total_requests ({total}) must not exceed the number of available nodes ({nodes})")
    } else if min > max {
        format!("min_responses ({min}) must not exceed max_responses ({max})")
    } else if max > total {
        format!("max_responses ({max}) must not exceed total_requests ({total})")
    } else {
        return Ok(());
    };
    Err(refused(broken))
}

fn check(request: &OutcallRequest) -> Result<(), UserError> {
    let url_bytes = request.url.len();
    if url_bytes > OUTCALL_URL_BYTES_MAX {
        return Err(refused(format!("url size {url_bytes} exceeds {OUTCALL_URL_BYTES_MAX}")));
    }
    let body_bytes = request.body.as_ref().map_or(0, Vec::len);
    check_parts(&request.headers, body_bytes).map_err(refused)?;
    match request.max_response_bytes {
        Some(bytes) if bytes > OUTCALL_RESPONSE_BYTES_MAX => Err(refused(format!(
            "max_response_bytes expected to be in the range [0..{OUTCALL_RESPONSE_BYTES_MAX}], got \
             {bytes}"
        ))),
        _ => Ok(()),
    }
}

/// Whether the headers and the body of a request or response are within their limits.
pub(super) fn check_parts(headers: &[HttpHeader], body_bytes: usize) -> Result<(), String> {
    let longest = |part: fn(&HttpHeader) -> &str| {
        headers.iter().map(|header| part(header).len()).max().unwrap_or(0)
    };
    let total = headers_bytes(headers);
    let rules = [
        ("number of all http headers", headers.len(), OUTCALL_HEADERS_MAX),
        (
            "number of bytes to represent some http header name",
            longest(|header| &header.name),
            OUTCALL_HEADER_BYTES_MAX,
        ),
        (
            "number of bytes to represent some http header value",
            longest(|header| &header.value),
            OUTCALL_HEADER_BYTES_MAX,
        ),
        (
            "total number of bytes to represent all http header names and values",
            total,
            OUTCALL_HEADERS_BYTES_MAX,
        ),
        (
            "total number of bytes to represent all http header names and values and http body",
            total + body_bytes,
            OUTCALL_REQUEST_BYTES_MAX,
        ),
    ];
    match rules.iter().find(|(_, number, most)| number > most) {
        Some((what, number, most)) => Err(format!("{what} {number} exceeds {most}")),
        None => Ok(()),
    }
}

/// The size in bytes of the names and values of headers.
pub(super) fn headers_bytes(headers: &[HttpHeader]) -> usize {
    headers.iter().map(|header| header.name.len() + header.value.len()).sum()
}
