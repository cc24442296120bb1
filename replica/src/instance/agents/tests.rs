//! Certificates of an instance: what they hold, and when they are made anew.

use super::*;
use crate::instance::{EffectivePrincipal, InstanceConfig};
use crate::limits::{CERTIFIED_STATE_AGE_MAX_NANOS, DELEGATION_AGE_MAX_NANOS};
use candid::Principal;
use ic_canister_sig_creation::extract_raw_root_pk_from_der;
use ic_certification::LookupResult;
use ic_verify_bls_signature::verify_bls_signature;
use serde::Deserialize;
use serde_bytes::ByteBuf;

/// A network of two subnets: the root subnet and another one.
fn instance() -> (Instance, [SubnetId; 2]) {
    let instance =
        Instance::new(InstanceConfig::with_application_subnets(2)).expect("it has subnets");
    let ids = [0, 1].map(|number| instance.subnets()[number].place.id);
    (instance, ids)
}

fn read(
    instance: &mut Instance,
    scope: Scope,
    paths: &[&[&[u8]]],
) -> Result<Vec<u8>, InstanceError> {
    let reader = Reader { principal: Principal::anonymous(), targets: None };
    let labels = |path: &&[&[u8]]| path.iter().map(|label| label.to_vec()).collect();
    let paths: Vec<Path> = paths.iter().map(labels).collect();
    instance.read_state(scope, &paths, &reader)
}

/// A certificate as it is written, with the tree in a form to look things up in.
struct Certificate {
    tree: ic_certification::HashTree,
    signature: Vec<u8>,
    delegation: Option<(Vec<u8>, Vec<u8>)>,
}

/// Reads a certificate; the crate that looks things up in trees can read them in one piece only.
fn decode(certificate: &[u8]) -> Certificate {
    #[derive(Deserialize)]
    struct Raw {
        tree: Node,
        signature: ByteBuf,
        delegation: Option<RawDelegation>,
    }
    #[derive(Deserialize)]
    struct RawDelegation {
        subnet_id: ByteBuf,
        certificate: ByteBuf,
    }
    type Node = ciborium::Value;
    fn tree(node: &Node) -> ic_certification::HashTree {
        use ic_certification::{empty, fork, labeled, leaf, pruned};
        let parts = node.as_array().expect("a node is a list");
        let bytes = |at: usize| parts[at].as_bytes().expect("it is bytes").clone();
        let kind = parts[0].as_integer().and_then(|kind| u8::try_from(kind).ok());
        match kind.expect("a node has a kind") {
            0 => empty(),
            1 => fork(tree(&parts[1]), tree(&parts[2])),
            2 => labeled(bytes(1), tree(&parts[2])),
            3 => leaf(bytes(1)),
            _ => pruned(<[u8; 32]>::try_from(bytes(1)).expect("hashes have 32 bytes")),
        }
    }
    let raw: Raw = ciborium::from_reader(certificate).expect("it is a certificate");
    Certificate {
        tree: tree(&raw.tree),
        signature: raw.signature.into_vec(),
        delegation: raw
            .delegation
            .map(|delegation| (delegation.subnet_id.into_vec(), delegation.certificate.into_vec())),
    }
}

impl Certificate {
    /// Fails unless it is signed with this key.
    fn verify(&self, key_der: &[u8]) {
        let key = extract_raw_root_pk_from_der(key_der).expect("it is a key");
        let message = [b"\x0Dic-state-root".as_slice(), &self.tree.digest()].concat();
        verify_bls_signature(&self.signature, &message, &key).expect("it is signed");
    }

    fn value(&self, path: &[&[u8]]) -> &[u8] {
        match self.tree.lookup_path(path) {
            LookupResult::Found(value) => value,
            other => panic!("{path:?}: {other:?}"),
        }
    }
}

#[test]
fn the_root_subnet_certifies_itself_and_delegates_to_others() {
    let (mut instance, [root, other]) = instance();
    let root_key = instance.root_key().clone();
    let own = decode(&read(&mut instance, Scope::Subnet(root), &[]).expect("it can be read"));
    assert!(own.delegation.is_none());
    own.verify(root_key.public_key_der());
    let certificate =
        decode(&read(&mut instance, Scope::Subnet(other), &[]).expect("it can be read"));
    let (subnet, delegation) = certificate.delegation.as_ref().expect("it is not the root subnet");
    assert_eq!(subnet, other.as_slice());
    let delegation = decode(delegation);
    assert!(delegation.delegation.is_none());
    delegation.verify(root_key.public_key_der());
    let id = other.as_slice();
    certificate.verify(delegation.value(&[b"subnet", id, b"public_key"]));
    let first = instance.subnets()[1].place.canister_ranges[0].0;
    let sharded = delegation.value(&[b"canister_ranges", id, first.as_slice()]);
    assert_eq!(sharded, delegation.value(&[b"subnet", id, b"canister_ranges"]));
    // Of other subnets nothing is revealed.
    let others = delegation.tree.lookup_path([b"subnet", root.as_slice(), b"public_key"]);
    assert!(matches!(others, LookupResult::Unknown));
}

#[test]
fn a_state_is_certified_once_until_there_is_a_round_or_a_second_has_passed() {
    let (mut instance, [root, _]) = instance();
    let certify =
        |instance: &mut Instance| read(instance, Scope::Subnet(root), &[]).expect("it can be read");
    instance.tick();
    let first = certify(&mut instance);
    instance.pass(CERTIFIED_STATE_AGE_MAX_NANOS / 2);
    assert_eq!(certify(&mut instance), first);
    instance.pass(CERTIFIED_STATE_AGE_MAX_NANOS);
    let later = certify(&mut instance);
    assert_ne!(later, first);
    instance.tick();
    assert_ne!(certify(&mut instance), later);
}

#[test]
fn a_delegation_is_kept_for_some_minutes_and_then_made_anew() {
    let (mut instance, [_, other]) = instance();
    let certified_at = |instance: &mut Instance| {
        let read = read(instance, Scope::Subnet(other), &[]).expect("it can be read");
        let (_, delegation) = decode(&read).delegation.expect("it is not the root subnet");
        let delegation = decode(&delegation);
        let mut value = delegation.value(&[b"time"]);
        leb128::read::unsigned(&mut value).expect("it is a number")
    };
    let first = certified_at(&mut instance);
    instance.pass(DELEGATION_AGE_MAX_NANOS - 1);
    assert_eq!(certified_at(&mut instance), first);
    instance.pass(1);
    assert_eq!(certified_at(&mut instance), first + DELEGATION_AGE_MAX_NANOS);
}

#[test]
fn a_time_that_is_certified_from_outside_is_in_the_next_certificate() {
    let (mut instance, [root, _]) = instance();
    read(&mut instance, Scope::Subnet(root), &[]).expect("it can be read");
    let time = instance.time().plus_nanos(5);
    instance.set_certified_time(time).expect("it is later");
    let read = read(&mut instance, Scope::Subnet(root), &[]).expect("it can be read");
    let certificate = decode(&read);
    let mut value = certificate.value(&[b"time"]);
    let certified = leb128::read::unsigned(&mut value).expect("it is a number");
    assert_eq!(certified, time.as_nanos());
}

#[test]
fn a_subnet_that_is_added_or_deleted_is_in_the_next_certificate_or_not() {
    let (mut instance, [root, other]) = instance();
    let path: &[&[u8]] = &[b"subnet", other.as_slice(), b"public_key"];
    let there = decode(&read(&mut instance, Scope::Subnet(root), &[path]).expect("it can be read"));
    there.value(path);
    instance.delete_subnet(other).expect("it can be deleted");
    let gone = decode(&read(&mut instance, Scope::Subnet(root), &[path]).expect("it can be read"));
    assert!(matches!(gone.tree.lookup_path(path), LookupResult::Absent));
    let refused = read(&mut instance, Scope::Subnet(other), &[]);
    assert_eq!(refused, Err(InstanceError::NoSuchSubnet(other)));
}

#[test]
fn the_same_calls_give_the_same_certificates() {
    let run = || {
        let (mut instance, [_, other]) = instance();
        let creation = CanisterCall {
            sender: Principal::anonymous(),
            caller_info: None,
            canister: CanisterId::MANAGEMENT,
            effective_principal: EffectivePrincipal::Subnet(other),
            method: "provisional_create_canister_with_cycles".into(),
            argument: crate::ic00::encode((
                ic_management_canister_types::ProvisionalCreateCanisterWithCyclesArgs::default(),
            )),
        };
        let answered = instance.update(creation).expect("it makes sense");
        let id: ic_management_canister_types::CanisterIdRecord =
            candid::decode_one(&answered.expect("it is made")).expect("it is an id");
        let canister = CanisterId::from(id.canister_id);
        let path: &[&[u8]] = &[b"canister", canister.as_slice(), b"controllers"];
        read(&mut instance, Scope::Canister(canister), &[path]).expect("it can be read")
    };
    let certificate = run();
    assert_eq!(certificate, run());
    assert!(decode(&certificate).delegation.is_some());
}

#[test]
fn no_more_messages_are_let_in_than_nodes_would_keep_until_a_block_makes_room() {
    let (mut instance, _) = instance();
    let submit = |instance: &mut Instance, number: usize| {
        let mut id = MessageId([0; 32]);
        id.0[..8].copy_from_slice(&number.to_be_bytes());
        let call = CanisterCall {
            sender: Principal::anonymous(),
            caller_info: None,
            canister: CanisterId::MANAGEMENT,
            effective_principal: EffectivePrincipal::None,
            method: "provisional_create_canister_with_cycles".to_owned(),
            argument: b"DIDL\x01\x6c\0\x01\0".to_vec(),
        };
        let sent_to = Scope::Canister(instance.default_effective_canister());
        let expiry = Time::GENESIS.plus_secs(60);
        let submission = Submission { id, expiry, authentication: Default::default() };
        instance.submit_signed(submission, sent_to, call)
    };
    for number in 0..INGRESS_POOL_MESSAGES_MAX {
        assert_eq!(submit(&mut instance, number), Ok(Ok(())));
    }
    assert_eq!(submit(&mut instance, 0), Ok(Ok(())), "this one is there already");
    let further = INGRESS_POOL_MESSAGES_MAX;
    assert_eq!(submit(&mut instance, further), Err(InstanceError::PoolFull));
    instance.tick();
    assert_eq!(submit(&mut instance, further), Ok(Ok(())));
}
