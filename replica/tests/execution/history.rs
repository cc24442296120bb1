//! What the management canister says of what was done to a canister.

use crate::ic00::{about, ask, decode, management, query, set, somebody};
use crate::script::{canister, script};
use crate::world::{World, on_every_server};
use candid::Principal;
use ic_management_canister_types::*;
use pocket_ic::ErrorCode;

/// What a canister has to say about another: anybody may ask.
fn info(world: &World, canister: Principal, changes: Option<u64>) -> CanisterInfoResult {
    let arguments = CanisterInfoArgs { canister_id: canister, num_requested_changes: changes };
    let one = management("canister_info", arguments.clone());
    let by_canister = world.run(world.b, script().call(one)).unwrap();
    let by_user = query(&world.pic, somebody(), canister, "canister_info", arguments).unwrap();
    assert_eq!(by_canister, by_user);
    decode::<(CanisterInfoResult,)>(&by_canister).0
}

fn details(world: &World, canister: Principal) -> Vec<ChangeDetails> {
    let changes = info(world, canister, Some(20)).recent_changes;
    changes.into_iter().map(|change| change.details.unwrap()).collect()
}

fn deployed(mode: CodeDeploymentMode, world: &World) -> ChangeDetails {
    let module_hash = info(world, world.b, None).module_hash.unwrap();
    ChangeDetails::CodeDeployment(CodeDeploymentRecord { mode, module_hash })
}

fn user(user_id: Principal) -> ChangeOrigin {
    ChangeOrigin::FromUser(FromUserRecord { user_id })
}

#[test]
fn the_history_tells_what_was_done_by_whom_and_when() {
    on_every_server(|server| {
        let world = server.one_subnet();
        world.pic.upgrade_canister(world.a, canister(), vec![], None).unwrap();
        world.pic.reinstall_canister(world.a, canister(), vec![], None).unwrap();
        world.pic.uninstall_canister(world.a, None).unwrap();
        let controllers = vec![somebody(), Principal::anonymous()];
        world.pic.set_controllers(world.a, None, controllers).unwrap();

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
            deployed(CodeDeploymentMode::Install, &world),
            deployed(CodeDeploymentMode::Upgrade, &world),
            deployed(CodeDeploymentMode::Reinstall, &world),
            ChangeDetails::CodeUninstall,
            ChangeDetails::ControllersChange(ControllersChangeRecord {
                controllers: controllers.clone(),
            }),
        ];
        assert_eq!(details(&world, world.a), expected);
        let info = info(&world, world.a, Some(20));
        assert_eq!((info.total_num_changes, info.module_hash), (6, None));
        assert_eq!(info.controllers, controllers);
        let changes = info.recent_changes;
        assert!(changes.iter().all(|change| change.origin == user(Principal::anonymous())));
        let versions: Vec<u64> = changes.iter().map(|change| change.canister_version).collect();
        assert_eq!(versions, [0, 1, 2, 3, 4, 5]);
        assert!(changes.is_sorted_by_key(|change| change.timestamp_nanos));
        assert!(changes[5].timestamp_nanos <= world.pic.get_time().as_nanos_since_unix_epoch());
    });
}

#[test]
fn other_settings_and_failed_installations_are_no_changes() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let before = info(&world, world.a, None).total_num_changes;
        let freezing_threshold = Some(1u8.into());
        set(&world.pic, world.a, CanisterSettings { freezing_threshold, ..Default::default() })
            .unwrap();
        let failing = script().trap("no").bytes();
        world.pic.upgrade_canister(world.a, canister(), failing, None).unwrap_err();
        world.pic.stop_canister(world.a, None).unwrap();
        world.pic.start_canister(world.a, None).unwrap();
        assert_eq!(info(&world, world.a, None).total_num_changes, before);
    });
}

#[test]
fn a_change_by_a_canister_names_it_and_the_version_it_says_it_has() {
    on_every_server(|server| {
        let world = server.one_subnet();
        world.pic.set_controllers(world.b, None, vec![world.a]).unwrap();
        let version = world.pic.canister_status(world.a, None).unwrap().version;
        for canister_version in [None, Some(version + 2)] {
            let one = management(
                "uninstall_code",
                UninstallCodeArgs {
                    canister_id: world.b,
                    sender_canister_version: canister_version,
                },
            );
            let one = one.on_reply(script().reply("ok"));
            assert_eq!(world.run(world.a, script().call(one)), Ok(b"ok".to_vec()));
            let arguments =
                CanisterInfoArgs { canister_id: world.b, num_requested_changes: Some(1) };
            let reply = query(&world.pic, somebody(), world.b, "canister_info", arguments);
            let info = decode::<(CanisterInfoResult,)>(&reply.unwrap()).0;
            let canister_id = world.a;
            let origin =
                ChangeOrigin::FromCanister(FromCanisterRecord { canister_id, canister_version });
            assert_eq!(info.recent_changes[0].origin, origin);
        }
    });
}

#[test]
fn twenty_changes_are_kept_and_as_many_told_as_are_asked_for() {
    on_every_server(|server| {
        let world = server.one_subnet();
        for _ in 0..20 {
            world.pic.set_controllers(world.a, None, vec![Principal::anonymous()]).unwrap();
        }
        let changes = |count| {
            let info = info(&world, world.a, count);
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
        let world = server.one_subnet();
        let reject =
            ask(&world.pic, Principal::anonymous(), world.a, "canister_info", about(world.a));
        assert_eq!(reject.unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
    });
}

#[test]
fn a_creation_with_environment_variables_records_their_hash() {
    on_every_server(|server| {
        let world = server.one_subnet();
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
            let reply = ask(&world.pic, Principal::anonymous(), world.a, method, arguments);
            let id = decode::<(CanisterIdRecord,)>(&reply.unwrap()).0.canister_id;
            match details(&world, id).as_slice() {
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
