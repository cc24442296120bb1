//! Streams between subnets: what fits into a stream, and the order of arrival.

use candid::Principal;
use pocket_ic::PocketIc;
use std::time::Duration;
use test_support::script::{call, canister, number, script};
use test_support::{ScriptedNetwork, Server, on_every_server};

/// A request of which three fit into a block and eight make a stream full.
const LARGE: u64 = 5 * 1024 * 1024 / 4;

/// Canisters on three subnets, in the order of their turns.
fn three_subnets(server: Server) -> (PocketIc, [Principal; 3]) {
    let network = server.network().with_application_subnet().with_application_subnet();
    let pic = network.with_application_subnet().build();
    let subnets = pic.topology().get_app_subnets();
    let canisters = [0, 1, 2].map(|number| {
        let id = pic.create_canister_on_subnet(None, None, subnets[number]);
        pic.install_canister(id, canister(), vec![], None);
        id
    });
    (pic, canisters)
}

#[test]
fn rejects_by_one_subnet_overtake_replies_from_another() {
    on_every_server(|server| {
        let (pic, [a, b, c]) = three_subnets(server);
        pic.stop_canister(c, None).unwrap();
        // Cell 9 tells who came first; the second one answers.
        let come = |who| {
            let first = script().put(9, who);
            script().load(9).when(script().append_acc().reply_appended()).load(9).unless(first)
        };
        let reply = call(b).running(script().reply("")).on_reply(come(1));
        let reject = call(c).on_reject(come(2));
        let calls = script().call(reply).call(reject);
        let answer = pic.update_call(a, Principal::anonymous(), "run", calls.bytes()).unwrap();
        assert_eq!(number(&answer), 2);
    });
}

/// Has a canister make calls with requests of this size, and count the reject codes they get from cell 10 on.
fn send_large(network: &ScriptedNetwork, bytes: u64, count: u64, timeout: u64) {
    let codes = (0..7).fold(script(), |steps, code| {
        let is_it = script().reject_code().add(u64::wrapping_neg(code));
        steps.append_all(is_it).unless(script().count(10 + code))
    });
    let large = call(network.b).method("size").zeros(bytes).timeout(timeout);
    let large = large.on_reply(script()).on_reject(codes);
    network.submit(network.a, script().repeat(count, script().call(large)));
}

#[test]
fn a_block_takes_95_percent_of_four_mebibytes_from_other_subnets() {
    on_every_server(|server| {
        for (bytes, count, expected) in [
            (2_000_000, 3, [1, 1, 1, 0]),
            (LARGE, 7, [3, 3, 1, 0]),
            (1_000_000, 7, [3, 3, 1, 0]),
            (990_000, 5, [4, 1, 0, 0]),
        ] {
            let network = server.two_subnets();
            let executed = || {
                let spent = network.pic.cycle_balance(network.b);
                network.pic.tick();
                (spent - network.pic.cycle_balance(network.b)) / 5_000_000
            };
            send_large(&network, bytes, count, 300);
            assert_eq!([(); 4].map(|()| executed()), expected, "{bytes}");
        }
    });
}

#[test]
fn what_a_full_stream_does_not_take_waits_and_expires() {
    on_every_server(|server| {
        let network = server.two_subnets();
        send_large(&network, LARGE, 12, 1);
        network.pic.tick();
        network.pic.advance_time(Duration::from_secs(2));
        network.pic.tick();
        network.pic.tick();
        // Nothing is known of what is in the stream; what is not was never sent.
        let counts = [2, 6].map(|code| network.cell(network.a, 10 + code));
        assert_eq!(counts, [4, 8]);
    });
}

#[test]
fn canisters_whose_messages_leave_a_subnet_in_the_same_round_take_turns_from_a_random_one_on() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let subnet = network.pic.get_subnet(network.a).unwrap();
        let callers = [(); 3].map(|()| {
            let id = network.pic.create_canister_on_subnet(None, None, subnet);
            network.pic.install_canister(id, canister(), vec![], None);
            id
        });
        let forwarded = || script().append_argument().reply_appended();
        let one = call(network.b).running(script().count(9).load(9).reply_number());
        let one = one.on_reply(forwarded());
        let mut orders = std::collections::BTreeSet::new();
        for round in 0..12 {
            let messages = callers.map(|id| network.submit(id, script().call(one.clone())));
            network.pic.tick();
            network.pic.tick();
            let places = messages
                .map(|message| number(&network.response(&message).unwrap().unwrap()) - 3 * round);
            orders.insert(places);
        }
        let rotations = [[1, 2, 3], [3, 1, 2], [2, 3, 1]];
        assert!(orders.iter().all(|order| rotations.contains(order)), "{orders:?}");
        assert!(orders.len() > 1, "{orders:?}");
    });
}

/// A canister on an application subnet, `a`, and a canister on a system subnet, `b`.
fn with_system_subnet(server: Server) -> ScriptedNetwork {
    let pic = server.network().with_system_subnet().with_application_subnet().build();
    let topology = pic.topology();
    let subnets = [topology.get_app_subnets()[0], topology.get_system_subnets()[0]];
    let [a, b] = subnets.map(|subnet| {
        let id = pic.create_canister_on_subnet(None, None, subnet);
        pic.install_canister(id, canister(), vec![], None);
        id
    });
    ScriptedNetwork { pic, a, b }
}

/// The counter in cell 9 of a canister after each of the next `ticks` ticks. The ticks before the first
/// count are left out: how many there are depends on which subnet comes first in a tick.
fn counts(network: &ScriptedNetwork, canister: Principal, ticks: usize) -> Vec<u64> {
    let count = || {
        network.pic.tick();
        network.cell(canister, 9)
    };
    let first = (0..3).map(|_| count()).find(|count| *count > 0).expect("messages arrive");
    let later: Vec<u64> = (1..ticks).map(|_| count()).collect();
    [vec![first], later].concat()
}

/// Has a canister call another one `count` times. The callee counts the calls in its cell 9.
fn count_calls(network: &ScriptedNetwork, from: Principal, to: Principal, count: u64) {
    let one = call(to).running(script().count(9).reply("")).on_response(script());
    network.submit(from, script().repeat(count, script().call(one)));
}

#[test]
fn a_system_subnet_takes_a_hundred_messages_from_another_subnet_in_every_second_round() {
    on_every_server(|server| {
        // The responses to a hundred calls fill the stream back until the caller's subnet has taken them.
        let network = with_system_subnet(server);
        count_calls(&network, network.a, network.b, 150);
        assert_eq!(counts(&network, network.b, 3), [100, 100, 150]);

        let network = with_system_subnet(server);
        count_calls(&network, network.a, network.b, 250);
        assert_eq!(counts(&network, network.b, 5), [100, 100, 200, 200, 250]);
    });
}

#[test]
fn a_system_subnet_takes_fewer_responses_while_its_calls_are_in_the_stream() {
    on_every_server(|server| {
        let network = with_system_subnet(server);
        let one = call(network.a).running(script().reply("")).on_response(script().count(9));
        network.submit(network.b, script().repeat(51, script().call(one)));
        assert_eq!(counts(&network, network.b, 2), [49, 51]);
    });
}
