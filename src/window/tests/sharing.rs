//! Several windows, and calls without a window, that share the slots to a callee.

use std::cell::Cell;
use std::task::Context;
use std::time::Duration;

use super::{busy, pings, reply};
use crate::scripted_transport::{ScriptedTransport, callee};
use crate::{
    FanOut, Limits, Outcome, Plan, Reason, ReasonKind, Request, Retry, Summary, Transport, Window,
    windowed,
};

/// Polls a fan-out, and keeps its summary.
fn poll<'f>(
    mut fan_out: std::pin::Pin<Box<dyn Future<Output = Summary> + 'f>>,
    summary: &'f Cell<Option<Summary>>,
) -> impl FnMut(&mut Context<'_>) -> bool + 'f {
    move |context| match fan_out.as_mut().poll(context) {
        std::task::Poll::Ready(ready) => {
            summary.set(Some(ready));
            true
        }
        std::task::Poll::Pending => false,
    }
}

/// Calls to the callee with this number.
pub fn to(number: u8, calls: u64) -> impl Iterator<Item = Request> {
    (0..calls).map(move |_| Request::new(callee(number), "ping"))
}

#[test]
fn calls_that_find_no_slot_wait_for_others_of_the_canister_without_losing_attempts() {
    for retry in [Retry::NEVER, Retry::attempts(3)] {
        let script = ScriptedTransport::new(500, 1_000);
        script.hold(callee(1), 500);
        script.at_pauses(|script| {
            if script.pauses.get() == 20 {
                script.hold(callee(1), 498);
            }
        });
        let summary =
            script.drive(windowed(&script, pings(7), Window::of(5), retry, |_, _| ()), reply);
        assert_eq!((summary.succeeded, summary.max_in_flight), (7, 2));
        assert_eq!(script.pauses.get(), 20);
        assert!(summary.refused <= 10, "{}", summary.refused);
        assert!(script.now.get().is_zero(), "waiting for a slot needs no time");
    }
}

#[test]
fn a_callee_whose_slots_others_hold_does_not_delay_calls_to_another() {
    let script = ScriptedTransport::new(500, 1_000);
    script.hold(callee(1), 500);
    let free_slots = Cell::new(false);
    let requests = to(1, 5).chain(to(2, 50));
    let fan_out = windowed(&script, requests, Window::of(10), Retry::NEVER, |_, _| ());
    let summary = script.drive(fan_out, |script| {
        if script.sent.borrow().len() == 50 && !free_slots.replace(true) {
            assert!(script.sent.borrow().iter().all(|request| request.callee == callee(2)));
            script.hold(callee(1), 0);
        }
        reply(script);
    });
    assert_eq!(summary.succeeded, 55);
    assert_eq!(script.pauses.get(), 0, "a response to another call is enough to look again");
}

#[test]
fn calls_that_wait_for_others_end_for_their_reason_if_the_transport_cannot_pause() {
    let script = ScriptedTransport::new(500, 1_000);
    script.hold(callee(1), 500);
    script.pause_fails.replace(Some(Reason::cycles(2, 1)));
    let fan_out = FanOut::new(Window::of(5)).with_retry(Retry::attempts(3));
    let outcomes =
        script.drive(fan_out.collect(&script, pings(3)), |_| unreachable!("nothing is open"));
    assert_eq!(outcomes, vec![Outcome::failed(Reason::QueueFull); 3]);
}

#[test]
fn calls_that_wait_for_others_end_when_the_canister_is_stopping() {
    let script = ScriptedTransport::new(500, 1_000);
    script.hold(callee(1), 500);
    script.at_pauses(|script| script.stopping.set(true));
    let fan_out = windowed(&script, pings(3), Window::of(5), Retry::NEVER, |_, _| ());
    let summary = script.drive(fan_out, |_| unreachable!("nothing is open"));
    assert_eq!(summary.failed(ReasonKind::Stopping), 3);
}

#[test]
fn a_second_window_gets_half_of_the_slots_and_the_first_gets_them_back_afterwards() {
    let script = ScriptedTransport::new(500, 10_000);
    let summaries = [Cell::new(None), Cell::new(None)];
    let window = Window::of(450);
    let first = windowed(&script, to(1, 20_000), window, Retry::NEVER, |_, _| ());
    let second = windowed(&script, pings(2_000), window, Retry::NEVER, |_, _| ());
    let mut first = poll(Box::pin(first), &summaries[0]);
    let mut second = poll(Box::pin(second), &summaries[1]);
    // Slots that the second window did not use while both were running, after its first thousand calls.
    let most_open = Cell::new(0);
    script.drive_all(&mut [&mut first, &mut second], |script| {
        most_open.set(script.open().len().max(most_open.get()));
        reply(script);
    });
    let [first, second] =
        [0, 1].map(|window: usize| summaries[window].take().expect("both have ended"));
    assert_eq!((first.succeeded, first.max_in_flight), (20_000, 450));
    assert_eq!((second.succeeded, second.max_in_flight), (2_000, 225));
    assert_eq!((first.refused, most_open.get()), (0, 500));
    assert!(second.refused <= 225, "{}", second.refused);
}

#[test]
fn a_small_window_beside_a_large_one_without_a_free_slot_makes_its_calls() {
    let script = ScriptedTransport::new(500, 10_000);
    let summaries = [Cell::new(None), Cell::new(None)];
    let large = windowed(&script, to(1, 100_000), Window::of(500), Retry::NEVER, |_, _| ());
    let small = windowed(&script, pings(3), Window::of(3), Retry::attempts(5), |_, _| ());
    let mut large = poll(Box::pin(large), &summaries[0]);
    let mut small = poll(Box::pin(small), &summaries[1]);
    let small_ended_with = Cell::new(None);
    script.drive_all(&mut [&mut large, &mut small], |script| {
        if let Some(summary) = summaries[1].take() {
            small_ended_with.set(small_ended_with.take().or(Some(script.sent.borrow().len())));
            summaries[1].set(Some(summary));
        }
        reply(script);
    });
    let small = summaries[1].take().expect("it has ended");
    assert_eq!((small.succeeded, small.attempted()), (3, 3));
    let sent = small_ended_with.get().expect("the small window ends before the large one");
    assert!(sent < 2_000, "{sent} calls were sent before the small window ended");
}

#[test]
fn the_slots_of_a_plan_are_counted_for_each_callee() {
    let script = ScriptedTransport::new(500, 10_000);
    script.hold(callee(1), 490);
    let plan = |number| {
        let request = Request::new(callee(number), "ping");
        let limits = Limits {
            queue_slots: script.slots(callee(number)).available(),
            ..script.limits(&request)
        };
        Plan::new(&limits, 1_000).expect("there are slots").window.per_callee
    };
    assert_eq!((plan(1), plan(2)), (9, 450));
}

#[test]
fn attached_cycles_that_come_back_pay_for_further_calls() {
    // Six calls with 10 T attached, and 39.5 T.
    const T: u128 = 1_000_000_000_000;
    let limits = Limits {
        queue_slots: 500,
        callbacks: 500,
        liquid_cycles: 39 * T + T / 2,
        cycles_per_call: 10 * T + 42_102_412_000,
        spent_per_call: 6_000_000,
    };
    assert_eq!(Plan::new(&limits, 6).map(|plan| plan.window.total), Ok(3));
    // The author knows that the callee keeps them.
    let kept = Limits { spent_per_call: 10 * T, ..limits };
    assert!(Plan::new(&kept, 6).is_err());
}

#[test]
fn a_call_with_a_retry_waits_for_a_slot_and_one_without_fails_at_once() {
    let script = ScriptedTransport::new(500, 1_000);
    script.hold(callee(1), 500);
    let ping = Request::new(callee(1), "ping");
    let outcome = script.drive(crate::call(&script, &ping), |_| unreachable!("nothing is open"));
    assert_eq!(outcome, Outcome::failed(Reason::QueueFull));

    script.at_pauses(|script| script.hold(callee(1), 499));
    let patient = ping.with_retry(Retry::attempts(2));
    let outcome = script.drive(crate::call(&script, &patient), |script| {
        let is_first = script.sent.borrow().len() == 1;
        script.respond(script.open()[0], if is_first { Err(busy()) } else { Ok(vec![1]) });
    });
    assert_eq!(outcome, Outcome::Done(vec![1].into()));
}

#[test]
fn calls_that_waited_for_others_are_sent_when_a_delayed_call_to_the_same_callee_is_due() {
    let script = ScriptedTransport::new(500, 1_000);
    script.at_pauses(|script| {
        script.slots.set(10);
        script.now.set(script.now.get() + Duration::from_secs(2));
    });
    let fan_out = windowed(&script, pings(2), Window::of(1), Retry::attempts(3), |_, _| ());
    let summary = script.drive(fan_out, |script| {
        let response = if script.sent.borrow().len() == 1 {
            // The next call finds the only slot occupied by others.
            script.hold(callee(1), 1);
            script.slots.set(1);
            Err(busy())
        } else {
            Ok(vec![1])
        };
        script.respond(script.open()[0], response);
    });
    assert_eq!((summary.succeeded, summary.refused), (2, 1));
}

#[test]
fn a_call_that_waits_for_others_is_sent_again_after_a_second_though_none_of_them_has_ended() {
    let script = ScriptedTransport::new(1, 1_000);
    script.hold(callee(1), 1);
    script.at_pauses(|script| {
        script.now.set(script.now.get() + Duration::from_millis(100));
        // What occupied the slot was not one of the calls that the library counts.
        if script.pauses.get() == 5 {
            script.slots.set(2);
        }
        assert!(script.pauses.get() < 50, "the call waits for ever");
    });
    let fan_out = windowed(&script, pings(1), Window::of(5), Retry::NEVER, |_, _| ());
    let summary = script.drive(fan_out, reply);
    assert_eq!((summary.succeeded, summary.refused), (1, 1));
    assert!(script.now.get() >= Duration::from_secs(1));
}

/// Polls several fan-outs until all have ended. `next` gives an open call its response.
fn drive_all<'f>(
    script: &ScriptedTransport,
    fan_outs: Vec<std::pin::Pin<Box<dyn Future<Output = Summary> + 'f>>>,
    next: impl FnMut(&ScriptedTransport),
) -> Vec<Summary> {
    let summaries: Vec<Cell<Option<Summary>>> = fan_outs.iter().map(|_| Cell::default()).collect();
    let fan_outs = fan_outs.into_iter().zip(&summaries);
    let mut polls: Vec<_> = fan_outs.map(|(fan_out, summary)| poll(fan_out, summary)).collect();
    let mut messages: Vec<&mut dyn FnMut(&mut Context<'_>) -> bool> = Vec::new();
    for poll in &mut polls {
        messages.push(poll);
    }
    script.drive_all(&mut messages, next);
    drop(polls);
    summaries.into_iter().map(|summary| summary.take().expect("all have ended")).collect()
}

#[test]
fn a_response_does_not_send_calls_to_all_callees_whose_slots_others_hold() {
    let script = ScriptedTransport::new(500, 10_000);
    (2..52).for_each(|number| script.hold(callee(number), 500));
    let requests = (2..52).flat_map(|number| to(number, 1)).chain(to(1, 2_000));
    let fan_out = windowed(&script, requests, Window::of(10), Retry::NEVER, |_, _| ());
    let mut responses = 0;
    let summary = script.drive(fan_out, |script| {
        responses += 1;
        if responses == 1_000 {
            // Each of the 50 calls was refused once. Responses to other calls do not send them again.
            assert_eq!(script.refused.get(), 50);
            (2..52).for_each(|number| script.hold(callee(number), 499));
        }
        reply(script);
    });
    assert_eq!((summary.succeeded, summary.refused), (2_050, 50));
    assert_eq!(script.pauses.get(), 0, "the responses to other calls show that slots are free");
}

#[test]
fn when_the_share_of_a_window_grows_its_calls_that_wait_go_before_new_ones() {
    let script = ScriptedTransport::new(500, 10_000);
    // The second window has half of the slots: 225 of its calls to the callee are open, three wait, and the call to
    // another callee fills the window. Then come further calls to the callee.
    let numbered =
        |number: u16| Request::new(callee(1), "pay").with_argument(number.to_le_bytes().to_vec());
    let other = Request::new(callee(2), "pay").with_argument(vec![9; 3]);
    let requests = (0..228).map(numbered).chain([other]).chain((228..300).map(numbered));
    let fan_outs: Vec<std::pin::Pin<Box<dyn Future<Output = Summary>>>> = vec![
        Box::pin(windowed(&script, pings(225), Window::of(450), Retry::NEVER, |_, _| ())),
        Box::pin(windowed(&script, requests, Window::of(226), Retry::NEVER, |_, _| ())),
    ];
    drive_all(&script, fan_outs, |script| {
        let open = script.open();
        let length = |call: usize| script.sent.borrow()[call].argument.len();
        // First the responses to the first window, then that of the other callee.
        let first = [6, 3, 2]
            .into_iter()
            .find_map(|bytes| open.iter().copied().find(|&call| length(call) == bytes));
        script.respond(first.expect("a call is open"), Ok(Vec::new()));
    });
    let sent: Vec<u16> = script
        .sent
        .borrow()
        .iter()
        .filter_map(|request| Some(u16::from_le_bytes(request.argument[..].try_into().ok()?)))
        .collect();
    assert_eq!(sent.len(), 300);
    assert!(sent.is_sorted(), "{sent:?}");
}

#[test]
fn a_window_claims_no_more_slots_than_it_can_use() {
    // A window in order has one open call per callee, a window with a small total no more than that, and a window
    // with few calls as many as it has.
    let in_order = FanOut::new(Window::of(450)).in_order();
    let small = FanOut::new(Window { total: 10, ..Window::of(450) });
    let large = FanOut::new(Window::of(450));
    for (modest, calls, left) in [(&in_order, 2_000, 449), (&small, 2_000, 440), (&large, 7, 443)] {
        let script = ScriptedTransport::new(500, 10_000);
        let fan_outs: Vec<std::pin::Pin<Box<dyn Future<Output = Summary>>>> = vec![
            Box::pin(modest.run(&script, to(1, calls), |_, _| ())),
            Box::pin(large.run(&script, pings(5_000), |_, _| ())),
        ];
        // The calls of the modest window are the first ones. They stay open until the large window has ended.
        let summaries = drive_all(&script, fan_outs, |script| {
            script.respond(*script.open().last().expect("calls are open"), Ok(Vec::new()));
        });
        assert_eq!((summaries[0].succeeded, summaries[1].succeeded), (calls, 5_000));
        assert_eq!(summaries[1].max_in_flight, left);
    }
}

#[test]
fn calls_that_are_taken_after_a_source_was_empty_get_all_slots_again() {
    let script = ScriptedTransport::new(500, 10_000);
    let left = Cell::new(1_u32);
    // A source that is empty for a while, like that of a job whose calls wait for another attempt.
    let requests = std::iter::from_fn(|| {
        let calls = left.get().checked_sub(1)?;
        left.set(calls);
        Some(Request::new(callee(1), "ping"))
    });
    let mut responses = 0;
    let summary = script.drive(
        windowed(&script, requests, Window::of(450), Retry::NEVER, |_, _| ()),
        |script| {
            responses += 1;
            if responses == 1 {
                left.set(1_000);
            }
            reply(script);
        },
    );
    assert_eq!((summary.succeeded, summary.max_in_flight), (1_001, 450));
}
