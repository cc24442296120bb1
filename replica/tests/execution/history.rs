//! The history of a canister's changes, as the management canister reports it.

use crate::ic00::{about, ask, decode, management, query, set, somebody};
use candid::Principal;
use ic_management_canister_types::*;
use pocket_ic::ErrorCode;
use test_support::script::{canister, script};
use test_support::{ScriptedNetwork, StatusOf, on_every_server};

/// What a canister has to say about another: anybody may ask.
fn info(
    network: &ScriptedNetwork,
    canister: Principal,
    changes: Option<u64>,
) -> CanisterInfoResult {
    let arguments = CanisterInfoArgs { canister_id: canister, num_requested_changes: changes };
    let one = management("canister_info", arguments.clone());
    let by_canister = network.run(network.b, script().call(one)).unwrap();
    let by_user = query(&network.pic, somebody(), canister, "canister_info", arguments).unwrap();
    assert_eq!(by_canister, by_user);
    decode::<(CanisterInfoResult,)>(&by_canister).0
}

fn details(network: &ScriptedNetwork, canister: Principal) -> Vec<ChangeDetails> {
    let changes = info(network, canister, Some(20)).recent_changes;
    changes.into_iter().map(|change| change.details.unwrap()).collect()
}

fn deployed(mode: CodeDeploymentMode, network: &ScriptedNetwork) -> ChangeDetails {
    let module_hash = info(network, network.b, None).module_hash.unwrap();
    ChangeDetails::CodeDeployment(CodeDeploymentRecord { mode, module_hash })
}

fn user(user_id: Principal) -> ChangeOrigin {
    ChangeOrigin::FromUser(FromUserRecord { user_id })
}

#[test]
fn the_history_tells_what_was_done_by_whom_and_when() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.upgrade_canister(network.a, canister(), vec![], None).unwrap();
        network.pic.reinstall_canister(network.a, canister(), vec![], None).unwrap();
        network.pic.uninstall_canister(network.a, None).unwrap();
        let controllers = vec![somebody(), Principal::anonymous()];
        network.pic.set_controllers(network.a, None, controllers).unwrap();

        let ControllersChangeRecord { controllers } = ControllersChangeRecord {
            controllers: [Principal::anonymous(), somebody()]
                .into_iter()
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect(),
        };
        let creation = CreationRecord {
            controllers: vec![Principal::anonymous()],
            environment_variables_hash: None,
        };
        let expected = [
            ChangeDetails::Creation(creation),
            deployed(CodeDeploymentMode::Install, &network),
            deployed(CodeDeploymentMode::Upgrade, &network),
            deployed(CodeDeploymentMode::Reinstall, &network),
            ChangeDetails::CodeUninstall,
            ChangeDetails::ControllersChange(ControllersChangeRecord {
                controllers: controllers.clone(),
            }),
        ];
        assert_eq!(details(&network, network.a), expected);
        let info = info(&network, network.a, Some(20));
        assert_eq!((info.total_num_changes, info.module_hash), (6, None));
        assert_eq!(info.controllers, controllers);
        let changes = info.recent_changes;
        assert!(changes.iter().all(|change| change.origin == user(Principal::anonymous())));
        let versions: Vec<u64> = changes.iter().map(|change| change.canister_version).collect();
        assert_eq!(versions, [0, 1, 2, 3, 4, 5]);
        assert!(changes.is_sorted_by_key(|change| change.timestamp_nanos));
        assert!(changes[5].timestamp_nanos <= network.pic.get_time().as_nanos_since_unix_epoch());
    });
}

#[test]
fn other_settings_and_failed_installations_are_no_changes() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let before = info(&network, network.a, None).total_num_changes;
        let freezing_threshold = Some(1u8.into());
        set(&network.pic, network.a, CanisterSettings { freezing_threshold, ..Default::default() })
            .unwrap();
        let failing = script().trap("no").bytes();
        network.pic.upgrade_canister(network.a, canister(), failing, None).unwrap_err();
        network.pic.stop_canister(network.a, None).unwrap();
        network.pic.start_canister(network.a, None).unwrap();
        assert_eq!(info(&network, network.a, None).total_num_changes, before);
    });
}

#[test]
fn a_change_by_a_canister_names_it_and_the_version_it_says_it_has() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.set_controllers(network.b, None, vec![network.a]).unwrap();
        let version = network.pic.status_of(network.a, None).unwrap().version;
        for canister_version in [None, Some(version + 2)] {
            let one = management(
                "uninstall_code",
                UninstallCodeArgs {
                    canister_id: network.b,
                    sender_canister_version: canister_version,
                },
            );
            let one = one.on_reply(script().reply("ok"));
            assert_eq!(network.run(network.a, script().call(one)), Ok(b"ok".to_vec()));
            let arguments =
                CanisterInfoArgs { canister_id: network.b, num_requested_changes: Some(1) };
            let reply = query(&network.pic, somebody(), network.b, "canister_info", arguments);
            let info = decode::<(CanisterInfoResult,)>(&reply.unwrap()).0;
            let canister_id = network.a;
            let origin =
                ChangeOrigin::FromCanister(FromCanisterRecord { canister_id, canister_version });
            assert_eq!(info.recent_changes[0].origin, origin);
        }
    });
}

#[test]
fn the_history_keeps_twenty_changes_and_returns_as_many_as_requested() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for _ in 0..20 {
            network.pic.set_controllers(network.a, None, vec![Principal::anonymous()]).unwrap();
        }
        let changes = |count| {
            let info = info(&network, network.a, count);
            (info.total_num_changes, info.recent_changes.len())
        };
        assert_eq!(changes(None), (22, 0));
        assert_eq!(changes(Some(3)), (22, 3));
        assert_eq!(changes(Some(u64::MAX)), (22, 20));
    });
}

#[test]
fn users_may_ask_for_the_history_only_by_a_query() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let reject =
            ask(&network.pic, Principal::anonymous(), network.a, "canister_info", about(network.a));
        assert_eq!(reject.unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
    });
}

#[test]
fn a_creation_with_environment_variables_records_their_hash() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let create = |names: &[&str]| {
            let variables = names
                .iter()
                .map(|name| EnvironmentVariable { name: (*name).into(), value: "value".into() });
            let settings = CanisterSettings {
                environment_variables: Some(variables.collect()),
                ..Default::default()
            };
            let arguments =
                CreateCanisterArgs { settings: Some(settings), sender_canister_version: None };
            let method = "provisional_create_canister_with_cycles";
            let reply = ask(&network.pic, Principal::anonymous(), network.a, method, arguments);
            let id = decode::<(CanisterIdRecord,)>(&reply.unwrap()).0.canister_id;
            match details(&network, id).as_slice() {
                [ChangeDetails::Creation(record)] => record.environment_variables_hash.clone(),
                other => panic!("{other:?}"),
            }
        };
        let [one, both, swapped, other] =
            [&["a"][..], &["a", "b"], &["b", "a"], &["c"]].map(create);
        assert_eq!(one.as_ref().map(Vec::len), Some(32));
        assert_eq!(both, swapped);
        assert!(one != both && one != other);
    });
}
