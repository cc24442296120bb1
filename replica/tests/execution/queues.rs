//! How many calls can be open, and when room for more comes free.

use crate::ic00::decode;
use crate::patterns::{open_gate, parallel_calls, parallel_report, pong, wait_for};
use crate::script::{Call, call, numbers, script};
use crate::world::{World, install, on_every_server};
use candid::{Nat, Principal};
use ic_management_canister_types::CanisterStatusResult;

/// Calls one canister can have open to another.
const OPEN_CALLS_MAX: u64 = 500;

/// What a call that was not made returns.
const NOT_PERFORMED: u64 = 2;

fn report(world: &World, caller: Principal, one: Call, count: u64) -> [u64; 3] {
    let message = world.submit(caller, parallel_calls(one, count));
    parallel_report(&world.ticks(&message).1.expect("it replies"))
}

/// A call that stays open until the gate opens, and its caller's answer to nobody.
fn pending(callee: Principal, gate: Principal) -> Call {
    call(callee).running(wait_for(gate, script().reply("late")))
}

#[test]
fn the_501st_open_call_to_a_canister_returns_2() {
    on_every_server(|server| {
        for world in [server.one_subnet(), server.two_subnets()] {
            for one in [pong(world.b), pong(world.b).timeout(300)] {
                assert_eq!(report(&world, world.a, one.clone(), 500), [500, 500, 0]);
                assert_eq!(report(&world, world.a, one, 501), [500, 500, 0]);
            }
            let made = script()
                .repeat(OPEN_CALLS_MAX, script().call(pong(world.b)))
                .call(pong(world.b))
                .append_acc()
                .call(pong(world.b).timeout(10))
                .append_acc()
                .reply_appended();
            let reply = world.run(world.a, made).unwrap();
            assert_eq!(numbers(&reply), [NOT_PERFORMED, NOT_PERFORMED]);
        }
    });
}

#[test]
fn of_2000_parallel_calls_500_succeed() {
    on_every_server(|server| {
        for world in [server.one_subnet(), server.two_subnets()] {
            assert_eq!(report(&world, world.a, pong(world.b), 2_000), [500, 500, 0]);
        }
    });
}

#[test]
fn a_canister_can_have_500_open_calls_to_itself() {
    on_every_server(|server| {
        let world = server.one_subnet();
        assert_eq!(report(&world, world.a, pong(world.a), 501), [500, 500, 0]);
    });
}

#[test]
fn slots_are_free_again_once_the_callbacks_have_run() {
    on_every_server(|server| {
        let world = server.two_subnets();
        for _ in 0..3 {
            assert_eq!(report(&world, world.a, pong(world.b), 600), [500, 500, 0]);
        }
    });
}

#[test]
fn open_calls_count_across_messages_and_only_for_their_pair() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let other = install(&world.pic);
        // Two messages of 300 calls in one round: the second finds 200 slots.
        let made = |callee| {
            let one = script().call(call(callee).running(script())).unless(script().count(5));
            script().put(5, 0).repeat(300, one).load(5).reply_number()
        };
        // The callee comes first in a tick, so its answers are one tick away.
        let first = world.submit(world.b, made(world.a));
        let second = world.submit(world.b, made(world.a));
        let third = world.submit(world.b, made(other));
        world.pic.tick();
        let made: Vec<u64> = [first, second, third]
            .iter()
            .map(|message| numbers(&world.answer(message).unwrap().unwrap())[0])
            .collect();
        assert_eq!(made, [300, 200, 300]);
    });
}

#[test]
fn the_opposite_direction_has_slots_of_its_own() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let full = script().repeat(500, script().call(pong(world.a))).reply("");
        world.submit(world.b, full);
        world.pic.tick();
        // 500 calls from b to a are open now.
        let message = world.submit(world.a, parallel_calls(pong(world.b), 500));
        assert_eq!(parallel_report(&world.ticks(&message).1.unwrap()), [500, 500, 0]);
    });
}

#[test]
fn a_call_that_is_not_answered_keeps_its_slot() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let subnet = world.pic.get_subnet(world.b).unwrap();
        let callee = world.pic.create_canister_on_subnet(None, None, subnet);
        world.pic.install_canister(callee, crate::script::canister(), vec![], None);
        let message = world.submit(world.b, script().call(pending(callee, world.a)));
        for _ in 0..5 {
            world.pic.tick();
        }
        assert_eq!(world.answer(&message), None);
        assert_eq!(report(&world, world.b, pong(callee), 500), [499, 499, 0]);
        world.run(world.a, open_gate()).unwrap();
        assert_eq!(world.ticks(&message).1, Ok(b"late".to_vec()));
        assert_eq!(report(&world, world.b, pong(callee), 500), [500, 500, 0]);
    });
}

#[test]
fn a_call_that_is_not_made_changes_nothing() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let failing = pong(world.b).cycles(1_000_000).on_answer(script().put(9, 1));
        let script = script()
            .repeat(OPEN_CALLS_MAX, script().call(pong(world.b).on_answer(script())))
            .balance()
            .append_acc()
            .call(failing)
            .append_acc()
            .balance()
            .append_acc()
            .reply_appended();
        let reply = numbers(&world.run(world.a, script).unwrap());
        // The attached cycles are back at once.
        assert_eq!(reply[1..], [NOT_PERFORMED, reply[0]]);
        world.pic.tick();
        assert_eq!(world.cell(world.a, 9), 0);
    });
}

#[test]
fn calls_from_one_canister_to_another_keep_their_order() {
    on_every_server(|server| {
        for world in [server.one_subnet(), server.two_subnets()] {
            let mut calls = script();
            for cell in 10..15 {
                let counted = call(world.b).running(script().count(6).reply_number());
                calls = calls.call(counted.on_reply(script().take().store(cell)));
            }
            let message = world.submit(world.a, calls.reply(""));
            world.ticks(&message).1.unwrap();
            world.pic.tick();
            let counts: Vec<u64> = (10..15).map(|cell| world.cell(world.a, cell)).collect();
            assert_eq!(counts, [1, 2, 3, 4, 5]);
        }
    });
}

/// Ids of canisters that do not exist, on the canister's own subnet.
fn nobody(world: &World) -> Vec<Principal> {
    let range = &world.pic.topology().subnet_configs[&world.pic.get_subnet(world.a).unwrap()];
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
        let world = server.one_subnet();
        world.pic.add_cycles(world.a, 200 * crate::world::CYCLES);
        let made = |timeout: Option<u64>| {
            let mut calls = script().put(5, 0);
            for peer in nobody(&world) {
                let mut one = call(peer).on_answer(script());
                if let Some(seconds) = timeout {
                    one = one.timeout(seconds);
                }
                calls = calls.repeat(500, script().call(one).unless(script().count(5)));
            }
            numbers(&world.run(world.a, calls.load(5).reply_number()).unwrap())[0]
        };
        // A quarter of 15 GiB, at 2 MiB and a little for each call.
        let unbounded = made(None);
        assert!((1_900..1_920).contains(&unbounded), "{unbounded}");
        for _ in 0..3 {
            world.pic.tick();
        }
        assert_eq!(made(Some(300)), 3_500);
    });
}

#[test]
fn a_request_larger_than_a_response_takes_its_own_bytes_while_it_waits() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let burned = || {
            let status = world.submit_management("canister_status", world.b);
            let answer = world.ticks(&status).1.unwrap();
            decode::<(CanisterStatusResult,)>(&answer).0.idle_cycles_burned_per_day
        };
        // Five billion instructions keep the canister from taking anything out of its queues until
        // the round after, and from telling its status until they are over.
        let busy = script().repeat(10, script().prepare(call(world.a).zeros(10_000_000)));
        let at_rest = burned();
        world.submit(world.b, busy.reply(""));
        world.submit(world.a, script().call(call(world.b).zeros(5_000_000)));
        world.pic.tick();
        let with_request = burned();
        // 127,000 cycles for a GiB and second.
        let a_day = |bytes: u128| Nat::from(127_000 * 86_400 * bytes / (1 << 30));
        let more = with_request - at_rest;
        assert!(more > a_day(4_990_000) && more < a_day(5_010_000), "{more}");
    });
}
