use std::rc::Rc;
use std::time::Duration;

use ic_principal::Principal;
use ic_stable_structures::VectorMemory;

use super::*;
use crate::scripted_transport::{ScriptedTransport, callee};
use crate::{Failure, Outcome, Reason, ReasonKind, Reply, Response, Window, reject_code};

mod capacity;
mod machine;
mod properties;

use machine::Machine;

/// The number in the argument of a call.
fn argument_of(request: &Request) -> u64 {
    u64::from_le_bytes(request.argument[..8].try_into().expect("the argument is a number"))
}

fn request(to: u8, argument: u64) -> Request {
    Request::new(callee(to), "pay").with_argument(argument.to_le_bytes().to_vec())
}

fn requests(count: u64) -> Vec<Request> {
    (0..count).map(|number| request(1, number)).collect()
}

fn started(machine: &Machine, memory: &VectorMemory) -> Outbox<VectorMemory> {
    let outbox = Outbox::init(memory.clone());
    outbox.start(machine);
    outbox
}

fn new(slots: usize, affordable: usize) -> (Machine, VectorMemory, Outbox<VectorMemory>) {
    let (machine, memory) = (Machine::new(slots, affordable), VectorMemory::default());
    let outbox = started(&machine, &memory);
    (machine, memory, outbox)
}

fn transient() -> Reason {
    Reason::rejected(reject_code::SYS_TRANSIENT, "busy".into())
}

fn numbers(results: &[OutboxResult]) -> Vec<u64> {
    results.iter().map(|result| result.number).collect()
}

#[test]
fn all_entries_are_sent_in_order_and_results_are_kept_in_order_until_they_are_taken() {
    let (machine, _, outbox) = new(10, 100);
    assert_eq!(outbox.enqueue(requests(30)).expect("there is room"), 0..30);
    assert_eq!(machine.sent(), [0; 0], "a timer sends");
    machine.run_timers();
    assert_eq!((outbox.status().open, outbox.status().waiting), (10, 20));
    // The response to the first call is missing: no result can be taken.
    machine.respond(3, Ok(vec![3]));
    assert_eq!((outbox.take_results(10), outbox.status().results), (vec![], 1));
    assert_eq!(outbox.enqueue(requests(5)).expect("there is room"), 30..35, "while it runs");
    machine.finish(|request| Ok(vec![argument_of(request) as u8]));
    assert_eq!(machine.sent(), (0..30).chain(0..5).collect::<Vec<u64>>());

    let peeked = outbox.results(2);
    assert_eq!(outbox.take_results(2), peeked);
    assert_eq!(numbers(&peeked), [0, 1]);
    outbox.discard_results(5);
    let results = outbox.take_results(1_000);
    assert_eq!(numbers(&results), (5..35).collect::<Vec<u64>>());
    assert_eq!(results[0].outcome, Outcome::Done(vec![5].into()));
    let status = outbox.status();
    assert_eq!((status.entries, status.summary.succeeded, status.bytes), (35, 35, 0));
    assert!(machine.has_no_timer(), "an outbox without work costs nothing");
}

#[test]
fn calls_that_an_upgrade_cuts_off_are_unknown_or_if_they_are_idempotent_sent_again() {
    let (machine, memory, outbox) = new(4, 100);
    let calls = requests(6).into_iter().zip([true, false].into_iter().cycle());
    let calls = calls.map(|(call, repeat)| if repeat { call.idempotent() } else { call });
    outbox.enqueue(calls).expect("there is room");
    machine.run_timers();
    assert_eq!(machine.sent(), [0, 1, 2, 3]);
    machine.end_program();
    let outbox = started(&machine, &memory);
    assert_eq!(outbox.status().open, 4);
    machine.finish(|_| Ok(Vec::new()));
    let mut sent = machine.sent();
    sent.sort_unstable();
    assert_eq!(sent, [0, 0, 1, 2, 2, 3, 4, 5]);
    let interrupted = Outcome::failed(Reason::Interrupted);
    let done = Outcome::Done(Vec::new().into());
    for result in outbox.take_results(10) {
        let expected = if [1, 3].contains(&result.number) { &interrupted } else { &done };
        assert_eq!(&result.outcome, expected, "{}", result.number);
    }
}

#[test]
fn calls_that_a_trap_cuts_off_are_unknown_and_the_others_continue() {
    let (machine, _, outbox) = new(4, 100);
    outbox.enqueue(requests(6)).expect("there is room");
    machine.run_timers();
    machine.trap_in(0);
    assert_eq!(outbox.status().summary.unknown(), 4);
    machine.finish(|_| Ok(Vec::new()));
    assert_eq!((outbox.status().summary.succeeded, outbox.status().open), (2, 0));
}

#[test]
fn a_response_that_traps_again_and_again_uses_up_only_the_attempts_of_its_own_entry() {
    let (machine, _, outbox) = new(10, 100);
    let outbox = outbox.with_retry(Retry::attempts(2));
    outbox.enqueue(requests(4).into_iter().map(Request::idempotent)).expect("there is room");
    machine.run_timers();
    machine.trap_in(2);
    machine.wait(Duration::from_secs(1));
    assert_eq!(machine.sent(), [0, 1, 2, 3, 0, 1, 2, 3]);
    machine.trap_in(6);
    machine.finish(|_| Ok(Vec::new()));
    let results = outbox.take_results(10);
    let is_done = |result: &OutboxResult| result.outcome.is_done();
    assert_eq!(results.iter().map(is_done).collect::<Vec<_>>(), [true, true, false, true]);
    assert_eq!(results[2].outcome, Outcome::failed(Reason::Interrupted));
    assert_eq!((results[0].attempts, results[2].attempts), (1, 2));
}

#[test]
fn a_result_says_that_an_earlier_attempt_is_unknown_although_the_last_one_has_a_reply() {
    let (machine, _, outbox) = new(10, 100);
    outbox.enqueue(requests(2).into_iter().map(Request::idempotent)).expect("there is room");
    machine.run_timers();
    machine.respond(0, Err(Reason::Deadline("late".into())));
    machine.finish(|_| Ok(b"TooOld".into()));
    let results = outbox.take_results(10);
    let unknown = [Some(ReasonKind::Deadline), None];
    for (result, unknown) in results.iter().zip(unknown) {
        assert_eq!(result.outcome, Outcome::Done(b"TooOld".to_vec().into()));
        assert_eq!(result.earlier_unknown, unknown);
        assert_eq!(result.attempts, 1 + u32::from(unknown.is_some()));
    }
    assert_eq!(results.len(), 2);
}

#[test]
fn an_entry_is_tried_again_after_a_pause_and_its_result_says_the_first_unknown_attempt() {
    let (machine, _, outbox) = new(10, 100);
    let call = request(1, 0).idempotent().with_retry(Retry::attempts(3));
    outbox.enqueue([call]).expect("there is room");
    machine.run_timers();
    machine.respond(0, Err(Reason::Deadline("late".into())));
    machine.wait(Duration::from_millis(900));
    assert_eq!(machine.sent(), [0], "the pause is not over");
    machine.wait(Duration::from_millis(100));
    machine.respond(1, Err(transient()));
    machine.wait(Duration::from_secs(2));
    machine.message(|| machine.script().respond_with_refund(2, Err(transient()), 7));
    let results = outbox.take_results(10);
    let Outcome::Unknown(Failure { reason: Reason::Deadline(text), refunded: 7 }) =
        &results[0].outcome
    else {
        panic!("{results:?}")
    };
    assert!(text.contains("busy"), "{text}");
}

#[test]
fn a_verdict_decides_and_one_that_an_upgrade_would_forget_is_refused() {
    fn verdict(reply: &[u8]) -> Verdict {
        match reply {
            b"duplicate" => Verdict::Done,
            b"busy" => Verdict::TryAgain("busy".into()),
            _ => Verdict::NotDone("no".into()),
        }
    }
    let (machine, _, outbox) = new(10, 100);
    let outbox =
        outbox.judged_by(|request| (request.method == "pay").then_some(verdict as fn(&[u8]) -> _));
    let forgotten = Request::new(callee(1), "other").judged_by(verdict);
    let error = outbox.enqueue([forgotten]).expect_err("nobody would know it");
    assert_eq!(error, OutboxError::UnknownVerdict { method: "other".into() });
    outbox.enqueue(requests(3)).expect("there is room");
    let mut replies = ["duplicate", "busy", "no", "duplicate"].into_iter();
    machine.finish(|_| Ok(replies.next().expect("four calls").into()));
    assert_eq!(machine.sent(), [0, 1, 2, 1]);
    let results = outbox.take_results(3);
    assert!(results[0].outcome.is_done() && results[1].outcome.is_done());
    assert_eq!(results[2].outcome.reason(), Some(&Reason::Declined("no".into())));
}

#[test]
fn entries_with_the_same_key_follow_one_another_and_callees_do_not_wait_for_each_other() {
    let (machine, _, outbox) = new(2, 100);
    let ordered = |number| Entry::from(request(1, number)).in_order("account");
    outbox.enqueue((0..3).map(ordered)).expect("there is room");
    outbox.enqueue((3..8).map(|number| request(2, number))).expect("there is room");
    outbox.enqueue([request(3, 8)]).expect("there is room");
    machine.run_timers();
    let mut sent = machine.sent();
    sent.sort_unstable();
    assert_eq!(sent, [0, 3, 4, 8]);
    // The second attempt of 0 is made before the first one of 1.
    machine.respond(0, Err(transient()));
    machine.finish(|_| Ok(Vec::new()));
    let sent = machine.sent();
    let ordered: Vec<u64> = sent.into_iter().filter(|number| *number < 3).collect();
    assert_eq!(ordered, [0, 0, 1, 2]);
}

#[test]
fn a_pause_sends_nothing_also_after_an_upgrade_and_a_resumed_outbox_continues() {
    let (machine, memory, outbox) = new(2, 100);
    outbox.enqueue(requests(5)).expect("there is room");
    machine.run_timers();
    outbox.pause();
    machine.finish(|_| Ok(Vec::new()));
    assert_eq!(machine.sent(), [0, 1]);
    machine.end_program();
    let outbox = started(&machine, &memory);
    machine.wait(Duration::from_secs(100));
    assert_eq!((machine.sent().len(), outbox.status().paused), (2, true));
    outbox.resume();
    machine.finish(|_| Ok(Vec::new()));
    assert_eq!(outbox.status().summary.succeeded, 5);
}

#[test]
fn an_outbox_that_is_paused_during_an_upgrade_settles_the_calls_that_the_upgrade_cuts_off() {
    let (machine, memory, outbox) = new(4, 100);
    outbox.enqueue(requests(6)).expect("there is room");
    machine.run_timers();
    outbox.pause();
    machine.end_program();
    let outbox = started(&machine, &memory);
    machine.wait(Duration::from_secs(1));
    let status = outbox.status();
    assert_eq!((status.open, status.waiting, status.summary.unknown()), (0, 2, 4));
    assert_eq!((machine.sent().len(), machine.has_no_timer()), (4, true));
    outbox.resume();
    machine.finish(|_| Ok(Vec::new()));
    assert_eq!(outbox.status().summary.succeeded, 2);
}

#[test]
fn however_often_calls_are_appended_few_timers_run() {
    let (machine, _, outbox) = new(1, 100);
    for number in 0..100 {
        // Each message wakes the outbox. No more than ten timers may be set at a time: the machine checks this.
        outbox.enqueue([request(1, number)]).expect("there is room");
        machine.wait(Duration::from_millis(500));
    }
    machine.finish(|_| Ok(Vec::new()));
    assert_eq!(outbox.status().summary.succeeded, 100);
}

#[test]
fn a_cancelled_outbox_settles_all_that_is_not_open_and_sends_what_is_appended_later() {
    for upgraded in [false, true] {
        let (machine, memory, mut outbox) = new(2, 100);
        outbox.enqueue(requests(5_000)).expect("there is room");
        machine.run_timers();
        outbox.cancel();
        if upgraded {
            machine.end_program();
            outbox = started(&machine, &memory);
        }
        outbox.enqueue([request(1, 9_999)]).expect("there is room");
        machine.finish(|_| Err(transient()));
        let summary = outbox.status().summary;
        let retried = 3;
        assert_eq!(machine.sent().len(), 2 + retried);
        assert_eq!(summary.failed(ReasonKind::Cancelled), 4_998);
        let open = if upgraded { ReasonKind::Interrupted } else { ReasonKind::SysTransient };
        assert_eq!(summary.failed(open), 2 + u64::from(!upgraded));
        assert_eq!(outbox.take_results(10_000).len(), 5_001);
    }
}

#[test]
fn entries_beyond_the_bound_are_refused_and_replies_beyond_it_are_dropped() {
    let (machine, _, outbox) = new(10, 100);
    let outbox = outbox.bounded(10 * 512).keeping(100_000);
    outbox.enqueue(requests(8)).expect("there is room");
    let error = outbox.enqueue(requests(3)).expect_err("it is full");
    assert_eq!(error, OutboxError::Full { bytes: 3 * 512, kept: 8 * 512, max: 10 * 512 });
    assert_eq!(outbox.status().entries, 8, "all or nothing");
    machine.finish(|request| match argument_of(request) {
        0 => Ok(vec![1; 1_200]),
        1 => Ok(vec![1; 1_201]),
        _ => Err(Reason::rejected(reject_code::CANISTER_REJECT, "é".repeat(1_000))),
    });
    let results = outbox.take_results(10);
    assert_eq!(results[0].outcome, Outcome::Done(vec![1; 1_200].into()));
    assert_eq!(results[1].outcome, Outcome::ReplyDropped { bytes: 1_201, refunded: 0 });
    let text = results[2].outcome.reason().expect("rejected").to_string();
    assert_eq!((results.len(), text.chars().all(|char| char == 'é')), (8, true));
    outbox.enqueue(requests(10)).expect("there is room again");
}

#[test]
fn while_the_canister_is_being_stopped_nothing_is_sent() {
    let (machine, _, outbox) = new(2, 100);
    outbox.enqueue(requests(5)).expect("there is room");
    machine.run_timers();
    machine.script().stopping.set(true);
    machine.respond(0, Ok(Vec::new()));
    machine.respond(1, Ok(Vec::new()));
    machine.wait(Duration::from_secs(10));
    assert_eq!(machine.sent(), [0, 1]);
    machine.script().stopping.set(false);
    machine.finish(|_| Ok(Vec::new()));
    assert_eq!(outbox.status().summary.succeeded, 5);
}

#[test]
#[should_panic(expected = "something else than an outbox")]
fn a_memory_of_something_else_is_refused() {
    let memory = VectorMemory::default();
    memory.grow(1);
    let _ = Outbox::init(memory);
}
