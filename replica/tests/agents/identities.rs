//! Identities: one user for each kind of signature.

use ic_agent::Identity;
use ic_agent::identity::{
    AnonymousIdentity, BasicIdentity, DelegatedIdentity, Delegation, Prime256v1Identity,
    Secp256k1Identity, SignedDelegation,
};
use std::sync::Arc;

/// A user, and how he signs.
#[derive(Clone)]
pub struct Named {
    pub name: &'static str,
    pub identity: Arc<dyn Identity>,
}

pub fn anonymous() -> Named {
    Named { name: "anonymous", identity: Arc::new(AnonymousIdentity) }
}

pub fn ed25519(number: u8) -> Named {
    Named { name: "Ed25519", identity: Arc::new(BasicIdentity::from_raw_key(&[number; 32])) }
}

pub fn secp256k1() -> Named {
    let pem = ic_secp256k1::PrivateKey::generate_from_seed(&[1]).serialize_rfc5915_pem();
    let identity = Secp256k1Identity::from_pem(pem.as_bytes()).unwrap();
    Named { name: "secp256k1", identity: Arc::new(identity) }
}

pub fn prime256v1() -> Named {
    let pem = ic_secp256r1::PrivateKey::deserialize_sec1(&[2; 32]).unwrap().serialize_rfc5915_pem();
    let identity = Prime256v1Identity::from_pem(pem.as_bytes()).unwrap();
    Named { name: "prime256v1", identity: Arc::new(identity) }
}

/// A user who has delegated to another key, which is restricted as said.
pub fn delegated(restrict: impl FnOnce(&mut Delegation)) -> Named {
    let (user, session) = (BasicIdentity::from_raw_key(&[3; 32]), prime256v1().identity);
    let mut delegation = Delegation {
        pubkey: session.public_key().unwrap(),
        expiration: u64::MAX,
        targets: None,
        permissions: None,
    };
    restrict(&mut delegation);
    let signature = user.sign_delegation(&delegation).unwrap().signature.unwrap();
    let chain = vec![SignedDelegation { delegation, signature }];
    let key = user.public_key().unwrap();
    let identity = DelegatedIdentity::new_unchecked(key, Box::new(session), chain);
    Named { name: "delegated", identity: Arc::new(identity) }
}

/// One of each kind.
pub fn all() -> Vec<Named> {
    vec![anonymous(), ed25519(1), secp256k1(), prime256v1(), delegated(|_| ())]
}
