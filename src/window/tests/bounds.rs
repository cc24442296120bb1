//! The work of one message, and the memory of several fan-outs.

use std::cell::Cell;
use std::future::poll_fn;
use std::time::Duration;

use super::{pings, reply};
use crate::limits::ENDED_PER_MESSAGE;
use crate::scripted_transport::{ScriptedTransport, callee};
use crate::{
    Cancel, FanOut, Outcome, Reason, ReasonKind, ReplyLimit, Request, Retry, Summary, Transport,
    Window,
};

/// Makes so many calls. Returns the summary, and the most outcomes that one message reports.
fn most_per_message(
    script: &ScriptedTransport,
    fan_out: &FanOut,
    calls: u64,
    next: impl FnMut(&ScriptedTransport),
) -> (Summary, u64) {
    let (reported, most) = (Cell::new(0), Cell::new(0));
    let count = |_, _| reported.set(reported.get() + 1);
    let mut run = Box::pin(fan_out.run(script, pings(calls), count));
    let messages = poll_fn(|context| {
        let before = reported.get();
        let poll = run.as_mut().poll(context);
        most.set(most.get().max(reported.get() - before));
        poll
    });
    let summary = script.drive(messages, next);
    assert_eq!(reported.get(), calls, "each call has one outcome");
    (summary, most.get())
}

/// The most outcomes of one message: those that it ends, and that of the response it takes.
const MOST: u64 = ENDED_PER_MESSAGE as u64 + 1;

#[test]
fn a_deadline_a_cancellation_and_a_stop_end_a_bounded_number_of_calls_per_message() {
    let cancel = Cancel::new();
    let fan_out = FanOut::new(Window::of(3)).cancelled_by(&cancel).within(Duration::from_secs(60));
    type Event<'e> = &'e dyn Fn(&ScriptedTransport);
    let events: [(ReasonKind, Event); 3] = [
        (ReasonKind::Expired, &|script| script.now.set(Duration::from_secs(60))),
        (ReasonKind::Stopping, &|script| script.stopping.set(true)),
        (ReasonKind::Cancelled, &|_| cancel.cancel()),
    ];
    for (kind, event) in events {
        let script = ScriptedTransport::new(500, 500);
        let calls = 10 * u64::from(ENDED_PER_MESSAGE);
        let (summary, most) = most_per_message(&script, &fan_out, calls, |script| {
            event(script);
            reply(script);
        });
        assert_eq!((summary.succeeded, summary.failed(kind)), (3, calls - 3));
        assert!(most <= MOST, "{kind:?}: {most} outcomes in one message");
    }
}

#[test]
fn a_stop_that_is_taken_back_does_not_continue_a_fan_out_that_ends() {
    let script = ScriptedTransport::new(500, 500);
    let calls = 3 * u64::from(ENDED_PER_MESSAGE);
    let fan_out = FanOut::new(Window::of(1));
    let (summary, _) = most_per_message(&script, &fan_out, calls, |script| {
        script.stopping.set(true);
        script.at_pauses(|script| script.stopping.set(false));
        reply(script);
    });
    assert_eq!((summary.succeeded, summary.failed(ReasonKind::Stopping)), (1, calls - 1));
}

#[test]
fn calls_that_the_system_refuses_end_in_several_messages_too() {
    let script = ScriptedTransport::new(500, 0);
    let calls = 5 * u64::from(ENDED_PER_MESSAGE) / 2;
    let fan_out = FanOut::new(Window::of(3));
    let (summary, most) =
        most_per_message(&script, &fan_out, calls, |_| unreachable!("nothing is sent"));
    assert_eq!((summary.failed(ReasonKind::Cycles), summary.refused), (calls, calls));
    assert!(most <= MOST, "{most} outcomes in one message");
    assert_eq!(script.pauses.get(), 2);
}

#[test]
fn without_a_further_message_all_calls_end_in_this_one() {
    for stopping in [false, true] {
        let script = ScriptedTransport::new(500, 0);
        script.stopping.set(stopping);
        script.pause_fails.replace(Some(Reason::cycles(2, 1)));
        let calls = 3 * u64::from(ENDED_PER_MESSAGE);
        let fan_out = FanOut::new(Window::of(3));
        let (summary, _) =
            most_per_message(&script, &fan_out, calls, |_| unreachable!("nothing is sent"));
        let kind = if stopping { ReasonKind::Stopping } else { ReasonKind::Cycles };
        assert_eq!((summary.failed(kind), script.pauses.get()), (calls, 1));
    }
}

#[test]
fn a_window_with_numbers_of_0_makes_its_calls() {
    let windows = [(0, 5, 5), (5, 0, 5), (5, 5, 0), (0, 0, 0)];
    for (per_callee, total, look_ahead) in windows {
        let script = ScriptedTransport::new(500, 500);
        let window = Window { per_callee, total, look_ahead };
        let outcomes = script.drive(FanOut::new(window).collect(&script, pings(7)), reply);
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_done()).count(), 7, "{window:?}");
    }
}

/// Two fan-outs at the same time, each of which makes 10 calls whose replies have 100 bytes. Returns for each how many
/// replies it kept, and the most bytes that both kept together.
fn kept_by_two(script: &ScriptedTransport, limits: [Option<ReplyLimit>; 2]) -> ([usize; 2], usize) {
    let outcomes = limits.map(|_| Cell::new(Vec::new()));
    let fan_outs = limits.map(|replies| FanOut { replies, ..FanOut::new(Window::of(5)) });
    let mut messages: Vec<_> = fan_outs
        .iter()
        .zip(&outcomes)
        .map(|(fan_out, outcomes)| {
            let mut collect = Box::pin(fan_out.collect(script, pings(10)));
            move |context: &mut std::task::Context<'_>| match collect.as_mut().poll(context) {
                std::task::Poll::Ready(ready) => {
                    outcomes.set(ready);
                    true
                }
                std::task::Poll::Pending => false,
            }
        })
        .collect();
    let [first, second] = &mut messages[..] else { unreachable!("there are two") };
    let mut most = 0;
    script.drive_all(&mut [first, second], |script| {
        most = script.kept_replies().bytes().max(most);
        script.respond(script.open()[0], Ok(vec![7; 100]));
    });
    let kept = outcomes.map(|outcomes| {
        outcomes.take().into_iter().filter(|outcome| matches!(outcome, Outcome::Done(_))).count()
    });
    (kept, most)
}

#[test]
fn fan_outs_at_the_same_time_keep_replies_up_to_one_limit_together() {
    let script = ScriptedTransport::new(500, 500);
    // The transport says that there is memory for 1,000 bytes.
    let ([first, second], most) = kept_by_two(&script, [None; 2]);
    assert_eq!(most, 1_000);
    // When the first one has ended, it has given its bytes to the canister, and the second one can keep as many again.
    assert_eq!((first, second), (5, 10));
    assert_eq!(script.kept_replies().bytes(), 0, "the bytes were given back");
    // The limit of a fan-out counts for it alone. The other one gets what is left.
    let limit = Some(ReplyLimit { per_call: 100, total: 700 });
    assert_eq!(kept_by_two(&script, [limit; 2]), ([7, 7], 1_200));
    let (kept, most) = kept_by_two(&script, [limit, None]);
    assert_eq!(kept[0], 7);
    assert!(most <= 1_200, "{most}");
}

#[test]
fn a_fan_out_that_is_dropped_gives_its_bytes_back() {
    let script = ScriptedTransport::new(500, 500);
    let fan_out = FanOut::new(Window::of(1));
    {
        let mut collect = Box::pin(fan_out.collect(&script, pings(2)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(collect.as_mut().poll(&mut context).is_pending());
        script.respond(0, Ok(vec![7; 600]));
        assert!(collect.as_mut().poll(&mut context).is_pending());
        assert_eq!(script.kept_replies().bytes(), 600);
    }
    assert_eq!(script.kept_replies().bytes(), 0);
}

#[test]
fn a_task_that_does_not_wait_for_slots_ends_without_a_pause() {
    let script = ScriptedTransport::new(500, 500);
    script.hold(callee(1), 500);
    let fan_out = FanOut::new(Window::of(5)).without_waiting_for_slots();
    let outcomes =
        script.drive(fan_out.collect(&script, pings(3)), |_| unreachable!("nothing is sent"));
    assert_eq!(outcomes, vec![Outcome::failed(Reason::QueueFull); 3]);
    assert_eq!(script.pauses.get(), 0);

    // It waits for the responses to its own calls.
    script.hold(callee(1), 498);
    let outcomes = script.drive(fan_out.collect(&script, pings(9)), reply);
    assert!(outcomes.iter().all(Outcome::is_done));

    // A retry still pauses between attempts.
    script.hold(callee(1), 500);
    script.at_pauses(|script| script.hold(callee(1), 0));
    let fan_out = fan_out.with_retry(Retry::attempts(2));
    let requests = [Request::new(callee(1), "ping")];
    let outcomes = script.drive(fan_out.collect(&script, requests), reply);
    assert!(outcomes[0].is_done() && script.pauses.get() == 1);
}
