//! How the cost of a round and the use of memory grow: with idle canisters, subnets, open calls, and messages in the
//! ingress history. For each, the exponent of the curve.
//!
//! `cargo bench --profile dev -p embedded-replica --bench growth`, or `-- NAME` for one part. Each part is a process
//! of its own, so that memory which other parts have freed does not distort the figures.

mod fixture;

use candid::Principal;
use embedded_replica::instance::{CanisterCall, EffectivePrincipal, Instance, InstanceConfig};
use embedded_replica::network::{HostThreads, NetworkProfile};
use embedded_replica::types::CanisterId;
use fixture::{call, create, install, medians, micros, ratio, resident_bytes, update};
use std::time::{Duration, Instant};

const CANISTERS: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];
/// The first of these canisters have code. Linux gives a process about 65,000 mappings of memory, and each canister
/// that has executed takes some.
const WITH_CODE_MAX: usize = 10_000;

const SUBNETS: [usize; 4] = [2, 20, 100, 200];
const OPEN_CALLS: [usize; 6] = [1, 10, 100, 1_000, 10_000, 100_000];
const MESSAGES: [usize; 4] = [10, 100, 1_000, 10_000];

/// Number of measured ticks.
const TICKS: usize = 500;

/// Most messages in a stream.
const CALLS_PER_STREAM: usize = 10_000;

/// Number of subnets with work at the same time.
const BUSY_SUBNETS: usize = 8;

/// The time of a tick of an idle network after it has settled, and the time of a tick in which a canister executes a
/// message.
struct Costs {
    idle: Duration,
    message: Duration,
}

fn costs(instance: &mut Instance, canister: CanisterId) -> Costs {
    (0..32).for_each(|_| instance.tick());
    let [idle] = medians(TICKS, |_| instance.tick());
    let [message] = medians(TICKS, |_| _ = update(instance, canister, "nothing", Vec::new()));
    Costs { idle, message }
}

/// A curve: costs by numbers, and memory.
#[derive(Default)]
struct Curve {
    idle: Vec<(f64, f64)>,
    message: Vec<(f64, f64)>,
}

impl Curve {
    /// Adds a point, and prints it.
    fn add(&mut self, number: usize, costs: &Costs, what: &str) {
        let (idle, message) = (micros(costs.idle), micros(costs.message));
        println!("  {number} {what}: {idle:.2} us PER IDLE ROUND, {message:.1} us with a message");
        self.idle.push((number as f64, idle));
        self.message.push((number as f64, message));
    }

    /// Prints how the costs grow.
    fn print(&self, what: &str) {
        println!(
            "  with the number of {what}, an idle round grows to the power of {:.2}, a round with a message to \
             the power of {:.2}",
            exponent(&self.idle),
            exponent(&self.message)
        );
    }
}

/// The exponent `e` with which `n` to the power of `e` fits the last three of these costs best: the slope of the line
/// through the logarithms, by least squares. The other costs are mostly those of an empty round.
fn exponent(costs: &[(f64, f64)]) -> f64 {
    let costs = &costs[costs.len().saturating_sub(3)..];
    let logarithms = || costs.iter().map(|(number, cost)| (number.ln(), cost.ln()));
    let count = costs.len() as f64;
    let x = logarithms().map(|(x, _)| x).sum::<f64>() / count;
    let y = logarithms().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = logarithms().map(|(a, b)| (a - x) * (b - y)).sum();
    covariance / logarithms().map(|(a, _)| (a - x).powi(2)).sum::<f64>()
}

/// An instance with these subnets, whose messages to other subnets take two rounds.
fn instance(subnets: usize) -> Instance {
    let config = InstanceConfig {
        profile: NetworkProfile::custom(0, 2),
        ..InstanceConfig::with_application_subnets(subnets)
    };
    Instance::new(config).expect("the configuration is valid")
}

/// Prints how much memory each of `count` things takes.
fn print_memory(before: Option<u64>, count: usize, what: &str) {
    let Some((before, now)) = before.zip(resident_bytes()) else { return };
    println!("  {} BYTES PER {what}", now.saturating_sub(before) / count as u64);
}

/// Does what its methods are called. `call` makes one call to each of the canisters whose ids, of ten bytes, are
/// the argument; `compute` counts to a hundred million.
const WORKER: &str = r#"(module
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $argument (param i32 i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "call_new" (func $call_new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_with_best_effort_response" (func $timeout (param i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (memory 16)
  (table 1 funcref)
  (func (export "canister_update nothing") (call $reply))
  (func (export "canister_update call") (local $left i32)
    (local.set $left (call $size))
    (call $argument (i32.const 0) (i32.const 0) (local.get $left))
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $left)))
      (local.set $left (i32.sub (local.get $left) (i32.const 10)))
      (call $call_new (local.get $left) (i32.const 10) (i32.const 1000000) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
      (call $timeout (i32.const 300))
      (if (call $perform) (then unreachable))
      (br $next)))
    (call $reply))
  (func (export "canister_update compute") (local $left i32)
    (local.set $left (i32.const 100000000))
    (loop $again
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (call $reply))
  (data (i32.const 1000000) "m"))"#;

fn idle_canisters(module: &[u8]) {
    println!("\none subnet with idle canisters");
    let mut curve = Curve::default();
    let mut instance = instance(1);
    let subnet = instance.subnets()[0].place.id;
    let first = install(&mut instance, subnet, module);
    let before = resident_bytes();
    let mut count = 1;
    for canisters in CANISTERS {
        while count < canisters {
            match count < WITH_CODE_MAX {
                true => install(&mut instance, subnet, module),
                false => create(&mut instance, subnet),
            };
            count += 1;
        }
        curve.add(canisters, &costs(&mut instance, first), "canisters");
        if count == WITH_CODE_MAX {
            print_memory(before, count, "CANISTER WITH CODE");
        }
    }
    curve.print("idle canisters");
}

fn subnets(module: &[u8]) {
    println!("\nidle subnets");
    let mut curve = Curve::default();
    let before = resident_bytes();
    let mut all = Vec::new();
    for subnets in SUBNETS {
        let mut instance = instance(subnets);
        let subnet = instance.subnets()[0].place.id;
        let canister = install(&mut instance, subnet, module);
        curve.add(subnets, &costs(&mut instance, canister), "subnets");
        all.push(instance);
    }
    print_memory(before, SUBNETS.iter().sum(), "SUBNET");
    curve.print("subnets");
}

/// Makes open calls to as many canisters. Their requests are lost with the subnets of the callees.
fn open_calls(module: &[u8]) {
    println!("\none canister with open calls, each to another canister");
    let mut curve = Curve::default();
    // They stay, so that nothing of what they free is used again.
    let mut all = Vec::new();
    for calls in OPEN_CALLS {
        let mut instance = instance(1 + calls.div_ceil(CALLS_PER_STREAM));
        let places: Vec<_> = instance.subnets().iter().map(|info| info.place.clone()).collect();
        let caller = install(&mut instance, places[0].id, module);
        instance.add_cycles(caller, 1 << 70).expect("the caller is there");
        let before = resident_bytes();
        for (number, place) in places[1..].iter().enumerate() {
            let calls = CALLS_PER_STREAM.min(calls - number * CALLS_PER_STREAM);
            let first = place.canister_ranges[0].0;
            let callees = (0..calls).flat_map(|number| following(first, number as u64));
            submit(&mut instance, caller, "call", callees.collect());
            instance.tick();
            instance.delete_subnet(place.id).expect("it is there");
        }
        let open =
            instance.canister(caller).map_or(0, |canister| canister.contexts.open_callbacks());
        assert_eq!(open, calls, "all calls are open");
        if calls == OPEN_CALLS[OPEN_CALLS.len() - 1] {
            print_memory(before, calls, "OPEN CALL");
        }
        curve.add(calls, &costs(&mut instance, caller), "open calls");
        all.push(instance);
    }
    curve.print("open calls");
}

/// The canister id that is `number` after `first`.
fn following(first: CanisterId, number: u64) -> [u8; 10] {
    let mut id: [u8; 10] = first.principal().as_slice().try_into().expect("ids have ten bytes");
    let index = u64::from_be_bytes(id[..8].try_into().expect("eight bytes"));
    id[..8].copy_from_slice(&(index + number).to_be_bytes());
    id
}

fn submit(instance: &mut Instance, canister: CanisterId, method: &str, argument: Vec<u8>) {
    let call = CanisterCall {
        sender: Principal::anonymous(),
        caller_info: None,
        canister,
        effective_principal: EffectivePrincipal::None,
        method: method.to_owned(),
        argument,
    };
    instance.submit(call).expect("the call is valid").expect("it is accepted");
}

fn ingress_history(module: &[u8]) {
    println!("\none subnet that keeps the responses to messages");
    let mut curve = Curve::default();
    let mut instance = instance(1);
    let subnet = instance.subnets()[0].place.id;
    let canister = install(&mut instance, subnet, module);
    let before = resident_bytes();
    let mut count = 0;
    for messages in MESSAGES {
        while count < messages {
            call(&mut instance, canister, EffectivePrincipal::None, "nothing", Vec::new());
            count += 1;
        }
        curve.add(messages, &costs(&mut instance, canister), "messages");
        count += TICKS;
    }
    print_memory(before, count, "MESSAGE");
    curve.print("messages");
}

/// Measures the rounds of subnets that all compute, on one thread and on several.
fn busy_subnets(module: &[u8]) {
    let mut networks = [HostThreads::One, HostThreads::WhereWorthIt].map(|threads| {
        let mut instance = instance(BUSY_SUBNETS);
        instance.set_host_threads(threads);
        let ids: Vec<_> = instance.subnets().iter().map(|info| info.place.id).collect();
        let canisters: Vec<_> =
            ids.into_iter().map(|subnet| install(&mut instance, subnet, module)).collect();
        (instance, canisters)
    });
    let mut measure = |method: &str, turns: usize| -> [Duration; 2] {
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..turns {
            for ((instance, canisters), times) in networks.iter_mut().zip(&mut times) {
                canisters.iter().for_each(|id| submit(instance, *id, method, Vec::new()));
                let start = Instant::now();
                instance.tick();
                times.push(start.elapsed());
            }
        }
        times.map(|mut times| {
            times.sort();
            times[times.len() / 2]
        })
    };
    let [one, several] = measure("compute", 5);
    println!(
        "\na tick in which {BUSY_SUBNETS} subnets compute\n  {:.1} ms on one thread, {:.1} ms on several: {:.2} TIMES as \
         fast",
        micros(one) / 1e3,
        micros(several) / 1e3,
        ratio(one, several)
    );
    let [one, several] = measure("nothing", TICKS);
    println!(
        "a tick in which each of them executes a message that does nothing\n  {:.1} us on one thread, {:.1} us on \
         several",
        micros(one),
        micros(several)
    );
}

/// A part of the benchmark, with its name.
type Part = (&'static str, fn(&[u8]));

const PARTS: [Part; 5] = [
    ("canisters", idle_canisters),
    ("subnets", subnets),
    ("calls", open_calls),
    ("history", ingress_history),
    ("threads", busy_subnets),
];

fn main() {
    let module = wat::parse_str(WORKER).expect("the text is a module");
    let arguments: Vec<String> = std::env::args().collect();
    let asked = PARTS.iter().find(|(name, _)| arguments.iter().any(|argument| argument == name));
    if let Some((_, measure)) = asked {
        return measure(&module);
    }
    let program = std::env::current_exe().expect("this program has a path");
    for (name, _) in PARTS {
        let part = std::process::Command::new(&program).arg(name).status();
        assert!(part.expect("the part starts").success(), "the part {name} fails");
    }
}
