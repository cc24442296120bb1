//! Stopping and upgrading the caller, with and without open calls.

use std::collections::BTreeMap;
use std::time::Duration;

use pocket_ic::RejectResponse;
use test_support::on_every_server;

use crate::answers::Way;
use crate::pair::{Pair, Parallel, Sequential, Strategy, caller_module, controller, nothing};

impl Pair {
    pub fn upgrade_caller(&self) {
        self.try_upgrade_caller().expect("the caller can be upgraded");
    }

    fn try_upgrade_caller(&self) -> Result<(), RejectResponse> {
        self.pic.upgrade_canister(self.caller, caller_module(), nothing(), Some(controller()))
    }

    pub fn stop_caller(&self) {
        self.pic.stop_canister(self.caller, Some(controller())).expect("the caller stops");
    }

    pub fn start_caller(&self) {
        self.pic.start_canister(self.caller, Some(controller())).expect("the caller starts");
    }
}

#[test]
fn the_caller_can_be_stopped_upgraded_and_started() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            for strategy in Strategy::ALL {
                pair.stop_caller();
                let reject = pair.run(strategy, 3).expect_err("it is stopped");
                assert!(reject.reject_message.contains("stopped"), "{reject:?}");
                pair.upgrade_caller();
                pair.start_caller();
                assert_eq!(pair.successes(strategy, 3), 3);
            }
        }
    });
}

#[test]
fn a_caller_that_is_stopped_while_calls_are_open_takes_their_responses_first() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let messages = [(Parallel, 90), (Sequential, 9)]
            .map(|(strategy, n)| pair.submit(strategy, n).expect("the caller takes messages"));
        pair.pic.tick();
        assert!(messages.iter().all(|message| pair.answer(message).is_none()), "calls are open");
        pair.stop_caller();
        assert_eq!(messages.map(|message| pair.answer(&message)), [Some(Ok(90)), Some(Ok(1))]);
        pair.upgrade_caller();
        pair.start_caller();
        assert_eq!(pair.successes(Parallel, 500), 500);
    });
}

#[test]
fn a_stop_during_windowed_calls_ends_no_open_call_and_sends_no_more() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        let message = pair.submit_run(Way::Windowed(Some(300)), 3_000);
        pair.wait(Duration::ZERO, 2);
        assert!(pair.report_of(&message).is_none(), "calls are open");
        pair.stop_caller();
        let report = pair.report_of(&message).expect("a caller that is stopped has answered");
        assert_eq!((report.attempted, report.max_in_flight), (3_000, 300));
        let unsent = 3_000 - report.succeeded;
        assert_eq!(report.failures(), BTreeMap::from([("stopping", unsent)]));
        assert_eq!(report.succeeded, pair.calls_that_arrived());
        assert!((300..3_000).contains(&report.succeeded), "{}", report.succeeded);

        pair.upgrade_caller();
        pair.start_caller();
        assert_eq!(pair.successes(Parallel, 500), 500);
    });
}

#[test]
fn an_upgrade_during_windowed_calls_is_refused_and_all_calls_succeed() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let message = pair.submit_run(Way::Windowed(Some(300)), 3_000);
        pair.wait(Duration::ZERO, 2);
        let refusal = pair.try_upgrade_caller().expect_err("calls are open");
        assert!(refusal.reject_message.contains("stop this canister"), "{refusal:?}");
        assert!(pair.report_of(&message).is_none(), "calls are still open");
        let (reply, _) = pair.wait_for(&message);
        assert!(reply.is_ok());
        let report = pair.report_of(&message).expect("the canister replies");
        assert_eq!((report.succeeded, report.failures()), (3_000, BTreeMap::new()));
        assert_eq!(pair.successes(Parallel, 500), 500);
    });
}
