//! A callee with faults: the caller counts each failure by its reason, and recovers when the callee does.

use std::collections::BTreeMap;
use std::time::Duration;

use test_support::{Server, on_every_server};

use crate::answers::Way;
use crate::moody::Mood;
use crate::pair::{OPEN_CALLS_MAX, Pair, Parallel, controller};

const WAYS: [Way; 4] =
    [Way::Sequential, Way::Parallel, Way::Windowed(None), Way::Windowed(Some(2))];

/// How long the caller waits for the response to a ping.
pub const PING_WAIT: Duration = Duration::from_secs(300);

/// What remains of it when a test looks whether it is over.
pub const MARGIN: Duration = Duration::from_secs(5);

impl Pair {
    fn ready_for_faults(server: Server, subnets: usize) -> Self {
        let pair = Self::ready(server, subnets);
        pair.moody_callee();
        pair
    }

    /// Asserts that nothing is left of whatever the callee did.
    #[track_caller]
    pub fn mend(&self) {
        self.set_mood(Mood::Answer);
        // What was silent answers now.
        self.wait(Duration::ZERO, 5);
        assert_eq!(self.successes(Parallel, OPEN_CALLS_MAX), OPEN_CALLS_MAX, "a slot is missing");
    }
}

#[test]
fn failures_of_the_callee_are_counted_by_reason() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready_for_faults(server, subnets);
            for (mood, reason) in [
                (Mood::Answer, None),
                (Mood::Trap, Some("canister_error")),
                (Mood::Reject, Some("canister_reject")),
                // Nobody reads what a ping brings back.
                (Mood::Garbage, None),
                (Mood::TwoMegabytes, None),
            ] {
                for way in WAYS {
                    pair.set_mood(mood);
                    let (report, _) = pair.report(way, 5);
                    let failures: BTreeMap<_, _> =
                        reason.map(|reason| (reason, 5)).into_iter().collect();
                    assert_eq!(report.failures(), failures, "{mood:?}, {way:?}");
                    assert_eq!(report.attempted, 5);
                    assert_eq!(report.succeeded, if reason.is_some() { 0 } else { 5 });
                }
                pair.mend();
            }
        }
    });
}

#[test]
fn calls_to_a_callee_that_cannot_be_called_are_counted_by_reason() {
    on_every_server(|server| {
        let pair = Pair::ready_for_faults(server, 2);
        let stopped = pair.another_canister();
        pair.pic.stop_canister(stopped, Some(controller())).expect("it stops");
        for (callee, reason) in [
            (stopped, "canister_error"),
            // Without code.
            (pair.another_canister(), "canister_error"),
            // No canister.
            (controller(), "destination_invalid"),
        ] {
            for way in WAYS {
                pair.setup_callee(callee, controller()).expect("a controller may do that");
                let (report, _) = pair.report(way, 5);
                assert_eq!(report.failures(), BTreeMap::from([(reason, 5)]), "{way:?}");
                pair.setup_callee(pair.callee, controller()).expect("a controller may do that");
                pair.mend();
            }
        }
    });
}

#[test]
fn a_callee_without_responses_is_given_up_after_five_minutes() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready_for_faults(server, subnets);
            for (way, turns) in [
                (Way::Sequential, 3),
                (Way::Parallel, 1),
                (Way::Windowed(None), 1),
                (Way::Windowed(Some(2)), 2),
            ] {
                pair.set_mood(Mood::Silence);
                let message = pair.submit_run(way, 3);
                pair.wait(Duration::ZERO, 3);
                for _ in 0..turns {
                    pair.wait(PING_WAIT - MARGIN, 3);
                    assert!(pair.report_of(&message).is_none(), "{way:?} gives up too early");
                    pair.wait(2 * MARGIN, 3);
                }
                let report = pair.report_of(&message).expect("all calls are over");
                assert_eq!(report.failures(), BTreeMap::from([("deadline", 3)]), "{way:?}");
                assert_eq!((report.attempted, report.succeeded), (3, 0));
                pair.mend();
            }
        }
    });
}

#[test]
fn silent_calls_hold_the_slots_until_they_are_given_up_or_answered() {
    on_every_server(|server| {
        let pair = Pair::ready_for_faults(server, 2);
        let silent = pair.occupy_all_slots();
        let (crowded, _) = pair.report(Way::Parallel, 7);
        assert_eq!(crowded.failures(), BTreeMap::from([("queue_full", 7)]));
        pair.wait(PING_WAIT + MARGIN, 3);
        let report = pair.report_of(&silent).expect("all calls are over");
        assert_eq!(report.failures(), BTreeMap::from([("deadline", OPEN_CALLS_MAX)]));
        // The caller has its slots back, but the callee still owes as many answers.
        let (owed, _) = pair.report(Way::Parallel, 7);
        assert_eq!(owed.failures(), BTreeMap::from([("sys_transient", 7)]));
        pair.mend();
    });
}
