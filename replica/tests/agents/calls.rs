//! Calls, queries and reads of the Rust agent, which checks certificates and signatures.

use crate::network::{CounterNetwork, number, run};
use crate::{identities, raw};
use candid::Principal;
use ic_agent::{Agent, AgentError};
use ic_transport_types::Envelope;
use std::borrow::Cow;
use std::time::{Duration, Instant};
use test_support::nothing;

pub async fn update(
    agent: &Agent,
    canister: Principal,
    method: &str,
) -> Result<Vec<u8>, AgentError> {
    agent.update(&canister, method).with_arg(nothing()).call_and_wait().await
}

pub async fn query(
    agent: &Agent,
    canister: Principal,
    method: &str,
) -> Result<Vec<u8>, AgentError> {
    agent.query(&canister, method).with_arg(nothing()).call().await
}

#[test]
fn users_of_every_kind_call_and_query_canisters_of_both_subnets() {
    let network = CounterNetwork::live();
    run(async {
        for (calls, identity) in (1..).zip(identities::all()) {
            let name = identity.name;
            let agent = network.agent(identity).await;
            for canister in [network.one, network.other] {
                let reply = update(&agent, canister, "count").await;
                let count = number(&reply.unwrap_or_else(|error| panic!("{name}: {error}")));
                assert_eq!(count, calls);
                let reply = query(&agent, canister, "read").await;
                let count = number(&reply.unwrap_or_else(|error| panic!("{name}: {error}")));
                assert_eq!(count, calls);
            }
        }
    });
}

#[test]
fn failures_are_told_with_their_codes_certified_or_signed() {
    let network = CounterNetwork::live();
    run(async {
        let agent = network.agent(identities::ed25519(1)).await;
        for canister in [network.one, network.other] {
            for (method, code, text) in
                [("fail", "IC0503", "told to fail"), ("refuse", "IC0406", "told to refuse")]
            {
                match update(&agent, canister, method).await {
                    Err(AgentError::CertifiedReject { reject, .. }) => {
                        assert_eq!(reject.error_code.as_deref(), Some(code));
                        assert!(reject.reject_message.contains(text), "{reject:?}");
                    }
                    other => panic!("{method}: {other:?}"),
                }
            }
            match query(&agent, canister, "no").await {
                Err(AgentError::UncertifiedReject { reject, .. }) => {
                    assert_eq!(reject.error_code.as_deref(), Some("IC0536"));
                }
                other => panic!("{other:?}"),
            }
        }
        let missing = Principal::from_slice(&[&network.one.as_slice()[..7], &[99, 1, 1]].concat());
        let uncertified = update(&agent, missing, "count").await.unwrap_err();
        assert!(matches!(uncertified, AgentError::UncertifiedReject { .. }), "{uncertified:?}");
    });
}

#[test]
fn a_call_waits_for_rounds_that_somebody_else_has_happen() {
    let network = CounterNetwork::still();
    // Agents send what their own clock says is in time.
    network.pic.set_certified_time(std::time::SystemTime::now().into());
    let answered = std::thread::scope(|scope| {
        let call = scope.spawn(|| {
            run(async {
                let agent = network.agent(identities::anonymous()).await;
                update(&agent, network.one, "count").await
            })
        });
        while !call.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            network.pic.tick();
        }
        call.join().unwrap()
    });
    assert_eq!(number(&answered.unwrap()), 1);
}

#[test]
fn a_call_without_rounds_is_accepted_after_a_while_and_answered_later() {
    let network = CounterNetwork::still();
    let now = std::time::SystemTime::now();
    network.pic.set_certified_time(now.into());
    let content = raw::call(Principal::anonymous(), network.one, raw::soon(60));
    let envelope = Envelope {
        content: Cow::Owned(content),
        sender_pubkey: None,
        sender_sig: None,
        sender_delegation: None,
    };
    let start = Instant::now();
    let answer = raw::post(&network, "v4", network.one, "call", &envelope.encode_bytes());
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert!(start.elapsed() > Duration::from_secs(9), "{:?}", start.elapsed());
    network.pic.tick();
    let answer = raw::post(&network, "v4", network.one, "call", &envelope.encode_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}
