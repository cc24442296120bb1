//! What the network certifies, and that agents accept nothing else.

use crate::calls::update;
use crate::identities::{anonymous, ed25519};
use crate::network::{CounterNetwork, run};
use crate::raw::{call, post, soon};
use crate::tampering::Tampering;
use candid::Principal;
use ic_agent::{Agent, AgentError};
use ic_canister_sig_creation::{CanisterSigPublicKey, extract_raw_root_pk_from_der};
use ic_certification::{HashTree, labeled, leaf};
use ic_signature_verification::verify_canister_sig;
use ic_transport_types::Envelope;
use serde::Serialize;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use test_support::nothing;

/// A canister of each subnet that certifies what it is told to.
fn certifiers(network: &CounterNetwork) -> [Principal; 2] {
    let module = wat::parse_str(include_str!("certifier.wat")).unwrap();
    [network.one, network.other].map(|canister| {
        network.pic.reinstall_canister(canister, module.clone(), nothing(), None).unwrap();
        canister
    })
}

/// A signature by a canister.
struct Signed {
    key: Vec<u8>,
    signature: Vec<u8>,
}

/// Has a canister sign a message, by certifying the tree that says so.
fn sign(network: &CounterNetwork, canister: Principal, message: &[u8]) -> Signed {
    #[derive(Serialize)]
    struct Signature {
        certificate: ByteBuf,
        tree: HashTree,
    }
    let seed = b"a seed".to_vec();
    let below = labeled(Sha256::digest(message).to_vec(), leaf(*b""));
    let tree = labeled("sig", labeled(Sha256::digest(&seed).to_vec(), below));
    let (pic, nobody) = (&network.pic, Principal::anonymous());
    pic.update_call(canister, nobody, "certify", tree.digest().to_vec()).unwrap();
    let certificate = pic.query_call(canister, nobody, "certificate", vec![]).unwrap();
    let mut signature = vec![0xd9, 0xd9, 0xf7];
    let parts = Signature { certificate: ByteBuf::from(certificate), tree };
    ciborium::into_writer(&parts, &mut signature).unwrap();
    Signed { key: CanisterSigPublicKey::new(canister, seed).to_der(), signature }
}

fn root_key(network: &CounterNetwork) -> Vec<u8> {
    let key = run(async { network.agent(anonymous()).await.read_root_key() });
    extract_raw_root_pk_from_der(&key).unwrap()
}

#[test]
fn what_canisters_certify_can_be_checked_with_the_root_key_alone() {
    let network = CounterNetwork::still();
    let root = root_key(&network);
    for canister in certifiers(&network) {
        let Signed { key, mut signature } = sign(&network, canister, b"a message");
        verify_canister_sig(b"a message", &signature, &key, &root).unwrap();
        verify_canister_sig(b"another", &signature, &key, &root).unwrap_err();
        let later = sign(&network, canister, b"another");
        verify_canister_sig(b"another", &later.signature, &key, &root).unwrap();
        for place in (0..signature.len()).step_by(97) {
            signature[place] ^= 1;
            let checked = verify_canister_sig(b"a message", &signature, &key, &root);
            assert!(checked.is_err(), "bit {place} does not matter");
            signature[place] ^= 1;
        }
    }
}

#[test]
fn queries_from_outside_have_a_certificate_and_updates_have_none() {
    let network = CounterNetwork::still();
    let [canister, _] = certifiers(&network);
    let (pic, nobody) = (&network.pic, Principal::anonymous());
    assert_eq!(pic.query_call(canister, nobody, "is_present", vec![]).unwrap(), [1]);
    assert_eq!(pic.update_call(canister, nobody, "is_present", vec![]).unwrap(), [0]);
    assert_eq!(pic.update_call(canister, nobody, "was_present", vec![]).unwrap(), [0]);
}

#[test]
fn users_may_sign_as_canisters_do() {
    let network = CounterNetwork::live();
    let [_, canister] = certifiers(&network);
    let content = {
        let key = CanisterSigPublicKey::new(canister, b"a seed".to_vec()).to_der();
        call(Principal::self_authenticating(key), network.one, soon(60))
    };
    let Signed { key, signature } = sign(&network, canister, &content.to_request_id().signable());
    let good = Envelope {
        content: Cow::Owned(content),
        sender_pubkey: Some(key),
        sender_sig: Some(signature),
        sender_delegation: None,
    };
    let other = sign(&network, canister, b"another message");
    let bad = Envelope { sender_sig: Some(other.signature), ..good.clone() };
    let answer = post(&network, "v4", network.one, "call", &bad.encode_bytes());
    answer.assert_error(403, "the request's signature");
    let answer = post(&network, "v4", network.one, "call", &good.encode_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn private_metadata_is_for_controllers_and_public_metadata_for_everybody() {
    let network = CounterNetwork::live();
    let [canister, _] = certifiers(&network);
    let controller = ed25519(1);
    let sender = controller.identity.sender().unwrap();
    network.pic.set_controllers(canister, None, vec![Principal::anonymous(), sender]).unwrap();
    run(async {
        let [theirs, other] = [network.agent(controller).await, network.agent(ed25519(2)).await];
        for agent in [&theirs, &other] {
            let greeting = agent.read_state_canister_metadata(canister, "greeting").await;
            assert_eq!(greeting.unwrap(), b"hello");
            let missing = agent.read_state_canister_metadata(canister, "missing").await;
            assert!(matches!(missing, Err(AgentError::LookupPathAbsent(_))), "{missing:?}");
        }
        let secret = theirs.read_state_canister_metadata(canister, "secret").await;
        assert_eq!(secret.unwrap(), b"nobody knows");
        let refused = other.read_state_canister_metadata(canister, "secret").await.unwrap_err();
        assert!(
            format!("{refused:?}").contains("only controllers of the canister can read"),
            "{refused:?}"
        );
    });
}

#[test]
fn the_state_tells_of_canisters_and_subnets_what_is_so() {
    let network = CounterNetwork::still();
    // The size of the state is told after every tenth round.
    for _ in 0..10 {
        network.pic.tick();
    }
    network.pic.auto_progress();
    let subnets = network.pic.topology().get_app_subnets();
    let module = network.pic.canister_status(network.one, None).unwrap().module_hash.unwrap();
    run(async {
        let agent = network.agent(anonymous()).await;
        let hash = agent.read_state_canister_module_hash(network.one).await.unwrap();
        assert_eq!(hash, module);
        let controllers = agent.read_state_canister_controllers(network.other).await.unwrap();
        assert_eq!(controllers, [Principal::anonymous()]);
        for canister in [network.one, network.other] {
            let subnet = agent.fetch_subnet_by_canister(&canister).await.unwrap();
            assert!(subnets.contains(&subnet.id()));
            assert!(subnet.contains_canister(&canister));
            let same = agent.fetch_subnet_by_id(&subnet.id()).await.unwrap();
            assert_eq!(same.id(), subnet.id());
            let metrics = agent.read_state_subnet_metrics(subnet.id()).await.unwrap();
            assert_eq!(metrics.num_canisters, 1);
            assert!(metrics.canister_state_bytes > 1_000);
            // Two calls of the management canister, and the canister's `init`.
            assert!(metrics.update_transactions_total >= 2);
            assert!(metrics.consumed_cycles_total > 0);
        }
    });
    for subnet in subnets {
        assert_eq!(network.pic.get_subnet_metrics(subnet).unwrap().num_canisters, 1);
    }
}

#[test]
fn an_answer_with_one_bit_flipped_is_rejected_wherever_it_is() {
    let network = CounterNetwork::live();
    let whole = Tampering::new(network.url());
    run(async {
        let agent = Agent::builder().with_url(whole.url()).build().unwrap();
        agent.fetch_root_key().await.unwrap();
        update(&agent, network.other, "count").await.unwrap();
        for place in (20..1_000).step_by(70) {
            whole.flip("/call", Some(place));
            let tampered = update(&agent, network.other, "count").await;
            assert!(tampered.is_err(), "byte {place} of the answer does not matter");
        }
        whole.flip("/call", None);
        update(&agent, network.other, "count").await.unwrap();
        let answer = agent.query(&network.other, "read").with_arg(nothing()).call().await;
        answer.unwrap();
        for place in (10..100).step_by(9) {
            whole.flip("/query", Some(place));
            let tampered = agent.query(&network.other, "read").with_arg(nothing()).call().await;
            assert!(tampered.is_err(), "byte {place} of the answer does not matter");
        }
    });
}

#[test]
fn what_another_root_key_has_signed_is_rejected() {
    let network = CounterNetwork::live();
    run(async {
        let agent = Agent::builder().with_url(network.url()).build().unwrap();
        // The agent comes with the key of the mainnet.
        for canister in [network.one, network.other] {
            update(&agent, canister, "count").await.unwrap_err();
            agent.query(&canister, "read").with_arg(nothing()).call().await.unwrap_err();
        }
        agent.fetch_root_key().await.unwrap();
        update(&agent, network.other, "count").await.unwrap();
    });
}
