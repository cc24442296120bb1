//! The highest costs of messages to the caller, as documented.

use std::time::Duration;

use test_support::on_every_server;

use crate::answers::{JobSpec, PortfolioRequest, Way};
use crate::jobs::{INTERVAL, calls};
use crate::moody::Mood;
use crate::pair::{Pair, controller, nothing};
use crate::raw_calls::request;

const MILLION: u128 = 1_000_000;
const BILLION: u128 = 1_000 * MILLION;

/// A reply of two mebibytes.
const LARGE_REPLY_MAX: u128 = 2_200 * MILLION;

impl Pair {
    /// Cycles the caller has less after `message` than before.
    fn cost(&self, message: impl FnOnce()) -> u128 {
        let before = self.pic.cycle_balance(self.caller);
        message();
        before - self.pic.cycle_balance(self.caller)
    }
}

#[track_caller]
fn assert_within(what: &str, cost: u128, max: u128) {
    println!("{what}: {cost} cycles");
    assert!(cost <= max, "{what}: {cost} cycles");
    // What is said should not be far off, either.
    assert!(cost >= max / 2, "{what}: only {cost} cycles");
}

#[test]
fn a_hundred_thousand_calls_cost_about_half_a_trillion_cycles() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        // Sequential calls cost as much each, but their rounds take too long for a test: see `cycles`.
        let cost = pair.cost(|| {
            let (report, _) = pair.report(Way::Windowed(None), 100_000);
            assert_eq!(report.succeeded, 100_000);
        });
        assert_within("100,000 windowed calls", cost, 540 * BILLION);
    });
}

#[test]
fn a_thousand_raw_calls_cost_about_five_billion_cycles() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let requests = vec![request(pair.callee, "ping", nothing()); 1_000];
        let cost = pair.cost(|| assert_eq!(pair.fan_out(&requests).len(), 1_000));
        assert_within("1,000 raw calls", cost, 5_450 * MILLION);
    });
}

#[test]
fn a_portfolio_costs_twenty_five_million_cycles() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let [token, lending, staking] = [0, 1, 1].map(|subnet| pair.data_callee(subnet));
        let request = PortfolioRequest { user: controller(), token, lending, staking };
        let cost = pair.cost(|| assert_eq!(pair.portfolio(request).0.answered, 3));
        assert_within("a portfolio", cost, 25 * MILLION);
    });
}

#[test]
fn each_try_of_a_jobs_calls_costs_six_million_cycles() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let cost = pair.cost(|| {
            assert_eq!(pair.finished(pair.start_job(calls(5_000))).succeeded, 5_000);
        });
        assert_within("a job's call", cost / 5_000, 6 * MILLION);

        pair.moody_callee();
        pair.set_mood(Mood::Trap);
        let spec = JobSpec { attempts: Some(3), idempotent: Some(true), ..calls(5_000) };
        let cost = pair.cost(|| assert_eq!(pair.finished(pair.start_job(spec)).unknown, 5_000));
        assert_within("a try of a job's call", cost / 15_000, 6 * MILLION);
    });
}

#[test]
fn each_call_of_the_outbox_costs_six_million_cycles() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let requests = vec![request(pair.callee, "ping", nothing()); 5_000];
        let cost = pair.cost(|| {
            pair.enqueue(&requests);
            assert_eq!(pair.outbox_finished().succeeded, 5_000);
            assert_eq!(pair.results_from(0).len(), 5_000);
        });
        assert_within("a call of the outbox", cost / 5_000, 6 * MILLION);
    });
}

#[test]
fn looking_after_a_job_that_waits_costs_two_thirds_of_a_trillion_cycles_a_day() {
    on_every_server(|server| {
        let pair = Pair::ready_with_cycles(server, 2, 400 * BILLION);
        let id = pair.start_job(calls(100));
        pair.leave_cycles(85 * BILLION);
        pair.wait(INTERVAL, 5);
        let intervals = 50;
        let cost = pair.cost(|| (0..intervals).for_each(|_| pair.wait(INTERVAL, 5)));
        assert_eq!(pair.job(id).waiting_for.as_deref(), Some("cycles"));
        let a_day = Duration::from_secs(24 * 60 * 60).as_secs() / INTERVAL.as_secs();
        assert_within("a day", cost / intervals * u128::from(a_day), 700 * BILLION);
    });
}

#[test]
fn a_callee_that_answers_two_mebibytes_costs_two_billion_cycles_a_call() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        pair.set_mood(Mood::TwoMegabytes);
        let cost = pair.cost(|| assert_eq!(pair.report(Way::Parallel, 20).0.succeeded, 20));
        assert_within("a large reply to a ping", cost / 20, LARGE_REPLY_MAX);

        let requests = vec![request(pair.callee, "ping", nothing()); 20];
        let cost = pair.cost(|| assert_eq!(pair.fan_out(&requests).len(), 20));
        assert_within("a large reply to a raw call", cost / 20, LARGE_REPLY_MAX);

        let request = PortfolioRequest {
            user: controller(),
            token: pair.callee,
            lending: pair.callee,
            staking: pair.callee,
        };
        let cost = pair.cost(|| assert_eq!(pair.portfolio(request).0.answered, 0));
        // Two of the three methods are none of its own.
        assert_within("a large reply in a portfolio", cost, LARGE_REPLY_MAX);

        let cost = pair.cost(|| {
            assert_eq!(pair.finished(pair.start_job(calls(20))).succeeded, 20);
        });
        assert_within("a large reply to a job's call", cost / 20, LARGE_REPLY_MAX);
    });
}

#[test]
fn windowed_calls_to_a_callee_with_full_queues_are_tried_five_times() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        let silent = pair.occupy_all_slots();
        pair.wait(Duration::from_secs(305), 3);
        assert!(pair.report_of(&silent).is_some(), "the caller has given up, the callee owes");

        let cost = pair.cost(|| {
            let message = pair.submit_run(Way::Windowed(None), 500);
            // The pauses between five attempts take 15 seconds, with about three rounds a second, as on the mainnet.
            let report = (0..60).find_map(|_| {
                pair.wait(Duration::from_secs(1), 3);
                pair.report_of(&message)
            });
            let report = report.expect("all attempts have been made");
            assert_eq!(report.failures(), [("sys_transient", 500)].into());
        });
        // Beside the tries, there are the calls that take the time between them.
        assert_within("a windowed call, five times", cost / 500, 5 * 5_500_000);
        pair.mend();
    });
}
