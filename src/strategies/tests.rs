use super::*;
use crate::script::{Script, callee};
use crate::{Kind, Reason, reject_code};

fn pings(calls: u64) -> impl Iterator<Item = Request> {
    (0..calls).map(|_| Request::new(callee(1), "ping"))
}

/// Answers the latest call: with its number, or with a reject if that is a multiple of three.
fn answer(script: &Script) {
    let call = *script.open().last().expect("one is open");
    script.answer(
        call,
        match call % 3 {
            0 => Err(Reason::rejected(reject_code::CANISTER_ERROR, "no".into())),
            _ => Ok(vec![call as u8]),
        },
    );
}

#[test]
fn sequential_calls_are_open_one_at_a_time() {
    let script = Script::new(500, 500);
    let mut numbers = Vec::new();
    let calls = sequential(&script, pings(7), |number, outcome| {
        assert_eq!(outcome.is_done(), number % 3 != 0);
        numbers.push(number);
    });
    let summary = script.drive(calls, answer);
    assert_eq!((summary.succeeded, summary.attempted(), summary.widest), (4, 7, 1));
    assert_eq!(summary.failed(Kind::CanisterError), 3);
    assert_eq!(numbers, (0..7).collect::<Vec<_>>());
}

#[test]
fn parallel_calls_are_open_all_together_and_reported_in_order() {
    let script = Script::new(500, 500);
    let mut outcomes = Vec::new();
    let calls = parallel(&script, pings(40), |number, outcome| {
        assert_eq!(number, outcomes.len() as u64);
        outcomes.push(outcome);
    });
    let summary = script.drive(calls, |script| {
        assert_eq!(script.sent.borrow().len(), 40);
        answer(script);
    });
    assert_eq!((summary.succeeded, summary.widest), (26, 40));
    assert_eq!(outcomes[5], Outcome::Done(vec![5]));
}

#[test]
fn of_2000_parallel_calls_500_find_a_slot_and_the_others_fail_at_once() {
    let script = Script::new(500, 1_000);
    let summary = script.drive(parallel(&script, pings(2_000), |_, _| ()), |script| {
        script.answer(script.open()[0], Ok(Vec::new()));
    });
    assert_eq!((summary.succeeded, summary.failed(Kind::QueueFull)), (500, 1_500));
    assert_eq!((summary.widest, summary.not_done(), summary.unknown()), (500, 1_500, 0));
    assert_eq!((summary.refused, script.refused.get()), (1_500, 1_500));
}

#[test]
fn a_call_that_the_cycles_do_not_cover_fails_for_that_reason() {
    let script = Script::new(500, 46);
    let summary = script.drive(parallel(&script, pings(90), |_, _| ()), |script| {
        script.answer(script.open()[0], Ok(Vec::new()));
    });
    assert_eq!(summary.failures().collect::<Vec<_>>(), [(Kind::Cycles, 44)]);
}

#[test]
fn sequential_calls_end_when_the_canister_is_stopping() {
    let script = Script::new(500, 500);
    let summary = script.drive(sequential(&script, pings(9), |_, _| ()), |script| {
        script.stopping.set(script.sent.borrow().len() == 3);
        script.answer(script.open()[0], Ok(Vec::new()));
    });
    assert_eq!((summary.succeeded, summary.failed(Kind::Stopping)), (3, 6));
}
