//! Time of certificates.
//!
//! `cargo bench --profile dev -p embedded-replica --bench certify`

mod fixture;

use candid::{Encode, Principal};
use criterion::{Criterion, criterion_group, criterion_main};
use embedded_replica::certification::{Reader, Scope};
use embedded_replica::keys::SubnetKey;
use fixture::{Modules, Pair, micros, update};
use std::hint::black_box;
use std::time::Instant;

/// Numbers of responses to ingress messages that a subnet keeps when its state is certified.
const ANSWERS: [usize; 3] = [0, 1_000, 10_000];

fn signature(c: &mut Criterion) {
    let key = SubnetKey::of([1; 32]);
    c.bench_function("a signature", |b| b.iter(|| key.sign(black_box(&[7; 45]))));
}

/// Measures a certificate of a new state, and a second certificate of the same state. Before each
/// measurement, a round executes one update call; its time is not measured.
fn certificates(_: &mut Criterion) {
    println!("\na certificate for the time");
    let nobody = Reader { principal: Principal::anonymous(), targets: None };
    for answers in ANSWERS {
        let Pair { mut instance, callee, .. } = Pair::new(&Modules::minimal(), 2);
        let nothing = Encode!().expect("it is Candid");
        for _ in 0..answers {
            update(&mut instance, callee, "ping", nothing.clone());
        }
        let mut times = [vec![], vec![]];
        for _ in 0..50 {
            update(&mut instance, callee, "ping", nothing.clone());
            for times in &mut times {
                let start = Instant::now();
                let read = instance.read_state(Scope::Canister(callee), &[], &nobody);
                black_box(read.expect("everybody may read the time"));
                times.push(start.elapsed());
            }
        }
        let [first, again] = times.map(|mut times| {
            times.sort();
            times[times.len() / 2]
        });
        println!(
            "  {answers:6} responses kept: {:7.1} us for a new state, {:6.1} us for the same state again",
            micros(first),
            micros(again)
        );
    }
}

criterion_group!(benches, signature, certificates);
criterion_main!(benches);
