//! Queries. A node signs the response (interface specification, "Request: Query call").

use super::envelope::{Request, canister_call};
use super::extract::{EnvelopeBody, Hosted, PathPrincipal};
use super::response::{AgentResult, Cbor, reject};
use crate::certification::Scope;
use crate::instance::{Instance, QueryResult, RequestKind};
use crate::server::hosted::HostedInstance;
use axum::extract::Extension;
use ic_transport_types::{NodeSignature, QueryResponse, ReplyResponse, RequestId};

pub(super) async fn query(
    Extension(hosted): Hosted,
    PathPrincipal(id): PathPrincipal,
    EnvelopeBody(body): EnvelopeBody,
) -> AgentResult<Cbor<QueryResponse>> {
    execute(&hosted, Scope::Canister(id.into()), &body).await
}

/// A query that is sent to a subnet.
pub(super) async fn query_subnet(
    Extension(hosted): Hosted,
    PathPrincipal(id): PathPrincipal,
    EnvelopeBody(body): EnvelopeBody,
) -> AgentResult<Cbor<QueryResponse>> {
    execute(&hosted, Scope::Subnet(id.into()), &body).await
}

async fn execute(
    hosted: &HostedInstance,
    sent_to: Scope,
    body: &[u8],
) -> AgentResult<Cbor<QueryResponse>> {
    let request = Request::receive(hosted, sent_to, body).await?;
    let query = |instance: &mut Instance| {
        let call = canister_call(&request, RequestKind::Query)?;
        Ok(Cbor(signed(instance.query_node(sent_to, call)?, request.id)))
    };
    hosted.execute(query).await?
}

/// The response to a query, signed by the node.
fn signed(result: QueryResult, request: RequestId) -> QueryResponse {
    let QueryResult { result, time, node } = result;
    let signatures = Vec::new();
    let mut response = match result {
        Ok(arg) => QueryResponse::Replied { reply: ReplyResponse { arg }, signatures },
        Err(failure) => QueryResponse::Rejected { reject: reject(failure.into()), signatures },
    };
    let timestamp = time.as_nanos();
    let signature = node.sign(&response.signable(request, timestamp)).into();
    let (QueryResponse::Replied { signatures, .. } | QueryResponse::Rejected { signatures, .. }) =
        &mut response;
    signatures.push(NodeSignature { timestamp, signature, identity: node.node_id });
    response
}
