//! No user can act as another user, and no request is executed twice.

use crate::identities::{Named, anonymous, ed25519, prime256v1, secp256k1};
use crate::network::{CounterNetwork, number, run};
use crate::raw::{call, post, signed, soon};
use candid::{Encode, Principal};
use ic_agent::Identity;
use ic_transport_types::{Envelope, EnvelopeContent, RequestId, to_request_id};
use serde::Serialize;
use serde_bytes::ByteBuf;
use test_support::nothing;

fn count(network: &CounterNetwork) -> u64 {
    number(
        &network
            .pic
            .query_call(network.one, Principal::anonymous(), "read", test_support::nothing())
            .unwrap(),
    )
}

#[test]
fn a_request_signed_by_another_key_or_by_none_is_refused() {
    let network = CounterNetwork::live();
    let (user, other) = (ed25519(1).identity, secp256k1().identity);
    let content = call(user.sender().unwrap(), network.one, soon(60));
    let good = signed(&*user, &content);
    let mut flipped = good.clone();
    flipped.sender_sig.as_mut().unwrap()[10] ^= 1;
    let mut changed = good.clone();
    if let EnvelopeContent::Call { arg, .. } = changed.content.to_mut() {
        arg.push(0);
    }
    let unsigned = Envelope { sender_pubkey: None, sender_sig: None, ..good.clone() };
    let others_key = Envelope { sender_pubkey: other.public_key(), ..good.clone() };
    let others = signed(&*other, &content);
    let half = Envelope { sender_sig: None, ..good.clone() };
    for (envelope, status, words) in [
        (flipped, 403, "the request's signature"),
        (changed, 403, "the request's signature"),
        (unsigned, 403, "is not signed"),
        (others_key, 403, "is not the principal"),
        (others, 403, "is not the principal"),
        (half, 400, "or neither"),
    ] {
        let answer = post(&network, "v4", network.one, "call", &envelope.encode_bytes());
        answer.assert_error(status, words);
    }
    assert_eq!(count(&network), 0);
    assert_eq!(post(&network, "v4", network.one, "call", &good.encode_bytes()).status, 200);
    assert_eq!(count(&network), 1);
}

#[test]
fn a_signature_of_each_scheme_has_to_be_good() {
    let network = CounterNetwork::live();
    for Named { name, identity } in [ed25519(1), secp256k1(), prime256v1()] {
        let content = call(identity.sender().unwrap(), network.one, soon(60));
        let good = signed(&*identity, &content);
        let mut flipped = good.clone();
        flipped.sender_sig.as_mut().unwrap()[40] ^= 1;
        let mut cut = good.clone();
        cut.sender_sig.as_mut().unwrap().pop();
        let of_another = signed(&*identity, &call(*content.sender(), network.one, soon(61)));
        let replayed = Envelope { sender_sig: of_another.sender_sig, ..good.clone() };
        for bad in [flipped, cut, replayed] {
            let answer = post(&network, "v4", network.one, "call", &bad.encode_bytes());
            answer.assert_error(403, "the request's signature");
        }
        let answer = post(&network, "v4", network.one, "call", &good.encode_bytes());
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
    assert_eq!(count(&network), 3);
}

/// A query or a request to read the time, and the route for it.
fn reads(
    sender: Principal,
    canister: Principal,
    expiry: u64,
) -> [(EnvelopeContent, &'static str); 2] {
    let query = EnvelopeContent::Query {
        ingress_expiry: expiry,
        sender,
        canister_id: canister,
        method_name: "read".into(),
        arg: nothing(),
        nonce: None,
        sender_info: None,
    };
    let paths = vec![vec!["time".into()]];
    let read = EnvelopeContent::ReadState { ingress_expiry: expiry, sender, paths };
    [(query, "query"), (read, "read_state")]
}

#[test]
fn what_is_read_in_ones_own_name_expires_and_what_is_read_anonymously_does_not() {
    let network = CounterNetwork::live();
    for (Named { identity, .. }, expires) in [(ed25519(1), true), (anonymous(), false)] {
        for (content, route) in reads(identity.sender().unwrap(), network.one, soon(-10)) {
            let body = signed(&*identity, &content).encode_bytes();
            let answer = post(&network, "v3", network.one, route, &body);
            match expires {
                true => answer.assert_error(
                    400,
                    "Invalid request expiry: Specified ingress_expiry not within expected range: ",
                ),
                false => assert_eq!(answer.status, 200, "{route}: {}", answer.text()),
            }
        }
    }
}

#[test]
fn agents_of_an_instance_whose_time_stands_still_learn_how_it_follows_the_real_time() {
    let network = CounterNetwork::still();
    let content = call(ed25519(1).identity.sender().unwrap(), network.one, soon(60));
    let body = signed(&*ed25519(1).identity, &content).encode_bytes();
    post(&network, "v2", network.one, "call", &body).assert_error(400, "`auto_progress`");
}

/// A request to read the time that has a nonce, for which the crate of agents has no type.
#[derive(Clone, Serialize)]
struct ReadWithNonce {
    request_type: &'static str,
    ingress_expiry: u64,
    sender: Principal,
    paths: Vec<Vec<ByteBuf>>,
    nonce: ByteBuf,
}

#[derive(Serialize)]
struct SignedRead {
    content: ReadWithNonce,
    sender_pubkey: ByteBuf,
    sender_sig: ByteBuf,
}

#[test]
fn the_nonce_of_a_request_to_read_is_signed_like_those_of_others() {
    let network = CounterNetwork::live();
    let user = ed25519(1).identity;
    let content = ReadWithNonce {
        request_type: "read_state",
        ingress_expiry: soon(60),
        sender: user.sender().unwrap(),
        paths: vec![vec![ByteBuf::from("time")]],
        nonce: ByteBuf::from([7; 32]),
    };
    let id: RequestId = to_request_id(&content).unwrap();
    let signature = user.sign_arbitrary(&id.signable()).unwrap().signature.unwrap();
    let with_nonce = |nonce: Vec<u8>| {
        let content = ReadWithNonce { nonce: ByteBuf::from(nonce), ..content.clone() };
        let sender_pubkey = ByteBuf::from(user.public_key().unwrap());
        let sender_sig = ByteBuf::from(signature.clone());
        let mut body = Vec::new();
        ciborium::into_writer(&SignedRead { content, sender_pubkey, sender_sig }, &mut body)
            .unwrap();
        post(&network, "v3", network.one, "read_state", &body)
    };
    let answer = with_nonce(vec![7; 32]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    with_nonce(vec![8; 32]).assert_error(403, "the request's signature");
    with_nonce(vec![7; 33]).assert_error(400, "at most 32 bytes");
}

#[test]
fn an_anonymous_request_must_not_be_signed() {
    let network = CounterNetwork::live();
    let user = ed25519(1).identity;
    let content = call(Principal::anonymous(), network.one, soon(60));
    let body = signed(&*user, &content).encode_bytes();
    post(&network, "v4", network.one, "call", &body).assert_error(400, "anonymous");
}

#[test]
fn a_request_that_comes_too_late_or_too_early_is_refused() {
    let network = CounterNetwork::live();
    let user = ed25519(1).identity;
    let (later, earlier) = ("with a later expiry", "with an earlier expiry");
    for (seconds, refusal) in
        [(-10, Some(later)), (60, None), (325, None), (345, Some(earlier)), (1_000, Some(earlier))]
    {
        let content = call(user.sender().unwrap(), network.one, soon(seconds));
        let answer =
            post(&network, "v2", network.one, "call", &signed(&*user, &content).encode_bytes());
        match refusal {
            None => assert_eq!(answer.status, 202, "{seconds}: {}", answer.text()),
            Some(remedy) => {
                answer.assert_error(400, remedy);
                // Older agents in JavaScript look for these words at the beginning of the text.
                assert!(answer.text().starts_with("Invalid request expiry: "), "{}", answer.text());
                answer.assert_error(400, "set the clock of the machine");
            }
        }
    }
}

#[test]
fn a_request_sent_again_gets_the_same_answer_and_is_executed_once() {
    let network = CounterNetwork::live();
    let user = ed25519(1).identity;
    let content = call(user.sender().unwrap(), network.one, soon(60));
    let body = signed(&*user, &content).encode_bytes();
    for _ in 0..3 {
        assert_eq!(post(&network, "v2", network.one, "call", &body).status, 202);
        let answer = post(&network, "v4", network.one, "call", &body);
        assert_eq!(answer.status, 200);
        // The status of the request holds the reply: the number one.
        let reply = Encode!(&1u64).unwrap();
        assert!(answer.body.windows(reply.len()).any(|window| window == reply));
    }
    assert_eq!(count(&network), 1);
}

#[test]
fn only_the_sender_of_a_request_can_read_its_status() {
    let network = CounterNetwork::live();
    let [user, other] = [1, 2].map(ed25519);
    let content = call(user.identity.sender().unwrap(), network.one, soon(60));
    let body = signed(&*user.identity, &content).encode_bytes();
    assert_eq!(post(&network, "v4", network.one, "call", &body).status, 200);
    let id = content.to_request_id();
    run(async {
        let status = async |named: Named| {
            let agent = network.agent(named).await;
            agent
                .request_status_raw(&id, network.one)
                .await
                .map(|(status, _)| format!("{status:?}"))
        };
        assert!(status(user).await.unwrap().contains("Replied"));
        for named in [other, anonymous()] {
            let error = format!("{:?}", status(named).await.unwrap_err());
            assert!(error.contains("not signed by the caller"), "{error}");
        }
    });
}

#[test]
fn older_versions_of_the_interface_do_the_same() {
    let network = CounterNetwork::live();
    let user = ed25519(1).identity;
    let sender = user.sender().unwrap();
    let content = call(sender, network.other, soon(60));
    let body = signed(&*user, &content).encode_bytes();
    assert_eq!(post(&network, "v3", network.other, "call", &body).status, 200);
    for version in ["v2", "v3"] {
        for (content, route) in reads(sender, network.other, soon(60)) {
            let body = signed(&*user, &content).encode_bytes();
            let answer = post(&network, version, network.other, route, &body);
            assert_eq!(answer.status, 200, "{version} {route}: {}", answer.text());
        }
    }
}
