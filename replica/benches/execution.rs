//! Time of computing in one message, compared with the same module in wasmtime without a replica.
//!
//! The baseline is the module as wasmtime compiles it with its optimisation for speed: no metering, no page marks, and
//! functions of `ic0` that keep nothing. The time of the replica is that of the whole message, with what the replica
//! does before and after the code. A third time is that of the code as the replica instruments it, in wasmtime alone.
//!
//! `cargo bench --profile dev -p embedded-replica --bench execution`. A word after `--` selects the measurements whose
//! names contain the word.

#[path = "fixture/alone.rs"]
mod alone;
mod fixture;

use alone::Alone;
use candid::encode_one;
use embedded_replica::instance::{Instance, InstanceConfig};
use embedded_replica::types::CanisterId;
use fixture::{install, medians, micros, ratio, update};
use std::hint::black_box;
use test_support::{MotokoCompiler, motoko, rust_canister};

/// Number of measurements of each kind of work.
const TURNS: usize = 5;

/// The work of the modules in Rust: what it is, the method, and the method's argument.
const RUST: [(&str, &str, u64); 6] = [
    ("SHA-256 over 1 MB", "sha256", 1_000_000),
    ("sorting 1 M integers", "sort", 1_000_000),
    ("BTreeMap of 1 M entries", "heap_map", 1_000_000),
    ("StableBTreeMap of 100 k entries", "stable_map", 100_000),
    ("votes of 3 k voters in a StableBTreeMap", "votes", 3_000),
    ("decoding 1 MB of Candid", "candid", 1_000_000),
];

/// The work of the module in WAT.
const LOOPS: [(&str, &str, u64); 8] = [
    ("50 M rounds of arithmetic", "arithmetic", 50_000_000),
    ("50 M loads", "loads", 50_000_000),
    ("50 M stores to one page", "one_page", 50_000_000),
    ("10 M stores to 10 k pages", "many_pages", 1_000),
    ("50 M stores of 1 MB in a row", "in_a_row", 50_000_000),
    ("memory.fill of 64 KiB, 10 k times", "fill", 10_000),
    ("memory.copy of 64 KiB, 10 k times", "copy", 10_000),
    ("recursion, 7 M calls", "recursion", 32),
];

/// Each method takes a `nat64` at address 71 and replies with the `nat64` at address 103.
const LOOPS_TEXT: &str = include_str!("fixture/loops.wat");

/// One canister, in the replica and without it.
struct Subject {
    instance: Instance,
    canister: CanisterId,
    bare: Alone,
    instrumented: Alone,
}

impl Subject {
    fn new(module: &[u8]) -> Self {
        let mut instance = Instance::new(InstanceConfig::with_application_subnets(1))
            .expect("the configuration is valid");
        let subnet = instance.subnets()[0].place.id;
        let canister = install(&mut instance, subnet, module);
        let (bare, instrumented) = (Alone::bare(module), Alone::instrumented(module));
        Self { instance, canister, bare, instrumented }
    }

    /// Measures one kind of work, prints the times and returns the ratio of the replica to bare wasmtime.
    fn measure(&mut self, (name, method, argument): (&str, &str, u64)) -> f64 {
        let argument = encode_one(argument).expect("it is Candid");
        let mut replies = [const { Vec::new() }; 3];
        let [replica, instrumented, bare] = medians(TURNS, |turn| {
            let argument = black_box(argument.clone());
            replies[turn] = match turn {
                0 => update(&mut self.instance, self.canister, method, argument),
                1 => self.instrumented.update(method, argument),
                _ => self.bare.update(method, argument),
            };
        });
        assert!(replies.iter().all(|reply| *reply == replies[0]), "{name}: {replies:?}");
        let millis = |time| micros(time) / 1e3;
        let of_replica = ratio(replica, bare);
        println!(
            "  {name:40} replica {:8.2} ms, its code alone {:8.2} ms, bare wasmtime {:8.2} ms, RATIO {:.2} and {of_replica:.2}",
            millis(replica),
            millis(instrumented),
            millis(bare),
            ratio(instrumented, bare),
        );
        of_replica
    }
}

fn main() {
    let selected = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let loops = wat::parse_str(LOOPS_TEXT).expect("the text is a module");
    let read = |path| std::fs::read(path).expect("the canister was built");
    let mut subjects =
        vec![(loops, LOOPS.to_vec()), (read(rust_canister("workloads")), RUST.to_vec())];
    if let Some(module) = motoko(MotokoCompiler::Current, "workload") {
        subjects.push((read(module), vec![("Motoko, 2 M list cells", "allocate", 2_000)]));
    }
    println!("\ncomputing in one message: the replica, its code alone, and bare wasmtime");
    let mut ratios = Vec::new();
    for (module, work) in subjects {
        let work: Vec<_> = work.into_iter().filter(|(name, ..)| name.contains(&selected)).collect();
        if !work.is_empty() {
            let mut subject = Subject::new(&module);
            ratios.extend(work.into_iter().map(|work| subject.measure(work)));
        }
    }
    ratios.sort_by(f64::total_cmp);
    if let (Some(median), Some(most)) = (ratios.get(ratios.len() / 2), ratios.last()) {
        println!("  median RATIO {median:.2}, largest {most:.2}");
    }
}
