//! Requests that no agent would send.

use crate::network::CounterNetwork;
use candid::Principal;
use ic_agent::Identity;
use ic_transport_types::{Envelope, EnvelopeContent};
use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use test_support::http::{HttpReply, exchange};

/// Sends a request to an instance, with these lines in its head.
pub fn send(
    network: &CounterNetwork,
    method: &str,
    path: &str,
    lines: &str,
    body: &[u8],
) -> HttpReply {
    let port = network.pic.get_server_url().port().unwrap();
    let path = format!("/instances/{}/{path}", network.pic.instance_id());
    exchange(port, method, &path, &format!("host: localhost\r\n{lines}"), body)
}

/// Sends an envelope to a canister.
pub fn post(
    network: &CounterNetwork,
    version: &str,
    canister: Principal,
    what: &str,
    body: &[u8],
) -> HttpReply {
    let path = format!("api/{version}/canister/{canister}/{what}");
    send(network, "POST", &path, "content-type: application/cbor\r\n", body)
}

/// A moment from now, in nanoseconds since the Unix epoch.
pub fn soon(seconds: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let shifted = match seconds {
        0.. => now + Duration::from_secs(seconds as u64),
        _ => now - Duration::from_secs(seconds.unsigned_abs()),
    };
    shifted.as_nanos() as u64
}

/// A call of a counter.
pub fn call(sender: Principal, canister: Principal, expiry: u64) -> EnvelopeContent {
    EnvelopeContent::Call {
        nonce: Some(expiry.to_be_bytes().into()),
        ingress_expiry: expiry,
        sender,
        canister_id: canister,
        method_name: "count".into(),
        arg: test_support::nothing(),
        sender_info: None,
    }
}

/// The envelope with a user's signature.
pub fn signed(identity: &dyn Identity, content: &EnvelopeContent) -> Envelope<'static> {
    let signature = identity.sign(content).unwrap();
    Envelope {
        content: Cow::Owned(content.clone()),
        sender_pubkey: signature.public_key,
        sender_sig: signature.signature,
        sender_delegation: signature.delegations,
    }
}
