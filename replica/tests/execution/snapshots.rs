//! Snapshots: taken, loaded, listed and deleted.

use crate::ic00::{about, ask, decode, management, reject, set, somebody};
use crate::script::{canister_with, script};
use crate::world::{Answer, Server, World, on_every_server};
use candid::Principal;
use ic_management_canister_types::*;
use pocket_ic::{ErrorCode, RejectResponse};

const PAGE: u64 = 65_536;

/// Takes a snapshot of `a` as its controller.
fn take(world: &World, replace: Option<&[u8]>) -> Result<Snapshot, RejectResponse> {
    let arguments = TakeCanisterSnapshotArgs {
        canister_id: world.a,
        replace_snapshot: replace.map(Vec::from),
        uninstall_code: None,
        sender_canister_version: None,
    };
    ask(&world.pic, Principal::anonymous(), world.a, "take_canister_snapshot", arguments)
        .map(|reply| decode::<(Snapshot,)>(&reply).0)
}

fn load(world: &World, canister: Principal, id: &[u8]) -> Result<(), RejectResponse> {
    world.pic.load_canister_snapshot(canister, None, id.to_vec())
}

fn list(world: &World) -> Vec<Snapshot> {
    let reply =
        ask(&world.pic, Principal::anonymous(), world.a, "list_canister_snapshots", about(world.a));
    decode::<(Vec<Snapshot>,)>(&reply.unwrap()).0
}

fn delete(world: &World, canister: Principal, id: &[u8]) -> Result<(), RejectResponse> {
    world.pic.delete_canister_snapshot(canister, None, id.to_vec())
}

fn code_of<T: std::fmt::Debug>(result: Result<T, RejectResponse>) -> ErrorCode {
    result.unwrap_err().error_code
}

/// Puts numbers into heap, stable memory and a global, and stores a chunk.
fn fill(world: &World) {
    let steps = script().put(3, 11).set(5).store_global().stable_grow(1).set(7).store_stable(16);
    world.run(world.a, steps.reply("")).unwrap();
    let chunk = UploadChunkArgs { canister_id: world.a, chunk: b"chunk".to_vec() };
    ask(&world.pic, Principal::anonymous(), world.a, "upload_chunk", chunk).unwrap();
}

/// What [`fill`] leaves in a canister: heap, stable memory and its size, the global.
fn content(world: &World, canister: Principal) -> Answer {
    let heap = script().load(3).append_acc();
    let stable = heap.load_stable(16).append_acc().stable_size().append_acc();
    world.ask(canister, stable.load_global().append_acc().reply(""))
}

fn chunks(world: &World, canister: Principal) -> usize {
    let reply = ask(&world.pic, Principal::anonymous(), canister, "stored_chunks", about(canister));
    decode::<(StoredChunksResult,)>(&reply.unwrap()).0.len()
}

#[test]
fn a_snapshot_brings_back_code_and_memories() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let before = content(&world, world.a);
        let module = world.pic.canister_status(world.a, None).unwrap().module_hash;
        let snapshot = take(&world, None).unwrap();
        let other = canister_with("(global (mut i64) (i64.const 1))");
        world.pic.reinstall_canister(world.a, other, vec![], None).unwrap();
        world.run(world.a, script().put(3, 12).grow(9).stable_grow(3).reply("")).unwrap();
        ask(&world.pic, Principal::anonymous(), world.a, "clear_chunk_store", about(world.a))
            .unwrap();
        let heap = world.pic.canister_status(world.a, None).unwrap().memory_metrics;
        assert!(heap.wasm_memory_size >= 10 * PAGE);
        for _ in 0..2 {
            load(&world, world.a, &snapshot.id).unwrap();
            assert_eq!(content(&world, world.a), before);
            let status = world.pic.canister_status(world.a, None).unwrap();
            assert_eq!(status.module_hash, module);
            assert_eq!(status.memory_metrics.wasm_memory_size, PAGE);
            assert_eq!(chunks(&world, world.a), 1);
            // What happens afterwards changes the canister and not the snapshot.
            world.run(world.a, script().put(3, 13).set(8).store_stable(16).reply("")).unwrap();
            assert_eq!(world.cell(world.a, 3), 13);
        }
    });
}

#[test]
fn loading_changes_the_version_and_stands_in_the_history() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let snapshot = take(&world, None).unwrap();
        let taken = world.pic.canister_status(world.a, None).unwrap().version;
        world.run(world.a, script().reply("")).unwrap();
        load(&world, world.a, &snapshot.id).unwrap();
        assert_eq!(world.pic.canister_status(world.a, None).unwrap().version, taken + 2);
        let arguments = CanisterInfoArgs { canister_id: world.a, num_requested_changes: Some(1) };
        let info = management("canister_info", arguments);
        let info = world.run(world.b, script().call(info)).unwrap();
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
        let world = server.one_subnet();
        let mut snapshots: Vec<Snapshot> = (0..10).map(|_| take(&world, None).unwrap()).collect();
        assert_eq!(list(&world), snapshots);
        for (number, snapshot) in snapshots.iter().enumerate() {
            let id = [&(number as u64).to_be_bytes(), world.a.as_slice()].concat();
            assert_eq!(snapshot.id, id);
        }
        let reject = take(&world, None).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
        assert!(reject.reject_message.contains("maximum number of snapshots"));
        let replaced = snapshots.remove(4).id;
        snapshots.push(take(&world, Some(&replaced)).unwrap());
        assert_eq!(list(&world), snapshots);
        assert_eq!(code_of(load(&world, world.a, &replaced)), ErrorCode::CanisterSnapshotNotFound);
        delete(&world, world.a, &snapshots.remove(0).id).unwrap();
        assert_eq!(list(&world), snapshots);
        take(&world, None).unwrap();
    });
}

#[test]
fn snapshots_count_for_memory_until_they_are_deleted() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let status = || world.pic.canister_status(world.a, None).unwrap();
        let before = status();
        let snapshot = take(&world, None).unwrap();
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
        delete(&world, world.a, &snapshot.id).unwrap();
        assert_eq!(status().memory_size, before.memory_size);
    });
}

#[test]
fn taking_and_loading_cost_two_billion_instructions_and_one_for_each_byte() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let (taking, snapshot) = world.spent(world.a, || take(&world, None).unwrap());
        let cost = 2_000_000_000 + u128::from(snapshot.total_size);
        // Beside that it costs what the message does.
        assert!((cost..cost + 5_000_000).contains(&taking), "{taking}");
        let (loading, _) = world.spent(world.a, || load(&world, world.a, &snapshot.id).unwrap());
        // Loading compiles, too.
        assert!((cost..2 * cost).contains(&loading), "{loading}");
    });
}

#[test]
fn what_cannot_be_paid_for_is_not_taken() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        // As it is, the canister keeps above its threshold, but not with twice the memory.
        let burn = world.pic.canister_status(world.a, None).unwrap().idle_cycles_burned_per_day;
        let balance = world.pic.cycle_balance(world.a);
        let days = (candid::Nat::from(balance) / burn) * 7u8 / 10u8;
        let freezing_threshold = Some(days * 86_400u32);
        let settings = CanisterSettings { freezing_threshold, ..CanisterSettings::default() };
        set(&world.pic, world.a, settings).unwrap();
        world.run(world.a, script().reply("")).unwrap();
        assert_eq!(code_of(take(&world, None)), ErrorCode::InsufficientCyclesInMemoryGrow);
        assert_eq!(list(&world), []);
        set(
            &world.pic,
            world.a,
            CanisterSettings {
                freezing_threshold: Some(0u8.into()),
                ..CanisterSettings::default()
            },
        )
        .unwrap();
        take(&world, None).unwrap();
    });
}

#[test]
fn code_can_be_uninstalled_once_the_snapshot_is_taken() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let before = content(&world, world.a);
        let arguments = TakeCanisterSnapshotArgs {
            canister_id: world.a,
            replace_snapshot: None,
            uninstall_code: Some(true),
            sender_canister_version: None,
        };
        let reply =
            ask(&world.pic, Principal::anonymous(), world.a, "take_canister_snapshot", arguments);
        let snapshot = decode::<(Snapshot,)>(&reply.unwrap()).0;
        assert_eq!(world.pic.canister_status(world.a, None).unwrap().module_hash, None);
        let empty = take(&world, None).unwrap_err();
        assert_eq!(empty.error_code, ErrorCode::CanisterRejectedMessage);
        load(&world, world.a, &snapshot.id).unwrap();
        assert_eq!(content(&world, world.a), before);
    });
}

#[test]
fn ids_that_name_no_snapshot_of_the_canister_are_refused() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let snapshot = take(&world, None).unwrap();
        let mut missing = snapshot.id.clone();
        missing[7] = 9;
        assert_eq!(code_of(load(&world, world.a, &missing)), ErrorCode::CanisterSnapshotNotFound);
        assert_eq!(code_of(delete(&world, world.a, &missing)), ErrorCode::CanisterSnapshotNotFound);
        assert_eq!(code_of(take(&world, Some(&missing))), ErrorCode::CanisterSnapshotNotFound);
        let foreign = delete(&world, world.b, &snapshot.id).unwrap_err();
        assert_eq!(foreign.error_code, ErrorCode::CanisterRejectedMessage);
        assert!(foreign.reject_message.contains("does not belong"));
        let short = delete(&world, world.a, &[1, 2, 3]);
        assert_eq!(code_of(short), ErrorCode::InvalidManagementPayload);
        assert_eq!(list(&world), [snapshot]);
    });
}

#[test]
fn who_controls_two_canisters_can_load_the_snapshot_of_one_onto_the_other() {
    // A PocketIC server may ask to wait until the snapshot has been written to its disk.
    let world = Server::Embedded.one_subnet();
    fill(&world);
    let snapshot = take(&world, None).unwrap();
    load(&world, world.b, &snapshot.id).unwrap();
    assert_eq!(content(&world, world.b), content(&world, world.a));
    let arguments = CanisterInfoArgs { canister_id: world.b, num_requested_changes: Some(1) };
    let info = world.run(world.a, script().call(management("canister_info", arguments))).unwrap();
    let change = decode::<(CanisterInfoResult,)>(&info).0.recent_changes.remove(0);
    let Some(ChangeDetails::LoadSnapshot(record)) = change.details else { panic!("{change:?}") };
    assert_eq!(record.from_canister_id, Some(world.a));
    world.pic.set_controllers(world.a, None, vec![somebody()]).unwrap();
    let reject = load(&world, world.b, &snapshot.id).unwrap_err();
    assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
    assert!(reject.reject_message.contains("Only a controller"));
}

#[test]
fn snapshots_stay_on_their_subnet_and_go_with_their_canister() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let snapshot = take(&world, None).unwrap();
        let code = code_of(load(&world, world.b, &snapshot.id));
        assert_eq!(code, ErrorCode::CanisterSnapshotNotFound);
        let neighbour =
            world.pic.create_canister_on_subnet(None, None, world.pic.get_subnet(world.a).unwrap());
        world.pic.stop_canister(world.a, None).unwrap();
        world.pic.delete_canister(world.a, None).unwrap();
        let code = code_of(load(&world, neighbour, &snapshot.id));
        assert_eq!(code, ErrorCode::CanisterSnapshotNotFound);
    });
}

#[test]
fn canisters_take_and_load_snapshots_of_what_they_control() {
    on_every_server(|server| {
        let world = server.one_subnet();
        world.run(world.b, script().put(3, 11).reply("")).unwrap();
        let arguments = || TakeCanisterSnapshotArgs {
            canister_id: world.b,
            replace_snapshot: None,
            uninstall_code: None,
            sender_canister_version: None,
        };
        let denied = reject(&world, management("take_canister_snapshot", arguments()));
        assert_eq!(denied.0, 5);
        world.pic.set_controllers(world.b, None, vec![world.a, Principal::anonymous()]).unwrap();
        let taken = management("take_canister_snapshot", arguments());
        let reply = world.run(world.a, script().call(taken)).unwrap();
        let snapshot_id = decode::<(Snapshot,)>(&reply).0.id;
        world.run(world.b, script().put(3, 12).reply("")).unwrap();
        let arguments = LoadCanisterSnapshotArgs {
            canister_id: world.b,
            snapshot_id,
            sender_canister_version: None,
        };
        let loaded = management("load_canister_snapshot", arguments);
        world.run(world.a, script().call(loaded)).unwrap();
        assert_eq!(world.cell(world.b, 3), 11);
    });
}

#[test]
fn snapshots_are_listed_for_those_whom_the_settings_name() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let snapshot = take(&world, None).unwrap();
        let listed = |sender| {
            ask(&world.pic, sender, world.a, "list_canister_snapshots", about(world.a))
                .map(|reply| decode::<(Vec<Snapshot>,)>(&reply).0)
        };
        listed(somebody()).unwrap_err();
        for visibility in
            [SnapshotVisibility::AllowedViewers(vec![somebody()]), SnapshotVisibility::Public]
        {
            let snapshot_visibility = Some(visibility);
            let settings = CanisterSettings { snapshot_visibility, ..CanisterSettings::default() };
            set(&world.pic, world.a, settings).unwrap();
            assert_eq!(listed(somebody()), Ok(vec![snapshot.clone()]));
        }
        // To be read is all that they are for.
        let others = world.pic.take_canister_snapshot(world.a, Some(somebody()), None);
        assert_eq!(code_of(others), ErrorCode::CanisterInvalidController);
        let others = world.pic.delete_canister_snapshot(world.a, Some(somebody()), snapshot.id);
        assert_eq!(code_of(others), ErrorCode::CanisterInvalidController);
    });
}
