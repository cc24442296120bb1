//! Reading the state tree.

use super::answer::{AgentError, AgentResult, Cbor};
use super::envelope::Request;
use super::{Addressed, Asked, WholeBody};
use crate::certification::{Path, Scope};
use crate::instance::Instance;
use crate::server::instances::Slot;
use axum::extract::Extension;
use ic_certification::Label;
use ic_transport_types::{EnvelopeContent, ReadStateResponse};

pub(super) async fn canister(
    Extension(slot): Asked,
    Addressed(id): Addressed,
    WholeBody(body): WholeBody,
) -> AgentResult<Cbor<ReadStateResponse>> {
    read(&slot, Scope::Canister(id.into()), &body).await
}

pub(super) async fn subnet(
    Extension(slot): Asked,
    Addressed(id): Addressed,
    WholeBody(body): WholeBody,
) -> AgentResult<Cbor<ReadStateResponse>> {
    read(&slot, Scope::Subnet(id.into()), &body).await
}

async fn read(slot: &Slot, scope: Scope, body: &[u8]) -> AgentResult<Cbor<ReadStateResponse>> {
    let request = Request::receive(slot, body).await?;
    let EnvelopeContent::ReadState { paths, .. } = &request.content else {
        return Err(AgentError::bad_request("this route takes requests of type read_state"));
    };
    let labels = |path: &Vec<Label>| path.iter().map(|label| label.as_bytes().to_vec()).collect();
    let paths: Vec<Path> = paths.iter().map(labels).collect();
    let read = |instance: &mut Instance| instance.read_state(scope, &paths, &request.sender);
    let certificate = slot.execute(read).await??;
    Ok(Cbor(ReadStateResponse { certificate }))
}
