//! Canister signatures, checked by the server.

use candid::Principal;
use embedded_replica::keys::SubnetKey;
use ic_canister_sig_creation::{CanisterSigPublicKey, IC_ROOT_PK_DER};
use ic_certification::{Certificate, HashTree, label, leaf};
use pocket_ic::PocketIcBuilder;
use serde::Serialize;
use sha2::{Digest, Sha256};
use test_support::servers::embedded_server;

#[derive(Serialize)]
struct CanisterSignature {
    certificate: serde_bytes::ByteBuf,
    tree: HashTree,
}

/// CBOR that says it is CBOR, as the interface specification wants it.
fn cbor(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = b"\xd9\xd9\xf7".to_vec();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// What a canister would sign a message with, on a subnet with this key.
fn signature(key: &SubnetKey, canister: Principal, seed: &[u8], message: &[u8]) -> Vec<u8> {
    let hash = |bytes: &[u8]| Sha256::digest(bytes).to_vec();
    let tree = label("sig", label(hash(seed), label(hash(message), leaf(b""))));
    let certified = label("certified_data", leaf(tree.digest()));
    let state = label("canister", label(canister.as_slice(), certified));
    let signed = [b"\x0dic-state-root".as_slice(), &state.digest()].concat();
    let certificate: Certificate =
        Certificate { tree: state, signature: key.sign(&signed).to_vec(), delegation: None };
    cbor(&CanisterSignature { certificate: cbor(&certificate).into(), tree })
}

#[test]
fn a_canister_signature_is_valid_for_its_message_under_the_networks_root_key_only() {
    let server = embedded_server();
    let url = server.url().parse().unwrap();
    let pic = PocketIcBuilder::new().with_server_url(url).with_nns_subnet().build();
    let topology = pic.topology();
    let nns = topology.get_nns().unwrap();
    let key = SubnetKey::of(topology.subnet_configs[&nns].subnet_seed);
    let root = pic.root_key().unwrap();
    assert_eq!(root, key.public_key_der());

    let canister = pic.create_canister();
    let public = CanisterSigPublicKey::new(canister, b"seed".to_vec()).to_der();
    let valid = signature(&key, canister, b"seed", b"a message");
    let verify = |message: &[u8], signature: &[u8], root: &[u8]| {
        let [message, signature, root] = [message, signature, root].map(<[u8]>::to_vec);
        pic.verify_canister_signature(message, signature, public.clone(), root)
    };
    assert_eq!(verify(b"a message", &valid, &root), Ok(()));
    for (message, signature, root) in [
        (b"another".as_slice(), valid.as_slice(), root.as_slice()),
        (b"a message", b"no signature", &root),
        (b"a message", &valid, IC_ROOT_PK_DER),
        (b"a message", &valid, b"no key"),
    ] {
        let error = verify(message, signature, root).unwrap_err();
        assert!(!error.is_empty());
    }
}
