//! The order of the canisters where a round cannot execute all messages.

use candid::Principal;
use pocket_ic::common::rest::RawMessageId;
use pocket_ic::{CanisterSettings, PocketIc};
use test_support::on_every_server;
use test_support::script::{Script, call, script};
use test_support::scripted::install;

/// 1.999 billion instructions for a call that is not made: as many as a round executes of one message,
/// and with what executing a message takes besides more than a round has.
fn a_rounds_work() -> Script {
    let bytes = |count| script().prepare(call(Principal::anonymous()).zeros(count));
    script().repeat(3, bytes(10_000_000)).append_all(bytes(9_980_000)).reply("")
}

/// So many canisters on one subnet, in the order of their ids.
fn canisters(pic: &PocketIc, count: usize) -> Vec<Principal> {
    (0..count).map(|_| install(pic)).collect()
}

#[test]
fn canisters_that_had_to_wait_come_first_in_the_next_round() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        let canisters = canisters(&pic, 8);
        let submit = |id: &Principal| {
            pic.submit_call(*id, Principal::anonymous(), "run", a_rounds_work().bytes()).unwrap()
        };
        // Two messages for each; four threads, on each of which one message is a round's work.
        let messages: Vec<_> = canisters.iter().map(|id| [submit(id), submit(id)]).collect();
        let done = || {
            pic.tick();
            let answered = |id: &RawMessageId| pic.ingress_status(id.clone()).is_some();
            let counts = messages.iter().map(|ids| ids.iter().filter(|id| answered(id)).count());
            counts.collect::<Vec<_>>()
        };
        assert_eq!(done(), [1, 1, 1, 1, 0, 0, 0, 0]);
        assert_eq!(done(), [1; 8]);
    });
}

#[test]
fn a_compute_allocation_of_100_percent_has_a_thread_of_its_own() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        let canisters = canisters(&pic, 9);
        let last = canisters[8];
        let settings =
            CanisterSettings { compute_allocation: Some(100u8.into()), ..Default::default() };
        // It must be able to pay for the freezing period.
        pic.add_cycles(last, 3_000_000_000_000_000);
        pic.update_canister_settings(last, None, settings).unwrap();
        let messages: Vec<_> = canisters
            .iter()
            .flat_map(|id| std::iter::repeat_n(*id, 6))
            .map(|id| {
                let work = a_rounds_work().bytes();
                (id, pic.submit_call(id, Principal::anonymous(), "run", work).unwrap())
            })
            .collect();
        for _ in 0..6 {
            pic.tick();
        }
        let answered = |id: Principal| {
            let of = messages.iter().filter(|(receiver, _)| *receiver == id);
            of.filter(|(_, message)| pic.ingress_status(message.clone()).is_some()).count()
        };
        // In the first round priorities are equal, and smaller ids come first.
        assert!(answered(last) >= 5);
        assert!(canisters[..8].iter().all(|id| answered(*id) <= 3));
    });
}
