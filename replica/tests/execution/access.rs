//! Who may call which method of the management canister.

use crate::ic00::{about, ask, decode, management, query, reject, set, somebody};
use crate::snapshot_data::take;
use candid::Principal;
use ic_management_canister_types::*;
use pocket_ic::ErrorCode;
use test_support::on_every_server;
use test_support::script::{canister, script};
use test_support::status::CanisterStatus;

#[test]
fn only_controllers_can_change_a_canister() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.set_controllers(network.a, None, vec![somebody()]).unwrap();
        let stranger = None;
        let rejects = [
            network.pic.upgrade_canister(network.a, canister(), vec![], stranger),
            network.pic.stop_canister(network.a, stranger),
            network.pic.uninstall_canister(network.a, stranger),
            network.pic.set_controllers(network.a, stranger, vec![]),
        ];
        for reject in rejects {
            let reject = reject.unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterInvalidController);
        }
        network.pic.stop_canister(network.a, Some(somebody())).unwrap();
    });
}

#[test]
fn the_status_is_for_controllers_and_the_canister_unless_the_settings_say_otherwise() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let by = |sender| {
            let answers = [
                ask(&network.pic, sender, network.a, "canister_status", about(network.a)),
                query(&network.pic, sender, network.a, "canister_status", about(network.a)),
            ];
            answers.map(|answer| answer.map_err(|reject| reject.error_code))
        };
        let status = |sender| by(sender).map(|answer| answer.map(|reply| decode_version(&reply)));
        assert!(by(Principal::anonymous()).iter().all(Result::is_ok));
        assert_eq!(status(somebody()), [Err(ErrorCode::CanisterStatusAccessDenied); 2]);
        // The canister itself, but not another one.
        let one =
            |callee| management("canister_status", about(callee)).on_reply(script().reply("ok"));
        assert_eq!(network.run(network.a, script().call(one(network.a))), Ok(b"ok".to_vec()));
        assert_eq!(reject(&network, one(network.b)).0, 5);

        let show = |status_visibility| {
            let status_visibility = Some(status_visibility);
            set(
                &network.pic,
                network.a,
                CanisterSettings { status_visibility, ..Default::default() },
            )
            .unwrap();
        };
        show(StatusVisibility::AllowedViewers(vec![somebody()]));
        assert!(by(somebody()).iter().all(Result::is_ok));
        assert_eq!(by(network.b), [const { Err(ErrorCode::CanisterStatusAccessDenied) }; 2]);
        show(StatusVisibility::Public);
        assert!(by(network.b).iter().all(Result::is_ok));
    });
}

fn decode_version(reply: &[u8]) -> u64 {
    decode::<(CanisterStatus,)>(reply).0.version
}

#[test]
fn users_cannot_make_unpaid_calls_or_call_unknown_methods() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let error = |method| {
            ask(&network.pic, Principal::anonymous(), network.a, method, about(network.a))
                .unwrap_err()
                .error_code
        };
        assert_eq!(error("deposit_cycles"), ErrorCode::CanisterRejectedMessage);
        assert_eq!(error("create_canister"), ErrorCode::CanisterRejectedMessage);
        assert_eq!(error("no_such_method"), ErrorCode::CanisterMethodNotFound);
        let query = query(&network.pic, somebody(), network.a, "start_canister", about(network.a));
        assert_eq!(query.unwrap_err().error_code, ErrorCode::CanisterMethodNotFound);
    });
}

#[test]
fn a_canister_cannot_delete_itself() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network
            .pic
            .set_controllers(network.a, None, vec![network.a, Principal::anonymous()])
            .unwrap();
        let (code, text) = reject(&network, management("delete_canister", about(network.a)));
        assert_eq!(code, 5);
        assert!(
            text.starts_with(&format!("Canister {} cannot delete itself", network.a)),
            "{text}"
        );
    });
}

#[test]
fn settings_that_freeze_a_canister_can_be_taken_back_without_cycles() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let freeze = |seconds: u64| {
            let freezing_threshold = Some(seconds.into());
            set(
                &network.pic,
                network.a,
                CanisterSettings { freezing_threshold, ..Default::default() },
            )
        };
        freeze(u64::MAX).unwrap();
        let reject = network.run(network.a, script().reply("")).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterOutOfCycles);
        let reject = network.pic.stop_canister(network.a, None).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterOutOfCycles);
        let (spent, done) = network.spent(network.a, || freeze(0));
        done.unwrap();
        // It is paid for once it is executed.
        assert!(spent > 1_200_000, "{spent}");
        assert_eq!(network.run(network.a, script().reply("runs")), Ok(b"runs".to_vec()));
    });
}

#[test]
fn what_is_in_snapshots_is_for_those_whom_the_settings_name() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let id = take(&network, network.a);
        let reads = || {
            let arguments = ReadCanisterSnapshotMetadataArgs {
                canister_id: network.a,
                snapshot_id: id.clone(),
            };
            let method = "read_canister_snapshot_metadata";
            let metadata = ask(&network.pic, somebody(), network.a, method, arguments).is_ok();
            let arguments = ReadCanisterSnapshotDataArgs {
                canister_id: network.a,
                snapshot_id: id.clone(),
                kind: SnapshotDataKind::WasmMemory { offset: 0, size: 1 },
            };
            let method = "read_canister_snapshot_data";
            let data = ask(&network.pic, somebody(), network.a, method, arguments).is_ok();
            (metadata, data)
        };
        assert_eq!(reads(), (false, false));
        let snapshot_visibility = Some(SnapshotVisibility::AllowedViewers(vec![somebody()]));
        let settings = CanisterSettings { snapshot_visibility, ..CanisterSettings::default() };
        set(&network.pic, network.a, settings).unwrap();
        assert_eq!(reads(), (true, true));
    });
}
