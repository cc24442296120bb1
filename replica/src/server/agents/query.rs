//! Queries, whose answers a node signs.

use super::answer::{AgentResult, Cbor, reject};
use super::envelope::{Request, canister_call};
use super::{Addressed, Asked, WholeBody};
use crate::certification::Scope;
use crate::instance::{Instance, NodeAnswer, RequestKind};
use crate::server::instances::Slot;
use axum::extract::Extension;
use ic_transport_types::{NodeSignature, QueryResponse, ReplyResponse, RequestId};

pub(super) async fn query(
    Extension(slot): Asked,
    Addressed(id): Addressed,
    WholeBody(body): WholeBody,
) -> AgentResult<Cbor<QueryResponse>> {
    ask(&slot, Scope::Canister(id.into()), &body).await
}

/// A query that is sent to a subnet.
pub(super) async fn query_subnet(
    Extension(slot): Asked,
    Addressed(id): Addressed,
    WholeBody(body): WholeBody,
) -> AgentResult<Cbor<QueryResponse>> {
    ask(&slot, Scope::Subnet(id.into()), &body).await
}

async fn ask(slot: &Slot, sent_to: Scope, body: &[u8]) -> AgentResult<Cbor<QueryResponse>> {
    let request = Request::receive(slot, body).await?;
    let ask = |instance: &mut Instance| {
        let call = canister_call(&request, RequestKind::Query)?;
        Ok(Cbor(signed(instance.query_node(sent_to, call)?, request.id)))
    };
    slot.execute(ask).await?
}

fn signed(answer: NodeAnswer, request: RequestId) -> QueryResponse {
    let NodeAnswer { result, time, node } = answer;
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
