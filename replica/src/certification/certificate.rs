//! Certificates: a pruned state tree with the signature of the subnet, and the delegation by which the
//! root subnet certifies the subnet's key.

use super::encoding::cbor;
use super::state::{Contents, Hashes, topology};
use super::tree::{Expand, Selection, Tree};
use crate::keys::SubnetKey;
use crate::limits::{CERTIFIED_STATE_AGE_MAX_NANOS, DELEGATION_AGE_MAX_NANOS};
use crate::subnet::Subnet;
use crate::system_api::DataCertificate;
use crate::topology::SubnetInfo;
use crate::types::{CanisterId, SubnetId, Time};
use ic_certification::{Certificate, Delegation, Hash, HashTree};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

/// The domain separator before the root hash in the signed bytes (interface specification,
/// "Certification").
const STATE_ROOT_DOMAIN: &[u8] = b"\x0Dic-state-root";

/// The subnets of the network, and the root key that certifies their keys.
#[derive(Clone, Copy, Debug)]
pub struct Topology<'a> {
    /// All subnets.
    pub subnets: &'a [SubnetInfo],
    /// The root key.
    pub root_key: &'a SubnetKey,
}

/// Creates certificates. Caches state trees and their signatures until a subnet has a new state, and
/// delegations for [`DELEGATION_AGE_MAX_NANOS`] while the topology stays the same.
#[derive(Debug, Default)]
pub struct Certification {
    states: BTreeMap<SubnetId, State>,
    delegations: BTreeMap<SubnetId, (Time, Arc<Delegation>)>,
}

/// The latest certified state of a subnet.
#[derive(Debug)]
struct State {
    rounds: u64,
    time: Time,
    tree: Tree,
    hashes: Hashes,
    signature: Signature,
}

/// A signature that is computed on first use.
type Signature = Arc<OnceLock<Vec<u8>>>;

impl State {
    /// Whether this is still the state of the subnet, and not too old to be used again.
    fn is_of(&self, subnet: &Subnet) -> bool {
        let age = subnet.time().nanos_since(self.time);
        self.rounds == subnet.rounds() && age < CERTIFIED_STATE_AGE_MAX_NANOS
    }

    fn of(subnet: &Subnet, topology: Topology<'_>, mut hashes: Hashes) -> Self {
        Self {
            rounds: subnet.rounds(),
            time: subnet.time(),
            tree: hashes.tree(subnet, topology.subnets),
            hashes,
            signature: Signature::default(),
        }
    }
}

/// A certificate before its signature is computed.
struct Unsigned {
    tree: HashTree,
    key: Arc<SubnetKey>,
    signature: Signature,
    delegation: Option<Arc<Delegation>>,
}

impl Unsigned {
    /// Signs and encodes the certificate.
    fn sign(self) -> Vec<u8> {
        let sign = || sign(&self.key, self.tree.digest());
        let signature = self.signature.get_or_init(sign).clone();
        let delegation = self.delegation.map(|delegation| (*delegation).clone());
        cbor(&Certificate { tree: self.tree, signature, delegation })
    }
}

impl Certification {
    /// Clears all caches. Required after a change of the topology, and after a change of a subnet's state
    /// that is not part of a round.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Returns an encoded certificate that reveals the selected parts of a subnet's state and its time.
    pub fn certify(
        &mut self,
        subnet: &Subnet,
        topology: Topology<'_>,
        selection: Selection,
    ) -> Vec<u8> {
        self.unsigned(subnet, topology, selection).sign()
    }

    /// Returns the certificate for a canister's certified data. It is signed when the canister reads it.
    pub fn data_certificate(
        &mut self,
        subnet: &Subnet,
        topology: Topology<'_>,
        canister: CanisterId,
    ) -> DataCertificate {
        let mut selection = Selection::nothing();
        selection.add([b"canister".as_slice(), canister.as_slice(), b"certified_data"]);
        let unsigned = self.unsigned(subnet, topology, selection);
        Arc::new(LazyLock::new(Box::new(|| unsigned.sign())))
    }

    fn unsigned(
        &mut self,
        subnet: &Subnet,
        topology: Topology<'_>,
        mut selection: Selection,
    ) -> Unsigned {
        selection.add([b"time"]);
        let id = subnet.config().id;
        let state = match self.states.remove(&id) {
            Some(state) if state.is_of(subnet) => state,
            earlier => {
                let hashes = earlier.map(|state| state.hashes).unwrap_or_default();
                State::of(subnet, topology, hashes)
            }
        };
        let contents = Contents { subnet, hashes: &state.hashes };
        let tree = state.tree.reveal(&selection, &contents);
        let signature = state.signature.clone();
        self.states.insert(id, state);
        let delegation = self.delegation(id, topology, subnet.time());
        Unsigned { tree, key: subnet.config().key.clone(), signature, delegation }
    }

    /// The delegation of the root subnet to another subnet: it certifies the key and the canister ranges of
    /// that subnet. The root subnet itself needs none.
    fn delegation(
        &mut self,
        subnet: SubnetId,
        topology: Topology<'_>,
        now: Time,
    ) -> Option<Arc<Delegation>> {
        if subnet == topology.root_key.subnet_id() {
            return None;
        }
        let made = || (now, Arc::new(delegation(subnet, topology, now)));
        let (time, delegation) = self.delegations.entry(subnet).or_insert_with(made);
        if now.nanos_since(*time) >= DELEGATION_AGE_MAX_NANOS {
            (*time, *delegation) = made();
        }
        Some(delegation.clone())
    }
}

/// Signs the root hash of a state tree.
fn sign(key: &SubnetKey, root: Hash) -> Vec<u8> {
    key.sign(&[STATE_ROOT_DOMAIN, &root].concat()).into()
}

/// Creates a delegation. Its certificate is for a state tree of the root subnet that has only the parts
/// that a delegation reveals.
fn delegation(
    subnet: SubnetId,
    Topology { subnets, root_key }: Topology<'_>,
    now: Time,
) -> Delegation {
    let time = Tree::Leaf(super::encoding::leb128(now.as_nanos()));
    let state =
        Tree::node(topology(subnets.iter(), |_| Vec::new()).into_iter().chain([("time", time)]));
    let mut selection = Selection::nothing();
    let id = subnet.as_slice();
    selection.add([b"time"]);
    selection.add([b"subnet".as_slice(), id, b"public_key"]);
    selection.add([b"subnet".as_slice(), id, b"canister_ranges"]);
    selection.add([b"canister_ranges".as_slice(), id]);
    let tree = state.reveal(&selection, &NoStubs);
    let signature = sign(root_key, tree.digest());
    let certificate = Certificate { tree, signature, delegation: None };
    Delegation { subnet_id: id.to_vec(), certificate: cbor(&certificate) }
}

/// An [`Expand`] for trees without stubs.
struct NoStubs;

impl Expand for NoStubs {
    fn expand(&self, _: &[&[u8]]) -> Tree {
        panic!("the tree has no stubs")
    }
}
