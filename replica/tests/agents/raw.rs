//! Requests as no agent would send them.

use crate::world::World;
use candid::Principal;
use ic_agent::Identity;
use ic_transport_types::{Envelope, EnvelopeContent};
use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An answer: the status and the body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Fails unless it is an error with this status and these words.
    #[track_caller]
    pub fn assert_error(&self, status: u16, words: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert!(self.text().contains(words), "'{words}' is not in: {}", self.text());
    }
}

/// Sends a request to an instance, with these lines in its head.
pub fn send(world: &World, method: &str, path: &str, lines: &str, body: &[u8]) -> Answer {
    let url = world.pic.get_server_url();
    let mut connection = TcpStream::connect(("127.0.0.1", url.port().unwrap())).unwrap();
    let id = world.pic.instance_id();
    let head = format!(
        "{method} /instances/{id}/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         {lines}content-length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    // A server that refuses a body need not read all of it.
    let _ = connection.write_all(body);
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("it has a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Answer { status, head, body: answer.split_off(end + 4) }
}

/// Sends an envelope to a canister.
pub fn post(world: &World, version: &str, canister: Principal, what: &str, body: &[u8]) -> Answer {
    let path = format!("api/{version}/canister/{canister}/{what}");
    send(world, "POST", &path, "content-type: application/cbor\r\n", body)
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
        arg: crate::world::nothing(),
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
