//! Delegations: which keys may sign for a user, and for which requests.

use crate::calls::{query, update};
use crate::identities::delegated;
use crate::network::{CounterNetwork, run};
use crate::raw::{call, post, signed, soon};
use candid::Principal;
use ic_agent::identity::{BasicIdentity, Delegation};
use ic_agent::{AgentError, Identity};
use ic_transport_types::{DelegationPermissions, Envelope, EnvelopeContent, SignedDelegation};
use ic_utils::call::AsyncCall;
use ic_utils::interfaces::ManagementCanister;
use std::borrow::Cow;

fn key(number: u8) -> BasicIdentity {
    BasicIdentity::from_raw_key(&[number; 32])
}

/// Delegations from each of these keys to the next, restricted as said by their numbers.
fn chain(keys: &[u8], restrict: impl Fn(usize, &mut Delegation)) -> Vec<SignedDelegation> {
    let link = |(number, pair): (usize, &[u8])| {
        let mut delegation = Delegation {
            pubkey: key(pair[1]).public_key().unwrap(),
            expiration: soon(60),
            targets: None,
            permissions: None,
        };
        restrict(number, &mut delegation);
        let signature = key(pair[0]).sign_delegation(&delegation).unwrap().signature.unwrap();
        SignedDelegation { delegation, signature }
    };
    keys.windows(2).enumerate().map(link).collect()
}

/// A request of the user with the first key, signed with another one.
fn envelope(content: EnvelopeContent, chain: Vec<SignedDelegation>, signer: u8) -> Vec<u8> {
    let sender_sig = key(signer).sign(&content).unwrap().signature;
    Envelope {
        content: Cow::Owned(content),
        sender_pubkey: key(1).public_key(),
        sender_sig,
        sender_delegation: Some(chain),
    }
    .encode_bytes()
}

/// A call of a counter by the user with the first key.
fn count(canister: Principal, seconds: i64) -> EnvelopeContent {
    call(key(1).sender().unwrap(), canister, soon(seconds))
}

#[test]
fn delegations_hold_for_their_targets_their_time_and_what_they_permit() {
    let network = CounterNetwork::live();
    let to_one = |delegation: &mut Delegation| delegation.targets = Some(vec![network.one]);
    let expired = |delegation: &mut Delegation| delegation.expiration = soon(-10);
    let queries = |delegation: &mut Delegation| {
        delegation.permissions = Some(DelegationPermissions::Queries);
    };
    run(async {
        let agent = network.agent(delegated(to_one)).await;
        update(&agent, network.one, "count").await.unwrap();
        refused(update(&agent, network.other, "count").await, "does not cover");
        refused(query(&agent, network.other, "read").await, "does not cover");
        let agent = network.agent(delegated(expired)).await;
        refused(update(&agent, network.one, "count").await, "delegation expired at");
        let agent = network.agent(delegated(queries)).await;
        query(&agent, network.one, "read").await.unwrap();
        agent.read_state_canister_controllers(network.one).await.unwrap();
        refused(update(&agent, network.one, "count").await, "queries only");
    });
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, AgentError>, words: &str) {
    let text = format!("{:?}", result.unwrap_err());
    assert!(text.contains(words), "'{words}' is not in: {text}");
}

#[test]
fn a_chain_of_twenty_delegations_is_followed_and_none_longer_or_broken() {
    let network = CounterNetwork::live();
    let chain = |length: u8| chain(&(1..=length + 1).collect::<Vec<_>>(), |_, _| ());
    let send = |chain, signer, seconds| {
        let body = envelope(count(network.one, seconds), chain, signer);
        post(&network, "v4", network.one, "call", &body)
    };
    assert_eq!(send(chain(20), 21, 60).status, 200);
    send(chain(21), 22, 61).assert_error(400, "at most 20 delegations");
    let mut broken = chain(3);
    broken.remove(1);
    send(broken, 4, 62).assert_error(403, "a delegation's signature");
    send(chain(3), 3, 63).assert_error(403, "the request's signature");
}

#[test]
fn delegations_that_lead_back_to_a_key_are_refused() {
    let network = CounterNetwork::live();
    for (keys, signer) in [([1, 2, 1].as_slice(), 1), (&[1, 2, 3, 2], 2), (&[1, 1], 1)] {
        let body = envelope(count(network.one, 60), chain(keys, |_, _| ()), signer);
        post(&network, "v4", network.one, "call", &body).assert_error(400, "the same key twice");
    }
}

#[test]
fn of_several_delegations_only_what_all_of_them_cover_counts() {
    let network = CounterNetwork::live();
    let (one, other) = (network.one, network.other);
    for (targets, covered) in [
        ([Some(vec![one, other]), Some(vec![one])], [true, false]),
        ([Some(vec![one]), Some(vec![one, other])], [true, false]),
        ([Some(vec![one]), None], [true, false]),
        ([Some(vec![one]), Some(vec![other])], [false, false]),
        ([None, None], [true, true]),
    ] {
        for (canister, covered) in [one, other].into_iter().zip(covered) {
            let restrict = |number: usize, delegation: &mut Delegation| {
                delegation.targets = targets[number].clone()
            };
            let body = envelope(count(canister, 60), chain(&[1, 2, 3], restrict), 3);
            let answer = post(&network, "v4", canister, "call", &body);
            match covered {
                true => assert_eq!(answer.status, 200, "{targets:?}: {}", answer.text()),
                false => answer.assert_error(403, "does not cover"),
            }
        }
    }
}

#[test]
fn a_delegation_has_at_most_a_thousand_targets() {
    let network = CounterNetwork::live();
    let send = |targets: usize| {
        let restrict =
            |_, delegation: &mut Delegation| delegation.targets = Some(vec![network.one; targets]);
        let body = envelope(count(network.one, 60), chain(&[1, 2], restrict), 2);
        post(&network, "v4", network.one, "call", &body)
    };
    assert_eq!(send(1_000).status, 200);
    send(1_001).assert_error(400, "at most 1000 targets");
}

#[test]
fn what_became_of_a_request_is_read_by_delegations_that_cover_its_canister() {
    let network = CounterNetwork::live();
    let content = count(network.one, 60);
    let body = signed(&key(1), &content).encode_bytes();
    assert_eq!(post(&network, "v4", network.one, "call", &body).status, 200);
    let id = content.to_request_id();
    let read = |target| {
        let path = vec!["request_status".into(), ic_certification::Label::from(id.as_slice())];
        let read = EnvelopeContent::ReadState {
            ingress_expiry: soon(60),
            sender: *content.sender(),
            paths: vec![path],
        };
        let restrict = |_, delegation: &mut Delegation| delegation.targets = Some(vec![target]);
        let body = envelope(read, chain(&[1, 2], restrict), 2);
        post(&network, "v3", network.one, "read_state", &body)
    };
    assert_eq!(read(network.one).status, 200);
    read(network.other).assert_error(403, "does not cover");
}

#[test]
fn calls_of_the_management_canister_need_a_delegation_that_covers_it() {
    let network = CounterNetwork::live();
    let to = |target| {
        delegated(move |delegation: &mut Delegation| delegation.targets = Some(vec![target]))
    };
    let management = Principal::management_canister();
    let user = to(management).identity.sender().unwrap();
    network.pic.set_controllers(network.one, None, vec![Principal::anonymous(), user]).unwrap();
    run(async {
        let stop = async |target| {
            let agent = network.agent(to(target)).await;
            ManagementCanister::create(&agent).stop_canister(&network.one).call_and_wait().await
        };
        refused(stop(network.one).await, "does not cover canister aaaaa-aa");
        stop(management).await.unwrap();
    });
}
