//! Network profiles, which only the embedded server has. A profile changes when messages arrive, and nothing else.

use crate::patterns::{parallel_calls, pong, sequential_calls};
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use std::time::{Duration, Instant};
use test_support::ScriptedNetwork;
use test_support::patience::in_one_of_ten;
use test_support::script::{Script, call, number, script};
use test_support::servers::network_on;

fn network(profile: NetworkProfile) -> (EmbeddedServer, ScriptedNetwork) {
    let config = ServerConfig { profile, ..ServerConfig::default() };
    let server = EmbeddedServer::start(config).expect("a port is free");
    let network = ScriptedNetwork::on_two_subnets(network_on(&server));
    (server, network)
}

/// Rounds and milliseconds until a script has its response.
fn rounds(network: &ScriptedNetwork, caller: candid::Principal, script: Script) -> (usize, u64) {
    let now = || network.pic.get_time().as_nanos_since_unix_epoch();
    let before = now();
    let message = network.submit(caller, script);
    let (ticks, answer) = network.ticks(&message);
    answer.expect("the canister replies");
    (ticks, (now() - before) / 1_000_000)
}

#[test]
fn under_mainnet_a_round_trip_between_subnets_takes_four_rounds_of_half_a_second() {
    let (_server, network) = network(NetworkProfile::MAINNET);
    for (caller, callee) in [(network.a, network.b), (network.b, network.a)] {
        // One round to take the message in, four for each round trip.
        for count in [1, 2, 5] {
            let expected = (1 + 4 * count as usize, 500 + 2_000 * count);
            assert_eq!(rounds(&network, caller, sequential_calls(callee, count)), expected);
        }
        assert_eq!(rounds(&network, caller, parallel_calls(pong(callee), 90)), (5, 2_500));
    }
}

#[test]
fn under_mainnet_calls_within_a_subnet_still_take_one_round() {
    let (_server, network) = network(NetworkProfile::MAINNET);
    assert_eq!(rounds(&network, network.a, sequential_calls(network.a, 50)), (1, 500));
}

#[test]
fn a_custom_profile_has_the_round_length_and_hops_it_says() {
    let (_server, network) = network(NetworkProfile::custom(1_000, 3));
    assert_eq!(rounds(&network, network.a, sequential_calls(network.b, 2)), (13, 13_000));
    let (_server, network) = self::network(NetworkProfile::custom(0, 1));
    assert_eq!(rounds(&network, network.b, sequential_calls(network.a, 2)), (5, 0));
}

#[test]
fn a_profile_changes_neither_results_nor_cycles() {
    let run = |profile| {
        let (_server, network) = network(profile);
        let attached = call(network.b).cycles(1_000).running(script().accept(300).reply("b"));
        let spent = [
            sequential_calls(network.b, 20),
            parallel_calls(pong(network.b), 600),
            script().call(attached),
            script().call(call(network.b).running(script().trap("no"))),
        ]
        .map(|script| {
            network.spent(network.a, || {
                let message = network.submit(network.a, script);
                network.ticks(&message).1
            })
        });
        (spent, network.pic.cycle_balance(network.b))
    };
    assert_eq!(run(NetworkProfile::POCKET_IC), run(NetworkProfile::custom(1, 3)));
}

#[test]
fn deadlines_pass_in_the_profiles_own_time() {
    let (_server, network) = network(NetworkProfile::MAINNET);
    let call = |seconds: u64| {
        let one = pong(network.b).timeout(seconds).on_reject(script().reject_code().reply_number());
        network.run(network.a, script().call(one)).unwrap()
    };
    // A round trip takes two seconds.
    assert_eq!(call(4), b"pong");
    assert_eq!(number(&call(1)), 6);
}

#[test]
fn under_mainnet_a_network_that_progresses_by_itself_takes_the_real_time() {
    let (_server, network) = network(NetworkProfile::MAINNET);
    network.pic.auto_progress();
    in_one_of_ten(|| {
        let started = Instant::now();
        let message = network.submit(network.a, sequential_calls(network.b, 1));
        network.pic.await_call_no_ticks(message).unwrap();
        // One round to take the message in and four for the round trip. The client asks for the answer
        // once a second, and a busy machine takes its time.
        let taken = started.elapsed();
        assert!(taken >= Duration::from_millis(2_500), "{taken:?}");
        if taken < Duration::from_secs(10) { Ok(()) } else { Err(format!("{taken:?}")) }
    });
}

#[test]
fn without_latency_rounds_follow_one_another_at_once_while_messages_travel() {
    let (_server, network) = network(NetworkProfile::POCKET_IC);
    network.pic.auto_progress();
    in_one_of_ten(|| {
        let started = Instant::now();
        let message = network.submit(network.a, sequential_calls(network.b, 100));
        network.pic.await_call_no_ticks(message).unwrap();
        // A pause of a tenth of a second after each round would make ten seconds.
        let taken = started.elapsed();
        if taken < Duration::from_secs(5) { Ok(()) } else { Err(format!("{taken:?}")) }
    });
}
