//! What instructions count, down to the single one.
//!
//! A canister that is called pays the base fee and one cycle for each instruction, so its balance
//! tells how many there were.

use crate::cycles::EXECUTION_BASE;
use candid::Principal;
use test_support::script::{call, number, script, wasm};
use test_support::scripted::install_module;
use test_support::{ScriptedNetwork, Server, on_every_server};

/// Instructions a method with this body has, besides the one every function begins with.
fn body_counts(server: Server, bodies: &[(&str, u64)]) {
    let methods: String = bodies
        .iter()
        .enumerate()
        .map(|(n, (body, _))| {
            format!(
                r#"(func (export "canister_update m{n:03}")
                    (local $i i32) (local $l i64) (local $d f64) {body})"#
            )
        })
        .collect();
    let network = server.one_subnet();
    let callee = install_module(&network.pic, module("i32", &methods));
    for (n, (body, instructions)) in bodies.iter().enumerate() {
        let counted = count(&network, callee, &format!("m{n:03}"));
        assert_eq!(counted, instructions + 1, "{body}");
    }
}

/// A module with what the bodies use; `pointer` is the type of addresses.
fn module(pointer: &str, methods: &str) -> Vec<u8> {
    let memory = if pointer == "i64" { "i64" } else { "" };
    wasm(&format!(
        r#"(module
            (import "ic0" "msg_reply" (func $reply))
            (import "ic0" "msg_reply_data_append" (func $append (param {pointer} {pointer})))
            (import "ic0" "msg_caller_size" (func $caller_size (result {pointer})))
            (import "ic0" "msg_caller_copy"
                (func $caller_copy (param {pointer} {pointer} {pointer})))
            (import "ic0" "msg_reject" (func $reject (param {pointer} {pointer})))
            (import "ic0" "performance_counter" (func $counter (param i32) (result i64)))
            (import "ic0" "is_controller" (func $is_controller (param {pointer} {pointer}) (result i32)))
            (import "ic0" "time" (func $time (result i64)))
            (import "ic0" "stable64_size" (func $stable_size (result i64)))
            (import "ic0" "stable64_grow" (func $stable_grow (param i64) (result i64)))
            (import "ic0" "stable64_read" (func $stable_read (param i64 i64 i64)))
            (import "ic0" "stable64_write" (func $stable_write (param i64 i64 i64)))
            (memory {memory} 1)
            (table 4 funcref)
            (elem (i32.const 0) func $nothing)
            (data "passive")
            (type $nothing (func))
            (global $g (mut i64) (i64.const 0))
            (func $nothing)
            {methods})"#
    ))
}

/// Instructions of one execution of a method.
fn count(network: &ScriptedNetwork, callee: Principal, method: &str) -> u64 {
    let one = call(callee).method(method).on_response(script().reply(""));
    let (spent, _) = network.spent(callee, || network.run(network.a, script().call(one)).unwrap());
    u64::try_from(spent).unwrap() - EXECUTION_BASE
}

#[test]
fn an_empty_method_is_one_instruction() {
    on_every_server(|server| body_counts(server, &[("", 0), ("(block)", 0), ("(nop)", 1)]));
}

#[test]
fn plain_instructions_count_1_and_division_10() {
    on_every_server(|server| {
        body_counts(
            server,
            &[
                ("(drop (i32.const 1))", 2),
                ("(drop (i32.add (i32.const 1) (i32.const 2)))", 4),
                ("(drop (i64.mul (i64.const 1) (i64.const 2)))", 4),
                ("(drop (i64.popcnt (i64.const 7)))", 3),
                ("(drop (i32.div_u (i32.const 7) (i32.const 2)))", 13),
                ("(drop (i64.rem_s (i64.const 7) (i64.const 2)))", 13),
                ("(local.set $i (i32.const 1))", 2),
                ("(drop (local.tee $i (i32.const 1)))", 3),
                ("(drop (select (i32.const 1) (i32.const 2) (i32.const 3)))", 5),
                ("(drop (i32.wrap_i64 (i64.const 1)))", 3),
                ("(drop (i32.load (i32.const 0)))", 3),
                ("(return)", 1),
                ("(global.set $g (i64.const 1))", 3),
                ("(drop (global.get $g))", 3),
            ],
        );
    });
}

#[test]
fn floats_count_more() {
    on_every_server(|server| {
        let one = "(f64.const 1)";
        let binary = |name: &str| format!("(drop ({name} {one} {one}))");
        let unary = |name: &str| format!("(drop ({name} {one}))");
        let bodies = [
            (binary("f64.add"), 5),
            (binary("f64.mul"), 5),
            (binary("f64.div"), 8),
            (binary("f64.min"), 21),
            (binary("f64.copysign"), 6),
            (binary("f64.lt"), 6),
            (unary("f64.sqrt"), 10),
            (unary("f64.floor"), 4),
            (unary("f64.abs"), 3),
            (unary("i32.trunc_f64_s"), 22),
            ("(drop (f64.convert_i32_s (i32.const 1)))".into(), 5),
            ("(drop (f64.convert_i32_u (i32.const 1)))".into(), 18),
            ("(drop (f32.div (f32.const 1) (f32.const 1)))".into(), 6),
            ("(drop (f32.sqrt (f32.const 1)))".into(), 7),
        ];
        let bodies: Vec<(&str, u64)> =
            bodies.iter().map(|(body, count)| (body.as_str(), *count)).collect();
        body_counts(server, &bodies);
    });
}

#[test]
fn branches_count_2_and_only_the_way_taken() {
    on_every_server(|server| {
        body_counts(
            server,
            &[
                ("(if (i32.const 1) (then (nop) (nop)) (else (nop)))", 5),
                ("(if (i32.const 0) (then (nop) (nop)) (else (nop)))", 4),
                ("(block $b (br $b))", 2),
                ("(block $b (br_if $b (i32.const 1)) (nop))", 3),
                ("(block $b (br_if $b (i32.const 0)) (nop))", 4),
                ("(block $b (br_table $b $b (i32.const 0)))", 3),
                // Ten turns: get 1, const 1, sub 1, tee 1, br_if 2; before them const 1 and set 1.
                (
                    "(local.set $i (i32.const 10)) (loop $l (br_if $l (local.tee $i \
                     (i32.sub (local.get $i) (i32.const 1)))))",
                    62,
                ),
            ],
        );
    });
}

#[test]
fn bytes_that_are_moved_or_filled_count_1_each_and_pages_that_change_1000() {
    on_every_server(|server| {
        body_counts(
            server,
            &[
                // Zeros over zeros change no page.
                ("(memory.copy (i32.const 0) (i32.const 9000) (i32.const 5000))", 5_103),
                ("(memory.fill (i32.const 0) (i32.const 7) (i32.const 60000))", 60_103 + 15_000),
                ("(memory.fill (i32.const 0) (i32.const 7) (i32.const 60000))", 60_103),
                ("(memory.fill (i32.const 0) (i32.const 8) (i32.const 4096))", 4_199 + 1_000),
                ("(i32.store (i32.const 61439) (i32.const 0x01010101))", 3 + 2_000),
                ("(i32.store (i32.const 61439) (i32.const 0x01010101))", 3),
                // A system call writes, too.
                (
                    "(call $caller_copy (i32.const 65500) (i32.const 0) (i32.const 10))",
                    508 + 10 + 1_000,
                ),
            ],
        );
    });
}

#[test]
fn a_message_that_traps_pays_for_the_pages_it_changed_and_a_query_for_none() {
    on_every_server(|server| {
        let methods = r#"
            (func $store (i32.store (i32.const 0) (i32.const 7)))
            (func (export "canister_update keeps") (call $store))
            (func (export "canister_update traps") (call $store) (unreachable))
            (func (export "canister_query looks") (call $store))"#;
        let network = server.one_subnet();
        let id = install_module(&network.pic, module("i32", methods));
        let plain = 1 + 5 + 1 + 3;
        assert_eq!(count(&network, id, "traps"), plain + 1 + 1_000);
        // A query that is called as an update can keep nothing.
        assert_eq!(count(&network, id, "looks"), plain);
        assert_eq!(count(&network, id, "keeps"), plain + 1_000);
        assert_eq!(count(&network, id, "keeps"), plain);
    });
}

#[test]
fn a_trap_in_a_block_costs_the_whole_block() {
    on_every_server(|server| {
        let methods = r#"
            (func (export "canister_update divides") (local $zero i32)
                (drop (i32.div_u (i32.const 1) (local.get $zero))) nop nop nop)
            (func (export "canister_update loads")
                nop (block nop (drop (i32.load (i32.const -1))) nop) nop nop)"#;
        let network = server.one_subnet();
        let id = install_module(&network.pic, module("i32", methods));
        assert_eq!(count(&network, id, "divides"), 1 + (1 + 1 + 10 + 1) + 3);
        assert_eq!(count(&network, id, "loads"), 1 + 1 + 1 + 3 + 1);
    });
}

#[test]
fn calls_count_5_and_indirect_ones_10_and_what_they_call() {
    on_every_server(|server| {
        body_counts(
            server,
            &[
                ("(call $nothing)", 6),
                ("(call $nothing) (call $nothing)", 12),
                ("(call_indirect (type $nothing) (i32.const 0))", 12),
                ("(return_call $nothing)", 4),
            ],
        );
    });
}

#[test]
fn memory_size_counts_20_growing_300_and_moving_nothing_100() {
    on_every_server(|server| {
        body_counts(
            server,
            &[
                ("(drop (memory.size))", 21),
                ("(drop (memory.grow (i32.const 1)))", 302),
                // Growing in vain is not free.
                ("(drop (memory.grow (i32.const 65536)))", 302),
                ("(drop (memory.grow (i32.const 0)))", 302),
                ("(data.drop 0)", 300),
                ("(memory.copy (i32.const 0) (i32.const 0) (i32.const 0))", 103),
                ("(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))", 103),
            ],
        );
    });
}

#[test]
fn a_system_call_counts_its_price_its_bytes_and_the_call() {
    on_every_server(|server| {
        let caller = "(drop (call $caller_size))";
        body_counts(
            server,
            &[
                (caller, 506),
                ("(drop (call $time))", 506),
                ("(call $reply)", 505),
                ("(drop (call $counter (i32.const 0)))", 207),
                ("(drop (call $is_controller (i32.const 0) (i32.const 10)))", 1_018),
                ("(call $append (i32.const 0) (i32.const 0)) (call $reply)", 507 + 505),
                ("(call $append (i32.const 0) (i32.const 7)) (call $reply)", 507 + 350 + 505),
                ("(call $reject (i32.const 0) (i32.const 0))", 507),
                ("(call $reject (i32.const 0) (i32.const 3))", 507 + 150),
                ("(drop (call $stable_size))", 6),
                ("(drop (call $stable_grow (i64.const 1)))", 107),
                // The first write makes one page dirty, the second none.
                (
                    "(drop (call $stable_grow (i64.const 1))) \
                     (call $stable_write (i64.const 0) (i64.const 0) (i64.const 9)) \
                     (call $stable_write (i64.const 9) (i64.const 0) (i64.const 9))",
                    107 + 28 + 9 + 1_000 + 28 + 9,
                ),
                // Four bytes on either side of a page's end.
                (
                    "(drop (call $stable_grow (i64.const 1))) \
                     (call $stable_write (i64.const 4092) (i64.const 0) (i64.const 8))",
                    107 + 28 + 8 + 2_000,
                ),
            ],
        );
    });
}

#[test]
fn the_counter_counts_what_was_executed_before() {
    on_every_server(|server| {
        // What a block has is counted when it begins, and loops begin blocks of their own.
        let read = "(loop (call $push (call $counter (i32.const 0))))";
        let work = "(loop (local.set $n (i32.const 100)) \
             (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))";
        let methods = format!(
            r#"(func $push (param $n i64)
                (i64.store (i32.const 0) (local.get $n))
                (call $append (i32.const 0) (i32.const 8)))
            (func (export "canister_update work") (local $n i32)
                {read} {read} {work} {read} (call $reply))"#
        );
        let network = server.one_subnet();
        let id = install_module(&network.pic, module("i32", &methods));
        let reply = network.pic.update_call(id, Principal::anonymous(), "work", vec![]).unwrap();
        let counts = test_support::script::numbers(&reply);
        // A hundred turns of 6 and two to begin with.
        assert_eq!((counts[2] - counts[1]) - (counts[1] - counts[0]), 602);
    });
}

#[test]
fn a_message_that_traps_pays_for_what_it_executed() {
    on_every_server(|server| {
        let methods = r#"
            (func $work (local $i i32)
                (local.set $i (i32.const 1000))
                (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
            (func (export "canister_update works") (call $work))
            (func (export "canister_update traps") (call $work) (unreachable))"#;
        let network = server.one_subnet();
        let id = install_module(&network.pic, module("i32", methods));
        let worked = count(&network, id, "works");
        assert_eq!(worked, 1 + 5 + 1 + 2 + 6 * 1_000);
        assert_eq!(count(&network, id, "traps"), worked + 1);
    });
}

#[test]
fn wasm64_pays_twice_for_instructions_and_its_memory_accesses_count_2() {
    on_every_server(|server| {
        let methods = r#"
            (func (export "canister_update m000"))
            (func (export "canister_update m001") (drop (i64.const 1)))
            (func (export "canister_update m002") (drop (i64.load (i64.const 0))))
            (func (export "canister_update m003") (drop (call $caller_size)))"#;
        let network = server.one_subnet();
        let id = install_module(&network.pic, module("i64", methods));
        for (method, instructions) in [("m000", 1), ("m001", 3), ("m002", 5), ("m003", 507)] {
            assert_eq!(count(&network, id, method), 2 * instructions, "{method}");
        }
    });
}

#[test]
fn the_script_interpreter_counts_the_same_every_time() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let counter = || {
            let script = script().spin(1_000).counter(0).reply_number();
            number(&network.run(network.a, script).unwrap())
        };
        assert_eq!(counter(), counter());
    });
}

#[test]
fn a_function_of_the_system_api_counts_the_same_however_it_is_called() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // Without the functions in `others`, no function of the system API is in the table or called by a tail call.
        let counts = |others: &str, time: &str| {
            let methods = format!(
                r#"{others}
                (type $clock (func (result i64)))
                (func $now (result i64) (call $time))
                (func (export "canister_update go") (local $i i32)
                    (loop $again
                        (drop {time}) (drop (call $time)) (drop (memory.grow (i32.const 0)))
                        (br_if $again (i32.lt_u
                            (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
                    (call $reply))"#
            );
            count(&network, install_module(&network.pic, module("i32", &methods)), "go")
        };
        let table = "(elem (i32.const 1) func $time)";
        let tail = "(func $later (result i64) (return_call $time))";
        let direct = counts("", "(call $time)");
        assert_eq!(counts(table, "(call $time)"), direct);
        // A call counts 5, a tail call 3, an indirect call 10, and its index 1. The loop has three rounds.
        let indirect = counts(table, "(call_indirect (type $clock) (i32.const 1))");
        assert_eq!(indirect - direct, 3 * (10 + 1 - 5));
        let through_function = counts("", "(call $now)");
        assert_eq!(counts(tail, "(call $now)"), through_function);
        assert_eq!(through_function - counts(tail, "(call $later)"), 3 * (5 - 3));
    });
}
