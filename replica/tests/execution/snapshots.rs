//! Snapshots: taken, loaded, listed and deleted.

use crate::ic00::{about, ask, decode, management, reject, set, somebody};
use candid::Principal;
use ic_management_canister_types::*;
use pocket_ic::{ErrorCode, RejectResponse};
use test_support::script::{canister_with, script};
use test_support::{CallResult, ScriptedNetwork, Server, StatusOf, on_every_server};

const PAGE: u64 = 65_536;

/// Takes a snapshot of `a` as its controller.
fn take(network: &ScriptedNetwork, replace: Option<&[u8]>) -> Result<Snapshot, RejectResponse> {
    let arguments = TakeCanisterSnapshotArgs {
        canister_id: network.a,
        replace_snapshot: replace.map(Vec::from),
        uninstall_code: None,
        sender_canister_version: None,
    };
    ask(&network.pic, Principal::anonymous(), network.a, "take_canister_snapshot", arguments)
        .map(|reply| decode::<(Snapshot,)>(&reply).0)
}

fn load(network: &ScriptedNetwork, canister: Principal, id: &[u8]) -> Result<(), RejectResponse> {
    network.pic.load_canister_snapshot(canister, None, id.to_vec())
}

fn list(network: &ScriptedNetwork) -> Vec<Snapshot> {
    let reply = ask(
        &network.pic,
        Principal::anonymous(),
        network.a,
        "list_canister_snapshots",
        about(network.a),
    );
    decode::<(Vec<Snapshot>,)>(&reply.unwrap()).0
}

fn delete(network: &ScriptedNetwork, canister: Principal, id: &[u8]) -> Result<(), RejectResponse> {
    network.pic.delete_canister_snapshot(canister, None, id.to_vec())
}

fn code_of<T: std::fmt::Debug>(result: Result<T, RejectResponse>) -> ErrorCode {
    result.unwrap_err().error_code
}

/// Puts numbers into heap, stable memory and a global, and stores a chunk.
fn fill(network: &ScriptedNetwork) {
    let steps = script().put(3, 11).set(5).store_global().stable_grow(1).set(7).store_stable(16);
    network.run(network.a, steps.reply("")).unwrap();
    let chunk = UploadChunkArgs { canister_id: network.a, chunk: b"chunk".to_vec() };
    ask(&network.pic, Principal::anonymous(), network.a, "upload_chunk", chunk).unwrap();
}

/// What [`fill`] leaves in a canister: heap, stable memory and its size, the global.
fn content(network: &ScriptedNetwork, canister: Principal) -> CallResult {
    let heap = script().load(3).append_acc();
    let stable = heap.load_stable(16).append_acc().stable_size().append_acc();
    network.ask(canister, stable.load_global().append_acc().reply(""))
}

fn chunks(network: &ScriptedNetwork, canister: Principal) -> usize {
    let reply =
        ask(&network.pic, Principal::anonymous(), canister, "stored_chunks", about(canister));
    decode::<(StoredChunksResult,)>(&reply.unwrap()).0.len()
}

#[test]
fn a_snapshot_brings_back_code_and_memories() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let before = content(&network, network.a);
        let module = network.pic.status_of(network.a, None).unwrap().module_hash;
        let snapshot = take(&network, None).unwrap();
        let other = canister_with("(global (mut i64) (i64.const 1))");
        network.pic.reinstall_canister(network.a, other, vec![], None).unwrap();
        network.run(network.a, script().put(3, 12).grow(9).stable_grow(3).reply("")).unwrap();
        ask(&network.pic, Principal::anonymous(), network.a, "clear_chunk_store", about(network.a))
            .unwrap();
        let heap = network.pic.status_of(network.a, None).unwrap().memory_metrics;
        assert!(heap.wasm_memory_size >= 10 * PAGE);
        for _ in 0..2 {
            load(&network, network.a, &snapshot.id).unwrap();
            assert_eq!(content(&network, network.a), before);
            let status = network.pic.status_of(network.a, None).unwrap();
            assert_eq!(status.module_hash, module);
            assert_eq!(status.memory_metrics.wasm_memory_size, PAGE);
            assert_eq!(chunks(&network, network.a), 1);
            // What happens afterwards changes the canister and not the snapshot.
            network.run(network.a, script().put(3, 13).set(8).store_stable(16).reply("")).unwrap();
            assert_eq!(network.cell(network.a, 3), 13);
        }
    });
}

#[test]
fn loading_changes_the_version_and_stands_in_the_history() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let snapshot = take(&network, None).unwrap();
        let taken = network.pic.status_of(network.a, None).unwrap().version;
        network.run(network.a, script().reply("")).unwrap();
        load(&network, network.a, &snapshot.id).unwrap();
        assert_eq!(network.pic.status_of(network.a, None).unwrap().version, taken + 2);
        let arguments = CanisterInfoArgs { canister_id: network.a, num_requested_changes: Some(1) };
        let info = management("canister_info", arguments);
        let info = network.run(network.b, script().call(info)).unwrap();
        let change = decode::<(CanisterInfoResult,)>(&info).0.recent_changes.remove(0);
        assert_eq!(change.canister_version, taken + 2);
        let record = LoadSnapshotRecord {
            from_canister_id: None,
            snapshot_id: snapshot.id,
            canister_version: taken,
            taken_at_timestamp: snapshot.taken_at_timestamp,
            source: SnapshotSource::TakenFromCanister(candid::Reserved),
        };
        assert_eq!(change.details, Some(ChangeDetails::LoadSnapshot(record)));
    });
}

#[test]
fn a_canister_has_at_most_ten_snapshots_unless_one_replaces_another() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let mut snapshots: Vec<Snapshot> = (0..10).map(|_| take(&network, None).unwrap()).collect();
        assert_eq!(list(&network), snapshots);
        for (number, snapshot) in snapshots.iter().enumerate() {
            let id = [&(number as u64).to_be_bytes(), network.a.as_slice()].concat();
            assert_eq!(snapshot.id, id);
        }
        let reject = take(&network, None).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
        assert!(reject.reject_message.contains("maximum number of snapshots"));
        let replaced = snapshots.remove(4).id;
        snapshots.push(take(&network, Some(&replaced)).unwrap());
        assert_eq!(list(&network), snapshots);
        assert_eq!(
            code_of(load(&network, network.a, &replaced)),
            ErrorCode::CanisterSnapshotNotFound
        );
        delete(&network, network.a, &snapshots.remove(0).id).unwrap();
        assert_eq!(list(&network), snapshots);
        take(&network, None).unwrap();
    });
}

#[test]
fn snapshots_count_for_memory_until_they_are_deleted() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let status = || network.pic.status_of(network.a, None).unwrap();
        let before = status();
        let snapshot = take(&network, None).unwrap();
        let metrics = before.memory_metrics;
        let parts = [
            metrics.wasm_memory_size,
            metrics.stable_memory_size,
            metrics.global_memory_size,
            metrics.wasm_binary_size,
            metrics.wasm_chunk_store_size,
        ];
        let sum = parts.into_iter().fold(candid::Nat::from(0u8), |sum, part| sum + part);
        assert_eq!(sum, snapshot.total_size);
        assert_eq!(status().memory_metrics.snapshots_size, snapshot.total_size);
        assert_eq!(status().memory_size, before.memory_size.clone() + snapshot.total_size);
        delete(&network, network.a, &snapshot.id).unwrap();
        assert_eq!(status().memory_size, before.memory_size);
    });
}

#[test]
fn taking_and_loading_cost_two_billion_instructions_and_one_for_each_byte() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let (taking, snapshot) = network.spent(network.a, || take(&network, None).unwrap());
        let cost = 2_000_000_000 + u128::from(snapshot.total_size);
        // Beside that it costs what the message does.
        assert!((cost..cost + 5_000_000).contains(&taking), "{taking}");
        let (loading, _) =
            network.spent(network.a, || load(&network, network.a, &snapshot.id).unwrap());
        // Loading compiles, too.
        assert!((cost..2 * cost).contains(&loading), "{loading}");
    });
}

#[test]
fn a_snapshot_whose_memory_is_unaffordable_is_not_taken() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        // As it is, the canister keeps above its threshold, but not with twice the memory.
        let burn = network.pic.status_of(network.a, None).unwrap().idle_cycles_burned_per_day;
        let balance = network.pic.cycle_balance(network.a);
        let days = (candid::Nat::from(balance) / burn) * 7u8 / 10u8;
        let freezing_threshold = Some(days * 86_400u32);
        let settings = CanisterSettings { freezing_threshold, ..CanisterSettings::default() };
        set(&network.pic, network.a, settings).unwrap();
        network.run(network.a, script().reply("")).unwrap();
        assert_eq!(code_of(take(&network, None)), ErrorCode::InsufficientCyclesInMemoryGrow);
        assert_eq!(list(&network), []);
        set(
            &network.pic,
            network.a,
            CanisterSettings {
                freezing_threshold: Some(0u8.into()),
                ..CanisterSettings::default()
            },
        )
        .unwrap();
        take(&network, None).unwrap();
    });
}

#[test]
fn code_can_be_uninstalled_once_the_snapshot_is_taken() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let before = content(&network, network.a);
        let arguments = TakeCanisterSnapshotArgs {
            canister_id: network.a,
            replace_snapshot: None,
            uninstall_code: Some(true),
            sender_canister_version: None,
        };
        let reply = ask(
            &network.pic,
            Principal::anonymous(),
            network.a,
            "take_canister_snapshot",
            arguments,
        );
        let snapshot = decode::<(Snapshot,)>(&reply.unwrap()).0;
        assert_eq!(network.pic.status_of(network.a, None).unwrap().module_hash, None);
        let empty = take(&network, None).unwrap_err();
        assert_eq!(empty.error_code, ErrorCode::CanisterRejectedMessage);
        load(&network, network.a, &snapshot.id).unwrap();
        assert_eq!(content(&network, network.a), before);
    });
}

#[test]
fn ids_that_name_no_snapshot_of_the_canister_are_refused() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let snapshot = take(&network, None).unwrap();
        let mut missing = snapshot.id.clone();
        missing[7] = 9;
        assert_eq!(
            code_of(load(&network, network.a, &missing)),
            ErrorCode::CanisterSnapshotNotFound
        );
        assert_eq!(
            code_of(delete(&network, network.a, &missing)),
            ErrorCode::CanisterSnapshotNotFound
        );
        assert_eq!(code_of(take(&network, Some(&missing))), ErrorCode::CanisterSnapshotNotFound);
        let foreign = delete(&network, network.b, &snapshot.id).unwrap_err();
        assert_eq!(foreign.error_code, ErrorCode::CanisterRejectedMessage);
        assert!(foreign.reject_message.contains("does not belong"));
        let short = delete(&network, network.a, &[1, 2, 3]);
        assert_eq!(code_of(short), ErrorCode::InvalidManagementPayload);
        assert_eq!(list(&network), [snapshot]);
    });
}

#[test]
fn a_controller_of_two_canisters_can_load_the_snapshot_of_one_into_the_other() {
    // A PocketIC server may ask to wait until the snapshot has been written to its disk.
    let network = Server::Embedded.one_subnet();
    fill(&network);
    let snapshot = take(&network, None).unwrap();
    load(&network, network.b, &snapshot.id).unwrap();
    assert_eq!(content(&network, network.b), content(&network, network.a));
    let arguments = CanisterInfoArgs { canister_id: network.b, num_requested_changes: Some(1) };
    let info =
        network.run(network.a, script().call(management("canister_info", arguments))).unwrap();
    let change = decode::<(CanisterInfoResult,)>(&info).0.recent_changes.remove(0);
    let Some(ChangeDetails::LoadSnapshot(record)) = change.details else { panic!("{change:?}") };
    assert_eq!(record.from_canister_id, Some(network.a));
    network.pic.set_controllers(network.a, None, vec![somebody()]).unwrap();
    let reject = load(&network, network.b, &snapshot.id).unwrap_err();
    assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
    assert!(reject.reject_message.contains("Only a controller"));
}

#[test]
fn snapshots_stay_on_their_subnet_and_go_with_their_canister() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let snapshot = take(&network, None).unwrap();
        let code = code_of(load(&network, network.b, &snapshot.id));
        assert_eq!(code, ErrorCode::CanisterSnapshotNotFound);
        let neighbour = network.pic.create_canister_on_subnet(
            None,
            None,
            network.pic.get_subnet(network.a).unwrap(),
        );
        network.pic.stop_canister(network.a, None).unwrap();
        network.pic.delete_canister(network.a, None).unwrap();
        let code = code_of(load(&network, neighbour, &snapshot.id));
        assert_eq!(code, ErrorCode::CanisterSnapshotNotFound);
    });
}

#[test]
fn canisters_take_and_load_snapshots_of_what_they_control() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.run(network.b, script().put(3, 11).reply("")).unwrap();
        let arguments = || TakeCanisterSnapshotArgs {
            canister_id: network.b,
            replace_snapshot: None,
            uninstall_code: None,
            sender_canister_version: None,
        };
        let denied = reject(&network, management("take_canister_snapshot", arguments()));
        assert_eq!(denied.0, 5);
        network
            .pic
            .set_controllers(network.b, None, vec![network.a, Principal::anonymous()])
            .unwrap();
        let taken = management("take_canister_snapshot", arguments());
        let reply = network.run(network.a, script().call(taken)).unwrap();
        let snapshot_id = decode::<(Snapshot,)>(&reply).0.id;
        network.run(network.b, script().put(3, 12).reply("")).unwrap();
        let arguments = LoadCanisterSnapshotArgs {
            canister_id: network.b,
            snapshot_id,
            sender_canister_version: None,
        };
        let loaded = management("load_canister_snapshot", arguments);
        network.run(network.a, script().call(loaded)).unwrap();
        assert_eq!(network.cell(network.b, 3), 11);
    });
}

#[test]
fn snapshots_are_listed_for_those_whom_the_settings_name() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let snapshot = take(&network, None).unwrap();
        let listed = |sender| {
            ask(&network.pic, sender, network.a, "list_canister_snapshots", about(network.a))
                .map(|reply| decode::<(Vec<Snapshot>,)>(&reply).0)
        };
        listed(somebody()).unwrap_err();
        for visibility in
            [SnapshotVisibility::AllowedViewers(vec![somebody()]), SnapshotVisibility::Public]
        {
            let snapshot_visibility = Some(visibility);
            let settings = CanisterSettings { snapshot_visibility, ..CanisterSettings::default() };
            set(&network.pic, network.a, settings).unwrap();
            assert_eq!(listed(somebody()), Ok(vec![snapshot.clone()]));
        }
        // To be read is all that they are for.
        let others = network.pic.take_canister_snapshot(network.a, Some(somebody()), None);
        assert_eq!(code_of(others), ErrorCode::CanisterInvalidController);
        let others = network.pic.delete_canister_snapshot(network.a, Some(somebody()), snapshot.id);
        assert_eq!(code_of(others), ErrorCode::CanisterInvalidController);
    });
}
