//! Management calls that are rejected in the round in which a canister makes them, and calls that the system
//! forwards.

use crate::ic00::{about, management, reject};
use crate::subnets::install_on;
use candid::{CandidType, Encode, Principal};
use ic_management_canister_types::*;
use pocket_ic::PocketIc;
use test_support::script::{Call, call, canister, canister_with, number, rejected, script};
use test_support::{ScriptedNetwork, StatusOf, encode, on_every_server};

/// A call with an argument that is no Candid.
fn undecodable(method: &str) -> Call {
    call(Principal::management_canister()).method(method).argument(b"no Candid".to_vec())
}

/// The ticks until `a` gets a reject for a call, and the reject.
fn rejected_after(network: &ScriptedNetwork, one: Call) -> (usize, u64, String) {
    let (ticks, reply) = network.ticks(&network.submit(network.a, script().call(one)));
    let (code, text) = rejected(&reply.unwrap());
    (ticks, code, text)
}

#[test]
fn an_invalid_call_is_rejected_in_its_own_round_and_its_cycles_come_back() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let nowhere = Principal::from_slice(&[0, 0, 0, 0, 0, 0, 0, 9, 1, 1]);
        let key_id = EcdsaKeyId { name: "no_such_key".into(), ..Default::default() };
        let signature =
            SignWithEcdsaArgs { key_id, message_hash: vec![0; 32], ..Default::default() };
        for (one, code, fragment) in [
            (management("no_such_method", about(network.b)), 5, "IC0536"),
            (management("canister_status", about(nowhere)), 3, "SubnetNotFound"),
            (management("sign_with_ecdsa", signature), 3, "threshold key"),
        ] {
            let one = one.cycles(5);
            let (ticks, found, text) = rejected_after(&network, one.clone());
            assert_eq!((ticks, found), (1, code), "{text}");
            assert!(text.contains(fragment), "{text}");
            let one = one.on_reject(script().refunded().reply_number());
            assert_eq!(number(&network.run(network.a, script().call(one)).unwrap()), 5);
        }
    });
}

#[test]
fn an_argument_that_cannot_be_decoded_is_rejected_in_the_round_of_the_call() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // The argument of these contains the version of the caller, which the system checks first.
        for method in [
            "create_canister",
            "install_chunked_code",
            "install_code",
            "load_canister_snapshot",
            "provisional_create_canister_with_cycles",
            "uninstall_code",
            "update_settings",
        ] {
            let (ticks, code, text) = rejected_after(&network, undecodable(method));
            assert_eq!((ticks, code), (1, 4), "{method}: {text}");
            assert!(text.starts_with("IC0408: "), "{method}: {text}");
        }
        // The argument of these decides to which subnet or canister the call goes.
        for method in [
            "bitcoin_get_balance",
            "bitcoin_get_block_headers",
            "bitcoin_get_current_fee_percentiles",
            "bitcoin_get_utxos",
            "bitcoin_send_transaction",
            "canister_info",
            "canister_status",
            "clear_chunk_store",
            "delete_canister_snapshot",
            "deposit_cycles",
            "fetch_canister_logs",
            "node_metrics_history",
            "provisional_top_up_canister",
            "read_canister_snapshot_data",
            "stop_canister",
            "subnet_info",
            "upload_chunk",
        ] {
            let (ticks, code, text) = rejected_after(&network, undecodable(method));
            assert_eq!((ticks, code), (1, 3), "{method}: {text}");
            assert!(text.starts_with("Unable to route"), "{method}: {text}");
        }
        // The others go to the caller's subnet, which decodes the argument.
        for method in ["http_request", "raw_rand"] {
            let (ticks, code, text) = rejected_after(&network, undecodable(method));
            assert!(ticks >= 3 && code == 4, "{method}: {ticks} {text}");
        }
    });
}

#[test]
fn the_whole_argument_is_decoded_not_only_the_id_of_the_canister() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let canister_id = network.a;
        let controllers = Some((0..11).map(|n| Principal::self_authenticating([n])).collect());
        let settings = CanisterSettings { controllers, ..CanisterSettings::default() };
        let settings = UpdateSettingsArgs { canister_id, settings, sender_canister_version: None };
        let snapshot_id = vec![1; 7];
        let snapshot = DeleteCanisterSnapshotArgs { canister_id, snapshot_id };
        for (one, code) in [
            (management("upload_chunk", about(canister_id)), 3),
            (management("provisional_top_up_canister", about(canister_id)), 3),
            (management("install_code", about(canister_id)), 4),
            (management("update_settings", about(canister_id)), 4),
            (management("update_settings", settings), 4),
            (management("delete_canister_snapshot", snapshot), 3),
        ] {
            let (ticks, found, text) = rejected_after(&network, one);
            assert_eq!((ticks, found), (1, code), "{text}");
        }
    });
}

#[test]
fn creating_a_canister_takes_any_candid_that_is_no_settings_for_the_defaults() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for argument in [Encode!().unwrap(), encode("text")] {
            let one = call(Principal::management_canister()).method("create_canister");
            let one = one.argument(argument).cycles(1_000_000_000_000);
            let reply = network.run(network.a, script().call(one)).unwrap();
            let (record,) = crate::ic00::decode::<(CanisterIdRecord,)>(&reply);
            let status = network.pic.status_of(record.canister_id, Some(network.a)).unwrap();
            assert_eq!(status.settings.controllers, [network.a]);
        }
    });
}

#[test]
fn executed_management_calls_are_rejected_without_the_error_code_in_the_text() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.set_controllers(network.b, None, vec![network.a]).unwrap();
        let install = InstallCodeArgs {
            mode: CanisterInstallMode::Reinstall,
            canister_id: network.b,
            wasm_module: b"no module".to_vec(),
            arg: vec![],
            sender_canister_version: None,
        };
        for (one, code) in [
            (management("delete_canister", about(network.b)), 5),
            (management("stop_canister", about(network.a)), 5),
            (management("install_code", install), 5),
            (management("create_canister", CreateCanisterArgs::default()), 4),
        ] {
            let (found, text) = reject(&network, one);
            assert_eq!(found, code, "{text}");
            assert!(!text.starts_with("IC0") && !text.is_empty(), "{text}");
        }
    });
}

#[test]
fn a_canister_gets_the_whole_text_of_a_management_call_that_failed() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.set_controllers(network.b, None, vec![network.a]).unwrap();
        let long = "x".repeat(10_000) + "end";
        let install = InstallCodeArgs {
            mode: CanisterInstallMode::Reinstall,
            canister_id: network.b,
            wasm_module: canister(),
            arg: script().trap(&long).bytes(),
            sender_canister_version: None,
        };
        let (code, text) = reject(&network, management("install_code", install));
        assert_eq!(code, 5);
        assert!(text.contains(&long) && !text.starts_with("IC0"), "{text}");
    });
}

#[derive(CandidType)]
#[expect(non_camel_case_types, reason = "the management canister calls them that")]
enum BitcoinNetwork {
    mainnet,
    Regtest,
}

#[derive(CandidType)]
struct GetBalance {
    network: BitcoinNetwork,
    address: String,
    min_confirmations: Option<u32>,
}

fn get_balance(network: BitcoinNetwork) -> Call {
    let arguments = GetBalance { network, address: "x".into(), min_confirmations: None };
    management("bitcoin_get_balance", arguments)
}

const BITCOIN_MAINNET: &str = "ghsi2-tqaaa-aaaan-aaaca-cai";
const BITCOIN_TESTNET: &str = "g4xu7-jiaaa-aaaan-aaaaq-cai";

#[test]
fn bitcoin_calls_have_no_route_in_a_network_without_the_bitcoin_canisters() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for (of, canister) in
            [(BitcoinNetwork::mainnet, BITCOIN_MAINNET), (BitcoinNetwork::Regtest, BITCOIN_TESTNET)]
        {
            let (ticks, code, text) = rejected_after(&network, get_balance(of));
            assert_eq!((ticks, code), (2, 3), "{text}");
            assert!(text.contains("No route") && text.contains(canister), "{text}");
        }
    });
}

#[test]
fn bitcoin_calls_go_to_the_bitcoin_canister() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().with_bitcoin_subnet().build();
        let subnet = pic.topology().get_app_subnets()[0];
        let [a, b] = [install_on(&pic, subnet), install_on(&pic, subnet)];
        let id = Principal::from_text(BITCOIN_TESTNET).unwrap();
        pic.create_canister_with_id(None, None, id).unwrap();
        let replies = canister_with(
            r#"(func (export "canister_update bitcoin_get_balance")
                 (call $append_caller) (call $reply))"#,
        );
        pic.install_canister(id, replies, vec![], None);
        let network = ScriptedNetwork { pic, a, b };
        let steps = script().call(get_balance(BitcoinNetwork::Regtest));
        assert_eq!(network.run(network.a, steps), Ok(network.a.as_slice().to_vec()));
        let (code, text) = reject(&network, get_balance(BitcoinNetwork::mainnet));
        assert_eq!(code, 3, "{text}");
    });
}

#[test]
fn calls_about_a_subnet_that_does_not_exist_have_no_route() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let subnet_id = Principal::self_authenticating([9]);
        for one in [
            management("subnet_info", SubnetInfoArgs { subnet_id }),
            management(
                "node_metrics_history",
                NodeMetricsHistoryArgs { subnet_id, start_at_timestamp_nanos: 0 },
            ),
        ] {
            let (ticks, code, text) = rejected_after(&network, one);
            assert_eq!((ticks, code, text), (2, 3, format!("No route to canister {subnet_id}")));
        }
    });
}

/// What `by` gets for asking about itself under the id of a subnet: the reply, or the reject code and text.
fn info_by_subnet(pic: &PocketIc, by: Principal, subnet: Principal) -> Result<(), (u64, String)> {
    let arguments = CanisterInfoArgs { canister_id: by, num_requested_changes: None };
    let one = management("canister_info", arguments)
        .callee(subnet.as_slice())
        .on_reply(script().reply(""));
    let reply = pic.update_call(by, Principal::anonymous(), "run", script().call(one).bytes());
    match reply.unwrap() {
        reply if reply.is_empty() => Ok(()),
        reply => Err(rejected(&reply)),
    }
}

#[test]
fn only_canisters_of_the_nns_subnet_may_address_a_subnet() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().with_nns_subnet().build();
        let topology = pic.topology();
        for (subnet, allowed) in
            [(topology.get_nns().unwrap(), true), (topology.get_app_subnets()[0], false)]
        {
            let id = install_on(&pic, subnet);
            match info_by_subnet(&pic, id, subnet) {
                Ok(()) => assert!(allowed),
                Err((code, text)) => {
                    assert!(!allowed && code == 3 && text.contains("AlreadyResolved"), "{text}");
                }
            }
        }
    });
}

#[test]
fn without_an_nns_subnet_the_first_subnet_counts_as_the_nns_subnet() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let subnet = network.pic.get_subnet(network.a).unwrap();
        assert_eq!(info_by_subnet(&network.pic, network.a, subnet), Ok(()));
    });
}
