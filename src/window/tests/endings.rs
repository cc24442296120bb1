//! Random moments at which a fan-out ends, and slots and cycles that come and go while calls must keep their order.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::properties::{TestCall, number_of, requests, test_call};
use crate::scripted_transport::{ScriptedTransport, callee};
use crate::{Cancel, FanOut, Outcome, Reason, Reply, Retry, Window};

/// What ends a fan-out.
#[derive(Clone, Copy, Debug)]
enum End {
    Cancel,
    Stop,
    Deadline,
}

impl End {
    fn reason(self) -> Reason {
        match self {
            Self::Cancel => Reason::Cancelled,
            Self::Stop => Reason::Stopping,
            Self::Deadline => Reason::Expired,
        }
    }
}

/// Whether a call that was sent so often can have this outcome when the fan-out ends for this reason.
fn is_possible(call: &TestCall, sent: usize, outcome: &Outcome<Reply>, end: &Reason) -> bool {
    if sent == 0 {
        return *outcome == Outcome::failed(end.clone());
    }
    // The end came after the last attempt, or before a further one. If an attempt is unknown, the call stays unknown.
    match call.expected(sent) {
        expected @ Outcome::NotDone(_) => {
            *outcome == expected || *outcome == Outcome::failed(end.clone())
        }
        Outcome::Unknown(_) => matches!(outcome, Outcome::Unknown(_)),
        expected => *outcome == expected,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whenever_a_fan_out_ends_each_call_has_one_outcome_and_no_further_call_is_sent(
        calls in vec(test_call(), 0..60),
        per_callee in 1_u32..6,
        total in 1_u32..10,
        attempts in 1_u32..=4,
        slots in 1_usize..4,
        end in prop_oneof![Just(End::Cancel), Just(End::Stop), Just(End::Deadline)],
        ends_after in 0_usize..60,
        in_order: bool,
        choices in vec(any::<u16>(), 1..64),
    ) {
        const DEADLINE: Duration = Duration::from_secs(1_000_000);
        let script = ScriptedTransport::new(slots, 8);
        let cancel = Cancel::new();
        let fan_out = FanOut::new(Window::new(per_callee, total))
            .with_retry(Retry::attempts(attempts))
            .cancelled_by(&cancel)
            .within(DEADLINE);
        let fan_out = if in_order { fan_out.in_order() } else { fan_out };
        let responses = Cell::new(0);
        let sent_at_end = Cell::new(None);
        let end_now = |script: &ScriptedTransport| match end {
            End::Cancel => cancel.cancel(),
            End::Stop => script.stopping.set(true),
            End::Deadline => script.now.set(DEADLINE),
        };
        let mut choices = choices.into_iter().cycle();
        let mut outcomes = BTreeMap::new();
        let mut sent = vec![0; calls.len()];
        if ends_after == 0 {
            // `now` is read when the fan-out begins, so a deadline cannot be over before.
            if !matches!(end, End::Deadline) {
                end_now(&script);
                sent_at_end.set(Some(0));
            }
        }
        script.drive(
            fan_out.run(&script, requests(&calls), |number, outcome| {
                assert_eq!(outcomes.insert(number as usize, outcome), None, "settled twice");
            }),
            |script| {
                responses.set(responses.get() + 1);
                if responses.get() == ends_after {
                    end_now(script);
                    sent_at_end.set(Some(script.sent.borrow().len()));
                }
                let open = script.open();
                let call = open[usize::from(choices.next().expect("endless")) % open.len()];
                let number = number_of(&script.sent.borrow()[call]);
                sent[number] += 1;
                script.respond(call, calls[number].response(sent[number]));
            },
        );
        prop_assert_eq!(outcomes.len(), calls.len());
        if let Some(sent_at_end) = sent_at_end.get() {
            prop_assert_eq!(script.sent.borrow().len(), sent_at_end, "a call was sent after the end");
            for (number, outcome) in outcomes {
                prop_assert!(
                    is_possible(&calls[number], sent[number], &outcome, &end.reason()),
                    "{:?} after {} attempts of {:?}", outcome, sent[number], calls[number],
                );
            }
        }
    }

    #[test]
    fn in_order_no_call_overtakes_while_slots_and_cycles_come_and_go(
        calls in vec(test_call(), 0..40),
        total in 1_u32..10,
        look_ahead in 1_usize..20,
        attempts in 1_u32..=4,
        // Slots, calls that the cycles cover, calls of others, whether a pause can be paid for, and a choice.
        moments in vec((0_usize..4, 0_usize..6, 0_usize..3, any::<bool>(), any::<u16>()), 1..64),
    ) {
        let script = ScriptedTransport::new(0, 0);
        let mut moments = moments.into_iter().cycle();
        let mut change = |script: &ScriptedTransport| {
            let (slots, affordable, held, payable, choice) = moments.next().expect("endless");
            script.slots.set(slots);
            script.affordable.set(affordable);
            (0..4).for_each(|number| script.hold(callee(number), held));
            script.pause_fails.replace((!payable).then_some(Reason::cycles(2, 1)));
            usize::from(choice)
        };
        change(&script);
        let window = Window::of(total).with_look_ahead(look_ahead);
        let fan_out = FanOut::new(window).with_retry(Retry::attempts(attempts)).in_order();
        let mut settled = Vec::new();
        let mut sent = vec![0; calls.len()];
        script.at_pauses(|script| {
            // Every third pause brings slots, so that no call waits for ever. It also takes a second: after that time, the
            // library tries calls again that wait for slots of others.
            if script.pauses.get() % 3 == 0 {
                script.slots.set(4);
                script.now.set(script.now.get() + Duration::from_secs(1));
            }
        });
        script.drive(
            fan_out.run(&script, requests(&calls), |number, _| settled.push(number as usize)),
            |script| {
                let choice = change(script);
                let open = script.open();
                for number in 0..4 {
                    assert!(script.open_to(callee(number)) <= 1);
                }
                let call = open[choice % open.len()];
                let number = number_of(&script.sent.borrow()[call]);
                sent[number] += 1;
                script.respond(call, calls[number].response(sent[number]));
            },
        );
        prop_assert_eq!(settled.len(), calls.len());
        let numbers: Vec<usize> = script.sent.borrow().iter().map(number_of).collect();
        for to in 0..4 {
            let to_callee = |&&number: &&usize| calls[number].callee == to;
            prop_assert!(numbers.iter().filter(to_callee).is_sorted(), "{:?}", numbers);
        }
    }
}
