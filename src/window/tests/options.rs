//! Order, deadlines, cancelling, retries of single requests, verdicts, refunds, and limits of replies.

use std::time::Duration;

use super::{busy, late, pings, reply};
use crate::scripted_transport::{ScriptedTransport, callee};
use crate::{
    Cancel, FanOut, Outcome, Reason, ReasonKind, ReplyLimit, Request, Retry, Verdict, Wait, Window,
};

/// The numbers of the calls in the order in which they were sent, from their arguments.
fn sent(script: &ScriptedTransport) -> Vec<u8> {
    script.sent.borrow().iter().map(|request| request.argument[0]).collect()
}

fn numbered(calls: u8) -> impl Iterator<Item = Request> {
    (0..calls).map(|number| Request::new(callee(1), "pay").with_argument(vec![number]))
}

#[test]
fn in_order_no_call_overtakes_an_earlier_call_to_the_same_callee() {
    for window in [1, 4] {
        let script = ScriptedTransport::new(500, 500);
        let calls = numbered(6).chain([Request::new(callee(2), "pay").with_argument(vec![9])]);
        let fan_out = FanOut::new(Window::of(window)).with_retry(Retry::attempts(3)).in_order();
        let summary = script.drive(fan_out.run(&script, calls, |_, _| ()), |script| {
            assert!(script.open_to(callee(1)) <= 1);
            let call = script.open()[0];
            let is_third = script.sent.borrow()[call].argument[0] == 3;
            let attempts = sent(script).iter().filter(|&&number| number == 3).count();
            let response = if is_third && attempts < 3 { Err(busy()) } else { Ok(Vec::new()) };
            script.respond(call, response);
        });
        assert_eq!(summary.succeeded, 7);
        let mut sent = sent(&script);
        sent.retain(|number| *number != 9);
        assert_eq!(sent, [0, 1, 2, 3, 3, 3, 4, 5]);
    }
}

#[test]
fn in_order_a_call_that_fails_for_good_lets_the_next_one_go() {
    let script = ScriptedTransport::new(500, 500);
    let fan_out = FanOut::new(Window::of(4)).with_retry(Retry::attempts(2)).in_order();
    let outcomes = script.drive(fan_out.collect(&script, numbered(3)), |script| {
        let call = script.open()[0];
        let is_first = script.sent.borrow()[call].argument[0] == 0;
        script.respond(call, if is_first { Err(busy()) } else { Ok(Vec::new()) });
    });
    assert_eq!(outcomes.iter().map(Outcome::is_done).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(sent(&script), [0, 0, 1, 2]);
}

#[test]
fn a_fan_out_ends_at_its_deadline_and_shortens_the_waits_of_its_calls() {
    let script = ScriptedTransport::new(500, 500);
    let wait = Wait::Bounded(Duration::from_secs(30));
    let requests = pings(5).map(|request| request.with_wait(wait));
    let fan_out = FanOut::new(Window::of(2)).within(Duration::from_secs(50));
    let outcomes = script.drive(fan_out.collect(&script, requests), |script| {
        script.now.set(script.now.get() + Duration::from_secs(15));
        reply(script);
    });
    let seconds = |seconds| Wait::Bounded(Duration::from_secs(seconds));
    // Sent at 0, 0, 15, 30 and 45 seconds.
    let waits = [30, 30, 30, 20, 5].map(seconds);
    assert_eq!(*script.waits.borrow(), waits);
    assert!(outcomes.iter().all(Outcome::is_done));

    let script = ScriptedTransport::new(500, 500);
    let outcomes = script.drive(fan_out.collect(&script, pings(5)), |script| {
        script.now.set(script.now.get() + Duration::from_secs(40));
        reply(script);
    });
    // The time is over with the second response.
    assert_eq!(script.sent.borrow().len(), 3);
    assert_eq!(outcomes[3..], vec![Outcome::failed(Reason::Expired); 2]);

    let unbounded = Request::new(callee(1), "ping").with_wait(Wait::Unbounded);
    let script = ScriptedTransport::new(500, 500);
    script.drive(fan_out.collect(&script, [unbounded]), reply);
    assert_eq!(*script.waits.borrow(), [Wait::Unbounded]);
}

#[test]
fn a_pause_ends_at_the_deadline() {
    let script = ScriptedTransport::new(500, 500);
    let fan_out =
        FanOut::new(Window::of(2)).with_retry(Retry::attempts(99)).within(Duration::from_secs(10));
    let summary = script.drive(fan_out.run(&script, pings(1), |_, _| ()), |script| {
        script.respond(script.open()[0], Err(busy()));
    });
    assert_eq!(summary.failures().collect::<Vec<_>>(), [(ReasonKind::Expired, 1)]);
    assert_eq!(script.now.get(), Duration::from_secs(10));
    assert_eq!(script.sent.borrow().len(), 4, "after 0, 1, 3 and 7 seconds");
}

#[test]
fn after_the_time_for_sending_the_open_calls_keep_their_waits() {
    let script = ScriptedTransport::new(500, 500);
    let fan_out = FanOut::new(Window::of(2)).sending_for(Duration::from_secs(10));
    let summary = script.drive(fan_out.run(&script, pings(5), |_, _| ()), |script| {
        script.now.set(script.now.get() + Duration::from_secs(9));
        reply(script);
    });
    assert_eq!((summary.succeeded, summary.failed(ReasonKind::Expired)), (3, 2));
    let wait = Request::new(callee(1), "ping").wait;
    assert_eq!(*script.waits.borrow(), [wait; 3]);
}

#[test]
fn a_cancelled_fan_out_sends_nothing_more_and_takes_the_responses_to_its_open_calls() {
    let script = ScriptedTransport::new(500, 500);
    let cancel = Cancel::new();
    let fan_out = FanOut::new(Window::of(3)).cancelled_by(&cancel);
    let summary = script.drive(fan_out.run(&script, pings(9), |_, _| ()), |script| {
        cancel.cancel();
        reply(script);
    });
    assert_eq!((summary.succeeded, summary.failed(ReasonKind::Cancelled)), (3, 6));
}

#[test]
fn a_fan_out_notices_in_a_pause_that_it_was_cancelled() {
    let script = ScriptedTransport::new(500, 500);
    let cancel = Cancel::new();
    let retry = Retry { initial_delay: Duration::from_secs(60), ..Retry::attempts(9) };
    let fan_out = FanOut::new(Window::of(3)).with_retry(retry).cancelled_by(&cancel);
    script.at_pauses(move |script| {
        if script.now.get() >= Duration::from_secs(7) {
            cancel.cancel();
        }
    });
    let summary = script.drive(fan_out.run(&script, pings(2), |_, _| ()), |script| {
        script.respond(script.open()[0], Err(busy()));
    });
    assert_eq!(summary.failed(ReasonKind::Cancelled), 2);
    assert_eq!(script.now.get(), Duration::from_secs(7));
}

#[test]
fn a_canister_that_is_stopped_in_a_pause_sends_nothing_more() {
    // The second canister has no cycles for the call, so that its call waits for want of them.
    for affordable in [500, 0] {
        let script = ScriptedTransport::new(500, affordable);
        script.at_pauses(|script| {
            script.stopping.set(true);
            script.affordable.set(500);
        });
        let fan_out = FanOut::new(Window::of(3)).with_retry(Retry::attempts(9));
        let summary = script.drive(fan_out.run(&script, pings(1), |_, _| ()), |script| {
            script.respond(script.open()[0], Err(busy()));
        });
        assert_eq!(summary.failed(ReasonKind::Stopping), 1);
        assert!(script.sent.borrow().len() <= 1);
    }
}

#[test]
fn a_stopping_canister_does_not_send_a_call_that_is_due_while_cycles_are_short() {
    // Two calls can be open. The first one is rejected and tried again later, and the fourth one waits for cycles.
    let script = ScriptedTransport::new(500, 2);
    let fan_out = FanOut::new(Window::of(4)).with_retry(Retry::attempts(2));
    let summary = script.drive(fan_out.run(&script, pings(4), |_, _| ()), |script| {
        let call = script.open()[0];
        if call == 0 {
            return script.respond(call, Err(busy()));
        }
        script.now.set(Duration::from_secs(2));
        script.stopping.set(true);
        reply(script);
    });
    assert_eq!((summary.succeeded, summary.failed(ReasonKind::Stopping)), (2, 2));
    assert_eq!(script.sent.borrow().len(), 3);
}

#[test]
fn a_request_with_a_retry_is_tried_as_often_as_it_says() {
    let script = ScriptedTransport::new(500, 500);
    let requests =
        numbered(3).zip([None, Some(1), Some(4)]).map(|(request, attempts)| match attempts {
            None => request,
            Some(attempts) => request.with_retry(Retry::attempts(attempts)),
        });
    let fan_out = FanOut::new(Window::of(3)).with_retry(Retry::attempts(2));
    script.drive(fan_out.run(&script, requests, |_, _| ()), |script| {
        script.respond(script.open()[0], Err(busy()));
    });
    let attempts = |number| sent(&script).iter().filter(|&&sent| sent == number).count();
    assert_eq!([0, 1, 2].map(attempts), [2, 1, 4]);
}

/// The verdict on a reply whose first byte says what the callee did.
fn verdict(reply: &[u8]) -> Verdict {
    match reply {
        [0, ..] => Verdict::Done,
        [1, ..] => Verdict::NotDone("no money".into()),
        [2, ..] => Verdict::TryAgain("not now".into()),
        _ => Verdict::Unknown("what is that".into()),
    }
}

#[test]
fn a_verdict_on_the_reply_decides_on_outcome_and_retries() {
    let declined = || Outcome::failed(Reason::Declined("no money".into()));
    let unavailable = || Outcome::failed(Reason::Unavailable("not now".into()));
    let unclear = || Outcome::failed(Reason::Unclear("what is that".into()));
    let done = || Outcome::Done(vec![0].into());
    // The replies to up to three attempts, whether the call is idempotent, the outcome, and the number of attempts.
    for (replies, idempotent, outcome, attempts) in [
        ([0, 0, 0], false, done(), 1),
        ([1, 0, 0], true, declined(), 1),
        ([2, 2, 0], false, done(), 3),
        ([2, 2, 2], false, unavailable(), 3),
        ([2, 1, 0], false, declined(), 2),
        ([3, 0, 0], false, unclear(), 1),
        ([3, 0, 0], true, done(), 2),
        // The second attempt did nothing. What the first one did remains unknown.
        ([3, 1, 0], true, unclear(), 2),
    ] {
        let script = ScriptedTransport::new(500, 500);
        let request = Request::new(callee(1), "pay").judged_by(verdict);
        let request = if idempotent { request.idempotent() } else { request };
        let fan_out = FanOut::new(Window::of(1)).with_retry(Retry::attempts(3));
        let outcomes = script.drive(fan_out.collect(&script, [request]), |script| {
            let attempt = script.sent.borrow().len();
            script.respond(script.open()[0], Ok(vec![replies[attempt - 1]]));
        });
        assert_eq!(outcomes, [outcome], "{replies:?}");
        assert_eq!(script.sent.borrow().len(), attempts, "{replies:?}");
    }
}

#[test]
fn an_outcome_has_the_refunds_of_all_attempts() {
    let script = ScriptedTransport::new(500, 500);
    let request = Request::new(callee(1), "pay").with_cycles(10).idempotent();
    let fan_out = FanOut::new(Window::of(1)).with_retry(Retry::attempts(3));
    let outcomes = script.drive(fan_out.collect(&script, [request]), |script| {
        let (response, refunded) = match script.sent.borrow().len() {
            1 => (Err(busy()), 10),
            2 => (Err(late()), 0),
            _ => (Ok(vec![1]), 7),
        };
        script.respond_with_refund(script.open()[0], response, refunded);
    });
    assert_eq!(outcomes[0].refunded(), 17);

    let script = ScriptedTransport::new(500, 500);
    let request = Request::new(callee(1), "pay").with_cycles(10);
    let fan_out = FanOut::new(Window::of(1));
    let outcomes = script.drive(fan_out.collect(&script, [request.clone()]), |script| {
        let rejected = Reason::rejected(crate::reject_code::CANISTER_REJECT, "no".into());
        script.respond_with_refund(script.open()[0], Err(rejected), 4);
    });
    assert_eq!(outcomes[0].refunded(), 4);

    let script = ScriptedTransport::new(500, 0);
    let outcomes = script.drive(fan_out.collect(&script, [request]), |_| unreachable!("not sent"));
    assert_eq!(outcomes[0].refunded(), 0, "the cycles never left");
}

#[test]
fn replies_beyond_a_limit_are_dropped_and_their_calls_are_done() {
    let lengths = [400, 50, 700, 300, 300];
    let dropped = |limit: Option<ReplyLimit>| {
        let script = ScriptedTransport::new(500, 500);
        let fan_out = FanOut { replies: limit, ..FanOut::new(Window::of(5)) };
        let outcomes = script.drive(fan_out.collect(&script, numbered(5)), |script| {
            let call = script.open()[0];
            script.respond(call, Ok(vec![7; lengths[call]]));
        });
        assert!(outcomes.iter().all(Outcome::is_done));
        for (outcome, length) in outcomes.iter().zip(lengths) {
            match outcome {
                Outcome::Done(reply) => assert_eq!(reply.bytes.len(), length),
                Outcome::ReplyDropped { bytes, .. } => assert_eq!(*bytes, length),
                _ => unreachable!("all are done"),
            }
        }
        let is_dropped = |outcome| matches!(outcome, Outcome::ReplyDropped { .. });
        outcomes.into_iter().map(is_dropped).collect::<Vec<_>>()
    };
    // Without a limit, the transport says that there is memory for 1,000 bytes.
    assert_eq!(dropped(None), [false, false, true, false, true]);
    let limit = ReplyLimit { per_call: 300, total: 10_000 };
    assert_eq!(dropped(Some(limit)), [true, false, true, false, false]);
    assert_eq!(dropped(Some(ReplyLimit::of_memory(usize::MAX))), [false; 5]);
}

#[test]
fn a_long_text_of_a_verdict_is_cut_off_between_two_characters() {
    let long = || "é".repeat(1_000_000);
    let verdicts = [Verdict::NotDone(long()), Verdict::TryAgain(long()), Verdict::Unknown(long())];
    for verdict in verdicts {
        let outcome = Outcome::judged(vec![].into(), verdict);
        let reason = outcome.reason().expect("the call is not done").to_string();
        assert!(reason.ends_with('é') && reason.len() < 1_200, "{} bytes", reason.len());
    }
    let odd = Outcome::judged(vec![].into(), Verdict::NotDone(format!("x{}", long())));
    assert!(odd.reason().expect("the call is not done").to_string().ends_with('é'));
}
