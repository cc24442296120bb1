//! What executions learn about themselves, in every entry point.

use super::entry_points::LETTERS;
use super::everywhere::{Work, execute};
use crate::canister::harness::*;
use crate::canister::{Canister, OpenQuery, Progress, Query, begin_query, resume_query};
use crate::error::Reject;
use crate::limits::QUERY_INSTRUCTIONS_MAX;
use candid::Principal;

/// Does something in every entry point but the start function: says for each how it is called, whether
/// all executions there succeeded, and by how much the canister's version grew.
fn everywhere(fields: &str, body: &str) -> Vec<(&'static str, bool, u64)> {
    let modules = Work { fields, calling: body, alone: body }.modules(1);
    let letters = LETTERS.iter().map(|(letter, _)| *letter).filter(|letter| *letter != "s");
    let done = letters.map(|letter| {
        let mut canister = modules[0].canister();
        let before = canister.version;
        let came = execute(letter, &mut canister, &modules[0]);
        let succeeded = came.iter().all(|(mode, came)| came.succeeded(mode));
        (letter, succeeded, canister.version - before)
    });
    done.collect()
}

#[test]
fn executions_know_whether_all_nodes_do_the_same() {
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
    // What is done, which fails or does not, and by how much that makes the version grow.
    for (body, increments) in [("unreachable", 0), ("", 1)] {
        for (letter, succeeded, increased) in everywhere("", body) {
            let expected = match letter {
                "NRQ" | "TQ" | "CQ" | "CRy" | "CRt" | "CC" | "F" => 0,
                // The call before the callback counts, too; a callback that fails does not.
                "Ry" | "Rt" | "C" => 1 + increments,
                "T" => 3 * increments,
                _ => increments,
            };
            assert_eq!((succeeded, increased), (increments == 1, expected), "{letter}");
        }
    }
}

#[test]
fn executions_see_the_version_before_them() {
    for version in [1, 2] {
        let done = everywhere(
            r#"(import "ic0" "canister_version" (func $f (result i64)))"#,
            &format!("(if (i64.ne (call $f) (i64.const {version})) (then unreachable))"),
        );
        for (letter, succeeded, _) in done {
            let expected = match letter {
                // Before a callback there was the call, before init the version grew.
                "I" | "Ry" | "Rt" | "C" => 2,
                // Each of the tasks sees another.
                "T" => continue,
                _ => 1,
            };
            assert_eq!(succeeded, expected == version, "{letter}");
        }
    }
}

/// Replies with the counters 0 and 1. Where it makes two calls, the first callback fails, and the
/// second replies with what the first one's cleanup has seen.
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

/// How much more has been executed in the whole call context than in the last execution of it.
#[track_caller]
fn earlier(counters: &[u8]) -> u64 {
    let numbers: Vec<u64> =
        counters.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    let [own, all] = numbers[..] else { panic!("{numbers:?} are two counters") };
    // The block is counted when it begins, so what lies between is the call's price alone.
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
        let reply = respond(&mut canister, answer).answer.expect("the callback replies").result;
        assert_eq!(earlier(&reply.expect("it replies")), first);
    }
}

#[test]
fn a_cleanup_begins_to_count_anew_and_its_callback_does_not_count() {
    let mut canister = installed(COUNTING);
    let first = begin(&mut canister, "fail", &[]).instructions;
    let both = respond(&mut canister, Ok(vec![])).instructions;
    // The second callback tells what the first one's cleanup saw.
    let reply = respond(&mut canister, Ok(vec![])).answer.expect("the callback replies").result;
    let counters = reply.expect("it replies");
    assert_eq!(earlier(&counters), first);
    let own = u64::from_le_bytes(*counters.as_chunks::<8>().0.first().expect("two counters"));
    assert!(own < 1_000 && both > 7_000, "{own} of {both}: the callback was long");
}

/// Begins a composite query that waits.
fn composing(canister: &mut Canister, method: &str) -> (Box<OpenQuery>, u64) {
    let query = Query {
        caller: Principal::anonymous(),
        caller_info: None,
        method: method.to_owned(),
        argument: vec![],
        data_certificate: None,
    };
    match begin_query(canister, query, QUERY_INSTRUCTIONS_MAX, &round()) {
        (Progress::Waiting(open), instructions) => (open, instructions),
        (Progress::Answered(answer), _) => panic!("it makes calls: {answer:?}"),
    }
}

#[test]
fn counter_1_counts_in_composite_queries_as_in_updates() {
    let mut canister = installed(COUNTING);
    let resume = |canister: &mut Canister, mut open: Box<OpenQuery>, answer| {
        let call = open.next_call().expect("there is a call");
        resume_query(canister, open, &call, answer, QUERY_INSTRUCTIONS_MAX, &round())
    };
    for answer in [Ok(vec![]), Err(Reject::by_canister("no".into()))] {
        let (open, first) = composing(&mut canister, "compose");
        let (Progress::Answered(Ok(reply)), _) = resume(&mut canister, open, answer) else {
            panic!("the callback replies")
        };
        assert_eq!(earlier(&reply), first);
    }
    let (open, first) = composing(&mut canister, "fail_to_compose");
    let (Progress::Waiting(open), _) = resume(&mut canister, open, Ok(vec![])) else {
        panic!("one more call is open")
    };
    // The second callback tells what the first one's cleanup has seen.
    let (Progress::Answered(Ok(reply)), _) = resume(&mut canister, open, Ok(vec![])) else {
        panic!("the callback replies")
    };
    assert_eq!(earlier(&reply), first);
}
