//! The number of open calls, and when a queue slot is free again.

use crate::ic00::{decode, submit_management};
use crate::patterns::{open_gate, parallel_calls, parallel_report, pong, wait_for};
use candid::{Nat, Principal};
use test_support::script::{Call, call, numbers, script};
use test_support::scripted::install;
use test_support::status::CanisterStatus;
use test_support::{DEFAULT_CYCLES, ScriptedNetwork, in_block_order, on_every_server};

/// Calls one canister can have open to another.
const OPEN_CALLS_MAX: u64 = 500;

/// What a call that was not made returns.
const NOT_PERFORMED: u64 = 2;

fn report(network: &ScriptedNetwork, caller: Principal, one: Call, count: u64) -> [u64; 3] {
    let message = network.submit(caller, parallel_calls(one, count));
    parallel_report(&network.ticks(&message).1.expect("the canister replies"))
}

/// A call that stays open until the gate opens, and its caller's answer to nobody.
fn pending(callee: Principal, gate: Principal) -> Call {
    call(callee).running(wait_for(gate, script().reply("late")))
}

#[test]
fn the_501st_open_call_to_a_canister_returns_2() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            for one in [pong(network.b), pong(network.b).timeout(300)] {
                assert_eq!(report(&network, network.a, one.clone(), 500), [500, 500, 0]);
                assert_eq!(report(&network, network.a, one, 501), [500, 500, 0]);
            }
            let made = script()
                .repeat(OPEN_CALLS_MAX, script().call(pong(network.b)))
                .call(pong(network.b))
                .append_acc()
                .call(pong(network.b).timeout(10))
                .append_acc()
                .reply_appended();
            let reply = network.run(network.a, made).unwrap();
            assert_eq!(numbers(&reply), [NOT_PERFORMED, NOT_PERFORMED]);
        }
    });
}

#[test]
fn of_2000_parallel_calls_500_succeed() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            assert_eq!(report(&network, network.a, pong(network.b), 2_000), [500, 500, 0]);
        }
    });
}

#[test]
fn a_canister_can_have_500_open_calls_to_itself() {
    on_every_server(|server| {
        let network = server.one_subnet();
        assert_eq!(report(&network, network.a, pong(network.a), 501), [500, 500, 0]);
    });
}

#[test]
fn slots_are_free_again_once_the_callbacks_have_run() {
    on_every_server(|server| {
        let network = server.two_subnets();
        for _ in 0..3 {
            assert_eq!(report(&network, network.a, pong(network.b), 600), [500, 500, 0]);
        }
    });
}

#[test]
fn open_calls_count_across_messages_and_only_for_their_pair() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let other = install(&network.pic);
        // Two messages of 300 calls in one round: the second finds 200 slots.
        let made = |callee| {
            let one = script().call(call(callee).running(script())).unless(script().count(5));
            script().put(5, 0).repeat(300, one).load(5).reply_number()
        };
        // The callee comes first in a tick, so its answers are one tick away.
        let messages = [(); 2].map(|()| network.submit(network.b, made(network.a)));
        let other = network.submit(network.b, made(other));
        network.pic.tick();
        let made: Vec<u64> = in_block_order(messages.into())
            .iter()
            .chain([&other])
            .map(|message| numbers(&network.response(message).unwrap().unwrap())[0])
            .collect();
        assert_eq!(made, [300, 200, 300]);
    });
}

#[test]
fn the_opposite_direction_has_slots_of_its_own() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let full = script().repeat(500, script().call(pong(network.a))).reply("");
        network.submit(network.b, full);
        network.pic.tick();
        // 500 calls from b to a are open now.
        let message = network.submit(network.a, parallel_calls(pong(network.b), 500));
        assert_eq!(parallel_report(&network.ticks(&message).1.unwrap()), [500, 500, 0]);
    });
}

#[test]
fn a_call_that_is_not_answered_keeps_its_slot() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let subnet = network.pic.get_subnet(network.b).unwrap();
        let callee = network.pic.create_canister_on_subnet(None, None, subnet);
        network.pic.install_canister(callee, test_support::script::canister(), vec![], None);
        let message = network.submit(network.b, script().call(pending(callee, network.a)));
        for _ in 0..5 {
            network.pic.tick();
        }
        assert_eq!(network.response(&message), None);
        assert_eq!(report(&network, network.b, pong(callee), 500), [499, 499, 0]);
        network.run(network.a, open_gate()).unwrap();
        assert_eq!(network.ticks(&message).1, Ok(b"late".to_vec()));
        assert_eq!(report(&network, network.b, pong(callee), 500), [500, 500, 0]);
    });
}

#[test]
fn a_call_that_is_not_made_changes_nothing() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let failing = pong(network.b).cycles(1_000_000).on_response(script().put(9, 1));
        let script = script()
            .repeat(OPEN_CALLS_MAX, script().call(pong(network.b).on_response(script())))
            .balance()
            .append_acc()
            .call(failing)
            .append_acc()
            .balance()
            .append_acc()
            .reply_appended();
        let reply = numbers(&network.run(network.a, script).unwrap());
        // The attached cycles are back at once.
        assert_eq!(reply[1..], [NOT_PERFORMED, reply[0]]);
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 0);
    });
}

#[test]
fn calls_from_one_canister_to_another_keep_their_order() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let mut calls = script();
            for cell in 10..15 {
                let counted = call(network.b).running(script().count(6).reply_number());
                calls = calls.call(counted.on_reply(script().take().store(cell)));
            }
            let message = network.submit(network.a, calls.reply(""));
            network.ticks(&message).1.unwrap();
            network.pic.tick();
            let counts: Vec<u64> = (10..15).map(|cell| network.cell(network.a, cell)).collect();
            assert_eq!(counts, [1, 2, 3, 4, 5]);
        }
    });
}

/// Ids of canisters that do not exist, on the canister's own subnet.
pub fn nobody(network: &ScriptedNetwork) -> Vec<Principal> {
    let range = &network.pic.topology().subnet_configs[&network.pic.get_subnet(network.a).unwrap()];
    let first = Principal::from(range.canister_ranges[0].start.clone());
    let id = |n: u8| {
        let mut bytes = first.as_slice().to_vec();
        bytes[6] = 100 + n;
        Principal::from_slice(&bytes)
    };
    (0..7).map(id).collect()
}

#[test]
fn memory_for_responses_bounds_calls_that_wait_for_ever_and_no_others() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.add_cycles(network.a, 200 * DEFAULT_CYCLES);
        let made = |timeout: Option<u64>| {
            let mut calls = script().put(5, 0);
            for peer in nobody(&network) {
                let mut one = call(peer).on_response(script());
                if let Some(seconds) = timeout {
                    one = one.timeout(seconds);
                }
                calls = calls.repeat(500, script().call(one).unless(script().count(5)));
            }
            numbers(&network.run(network.a, calls.load(5).reply_number()).unwrap())[0]
        };
        // A quarter of 15 GiB, at 2 MiB and a little for each call.
        let unbounded = made(None);
        assert!((1_900..1_920).contains(&unbounded), "{unbounded}");
        for _ in 0..3 {
            network.pic.tick();
        }
        assert_eq!(made(Some(300)), 3_500);
    });
}

#[test]
fn a_request_larger_than_a_response_takes_its_own_bytes_while_it_waits() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let burned = || {
            let status = submit_management(&network, "canister_status", network.b);
            let answer = network.ticks(&status).1.unwrap();
            decode::<(CanisterStatus,)>(&answer).0.idle_cycles_burned_per_day
        };
        // Five billion instructions keep the canister from taking anything out of its queues until
        // the round after, and from telling its status until they are over.
        let busy = script().repeat(10, script().prepare(call(network.a).zeros(10_000_000)));
        let at_rest = burned();
        network.submit(network.b, busy.reply(""));
        network.submit(network.a, script().call(call(network.b).zeros(5_000_000)));
        network.pic.tick();
        let with_request = burned();
        // 127,000 cycles for a GiB and second.
        let a_day = |bytes: u128| Nat::from(127_000 * 86_400 * bytes / (1 << 30));
        let more = with_request - at_rest;
        assert!(more > a_day(4_990_000) && more < a_day(5_010_000), "{more}");
    });
}
