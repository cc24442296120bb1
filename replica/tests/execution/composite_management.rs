//! Composite queries that ask the management canister.

use crate::ic00::{about, decode, management, query, set};
use candid::{CandidType, Nat, Principal};
use ic_management_canister_types::*;
use pocket_ic::ErrorCode;
use serde::Deserialize;
use test_support::script::{Call, call, rejected, script};
use test_support::{CallResult, ScriptedNetwork, encode, on_every_server};

/// What `a` gets for a call that it makes as a composite query.
fn compose(network: &ScriptedNetwork, one: Call) -> CallResult {
    let steps = script().call(one).bytes();
    network.pic.query_call(network.a, Principal::anonymous(), "compose", steps)
}

/// The reject that `a` gets for a call that it makes as a composite query.
fn reject_of(network: &ScriptedNetwork, one: Call) -> (u64, String) {
    rejected(&compose(network, one).expect("the query replies"))
}

#[test]
fn a_composite_query_reads_its_own_status() {
    #[derive(CandidType, Deserialize)]
    struct Status {
        cycles: Nat,
    }
    on_every_server(|server| {
        let network = server.one_subnet();
        let reply = compose(&network, management("canister_status", about(network.a))).unwrap();
        let (status,) = decode::<(Status,)>(&reply);
        assert_eq!(status.cycles, Nat::from(network.pic.cycle_balance(network.a)));
    });
}

#[test]
fn a_composite_query_gets_what_a_query_of_a_user_with_the_same_rights_gets() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.run(network.b, script().print("printed").reply("")).unwrap();
        let controllers = vec![network.a, Principal::anonymous()];
        network.pic.set_controllers(network.b, None, controllers).unwrap();
        let info = CanisterInfoArgs { canister_id: network.b, num_requested_changes: Some(20) };
        for (method, argument) in [
            ("canister_info", encode(info)),
            ("canister_metrics", encode(about(network.b))),
            ("fetch_canister_logs", encode(about(network.b))),
        ] {
            let one = call(Principal::management_canister()).method(method);
            let by_canister = compose(&network, one.argument(argument.clone()));
            let by_user = network.pic.query_call_with_effective_principal(
                Principal::management_canister(),
                pocket_ic::common::rest::RawEffectivePrincipal::CanisterId(
                    network.b.as_slice().to_vec(),
                ),
                Principal::anonymous(),
                method,
                argument,
            );
            assert_eq!(by_canister, by_user, "{method}");
            assert!(by_canister.is_ok(), "{method}");
        }
    });
}

#[test]
fn the_rights_of_a_composite_query_are_those_of_its_canister() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for method in ["canister_status", "canister_metrics", "fetch_canister_logs"] {
            let (code, text) = reject_of(&network, management(method, about(network.b)));
            assert!([4, 5].contains(&code) && !text.starts_with("IC0"), "{method}: {code} {text}");
        }
        let log_visibility = Some(LogVisibility::AllowedViewers(vec![network.a]));
        let settings = CanisterSettings { log_visibility, ..CanisterSettings::default() };
        set(&network.pic, network.b, settings).unwrap();
        let reply = compose(&network, management("fetch_canister_logs", about(network.b))).unwrap();
        assert_eq!(decode::<(FetchCanisterLogsResult,)>(&reply).0.canister_log_records, []);
    });
}

#[test]
fn other_methods_and_other_subnets_are_not_there_for_a_composite_query() {
    on_every_server(|server| {
        let network = server.two_subnets();
        for (method, argument) in
            [("raw_rand", encode(())), ("deposit_cycles", encode(about(network.a)))]
        {
            let one = call(Principal::management_canister()).method(method).argument(argument);
            let (code, text) = reject_of(&network, one);
            assert_eq!((code, text), (5, format!("Query method {method} not found.")));
        }
        let (code, text) = reject_of(&network, management("canister_status", about(network.b)));
        let subnet = network.pic.get_subnet(network.b).unwrap();
        assert_eq!((code, text), (3, format!("Canister {subnet} not found")));
        // A number that the subnet has not given away.
        let mut missing = network.a.as_slice().to_vec();
        missing[6..8].fill(0xff);
        let missing = Principal::from_slice(&missing);
        let (code, text) = reject_of(&network, management("canister_status", about(missing)));
        assert_eq!((code, text), (3, format!("Canister {missing} not found")));
    });
}

#[test]
fn a_composite_query_hears_nothing_of_an_invalid_call_of_the_management_canister() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let nowhere = Principal::from_slice(&[0, 0, 0, 0, 0, 0, 0, 9, 1, 1]);
        for one in [
            management("no_such_method", about(network.a)),
            management("canister_status", "no record"),
            management("canister_status", about(nowhere)),
        ] {
            let reject = compose(&network, one).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterDidNotReply);
        }
        let user = query(&network.pic, Principal::anonymous(), network.a, "no_such_method", ());
        assert_eq!(user.unwrap_err().error_code, ErrorCode::CanisterMethodNotFound);
    });
}
