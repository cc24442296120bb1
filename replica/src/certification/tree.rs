//! State trees and what is revealed of them.
//!
//! Labels are sorted, and the branches of a node are forked so that every left side is complete, as
//! in `canonical_state/src/lib.rs` of the replica's repository.

use ic_certification::hash_tree::{fork_hash, labeled_hash, leaf_hash};
use ic_certification::{Hash, HashTree, empty, fork, labeled, leaf, pruned};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A label on a path.
pub type Label = Vec<u8>;

/// What a tree has where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A value.
    Leaf(Vec<u8>),
    /// Labels, each with a tree.
    Node(Node),
    /// The same in several parts.
    Blocks(Blocks),
    /// A part of which only the hash is kept. Whoever looks into it has to make it again.
    Stub(Hash),
}

/// Labels in order, each with a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    branches: Vec<(Label, Tree)>,
    /// Of the branches.
    hashes: Hashes,
}

/// Nodes that make one together, the labels of each before those of the next. So a change in one
/// leaves the hashes of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// They have branches.
    nodes: Vec<Arc<Node>>,
    /// Of the nodes.
    hashes: Hashes,
}

/// Hashes of the complete blocks of 2⁰, 2¹, 2², … things that are forked.
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

    /// The hash of some of the things, of which there are as many as a complete block has, or which
    /// are the last ones; of none of them, that of an empty tree.
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

/// What is asked for of a tree: below each label, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Everything.
    All,
    /// What is below these labels.
    Below(BTreeMap<Label, Wanted>),
}

/// Makes the parts of a tree that are stubs.
pub trait Expand {
    /// The tree a stub stands for, which a path leads to.
    fn expand(&self, path: &[&[u8]]) -> Tree;
}

impl Tree {
    /// The tree with these branches, in any order.
    pub fn node<L: Into<Label>>(branches: impl IntoIterator<Item = (L, Self)>) -> Self {
        Self::Node(Node::new(branches))
    }

    /// The tree with the branches of several nodes, which are in order.
    pub fn blocks(nodes: impl IntoIterator<Item = Arc<Node>>) -> Self {
        let nodes: Vec<_> = nodes.into_iter().filter(|node| !node.branches.is_empty()).collect();
        let hashes = Hashes::of(nodes.iter().map(|node| node.digest()).collect());
        Self::Blocks(Blocks { nodes, hashes })
    }

    /// The hash of all of it.
    pub fn digest(&self) -> Hash {
        match self {
            Self::Leaf(value) => leaf_hash(value),
            Self::Node(node) => node.digest(),
            Self::Blocks(blocks) => blocks.hashes.block(0, blocks.nodes.len()),
            Self::Stub(hash) => *hash,
        }
    }

    /// The tree with what is wanted and no more, but for the labels beside those that are wanted and
    /// not there: they show that these are not there. Stubs are made whole as far as needed.
    pub fn reveal(&self, wanted: &Wanted, stubs: &impl Expand) -> HashTree {
        self.reveal_below(wanted, stubs, &mut Vec::new())
    }

    fn reveal_below<'a>(
        &'a self,
        wanted: &'a Wanted,
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
                whole.reveal_below(wanted, stubs, &mut path.clone())
            }
            Self::Node(node) if node.branches.is_empty() => empty(),
            Self::Node(node) => {
                let shown = shown(&[node], wanted);
                node.reveal(shown.get(&0), stubs, path)
            }
            Self::Blocks(blocks) if blocks.nodes.is_empty() => empty(),
            Self::Blocks(blocks) => {
                let nodes: Vec<&Node> = blocks.nodes.iter().map(Arc::as_ref).collect();
                let shown = shown(&nodes, wanted);
                let all = (0, nodes.len());
                reveal_forked(all, &blocks.hashes, &shown, &mut |number| {
                    nodes[number].reveal(shown.get(&number), stubs, path)
                })
            }
        }
    }
}

/// The branches of a node that are not pruned, by their numbers: with what is wanted below them, or
/// with their label alone.
type Shown<'a> = BTreeMap<usize, Option<&'a Wanted>>;

/// What is shown of nodes that make one together, by their numbers.
fn shown<'a>(nodes: &[&Node], wanted: &'a Wanted) -> BTreeMap<usize, Shown<'a>> {
    let mut shown: BTreeMap<usize, Shown<'a>> = BTreeMap::new();
    let Wanted::Below(labels) = wanted else {
        let all = |node: &&Node| (0..node.branches.len()).map(|at| (at, Some(wanted))).collect();
        return nodes.iter().map(all).enumerate().collect();
    };
    for (label, below) in labels {
        // The node in which the label is, or that of the next label.
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

/// Some of several things that are forked, of which those that are shown are revealed.
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
    /// The node with these branches, in any order.
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

    /// The node with what is shown of it, if anything.
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
                Some(wanted) => {
                    path.push(label);
                    let below = tree.reveal_below(wanted, stubs, path);
                    path.pop();
                    below
                }
            };
            labeled(label.as_slice(), below)
        })
    }
}

/// How many of this many branches, of which there are more than one, are on the left side of a fork.
const fn left_side(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

impl Wanted {
    /// Nothing.
    pub const fn nothing() -> Self {
        Self::Below(BTreeMap::new())
    }

    /// Wants what is below a path, too.
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
