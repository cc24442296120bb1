//! The outbox of the caller: a list of different calls, over many messages, stops and upgrades.

use std::collections::BTreeMap;
use std::time::Duration;

use candid::Principal;
use test_support::on_every_server;

use crate::answers::{EntryResult, OutboxStatus, RawOutcome, RawRequest, RawWait};
use crate::jobs::INTERVAL;
use crate::moody::Mood;
use crate::pair::{Pair, assert_refusal, controller, decode, encode, nothing, stranger};
use crate::raw_calls::request;

impl Pair {
    /// Appends calls to the outbox. Returns the number of the first one.
    pub fn enqueue(&self, requests: &[RawRequest]) -> u64 {
        let first: Result<u64, String> = self.ask("enqueue", requests);
        first.expect("there is room")
    }

    pub fn outbox(&self) -> OutboxStatus {
        let reply = self.pic.query_call(self.caller, controller(), "outbox_status", nothing());
        decode(&reply.expect("a controller may ask"))
    }

    pub fn tell_outbox(&self, method: &str) {
        let told = self.pic.update_call(self.caller, controller(), method, nothing());
        told.expect("a controller may do that");
    }

    /// Waits until every entry has its outcome.
    pub fn outbox_finished(&self) -> OutboxStatus {
        for _ in 0..2_000 {
            let outbox = self.outbox();
            if outbox.waiting + outbox.open == 0 {
                return outbox;
            }
            self.wait(INTERVAL, 10);
        }
        panic!("the outbox does not finish: {:?}", self.outbox());
    }

    /// All results from this one on, in several messages.
    pub fn results_from(&self, first: u64) -> Vec<EntryResult> {
        let mut results: Vec<EntryResult> = Vec::new();
        loop {
            let next = results.last().map_or(first, |last| last.number + 1);
            let more: Vec<EntryResult> = self.ask("take_results", next);
            if more.is_empty() {
                return results;
            }
            results.extend(more);
        }
    }
}

/// Calls of `echo` with different words.
fn echoes(canister: Principal, words: std::ops::Range<u32>) -> Vec<RawRequest> {
    words.map(|word| request(canister, "echo", word.to_le_bytes())).collect()
}

#[test]
fn different_calls_are_all_made_and_their_results_are_in_the_order_of_the_list() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            let near = pair.echo(0);
            let far = pair.echo(subnets - 1);
            let (mut requests, others) = (echoes(near, 0..1_500), echoes(far, 1_500..3_000));
            assert_eq!(pair.enqueue(&requests), 0);
            pair.wait(INTERVAL, 2);
            assert_eq!(pair.enqueue(&others), 1_500, "while it runs");
            requests.extend(others);
            let status = pair.outbox_finished();
            assert_eq!((status.entries, status.succeeded, status.results), (3_000, 3_000, 3_000));
            let results = pair.results_from(0);
            for ((number, result), request) in (0..).zip(&results).zip(&requests) {
                assert_eq!(result.number, number);
                assert_eq!(result.outcome, RawOutcome::Done(request.arg.clone()));
            }
            assert_eq!(results.len(), 3_000);
            let status = pair.outbox();
            assert_eq!((status.results, status.bytes), (0, 0));
        }
    });
}

#[test]
fn a_user_who_gets_no_reply_can_take_the_same_results_again() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        pair.enqueue(&echoes(pair.echo(0), 0..1_003));
        pair.outbox_finished();
        let take = |from: u64| -> Vec<EntryResult> { pair.ask("take_results", from) };
        assert_eq!(take(0).len(), 1_000);
        assert_eq!(take(0), take(0));
        assert_eq!(take(1_000).len(), 3);
        assert_eq!(take(0).len(), 3, "those before are forgotten");
        assert_eq!(take(1_003), []);
    });
}

#[test]
fn slots_that_others_hold_are_waited_for_while_calls_to_other_callees_are_made() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        let silent = pair.occupy_all_slots();
        let echo = pair.echo(1);
        let pings = vec![request(pair.callee, "ping", nothing()); 600];
        pair.enqueue(&pings);
        pair.enqueue(&echoes(echo, 0..600));
        (0..10).for_each(|_| pair.wait(INTERVAL, 5));
        let status = pair.outbox();
        assert_eq!((status.succeeded, status.waiting), (600, 600));
        assert_eq!(status.waiting_for.as_deref(), Some("queue_full"));
        pair.set_mood(Mood::Answer);
        pair.wait(Duration::ZERO, 5);
        assert!(pair.report_of(&silent).is_some());
        let status = pair.outbox_finished();
        assert_eq!((status.succeeded, status.waiting_for), (1_200, None));
        assert_eq!(pair.calls_that_arrived(), 500 + 600, "each call was made once");
    });
}

#[test]
fn waits_and_attached_cycles_are_those_of_the_entry() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        pair.set_mood(Mood::Silence);
        let ping = request(pair.callee, "ping", nothing());
        let bounded = RawRequest { wait: Some(RawWait::Bounded(20)), ..ping.clone() };
        let unbounded = RawRequest { wait: Some(RawWait::Unbounded), ..ping };
        let attached = RawRequest {
            cycles: Some(3_000_000_000),
            ..request(pair.echo(1), "echo", b"keeps nothing")
        };
        pair.enqueue(&[bounded, unbounded, attached]);
        pair.wait(INTERVAL, 5);
        assert_eq!(pair.outbox().open, 2);
        (0..12).for_each(|_| pair.wait(INTERVAL, 5));
        let status = pair.outbox();
        assert_eq!((status.open, status.failures()), (1, BTreeMap::from([("deadline", 1)])));
        (0..10).for_each(|_| pair.wait(Duration::from_secs(60), 5));
        assert_eq!(pair.outbox().open, 1, "the other one waits for ever");
        pair.set_mood(Mood::Answer);
        assert_eq!(pair.outbox_finished().succeeded, 2);
        pair.mend();
    });
}

#[test]
fn calls_of_the_outbox_that_a_forced_upgrade_interrupts_are_unknown_or_made_again() {
    on_every_server(|server| {
        for (idempotent, interrupted) in [(false, 450), (true, 0)] {
            let pair = Pair::ready(server, 2);
            pair.moody_callee();
            let ping = RawRequest {
                idempotent: Some(idempotent),
                ..request(pair.callee, "ping", nothing())
            };
            pair.enqueue(&vec![ping; 1_000]);
            pair.wait(INTERVAL, 1);
            assert_eq!(pair.outbox().open, 450);
            pair.upgrade_caller_with(true).expect("nothing refuses");
            let status = pair.outbox_finished();
            assert_eq!((status.succeeded, status.unknown), (1_000 - interrupted, interrupted));
            let twice = if idempotent { 450 } else { 0 };
            assert_eq!(pair.calls_that_arrived(), 1_000 + twice);
            let results = pair.results_from(0);
            let is_unknown =
                |result: &&EntryResult| result.earlier_unknown.as_deref() == Some("interrupted");
            assert_eq!(results.iter().filter(is_unknown).count(), twice as usize);
            assert_eq!(results.len(), 1_000);
        }
    });
}

#[test]
fn an_outbox_continues_after_a_stop_and_a_start_with_and_without_an_upgrade() {
    const CALLS: u64 = 6_000;
    on_every_server(|server| {
        for upgraded in [false, true] {
            let pair = Pair::ready(server, 2);
            pair.moody_callee();
            pair.enqueue(&vec![request(pair.callee, "ping", nothing()); CALLS as usize]);
            for _ in 0..3 {
                pair.wait(INTERVAL, 2);
                pair.stop_caller();
                pair.wait(INTERVAL, 3);
                if upgraded {
                    pair.upgrade_caller_with(false).expect("nothing is open");
                }
                assert!(pair.calls_that_arrived() < CALLS, "there is something left to do");
                pair.start_caller();
            }
            let status = pair.outbox_finished();
            assert_eq!((status.succeeded, status.unknown), (CALLS, 0));
            assert_eq!(pair.calls_that_arrived(), CALLS);
        }
    });
}

#[test]
fn a_paused_outbox_makes_no_calls_and_a_cancelled_one_settles_them() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        pair.tell_outbox("pause_outbox");
        pair.enqueue(&vec![request(pair.callee, "ping", nothing()); 2_000]);
        pair.wait(INTERVAL, 5);
        pair.upgrade_caller();
        (0..5).for_each(|_| pair.wait(INTERVAL, 5));
        assert_eq!((pair.calls_that_arrived(), pair.outbox().paused), (0, true));
        pair.tell_outbox("resume_outbox");
        pair.wait(INTERVAL, 1);
        assert_eq!(pair.outbox().open, 450);
        pair.tell_outbox("cancel_outbox");
        let status = pair.outbox_finished();
        let arrived = pair.calls_that_arrived();
        assert!(arrived < 2_000, "{arrived}");
        assert_eq!(status.failures(), BTreeMap::from([("cancelled", 2_000 - arrived)]));
        assert_eq!((status.succeeded, status.results), (arrived, 2_000));
    });
}

#[test]
fn only_controllers_use_the_outbox() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let empty = encode(Vec::<RawRequest>::new());
        for (method, argument) in [
            ("enqueue", empty),
            ("take_results", encode(0_u64)),
            ("pause_outbox", nothing()),
            ("resume_outbox", nothing()),
            ("cancel_outbox", nothing()),
        ] {
            let refusal = pair.pic.update_call(pair.caller, stranger(), method, argument);
            assert!(refusal.expect_err("no controller").reject_message.contains("controller"));
        }
        let refusal = pair.pic.query_call(pair.caller, stranger(), "outbox_status", nothing());
        assert_refusal(&refusal.expect_err("no controller"), &["controller"]);
    });
}
