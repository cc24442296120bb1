//! HTTP outcalls: listing those that wait for a response, and giving each its response.

use super::extract::{Id, Shared};
use crate::cycles::http::Replication;
use crate::error::{Reject, RejectCode};
use crate::instance::Instance;
use crate::server::api::{ApiError, ApiResult, JsonBody};
use crate::server::convert::principal;
use crate::subnet::{NodeResponse, NodeResponses, OutcallRequest, Pricing};
use crate::types::SubnetId;
use axum::Json;
use axum::extract::State;
use ic_management_canister_types::{HttpHeader, HttpMethod, HttpRequestResult};
use pocket_ic::common::rest::*;
use std::time::Duration;

pub(super) async fn list(
    State(instances): Shared,
    Id(id): Id,
) -> ApiResult<Vec<RawCanisterHttpRequest>> {
    let outcalls = instances.with(id, |instance| {
        let outcalls = instance.outcalls();
        outcalls.map(|(subnet, number, outcall)| request(subnet, number, outcall)).collect()
    });
    Ok(Json(outcalls.await?))
}

pub(super) async fn respond(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawMockCanisterHttpResponse>,
) -> ApiResult<()> {
    let subnet = principal(&raw.subnet_id.subnet_id)?;
    let first = response(raw.response)?;
    let others = raw.additional_responses.into_iter().map(response);
    let others: Vec<NodeResponse> = others.collect::<Result<_, _>>()?;
    let responses = match others.is_empty() {
        true => NodeResponses::Same(first),
        false => NodeResponses::Each(std::iter::once(first).chain(others).collect()),
    };
    let respond = |instance: &mut Instance| {
        instance.respond_to_outcall(subnet, raw.request_id, responses, Duration::ZERO)
    };
    Ok(Json(instances.with(id, respond).await??))
}

pub(super) async fn respond_flexible(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawMockFlexibleCanisterHttpResponse>,
) -> ApiResult<()> {
    let subnet = principal(&raw.subnet_id.subnet_id)?;
    let responses = raw.responses.into_iter().map(response).collect::<Result<_, _>>()?;
    let respond = |instance: &mut Instance| {
        let responses = NodeResponses::Committee(responses);
        instance.respond_to_outcall(subnet, raw.request_id, responses, Duration::ZERO)
    };
    Ok(Json(instances.with(id, respond).await??))
}

fn request(subnet: SubnetId, request_id: u64, outcall: &OutcallRequest) -> RawCanisterHttpRequest {
    RawCanisterHttpRequest {
        subnet_id: subnet.principal().into(),
        request_id,
        http_method: match outcall.method {
            HttpMethod::GET => CanisterHttpMethod::GET,
            HttpMethod::POST => CanisterHttpMethod::POST,
            HttpMethod::HEAD => CanisterHttpMethod::HEAD,
            HttpMethod::PUT => CanisterHttpMethod::PUT,
            HttpMethod::DELETE => CanisterHttpMethod::DELETE,
            HttpMethod::PATCH => CanisterHttpMethod::PATCH,
        },
        url: outcall.url.clone(),
        headers: outcall
            .headers
            .iter()
            .map(|HttpHeader { name, value }| CanisterHttpHeader {
                name: name.clone(),
                value: value.clone(),
            })
            .collect(),
        body: outcall.body.clone().unwrap_or_default(),
        max_response_bytes: outcall.max_response_bytes,
        replication: match &outcall.replication {
            Replication::FullyReplicated => CanisterHttpReplication::FullyReplicated,
            Replication::NonReplicated => CanisterHttpReplication::NonReplicated,
            Replication::Flexible(counts) => CanisterHttpReplication::Flexible {
                total_requests: counts.total_requests,
                min_responses: counts.min_responses,
                max_responses: counts.max_responses,
            },
        },
        pricing_version: match outcall.pricing {
            Pricing::Legacy => CanisterHttpPricingVersion::Legacy,
            Pricing::PayAsYouGo => CanisterHttpPricingVersion::PayAsYouGo,
        },
    }
}

fn response(raw: CanisterHttpResponse) -> Result<NodeResponse, ApiError> {
    Ok(match raw {
        CanisterHttpResponse::CanisterHttpReply(reply) => NodeResponse::Reply(HttpRequestResult {
            status: reply.status.into(),
            headers: reply
                .headers
                .into_iter()
                .map(|CanisterHttpHeader { name, value }| HttpHeader { name, value })
                .collect(),
            body: reply.body,
        }),
        CanisterHttpResponse::CanisterHttpReject(CanisterHttpReject { reject_code, message }) => {
            let code = RejectCode::try_from(reject_code).map_err(|_| {
                ApiError::bad_request(format!("{reject_code} is not a reject code: use 1 to 6"))
            })?;
            NodeResponse::Reject(Reject { code, message, error_code: None })
        }
    })
}
