//! What an inter-canister call costs: against the same Wasm without a replica, and by the thousand.
//!
//! `cargo bench --profile dev -p embedded-replica --bench call`

#[path = "fixture/bare.rs"]
mod bare;
mod fixture;

use bare::Bare;
use criterion::{Criterion, criterion_group, criterion_main};
use fixture::{Modules, Pair, medians, micros, ratio};
use std::hint::black_box;

/// Sequential calls within one subnet that one round has room for.
const CALLS: u64 = 90;

/// Two pairs, since neither alone would be fair: with `ic-cdk` most of the bare time is the
/// canisters' own code, which every user has; with the minimal pair nearly all is entering Wasm, so
/// that the ratio shows the replica's part alone.
///
/// One message from outside that makes [`CALLS`] calls, each of them a request, its execution, the
/// response and the callback, against the same entry points of the same modules without a replica.
fn against_bare_wasmtime(c: &mut Criterion) {
    println!("\none inter-canister call, {CALLS} in a row");
    for modules in [Modules::rust(), Modules::minimal()] {
        let mut pair = Pair::new(&modules, 1);
        let mut bare = Bare::new(&modules);
        let [replica, alone] = medians(200, |turn| match turn {
            0 => pair.sequential(CALLS),
            _ => bare.sequential(CALLS),
        })
        .map(|time| time / CALLS as u32);
        println!(
            "  {:8} replica {:6.2} us, bare wasmtime {:6.2} us, RATIO {:.1}",
            modules.name,
            micros(replica),
            micros(alone),
            ratio(replica, alone)
        );
        let mut group = c.benchmark_group(format!("{CALLS} calls, {}", modules.name));
        group.sample_size(20);
        group.bench_function("replica", |b| b.iter(|| pair.sequential(black_box(CALLS))));
        group.bench_function("bare wasmtime", |b| b.iter(|| bare.sequential(black_box(CALLS))));
        group.finish();
    }
}

fn many_calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("sequential calls");
    group.sample_size(10);
    for (name, subnets, calls) in [("2000, one subnet", 1, 2_000), ("90, two subnets", 2, 90)] {
        let mut pair = Pair::new(&Modules::rust(), subnets);
        group.bench_function(name, |b| b.iter(|| pair.sequential(black_box(calls))));
    }
    group.finish();
}

criterion_group!(benches, against_bare_wasmtime, many_calls);
criterion_main!(benches);
