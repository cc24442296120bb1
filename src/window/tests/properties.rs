//! Random calls, windows, limits and orders of responses, compared with what the documentation promises.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::scripted_transport::{ScriptedTransport, callee};
use crate::{
    FanOut, Outcome, Reason, Reply, ReplyLimit, Request, Retry, Summary, Verdict, Window, windowed,
};

/// A call, and the response to each attempt.
#[derive(Clone, Debug)]
pub struct TestCall {
    pub callee: u8,
    idempotent: bool,
    /// For each attempt: the reject code, or `None` for a reply. From 11 on: a reply by which the callee did nothing
    /// for good (11), did nothing for the moment (12), or leaves open what it did (13).
    responses: Vec<Option<u32>>,
}

pub fn test_call() -> impl Strategy<Value = TestCall> {
    let response = prop_oneof![3 => Just(None), 2 => (1_u32..=7).prop_map(Some), 1 => (11_u32..=13).prop_map(Some)];
    (0..4_u8, any::<bool>(), vec(response, 4))
        .prop_map(|(callee, idempotent, responses)| TestCall { callee, idempotent, responses })
}

impl TestCall {
    /// The request, with the number of the call as its argument.
    fn request(&self, number: u64) -> Request {
        let argument = number.to_le_bytes().to_vec();
        let request =
            Request::new(callee(self.callee), "any").with_argument(argument).judged_by(verdict);
        if self.idempotent { request.idempotent() } else { request }
    }

    /// The response to an attempt, counted from 1.
    pub fn response(&self, attempt: usize) -> Result<Vec<u8>, Reason> {
        match self.responses[attempt - 1] {
            None => Ok(vec![attempt as u8]),
            Some(code @ 11..) => Ok(vec![attempt as u8, code as u8]),
            Some(code) => Err(Reason::rejected(code, format!("attempt {attempt}"))),
        }
    }

    /// The outcome of an attempt: `Ok` if it is done, and otherwise the reason, whether the callee certainly did
    /// nothing, and whether another attempt may help.
    fn result(&self, attempt: usize) -> Result<Vec<u8>, (Reason, bool, bool)> {
        let text = || format!("attempt {attempt}");
        let reply = match self.response(attempt) {
            Ok(reply) => reply,
            Err(reason) => {
                let code = self.responses[attempt - 1].expect("a reject has a code");
                return Err((reason, code <= 3, matches!(code, 2 | 5..=7)));
            }
        };
        match reply[..] {
            [_, 11] => Err((Reason::Declined(text()), true, false)),
            [_, 12] => Err((Reason::Unavailable(text()), true, true)),
            [_, _] => Err((Reason::Unclear(text()), false, true)),
            _ => Ok(reply),
        }
    }

    /// The outcome after at most so many attempts, by the rules of the documentation.
    pub fn expected(&self, attempts: usize) -> Outcome<Reply> {
        let mut first_unknown = None;
        for attempt in 1..=attempts {
            let (reason, is_clean, may_help) = match self.result(attempt) {
                Ok(reply) => return Outcome::Done(reply.into()),
                Err(failure) => failure,
            };
            let outcome = if is_clean {
                first_unknown.clone().unwrap_or(Outcome::NotDone(reason.into()))
            } else {
                Outcome::Unknown(reason.into())
            };
            if attempt == attempts || !may_help || !(is_clean || self.idempotent) {
                return outcome;
            }
            if !is_clean {
                first_unknown.get_or_insert(outcome);
            }
        }
        unreachable!("the last attempt returns")
    }
}

fn verdict(reply: &[u8]) -> Verdict {
    let text = format!("attempt {}", reply[0]);
    match reply.get(1) {
        None => Verdict::Done,
        Some(11) => Verdict::NotDone(text),
        Some(12) => Verdict::TryAgain(text),
        Some(_) => Verdict::Unknown(text),
    }
}

pub fn requests(calls: &[TestCall]) -> Vec<Request> {
    (0_u64..).zip(calls).map(|(number, call)| call.request(number)).collect()
}

/// The number of the call that a request belongs to.
pub fn number_of(request: &Rc<Request>) -> usize {
    u64::from_le_bytes(request.argument[..].try_into().expect("eight bytes")) as usize
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_outcome_follows_from_the_responses_to_that_call_alone(
        calls in vec(test_call(), 0..60),
        per_callee in 1_u32..6,
        total in 1_u32..10,
        slots in 1_usize..8,
        affordable in 1_usize..12,
        attempts in 1_u32..=4,
        choices in vec(any::<u16>(), 1..64),
    ) {
        let script = ScriptedTransport::new(slots, affordable);
        let window = Window::new(per_callee, total);
        let mut outcomes = BTreeMap::new();
        let mut choices = choices.into_iter().cycle();
        let summary = script.drive(
            windowed(&script, requests(&calls), window, Retry::attempts(attempts), |number, outcome| {
                assert_eq!(outcomes.insert(number as usize, outcome), None, "settled twice");
            }),
            |script| {
                let open = script.open();
                let has_capacity = open.len() < affordable.min(total as usize);
                assert!(open.len() <= affordable.min(total as usize));
                let sent: Vec<usize> = script.sent.borrow().iter().map(number_of).collect();
                for number in 0..4 {
                    let open = script.open_to(callee(number));
                    let max = slots.min(per_callee as usize);
                    assert!(open <= max);
                    let waits = (0..calls.len())
                        .any(|call| calls[call].callee == number && !sent.contains(&call));
                    assert!(!(has_capacity && open < max && waits), "a slot is free and a call waits");
                }
                let call = open[usize::from(choices.next().expect("endless")) % open.len()];
                let number = number_of(&script.sent.borrow()[call]);
                let attempt = sent[..=call].iter().filter(|&&sent| sent == number).count();
                script.respond(call, calls[number].response(attempt));
            },
        );

        let expected: BTreeMap<usize, _> =
            calls.iter().map(|call| call.expected(attempts as usize)).enumerate().collect();
        prop_assert_eq!(&outcomes, &expected);
        let mut counted = Summary::default();
        expected.values().for_each(|outcome| counted.count(outcome));
        counted.max_in_flight = summary.max_in_flight;
        counted.refused = script.refused.get() as u64;
        prop_assert_eq!(&summary, &counted);
        // To each callee, the first attempts are sent in the order of the source.
        let mut first = Vec::new();
        for number in script.sent.borrow().iter().map(number_of) {
            if !first.contains(&number) {
                first.push(number);
            }
        }
        for callee in 0..4 {
            let to_callee = |&&number: &&usize| calls[number].callee == callee;
            prop_assert!(first.iter().filter(to_callee).is_sorted());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_call_is_settled_once_while_slots_and_cycles_come_and_go(
        calls in vec(test_call(), 0..60),
        per_callee in 1_u32..6,
        total in 1_u32..10,
        look_ahead in any::<bool>(),
        attempts in 1_u32..=4,
        // Slots, calls that the cycles cover, whether a pause can be paid for, and which call gets its response.
        moments in vec((0_usize..4, 0_usize..6, any::<bool>(), any::<u16>()), 1..64),
    ) {
        let script = ScriptedTransport::new(0, 0);
        let mut moments = moments.into_iter().cycle();
        let mut change = |script: &ScriptedTransport| {
            let (slots, affordable, payable, choice) = moments.next().expect("endless");
            script.slots.set(slots);
            script.affordable.set(affordable);
            let short_of_cycles = Reason::cycles(2, 1);
            script.pause_fails.replace((!payable).then_some(short_of_cycles));
            usize::from(choice)
        };
        change(&script);
        let window = Window::new(per_callee, total);
        let window = if look_ahead { window } else { window.without_look_ahead() };
        let mut outcomes = BTreeMap::new();
        let mut sent = vec![0; calls.len()];
        let on_outcome = |number: u64, outcome| {
            assert_eq!(outcomes.insert(number as usize, outcome), None, "settled twice");
        };
        let summary = script.drive(
            windowed(&script, requests(&calls), window, Retry::attempts(attempts), on_outcome),
            |script| {
                let choice = change(script);
                let open = script.open();
                assert!(open.len() <= total as usize);
                let call = open[choice % open.len()];
                let number = number_of(&script.sent.borrow()[call]);
                sent[number] += 1;
                script.respond(call, calls[number].response(sent[number]));
            },
        );
        prop_assert_eq!(outcomes.len(), calls.len());
        prop_assert_eq!(summary.attempted(), calls.len() as u64);
        prop_assert_eq!(summary.refused, script.refused.get() as u64);
        prop_assert!(script.open().is_empty());
        for (number, outcome) in outcomes {
            let sent = sent[number];
            let is_unsent = outcome.reason().is_some_and(|reason| reason.kind().is_unsent());
            prop_assert!(sent <= attempts as usize);
            if sent == 0 {
                prop_assert!(is_unsent, "{:?}", outcome);
            } else if is_unsent {
                // It was to be tried again. No earlier attempt is unknown, since the call is said to be not done.
                let responses = &calls[number].responses[..sent];
                let is_clean = |response: &Option<u32>| matches!(response, Some(2 | 12));
                prop_assert!(responses.iter().all(is_clean), "{:?}", outcome);
            } else {
                // A call with fewer attempts than allowed ended with the response to its last attempt.
                let expected = calls[number].expected(sent);
                let is_expected =
                    matches!((&outcome, &expected), (Outcome::Unknown(_), Outcome::Unknown(_)))
                        || outcome == expected;
                prop_assert!(is_expected, "{:?} and not {:?}", outcome, expected);
            }
        }
    }
}

/// Calls by index, for each attempt that was sent.
fn sent_calls(script: &ScriptedTransport) -> Vec<usize> {
    script.sent.borrow().iter().map(number_of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn in_order_each_call_follows_the_final_outcome_of_the_one_before(
        calls in vec(test_call(), 0..40),
        total in 1_u32..10,
        slots in 1_usize..4,
        attempts in 1_u32..=4,
        choices in vec(any::<u16>(), 1..64),
    ) {
        let script = ScriptedTransport::new(slots, 100);
        let fan_out =
            FanOut::new(Window::of(total)).with_retry(Retry::attempts(attempts)).in_order();
        let mut choices = choices.into_iter().cycle();
        let mut outcomes = BTreeMap::new();
        script.drive(
            fan_out.run(&script, requests(&calls), |number, outcome| {
                outcomes.insert(number as usize, outcome);
            }),
            |script| {
                let open = script.open();
                let call = open[usize::from(choices.next().expect("endless")) % open.len()];
                let sent = sent_calls(script);
                let attempt = sent[..=call].iter().filter(|&&number| number == sent[call]).count();
                script.respond(call, calls[sent[call]].response(attempt));
            },
        );
        // The outcomes do not depend on the order, and to each callee all attempts are in the order of the requests.
        let expected = calls.iter().map(|call| call.expected(attempts as usize));
        prop_assert_eq!(outcomes, expected.enumerate().collect::<BTreeMap<_, _>>());
        let sent = sent_calls(&script);
        for callee in 0..4 {
            prop_assert!(sent.iter().filter(|&&number| calls[number].callee == callee).is_sorted());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_replies_that_are_kept_are_those_that_fit_when_they_arrive(
        lengths in vec(0_usize..200, 0..40),
        per_call in 0_usize..200,
        total in 0_usize..2_000,
        choices in vec(any::<u16>(), 1..64),
    ) {
        let script = ScriptedTransport::new(500, 500);
        let calls = lengths.iter().map(|_| Request::new(callee(1), "any"));
        let fan_out = FanOut::new(Window::of(7)).keeping(ReplyLimit { per_call, total });
        let mut choices = choices.into_iter().cycle();
        let (mut left, mut expected) = (total, vec![None; lengths.len()]);
        let outcomes = script.drive(fan_out.collect(&script, calls), |script| {
            let open = script.open();
            let call = open[usize::from(choices.next().expect("endless")) % open.len()];
            let length = lengths[call];
            let fits = length <= per_call && length <= left;
            left -= if fits { length } else { 0 };
            expected[call] = Some(if fits {
                Outcome::Done(vec![7; length].into())
            } else {
                Outcome::ReplyDropped { bytes: length, refunded: 0 }
            });
            script.respond(call, Ok(vec![7; length]));
        });
        prop_assert_eq!(outcomes.into_iter().map(Some).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn windows_that_share_a_callee_all_finish_and_none_takes_more_than_its_share(
        sizes in vec((1_u64..120, 1_u32..600), 2..6),
        held in 0_usize..500,
        choices in vec(any::<u16>(), 1..64),
    ) {
        let script = ScriptedTransport::new(500, 10_000);
        script.hold(callee(1), held);
        let running = std::cell::Cell::new(sizes.len());
        let mut windows: Vec<_> = (0_u8..)
            .zip(&sizes)
            .map(|(window, &(calls, size))| {
                let request = move |_| Request::new(callee(1), "any").with_argument(vec![window]);
                let (script, running) = (&script, &running);
                let mut fan_out = Box::pin(async move {
                    let calls = (0..calls * 6).map(request);
                    windowed(script, calls, Window::of(size), Retry::NEVER, |_, _| ()).await
                });
                move |context: &mut std::task::Context<'_>| {
                    let std::task::Poll::Ready(summary) = fan_out.as_mut().poll(context) else {
                        return false;
                    };
                    assert_eq!(summary.succeeded, calls * 6, "{summary:?}");
                    running.set(running.get() - 1);
                    true
                }
            })
            .collect();
        let mut messages: Vec<&mut dyn FnMut(&mut std::task::Context<'_>) -> bool> = Vec::new();
        for window in &mut windows {
            messages.push(window);
        }
        // The largest share with which all windows fit into 450 slots. A window wants no more slots than it has calls.
        let all_shares: Vec<u32> = (1..=600).collect();
        let share = |responses: &[u32]| {
            let wanted = |window: usize| {
                let (calls, size) = sizes[window];
                size.min(calls as u32 * 6 - responses[window])
            };
            let of_all = |share: &u32| (0..sizes.len()).map(|window| wanted(window).min(*share)).sum::<u32>();
            all_shares.partition_point(|share| of_all(share) <= 450) as u32
        };
        let mut responses = vec![0; sizes.len()];
        let mut before: Vec<usize> = Vec::new();
        let mut choices = choices.into_iter().cycle();
        script.drive_all(&mut messages, |script| {
            let open = script.open();
            assert!(open.len() + held <= 500);
            let sent = script.sent.borrow();
            let of = |window: usize| {
                open.iter().filter(|&&call| sent[call].argument[0] == window as u8).count()
            };
            let now: Vec<usize> = (0..sizes.len()).map(of).collect();
            // All windows know of each other once all have been polled. A window that has too many calls from before
            // sends none.
            if running.get() == sizes.len() && !before.is_empty() {
                let share = share(&responses);
                for (window, &(_, size)) in sizes.iter().enumerate() {
                    assert!(now[window] <= before[window].max(size.min(share) as usize));
                }
            }
            before = now;
            let call = open[usize::from(choices.next().expect("endless")) % open.len()];
            responses[usize::from(sent[call].argument[0])] += 1;
            drop(sent);
            script.respond(call, Ok(Vec::new()));
        });
        prop_assert_eq!(running.get(), 0);
        prop_assert!(script.open().is_empty());
    }
}
