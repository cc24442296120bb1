//! Management calls of users whose arguments cannot be decoded.

use candid::Principal;
use ic_management_canister_types::{
    CanisterSettings, DeleteCanisterSnapshotArgs, LoadCanisterSnapshotArgs, LogVisibility,
    TakeCanisterSnapshotArgs, UpdateSettingsArgs,
};
use pocket_ic::ErrorCode;
use pocket_ic::common::rest::RawEffectivePrincipal;
use test_support::{encode, on_every_server};

#[test]
fn a_management_call_with_a_malformed_argument_is_refused_when_a_user_submits_it() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let canister_id = network.a;
        let anonymous = Principal::anonymous();
        let settings = |settings: CanisterSettings| {
            encode(UpdateSettingsArgs { canister_id, settings, sender_canister_version: None })
        };
        // Lists with more than ten elements, and bytes that are too few for the id of a snapshot.
        let eleven = || vec![anonymous; 11];
        let snapshot_id = || vec![1, 2, 3];
        let controllers = Some(eleven());
        let log_visibility = Some(LogVisibility::AllowedViewers(eleven()));
        let cases = [
            ("update_settings", settings(CanisterSettings { controllers, ..Default::default() })),
            (
                "update_settings",
                settings(CanisterSettings { log_visibility, ..Default::default() }),
            ),
            (
                "take_canister_snapshot",
                encode(TakeCanisterSnapshotArgs {
                    canister_id,
                    replace_snapshot: Some(snapshot_id()),
                    uninstall_code: None,
                    sender_canister_version: None,
                }),
            ),
            (
                "load_canister_snapshot",
                encode(LoadCanisterSnapshotArgs {
                    canister_id,
                    snapshot_id: snapshot_id(),
                    sender_canister_version: None,
                }),
            ),
            (
                "delete_canister_snapshot",
                encode(DeleteCanisterSnapshotArgs { canister_id, snapshot_id: snapshot_id() }),
            ),
            ("start_canister", b"DIDL".to_vec()),
        ];
        let before = network.pic.cycle_balance(canister_id);
        for (method, argument) in cases {
            let effective = RawEffectivePrincipal::CanisterId(canister_id.as_slice().to_vec());
            let management = Principal::management_canister();
            let submitted = network.pic.submit_call_with_effective_principal(
                management, effective, anonymous, method, argument,
            );
            let code = submitted.expect_err(method).error_code;
            assert_eq!(code, ErrorCode::InvalidManagementPayload, "{method}");
        }
        network.pic.tick();
        assert_eq!(network.pic.cycle_balance(canister_id), before);
    });
}
