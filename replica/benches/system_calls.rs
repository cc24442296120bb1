//! Time of one call of a system API function.
//!
//! The baseline is the same module in wasmtime without a replica, where each function does only what its result needs:
//! mostly the cost of leaving Wasm and entering it again. From both, the time of the loop without the call is
//! subtracted.
//!
//! `cargo bench --profile dev -p embedded-replica --bench system_calls`. A word after `--` selects the functions whose
//! names contain the word.

#[allow(dead_code, reason = "the benchmark `execution` uses the rest")]
#[path = "fixture/alone.rs"]
mod alone;
mod fixture;

use alone::Alone;
use embedded_replica::instance::{Instance, InstanceConfig};
use fixture::{install, medians, micros, update};

/// Number of calls in one message.
const CALLS: u32 = 200_000;

/// Number of messages for each function.
const TURNS: usize = 7;

/// For each measurement: its name, and the call in WAT. The local `i` counts the calls. The argument of the message and
/// stable memory have enough bytes.
const FUNCTIONS: [(&str, &str); 15] = [
    ("time", "(drop (call $time))"),
    ("performance_counter", "(drop (call $performance_counter (i32.const 0)))"),
    ("canister_cycle_balance128", "(call $balance (i32.const 64))"),
    ("msg_arg_data_size", "(drop (call $size))"),
    ("msg_arg_data_copy, 8 bytes", "(call $copy (i32.const 64) (i32.const 0) (i32.const 8))"),
    ("msg_arg_data_copy, 64 bytes", "(call $copy (i32.const 64) (i32.const 0) (i32.const 64))"),
    ("msg_reply_data_append, 8 bytes", "(call $append (i32.const 64) (i32.const 8))"),
    ("stable64_size", "(drop (call $stable_size))"),
    ("stable64_read, 8 bytes of a page", "(call $read (i64.const 64) (i64.const 0) (i64.const 8))"),
    (
        "stable64_read, 64 bytes of a page",
        "(call $read (i64.const 64) (i64.const 0) (i64.const 64))",
    ),
    (
        "stable64_read, 8 bytes of 4 k pages",
        "(call $read (i64.const 64) (call $any) (i64.const 8))",
    ),
    (
        "stable64_write, 8 bytes of a page",
        "(call $write (i64.const 0) (i64.const 64) (i64.const 8))",
    ),
    (
        "stable64_write, 64 bytes of a page",
        "(call $write (i64.const 0) (i64.const 64) (i64.const 64))",
    ),
    (
        "stable64_write, 8 bytes of 4 k pages",
        "(call $write (call $any) (i64.const 64) (i64.const 8))",
    ),
    ("no call, but a random address", "(drop (call $any))"),
];

/// A module with a method for each measurement, named by its number, and with one that only counts.
fn module() -> Vec<u8> {
    let method = |(number, (_, call)): (usize, &(&str, &str))| {
        format!(
            r#"(func (export "canister_update {number}") (local $i i32)
                 (loop $more
                   {call}
                   (br_if $more (i32.lt_u
                     (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {CALLS}))))
                 (call $reply))"#
        )
    };
    let all = FUNCTIONS.iter().chain(&[("", "")]);
    let methods: String = all.enumerate().map(method).collect();
    let text = format!(
        r#"(module
          (import "ic0" "time" (func $time (result i64)))
          (import "ic0" "performance_counter" (func $performance_counter (param i32) (result i64)))
          (import "ic0" "canister_cycle_balance128" (func $balance (param i32)))
          (import "ic0" "msg_arg_data_size" (func $size (result i32)))
          (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
          (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
          (import "ic0" "msg_reply" (func $reply))
          (import "ic0" "stable64_size" (func $stable_size (result i64)))
          (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
          (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
          (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
          (memory (export "memory") 1)
          (global $state (mut i64) (i64.const 1))
          ;; A random address in the first 16 MiB.
          (func $any (result i64)
            (global.set $state (i64.add (i64.mul (global.get $state) (i64.const 6364136223846793005)) (i64.const 1)))
            (i64.and (i64.shr_u (global.get $state) (i64.const 33)) (i64.const 0xfffff8)))
          (func (export "canister_init") (drop (call $grow (i64.const 257))))
          {methods})"#
    );
    wat::parse_str(text).expect("the text is a module")
}

fn main() {
    let selected = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let mut instance = Instance::new(InstanceConfig::with_application_subnets(1))
        .expect("the configuration is valid");
    let subnet = instance.subnets()[0].place.id;
    let module = module();
    let canister = install(&mut instance, subnet, &module);
    let mut bare = Alone::bare(&module);
    let mut measure = |number: usize| {
        let method = number.to_string();
        medians(TURNS, |turn| {
            match turn {
                0 => update(&mut instance, canister, &method, vec![7; 64]),
                _ => bare.update(&method, vec![7; 64]),
            };
        })
        .map(|time| micros(time) * 1e3 / f64::from(CALLS))
    };
    let empty: [f64; 2] = measure(FUNCTIONS.len());
    println!("\none call of a system API function, without the loop of {:.1} ns", empty[0]);
    for (number, (name, _)) in FUNCTIONS.iter().enumerate() {
        if name.contains(&selected) {
            let [replica, bare] = measure(number);
            println!(
                "  {name:38} replica {:6.1} ns, bare wasmtime {:6.1} ns",
                replica - empty[0],
                bare - empty[1],
            );
        }
    }
}
