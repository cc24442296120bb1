//! The keys of subnets and of nodes.
//!
//! The ids of subnets and nodes are derived from their public keys. A subnet signs certificates with its
//! key, a node signs responses to queries with its key.
//!
//! All keys are derived from the seeds of the subnets, and the seeds from the topology of the network. So
//! keys and ids are the same in every run. Everybody can compute the private keys: signatures protect
//! nothing.

use crate::types::SubnetId;
use candid::Principal;
use ic_verify_bls_signature::{PrivateKey, PublicKey, Signature};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The seed from which the key of a subnet is derived.
pub type Seed = [u8; 32];

/// The bytes before the 96 bytes of a BLS12-381 public key in DER form: they contain two object
/// identifiers for the signature scheme and for keys in G2 (interface specification, "Certificate
/// delegation").
const DER_PREFIX: [u8; 37] = *b"\x30\x81\x82\x30\x1d\
    \x06\x0d\x2b\x06\x01\x04\x01\x82\xdc\x7c\x05\x03\x01\x02\x01\
    \x06\x0c\x2b\x06\x01\x04\x01\x82\xdc\x7c\x05\x03\x02\x01\
    \x03\x61\x00";

/// The length of a public key in DER form, in bytes.
pub const PUBLIC_KEY_DER_BYTES: usize = DER_PREFIX.len() + PublicKey::BYTES;

/// The key pair of a subnet.
#[derive(Debug, PartialEq, Eq)]
pub struct SubnetKey {
    seed: Seed,
    private: PrivateKey,
    public_der: [u8; PUBLIC_KEY_DER_BYTES],
}

/// The key pair of a node.
#[derive(Debug)]
pub struct NodeKey {
    private: ic_ed25519::PrivateKey,
    /// The public key in DER form.
    pub public_der: Vec<u8>,
    /// The id of the node: the self-authenticating principal of the public key.
    pub node_id: Principal,
}

/// A cache of all keys of this process. Deriving a key takes half a millisecond, as long as creating an
/// instance. Instances use few different keys.
static KEYS: Mutex<BTreeMap<Seed, Arc<SubnetKey>>> = Mutex::new(BTreeMap::new());

impl SubnetKey {
    /// The key that is derived from `seed`.
    pub fn of(seed: Seed) -> Arc<Self> {
        if let Some(key) = KEYS.lock().get(&seed) {
            return key.clone();
        }
        let key = Arc::new(Self::derive(seed));
        KEYS.lock().entry(seed).or_insert(key).clone()
    }

    fn derive(seed: Seed) -> Self {
        let private = private_key(seed);
        let mut public_der = [0; PUBLIC_KEY_DER_BYTES];
        let (prefix, point) = public_der.split_at_mut(DER_PREFIX.len());
        prefix.copy_from_slice(&DER_PREFIX);
        point.copy_from_slice(&private.public_key().serialize());
        Self { seed, private, public_der }
    }

    /// The key of the node with this number.
    pub fn node(&self, number: u64) -> NodeKey {
        let seed = [b"node".as_slice(), &self.seed, &number.to_be_bytes()].concat();
        NodeKey::derive(&seed)
    }

    /// The public key in DER form.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_der
    }

    /// The id of the subnet: the self-authenticating principal of the public key.
    pub fn subnet_id(&self) -> SubnetId {
        Principal::self_authenticating(self.public_der).into()
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; Signature::BYTES] {
        self.private.sign(message).serialize()
    }
}

/// Encodes a subnet's key in a saved state: by its seed.
pub mod by_seed {
    use crate::keys::{Seed, SubnetKey};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    /// Encodes the seed.
    ///
    /// # Errors
    ///
    /// If the serializer fails.
    pub fn serialize<S: Serializer>(key: &Arc<SubnetKey>, to: S) -> Result<S::Ok, S::Error> {
        key.seed.serialize(to)
    }

    /// Decodes the seed and derives the key.
    ///
    /// # Errors
    ///
    /// If the bytes are not a seed.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<SubnetKey>, D::Error> {
        Seed::deserialize(from).map(SubnetKey::of)
    }
}

impl NodeKey {
    fn derive(seed: &[u8]) -> Self {
        let private = ic_ed25519::PrivateKey::generate_from_seed(seed);
        let public_der = private.public_key().serialize_rfc8410_der();
        let node_id = Principal::self_authenticating(&public_der);
        Self { private, public_der, node_id }
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; ic_ed25519::SIGNATURE_BYTES] {
        self.private.sign_message(message)
    }
}

/// Hashes the seed with a counter, until the hash is below the order of the curve. About every second
/// hash is.
fn private_key(seed: Seed) -> PrivateKey {
    let candidate = |counter: u32| {
        let mut hash = Sha256::new();
        hash.update(b"embedded-replica development key");
        hash.update(seed);
        hash.update(counter.to_be_bytes());
        PrivateKey::deserialize(&hash.finalize()).ok()
    };
    (0..).find_map(candidate).expect("half of all numbers of 256 bits are keys")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ic_canister_sig_creation::extract_raw_root_pk_from_der;
    use ic_verify_bls_signature::verify_bls_signature;
    use sha2::Sha224;

    #[test]
    fn only_the_public_key_of_the_signing_key_verifies_a_signature() {
        let [key, other] = [1, 2].map(|number| SubnetKey::of([number; 32]));
        let signature = key.sign(b"a message");
        let verifies = |key: &SubnetKey, message: &[u8]| {
            let public = extract_raw_root_pk_from_der(key.public_key_der()).expect("it is DER");
            verify_bls_signature(&signature, message, &public).is_ok()
        };
        assert!(verifies(&key, b"a message"));
        assert!(!verifies(&key, b"another message"));
        assert!(!verifies(&other, b"a message"));
    }

    #[test]
    fn deriving_a_key_from_the_same_seed_gives_the_same_key() {
        let seed = [3; 32];
        assert_eq!(SubnetKey::of(seed).public_key_der(), SubnetKey::derive(seed).public_key_der());
        assert!(Arc::ptr_eq(&SubnetKey::of(seed), &SubnetKey::of(seed)));
    }

    #[test]
    fn each_node_has_its_own_reproducible_key_and_the_id_of_that_key() {
        let key = SubnetKey::of([5; 32]);
        let [node, again, other] = [0, 0, 1].map(|number| key.node(number));
        assert_eq!(node.public_der, again.public_der);
        assert_ne!(node.public_der, other.public_der);
        assert_eq!(node.node_id, Principal::self_authenticating(&node.public_der));
        let public = ic_ed25519::PublicKey::deserialize_rfc8410_der(&node.public_der)
            .expect("it is in DER form");
        assert!(public.verify_signature(b"an answer", &node.sign(b"an answer")).is_ok());
        assert!(public.verify_signature(b"an answer", &other.sign(b"an answer")).is_err());
    }

    #[test]
    fn a_subnet_id_is_the_self_authenticating_principal_of_the_public_key() {
        let key = SubnetKey::of([4; 32]);
        let mut id = Sha224::digest(key.public_key_der()).to_vec();
        id.push(2);
        assert_eq!(key.subnet_id().as_slice(), id);
    }
}
