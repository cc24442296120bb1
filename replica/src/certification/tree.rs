//! State trees, and the pruned hash trees that reveal parts of them.
//!
//! The labels of a node are sorted. The branches of a node form a binary tree of forks whose left sides
//! are complete, as in `canonical_state/src/lib.rs` of the replica's repository.

use ic_certification::hash_tree::{fork_hash, labeled_hash, leaf_hash};
use ic_certification::{Hash, HashTree, empty, fork, labeled, leaf, pruned};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A label on a path.
pub type Label = Vec<u8>;

/// A state tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A value.
    Leaf(Vec<u8>),
    /// Labelled subtrees.
    Node(Node),
    /// Labelled subtrees, divided into several nodes.
    Blocks(Blocks),
    /// A subtree of which only the hash is kept. [`Expand`] builds it again on demand.
    Stub(Hash),
}

/// Labelled subtrees, sorted by label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    branches: Vec<(Label, Tree)>,
    /// The hashes of the branches.
    hashes: Hashes,
}

/// Several nodes that together form one node. All labels of a node are less than those of the next one.
/// A change in one node does not change the hashes of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// The nodes. None of them is empty.
    nodes: Vec<Arc<Node>>,
    /// The hashes of the nodes.
    hashes: Hashes,
}

/// The hashes in a binary tree of forks: for each power of two, the hashes of all complete blocks of
/// that many items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hashes(Vec<Vec<Hash>>);

impl Hashes {
    fn of(things: Vec<Hash>) -> Self {
        let mut hashes = vec![things];
        while let Some(blocks) = hashes.last().filter(|blocks| blocks.len() > 1) {
            let pairs = blocks.chunks_exact(2);
            let next = pairs.map(|pair| fork_hash(&pair[0], &pair[1])).collect();
            hashes.push(next);
        }
        Self(hashes)
    }

    /// The hash of `count` items from `first`. They must be a complete block or the last items. No items
    /// have the hash of an empty tree.
    fn block(&self, first: usize, count: usize) -> Hash {
        if count == 0 {
            return empty().digest();
        }
        if count.is_power_of_two() {
            return self.0[count.ilog2() as usize][first / count];
        }
        let left = left_side(count);
        fork_hash(&self.block(first, left), &self.block(first + left, count - left))
    }
}

/// The parts of a tree that are to be revealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The whole tree.
    All,
    /// Parts of the subtrees with these labels.
    Below(BTreeMap<Label, Selection>),
}

/// Supplies the contents of the stubs of a tree.
pub trait Expand {
    /// Builds the tree that the stub at `path` replaces.
    fn expand(&self, path: &[&[u8]]) -> Tree;
}

impl Tree {
    /// Builds a tree from its branches, which may be in any order.
    pub fn node<L: Into<Label>>(branches: impl IntoIterator<Item = (L, Self)>) -> Self {
        Self::Node(Node::new(branches))
    }

    /// Builds a tree from several nodes. The nodes must be sorted by their labels.
    pub fn blocks(nodes: impl IntoIterator<Item = Arc<Node>>) -> Self {
        let nodes: Vec<_> = nodes.into_iter().filter(|node| !node.branches.is_empty()).collect();
        let hashes = Hashes::of(nodes.iter().map(|node| node.digest()).collect());
        Self::Blocks(Blocks { nodes, hashes })
    }

    /// The root hash of the tree.
    pub fn digest(&self) -> Hash {
        match self {
            Self::Leaf(value) => leaf_hash(value),
            Self::Node(node) => node.digest(),
            Self::Blocks(blocks) => blocks.hashes.block(0, blocks.nodes.len()),
            Self::Stub(hash) => *hash,
        }
    }

    /// The pruned hash tree that reveals the selected parts. If a selected label does not exist, the hash tree
    /// also has the labels next to it, which prove that it is absent. Expands stubs on demand.
    pub fn reveal(&self, selection: &Selection, stubs: &impl Expand) -> HashTree {
        self.reveal_below(selection, stubs, &mut Vec::new())
    }

    fn reveal_below<'a>(
        &'a self,
        selection: &'a Selection,
        stubs: &impl Expand,
        path: &mut Vec<&'a [u8]>,
    ) -> HashTree {
        match self {
            Self::Leaf(value) => leaf(value.as_slice()),
            Self::Stub(hash) => {
                let whole = stubs.expand(path);
                debug_assert_eq!(
                    whole.digest(),
                    *hash,
                    "a stub has the hash of what it stands for"
                );
                whole.reveal_below(selection, stubs, &mut path.clone())
            }
            Self::Node(node) if node.branches.is_empty() => empty(),
            Self::Node(node) => {
                let shown = shown(&[node], selection);
                node.reveal(shown.get(&0), stubs, path)
            }
            Self::Blocks(blocks) if blocks.nodes.is_empty() => empty(),
            Self::Blocks(blocks) => {
                let nodes: Vec<&Node> = blocks.nodes.iter().map(Arc::as_ref).collect();
                let shown = shown(&nodes, selection);
                let all = (0, nodes.len());
                reveal_forked(all, &blocks.hashes, &shown, &mut |number| {
                    nodes[number].reveal(shown.get(&number), stubs, path)
                })
            }
        }
    }
}

/// The branches of a node that are not pruned, by their numbers. The value is the selected part of the
/// subtree, or `None` if only the label is shown.
type Shown<'a> = BTreeMap<usize, Option<&'a Selection>>;

/// The branches that are not pruned, for each of several nodes that form one node.
fn shown<'a>(nodes: &[&Node], selection: &'a Selection) -> BTreeMap<usize, Shown<'a>> {
    let mut shown: BTreeMap<usize, Shown<'a>> = BTreeMap::new();
    let Selection::Below(labels) = selection else {
        let all = |node: &&Node| (0..node.branches.len()).map(|at| (at, Some(selection))).collect();
        return nodes.iter().map(all).enumerate().collect();
    };
    for (label, below) in labels {
        // The node that has the label or the next greater label.
        let number = nodes.partition_point(|node| node.last_label() < label);
        let place = nodes.get(number).map_or(Err(0), |node| node.find(label));
        match place {
            Ok(at) => {
                shown.entry(number).or_default().insert(at, Some(below));
            }
            Err(after) => {
                let before = match after.checked_sub(1) {
                    Some(at) => Some((number, at)),
                    None => {
                        number.checked_sub(1).map(|left| (left, nodes[left].branches.len() - 1))
                    }
                };
                let after = (number < nodes.len()).then_some((number, after));
                for (number, at) in [before, after].into_iter().flatten() {
                    shown.entry(number).or_default().entry(at).or_insert(None);
                }
            }
        }
    }
    shown
}

/// The hash tree of `count` items from `first`. Reveals the items in `shown` and prunes the others.
fn reveal_forked<T>(
    (first, count): (usize, usize),
    hashes: &Hashes,
    shown: &BTreeMap<usize, T>,
    reveal: &mut dyn FnMut(usize) -> HashTree,
) -> HashTree {
    if shown.range(first..first + count).next().is_none() {
        return pruned(hashes.block(first, count));
    }
    if count == 1 {
        return reveal(first);
    }
    let left = left_side(count);
    fork(
        reveal_forked((first, left), hashes, shown, reveal),
        reveal_forked((first + left, count - left), hashes, shown, reveal),
    )
}

impl Node {
    /// Builds a node from its branches, which may be in any order.
    pub fn new<L: Into<Label>>(branches: impl IntoIterator<Item = (L, Tree)>) -> Self {
        let mut branches: Vec<(Label, Tree)> =
            branches.into_iter().map(|(label, tree)| (label.into(), tree)).collect();
        branches.sort_by(|(one, _), (other, _)| one.cmp(other));
        let hash = |(label, tree): &(Label, Tree)| labeled_hash(label, &tree.digest());
        let hashes = Hashes::of(branches.iter().map(hash).collect());
        Self { branches, hashes }
    }

    fn digest(&self) -> Hash {
        self.hashes.block(0, self.branches.len())
    }

    fn last_label(&self) -> &Label {
        static NONE: Label = Label::new();
        self.branches.last().map_or(&NONE, |(label, _)| label)
    }

    fn find(&self, label: &Label) -> Result<usize, usize> {
        self.branches.binary_search_by(|(there, _)| there.cmp(label))
    }

    /// The hash tree of the node with the branches in `shown`. Pruned if `shown` is `None`.
    fn reveal<'a>(
        &'a self,
        shown: Option<&Shown<'a>>,
        stubs: &impl Expand,
        path: &mut Vec<&'a [u8]>,
    ) -> HashTree {
        let Some(shown) = shown else { return pruned(self.digest()) };
        let all = (0, self.branches.len());
        reveal_forked(all, &self.hashes, shown, &mut |number| {
            let (label, tree) = &self.branches[number];
            let below = match shown[&number] {
                None => pruned(tree.digest()),
                Some(selection) => {
                    path.push(label);
                    let below = tree.reveal_below(selection, stubs, path);
                    path.pop();
                    below
                }
            };
            labeled(label.as_slice(), below)
        })
    }
}

/// The number of branches on the left side of a fork with `count` branches, which must be more than one.
const fn left_side(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

impl Selection {
    /// Selects nothing.
    pub const fn nothing() -> Self {
        Self::Below(BTreeMap::new())
    }

    /// Adds the subtree at `path` to the selection.
    pub fn add<L: AsRef<[u8]>>(&mut self, path: impl IntoIterator<Item = L>) {
        let mut place = self;
        for label in path {
            let Self::Below(labels) = place else { return };
            place = labels.entry(label.as_ref().to_vec()).or_insert_with(Self::nothing);
        }
        *place = Self::All;
    }
}

#[cfg(test)]
mod tests;
