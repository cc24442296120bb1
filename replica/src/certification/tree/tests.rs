//! Compares state trees with the example of the interface specification, and with lookups of the crate
//! `ic-certification`, which agents use.

use super::*;
use ic_certification::LookupResult;
use proptest::prelude::*;

/// An [`Expand`] for trees without stubs.
struct NoStubs;

impl Expand for NoStubs {
    fn expand(&self, path: &[&[u8]]) -> Tree {
        panic!("there is no stub at {path:?}")
    }
}

fn value(text: &str) -> Tree {
    Tree::Leaf(text.into())
}

fn selection(paths: &[&[&str]]) -> Selection {
    let mut selection = Selection::nothing();
    for path in paths {
        selection.add(*path);
    }
    selection
}

/// The values of the example in the interface specification ("Certification", "Example").
fn example() -> Tree {
    Tree::node([
        ("a", Tree::node([("x", value("hello")), ("y", value("world"))])),
        ("b", value("good")),
        ("c", Tree::node::<&str>([])),
        ("d", value("morning")),
    ])
}

/// Parses a hash in hexadecimal.
fn hash(digits: &str) -> Hash {
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("it is hex");
    std::array::from_fn(byte)
}

#[test]
fn hashes_equal_those_of_the_example_in_the_specification() {
    // The example has an empty tree next to `x`, which this module never builds. So the test takes the
    // hash of that part from the pruned tree in the example.
    let x = hash("1b4feff9bef8131788b0c9dc6dbad6e81e524249c879e9f10f71ce3749f5a638");
    let y = labeled_hash(b"y", &value("world").digest());
    let tree = Tree::node([
        ("d", value("morning")),
        ("c", Tree::node::<&str>([])),
        ("b", value("good")),
        ("a", Tree::Stub(fork_hash(&x, &y))),
    ]);
    let whole = "eb5c5b2195e62d996b84c9bcc8259d19a83786a2f59e0878cec84c811f669aa0";
    assert_eq!(tree.digest(), hash(whole));
    let good = "7b32ac0c6ba8ce35ac82c255fc7906f7fc130dab2a090f80fe12f9c2cae83ba6";
    assert_eq!(value("good").digest(), hash(good));
    let c = "ec8324b8a1f1ac16bd2e806edba78006479c9877fed4eb464a25485465af601d";
    assert_eq!(labeled_hash(b"c", &Tree::node::<&str>([]).digest()), hash(c));
}

#[test]
fn only_the_wanted_paths_are_revealed() {
    let tree = example();
    let shown = tree.reveal(&selection(&[&["a", "y"], &["d"]]), &NoStubs);
    assert_eq!(shown.digest(), tree.digest());
    assert_eq!(shown.lookup_path(["a", "y"]), LookupResult::Found(b"world"));
    assert_eq!(shown.lookup_path(["d"]), LookupResult::Found(b"morning"));
    for hidden in [&["a", "x"][..], &["b"]] {
        assert_eq!(shown.lookup_path(hidden), LookupResult::Unknown);
    }
    assert!(!format!("{shown:?}").contains("hello"));
}

#[test]
fn an_absent_path_is_proven_absent_without_revealing_values() {
    let tree = example();
    for absent in [&["a", "z"][..], &["A"], &["bb"], &["e"], &["a", "x", "y"], &["c", "x"]] {
        let shown = tree.reveal(&selection(&[absent]), &NoStubs);
        assert_eq!(shown.digest(), tree.digest());
        assert_eq!(shown.lookup_path(absent), LookupResult::Absent, "{absent:?}");
        assert!(!format!("{shown:?}").contains("good"), "{shown:?}");
    }
}

#[test]
fn the_whole_subtree_of_a_wanted_path_is_revealed() {
    let tree = example();
    let shown = tree.reveal(&selection(&[&["a"], &["a", "x"]]), &NoStubs);
    for (path, found) in [(["a", "x"], &b"hello"[..]), (["a", "y"], b"world")] {
        assert_eq!(shown.lookup_path(path), LookupResult::Found(found));
    }
    assert_eq!(tree.reveal(&Selection::All, &NoStubs).digest(), tree.digest());
    let nothing = tree.reveal(&Selection::nothing(), &NoStubs);
    assert_eq!(nothing, pruned(tree.digest()));
}

#[test]
fn a_stub_is_expanded_only_if_its_contents_are_revealed() {
    struct Whole(std::cell::Cell<u32>);
    impl Expand for Whole {
        fn expand(&self, path: &[&[u8]]) -> Tree {
            self.0.set(self.0.get() + 1);
            assert_eq!(path, [b"a".as_slice()]);
            Tree::node([("x", value("hello"))])
        }
    }
    let whole = Whole(Default::default());
    let hash = Tree::node([("x", value("hello"))]).digest();
    let tree = Tree::node([("a", Tree::Stub(hash)), ("b", Tree::Stub([0; 32]))]);
    let shown = tree.reveal(&selection(&[&["a", "x"], &["a", "y"]]), &whole);
    assert_eq!(whole.0.get(), 1);
    assert_eq!(shown.digest(), tree.digest());
    assert_eq!(shown.lookup_path(["a", "x"]), LookupResult::Found(b"hello"));
    assert_eq!(shown.lookup_path(["a", "y"]), LookupResult::Absent);
    assert_eq!(shown.lookup_path(["b"]), LookupResult::Unknown);
}

#[test]
fn left_sides_of_forks_are_complete() {
    let branches = |count: u8| Tree::node((0..count).map(|label| ([label], value("x"))));
    let Tree::Node(five) = branches(5) else { panic!("it has branches") };
    let Tree::Node(four) = branches(4) else { panic!("it has branches") };
    let last = labeled_hash(&[4], &value("x").digest());
    assert_eq!(five.digest(), fork_hash(&four.digest(), &last));
}

proptest! {
    /// In any tree, each selected label is either found or proven absent.
    #[test]
    fn wanted_labels_are_found_or_proven_absent(
        labels in prop::collection::btree_set(0..40u8, 0..30),
        asked in prop::collection::vec(0..40u8, 0..6),
        blocks in 0..12usize,
    ) {
        let node = |range: std::ops::Range<u8>| {
            let labels = labels.range(range);
            Node::new(labels.map(|label| ([*label], Tree::Leaf(vec![*label; 3]))))
        };
        let tree = match blocks {
            0 => Tree::Node(node(0..40)),
            _ => Tree::blocks((0..40).step_by(blocks).map(|first| {
                Arc::new(node(first..(first + blocks as u8).min(40)))
            })),
        };
        let mut selection = Selection::nothing();
        for label in &asked {
            selection.add([[*label]]);
        }
        let shown = tree.reveal(&selection, &NoStubs);
        prop_assert_eq!(shown.digest(), tree.digest());
        for label in 0..40 {
            let found = shown.lookup_path([[label]]);
            match (asked.contains(&label), labels.contains(&label)) {
                (true, true) => prop_assert_eq!(found, LookupResult::Found(&[label; 3])),
                (true, false) => prop_assert_eq!(found, LookupResult::Absent),
                (false, _) => prop_assert!(!matches!(found, LookupResult::Found(_))),
            }
        }
    }
}
