//! Several messages of the caller that call the same callee at the same time, and the slots they share.

use std::collections::BTreeMap;
use std::time::Duration;

use candid::{Principal, encode_args};
use test_support::on_every_server;
use test_support::servers::network_on;

use crate::answers::{PortfolioRequest, RawOutcome, Way};
use crate::jobs::{HOLD, INTERVAL, calls};
use crate::moody::Mood;
use crate::pair::{
    OPEN_CALLS_MAX, PLANNED_CALLS_MAX, Pair, Windowed, controller, decode, no_result, nothing,
};
use crate::pauses::server_with_mainnet_rounds;
use crate::raw_calls::request;

/// The calls of a window that has enough calls for the whole test.
const MANY: u64 = 100_000;

impl Pair {
    /// Asserts that small numbers of calls succeed, whatever else the caller does.
    #[track_caller]
    fn assert_small_calls_succeed(&self) {
        let ping = request(self.callee, "ping", nothing());
        assert_eq!(self.fan_out(&[ping]), [RawOutcome::Done(no_result())]);
        assert_eq!(self.successes(Windowed, 3), 3);
    }

    /// The same for calls that do not wait for a slot.
    #[track_caller]
    fn assert_a_portfolio_is_complete(&self) {
        let callee = self.callee;
        let request = PortfolioRequest {
            user: controller(),
            token: callee,
            lending: callee,
            staking: callee,
        };
        assert_eq!(self.portfolio(request).0.answered, 3);
    }
}

#[test]
fn beside_a_large_planned_window_small_calls_find_slots() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            let large = pair.submit_run(Way::Windowed(None), MANY);
            pair.wait(Duration::ZERO, 5);
            pair.assert_a_portfolio_is_complete();
            pair.assert_small_calls_succeed();
            assert!(pair.report_of(&large).is_none(), "the large window still makes calls");
        }
    });
}

#[test]
fn beside_a_job_with_the_planned_window_small_calls_find_slots() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let id = pair.start_job(calls(MANY));
        pair.wait(INTERVAL, 5);
        assert_eq!(pair.job(id).in_flight, PLANNED_CALLS_MAX);
        pair.assert_a_portfolio_is_complete();
        pair.assert_small_calls_succeed();
        assert!(pair.job(id).remaining > 0, "the job still makes calls");
    });
}

#[test]
fn beside_a_window_that_takes_all_slots_small_windows_wait_for_their_share() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            let large = pair.submit_run(Way::Windowed(Some(500)), MANY);
            pair.wait(Duration::ZERO, 5);
            pair.assert_small_calls_succeed();
            assert!(pair.report_of(&large).is_none(), "the large window still makes calls");
        }
    });
}

#[test]
fn with_the_rounds_of_the_mainnet_small_calls_find_slots_too() {
    let server = server_with_mainnet_rounds();
    let network = || network_on(&server).with_application_subnet().with_application_subnet();
    for window in [None, Some(500)] {
        let pair = Pair::ready_on(network().build());
        let large = pair.submit_run(Way::Windowed(window), MANY);
        pair.wait(Duration::ZERO, 20);
        pair.assert_small_calls_succeed();
        assert!(pair.report_of(&large).is_none(), "the large window still makes calls");
    }
}

#[test]
fn a_job_and_a_message_with_large_windows_get_the_same_share() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let id = pair.start_job(calls(MANY));
        pair.wait(INTERVAL, 5);
        let (report, _) = pair.report(Way::Windowed(None), 3_000);
        assert_eq!((report.succeeded, report.failures()), (3_000, BTreeMap::new()));
        assert_eq!(u64::from(report.max_in_flight), PLANNED_CALLS_MAX / 2);
        pair.wait(Duration::ZERO, 3);
        assert_eq!(pair.job(id).in_flight, PLANNED_CALLS_MAX, "the job has all of its slots back");
    });
}

#[test]
fn a_job_beside_a_window_that_takes_all_slots_waits_for_a_slot_with_its_timer_and_gets_its_share() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let large = pair.submit_run(Way::Windowed(Some(500)), MANY);
        pair.wait(Duration::ZERO, 5);
        let id = pair.start_job(calls(MANY));
        pair.wait(INTERVAL, 1);
        pair.wait(Duration::ZERO, 5);
        let job = pair.job(id);
        assert_eq!((job.in_flight, job.waiting_for.as_deref()), (0, Some("queue_full")));
        // While it waits, the window leaves half of the slots free.
        pair.wait(HOLD, 5);
        pair.wait(INTERVAL, 5);
        let job = pair.job(id);
        // Its half, and one call that it has begun and that waits for the next response.
        assert_eq!((job.in_flight, job.waiting_for), (PLANNED_CALLS_MAX / 2 + 1, None));
        assert!(pair.report_of(&large).is_none(), "the large window still makes calls");
    });
}

#[test]
fn a_job_without_a_slot_waits_and_says_so() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        let silent = pair.occupy_all_slots();
        let id = pair.start_job(calls(20));
        pair.wait(INTERVAL, 5);
        let waits = |pair: &Pair| {
            let job = pair.job(id);
            assert_eq!((job.in_flight, job.remaining), (0, 20));
            assert_eq!(job.waiting_for.as_deref(), Some("queue_full"));
        };
        waits(&pair);
        // Apart from a task of the timer every two seconds, waiting costs nothing: the job makes no calls.
        let before = pair.cycles()[0];
        (0..4).for_each(|_| pair.wait(INTERVAL, 50));
        waits(&pair);
        let spent = before - pair.cycles()[0];
        assert!(spent < 200_000_000, "{spent} cycles");
        pair.set_mood(Mood::Answer);
        pair.wait(HOLD, 10);
        assert_eq!(pair.report_of(&silent).expect("all respond").succeeded, OPEN_CALLS_MAX);
        assert_eq!(pair.finished(id).succeeded, 20);
    });
}

#[test]
fn windowed_calls_wait_until_parallel_calls_leave_a_slot() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        let silent = pair.occupy_all_slots();
        let waiting = pair.submit_run(Way::Windowed(Some(10)), 20);
        pair.wait(Duration::ZERO, 50);
        assert!(pair.report_of(&waiting).is_none(), "no slot is free");
        pair.set_mood(Mood::Answer);
        pair.wait(Duration::ZERO, 10);
        assert_eq!(pair.report_of(&silent).expect("all respond").succeeded, OPEN_CALLS_MAX);
        let report = pair.report_of(&waiting).expect("slots are free");
        assert_eq!((report.succeeded, report.failures()), (20, BTreeMap::new()));
    });
}

#[test]
fn a_plan_counts_the_open_calls_to_its_own_callee() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let patient = pair.patient_caller();
        pair.moody_callee();
        pair.set_mood(Mood::Silence);
        let planned = |callee: Principal| {
            let argument = encode_args((callee, 1_000_u64)).expect("the values have types");
            let reply = pair.pic.query_call(patient, controller(), "planned_window", argument);
            decode::<u32>(&reply.expect("the canister replies"))
        };
        let other = pair.another_canister();
        assert_eq!([pair.callee, other].map(planned), [450, 450]);
        pair.submit_patient(patient, "parallel_calls", 490);
        pair.wait(Duration::ZERO, 3);
        // Nine tenths of the ten slots that are free.
        assert_eq!([pair.callee, other].map(planned), [9, 450]);
        pair.mend();
        assert_eq!(planned(pair.callee), 450);
    });
}
