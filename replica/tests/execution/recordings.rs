//! What a recording says about calls: which were open, what was set aside, which failed and why, and when.

use crate::patterns::{parallel_calls, pong, sequential_calls};
use candid::Principal;
use embedded_replica::error::RejectCode;
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use embedded_replica::trace::{Call, Event, Outcome, Recording, Responder};
use embedded_replica::types::CanisterId;
use pocket_ic::CreateCanisterParams;
use std::sync::mpsc::Receiver;
use test_support::ScriptedNetwork;
use test_support::script::{Script, call, canister, script};
use test_support::servers::network_on;

/// The cycles that are set aside for a call of the method `run` with a short argument.
const SET_ASIDE_MIN: u128 = 42_000_000_000;

/// A network with a listener.
pub struct Recorded {
    _server: EmbeddedServer,
    pub network: ScriptedNetwork,
    events: Receiver<Event>,
}

impl Recorded {
    /// A canister on each of two subnets.
    pub fn on_two_subnets(profile: NetworkProfile) -> Self {
        let config = ServerConfig { profile, ..ServerConfig::default() };
        let server = EmbeddedServer::start(config).expect("a port is free");
        let network = ScriptedNetwork::on_two_subnets(network_on(&server));
        let events = server.listen(network.pic.instance_id()).expect("the instance exists");
        Self { _server: server, network, events }
    }

    /// What happens while a canister runs a script.
    pub fn run(&self, canister: Principal, script: Script) -> Recording {
        drop(self.take());
        let message = self.network.submit(canister, script);
        self.network.ticks(&message).1.expect("the canister replies");
        self.take()
    }

    fn take(&self) -> Recording {
        Recording::of(self.events.try_iter())
    }
}

/// Nanoseconds as seconds, without the microseconds that executions take.
fn seconds(nanos: u64) -> f64 {
    (nanos as f64 / 1e9 * 100.0).round() / 100.0
}

#[test]
fn a_recording_tells_which_calls_were_open_in_a_round() {
    let recorded = Recorded::on_two_subnets(NetworkProfile::POCKET_IC);
    let (a, b) = (recorded.network.a, recorded.network.b);
    let parallel = recorded.run(a, parallel_calls(pong(b), 90));
    assert_eq!(parallel.open_in_round(1).count(), 90);
    assert_eq!(parallel.open_after_round(1).count(), 90);
    assert_eq!(parallel.open_after_round(2).count(), 0);
    assert_eq!((parallel.most_open(), parallel.rejected().count()), (90, 0));
    let set_aside = parallel.most_set_aside();
    assert!(set_aside > 90 * SET_ASIDE_MIN, "{set_aside}");
    let summary = parallel.summary().to_string();
    assert!(summary.starts_with("90 calls: 90 replied; at most 90 open, 3,7"), "{summary}");
    assert!(summary.ends_with(" cycles set aside; 2 rounds"), "{summary}");

    let sequential = recorded.run(a, sequential_calls(b, 3));
    // In rounds 2 and 3, one call ends and another begins.
    assert_eq!([1, 2, 3, 4].map(|round| sequential.open_in_round(round).count()), [1, 2, 2, 1]);
    assert_eq!([1, 2, 3, 4].map(|round| sequential.open_after_round(round).count()), [1, 1, 1, 0]);
    assert_eq!((sequential.most_open(), sequential.calls().len()), (1, 3));
}

#[test]
fn a_recording_counts_the_calls_that_the_system_refused_and_says_why() {
    let recorded = Recorded::on_two_subnets(NetworkProfile::POCKET_IC);
    let (a, b) = (recorded.network.a, recorded.network.b);
    let summary = recorded.run(a, parallel_calls(pong(b), 510)).summary();
    assert_eq!((summary.calls, summary.replied, summary.most_open), (510, 500, 500));
    assert_eq!(summary.failures, [("queue_full".to_owned(), 10)].into());
    // 1 T cycles are enough for 22 calls and the message that makes them.
    let left = 1_000_000_000_000;
    let params = CreateCanisterParams { cycles: Some(left), ..CreateCanisterParams::default() };
    let pic = &recorded.network.pic;
    let poor = pic.create_canister_with_params(None, params).expect("it is created");
    pic.install_canister(poor, canister(), vec![], None);
    let summary = recorded.run(poor, parallel_calls(pong(b), 40)).summary();
    assert_eq!(summary.failures, [("cycles".to_owned(), 40 - summary.replied)].into());
    assert!(summary.replied > 10 && summary.replied < 24, "{summary}");
    assert!(summary.most_set_aside < left, "{summary}");
}

#[test]
fn a_recording_says_why_each_call_failed() {
    let recorded = Recorded::on_two_subnets(NetworkProfile::POCKET_IC);
    let (a, b) = (recorded.network.a, recorded.network.b);
    let nowhere = CanisterId::new(Principal::from_slice(&[0, 0, 0, 0, 0, 0, 0, 77, 1, 1]));
    let cases: [(_, Outcome, &str); 4] = [
        (
            call(b).running(script().trap("no")),
            rejected(RejectCode::CanisterError, Responder::Callee),
            "CanisterError (CanisterCalledTrap)",
        ),
        (
            call(b).running(script().reject("no")),
            rejected(RejectCode::CanisterReject, Responder::Callee),
            "CanisterReject",
        ),
        (
            call(b).method("absent"),
            rejected(RejectCode::CanisterError, Responder::Callee),
            "CanisterError (CanisterMethodNotFound)",
        ),
        (
            call(nowhere.principal()),
            rejected(RejectCode::DestinationInvalid, Responder::Routing),
            "DestinationInvalid (not delivered)",
        ),
    ];
    for (one, outcome, reason) in cases {
        let recording = recorded.run(a, script().call(one));
        let [failed] = recording.calls() else { panic!("{:?}", recording.calls()) };
        assert_eq!(failed.outcome, outcome);
        assert_eq!(failed.failure().as_deref(), Some(reason));
        assert!(failed.unspent > 0 && failed.unspent < failed.set_aside);
    }
    let fine = recorded.run(a, script().call(pong(b)));
    assert_eq!(fine.calls().iter().map(Call::failure).collect::<Vec<_>>(), [None]);
}

fn rejected(code: RejectCode, by: Responder) -> Outcome {
    Outcome::Rejected { code, by }
}

#[test]
fn a_call_without_a_response_is_open_at_the_end_of_a_recording() {
    let recorded = Recorded::on_two_subnets(NetworkProfile::MAINNET);
    let (a, b) = (recorded.network.a, recorded.network.b);
    drop(recorded.take());
    recorded.network.submit(a, script().call(pong(b)));
    recorded.network.pic.tick();
    let begun = recorded.take();
    assert_eq!(begun.calls().iter().map(|call| call.outcome).collect::<Vec<_>>(), [Outcome::Open]);
    assert!(begun.summary().to_string().contains("1 without a response"), "{}", begun.summary());
    // Of a call that was made earlier, only its messages are in the next recording.
    (0..10).for_each(|_| recorded.network.pic.tick());
    let rest = recorded.take();
    assert_eq!((rest.calls().len(), rest.executions().len()), (0, 2));
}

#[test]
fn model_time_is_that_of_the_mainnet_with_every_profile() {
    for profile in [NetworkProfile::POCKET_IC, NetworkProfile::MAINNET] {
        let recorded = Recorded::on_two_subnets(profile);
        let (a, b) = (recorded.network.a, recorded.network.b);
        for (caller, callee) in [(a, b), (b, a)] {
            let recording = recorded.run(caller, sequential_calls(callee, 3));
            let times = recording.calls().iter().map(|call| {
                let times = [Some(call.sent), call.executed, call.responded, call.ended];
                times.map(|at| seconds(at.expect("the call is complete").nanos))
            });
            // A hop takes a second.
            let expected = [[0.0, 1.0, 1.0, 2.0], [2.0, 3.0, 3.0, 4.0], [4.0, 5.0, 5.0, 6.0]];
            assert_eq!(times.collect::<Vec<_>>(), expected, "{profile:?} {caller}");
            let mut before = 0;
            for execution in recording.executions() {
                assert!(execution.start.nanos >= before && execution.end > execution.start);
                before = execution.start.nanos;
            }
        }
    }
}

#[test]
fn nobody_can_listen_to_an_instance_that_does_not_exist() {
    let server = EmbeddedServer::start(ServerConfig::default()).expect("a port is free");
    let error = server.listen(7).expect_err("there is no instance");
    assert!(error.to_string().contains("there is no instance 7"), "{error}");
}

#[tokio::test]
async fn asynchronous_tests_can_listen_too() {
    let server = EmbeddedServer::start(ServerConfig::default()).expect("a port is free");
    let url = server.url().parse().expect("a URL");
    let pic = pocket_ic::PocketIcBuilder::new().with_server_url(url).with_application_subnet();
    let pic = pic.build_async().await;
    let events = server.listen(pic.instance_id).expect("the instance exists");
    pic.tick().await;
    let recording = Recording::of(events.try_iter());
    assert_eq!(recording.summary().to_string(), "no calls; 1 round");
    pic.drop().await;
}
