//! What canisters ask nodes to request, and what they pay for it.

use super::Outcall;
use crate::cycles::http::Makers;
use crate::error::{ErrorCode, UserError};
use crate::limits::*;
use crate::subnet::Subnet;
use crate::subnet::management::PendingCall;
use crate::subnet::management::dispatch::Reply;
use crate::trace::{Event, Fee};
use crate::types::{CanisterId, Cycles};
use ic_management_canister_types::{
    FlexibleHttpRequestArgs, HttpHeader, HttpMethod, HttpRequestArgs, ReplicationCounts,
    TransformContext,
};

/// The number of the newer way of pricing (interface specification, `http_request`).
const PAY_AS_YOU_GO: u32 = 2;

/// A request that nodes are to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcallRequest {
    /// Where to.
    pub url: String,
    /// The method.
    pub method: HttpMethod,
    /// The headers.
    pub headers: Vec<HttpHeader>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
    /// Bytes the response may have, if the canister said so.
    pub max_response_bytes: Option<u64>,
    /// What the canister makes of responses before nodes compare them.
    pub transform: Option<Transform>,
    /// Which nodes make it.
    pub makers: Makers,
    /// What it is charged for.
    pub pricing: Pricing,
}

/// How a canister transforms responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transform {
    /// Its query that does it.
    pub method: String,
    /// What the query gets beside the response.
    pub context: Vec<u8>,
}

/// What an outcall is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pricing {
    /// The largest response there could be.
    Legacy,
    /// What it uses.
    PayAsYouGo,
}

impl OutcallRequest {
    /// Bytes of what can be of any length.
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
    ) -> Result<Reply, UserError> {
        let arguments: HttpRequestArgs = pending.call.decode()?;
        let makers = match arguments.is_replicated {
            Some(false) => Makers::One,
            Some(true) | None => Makers::All,
        };
        if changes_server(arguments.method) && makers != Makers::One {
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
            makers,
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
    ) -> Result<Reply, UserError> {
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
            makers: Makers::Some(counts),
            pricing: Pricing::PayAsYouGo,
        };
        self.make_outcall(pending, request)
    }

    /// Begins an outcall that makes sense and is paid for.
    fn make_outcall(
        &mut self,
        pending: &mut PendingCall,
        request: OutcallRequest,
    ) -> Result<Reply, UserError> {
        check(&request)?;
        if self.outcalls.open.len() >= OUTCALLS_MAX {
            return Err(refused(format!(
                "max number ({OUTCALLS_MAX}) of http requests in-flight reached."
            )));
        }
        let (price, allowance) = self.charge_for(pending, &request)?;
        pending.cycles -= price;
        let caller = CanisterId::from(pending.call.caller);
        self.trace.record(|| Event::Charged { canister: caller, fee: Fee::Outcall, cycles: price });
        if let Some(canister) = self.canisters.get_mut(&caller) {
            canister.consumption.pay(Fee::Outcall, price);
        }
        let outcall = Outcall {
            request,
            caller,
            origin: pending.origin.clone(),
            refund: pending.cycles,
            since: self.time,
            allowance,
            reports: None,
        };
        self.outcalls.open.insert(self.outcalls.next, outcall);
        self.outcalls.next += 1;
        Ok(Reply::Later)
    }

    /// What of the attached cycles is taken, and what of that each node may spend.
    fn charge_for(
        &self,
        pending: &PendingCall,
        request: &OutcallRequest,
    ) -> Result<(Cycles, Option<Cycles>), UserError> {
        let (prices, attached) = (self.prices, pending.cycles);
        let response_bytes = request.max_response_bytes.unwrap_or(OUTCALL_RESPONSE_BYTES_MAX);
        let needed = match request.pricing {
            Pricing::Legacy => prices.http_request(request.bytes(), response_bytes),
            Pricing::PayAsYouGo => prices.outcall_base(request.bytes(), &request.makers),
        };
        let Some(rest) = attached.checked_sub(needed) else {
            return Err(refused(format!(
                "{} request sent with {attached} cycles, but {needed} cycles are required.",
                pending.call.rules.name
            )));
        };
        if request.pricing == Pricing::Legacy || self.config.free {
            return Ok((needed, None));
        }
        let makers = Cycles::from(request.makers.count(self.config.nodes));
        let most = prices.outcall_allowance_max(&request.makers, request.max_response_bytes);
        let allowance = (rest / makers).min(most);
        Ok((needed + allowance * makers, Some(allowance)))
    }
}

fn refused(text: impl Into<String>) -> UserError {
    UserError::new(ErrorCode::CanisterRejectedMessage, text)
}

/// Whether a request of this method may not be made more than once.
fn changes_server(method: HttpMethod) -> bool {
    matches!(method, HttpMethod::PUT | HttpMethod::DELETE | HttpMethod::PATCH)
}

/// The caller's own query that transforms responses.
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

/// Fails when a request or a response has too much of something.
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

/// Bytes of the names and values of headers.
pub(super) fn headers_bytes(headers: &[HttpHeader]) -> usize {
    headers.iter().map(|header| header.name.len() + header.value.len()).sum()
}
