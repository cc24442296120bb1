//! Nobody acts as somebody else, and nothing happens twice.

use crate::calls::{query, update};
use crate::identities::{Named, anonymous, delegated, ed25519, secp256k1};
use crate::raw::{call, post, signed, soon};
use crate::world::{World, number, run};
use candid::{Encode, Principal};
use ic_agent::identity::{BasicIdentity, Delegation};
use ic_agent::{AgentError, Identity};
use ic_transport_types::{DelegationPermissions, Envelope, EnvelopeContent, SignedDelegation};
use std::borrow::Cow;

fn count(world: &World) -> u64 {
    number(
        &world
            .pic
            .query_call(world.one, Principal::anonymous(), "read", crate::world::nothing())
            .unwrap(),
    )
}

#[test]
fn a_request_signed_by_another_key_or_by_none_is_refused() {
    let world = World::live();
    let (user, other) = (ed25519(1).identity, secp256k1().identity);
    let content = call(user.sender().unwrap(), world.one, soon(60));
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
        let answer = post(&world, "v4", world.one, "call", &envelope.encode_bytes());
        answer.assert_error(status, words);
    }
    assert_eq!(count(&world), 0);
    assert_eq!(post(&world, "v4", world.one, "call", &good.encode_bytes()).status, 200);
    assert_eq!(count(&world), 1);
}

#[test]
fn an_anonymous_request_must_not_be_signed() {
    let world = World::live();
    let user = ed25519(1).identity;
    let content = call(Principal::anonymous(), world.one, soon(60));
    let body = signed(&*user, &content).encode_bytes();
    post(&world, "v4", world.one, "call", &body).assert_error(400, "anonymous");
}

#[test]
fn a_request_that_comes_too_late_or_too_early_is_refused() {
    let world = World::live();
    let user = ed25519(1).identity;
    for (seconds, accepted) in [(-10, false), (60, true), (325, true), (345, false)] {
        let content = call(user.sender().unwrap(), world.one, soon(seconds));
        let answer =
            post(&world, "v2", world.one, "call", &signed(&*user, &content).encode_bytes());
        match accepted {
            true => assert_eq!(answer.status, 202, "{seconds}: {}", answer.text()),
            false => answer.assert_error(400, "ingress_expiry"),
        }
    }
}

#[test]
fn a_request_sent_again_gets_the_same_answer_and_is_executed_once() {
    let world = World::live();
    let user = ed25519(1).identity;
    let content = call(user.sender().unwrap(), world.one, soon(60));
    let body = signed(&*user, &content).encode_bytes();
    for _ in 0..3 {
        assert_eq!(post(&world, "v2", world.one, "call", &body).status, 202);
        let answer = post(&world, "v4", world.one, "call", &body);
        assert_eq!(answer.status, 200);
        // The status of the request holds the reply: the number one.
        let reply = Encode!(&1u64).unwrap();
        assert!(answer.body.windows(reply.len()).any(|window| window == reply));
    }
    assert_eq!(count(&world), 1);
}

#[test]
fn delegations_hold_for_their_targets_their_time_and_what_they_permit() {
    let world = World::live();
    let to_one = |delegation: &mut Delegation| delegation.targets = Some(vec![world.one]);
    let expired = |delegation: &mut Delegation| delegation.expiration = soon(-10);
    let queries = |delegation: &mut Delegation| {
        delegation.permissions = Some(DelegationPermissions::Queries);
    };
    run(async {
        let agent = world.agent(delegated(to_one)).await;
        update(&agent, world.one, "count").await.unwrap();
        refused(update(&agent, world.other, "count").await, "does not cover");
        refused(query(&agent, world.other, "read").await, "does not cover");
        let agent = world.agent(delegated(expired)).await;
        refused(update(&agent, world.one, "count").await, "has expired");
        let agent = world.agent(delegated(queries)).await;
        query(&agent, world.one, "read").await.unwrap();
        refused(update(&agent, world.one, "count").await, "queries only");
    });
}

#[track_caller]
fn refused(result: Result<Vec<u8>, AgentError>, words: &str) {
    let text = format!("{:?}", result.unwrap_err());
    assert!(text.contains(words), "'{words}' is not in: {text}");
}

#[test]
fn a_chain_of_twenty_delegations_is_followed_and_none_longer_or_broken() {
    let world = World::live();
    let key = |number: u8| BasicIdentity::from_raw_key(&[number; 32]);
    let chain = |length: u8| -> Vec<SignedDelegation> {
        let link = |number: u8| {
            let delegation = Delegation {
                pubkey: key(number + 1).public_key().unwrap(),
                expiration: soon(60),
                targets: None,
                permissions: None,
            };
            let signature = key(number).sign_delegation(&delegation).unwrap().signature.unwrap();
            SignedDelegation { delegation, signature }
        };
        (1..=length).map(link).collect()
    };
    let envelope = |delegations: Vec<SignedDelegation>, signer: u8, expiry: u64| {
        let content = call(key(1).sender().unwrap(), world.one, expiry);
        let sender_sig = key(signer).sign(&content).unwrap().signature;
        Envelope {
            content: Cow::Owned(content),
            sender_pubkey: key(1).public_key(),
            sender_sig,
            sender_delegation: Some(delegations),
        }
        .encode_bytes()
    };
    let send = |body: Vec<u8>| post(&world, "v4", world.one, "call", &body);
    assert_eq!(send(envelope(chain(20), 21, soon(60))).status, 200);
    send(envelope(chain(21), 22, soon(61))).assert_error(400, "at most 20 delegations");
    let mut broken = chain(3);
    broken.remove(1);
    send(envelope(broken, 4, soon(62))).assert_error(403, "a delegation's signature");
    send(envelope(chain(3), 3, soon(63))).assert_error(403, "the request's signature");
}

#[test]
fn only_who_sent_a_request_can_read_what_became_of_it() {
    let world = World::live();
    let [user, other] = [1, 2].map(ed25519);
    let content = call(user.identity.sender().unwrap(), world.one, soon(60));
    let body = signed(&*user.identity, &content).encode_bytes();
    assert_eq!(post(&world, "v4", world.one, "call", &body).status, 200);
    let id = content.to_request_id();
    run(async {
        let status = async |named: Named| {
            let agent = world.agent(named).await;
            agent.request_status_raw(&id, world.one).await.map(|(status, _)| format!("{status:?}"))
        };
        assert!(status(user).await.unwrap().contains("Replied"));
        for named in [other, anonymous()] {
            let error = format!("{:?}", status(named).await.unwrap_err());
            assert!(error.contains("only who sent"), "{error}");
        }
    });
}

#[test]
fn a_delegation_to_one_canister_does_not_show_what_became_of_requests_to_another() {
    let world = World::live();
    let to_other = |delegation: &mut Delegation| delegation.targets = Some(vec![world.other]);
    let all = delegated(|_| ()).identity;
    let content = call(all.sender().unwrap(), world.one, soon(60));
    let body = signed(&*all, &content).encode_bytes();
    assert_eq!(post(&world, "v4", world.one, "call", &body).status, 200);
    let id = content.to_request_id();
    run(async {
        let agent = world.agent(delegated(|_| ())).await;
        agent.request_status_raw(&id, world.one).await.unwrap();
        let agent = world.agent(delegated(to_other)).await;
        let error = format!("{:?}", agent.request_status_raw(&id, world.one).await.unwrap_err());
        assert!(error.contains("does not cover"), "{error}");
    });
}

#[test]
fn older_versions_of_the_interface_do_the_same() {
    let world = World::live();
    let user = ed25519(1).identity;
    let sender = user.sender().unwrap();
    let content = call(sender, world.other, soon(60));
    let body = signed(&*user, &content).encode_bytes();
    assert_eq!(post(&world, "v3", world.other, "call", &body).status, 200);
    let query = EnvelopeContent::Query {
        ingress_expiry: soon(60),
        sender,
        canister_id: world.other,
        method_name: "read".into(),
        arg: crate::world::nothing(),
        nonce: None,
        sender_info: None,
    };
    let paths = vec![vec!["time".into()]];
    let read = EnvelopeContent::ReadState { ingress_expiry: soon(60), sender, paths };
    for version in ["v2", "v3"] {
        for (route, content) in [("query", &query), ("read_state", &read)] {
            let body = signed(&*user, content).encode_bytes();
            let answer = post(&world, version, world.other, route, &body);
            assert_eq!(answer.status, 200, "{version} {route}: {}", answer.text());
        }
    }
}
