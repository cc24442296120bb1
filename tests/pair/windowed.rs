//! Windowed calls: a limited number of calls is open at a time, so that all succeed.

use std::collections::BTreeMap;

use candid::encode_args;
use pocket_ic::common::rest::RawMessageId;
use test_support::on_every_server;

use crate::answers::{Report, Way};
use crate::pair::{
    Outcome, PLANNED_CALLS_MAX, Pair, Parallel, Windowed, assert_refusal, controller, decode,
};

impl Pair {
    /// Makes `n` calls; how it went, and in how many rounds.
    pub fn report(&self, way: Way, n: u64) -> (Report, u64) {
        let (reply, rounds) = self.wait_for(&self.submit_run(way, n));
        let reply = reply.expect("the caller counts failures and does not fail");
        (decode(&reply), rounds)
    }

    /// Asks for `n` calls; the next round is when they are made.
    pub fn submit_run(&self, way: Way, n: u64) -> RawMessageId {
        let argument = encode_args((way, n)).expect("the value has a Candid type");
        self.pic
            .submit_call(self.caller, controller(), "run", argument)
            .expect("the caller takes messages")
    }

    /// How it went, once it is over.
    pub fn report_of(&self, message: &RawMessageId) -> Option<Report> {
        let answer = self.pic.ingress_status(message.clone())?;
        Some(decode(&answer.expect("the caller counts failures and does not fail")))
    }
}

#[test]
fn windowed_calls_all_succeed_where_parallel_ones_find_no_slot() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            let (parallel, _) = pair.report(Way::Parallel, 2_000);
            assert_eq!((parallel.attempted, parallel.succeeded), (2_000, 500));
            assert_eq!(parallel.failures(), BTreeMap::from([("queue_full", 1_500)]));

            let (windowed, _) = pair.report(Way::Windowed(None), 2_000);
            assert_eq!((windowed.attempted, windowed.succeeded), (2_000, 2_000));
            assert_eq!(windowed.failures(), BTreeMap::new());
            assert_eq!(u64::from(windowed.max_in_flight), PLANNED_CALLS_MAX);
            assert_eq!(pair.successes(Windowed, 2_000), 2_000);
        }
    });
}

#[test]
fn a_hundred_thousand_windowed_calls_all_succeed() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let (report, _) = pair.report(Way::Windowed(None), 100_000);
        let open = u64::from(report.max_in_flight);
        assert_eq!((report.succeeded, open), (100_000, PLANNED_CALLS_MAX));
    });
}

#[test]
fn across_subnets_a_window_takes_a_round_trip() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        for (n, window) in [(1, 1), (10, 10), (100, 7), (500, 100), (2_000, 300)] {
            let (report, rounds) = pair.report(Way::Windowed(Some(window)), n);
            assert_eq!((report.succeeded, report.max_in_flight), (n, window.min(n as u32)));
            assert_eq!(rounds, 1 + n.div_ceil(u64::from(window)), "{n} calls, {window} at a time");
        }
    });
}

#[test]
fn a_window_wider_than_the_slots_fills_them_and_loses_nothing() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        for window in [501, 100_000, u32::MAX] {
            let (report, _) = pair.report(Way::Windowed(Some(window)), 1_200);
            assert_eq!((report.succeeded, report.max_in_flight), (1_200, 500));
        }
        let (report, _) = pair.report(Way::Windowed(Some(0)), 3);
        assert_eq!((report.succeeded, report.max_in_flight), (3, 1));
    });
}

#[test]
fn with_few_cycles_the_planned_window_is_narrower_and_no_send_fails() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready_with_cycles(server, subnets, 2_000_000_000_000);
            let (parallel, _) = pair.report(Way::Parallel, 2_000);
            assert_eq!(parallel.succeeded, 46);
            assert_eq!(parallel.failures(), BTreeMap::from([("cycles", 1_954)]));

            let before = pair.cycles();
            let (windowed, _) = pair.report(Way::Windowed(None), 2_000);
            assert_eq!(windowed.succeeded, 2_000);
            // Nine tenths.
            assert_eq!((windowed.max_in_flight, windowed.refused), (41, 0));
            // The given window is too wide, which only costs the attempts that show it.
            let between = pair.cycles();
            let (given, _) = pair.report(Way::Windowed(Some(500)), 2_000);
            assert_eq!(given.succeeded, 2_000);
            assert!(given.refused > 0);
            let after = pair.cycles();
            assert!(before[0] - between[0] < between[0] - after[0]);
        }
    });
}

#[test]
fn on_34_nodes_the_planned_window_is_as_wide_as_their_prices_allow_and_no_send_fails() {
    on_every_server(|server| {
        let pair = Pair::ready_on_34_nodes(server, 2_000_000_000_000);
        let (parallel, _) = pair.report(Way::Parallel, 2_000);
        // An open call and a message hold back 34/13 of what they do elsewhere: 110 and 105 billion.
        assert_eq!(parallel.succeeded, 17);
        assert_eq!(parallel.failures(), BTreeMap::from([("cycles", 1_983)]));

        let (windowed, _) = pair.report(Way::Windowed(None), 2_000);
        assert_eq!((windowed.succeeded, windowed.refused), (2_000, 0));
        // Nine tenths of what would fit. 2,000 calls spend about a third of what one call sets aside.
        assert_eq!(windowed.max_in_flight, 15);
    });
}

#[test]
fn without_cycles_for_a_single_call_the_refusal_names_them() {
    on_every_server(|server| {
        // What installing, one message and one call set aside lies between these.
        let pair = Pair::ready_with_cycles(server, 1, 400_000_000_000);
        pair.leave_cycles(70_000_000_000);
        assert_refusal(&pair.refusal(Windowed, 10), &["no call can be made", "cycles"]);
    });
}

#[test]
fn time_is_that_of_the_network() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let (report, _) = pair.report(Way::Sequential, 3);
        assert!(report.elapsed_ns < 1_000_000, "rounds of PocketIC take a nanosecond");
        assert!(report.instructions > 3 * 10_000);
        assert_eq!(pair.run(Windowed, 0), Ok(Outcome { succeeded: 0, rounds: 1 }));
    });
}

#[test]
fn two_windows_at_once_share_the_slots_and_both_finish() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let messages = [900, 700].map(|n| pair.submit_run(Way::Windowed(None), n));
        for (n, message) in [900, 700].into_iter().zip(&messages) {
            let (answer, _) = pair.wait_for(message);
            assert!(answer.is_ok(), "{answer:?}");
            let report = pair.report_of(message).expect("the canister replies");
            assert_eq!((report.succeeded, report.failures()), (n, BTreeMap::new()));
        }
        assert_eq!(pair.successes(Parallel, 500), 500, "all slots are free");
    });
}

#[test]
fn a_call_costs_as_many_instructions_among_ten_thousand_as_among_a_hundred() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let per_call = |n| pair.report(Way::Windowed(None), n).0.instructions / n;
        let [few, many] = [100, 10_000].map(per_call);
        assert!(many <= few + few / 10, "{few} {many}");
        // The documentation of the library says so.
        assert!((20_000..40_000).contains(&many), "{many}");
    });
}
