//! Callees that do not respond, and the calls to them that stay open.

use std::cell::Cell;
use std::time::Duration;

use super::reply;
use super::sharing::to;
use crate::scripted_transport::{ScriptedTransport, callee};
use crate::{FanOut, Request, Retry, Window, windowed};

/// Responds to the oldest call that is not to callee 1. Returns whether there is one.
fn respond_to_others(script: &ScriptedTransport) -> bool {
    let is_to_another = |&call: &usize| script.sent.borrow()[call].callee != callee(1);
    let Some(call) = script.open().into_iter().find(is_to_another) else { return false };
    script.respond(call, Ok(Vec::new()));
    true
}

/// Three calls to callee 1, then 50 to callee 2.
fn requests() -> impl Iterator<Item = Request> {
    to(1, 3).chain(to(2, 50))
}

#[test]
fn a_call_that_finds_no_slot_is_sent_when_others_free_one_though_an_own_call_stays_open() {
    let patient = FanOut::new(Window::of(10));
    for fan_out in [patient.clone(), patient.without_waiting_for_slots()] {
        let script = ScriptedTransport::new(500, 1_000);
        script.hold(callee(1), 499);
        // Open calls to callee 1 before each response of callee 2.
        let mut open = Vec::new();
        let summary = script.drive(fan_out.run(&script, requests(), |_, _| ()), |script| {
            if open.len() == 20 {
                script.hold(callee(1), 0);
            }
            let to_silent = script.open_to(callee(1));
            if respond_to_others(script) {
                open.push(to_silent);
            } else {
                reply(script);
            }
        });
        assert_eq!((summary.succeeded, summary.refused), (53, 1));
        // With each response, the window has room for one call more.
        assert_eq!((&open[..21], open[21], &open[22..]), (&[1; 21][..], 2, &[3; 28][..]));
    }
}

#[test]
fn a_call_beside_an_own_open_call_is_sent_again_after_a_second_if_unknown_calls_occupy_the_slots() {
    let script = ScriptedTransport::new(500, 1_000);
    // The canister makes these calls without the library, which does not count them.
    script.held.borrow_mut().insert(callee(1), 499);
    let sent_at = Cell::new(None);
    let fan_out = windowed(&script, requests(), Window::of(10), Retry::NEVER, |_, _| ());
    let summary = script.drive(fan_out, |script| {
        script.held.borrow_mut().remove(&callee(1));
        if script.open_to(callee(1)) > 1 {
            sent_at.set(sent_at.get().or(Some(script.now.get().as_millis())));
        }
        script.now.set(script.now.get() + Duration::from_millis(100));
        if !respond_to_others(script) {
            reply(script);
        }
    });
    assert_eq!((summary.succeeded, summary.refused, sent_at.get()), (53, 1, Some(1_000)));
}

#[test]
fn a_response_does_not_send_calls_to_all_callees_that_have_an_open_call_and_no_free_slot() {
    let script = ScriptedTransport::new(500, 10_000);
    (2..52).for_each(|number| script.hold(callee(number), 499));
    // One call to each of the 50 callees is open, and one waits.
    let requests = (2..52).flat_map(|number| to(number, 2)).chain(to(1, 2_000));
    let fan_out = windowed(&script, requests, Window::of(60), Retry::NEVER, |_, _| ());
    let mut responses = 0;
    let summary = script.drive(fan_out, |script| {
        responses += 1;
        if responses == 1_000 {
            assert_eq!((script.refused.get(), script.open().len()), (50, 60));
            (2..52).for_each(|number| script.hold(callee(number), 0));
        }
        let last = *script.open().last().expect("calls are open");
        script.respond(last, Ok(Vec::new()));
    });
    assert_eq!((summary.succeeded, summary.refused), (2_100, 50));
}

/// How many of 20 calls to callee 2 are sent while callee 1, to which 20 earlier calls are made, does not respond.
fn sent_to_others(window: Window) -> usize {
    let script = ScriptedTransport::new(500, 1_000);
    let sent = Cell::new(None);
    let fan_out = windowed(&script, to(1, 20).chain(to(2, 20)), window, Retry::NEVER, |_, _| ());
    let summary = script.drive(fan_out, |script| {
        if !respond_to_others(script) {
            let others =
                script.sent.borrow().iter().filter(|call| call.callee != callee(1)).count();
            sent.set(sent.get().or(Some(others)));
            reply(script);
        }
    });
    assert_eq!(summary.succeeded, 40);
    sent.get().expect("callee 1 responds in the end")
}

#[test]
fn a_silent_callee_takes_no_more_than_its_limit_and_no_more_than_its_calls_are_looked_ahead() {
    assert_eq!(sent_to_others(Window::of(10)), 0, "all open calls are to the silent callee");
    let window = Window::new(4, 10);
    assert_eq!(sent_to_others(window), 20);
    // Of the 20 calls to the silent callee, four are open, and 16 wait.
    assert_eq!(sent_to_others(window.with_look_ahead(17)), 20);
    assert_eq!(sent_to_others(window.with_look_ahead(16)), 0);
}
