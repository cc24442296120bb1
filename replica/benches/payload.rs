//! Throughput of large arguments and replies between two canisters.
//!
//! Each byte is copied twice on its way: from the memory of one canister into the message, and from the message into the
//! memory of the other. In between, the message only moves. Besides, the replica compares the pages that the receiver
//! writes to with their old content, to know which are dirty, and keeps a copy of the pages that have changed, to roll
//! back later executions. So each call is compared with plain copies of as many bytes between vectors that exist already.
//!
//! `cargo bench --profile dev -p embedded-replica --bench payload`

mod fixture;

use candid::encode_one;
use criterion::{Criterion, criterion_group, criterion_main};
use embedded_replica::instance::{Instance, InstanceConfig};
use embedded_replica::types::{CanisterId, SubnetId};
use fixture::{install, medians, micros, ratio, update};
use std::hint::black_box;

/// Bytes of a large argument: nearly the most that a call within a subnet can have.
const ARGUMENT_BYTES: usize = 10_000_000;

/// Bytes of a large reply: nearly the most that a reply can have.
const REPLY_BYTES: usize = 2_000_000;

/// A caller. Its memory: at address 0 the principal of the callee (10 bytes), at 16 the names of the callee's methods,
/// at 65,536 the payload. A call that is rejected traps.
///
/// `send` sends the payload, and `send_new` fills it with another byte before, as `change` does without sending it. The
/// callee copies the argument, unless the method is `size`. `fetch` copies the reply into the memory.
const CALLER: &str = r#"(module
  (import "ic0" "msg_arg_data_copy" (func $argument (param i32 i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "call_new" (func $call_new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_data_append" (func $append (param i32 i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (memory 161)
  (data (i32.const 16) "takesizegivegavepingfill")
  (table funcref (elem $returned $fetched $rejected))
  (global $byte (mut i32) (i32.const 0))
  (func $new (param $name i32) (param $callback i32)
    (call $call_new (i32.const 0) (i32.const 10) (local.get $name) (i32.const 4)
      (local.get $callback) (i32.const 0) (i32.const 2) (i32.const 0)))
  (func $end (if (call $perform) (then unreachable)))
  (func $send (param $name i32)
    (call $new (local.get $name) (i32.const 0))
    (call $append (i32.const 65536) (i32.const 10000000))
    (call $end))
  (func $fetch (param $name i32)
    (call $new (local.get $name) (i32.const 1))
    (call $end))
  (func $change
    (global.set $byte (i32.add (global.get $byte) (i32.const 1)))
    (memory.fill (i32.const 65536) (global.get $byte) (i32.const 10000000)))
  (func $returned (param i32) (call $reply))
  (func $fetched (param i32)
    (call $argument (i32.const 65536) (i32.const 0) (i32.const 2000000))
    (call $reply))
  (func $rejected (param i32) unreachable)
  ;; 9 bytes come before the principal: the Candid header, a tag, and the length
  (func (export "canister_update setup_callee")
    (call $argument (i32.const 0) (i32.const 9) (i32.const 10))
    (call $reply))
  (func (export "canister_update send") (call $send (i32.const 16)))
  (func (export "canister_update send_new") (call $change) (call $send (i32.const 16)))
  (func (export "canister_update change") (call $change)
    (call $new (i32.const 32) (i32.const 0)) (call $end))
  (func (export "canister_update size") (call $send (i32.const 20)))
  (func (export "canister_update fetch") (call $fetch (i32.const 24)))
  (func (export "canister_update fetch_new") (call $fetch (i32.const 28)))
  (func (export "canister_update fill") (call $new (i32.const 36) (i32.const 0)) (call $end))
  (func (export "canister_update ping") (call $new (i32.const 32) (i32.const 0)) (call $end)))"#;

/// A callee. `give` replies with the same bytes each time, and `gave` fills them with another byte before, as `fill` does
/// with an empty reply.
const CALLEE: &str = r#"(module
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $argument (param i32 i32 i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (memory 160)
  (global $byte (mut i32) (i32.const 0))
  (func $give (call $append (i32.const 0) (i32.const 2000000)) (call $reply))
  (func $check (if (i32.ne (call $size) (i32.const 10000000)) (then unreachable)))
  (func (export "canister_update take")
    (call $check)
    (call $argument (i32.const 0) (i32.const 0) (i32.const 10000000))
    (call $reply))
  (func (export "canister_update size") (call $check) (call $reply))
  (func (export "canister_update give") (call $give))
  (func $fill
    (global.set $byte (i32.add (global.get $byte) (i32.const 1)))
    (memory.fill (i32.const 0) (global.get $byte) (i32.const 2000000)))
  (func (export "canister_update gave") (call $fill) (call $give))
  (func (export "canister_update fill") (call $fill) (call $reply))
  (func (export "canister_update ping") (call $reply)))"#;

/// An instance with both canisters.
struct Canisters {
    instance: Instance,
    caller: CanisterId,
}

impl Canisters {
    /// On one subnet or on two.
    fn on(subnets: usize) -> Self {
        let mut instance = Instance::new(InstanceConfig::with_application_subnets(subnets))
            .expect("the configuration is valid");
        let ids: Vec<SubnetId> = instance.subnets().iter().map(|info| info.place.id).collect();
        let module = |text| wat::parse_str(text).expect("the text is a module");
        let caller = install(&mut instance, ids[0], &module(CALLER));
        let callee = install(&mut instance, ids[subnets - 1], &module(CALLEE));
        let id = encode_one(callee.principal()).expect("it is Candid");
        update(&mut instance, caller, "setup_callee", id);
        let mut canisters = Self { instance, caller };
        // Memory that nobody has written to is one page of zeros.
        canisters.call("change");
        canisters.call("fetch_new");
        canisters
    }

    /// Calls the method of the caller, which makes one call.
    fn call(&mut self, method: &str) {
        black_box(update(&mut self.instance, self.caller, method, Vec::new()));
    }
}

/// Measures `method`, without the time of `base`, and compares it with one plain copy (into a message) or with two (into
/// a message, and from there).
fn measure(
    canisters: &mut Canisters,
    label: &str,
    (method, base): (&str, &str),
    (bytes, copies): (usize, usize),
) {
    let [from, mut message, mut to] = [1u8, 2, 3].map(|byte| vec![byte; bytes]);
    let [whole, rest, copied] = medians(30, |turn| match turn {
        0 | 1 => canisters.call([method, base][turn]),
        _ => {
            message.copy_from_slice(black_box(&from));
            if copies == 2 {
                to.copy_from_slice(black_box(&message));
            }
            black_box((&message, &to));
        }
    });
    assert!(whole > rest, "`{method}` takes {whole:?}, and `{base}` {rest:?}");
    let time = whole - rest;
    let rate = bytes as f64 / 1e6 / time.as_secs_f64();
    let plain = ["one plain copy", "two plain copies"][copies - 1];
    println!(
        "  {label:52} {:6.0} us, {rate:6.0} MB/s, {:.1} TIMES {plain}",
        micros(time),
        ratio(time, copied)
    );
}

fn payloads(_: &mut Criterion) {
    println!("\none call with a large argument or reply, without the time of a call with neither");
    let one = &mut Canisters::on(1);
    measure(one, "an argument of 10 MB", ("send", "ping"), (ARGUMENT_BYTES, 2));
    measure(one, "the same, which the callee does not copy", ("size", "ping"), (ARGUMENT_BYTES, 1));
    measure(one, "the same, other bytes each time", ("send_new", "change"), (ARGUMENT_BYTES, 2));
    measure(one, "a reply of 2 MB", ("fetch", "ping"), (REPLY_BYTES, 2));
    measure(one, "the same, other bytes each time", ("fetch_new", "fill"), (REPLY_BYTES, 2));
    let two = &mut Canisters::on(2);
    measure(two, "a reply of 2 MB from another subnet", ("fetch", "ping"), (REPLY_BYTES, 2));
    measure(two, "the same, other bytes each time", ("fetch_new", "fill"), (REPLY_BYTES, 2));
}

criterion_group!(benches, payloads);
criterion_main!(benches);
