//! State trees and what is revealed of them.
//!
//! Labels are sorted, and the branches of a node are forked so that every left side is complete, as
//! in `canonical_state/src/lib.rs` of the replica's repository.

use ic_certification::hash_tree::{fork_hash, labeled_hash, leaf_hash};
use ic_certification::{Hash, HashTree, empty, fork, labeled, leaf, pruned};
use std::collections::BTreeMap;

/// A label on a path.
pub type Label = Vec<u8>;

/// What a tree has where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A value.
    Leaf(Vec<u8>),
    /// Labels, each with a tree.
    Node(Node),
    /// A part of which only the hash is kept. Whoever looks into it has to make it again.
    Stub(Hash),
}

/// Labels in order, each with a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    branches: Vec<(Label, Tree)>,
    /// Hashes of the complete blocks of 2⁰, 2¹, 2², … branches.
    hashes: Vec<Vec<Hash>>,
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
        let mut branches: Vec<(Label, Self)> =
            branches.into_iter().map(|(label, tree)| (label.into(), tree)).collect();
        branches.sort_by(|(one, _), (other, _)| one.cmp(other));
        let first = branches.iter().map(|(label, tree)| labeled_hash(label, &tree.digest()));
        let mut hashes: Vec<Vec<Hash>> = vec![first.collect()];
        while let Some(blocks) = hashes.last().filter(|blocks| blocks.len() > 1) {
            let pairs = blocks.chunks_exact(2);
            let next = pairs.map(|pair| fork_hash(&pair[0], &pair[1])).collect();
            hashes.push(next);
        }
        Self::Node(Node { branches, hashes })
    }

    /// The hash of all of it.
    pub fn digest(&self) -> Hash {
        match self {
            Self::Leaf(value) => leaf_hash(value),
            Self::Node(node) => node.digest(),
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
                let shown = node.shown(wanted);
                node.reveal_block(0, node.branches.len(), &shown, stubs, path)
            }
        }
    }
}

/// The branches of a node that are not pruned, by their numbers: with what is wanted below them, or
/// with their label alone.
type Shown<'a> = BTreeMap<usize, Option<&'a Wanted>>;

impl Node {
    fn digest(&self) -> Hash {
        match self.branches.len() {
            0 => empty().digest(),
            count => self.block_digest(0, count),
        }
    }

    /// The hash of some branches, of which there are as many as a complete block has, or which are the
    /// last ones.
    fn block_digest(&self, first: usize, count: usize) -> Hash {
        if count.is_power_of_two() {
            return self.hashes[count.ilog2() as usize][first / count];
        }
        let left = left_side(count);
        fork_hash(&self.block_digest(first, left), &self.block_digest(first + left, count - left))
    }

    fn shown<'a>(&self, wanted: &'a Wanted) -> Shown<'a> {
        let mut shown = Shown::new();
        match wanted {
            Wanted::All => {
                shown.extend((0..self.branches.len()).map(|number| (number, Some(wanted))))
            }
            Wanted::Below(labels) => {
                for (label, below) in labels {
                    match self.branches.binary_search_by(|(there, _)| there.cmp(label)) {
                        Ok(number) => {
                            shown.insert(number, Some(below));
                        }
                        Err(after) => {
                            let neighbours = after.saturating_sub(1)..=after;
                            for number in neighbours.filter(|number| *number < self.branches.len())
                            {
                                shown.entry(number).or_insert(None);
                            }
                        }
                    }
                }
            }
        }
        shown
    }

    fn reveal_block<'a>(
        &'a self,
        first: usize,
        count: usize,
        shown: &Shown<'a>,
        stubs: &impl Expand,
        path: &mut Vec<&'a [u8]>,
    ) -> HashTree {
        if shown.range(first..first + count).next().is_none() {
            return pruned(self.block_digest(first, count));
        }
        if count > 1 {
            let left = left_side(count);
            return fork(
                self.reveal_block(first, left, shown, stubs, path),
                self.reveal_block(first + left, count - left, shown, stubs, path),
            );
        }
        let (label, tree) = &self.branches[first];
        let below = match shown[&first] {
            None => pruned(tree.digest()),
            Some(wanted) => {
                path.push(label);
                let below = tree.reveal_below(wanted, stubs, path);
                path.pop();
                below
            }
        };
        labeled(label.as_slice(), below)
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
