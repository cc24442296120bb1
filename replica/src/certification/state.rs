//! The state tree of a subnet.
//!
//! A tree is built once for each state. For large parts it contains only hashes, as stubs; the subnet
//! supplies the contents when a certificate has to reveal them. Unchanged hashes are reused for the next
//! tree: those of responses to ingress messages, those of metadata, and those of all ingress messages
//! whose ids begin with the same byte.

use super::encoding::{cbor, leb128, principals, ranges};
use super::tree::{Expand, Label, Node, Tree};
use crate::canister::Canister;
use crate::error::{UserError, reject_code};
use crate::keys::SubnetKey;
use crate::subnet::{IngressRecord, IngressState, Metrics, Subnet};
use crate::topology::{SubnetInfo, SubnetKind};
use crate::types::{CanisterId, MessageId, SubnetId};
use candid::Principal;
use ciborium::Value;
use ic_certification::Hash;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most ranges of canister ids in one leaf
/// (`canonical_state/src/lazy_tree_conversion.rs`, `MAX_RANGES_PER_ROUTING_TABLE_LEAF`).
const RANGES_PER_LEAF: usize = 5;

/// Hashes that are reused from one state to the next.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    /// The hashes of ingress messages, by the first byte of the message ids.
    requests: BTreeMap<u8, Requests>,
    /// The hashes of the metadata of modules, by the hash of the module.
    metadata: BTreeMap<Hash, Hash>,
    /// The tree with the keys of the subnet's nodes.
    nodes: Option<Tree>,
}

/// The part of a state tree with the ingress messages whose ids begin with the same byte.
#[derive(Debug, Default)]
struct Requests {
    /// The number of changes of these messages when `node` was built.
    changes: u64,
    /// The hashes of the messages that have a response. They do not change any more.
    answers: BTreeMap<MessageId, Hash>,
    node: Arc<Node>,
}

impl Requests {
    fn update(&mut self, changes: u64, subnet: &Subnet, byte: u8) {
        if std::mem::replace(&mut self.changes, changes) == changes {
            return;
        }
        let mut known = std::mem::take(&mut self.answers);
        self.node = Arc::new(Node::new(subnet.ingress_records(byte).map(|(id, record)| {
            let digest = known.remove(&id).unwrap_or_else(|| request(record).digest());
            if matches!(record.state, IngressState::Done(_)) {
                self.answers.insert(id, digest);
            }
            (id.0, Tree::Stub(digest))
        })));
    }
}

/// The part of a state tree that is the same on all subnets: the subnets of the network. `own` adds
/// branches to the entry of a subnet.
pub(super) fn topology<'a>(
    subnets: impl Iterator<Item = &'a SubnetInfo> + Clone,
    own: impl Fn(SubnetId) -> Vec<(&'static str, Tree)>,
) -> [(&'static str, Tree); 2] {
    let ranges_of = |info: &SubnetInfo| {
        let shards = info.place.canister_ranges.chunks(RANGES_PER_LEAF);
        Tree::node(shards.map(|shard| (shard[0].0.as_slice(), Tree::Leaf(ranges(shard)))))
    };
    let shards = subnets.clone().map(|info| (info.place.id.as_slice(), ranges_of(info)));
    let of_subnet = |info: &SubnetInfo| {
        Tree::node(own(info.place.id).into_iter().chain([
            ("canister_ranges", Tree::Leaf(ranges(&info.place.canister_ranges))),
            ("public_key", Tree::Leaf(info.place.key().public_key_der().into())),
            ("type", text(subnet_type(info.request.kind))),
        ]))
    };
    let subnet = subnets.clone().map(|info| (info.place.id.as_slice(), of_subnet(info)));
    [("canister_ranges", Tree::node(shards)), ("subnet", Tree::node(subnet))]
}

/// The type of a subnet (`canonical_state/src/lazy_tree_conversion.rs`, `subnet_type_as_string`).
fn subnet_type(kind: SubnetKind) -> &'static str {
    match kind {
        SubnetKind::CloudEngine => "cloud_engine",
        SubnetKind::VerifiedApplication => "verified_application",
        kind if kind.is_system() => "system",
        _ => "application",
    }
}

impl Hashes {
    /// Builds the state tree of `subnet`. `subnets` are all subnets of the network.
    pub(super) fn tree(&mut self, subnet: &Subnet, subnets: &[SubnetInfo]) -> Tree {
        let config = subnet.config();
        let nodes = self.nodes.get_or_insert_with(|| nodes(&config.key, config.nodes)).clone();
        let own = |id| match id == config.id {
            true => vec![("metrics", Tree::Leaf(metrics(subnet))), ("node", nodes.clone())],
            false => Vec::new(),
        };
        let canisters = self.canisters(subnet);
        let requests = self.requests(subnet);
        Tree::node(topology(subnets.iter(), own).into_iter().chain([
            ("api_boundary_nodes", Tree::node::<Label>([])),
            ("canister", canisters),
            ("request_status", requests),
            ("time", Tree::Leaf(leb128(subnet.time().as_nanos()))),
        ]))
    }

    fn canisters(&mut self, subnet: &Subnet) -> Tree {
        let mut known = std::mem::take(&mut self.metadata);
        Tree::node(subnet.canisters().map(|canister| {
            if let Some(hash) = canister.module_hash() {
                let made = || metadata(canister).digest();
                let digest = known.remove(&hash).unwrap_or_else(made);
                self.metadata.entry(hash).or_insert(digest);
            }
            (canister.id.as_slice(), Tree::Stub(self.canister(canister).digest()))
        }))
    }

    fn requests(&mut self, subnet: &Subnet) -> Tree {
        Tree::blocks(subnet.ingress_changes().map(|(byte, changes)| {
            let requests = self.requests.entry(byte).or_default();
            requests.update(changes, subnet, byte);
            requests.node.clone()
        }))
    }

    fn canister(&self, canister: &Canister) -> Tree {
        let controllers = Tree::Leaf(principals(&canister.settings.controllers));
        let mut branches = vec![("controllers", controllers)];
        if let Some(hash) = canister.module_hash() {
            branches.extend([
                ("certified_data", Tree::Leaf(canister.certified_data.clone())),
                ("metadata", Tree::Stub(self.metadata[&hash])),
                ("module_hash", Tree::Leaf(hash.into())),
            ]);
        }
        Tree::node(branches)
    }
}

/// The contents of the stubs of a subnet's tree. The subnet must still have the state that the tree was
/// built from.
pub(super) struct Contents<'a> {
    pub(super) subnet: &'a Subnet,
    pub(super) hashes: &'a Hashes,
}

impl Expand for Contents<'_> {
    fn expand(&self, path: &[&[u8]]) -> Tree {
        let canister = |id: &[u8]| {
            let id = CanisterId::from(Principal::from_slice(id));
            self.subnet.canister(id).expect("the canisters in the tree exist")
        };
        match path {
            [b"canister", id] => self.hashes.canister(canister(id)),
            [b"canister", id, b"metadata"] => metadata(canister(id)),
            [b"request_status", id] => {
                let id = MessageId((*id).try_into().expect("the labels are message ids"));
                let record = self.subnet.ingress_record(id);
                request(record.expect("the messages in the tree exist"))
            }
            _ => panic!("no other part of the tree is a stub"),
        }
    }
}

fn text(text: &str) -> Tree {
    Tree::Leaf(text.into())
}

fn metadata(canister: &Canister) -> Tree {
    let sections = canister.module().map(|module| &module.metadata);
    let sections = sections.into_iter().flatten();
    Tree::node(sections.map(|(name, section)| (name.as_str(), Tree::Leaf(section.content.clone()))))
}

fn nodes(key: &SubnetKey, count: u64) -> Tree {
    Tree::node((0..count).map(|number| {
        let node = key.node(number);
        let public_key = Tree::Leaf(node.public_der);
        (node.node_id.as_slice().to_vec(), Tree::node([("public_key", public_key)]))
    }))
}

/// The entry of an ingress message below `request_status`.
fn request(record: &IngressRecord) -> Tree {
    match &record.state {
        IngressState::Received => Tree::node([("status", text("received"))]),
        IngressState::Processing => Tree::node([("status", text("processing"))]),
        IngressState::Done(Ok(reply)) => {
            Tree::node([("status", text("replied")), ("reply", Tree::Leaf(reply.clone()))])
        }
        IngressState::Done(Err(failure)) => {
            let error = UserError::from(failure.clone());
            Tree::node([
                ("status", text("rejected")),
                ("error_code", text(&error.code_text())),
                ("reject_code", Tree::Leaf(leb128(reject_code(error.code) as u64))),
                ("reject_message", text(&error.description)),
            ])
        }
    }
}

/// The metrics of a subnet as a CBOR map with numbers as keys (`canonical_state/src/encoding/types.rs`,
/// `SubnetMetrics`).
fn metrics(subnet: &Subnet) -> Vec<u8> {
    let numbered =
        |values: Vec<Value>| Value::Map((0..).map(|name: u32| name.into()).zip(values).collect());
    let Metrics { canisters, state_bytes, consumed, transactions, .. } = subnet.metrics();
    let high = match (consumed >> 64) as u64 {
        0 => Value::Null,
        high => high.into(),
    };
    cbor(&numbered(vec![
        canisters.into(),
        state_bytes.into(),
        numbered(vec![(consumed as u64).into(), high]),
        transactions.into(),
    ]))
}
