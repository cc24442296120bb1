use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::scripted_transport::{ScriptedTransport, callee};
use crate::{ReasonKind, reject_code};

mod bounds;
mod endings;
mod fairness;
mod options;
mod properties;
mod sharing;
mod silence;

fn pings(calls: u64) -> impl Iterator<Item = Request> {
    (0..calls).map(|_| Request::new(callee(1), "ping"))
}

fn late() -> Reason {
    Reason::rejected(reject_code::SYS_UNKNOWN, "late".into())
}

fn busy() -> Reason {
    Reason::rejected(reject_code::SYS_TRANSIENT, "busy".into())
}

/// Responds to the oldest open call with an empty reply.
fn reply(script: &ScriptedTransport) {
    script.respond(script.open()[0], Ok(Vec::new()));
}

fn run(script: &ScriptedTransport, calls: u64, window: u32, retry: Retry) -> Summary {
    let fan_out = windowed(script, pings(calls), Window::of(window), retry, |_, _| ());
    script.drive(fan_out, reply)
}

#[test]
fn all_calls_succeed_and_the_window_is_never_exceeded() {
    let script = ScriptedTransport::new(500, 1_000);
    let summary = run(&script, 2_000, 300, Retry::NEVER);
    assert_eq!(
        (summary.succeeded, summary.attempted(), summary.max_in_flight),
        (2_000, 2_000, 300)
    );
    assert_eq!(script.refused.get(), 0);
}

#[test]
fn a_window_of_0_counts_as_1() {
    let script = ScriptedTransport::new(500, 1_000);
    let summary = run(&script, 3, 0, Retry::NEVER);
    assert_eq!((summary.succeeded, summary.max_in_flight), (3, 1));
}

#[test]
fn an_empty_source_ends_at_once() {
    assert_eq!(run(&ScriptedTransport::new(0, 0), 0, 5, Retry::NEVER), Summary::default());
}

#[test]
fn a_refused_call_waits_for_the_response_to_another() {
    for (slots, affordable) in [(3, 1_000), (500, 3)] {
        let script = ScriptedTransport::new(slots, affordable);
        let summary = run(&script, 100, 500, Retry::NEVER);
        assert_eq!((summary.succeeded, summary.max_in_flight), (100, 3));
        // At most one refused attempt per response, not one per waiting call.
        assert!(script.refused.get() <= 100, "{}", script.refused.get());
    }
}

#[test]
fn without_an_open_call_one_refused_call_uses_all_attempts_and_the_others_one() {
    for (slots, affordable, kind) in
        [(0, 1_000, ReasonKind::QueueFull), (500, 0, ReasonKind::Cycles)]
    {
        let script = ScriptedTransport::new(slots, affordable);
        let summary = run(&script, 5, 10, Retry::attempts(3));
        assert_eq!(summary.failures().collect::<Vec<_>>(), [(kind, 5)]);
        assert_eq!(script.refused.get(), 3 + 4);
        // 1 second after the first attempt, 2 seconds after the second.
        assert_eq!(script.now.get(), Duration::from_secs(3));
    }
}

#[test]
fn each_call_is_tried_once_and_keeps_its_reason_if_the_transport_cannot_pause() {
    let script = ScriptedTransport::new(500, 0);
    let pause_error = Reason::cycles(40, 3);
    script.pause_fails.replace(Some(pause_error.clone()));
    let fan_out = fan_out(&script, pings(5), Window::of(10), Retry::attempts(9));
    let outcomes = script.drive(fan_out, |_| unreachable!("nothing is sent"));
    let short_of_cycles = Reason::cycles(1, 0);
    assert_eq!(outcomes[0], Outcome::failed(pause_error));
    assert_eq!(outcomes[1..], vec![Outcome::failed(short_of_cycles); 4]);
    assert_eq!((script.refused.get(), script.pauses.get()), (5, 1));
    assert_eq!(script.now.get(), Duration::ZERO);
}

#[test]
fn an_unknown_call_stays_unknown_if_the_transport_cannot_pause() {
    let script = ScriptedTransport::new(500, 500);
    script.pause_fails.replace(Some(Reason::cycles(40, 3)));
    let requests = [true, false].map(|idempotent| {
        let request = Request::new(callee(1), "ping");
        if idempotent { request.idempotent() } else { request }
    });
    let fan_out = fan_out(&script, requests, Window::of(10), Retry::attempts(9));
    let outcomes = script.drive(fan_out, |script| {
        let response = if script.open()[0] == 0 { late() } else { busy() };
        script.respond(script.open()[0], Err(response));
    });
    assert_eq!(outcomes[0], Outcome::failed(late()));
    assert_eq!(outcomes[1], Outcome::failed(Reason::cycles(40, 3)));
    assert_eq!(script.sent.borrow().len(), 2);
}

#[test]
fn the_source_is_not_read_while_others_hold_all_slots() {
    let script = ScriptedTransport::new(0, 1_000);
    let taken = Cell::new(0);
    let calls = pings(1_000).inspect(|_| {
        taken.set(taken.get() + 1);
        if script.now.get() > Duration::ZERO {
            script.slots.set(500);
        } else {
            assert!(taken.get() <= 2, "one call tells that no slot is free");
        }
    });
    let window = Window::of(500).without_look_ahead();
    let fan_out = windowed(&script, calls, window, Retry::attempts(3), |_, _| ());
    script.slots.set(0);
    let free = script.drive(fan_out, |script| {
        script.slots.set(500);
        reply(script);
    });
    assert_eq!(free.attempted(), 1_000);
}

#[test]
fn a_call_with_an_unknown_attempt_stays_unknown_if_its_last_attempt_is_not_done() {
    let script = ScriptedTransport::new(500, 1_000);
    let requests = [Request::new(callee(1), "ping").idempotent()];
    let fan_out = fan_out(&script, requests, Window::of(1), Retry::attempts(2));
    let outcomes = script.drive(fan_out, |script| {
        let response = if script.sent.borrow().len() == 1 { late() } else { busy() };
        script.respond(script.open()[0], Err(response));
    });
    assert_eq!(outcomes, [Outcome::failed(late())]);
}

#[test]
fn a_full_queue_to_one_callee_does_not_delay_the_others() {
    let script = ScriptedTransport::new(2, 1_000);
    let requests = (0..20).map(|number| Request::new(callee(number % 4), "ping"));
    let fan_out = windowed(&script, requests, Window::of(100), Retry::NEVER, |_, _| ());
    let mut seen = false;
    script.drive(fan_out, |script| {
        seen |= script.open().len() == 8;
        // The first callee responds to all its calls before the others respond.
        let to = |number: usize| script.sent.borrow()[number].callee;
        let open = script.open();
        let first = open.iter().copied().find(|&call| to(call) == callee(0)).unwrap_or(open[0]);
        script.respond(first, Ok(Vec::new()));
    });
    assert!(seen, "two calls to each of four callees are open at the same time");
}

#[test]
fn a_call_with_a_transient_reject_is_made_again_after_a_delay() {
    let script = ScriptedTransport::new(500, 1_000);
    let fan_out = windowed(&script, pings(1), Window::of(1), Retry::attempts(4), |_, _| ());
    let summary = script.drive(fan_out, |script| {
        let attempt = script.sent.borrow().len();
        let response = if attempt < 4 { Err(busy()) } else { Ok(Vec::new()) };
        script.respond(script.open()[0], response);
    });
    assert_eq!(summary.succeeded, 1);
    assert_eq!(script.now.get(), Duration::from_secs(1 + 2 + 4));
}

#[test]
fn a_stopping_canister_sends_no_further_call_and_waits_for_the_open_ones() {
    let script = ScriptedTransport::new(500, 1_000);
    let mut outcomes = BTreeMap::new();
    let on_outcome = |number, outcome| {
        outcomes.insert(number, outcome);
    };
    let fan_out = windowed(&script, pings(50), Window::of(10), Retry::attempts(9), on_outcome);
    let summary = script.drive(fan_out, |script| {
        script.stopping.set(true);
        reply(script);
    });
    assert_eq!(script.sent.borrow().len(), 10);
    assert_eq!((summary.succeeded, summary.failed(ReasonKind::Stopping)), (10, 40));
    assert_eq!(outcomes.len(), 50);
    assert_eq!(outcomes[&49], Outcome::failed(Reason::Stopping));
}

#[test]
fn outcomes_have_the_order_of_the_requests() {
    let script = ScriptedTransport::new(500, 1_000);
    let fan_out = fan_out(&script, pings(5), Window::of(3), Retry::NEVER);
    let outcomes = script.drive(fan_out, |script| {
        let latest = *script.open().last().expect("a call is open");
        script.respond(latest, Ok(vec![latest as u8]));
    });
    assert_eq!(outcomes, (0..5).map(|call| Outcome::Done(vec![call].into())).collect::<Vec<_>>());
}

#[test]
fn callees_take_turns() {
    let script = ScriptedTransport::new(500, 1_000);
    // First 100 calls to one callee, then one call to each of nine others.
    let to = (0..100).map(|_| 0).chain(1..10);
    let requests = to.map(|number| Request::new(callee(number), "ping"));
    let fan_out = windowed(&script, requests, Window::new(2, 4), Retry::NEVER, |_, _| ());
    script.drive(fan_out, reply);
    let sent = script.sent.borrow();
    let last =
        sent.iter().rposition(|request| request.callee != callee(0)).expect("nine calls were sent");
    assert!(last < 30, "the last of the nine was sent as number {last}");
}

#[test]
fn second_attempts_keep_the_order_of_the_first() {
    let script = ScriptedTransport::new(500, 1_000);
    let requests: Vec<Request> = (0..6_u8)
        .map(|number| Request::new(callee(1), "ping").with_argument(vec![number]))
        .collect();
    let fan_out = windowed(&script, requests, Window::of(3), Retry::attempts(2), |_, _| ());
    script.drive(fan_out, |script| {
        let first = script.sent.borrow().len() <= 6;
        script.respond(script.open()[0], if first { Err(busy()) } else { Ok(Vec::new()) });
    });
    let sent: Vec<u8> = script.sent.borrow().iter().map(|request| request.argument[0]).collect();
    assert_eq!(sent, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
}

#[test]
fn failing_calls_do_not_fill_the_memory() {
    let script = ScriptedTransport::new(500, 1_000);
    let taken = Cell::new(0_usize);
    let settled = Cell::new(0_usize);
    let most = Cell::new(0_usize);
    let calls = pings(20_000).inspect(|_| {
        taken.set(taken.get() + 1);
        most.set(most.get().max(taken.get() - settled.get()));
    });
    let on_outcome = |_, _| settled.set(settled.get() + 1);
    let fan_out = windowed(&script, calls, Window::of(100), Retry::attempts(2), on_outcome);
    let summary = script.drive(fan_out, |script| script.respond(script.open()[0], Err(busy())));
    assert_eq!((summary.attempted(), script.sent.borrow().len()), (20_000, 40_000));
    assert!(most.get() <= 1_100, "{} calls were in memory", most.get());
}
