//! Reading the state tree (interface specification, "Request: Read state").

use super::envelope::Request;
use super::extract::{EnvelopeBody, Hosted, PathPrincipal};
use super::response::{AgentError, AgentResult, Cbor};
use crate::certification::{Path, Scope};
use crate::instance::Instance;
use crate::server::hosted::HostedInstance;
use axum::extract::Extension;
use ic_certification::Label;
use ic_transport_types::{EnvelopeContent, ReadStateResponse};

pub(super) async fn canister(
    Extension(hosted): Hosted,
    PathPrincipal(id): PathPrincipal,
    EnvelopeBody(body): EnvelopeBody,
) -> AgentResult<Cbor<ReadStateResponse>> {
    read(&hosted, Scope::Canister(id.into()), &body).await
}

pub(super) async fn subnet(
    Extension(hosted): Hosted,
    PathPrincipal(id): PathPrincipal,
    EnvelopeBody(body): EnvelopeBody,
) -> AgentResult<Cbor<ReadStateResponse>> {
    read(&hosted, Scope::Subnet(id.into()), &body).await
}

async fn read(
    hosted: &HostedInstance,
    scope: Scope,
    body: &[u8],
) -> AgentResult<Cbor<ReadStateResponse>> {
    let request = Request::receive(hosted, scope, body).await?;
    let EnvelopeContent::ReadState { paths, .. } = &request.content else {
        return Err(AgentError::bad_request("this route takes requests of type read_state"));
    };
    let labels = |path: &Vec<Label>| path.iter().map(|label| label.as_bytes().to_vec()).collect();
    let paths: Vec<Path> = paths.iter().map(labels).collect();
    let read = |instance: &mut Instance| instance.read_state(scope, &paths, &request.sender);
    let certificate = hosted.execute(read).await??;
    Ok(Cbor(ReadStateResponse { certificate }))
}
