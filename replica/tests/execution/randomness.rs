//! `raw_rand`.

use crate::ic00::{ask, decode, reject};
use crate::script::script;
use crate::world::{World, on_every_server};
use candid::{Encode, Principal};
use pocket_ic::ErrorCode;

fn random(world: &World, canister: Principal) -> (usize, Vec<u8>) {
    let one = crate::script::call(Principal::management_canister())
        .method("raw_rand")
        .argument(Encode!().unwrap());
    let (ticks, answer) = world.ticks(&world.submit(canister, script().call(one)));
    (ticks, decode::<(Vec<u8>,)>(&answer.unwrap()).0)
}

#[test]
fn random_bytes_are_32_others_every_time_and_come_a_round_later_than_other_answers() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let mut seen = std::collections::BTreeSet::new();
        for canister in [world.a, world.a, world.b, world.b] {
            let (ticks, bytes) = random(&world, canister);
            assert_eq!((ticks, bytes.len()), (4, 32));
            assert!(seen.insert(bytes));
        }
    });
}

#[test]
fn two_who_ask_in_the_same_round_get_different_bytes() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let one = || {
            crate::script::call(Principal::management_canister())
                .method("raw_rand")
                .argument(Encode!().unwrap())
        };
        let messages =
            [world.a, world.b].map(|canister| world.submit(canister, script().call(one())));
        let [first, second] = messages.map(|message| world.ticks(&message).1.unwrap());
        assert_ne!(first, second);
    });
}

#[test]
fn random_bytes_are_for_canisters_and_ask_for_nothing() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let update = ask(&world.pic, Principal::anonymous(), world.a, "raw_rand", ());
        assert_eq!(update.unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
        let (code, text) = reject(
            &world,
            crate::script::call(Principal::management_canister())
                .method("raw_rand")
                .argument(b"no Candid".to_vec()),
        );
        assert_eq!(code, 4);
        assert!(text.starts_with("IC0408: "), "{text}");
    });
}
