//! Stopping and upgrading the caller, idle and amid calls.

use crate::pair::{Pair, Parallel, Sequential, Strategy, caller_module, controller, nothing};
use crate::servers::on_every_server;

impl Pair {
    pub fn upgrade_caller(&self) {
        self.pic
            .upgrade_canister(self.caller, caller_module(), nothing(), Some(controller()))
            .expect("the caller can be upgraded");
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
fn a_caller_that_is_stopped_amid_calls_takes_their_answers_first() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let messages = [(Parallel, 90), (Sequential, 9)]
            .map(|(strategy, n)| pair.submit(strategy, n).expect("the caller takes messages"));
        pair.pic.tick();
        assert!(messages.iter().all(|message| pair.answer(message).is_none()), "calls are open");
        pair.stop_caller();
        assert_eq!(messages.map(|message| pair.answer(&message)), [Some(Ok(90)), Some(Ok(9))]);
        pair.upgrade_caller();
        pair.start_caller();
        assert_eq!(pair.successes(Parallel, 500), 500);
    });
}
