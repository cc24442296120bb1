use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ic_principal::Principal;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::script::{Script, callee};
use crate::{Kind, reject_code};

fn pings(calls: u64) -> impl Iterator<Item = Request> {
    (0..calls).map(|_| Request::new(callee(1), "ping"))
}

fn late() -> Reason {
    Reason::rejected(reject_code::SYS_UNKNOWN, "late".into())
}

fn busy() -> Reason {
    Reason::rejected(reject_code::SYS_TRANSIENT, "busy".into())
}

/// Answers the oldest open call with an empty reply.
fn reply(script: &Script) {
    script.answer(script.open()[0], Ok(Vec::new()));
}

fn run(script: &Script, calls: u64, window: u32, retry: Retry) -> Summary {
    let fan_out = windowed(script, pings(calls), Window::of(window), retry, |_, _| ());
    script.drive(fan_out, reply)
}

#[test]
fn all_calls_succeed_and_the_window_is_never_exceeded() {
    let script = Script::new(500, 1_000);
    let summary = run(&script, 2_000, 300, Retry::NEVER);
    assert_eq!((summary.succeeded, summary.attempted(), summary.widest), (2_000, 2_000, 300));
    assert_eq!(script.refused.get(), 0);
}

#[test]
fn a_window_of_nothing_is_one_of_one() {
    let script = Script::new(500, 1_000);
    let summary = run(&script, 3, 0, Retry::NEVER);
    assert_eq!((summary.succeeded, summary.widest), (3, 1));
}

#[test]
fn no_calls_end_at_once() {
    assert_eq!(run(&Script::new(0, 0), 0, 5, Retry::NEVER), Summary::default());
}

#[test]
fn what_finds_no_slot_waits_for_one_of_ours() {
    for (slots, affordable) in [(3, 1_000), (500, 3)] {
        let script = Script::new(slots, affordable);
        let summary = run(&script, 100, 500, Retry::NEVER);
        assert_eq!((summary.succeeded, summary.widest), (100, 3));
        // One failed send per answer finds out, not one per call that waits.
        assert!(script.refused.get() <= 100, "{}", script.refused.get());
    }
}

#[test]
fn where_nothing_of_ours_is_open_one_call_tries_as_often_as_allowed_and_the_others_once() {
    for (slots, affordable, kind) in [(0, 1_000, Kind::QueueFull), (500, 0, Kind::Cycles)] {
        let script = Script::new(slots, affordable);
        let summary = run(&script, 5, 10, Retry::attempts(3));
        assert_eq!(summary.failures().collect::<Vec<_>>(), [(kind, 5)]);
        assert_eq!(script.refused.get(), 3 + 4);
        // After the first try a second, after the second two.
        assert_eq!(script.now.get(), Duration::from_secs(3));
    }
}

#[test]
fn where_no_pause_can_be_paid_for_each_call_is_tried_once_and_says_what_it_lacked() {
    let script = Script::new(500, 0);
    let broke = Reason::Cycles { required: 40, available: 3 };
    script.pause_fails.replace(Some(broke.clone()));
    let fan_out = fan_out(&script, pings(5), Window::of(10), Retry::attempts(9));
    let outcomes = script.drive(fan_out, |_| unreachable!("nothing is sent"));
    let lacked = Reason::Cycles { required: 1, available: 0 };
    assert_eq!(outcomes[0], Outcome::NotDone(broke));
    assert_eq!(outcomes[1..], vec![Outcome::NotDone(lacked); 4]);
    assert_eq!((script.refused.get(), script.pauses.get()), (5, 1));
    assert_eq!(script.now.get(), Duration::ZERO);
}

#[test]
fn a_call_that_may_have_been_done_stays_unknown_when_its_next_try_cannot_be_waited_for() {
    let script = Script::new(500, 500);
    script.pause_fails.replace(Some(Reason::Cycles { required: 40, available: 3 }));
    let requests = [true, false].map(|idempotent| {
        let request = Request::new(callee(1), "ping");
        if idempotent { request.idempotent() } else { request }
    });
    let fan_out = fan_out(&script, requests, Window::of(10), Retry::attempts(9));
    let outcomes = script.drive(fan_out, |script| {
        let answer = if script.open()[0] == 0 { late() } else { busy() };
        script.answer(script.open()[0], Err(answer));
    });
    assert_eq!(outcomes[0], Outcome::Unknown(late()));
    assert_eq!(outcomes[1], Outcome::NotDone(Reason::Cycles { required: 40, available: 3 }));
    assert_eq!(script.sent.borrow().len(), 2);
}

#[test]
fn while_others_hold_all_slots_the_source_is_not_read_and_then_all_calls_are_made() {
    let script = Script::new(0, 1_000);
    let taken = Cell::new(0);
    let calls = pings(1_000).inspect(|_| {
        taken.set(taken.get() + 1);
        if script.now.get() > Duration::ZERO {
            script.slots.set(500);
        } else {
            assert!(taken.get() <= 2, "one call finds out");
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
fn what_one_try_left_open_stays_open_when_the_last_was_not_taken() {
    let script = Script::new(500, 1_000);
    let requests = [Request::new(callee(1), "ping").idempotent()];
    let fan_out = fan_out(&script, requests, Window::of(1), Retry::attempts(2));
    let outcomes = script.drive(fan_out, |script| {
        let answer = if script.sent.borrow().len() == 1 { late() } else { busy() };
        script.answer(script.open()[0], Err(answer));
    });
    assert_eq!(outcomes, [Outcome::Unknown(late())]);
}

#[test]
fn a_full_queue_to_one_callee_holds_up_no_other() {
    let script = Script::new(2, 1_000);
    let requests = (0..20).map(|number| Request::new(callee(number % 4), "ping"));
    let fan_out = windowed(&script, requests, Window::of(100), Retry::NEVER, |_, _| ());
    let mut seen = false;
    script.drive(fan_out, |script| {
        seen |= script.open().len() == 8;
        // Only the first callee answers for as long as it has anything.
        let to = |number: usize| script.sent.borrow()[number].callee;
        let open = script.open();
        let first = open.iter().copied().find(|&call| to(call) == callee(0)).unwrap_or(open[0]);
        script.answer(first, Ok(Vec::new()));
    });
    assert!(seen, "two calls to each of four callees are open together");
}

#[test]
fn a_call_that_was_refused_for_the_moment_is_made_again_after_a_pause() {
    let script = Script::new(500, 1_000);
    let fan_out = windowed(&script, pings(1), Window::of(1), Retry::attempts(4), |_, _| ());
    let summary = script.drive(fan_out, |script| {
        let attempt = script.sent.borrow().len();
        let answer = if attempt < 4 { Err(busy()) } else { Ok(Vec::new()) };
        script.answer(script.open()[0], answer);
    });
    assert_eq!(summary.succeeded, 1);
    assert_eq!(script.now.get(), Duration::from_secs(1 + 2 + 4));
}

#[test]
fn a_stopping_canister_sends_nothing_more_and_waits_for_what_is_open() {
    let script = Script::new(500, 1_000);
    let mut outcomes = BTreeMap::new();
    let each = |number, outcome| {
        outcomes.insert(number, outcome);
    };
    let fan_out = windowed(&script, pings(50), Window::of(10), Retry::attempts(9), each);
    let summary = script.drive(fan_out, |script| {
        script.stopping.set(true);
        reply(script);
    });
    assert_eq!(script.sent.borrow().len(), 10);
    assert_eq!((summary.succeeded, summary.failed(Kind::Stopping)), (10, 40));
    assert_eq!(outcomes.len(), 50);
    assert_eq!(outcomes[&49], Outcome::NotDone(Reason::Stopping));
}

#[test]
fn outcomes_come_in_the_order_of_the_requests() {
    let script = Script::new(500, 1_000);
    let fan_out = fan_out(&script, pings(5), Window::of(3), Retry::NEVER);
    let outcomes = script.drive(fan_out, |script| {
        let latest = *script.open().last().expect("one is open");
        script.answer(latest, Ok(vec![latest as u8]));
    });
    assert_eq!(outcomes, (0..5).map(|call| Outcome::Done(vec![call])).collect::<Vec<_>>());
}

#[test]
fn of_many_callees_each_gets_its_turn() {
    let script = Script::new(500, 1_000);
    // All to the first callee come first in the source, then one to each of nine.
    let to = (0..100).map(|_| 0).chain(1..10);
    let requests = to.map(|number| Request::new(callee(number), "ping"));
    let fan_out = windowed(&script, requests, Window::new(2, 4), Retry::NEVER, |_, _| ());
    script.drive(fan_out, reply);
    let sent = script.sent.borrow();
    let last = sent.iter().rposition(|request| request.callee != callee(0)).expect("there are");
    assert!(last < 30, "the last of the nine was sent as number {last}");
}

#[test]
fn what_is_tried_again_keeps_its_order() {
    let script = Script::new(500, 1_000);
    let requests: Vec<Request> = (0..6_u8)
        .map(|number| Request::new(callee(1), "ping").with_argument(vec![number]))
        .collect();
    let fan_out = windowed(&script, requests, Window::of(3), Retry::attempts(2), |_, _| ());
    script.drive(fan_out, |script| {
        let first = script.sent.borrow().len() <= 6;
        script.answer(script.open()[0], if first { Err(busy()) } else { Ok(Vec::new()) });
    });
    let sent: Vec<u8> = script.sent.borrow().iter().map(|request| request.argument[0]).collect();
    assert_eq!(sent, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_failing_callee_does_not_draw_the_whole_source_into_memory() {
    let script = Script::new(500, 1_000);
    let taken = Cell::new(0_usize);
    let settled = Cell::new(0_usize);
    let most = Cell::new(0_usize);
    let calls = pings(20_000).inspect(|_| {
        taken.set(taken.get() + 1);
        most.set(most.get().max(taken.get() - settled.get()));
    });
    let each = |_, _| settled.set(settled.get() + 1);
    let fan_out = windowed(&script, calls, Window::of(100), Retry::attempts(2), each);
    let summary = script.drive(fan_out, |script| script.answer(script.open()[0], Err(busy())));
    assert_eq!((summary.attempted(), script.sent.borrow().len()), (20_000, 40_000));
    assert!(most.get() <= 1_100, "{} calls were in memory", most.get());
}

/// A request of the property test.
#[derive(Clone, Debug)]
struct Wish {
    callee: u8,
    idempotent: bool,
    /// What the tries come to.
    answers: Vec<Option<u32>>,
}

fn wish() -> impl Strategy<Value = Wish> {
    let answer = prop_oneof![3 => Just(None), 2 => (1_u32..=7).prop_map(Some)];
    (0..4_u8, any::<bool>(), vec(answer, 4)).prop_map(|(callee, idempotent, answers)| Wish {
        callee,
        idempotent,
        answers,
    })
}

impl Wish {
    /// The n-th try, counted from 1.
    fn answer(&self, attempt: usize) -> Result<Vec<u8>, Reason> {
        match self.answers[attempt - 1] {
            None => Ok(vec![attempt as u8]),
            Some(code) => Err(Reason::rejected(code, format!("try {attempt}"))),
        }
    }

    /// What should become of it, by the rules as the documentation states them.
    fn expected(&self, attempts: usize) -> Outcome<Vec<u8>> {
        let mut doubt = None;
        for attempt in 1..=attempts {
            let again = match self.answers[attempt - 1] {
                None => false,
                Some(2) => true,
                Some(5..=7) => self.idempotent,
                Some(_) => false,
            };
            if !again || attempt == attempts {
                return match (self.answer(attempt), self.answers[attempt - 1]) {
                    (Ok(reply), _) => Outcome::Done(reply),
                    (Err(reason), Some(1..=3)) => doubt.unwrap_or(Outcome::NotDone(reason)),
                    (Err(reason), _) => Outcome::Unknown(reason),
                };
            }
            if let (Err(reason), Some(4..)) = (self.answer(attempt), self.answers[attempt - 1]) {
                doubt.get_or_insert(Outcome::Unknown(reason));
            }
        }
        unreachable!("there is a last try")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_window_and_any_order_of_answers_give_every_call_what_its_own_answers_say(
        wishes in vec(wish(), 0..60),
        per_callee in 1_u32..6,
        total in 1_u32..10,
        slots in 1_usize..8,
        affordable in 1_usize..12,
        attempts in 1_u32..=4,
        choices in vec(any::<u16>(), 1..64),
    ) {
        let script = Script::new(slots, affordable);
        let requests: Vec<Request> = (0_u64..).zip(&wishes).map(|(number, wish)| {
            let request = Request::new(callee(wish.callee), "any")
                .with_argument(number.to_le_bytes().to_vec());
            if wish.idempotent { request.idempotent() } else { request }
        }).collect();
        let number_of = |request: &Rc<Request>| {
            u64::from_le_bytes(request.argument[..].try_into().expect("eight bytes")) as usize
        };
        let mut outcomes = BTreeMap::new();
        let mut choices = choices.into_iter().cycle();
        let summary = script.drive(
            windowed(&script, requests.clone(), Window::new(per_callee, total), Retry::attempts(attempts), |number, outcome| {
                assert_eq!(outcomes.insert(number as usize, outcome), None, "settled twice");
            }),
            |script| {
                let open = script.open();
                let room = open.len() < affordable.min(total as usize);
                assert!(open.len() <= affordable.min(total as usize));
                let sent: Vec<usize> = script.sent.borrow().iter().map(number_of).collect();
                for number in 0..4 {
                    let callee: Principal = callee(number);
                    let open = script.open_to(callee);
                    let most = slots.min(per_callee as usize);
                    assert!(open <= most);
                    let waits = (0..wishes.len())
                        .any(|wish| wishes[wish].callee == number && !sent.contains(&wish));
                    assert!(!(room && open < most && waits), "a slot is free and a call waits");
                }
                let call = open[usize::from(choices.next().expect("endless")) % open.len()];
                let number = number_of(&script.sent.borrow()[call]);
                let attempt = sent[..=call].iter().filter(|&&sent| sent == number).count();
                script.answer(call, wishes[number].answer(attempt));
            },
        );

        let expected: BTreeMap<usize, _> =
            wishes.iter().map(|wish| wish.expected(attempts as usize)).enumerate().collect();
        prop_assert_eq!(&outcomes, &expected);
        let mut counted = Summary::default();
        expected.values().for_each(|outcome| counted.count(outcome));
        counted.widest = summary.widest;
        counted.refused = script.refused.get() as u64;
        prop_assert_eq!(&summary, &counted);
        // To each callee, the first tries go out in the order of the source.
        let mut first = Vec::new();
        for number in script.sent.borrow().iter().map(number_of) {
            if !first.contains(&number) {
                first.push(number);
            }
        }
        for callee in 0..4 {
            let to_callee = |&&number: &&usize| wishes[number].callee == callee;
            prop_assert!(first.iter().filter(to_callee).is_sorted());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn however_slots_and_cycles_come_and_go_every_call_is_settled_once_and_by_its_own_answers(
        wishes in vec(wish(), 0..60),
        per_callee in 1_u32..6,
        total in 1_u32..10,
        look_ahead in any::<bool>(),
        attempts in 1_u32..=4,
        // Slots, calls the cycles cover, whether a pause can be paid, and which call is answered.
        moments in vec((0_usize..4, 0_usize..6, any::<bool>(), any::<u16>()), 1..64),
    ) {
        let script = Script::new(0, 0);
        let mut moments = moments.into_iter().cycle();
        let mut change = |script: &Script| {
            let (slots, affordable, payable, choice) = moments.next().expect("endless");
            script.slots.set(slots);
            script.affordable.set(affordable);
            let lacking = Reason::Cycles { required: 2, available: 1 };
            script.pause_fails.replace((!payable).then_some(lacking));
            usize::from(choice)
        };
        change(&script);
        let requests = (0_u64..).zip(&wishes).map(|(number, wish)| {
            let request = Request::new(callee(wish.callee), "any")
                .with_argument(number.to_le_bytes().to_vec());
            if wish.idempotent { request.idempotent() } else { request }
        });
        let window = Window::new(per_callee, total);
        let window = if look_ahead { window } else { window.without_look_ahead() };
        let mut outcomes = BTreeMap::new();
        let mut tries = vec![0; wishes.len()];
        let each = |number: u64, outcome| {
            assert_eq!(outcomes.insert(number as usize, outcome), None, "settled twice");
        };
        let summary = script.drive(
            windowed(&script, requests, window, Retry::attempts(attempts), each),
            |script| {
                let choice = change(script);
                let open = script.open();
                assert!(open.len() <= total as usize);
                let call = open[choice % open.len()];
                let argument = script.sent.borrow()[call].argument.to_vec();
                let number = u64::from_le_bytes(argument.try_into().expect("eight bytes")) as usize;
                tries[number] += 1;
                script.answer(call, wishes[number].answer(tries[number]));
            },
        );
        prop_assert_eq!(outcomes.len(), wishes.len());
        prop_assert_eq!(summary.attempted(), wishes.len() as u64);
        prop_assert_eq!(summary.refused, script.refused.get() as u64);
        prop_assert!(script.open().is_empty());
        for (number, outcome) in outcomes {
            let tries = tries[number];
            let unsent = outcome.reason().is_some_and(|reason| reason.kind().is_unsent());
            prop_assert!(tries <= attempts as usize);
            if tries == 0 {
                prop_assert!(unsent, "{:?}", outcome);
            } else if unsent {
                // It was to be tried again, and nothing that was unknown is said to be not done.
                let answers = &wishes[number].answers[..tries];
                prop_assert!(answers.iter().all(|answer| *answer == Some(2)), "{:?}", outcome);
            } else {
                // What was tried less often than allowed ended by what it was answered.
                let expected = wishes[number].expected(tries);
                let settled = matches!((&outcome, &expected), (Outcome::Unknown(_), Outcome::Unknown(_)))
                    || outcome == expected;
                prop_assert!(settled, "{:?} and not {:?}", outcome, expected);
            }
        }
    }
}
