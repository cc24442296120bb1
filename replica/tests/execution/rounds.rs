//! The order and the time of events: ticks, the order within a tick, the time that canisters see.

use crate::patterns::{parallel_calls, parallel_report, pong, sequential_calls};
use candid::{Encode, Principal};
use ic_management_canister_types::CanisterIdRecord;
use pocket_ic::{IngressStatusResult, PocketIcBuilder, Time};
use std::time::Duration;
use test_support::script::{Script, call, number, script};
use test_support::{ScriptedNetwork, in_block_order, on_every_server, panic_message};

/// Nanoseconds since the epoch at which networks begin: 2021-05-06 19:17:10 UTC.
const GENESIS: u64 = 1_620_328_630_000_000_000;

fn ticks_of(network: &ScriptedNetwork, canister: Principal, script: Script) -> (usize, Vec<u8>) {
    let message = network.submit(canister, script);
    let (ticks, answer) = network.ticks(&message);
    (ticks, answer.expect("the canister replies"))
}

#[test]
fn a_call_tree_within_a_subnet_completes_in_one_tick() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let leaf = script().reply("leaf");
        let inner = script().call(call(network.a).running(leaf));
        let outer = script().call(call(network.b).running(inner));
        let root = script().call(call(network.a).running(outer));
        assert_eq!(ticks_of(&network, network.a, root), (1, b"leaf".to_vec()));
    });
}

#[test]
fn n_sequential_calls_to_another_subnet_take_n_plus_one_ticks_in_either_direction() {
    on_every_server(|server| {
        let network = server.two_subnets();
        for (caller, callee) in [(network.a, network.b), (network.b, network.a)] {
            for count in [1, 2, 10, 90] {
                let (ticks, reply) = ticks_of(&network, caller, sequential_calls(callee, count));
                assert_eq!((ticks as u64, number(&reply)), (count + 1, count));
            }
        }
    });
}

#[test]
fn parallel_calls_to_another_subnet_take_two_ticks() {
    on_every_server(|server| {
        let network = server.two_subnets();
        for (caller, callee) in [(network.a, network.b), (network.b, network.a)] {
            let (ticks, reply) = ticks_of(&network, caller, parallel_calls(pong(callee), 90));
            assert_eq!((ticks, parallel_report(&reply)), (2, [90, 90, 0]));
        }
    });
}

#[test]
fn a_request_to_a_later_subnet_executes_in_the_same_tick_and_to_an_earlier_one_in_the_next() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let mark = |callee| script().call(call(callee).running(script().put(9, 1).reply("")));
        network.submit(network.a, mark(network.b));
        network.pic.tick();
        assert_eq!(network.cell(network.b, 9), 1);
        network.submit(network.b, mark(network.a));
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 0);
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 1);
    });
}

#[test]
fn a_management_call_adds_two_ticks() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let argument = Encode!(&CanisterIdRecord { canister_id: network.a }).unwrap();
        let status = call(Principal::management_canister())
            .method("canister_status")
            .argument(argument)
            .on_reply(script().reply("known"));
        let (ticks, reply) = ticks_of(&network, network.a, script().call(status));
        assert_eq!((ticks, reply), (3, b"known".to_vec()));
    });
}

#[test]
fn two_thousand_sequential_calls_within_a_subnet_take_21_ticks() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (ticks, reply) = ticks_of(&network, network.a, sequential_calls(network.b, 2_000));
        assert_eq!((ticks, number(&reply)), (21, 2_000));
    });
}

#[test]
fn five_hundred_parallel_calls_within_a_subnet_spill_into_a_second_tick() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (ticks, reply) = ticks_of(&network, network.a, parallel_calls(pong(network.b), 500));
        assert_eq!((ticks, parallel_report(&reply)), (2, [500, 500, 0]));
    });
}

#[test]
fn a_message_starts_while_the_round_has_budget_left_and_may_overdraw_it() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // 1.2 billion instructions of a budget of 2 billion each.
        let long = || script().spin(150_000_000).reply("done");
        let messages = (0..3).map(|_| network.submit(network.a, long())).collect();
        let messages = in_block_order(messages);
        network.pic.tick();
        let done: Vec<bool> = messages.iter().map(|id| network.response(id).is_some()).collect();
        assert_eq!(done, [true, true, false]);
        network.pic.tick();
        assert!(network.response(&messages[2]).is_some());
    });
}

#[test]
fn messages_of_the_same_instant_execute_in_the_order_of_their_ids_and_later_ones_after_them() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let submit = || {
            let count = |_| network.submit(network.a, script().count(0).reply_number());
            in_block_order((0..8).map(count).collect())
        };
        let mut messages = submit();
        network.pic.advance_time(Duration::from_nanos(1));
        messages.extend(submit());
        assert!(messages.iter().all(|id| network.response(id).is_none()));
        network.pic.tick();
        let replies = messages.iter().map(|id| number(&network.response(id).unwrap().unwrap()));
        assert_eq!(replies.collect::<Vec<_>>(), (1..=16).collect::<Vec<_>>());
    });
}

#[test]
fn a_message_has_no_answer_while_it_waits_for_calls() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let message =
            network.submit(network.a, script().call(call(network.b).running(script().reply("b"))));
        for _ in 0..2 {
            assert_eq!(network.response(&message), None);
            network.pic.tick();
        }
        assert_eq!(network.response(&message), Some(Ok(b"b".to_vec())));
    });
}

#[test]
fn awaiting_gives_up_after_100_ticks_and_the_message_goes_on() {
    on_every_server(|server| {
        let network = server.two_subnets();
        // The answer has to be there before the 100th tick.
        let message = network.submit(network.a, sequential_calls(network.b, 98));
        assert_eq!(number(&network.pic.await_call(message).unwrap()), 98);
        let message = network.submit(network.a, sequential_calls(network.b, 99));
        let awaited = message.clone();
        let failure = panic_message(|| network.pic.await_call(awaited));
        assert!(failure.contains("100 rounds"), "{failure}");
        let (_, answer) = network.ticks(&message);
        assert_eq!(number(&answer.unwrap()), 99);
    });
}

#[test]
fn a_network_begins_one_nanosecond_per_subnet_after_genesis_or_the_time_it_is_given() {
    on_every_server(|server| {
        let one_subnet = || server.network().with_application_subnet();
        let time =
            |network: PocketIcBuilder| network.build().get_time().as_nanos_since_unix_epoch();
        assert_eq!(time(one_subnet()), GENESIS + 1);
        assert_eq!(time(one_subnet().with_application_subnet().with_system_subnet()), GENESIS + 3);
        let later = GENESIS + 86_400_000_000_000;
        let given = one_subnet().with_initial_time(Time::from_nanos_since_unix_epoch(later));
        assert_eq!(time(given), later + 1);
    });
}

#[test]
fn a_round_moves_time_by_one_nanosecond_unless_it_was_set() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let now = || network.pic.get_time().as_nanos_since_unix_epoch();
        let seen = || number(&network.run(network.a, script().time().reply_number()).unwrap());
        // Any pending change of time is used up.
        network.pic.tick();
        let before = now();
        assert_eq!(seen(), before + 1);
        assert_eq!(now(), before + 1);
        network.pic.tick();
        assert_eq!(now(), before + 2);
        network.pic.advance_time(Duration::from_secs(7));
        assert_eq!(now(), before + 2 + 7_000_000_000);
        assert_eq!(seen(), before + 2 + 7_000_000_000);
        assert_eq!(seen(), before + 2 + 7_000_000_001);
    });
}

#[test]
fn time_cannot_be_set_back() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let now = network.pic.get_time();
        let earlier = now + Duration::ZERO;
        network.pic.advance_time(Duration::from_secs(1));
        server.assert_refuses("time cannot go back", || network.pic.set_time(earlier));
        assert_eq!(network.pic.get_time(), now + Duration::from_secs(1));
    });
}

#[test]
fn only_the_sender_of_a_message_can_ask_for_its_status() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let message = network.submit(network.a, script().reply("mine"));
        network.pic.tick();
        let status = |caller| network.pic.ingress_status_as(message.clone(), caller);
        let stranger = Principal::self_authenticating([1; 32]);
        let words = "The user tries to access Request ID not signed by the caller.";
        assert!(matches!(status(stranger), IngressStatusResult::Forbidden(text) if text == words));
        let own = status(Principal::anonymous());
        assert!(matches!(own, IngressStatusResult::Success(Ok(reply)) if reply == b"mine"));
    });
}

#[test]
fn an_answer_is_kept_for_five_minutes_however_late_it_was_given() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let advance = |seconds| {
            network.pic.advance_time(Duration::from_secs(seconds));
            network.pic.tick();
        };
        let script = script().call(call(network.b).running(script().reply("late")));
        let message = network.submit(network.a, script);
        network.pic.tick();
        advance(3_600);
        advance(299);
        assert_eq!(network.response(&message), Some(Ok(b"late".to_vec())));
        advance(2);
        assert_eq!(network.response(&message), None);
    });
}
