//! Time of an inter-canister call: compared with the same Wasm without a replica, with and without a listener to its
//! events, and for thousands of calls.
//!
//! `cargo bench --profile dev -p embedded-replica --bench call`

#[path = "fixture/bare.rs"]
mod bare;
mod fixture;

use bare::Bare;
use criterion::{Criterion, criterion_group, criterion_main};
use fixture::{Modules, Pair, medians, micros, ratio};
use std::hint::black_box;

/// Sequential calls within one subnet that fit into one round.
const CALLS: u64 = 90;

/// Compares the replica with wasmtime alone.
///
/// The replica executes one ingress message that makes [`CALLS`] calls. A call is a request, its
/// execution, the response, and the callback. Wasmtime alone executes the same entry points of the same
/// modules.
///
/// There are two canister pairs, because one alone would mislead. With the pair of `ic-cdk`, which is what
/// users run, most of the time without a replica is the canisters' own code. With the minimal pair, most of
/// that time is entering Wasm, so the ratio shows the overhead of the replica.
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

/// Compares a network to whose events nobody listens with one that has a listener. The first one makes no events.
fn with_a_listener(_: &mut Criterion) {
    println!(
        "\none inter-canister call with and without a listener to its events, {CALLS} in a row"
    );
    for modules in [Modules::rust(), Modules::minimal()] {
        let [mut unheard, mut heard] = [(); 2].map(|()| Pair::new(&modules, 1));
        let events = heard.instance.listen();
        let [nobody, somebody] = medians(200, |turn| match turn {
            0 => unheard.sequential(CALLS),
            _ => {
                heard.sequential(CALLS);
                events.try_iter().for_each(drop);
            }
        })
        .map(|time| time / CALLS as u32);
        println!(
            "  {:8} nobody listens {:6.2} us, somebody listens {:6.2} us, RATIO {:.2}",
            modules.name,
            micros(nobody),
            micros(somebody),
            ratio(somebody, nobody)
        );
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

criterion_group!(benches, against_bare_wasmtime, with_a_listener, many_calls);
criterion_main!(benches);
