//! The size of an ingress message: the size of its envelope in CBOR, as a node encodes the envelope
//! (`types/types/src/messages/http.rs`, `HttpRequestEnvelope`, in the replica's repository).
//!
//! A node decodes the envelope that an agent sends, and encodes it again. So the size does not depend on
//! the encoder of the agent.

use crate::instance::CanisterCall;
use crate::types::Time;
use ciborium::tag;
use ic_transport_types::{DelegationPermissions, SignedDelegation};
use serde::Serialize;
use serde_bytes::Bytes;
use std::io;

/// The parts of an envelope besides the call and its expiry.
#[derive(Clone, Debug, Default)]
pub struct Authentication {
    /// Bytes that make the message differ from equal calls.
    pub nonce: Option<Vec<u8>>,
    /// The public key of the sender.
    pub public_key: Option<Vec<u8>>,
    /// The signature of the message.
    pub signature: Option<Vec<u8>>,
    /// The delegations from the key of the sender to the key that signed the message.
    pub delegations: Option<Vec<SignedDelegation>>,
}

impl Authentication {
    /// The envelope of a message from a client of PocketIC: a number of eight bytes as the nonce, and no
    /// signature (`state_machine_tests/src/lib.rs`, `ingress_message`).
    pub(super) fn unsigned(number: u64) -> Self {
        Self { nonce: Some(number.to_le_bytes().into()), ..Self::default() }
    }
}

/// An envelope. The order of the fields does not change the size.
#[derive(Serialize)]
struct Envelope<'a> {
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_pubkey: Option<&'a Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_sig: Option<&'a Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_delegation: Option<Vec<Delegation<'a>>>,
}

/// The content. A node encodes it as a map without a stated number of entries, because one of its
/// structs is flattened into the other.
#[derive(Serialize)]
struct Content<'a> {
    request_type: &'static str,
    #[serde(flatten)]
    call: Call<'a>,
}

#[derive(Serialize)]
struct Call<'a> {
    canister_id: &'a Bytes,
    method_name: &'a str,
    arg: &'a Bytes,
    sender: &'a Bytes,
    ingress_expiry: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_info: Option<SenderInfo<'a>>,
}

/// Information about the sender. PocketIC's clients do not sign it.
#[derive(Serialize)]
struct SenderInfo<'a> {
    info: &'a Bytes,
    signer: &'a Bytes,
    sig: &'a Bytes,
}

#[derive(Serialize)]
struct Delegation<'a> {
    delegation: DelegationContent<'a>,
    signature: &'a Bytes,
}

/// A delegation without targets has the entry `targets`, too, with the value `null`.
#[derive(Serialize)]
struct DelegationContent<'a> {
    pubkey: &'a Bytes,
    expiration: u64,
    targets: Option<Vec<&'a Bytes>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<&'a DelegationPermissions>,
}

impl<'a> From<&'a SignedDelegation> for Delegation<'a> {
    fn from(SignedDelegation { delegation, signature }: &'a SignedDelegation) -> Self {
        let targets = delegation.targets.as_ref();
        let delegation = DelegationContent {
            pubkey: Bytes::new(&delegation.pubkey),
            expiration: delegation.expiration,
            targets: targets.map(|all| all.iter().map(|id| Bytes::new(id.as_slice())).collect()),
            permissions: delegation.permissions.as_ref(),
        };
        Self { delegation, signature: Bytes::new(signature) }
    }
}

/// Counts the bytes that are written to it.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The CBOR tag by which the bytes describe themselves as CBOR (RFC 8949, section 3.4.6).
const SELF_DESCRIBED: u64 = 55_799;

/// The size in bytes of the envelope of a call.
pub(super) fn envelope_bytes(call: &CanisterCall, expiry: Time, signed: &Authentication) -> usize {
    let sender_info = call.caller_info.as_deref().map(|info| SenderInfo {
        info: Bytes::new(&info.data),
        signer: Bytes::new(info.signer.as_slice()),
        sig: Bytes::new(&[]),
    });
    let content = Content {
        request_type: "call",
        call: Call {
            canister_id: Bytes::new(call.canister.as_slice()),
            method_name: &call.method,
            arg: Bytes::new(&call.argument),
            sender: Bytes::new(call.sender.as_slice()),
            ingress_expiry: expiry.as_nanos(),
            nonce: signed.nonce.as_deref().map(Bytes::new),
            sender_info,
        },
    };
    let delegations = signed.delegations.as_ref();
    let envelope = Envelope {
        content,
        sender_pubkey: signed.public_key.as_deref().map(Bytes::new),
        sender_sig: signed.signature.as_deref().map(Bytes::new),
        sender_delegation: delegations.map(|all| all.iter().map(Delegation::from).collect()),
    };
    let mut counter = Counter(0);
    ciborium::into_writer(&tag::Required::<_, SELF_DESCRIBED>(envelope), &mut counter)
        .expect("strings, byte strings and numbers can be encoded, and counting does not fail");
    counter.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::EffectivePrincipal;
    use crate::topology::canister_id;
    use candid::Principal;
    use ic_transport_types::{Envelope, EnvelopeContent};
    use std::borrow::Cow;

    const EXPIRY: Time = Time::GENESIS;

    fn call(method: usize, argument: usize, sender: usize) -> CanisterCall {
        CanisterCall {
            sender: Principal::from_slice(&vec![7; sender]),
            caller_info: None,
            canister: canister_id(1),
            effective_principal: EffectivePrincipal::None,
            method: "m".repeat(method),
            argument: vec![0; argument],
        }
    }

    #[test]
    fn an_envelope_has_110_bytes_besides_the_call_and_the_bytes_of_its_lengths() {
        let bytes = |method, argument, sender| {
            let call = call(method, argument, sender);
            envelope_bytes(&call, EXPIRY, &Authentication::unsigned(1))
                - (method + argument + sender + call.canister.as_slice().len())
        };
        assert_eq!(bytes(0, 0, 1), 110);
        assert_eq!(bytes(23, 23, 10), 110);
        for (length, extra) in [(24, 1), (255, 1), (256, 2), (0xffff, 2), (0x1_0000, 4)] {
            assert_eq!(bytes(0, length, 1), 110 + extra, "argument of {length} bytes");
            assert_eq!(bytes(length, 0, 1), 110 + extra, "method of {length} bytes");
        }
        assert_eq!(bytes(1, 1, 29), 111);
    }

    /// The size of the same call as the agent in Rust encodes it.
    fn bytes_of_agent(call: &CanisterCall, signed: &Authentication) -> usize {
        let content = EnvelopeContent::Call {
            nonce: signed.nonce.clone(),
            ingress_expiry: EXPIRY.as_nanos(),
            sender: call.sender,
            canister_id: call.canister.into(),
            method_name: call.method.clone(),
            arg: call.argument.clone(),
            sender_info: None,
        };
        let envelope = Envelope {
            content: Cow::Owned(content),
            sender_pubkey: signed.public_key.clone(),
            sender_sig: signed.signature.clone(),
            sender_delegation: signed.delegations.clone(),
        };
        envelope.encode_bytes().len()
    }

    #[test]
    fn signatures_and_delegations_count_as_a_node_encodes_them() {
        let delegation = |targets: Option<Vec<Principal>>| SignedDelegation {
            delegation: ic_transport_types::Delegation {
                pubkey: vec![1; 44],
                expiration: EXPIRY.as_nanos(),
                targets,
                permissions: None,
            },
            signature: vec![2; 64],
        };
        let signed = |delegations| Authentication {
            nonce: Some(vec![3; 16]),
            public_key: Some(vec![4; 91]),
            signature: Some(vec![5; 64]),
            delegations,
        };
        let call = call(5, 300, 29);
        // A node writes the end of the content's map, which the agent does not write.
        let more = |authentication: Authentication| {
            envelope_bytes(&call, EXPIRY, &authentication) - bytes_of_agent(&call, &authentication)
        };
        assert_eq!(more(Authentication::default()), 1);
        assert_eq!(more(signed(None)), 1);
        let targets = vec![Principal::management_canister(), Principal::anonymous()];
        assert_eq!(more(signed(Some(vec![delegation(Some(targets))]))), 1);
        // A node also writes that a delegation has no targets: a name of seven bytes, and `null`.
        assert_eq!(more(signed(Some(vec![delegation(None), delegation(None)]))), 1 + 2 * (8 + 1));
    }
}
