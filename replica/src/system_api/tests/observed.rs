//! Tests of the functions with which an execution observes itself, in every entry point.

use super::entry_points::LETTERS;
use super::every_entry_point::{TestBody, execute};
use crate::canister::harness::*;
use crate::canister::{Canister, OpenQuery, Query, QueryProgress, begin_query, resume_query};
use crate::error::Reject;
use crate::limits::QUERY_INSTRUCTIONS_MAX;
use candid::Principal;

/// Executes `body` in every entry point except the start function. Returns for each letter whether all
/// executions succeeded, and by how much the canister version increased.
fn everywhere(fields: &str, body: &str) -> Vec<(&'static str, bool, u64)> {
    let modules = TestBody { fields, with_calls: body, without_calls: body }.modules(1);
    let letters = LETTERS.iter().map(|(letter, _)| *letter).filter(|letter| *letter != "s");
    let done = letters.map(|letter| {
        let mut canister = modules[0].canister();
        let before = canister.version;
        let result = execute(letter, &mut canister, &modules[0]);
        let succeeded = result.iter().all(|(mode, result)| result.succeeded(mode));
        (letter, succeeded, canister.version - before)
    });
    done.collect()
}

#[test]
fn in_replicated_execution_is_true_in_replicated_entry_points() {
    let replicated = ["I", "G", "U", "RQ", "Ry", "Rt", "C", "T"];
    for answer in [0, 1] {
        let done = everywhere(
            r#"(import "ic0" "in_replicated_execution" (func $f (result i32)))"#,
            &format!("(if (i32.ne (call $f) (i32.const {answer})) (then unreachable))"),
        );
        for (letter, succeeded, _) in done {
            let expected = i32::from(replicated.contains(&letter));
            assert_eq!(succeeded, expected == answer, "{answer} in {letter}");
        }
    }
}

#[test]
fn the_version_counts_replicated_executions_that_succeed() {
    // A body that traps or succeeds, and the expected increase of the version.
    for (body, increments) in [("unreachable", 0), ("", 1)] {
        for (letter, succeeded, increased) in everywhere("", body) {
            let expected = match letter {
                "NRQ" | "TQ" | "CQ" | "CRy" | "CRt" | "CC" | "F" => 0,
                // The message that made the call counts. A callback that traps does not.
                "Ry" | "Rt" | "C" => 1 + increments,
                "T" => 3 * increments,
                _ => increments,
            };
            assert_eq!((succeeded, increased), (increments == 1, expected), "{letter}");
        }
    }
}

#[test]
fn canister_version_is_the_version_before_the_execution() {
    for version in [1, 2] {
        let done = everywhere(
            r#"(import "ic0" "canister_version" (func $f (result i64)))"#,
            &format!("(if (i64.ne (call $f) (i64.const {version})) (then unreachable))"),
        );
        for (letter, succeeded, _) in done {
            let expected = match letter {
                // The message that made the call, or the upgrade, has increased the version.
                "I" | "Ry" | "Rt" | "C" => 2,
                // Each of the three tasks sees another version.
                "T" => continue,
                _ => 1,
            };
            assert_eq!(succeeded, expected == version, "{letter}");
        }
    }
}

/// Replies with the performance counters 0 and 1. If a method makes two calls, the first callback
/// traps, and the second callback replies with the counters that the cleanup of the first has read.
const COUNTING: &str = r#"(module
  (import "ic0" "performance_counter" (func $counter (param i32) (result i64)))
  (import "ic0" "call_new" (func $new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_on_cleanup" (func $on_cleanup (param i32 i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (table 4 funcref)
  (elem (i32.const 0) func $replying $trapping $noting)
  (func $note
    (i64.store (i32.const 8) (call $counter (i32.const 0)))
    (i64.store (i32.const 16) (call $counter (i32.const 1))))
  (func $told (call $append (i32.const 8) (i32.const 16)) (call $reply))
  (func $replying (param i32)
    (if (i32.eqz (local.get 0)) (then (call $note)))
    (call $told))
  (func $trapping (param i32) (call $work) unreachable)
  (func $noting (param i32) (call $note))
  (func $work (local $times i32)
    (loop $again
      (local.set $times (i32.add (local.get $times) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $times) (i32.const 1000)))))
  (func $call (param $callback i32) (param $env i32)
    (call $new (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)
      (local.get $callback) (local.get $env) (local.get $callback) (local.get $env))
    (call $on_cleanup (i32.const 2) (i32.const 0))
    (drop (call $perform)))
  (func $calling (call $work) (call $call (i32.const 0) (i32.const 0)))
  (func $failing (call $work)
    (call $call (i32.const 1) (i32.const 0)) (call $call (i32.const 0) (i32.const 1)))
  (func (export "canister_update alone") (call $work) (call $note) (call $told))
  (func (export "canister_query ask") (call $work) (call $note) (call $told))
  (export "canister_update call" (func $calling))
  (export "canister_update fail" (func $failing))
  (export "canister_composite_query compose" (func $calling))
  (export "canister_composite_query fail_to_compose" (func $failing)))"#;

/// The instructions of the call context before its last execution: counter 1 less counter 0.
#[track_caller]
fn earlier(counters: &[u8]) -> u64 {
    let numbers: Vec<u64> =
        counters.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    let [own, all] = numbers[..] else { panic!("{numbers:?} are two counters") };
    // A block is charged at its start, so only the cost of the second system call lies between the two
    // readings.
    assert!(0 < own && own < all, "{numbers:?}");
    all - own - 200
}

#[test]
fn counter_1_adds_the_earlier_executions_of_the_call_context() {
    let mut canister = installed(COUNTING);
    let reply = update(&mut canister, "alone", &[]).0.expect("it replies");
    assert_eq!(earlier(&reply), 0);
    let reply = ask(&mut canister, "ask", &[]).expect("it replies");
    assert_eq!(earlier(&reply), 0);
    for answer in [Ok(vec![]), Err(Reject::by_canister("no".into()))] {
        let first = begin(&mut canister, "call", &[]).instructions;
        let reply = respond(&mut canister, answer).response.expect("the callback replies").result;
        assert_eq!(earlier(&reply.expect("it replies")), first);
    }
}

#[test]
fn counter_0_of_a_cleanup_starts_at_zero_and_counter_1_leaves_its_callback_out() {
    let mut canister = installed(COUNTING);
    let first = begin(&mut canister, "fail", &[]).instructions;
    let both = respond(&mut canister, Ok(vec![])).instructions;
    // The second callback replies with the counters that the cleanup of the first has read.
    let reply = respond(&mut canister, Ok(vec![])).response.expect("the callback replies").result;
    let counters = reply.expect("it replies");
    assert_eq!(earlier(&counters), first);
    let own = u64::from_le_bytes(*counters.as_chunks::<8>().0.first().expect("two counters"));
    assert!(own < 1_000 && both > 7_000, "{own} of {both}: the callback used most instructions");
}

/// Begins a composite query that makes a call and waits for its response.
fn composing(canister: &mut Canister, method: &str) -> (Box<OpenQuery>, u64) {
    let query = Query {
        caller: Principal::anonymous(),
        caller_info: None,
        method: method.to_owned(),
        argument: vec![],
        data_certificate: None,
    };
    match begin_query(canister, query, QUERY_INSTRUCTIONS_MAX, &round()) {
        (QueryProgress::Waiting(open), instructions) => (open, instructions),
        (QueryProgress::Finished(answer), _) => panic!("the query makes no call: {answer:?}"),
    }
}

#[test]
fn counter_1_adds_the_earlier_executions_of_a_composite_query() {
    let mut canister = installed(COUNTING);
    let resume = |canister: &mut Canister, mut open: Box<OpenQuery>, answer| {
        let call = open.next_call().expect("there is a call");
        resume_query(canister, open, call.callbacks, answer, QUERY_INSTRUCTIONS_MAX, &round())
    };
    for answer in [Ok(vec![]), Err(Reject::by_canister("no".into()))] {
        let (open, first) = composing(&mut canister, "compose");
        let (QueryProgress::Finished(Ok(reply)), _) = resume(&mut canister, open, answer) else {
            panic!("the callback replies")
        };
        assert_eq!(earlier(&reply), first);
    }
    let (open, first) = composing(&mut canister, "fail_to_compose");
    let (QueryProgress::Waiting(open), _) = resume(&mut canister, open, Ok(vec![])) else {
        panic!("one more call is open")
    };
    // The second callback replies with the counters that the cleanup of the first has read.
    let (QueryProgress::Finished(Ok(reply)), _) = resume(&mut canister, open, Ok(vec![])) else {
        panic!("the callback replies")
    };
    assert_eq!(earlier(&reply), first);
}
