//! Pauses between attempts: they are over when the clock of the network says so, however fast its rounds are.

use std::thread::sleep;
use std::time::Duration;

use candid::{Principal, encode_args};
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use pocket_ic::common::rest::RawMessageId;
use pocket_ic::{PocketIc, PocketIcBuilder};
use test_support::{on_every_server, servers};

use crate::pair::{Pair, controller, decode, encode};

const SECOND: Duration = Duration::from_secs(1);

/// A server whose networks have the rounds of the mainnet.
pub fn server_with_mainnet_rounds() -> EmbeddedServer {
    let config = ServerConfig { profile: NetworkProfile::MAINNET, ..ServerConfig::default() };
    EmbeddedServer::start(config).expect("a port is free")
}

impl Pair {
    fn submit_pause(&self, patient: Principal, seconds: u64) -> RawMessageId {
        self.pic
            .submit_call(patient, controller(), "pause", encode(seconds))
            .expect("the canister accepts messages")
    }

    /// How long a pause took, or why it failed, once it is over.
    fn pause_of(&self, message: &RawMessageId) -> Option<Result<Duration, String>> {
        let reply = self.pic.ingress_status(message.clone())?;
        let paused: Result<u64, String> = decode(&reply.expect("the canister replies"));
        Some(paused.map(Duration::from_nanos))
    }

    fn submit_repeated(&self, patient: Principal, n: u64, attempts: u32) -> RawMessageId {
        let argument = encode_args((self.callee, n, attempts)).expect("the values have types");
        self.pic
            .submit_call(patient, controller(), "repeated_calls", argument)
            .expect("the canister accepts messages")
    }
}

#[test]
fn a_pause_is_over_when_the_clock_has_moved_as_far_as_it_says() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let patient = pair.patient_caller();
        let message = pair.submit_pause(patient, 10);
        pair.wait(Duration::ZERO, 20);
        for _ in 0..9 {
            pair.wait(SECOND, 20);
            assert_eq!(pair.pause_of(&message), None);
        }
        pair.wait(SECOND, 20);
        let paused = pair.pause_of(&message).expect("ten seconds are over");
        assert!(paused.expect("the clock runs") >= 10 * SECOND);
    });
}

#[test]
fn on_a_clock_that_stands_still_a_pause_fails_and_no_attempt_is_spent() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let patient = pair.patient_caller();
        let (reply, _) = pair.wait_for(&pair.submit_pause(patient, 1));
        let paused: Result<u64, String> = decode(&reply.expect("the canister replies"));
        assert!(paused.expect_err("time stands still").contains("advance the time"));

        pair.moody_callee();
        pair.pic.stop_canister(pair.callee, Some(controller())).expect("it stops");
        let message = pair.submit_repeated(patient, 3, 5);
        pair.wait(Duration::ZERO, 100);
        pair.pic.start_canister(pair.callee, Some(controller())).expect("it starts");
        assert_eq!(pair.calls_that_arrived(), 0);
        pair.wait(SECOND, 5);
        let reply = pair.pic.ingress_status(message).expect("the second attempt succeeds");
        assert_eq!(decode::<u64>(&reply.expect("the canister replies")), 3);
    });
}

#[test]
fn calls_that_wait_on_a_clock_that_stands_still_end_for_that_reason_after_one_attempt() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let patient = pair.patient_caller();
        pair.moody_callee();
        let argument = encode_args((pair.callee, 3_u64, 5_u32)).expect("the values have types");
        let message = pair
            .pic
            .submit_call(patient, controller(), "unavailable_calls", argument)
            .expect("the canister accepts messages");
        let (reply, _) = pair.wait_for(&message);
        let failures: Vec<(String, u64)> = decode(&reply.expect("the canister replies"));
        assert_eq!(failures, [("clock_stopped".to_owned(), 3)]);
        assert_eq!(pair.calls_that_arrived(), 3);
    });
}

#[test]
fn at_most_450_messages_pause_at_the_same_time_and_leave_slots_to_other_calls() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let patient = pair.patient_caller();
        let messages: Vec<RawMessageId> = (0..460).map(|_| pair.submit_pause(patient, 2)).collect();
        pair.wait(Duration::ZERO, 5);
        let failed = messages.iter().filter_map(|message| pair.pause_of(message));
        let reasons: Vec<String> = failed.map(|paused| paused.expect_err("no time")).collect();
        assert_eq!(reasons, vec!["not sent: no slot is free"; 10]);
        let random = pair.pic.submit_call(patient, controller(), "random", encode(()));
        let (reply, _) = pair.wait_for(&random.expect("the canister accepts messages"));
        assert!(decode::<bool>(&reply.expect("the canister replies")));
        (0..2).for_each(|_| pair.wait(SECOND, 10));
        let paused = messages.iter().filter_map(|message| pair.pause_of(message)?.ok());
        assert_eq!(paused.filter(|paused| *paused >= 2 * SECOND).count(), 450);
    });
}

#[test]
fn a_callee_that_is_stopped_for_three_seconds_is_called_again_after_them_on_a_fast_network() {
    let server = servers::embedded_server();
    let pair = Pair::on(servers::network_on(&server));
    let patient = pair.patient_caller();
    pair.pic.stop_canister(pair.callee, Some(controller())).expect("it stops");
    // From now on, rounds follow one another as fast as this machine executes them.
    let mut pic: PocketIc = pair.pic;
    pic.make_live(None);
    let argument = encode_args((pair.callee, 3_u64, 5_u32)).expect("the values have types");
    let message = pic
        .submit_call(patient, controller(), "repeated_calls", argument)
        .expect("the canister accepts messages");
    sleep(3 * SECOND);
    pic.start_canister(pair.callee, Some(controller())).expect("it starts");
    // The attempts are made after 0, 1, 3, 7 and 15 seconds.
    let reply = (0..300).find_map(|_| {
        sleep(SECOND / 10);
        pic.ingress_status(message.clone())
    });
    let reply = reply.expect("the message ends").expect("the canister replies");
    assert_eq!(decode::<u64>(&reply), 3);
}

#[test]
fn a_pause_takes_its_time_on_a_network_with_the_rounds_of_the_mainnet() {
    let server = server_with_mainnet_rounds();
    let pair = Pair::on(servers::network_on(&server));
    let patient = pair.patient_caller();
    let message = pair.submit_pause(patient, 10);
    let (reply, rounds) = pair.wait_for(&message);
    let paused: Result<u64, String> = decode(&reply.expect("the canister replies"));
    let paused = Duration::from_nanos(paused.expect("the clock runs"));
    assert!((10 * SECOND..13 * SECOND).contains(&paused), "{paused:?}");
    assert!((20..28).contains(&rounds), "{rounds}");
}

impl Pair {
    fn on(network: PocketIcBuilder) -> Self {
        Self::ready_on(network.with_application_subnet().build())
    }
}
