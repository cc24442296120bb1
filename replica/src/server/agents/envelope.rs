//! What an agent sends: a request, and who signed it.

use super::answer::{AgentError, AgentResult};
use super::authentication::check_sender;
use crate::certification::Reader;
use crate::instance::{CanisterCall, EffectivePrincipal, RequestKind};
use crate::keys::SubnetKey;
use crate::limits::{INGRESS_EXPIRY_DRIFT_NANOS, INGRESS_LIFETIME_SECONDS, NONCE_BYTES_MAX};
use crate::server::instances::Slot;
use crate::types::{CanisterId, MessageId, Time};
use candid::Principal;
use ic_certification::Label;
use ic_transport_types::{Envelope, EnvelopeContent, RequestId, SignedDelegation, to_request_id};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::borrow::Cow;

/// An envelope as it comes. The crate of agents has a type for it, but one that can only be read with
/// bytes in one piece, which CBOR does not promise.
#[derive(Deserialize)]
struct RawEnvelope {
    content: RawContent,
    sender_pubkey: Option<ByteBuf>,
    sender_sig: Option<ByteBuf>,
    sender_delegation: Option<Vec<SignedDelegation>>,
}

/// All that the content of a request may say.
#[derive(Deserialize)]
struct RawContent {
    request_type: String,
    ingress_expiry: u64,
    sender: Principal,
    nonce: Option<ByteBuf>,
    canister_id: Option<Principal>,
    method_name: Option<String>,
    arg: Option<ByteBuf>,
    sender_info: Option<IgnoredAny>,
    paths: Option<Vec<Vec<ByteBuf>>>,
}

/// A request whose sender has not been checked yet.
#[derive(Debug)]
struct Received {
    envelope: Envelope<'static>,
    id: RequestId,
}

/// A request that its sender has signed, and that comes in time.
#[derive(Debug)]
pub(super) struct Request {
    /// Its id: a hash of all it says.
    pub id: RequestId,
    pub expiry: Time,
    pub content: EnvelopeContent,
    /// Who sends it.
    pub sender: Reader,
}

impl RawContent {
    fn content(self) -> Result<EnvelopeContent, String> {
        if self.sender_info.is_some() {
            return Err("'sender_info' is not supported here: leave it out".into());
        }
        if self.nonce.as_ref().is_some_and(|nonce| nonce.len() > NONCE_BYTES_MAX) {
            return Err(format!("a nonce may have at most {NONCE_BYTES_MAX} bytes"));
        }
        let missing = |field| format!("a request of its type needs '{field}'");
        let Self { ingress_expiry, sender, .. } = self;
        if self.request_type == "read_state" {
            let paths = self.paths.ok_or_else(|| missing("paths"))?;
            let labels = |path: Vec<ByteBuf>| {
                path.into_iter().map(|label| Label::from(label.into_vec())).collect()
            };
            let paths = paths.into_iter().map(labels).collect();
            return Ok(EnvelopeContent::ReadState { ingress_expiry, sender, paths });
        }
        let nonce = self.nonce.map(ByteBuf::into_vec);
        let canister_id = self.canister_id.ok_or_else(|| missing("canister_id"))?;
        let method_name = self.method_name.ok_or_else(|| missing("method_name"))?;
        let arg = self.arg.ok_or_else(|| missing("arg"))?.into_vec();
        let sender_info = None;
        match self.request_type.as_str() {
            "call" => Ok(EnvelopeContent::Call {
                nonce,
                ingress_expiry,
                sender,
                canister_id,
                method_name,
                arg,
                sender_info,
            }),
            "query" => Ok(EnvelopeContent::Query {
                ingress_expiry,
                sender,
                canister_id,
                method_name,
                arg,
                nonce,
                sender_info,
            }),
            other => Err(format!("there are no requests of type '{}'", other.escape_debug())),
        }
    }
}

impl Received {
    /// What some bytes say, which must be one envelope in CBOR.
    fn decode(mut bytes: &[u8]) -> AgentResult<Self> {
        let raw: RawEnvelope = ciborium::from_reader(&mut bytes).map_err(|error| {
            AgentError::bad_request(format!("the request is no envelope in CBOR: {error}"))
        })?;
        if !bytes.is_empty() {
            let text = format!("the request's envelope is followed by {} bytes", bytes.len());
            return Err(AgentError::bad_request(text));
        }
        let nonce = raw.content.nonce.clone();
        let content = raw.content.content().map_err(AgentError::bad_request)?;
        let id = request_id(&content, nonce)?;
        let envelope = Envelope {
            content: Cow::Owned(content),
            sender_pubkey: raw.sender_pubkey.map(ByteBuf::into_vec),
            sender_sig: raw.sender_sig.map(ByteBuf::into_vec),
            sender_delegation: raw.sender_delegation,
        };
        Ok(Self { envelope, id })
    }

    /// The request, if it comes in time and its sender has signed it.
    fn check(self, now: Time, root_key: &SubnetKey) -> AgentResult<Request> {
        let Self { envelope, id } = self;
        let expiry = Time::from_nanos(envelope.content.ingress_expiry());
        // Nobody can send again what was read anonymously in another's name.
        let is_call = matches!(*envelope.content, EnvelopeContent::Call { .. });
        if is_call || *envelope.content.sender() != Principal::anonymous() {
            check_expiry(now, expiry)?;
        }
        let targets = check_sender(&envelope, &id, now, root_key)?;
        let content = envelope.content.into_owned();
        let sender = Reader { principal: *content.sender(), targets };
        Ok(Request { id, expiry, content, sender })
    }
}

impl Request {
    /// What some bytes say, if that comes in time and its sender has signed it. Only for the time has
    /// the instance to be free; checking signatures may take longer than executing a call.
    pub(super) async fn receive(slot: &Slot, bytes: &[u8]) -> AgentResult<Self> {
        let received = Received::decode(bytes)?;
        let now = slot.with(|instance| instance.time()).await?;
        tokio::task::block_in_place(|| received.check(now, slot.root_key()))
    }

    pub(super) fn message_id(&self) -> MessageId {
        MessageId(*self.id)
    }
}

/// The id of a request, whose nonce counts whatever its type is. The crate of agents has no place for
/// that of a request to read.
fn request_id(content: &EnvelopeContent, nonce: Option<ByteBuf>) -> AgentResult<RequestId> {
    #[derive(Serialize)]
    struct WithNonce<'a> {
        #[serde(flatten)]
        content: &'a EnvelopeContent,
        nonce: ByteBuf,
    }
    match (content, nonce) {
        (EnvelopeContent::ReadState { .. }, Some(nonce)) => {
            let hashed = to_request_id(&WithNonce { content, nonce });
            hashed.map_err(|error| AgentError::bad_request(error.to_string()))
        }
        _ => Ok(content.to_request_id()),
    }
}

/// Fails when a request comes too late, or so early that it could come again after it is forgotten.
fn check_expiry(now: Time, expiry: Time) -> AgentResult<()> {
    let latest = now.plus_secs(INGRESS_LIFETIME_SECONDS).plus_nanos(INGRESS_EXPIRY_DRIFT_NANOS);
    if (now..=latest).contains(&expiry) {
        return Ok(());
    }
    Err(AgentError::bad_request(format!(
        "the request's ingress_expiry is {expiry}, but it must be between {now} and {latest} by the \
         network's clock: send it again with a later one, or let the network's time be the real one \
         (`auto_progress`)"
    )))
}

/// A call or a query as the instance takes it. Fails if the request is of another kind, or if the sender
/// may not act for the canister.
pub(super) fn canister_call(request: &Request, kind: RequestKind) -> AgentResult<CanisterCall> {
    let (canister, method, argument) = match (kind, &request.content) {
        (RequestKind::Call, EnvelopeContent::Call { canister_id, method_name, arg, .. })
        | (RequestKind::Query, EnvelopeContent::Query { canister_id, method_name, arg, .. }) => {
            (CanisterId::from(*canister_id), method_name.clone(), arg.clone())
        }
        _ => return Err(AgentError::bad_request("this route does not take requests of that type")),
    };
    if request.sender.targets.as_ref().is_some_and(|targets| !targets.contains(&canister)) {
        let text = format!("the sender's delegation does not cover canister {canister}");
        return Err(AgentError::forbidden(text));
    }
    let (sender, effective) = (request.sender.principal, EffectivePrincipal::None);
    Ok(CanisterCall { sender, caller_info: None, canister, effective, method, argument })
}
