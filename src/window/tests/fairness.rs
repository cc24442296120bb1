//! Random calls to several callees: no callee is passed over, and no call overtakes an earlier one to the same callee.

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::scripted_transport::{ScriptedTransport, callee};
use crate::{FanOut, Request, Retry, Window, windowed};

/// Callees in these tests.
const CALLEES: usize = 5;

/// The calls to each callee that were taken out of the source and not sent yet.
struct Waiting<'w> {
    taken: &'w RefCell<[usize; CALLEES]>,
    script: &'w ScriptedTransport,
}

impl Waiting<'_> {
    fn sent(&self) -> Vec<usize> {
        let number = |request: &std::rc::Rc<Request>| usize::from(request.argument[0]);
        self.script.sent.borrow().iter().map(number).collect()
    }

    fn waits(&self, number: usize) -> bool {
        let sent = self.sent().iter().filter(|sent| **sent == number).count();
        self.taken.borrow()[number] > sent
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_callee_with_a_free_slot_gets_its_turn_before_any_other_gets_two(
        callees in vec(0_usize..CALLEES, 0..150),
        per_callee in 1_u32..4,
        total in 1_u32..8,
        look_ahead in 1_usize..30,
        choices in vec(any::<u16>(), 1..64),
    ) {
        let script = ScriptedTransport::new(500, 500);
        let taken = RefCell::new([0; CALLEES]);
        let waiting = Waiting { taken: &taken, script: &script };
        let requests = callees.iter().map(|&number| {
            taken.borrow_mut()[number] += 1;
            Request::new(callee(number as u8), "ping").with_argument(vec![number as u8])
        });
        let mut choices = choices.into_iter().cycle();
        // For each callee: the calls to each other callee that were sent while its own calls waited with a free slot.
        let mut passed = [[0; CALLEES]; CALLEES];
        let mut eligible = [false; CALLEES];
        let mut seen = 0;
        let window = Window::new(per_callee, total).with_look_ahead(look_ahead);
        let fan_out = windowed(&script, requests, window, Retry::NEVER, |_, _| ());
        let summary = script.drive(fan_out, |script| {
            let sent = waiting.sent();
            for &number in &sent[seen..] {
                for other in 0..CALLEES {
                    if other != number && eligible[other] {
                        passed[other][number] += 1;
                        assert!(passed[other][number] <= 1, "{other} is passed over for {number}");
                    }
                }
                eligible[number] = false;
                passed[number] = [0; CALLEES];
            }
            seen = sent.len();
            assert!(taken.borrow().iter().sum::<usize>() <= seen + look_ahead);
            let open = script.open();
            let call = open[usize::from(choices.next().expect("endless")) % open.len()];
            script.respond(call, Ok(Vec::new()));
            for (number, eligible) in eligible.iter_mut().enumerate() {
                let has_slot = script.open_to(callee(number as u8)) < per_callee as usize;
                *eligible = has_slot && waiting.waits(number);
            }
        });
        prop_assert_eq!(summary.succeeded, callees.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn windows_that_share_callees_keep_the_order_of_their_calls(
        windows in vec((vec(0_usize..2, 1..600), 1_u32..400, 1_u32..400, 1_usize..20, any::<bool>()), 2..4),
        choices in vec(any::<u16>(), 1..64),
    ) {
        let script = ScriptedTransport::new(500, 10_000);
        // The argument of a call is the number of its window, and its number in the window.
        let fan_outs: Vec<FanOut> = windows
            .iter()
            .map(|&(_, per_callee, total, look_ahead, in_order)| {
                let fan_out = FanOut::new(Window { per_callee, total, look_ahead });
                if in_order { fan_out.in_order() } else { fan_out }
            })
            .collect();
        let mut messages: Vec<_> = (0_u8..)
            .zip(&windows)
            .zip(&fan_outs)
            .map(|((window, (callees, ..)), fan_out)| {
                let requests = (0_u16..).zip(callees).map(move |(number, &to)| {
                    let [low, high] = number.to_le_bytes();
                    Request::new(callee(to as u8), "ping").with_argument(vec![window, low, high])
                });
                let mut run = Box::pin(fan_out.run(&script, requests, |_, _| ()));
                move |context: &mut std::task::Context<'_>| run.as_mut().poll(context).is_ready()
            })
            .collect();
        let mut polls: Vec<&mut dyn FnMut(&mut std::task::Context<'_>) -> bool> = Vec::new();
        for message in &mut messages {
            polls.push(message);
        }
        let mut choices = choices.into_iter().cycle();
        script.drive_all(&mut polls, |script| {
            let open = script.open();
            let sent = script.sent.borrow();
            for (window, &(_, per_callee, total, _, in_order)) in windows.iter().enumerate() {
                let of_window = |call: &&usize| sent[**call].argument[0] == window as u8;
                assert!(open.iter().filter(of_window).count() <= total as usize);
                for to in 0..2_u8 {
                    let to_callee = |call: &&usize| sent[**call].callee == callee(to);
                    let open = open.iter().filter(of_window).filter(to_callee).count();
                    assert!(open <= if in_order { 1 } else { per_callee as usize });
                }
            }
            let call = open[usize::from(choices.next().expect("endless")) % open.len()];
            drop(sent);
            script.respond(call, Ok(Vec::new()));
        });
        let sent = script.sent.borrow();
        prop_assert_eq!(sent.len(), windows.iter().map(|window| window.0.len()).sum::<usize>());
        for window in 0..windows.len() as u8 {
            for to in 0..2_u8 {
                let numbers = sent
                    .iter()
                    .filter(|request| request.callee == callee(to) && request.argument[0] == window)
                    .map(|request| u16::from_le_bytes([request.argument[1], request.argument[2]]));
                prop_assert!(numbers.is_sorted());
            }
        }
    }
}
