//! Envelopes: requests of agents, with the signature of the sender.

use super::authentication::check_sender;
use super::response::{AgentError, AgentResult};
use crate::certification::{Reader, Scope};
use crate::ic00::is_provisional_creation;
use crate::instance::{Authentication, CanisterCall, EffectivePrincipal, Instance, RequestKind};
use crate::keys::SubnetKey;
use crate::limits::{INGRESS_EXPIRY_DRIFT_NANOS, INGRESS_LIFETIME_SECONDS_MAX, NONCE_BYTES_MAX};
use crate::server::hosted::HostedInstance;
use crate::server::keywords::INVALID_REQUEST_EXPIRY;
use crate::server::threads::run_long;
use crate::types::{CanisterId, MessageId, Time};
use candid::Principal;
use ic_certification::Label;
use ic_transport_types::{Envelope, EnvelopeContent, RequestId, SignedDelegation, to_request_id};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::borrow::Cow;

/// An envelope as it is decoded. `ic-transport-types` has a type for it, too, but that type cannot be
/// decoded from byte strings of indefinite length, which CBOR allows.
#[derive(Deserialize)]
struct RawEnvelope {
    content: RawContent,
    sender_pubkey: Option<ByteBuf>,
    sender_sig: Option<ByteBuf>,
    sender_delegation: Option<Vec<SignedDelegation>>,
}

/// All fields that the content of any request may have.
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

/// A request whose sender has not been verified yet.
#[derive(Debug)]
struct Received {
    envelope: Envelope<'static>,
    id: RequestId,
}

/// A request whose signature and expiry have been verified.
#[derive(Debug)]
pub(super) struct Request {
    /// The request id: a hash of the content.
    pub id: RequestId,
    pub expiry: Time,
    pub content: EnvelopeContent,
    /// The parts of the envelope besides the content.
    pub authentication: Authentication,
    /// The sender.
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
    /// Decodes bytes that must be one envelope in CBOR and nothing else.
    fn decode(mut bytes: &[u8]) -> AgentResult<Self> {
        let raw: RawEnvelope = ciborium::from_reader(&mut bytes).map_err(|error| {
            AgentError::bad_request(format!("the request is not an envelope in CBOR: {error}"))
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

    /// Whether the request creates a canister as only development networks allow.
    fn creates_canister(&self) -> bool {
        match &*self.envelope.content {
            EnvelopeContent::Call { canister_id, method_name, .. } => {
                is_provisional_creation((*canister_id).into(), method_name)
            }
            _ => false,
        }
    }

    /// Verifies the expiry and the signature.
    fn check(self, clock: Clock, root_key: &SubnetKey) -> AgentResult<Request> {
        let Self { envelope, id } = self;
        let expiry = Time::from_nanos(envelope.content.ingress_expiry());
        // Replaying an anonymous read impersonates nobody, so its expiry does not matter.
        let is_call = matches!(*envelope.content, EnvelopeContent::Call { .. });
        if is_call || *envelope.content.sender() != Principal::anonymous() {
            clock.check_expiry(expiry)?;
        }
        let targets = check_sender(&envelope, &id, clock.now, root_key)?;
        let content = envelope.content.into_owned();
        let nonce = match &content {
            EnvelopeContent::Call { nonce, .. } | EnvelopeContent::Query { nonce, .. } => {
                nonce.clone()
            }
            EnvelopeContent::ReadState { .. } => None,
        };
        let authentication = Authentication {
            nonce,
            public_key: envelope.sender_pubkey,
            signature: envelope.sender_sig,
            delegations: envelope.sender_delegation,
        };
        let sender = Reader { principal: *content.sender(), targets };
        Ok(Request { id, expiry, content, authentication, sender })
    }
}

impl Request {
    /// Decodes a request that was sent to a canister or a subnet, and verifies its expiry and its
    /// signature. It uses the instance only to look up the subnet and to read the time: verifying
    /// signatures may take longer than executing a call.
    ///
    /// # Errors
    ///
    /// Fails if the network has no subnet for the request, if the bytes are not an envelope, if the
    /// request has expired or expires too late, or if its sender has not signed it.
    pub(super) async fn receive(
        hosted: &HostedInstance,
        sent_to: Scope,
        bytes: &[u8],
    ) -> AgentResult<Self> {
        let received = Received::decode(bytes);
        // The subnet for a canister to be created is looked up later: it may have to be added.
        let creates = received.as_ref().is_ok_and(Received::creates_canister);
        let look_up = |instance: &mut Instance| match creates {
            true => Ok(instance.time()),
            false => instance.check_sent_to(sent_to).map(|()| instance.time()),
        };
        let now = hosted.with(look_up).await??;
        let received = received?;
        let clock = Clock { now, is_real: hosted.is_auto_progressing() };
        run_long(|| received.check(clock, hosted.root_key()))
    }

    pub(super) fn message_id(&self) -> MessageId {
        MessageId(*self.id)
    }
}

/// The id of a request. A nonce is part of it in requests of all types; `EnvelopeContent` has no field
/// for the nonce of a `read_state` request.
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

/// The clock that the expiry of a request is compared with.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// The network's time.
    now: Time,
    /// Whether the network's time follows the real time.
    is_real: bool,
}

impl Clock {
    /// Fails if a request has expired, or if it expires so late that it could be replayed after the subnet
    /// has forgotten it.
    fn check_expiry(self, expiry: Time) -> AgentResult<()> {
        let Self { now, is_real } = self;
        let lifetime = now.plus_secs(INGRESS_LIFETIME_SECONDS_MAX);
        let latest = lifetime.plus_nanos(INGRESS_EXPIRY_DRIFT_NANOS);
        let direction = match expiry {
            _ if expiry < now => "a later",
            _ if expiry > latest => "an earlier",
            _ => return Ok(()),
        };
        let remedy = match is_real {
            true => "or set the clock of the machine that sends it",
            false => "or have the instance follow the real time (`auto_progress`)",
        };
        Err(AgentError::bad_request(format!(
            "{INVALID_REQUEST_EXPIRY}the request's ingress_expiry is {expiry}, but it must be between \
             {now} and {latest} by the network's clock: send it again with {direction} expiry, {remedy}"
        )))
    }
}

/// Converts a request into a call or a query of the instance.
///
/// # Errors
///
/// Fails if the request is of another kind, or if the sender's delegations do not cover the canister.
pub(super) fn canister_call(request: &Request, kind: RequestKind) -> AgentResult<CanisterCall> {
    let (canister, method, argument) = match (kind, &request.content) {
        (RequestKind::Call, EnvelopeContent::Call { canister_id, method_name, arg, .. })
        | (RequestKind::Query, EnvelopeContent::Query { canister_id, method_name, arg, .. }) => {
            (CanisterId::from(*canister_id), method_name.clone(), arg.clone())
        }
        _ => {
            return Err(AgentError::bad_request(
                "this route does not accept requests of that type",
            ));
        }
    };
    if request.sender.targets.as_ref().is_some_and(|targets| !targets.contains(&canister)) {
        let text = format!("the sender's delegation does not cover canister {canister}");
        return Err(AgentError::forbidden(text));
    }
    let (sender, effective_principal) = (request.sender.principal, EffectivePrincipal::None);
    Ok(CanisterCall { sender, caller_info: None, canister, effective_principal, method, argument })
}
