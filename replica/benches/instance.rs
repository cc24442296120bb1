//! Cost of instances: the time to create and drop one, the memory of an idle one, and the time of a tick of
//! an idle one.
//!
//! `cargo bench --profile dev -p embedded-replica --bench instance`

mod fixture;

use criterion::{Criterion, criterion_group, criterion_main};
use embedded_replica::instance::{Instance, InstanceConfig};
use fixture::{Modules, Pair, install, medians, micros, ratio, resident_bytes};

/// Number of idle canisters on one subnet.
const CANISTERS: u32 = 100;

/// Number of idle instances whose memory is measured.
const INSTANCES: usize = 200;

/// Measures memory. Runs before the other benchmarks, because their freed memory would distort the result.
fn memory(_: &mut Criterion) {
    let modules = Modules::rust();
    drop(Pair::new(&modules, 2));
    let Some(before) = resident_bytes() else {
        return println!("\nmemory per idle instance: not measured on this system");
    };
    let batch = || (0..INSTANCES).map(|_| Pair::new(&modules, 2)).collect::<Vec<_>>();
    let now = || resident_bytes().unwrap_or(before);
    let idle = batch();
    let with = now();
    drop(idle);
    let after = now();
    // The allocator reuses memory that it keeps. Leaked memory would add up.
    (0..4).for_each(|_| drop(batch()));
    let after_more = now();
    let each = |bytes: u64, count: usize| bytes / count as u64;
    println!(
        "\nmemory of {INSTANCES} idle instances of two subnets with both canisters\n  \
         {} BYTES PER INSTANCE; {} bytes of these stay resident after all are dropped; \
         creating and dropping more instances adds {} bytes for each of {}",
        each(with.saturating_sub(before), INSTANCES),
        each(after.saturating_sub(before), INSTANCES),
        each(after_more.saturating_sub(after), 4 * INSTANCES),
        4 * INSTANCES,
    );
}

fn create_and_drop(c: &mut Criterion) {
    let modules = Modules::rust();
    let instance = || Instance::new(InstanceConfig::with_application_subnets(2));
    let mut idle = Pair::new(&modules, 2);
    let [with_canisters, empty, tick] = medians(100, |turn| match turn {
        0 => drop(Pair::new(&modules, 2)),
        1 => drop(instance()),
        _ => idle.instance.tick(),
    });
    println!(
        "\nan instance of two subnets: create it, create both canisters, install them from the warm \
         cache, set them up, drop it\n  {:.2} ms, {:.0} TIMES a tick; without canisters {:.1} us; a tick with \
         both canisters idle {:.1} us",
        micros(with_canisters) / 1e3,
        ratio(with_canisters, tick),
        micros(empty),
        micros(tick),
    );
    let mut group = c.benchmark_group("instance");
    group.sample_size(30);
    group.bench_function("create, install both canisters, drop", |b| {
        b.iter(|| Pair::new(&modules, 2));
    });
    group.bench_function("create and drop, without canisters", |b| b.iter(instance));
    group.bench_function("tick two idle subnets", |b| b.iter(|| idle.instance.tick()));
    group.finish();
}

/// Measures the time of a tick of a subnet with idle canisters.
fn idle_canisters(c: &mut Criterion) {
    let modules = Modules::rust();
    let mut full = Instance::new(InstanceConfig::with_application_subnets(1))
        .expect("the configuration is valid");
    let subnet = full.subnets()[0].place.id;
    for number in 0..CANISTERS {
        install(&mut full, subnet, if number % 2 == 0 { &modules.caller } else { &modules.callee });
    }
    let mut empty = Instance::new(InstanceConfig::with_application_subnets(1))
        .expect("the configuration is valid");
    let [tick, without] = medians(1_000, |turn| match turn {
        0 => full.tick(),
        _ => empty.tick(),
    });
    println!(
        "\na tick of one subnet with {CANISTERS} idle canisters\n  {:.1} us, of which {:.2} us PER \
         CANISTER",
        micros(tick),
        micros(tick.saturating_sub(without)) / f64::from(CANISTERS),
    );
    c.bench_function("tick a hundred idle canisters", |b| b.iter(|| full.tick()));
}

criterion_group!(benches, memory, create_and_drop, idle_canisters);
criterion_main!(benches);
