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

/// Has a canister make calls with large requests, and count the reject codes they get from cell 10 on.
fn send_large(network: &ScriptedNetwork, count: u64, timeout: u64) {
    let codes = (0..7).fold(script(), |steps, code| {
        let is_it = script().reject_code().add(u64::wrapping_neg(code));
        steps.append_all(is_it).unless(script().count(10 + code))
    });
    let large = call(network.b).method("size").zeros(LARGE).timeout(timeout);
    let large = large.on_reply(script()).on_reject(codes);
    network.submit(network.a, script().repeat(count, script().call(large)));
}

#[test]
fn a_block_takes_four_mebibytes_from_other_subnets() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let executed = || {
            let spent = network.pic.cycle_balance(network.b);
            network.pic.tick();
            (spent - network.pic.cycle_balance(network.b)) / 5_000_000
        };
        send_large(&network, 7, 300);
        assert_eq!([(); 4].map(|()| executed()), [3, 3, 1, 0]);
    });
}

#[test]
fn what_a_full_stream_does_not_take_waits_and_expires() {
    on_every_server(|server| {
        let network = server.two_subnets();
        send_large(&network, 12, 1);
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
fn a_block_of_a_system_subnet_takes_a_hundred_messages_from_another_subnet() {
    on_every_server(|server| {
        let pic = server.network().with_system_subnet().with_application_subnet().build();
        let topology = pic.topology();
        let subnets = [topology.get_app_subnets()[0], topology.get_system_subnets()[0]];
        let [a, b] = subnets.map(|subnet| {
            let id = pic.create_canister_on_subnet(None, None, subnet);
            pic.install_canister(id, canister(), vec![], None);
            id
        });
        let network = ScriptedNetwork { pic, a, b };
        let count = call(b).running(script().count(9).reply("")).on_response(script());
        network.submit(a, script().repeat(250, script().call(count)));
        let counts = [(); 5].map(|()| {
            network.pic.tick();
            network.cell(b, 9)
        });
        // Which subnet comes first decides whether the first hundred arrive at once.
        assert!(counts[..3] == [100, 200, 250] || counts[1..4] == [100, 200, 250], "{counts:?}");
    });
}
