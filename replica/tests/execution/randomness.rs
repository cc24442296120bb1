//! Random bytes: `raw_rand`.

use crate::ic00::{ask, decode, reject};
use candid::{Encode, Principal};
use pocket_ic::ErrorCode;
use test_support::script::script;
use test_support::{ScriptedNetwork, on_every_server};

fn random(network: &ScriptedNetwork, canister: Principal) -> (usize, Vec<u8>) {
    let one = test_support::script::call(Principal::management_canister())
        .method("raw_rand")
        .argument(Encode!().unwrap());
    let (ticks, answer) = network.ticks(&network.submit(canister, script().call(one)));
    (ticks, decode::<(Vec<u8>,)>(&answer.unwrap()).0)
}

#[test]
fn random_bytes_are_32_others_every_time_and_come_as_early_as_other_responses() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let mut seen = std::collections::BTreeSet::new();
        for canister in [network.a, network.a, network.b, network.b] {
            let (ticks, bytes) = random(&network, canister);
            assert_eq!((ticks, bytes.len()), (3, 32));
            assert!(seen.insert(bytes));
        }
    });
}

#[test]
fn two_who_ask_in_the_same_round_get_different_bytes() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let one = || {
            test_support::script::call(Principal::management_canister())
                .method("raw_rand")
                .argument(Encode!().unwrap())
        };
        let messages =
            [network.a, network.b].map(|canister| network.submit(canister, script().call(one())));
        let [first, second] = messages.map(|message| network.ticks(&message).1.unwrap());
        assert_ne!(first, second);
    });
}

#[test]
fn random_bytes_are_for_canisters_and_ask_for_nothing() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let update = ask(&network.pic, Principal::anonymous(), network.a, "raw_rand", ());
        assert_eq!(update.unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
        let (code, text) = reject(
            &network,
            test_support::script::call(Principal::management_canister())
                .method("raw_rand")
                .argument(b"no Candid".to_vec()),
        );
        assert_eq!(code, 4);
        assert!(text.starts_with("Error decoding candid"), "{text}");
    });
}
