//! Benchmarks for the command line tool `canbench`, as an author writes them. The tool calls each of them once, as a
//! query, and prints how many instructions it used.

#![allow(missing_docs, reason = "the attributes generate functions without")]

use std::cell::RefCell;
use std::collections::BTreeMap;

use canbench_rs::{BenchResult, bench, bench_fn, bench_scope};
use ic_stable_structures::{DefaultMemoryImpl, StableBTreeMap};

thread_local! {
    static MAP: RefCell<StableBTreeMap<u64, u64, DefaultMemoryImpl>> =
        RefCell::new(StableBTreeMap::init(DefaultMemoryImpl::default()));
}

/// A sequence of numbers without a visible order, the same in each run.
fn numbers(count: usize) -> impl Iterator<Item = u64> {
    let next = |n: &u64| Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    std::iter::successors(Some(1), next).take(count)
}

/// Fills a map in stable memory, and looks each key up.
#[bench(raw)]
fn stable_map() -> BenchResult {
    bench_fn(|| {
        MAP.with_borrow_mut(|map| {
            {
                let _filling = bench_scope("fill");
                numbers(5_000).for_each(|key| {
                    map.insert(key, key);
                });
            }
            let _looking_up = bench_scope("look_up");
            numbers(5_000).filter(|key| map.contains_key(key)).count()
        })
    })
}

/// Fills a map on the heap.
#[bench(raw)]
fn heap_map() -> BenchResult {
    let keys: Vec<u64> = numbers(20_000).collect();
    bench_fn(|| keys.iter().map(|key| (*key, *key)).collect::<BTreeMap<u64, u64>>().len())
}

/// Sorts numbers: the whole function is measured.
#[bench]
fn sort() {
    let mut sorted: Vec<u64> = numbers(20_000).collect();
    sorted.sort();
    assert!(sorted.is_sorted());
}
