use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::scripted_transport::{ScriptedTransport, callee};
use crate::{Reason, ReasonKind, Retry, reject_code};

fn pings(calls: u64) -> impl Iterator<Item = Request> {
    (0..calls).map(|_| Request::new(callee(1), "ping"))
}

/// Responds to the latest call: with its number, or with a reject if the number is a multiple of three.
fn respond(script: &ScriptedTransport) {
    let call = *script.open().last().expect("a call is open");
    script.respond(
        call,
        match call % 3 {
            0 => Err(Reason::rejected(reject_code::CANISTER_ERROR, "no".into())),
            _ => Ok(vec![call as u8]),
        },
    );
}

#[test]
fn sequential_calls_are_open_one_at_a_time() {
    let script = ScriptedTransport::new(500, 500);
    let mut numbers = Vec::new();
    let calls = sequential(&script, pings(7), |number, outcome| {
        assert_eq!(outcome.is_done(), number % 3 != 0);
        numbers.push(number);
    });
    let summary = script.drive(calls, respond);
    assert_eq!((summary.succeeded, summary.attempted(), summary.max_in_flight), (4, 7, 1));
    assert_eq!(summary.failed(ReasonKind::CanisterError), 3);
    assert_eq!(numbers, (0..7).collect::<Vec<_>>());
}

#[test]
fn parallel_calls_are_open_at_the_same_time_and_reported_in_order() {
    let script = ScriptedTransport::new(500, 500);
    let mut outcomes = Vec::new();
    let calls = parallel(&script, pings(40), |number, outcome| {
        assert_eq!(number, outcomes.len() as u64);
        outcomes.push(outcome);
    });
    let summary = script.drive(calls, |script| {
        assert_eq!(script.sent.borrow().len(), 40);
        respond(script);
    });
    assert_eq!((summary.succeeded, summary.max_in_flight), (26, 40));
    assert_eq!(outcomes[5], Outcome::Done(vec![5].into()));
}

#[test]
fn of_2000_parallel_calls_500_get_a_slot_and_the_others_fail_at_once() {
    let script = ScriptedTransport::new(500, 1_000);
    let summary = script.drive(parallel(&script, pings(2_000), |_, _| ()), |script| {
        script.respond(script.open()[0], Ok(Vec::new()));
    });
    assert_eq!((summary.succeeded, summary.failed(ReasonKind::QueueFull)), (500, 1_500));
    assert_eq!((summary.max_in_flight, summary.not_done(), summary.unknown()), (500, 1_500, 0));
    assert_eq!((summary.refused, script.refused.get()), (1_500, 1_500));
}

#[test]
fn parallel_calls_that_the_cycles_do_not_cover_fail_for_that_reason() {
    let script = ScriptedTransport::new(500, 46);
    let summary = script.drive(parallel(&script, pings(90), |_, _| ()), |script| {
        script.respond(script.open()[0], Ok(Vec::new()));
    });
    assert_eq!(summary.failures().collect::<Vec<_>>(), [(ReasonKind::Cycles, 44)]);
}

#[test]
fn sequential_calls_are_not_sent_once_the_canister_is_stopping() {
    let script = ScriptedTransport::new(500, 500);
    let summary = script.drive(sequential(&script, pings(9), |_, _| ()), |script| {
        script.stopping.set(script.sent.borrow().len() == 3);
        script.respond(script.open()[0], Ok(Vec::new()));
    });
    assert_eq!((summary.succeeded, summary.failed(ReasonKind::Stopping)), (3, 6));
}

#[test]
fn parallel_calls_are_not_sent_when_the_canister_is_stopping() {
    let script = ScriptedTransport::new(500, 500);
    script.stopping.set(true);
    let mut outcomes = Vec::new();
    let calls = parallel(&script, pings(40), |_, outcome| outcomes.push(outcome));
    let summary = script.drive(calls, |_| unreachable!("no call is open"));
    assert_eq!((summary.attempted(), summary.failed(ReasonKind::Stopping)), (40, 40));
    assert_eq!((summary.max_in_flight, summary.refused), (0, 0));
    assert_eq!(outcomes, vec![Outcome::failed(Reason::Stopping); 40]);
    assert!(script.sent.borrow().is_empty());
}

#[test]
fn single_calls_keep_the_stop_check_in_a_loop_and_in_join_all() {
    let ping = Rc::new(Request::new(callee(1), "ping"));

    let script = ScriptedTransport::new(500, 500);
    let in_a_loop = async {
        let mut succeeded = 0;
        for _ in 0..9 {
            succeeded += u64::from(call(&script, ping.clone()).await.is_done());
        }
        succeeded
    };
    let succeeded = script.drive(in_a_loop, |script| {
        script.stopping.set(script.sent.borrow().len() == 3);
        script.respond(script.open()[0], Ok(Vec::new()));
    });
    assert_eq!((succeeded, script.sent.borrow().len()), (3, 3));

    let script = ScriptedTransport::new(500, 500);
    script.stopping.set(true);
    let outcomes = script.drive(join_all((0..9).map(|_| call(&script, ping.clone()))), |_| {
        unreachable!("no call is open")
    });
    assert_eq!(outcomes, vec![Outcome::failed(Reason::Stopping); 9]);
    assert!(script.sent.borrow().is_empty());
}

#[test]
fn parallel_calls_with_retries_wait_for_slots_in_one_window_and_are_counted_as_they_are_sent() {
    let script = ScriptedTransport::new(500, 10_000);
    let requests = pings(2_000).map(|ping| ping.with_retry(Retry::attempts(2)));
    let mut numbers = Vec::new();
    let calls = parallel(&script, requests, |number, _| numbers.push(number));
    let summary = script.drive(calls, |script| {
        script.respond(script.open()[0], Ok(Vec::new()));
    });
    assert_eq!((summary.succeeded, summary.max_in_flight), (2_000, 500));
    // The refusal of one call is enough to know that there is no slot, until a response comes.
    assert_eq!(summary.refused, script.refused.get() as u64);
    assert!(summary.refused <= 1_500, "{}", summary.refused);
    assert_eq!(script.pauses.get(), 0);
    assert!(numbers.is_sorted() && numbers.len() == 2_000);
}

#[test]
fn parallel_calls_with_and_without_retries_have_their_outcomes_in_order() {
    let script = ScriptedTransport::new(4, 10_000);
    let request = |number: u8| {
        let request = Request::new(callee(1), "ping").with_argument(vec![number]);
        if number.is_multiple_of(2) { request.with_retry(Retry::attempts(3)) } else { request }
    };
    let mut outcomes = Vec::new();
    let calls = parallel(&script, (0..12).map(request), |number, outcome| {
        assert_eq!(number, outcomes.len() as u64);
        outcomes.push(outcome);
    });
    let mut rejected = false;
    let summary = script.drive(calls, |script| {
        assert!(script.open().len() <= 4);
        let call = script.open()[0];
        let number = script.sent.borrow()[call].argument[0];
        // The first attempt of a call with a retry is rejected for the moment.
        let busy = number == 2 && !std::mem::replace(&mut rejected, true);
        let response = match busy {
            true => Err(Reason::rejected(reject_code::SYS_TRANSIENT, "busy".into())),
            false => Ok(vec![number]),
        };
        script.respond(call, response);
    });
    for (number, outcome) in (0..12).zip(outcomes) {
        // Of the calls without a retry, four find a slot.
        let expected = match number {
            9 | 11 => Outcome::failed(Reason::QueueFull),
            _ => Outcome::Done(vec![number].into()),
        };
        assert_eq!(outcome, expected, "{number}");
    }
    assert_eq!((summary.succeeded, summary.max_in_flight), (10, 4));
    assert_eq!(summary.refused, script.refused.get() as u64);
}

#[test]
fn sequential_calls_with_retries_count_each_refusal() {
    let script = ScriptedTransport::new(500, 0);
    script.at_pauses(|script| {
        // Cycles arrive after the second pause.
        if script.pauses.get() == 2 {
            script.affordable.set(1);
        }
    });
    let requests = pings(3).map(|ping| ping.with_retry(Retry::attempts(5)));
    let summary = script.drive(sequential(&script, requests, |_, _| ()), |script| {
        script.respond(script.open()[0], Ok(Vec::new()));
    });
    assert_eq!((summary.succeeded, summary.max_in_flight), (3, 1));
    assert_eq!((summary.refused, script.refused.get()), (2, 2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn parallel_calls_have_their_outcomes_in_order_and_true_counts(
        // For each call: whether it has a retry, and how many of its attempts are rejected for the moment.
        calls in vec((any::<bool>(), 0_usize..4), 0..30),
        slots in 1_usize..8,
        affordable in 1_usize..8,
        choices in vec(any::<u16>(), 1..64),
    ) {
        const ATTEMPTS: u32 = 3;
        let script = ScriptedTransport::new(slots, affordable);
        let requests = (0_u8..).zip(&calls).map(|(number, &(has_retry, _))| {
            let request = Request::new(callee(1), "ping").with_argument(vec![number]);
            if has_retry { request.with_retry(Retry::attempts(ATTEMPTS)) } else { request }
        });
        let mut choices = choices.into_iter().cycle();
        let (mut sent, mut most_open) = (vec![0; calls.len()], 0);
        let mut outcomes = Vec::new();
        let parallel = parallel(&script, requests, |number, outcome| {
            assert_eq!(number, outcomes.len() as u64);
            outcomes.push(outcome);
        });
        let summary = script.drive(parallel, |script| {
            let open = script.open();
            most_open = open.len().max(most_open);
            let call = open[usize::from(choices.next().expect("endless")) % open.len()];
            let number = usize::from(script.sent.borrow()[call].argument[0]);
            sent[number] += 1;
            let busy = || Reason::rejected(reject_code::SYS_TRANSIENT, "busy".into());
            script.respond(call, if sent[number] > calls[number].1 { Ok(Vec::new()) } else { Err(busy()) });
        });
        prop_assert_eq!(outcomes.len(), calls.len());
        prop_assert_eq!(summary.max_in_flight as usize, most_open);
        prop_assert_eq!(summary.refused, script.refused.get() as u64);
        prop_assert_eq!(&Summary { max_in_flight: summary.max_in_flight, refused: summary.refused, ..Summary::of(&outcomes) }, &summary);
        for ((outcome, sent), (has_retry, busy)) in outcomes.iter().zip(sent).zip(calls) {
            match outcome.reason().map(Reason::kind) {
                None => prop_assert_eq!(sent, busy + 1),
                Some(ReasonKind::SysTransient) => {
                    // An attempt that the system refuses for want of cycles counts, too.
                    let attempts = if has_retry { ATTEMPTS as usize } else { 1 };
                    prop_assert!(sent == attempts || (sent < attempts && summary.refused > 0));
                }
                // It was not sent, or not sent again, for want of slots or cycles.
                Some(kind) => prop_assert!(kind.is_unsent() && (has_retry || sent == 0)),
            }
        }
    }
}
