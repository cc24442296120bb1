//! Calls of canisters to the management canister.

use crate::script::{Call, call, number, numbers, rejected, script};
use crate::world::{World, on_every_server};
use candid::{CandidType, Decode, Encode, Principal};
use ic_management_canister_types::{CanisterIdRecord, CreateCanisterArgs};

/// What creating a canister costs on 13 nodes.
const CREATION: u64 = 500_000_000_000;

fn management(method: &str, argument: impl CandidType) -> Call {
    call(Principal::management_canister())
        .method(method)
        .argument(Encode!(&argument).expect("it is Candid"))
}

fn about(canister: Principal) -> CanisterIdRecord {
    CanisterIdRecord { canister_id: canister }
}

fn reject(world: &World, one: Call) -> (u64, String) {
    rejected(&world.run(world.a, script().call(one)).expect("it replies with the reject"))
}

#[test]
fn a_canister_creates_another_on_its_subnet_with_what_is_left_of_the_cycles() {
    on_every_server(|server| {
        let world = server.two_subnets();
        for creator in [world.a, world.b] {
            let one = management("create_canister", CreateCanisterArgs::default())
                .cycles(CREATION + 3_000_000);
            let reply = world.run(creator, script().call(one)).unwrap();
            let id = Decode!(&reply, CanisterIdRecord).unwrap().canister_id;
            assert_eq!(world.pic.cycle_balance(id), 3_000_000);
            assert_eq!(world.pic.get_subnet(id), world.pic.get_subnet(creator));
            let status = world.pic.canister_status(id, Some(creator)).unwrap();
            assert_eq!(status.settings.controllers, [creator]);
        }
    });
}

#[test]
fn creating_a_canister_with_too_few_cycles_gives_them_back() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let one = management("create_canister", CreateCanisterArgs::default())
            .cycles(CREATION - 1)
            .on_reject(script().refunded().reply_number());
        let reply = world.run(world.a, script().call(one)).unwrap();
        assert_eq!(number(&reply), CREATION - 1);
    });
}

#[test]
fn cycles_can_be_deposited_into_any_canister() {
    on_every_server(|server| {
        for world in [server.one_subnet(), server.two_subnets()] {
            let before = world.pic.cycle_balance(world.b);
            let one = management("deposit_cycles", about(world.b)).cycles(77);
            world.run(world.a, script().call(one.on_reply(script().reply("")))).unwrap();
            assert_eq!(world.pic.cycle_balance(world.b), before + 77);
        }
    });
}

#[test]
fn a_canister_manages_what_it_controls_and_nothing_else() {
    on_every_server(|server| {
        for world in [server.one_subnet(), server.two_subnets()] {
            let (code, text) = reject(&world, management("stop_canister", about(world.b)));
            assert_eq!(code, 5);
            assert!(text.starts_with("IC0512: "), "{text}");
            world.pic.set_controllers(world.b, None, vec![world.a]).unwrap();
            let stop = management("stop_canister", about(world.b)).on_reply(script().reply("ok"));
            assert_eq!(world.run(world.a, script().call(stop)), Ok(b"ok".to_vec()));
            let status = world.pic.canister_status(world.b, Some(world.a)).unwrap().status;
            assert_eq!(format!("{status:?}"), "Stopped");
        }
    });
}

#[test]
fn a_management_method_or_argument_that_makes_no_sense_is_rejected_with_its_cycles() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let unknown = management("no_such_method", about(world.b)).cycles(5);
        let undecodable = call(Principal::management_canister())
            .method("canister_status")
            .argument(b"no Candid".to_vec())
            .cycles(5);
        for one in [unknown, undecodable] {
            assert_eq!(reject(&world, one.clone()).0, 4);
            let one = one.on_reject(script().refunded().reply_number());
            assert_eq!(number(&world.run(world.a, script().call(one)).unwrap()), 5);
        }
    });
}

#[test]
fn the_management_canister_has_500_slots_under_all_its_names() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let subnet = world.pic.get_subnet(world.a).unwrap();
        let status = || management("canister_status", about(world.a)).on_answer(script());
        let by_subnet = || status().callee(subnet.as_slice());
        // Across executions, too: the callback finds what the update took, less its own call.
        let later =
            script().call(by_subnet()).append_acc().call(by_subnet()).append_acc().reply_appended();
        let script = script()
            .call(status().on_answer(later))
            .repeat(499, script().call(status()))
            .call(by_subnet())
            .store(9);
        assert_eq!(numbers(&world.run(world.a, script).unwrap()), [0, 2]);
        assert_eq!(world.cell(world.a, 9), 2);
    });
}
