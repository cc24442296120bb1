//! The data of a snapshot, as clients read and write it.

use crate::ic00::{ask, decode};
use candid::{CandidType, Principal};
use ic_management_canister_types::*;
use pocket_ic::{ErrorCode, RejectResponse};
use sha2::{Digest, Sha256};
use test_support::script::{ON_TIMER, canister, canister_with, script};
use test_support::{CallResult, ScriptedNetwork, StatusOf, on_every_server};

const PAGE: u64 = 65_536;

/// A call about a snapshot, as the controller of everything.
fn call(
    network: &ScriptedNetwork,
    canister: Principal,
    method: &str,
    arguments: impl CandidType,
) -> CallResult {
    ask(&network.pic, Principal::anonymous(), canister, method, arguments)
}

pub fn take(network: &ScriptedNetwork, canister: Principal) -> SnapshotId {
    network.pic.take_canister_snapshot(canister, None, None).unwrap().id
}

fn metadata(network: &ScriptedNetwork, id: &SnapshotId) -> ReadCanisterSnapshotMetadataResult {
    let arguments =
        ReadCanisterSnapshotMetadataArgs { canister_id: network.a, snapshot_id: id.clone() };
    let reply = call(network, network.a, "read_canister_snapshot_metadata", arguments);
    decode::<(ReadCanisterSnapshotMetadataResult,)>(&reply.unwrap()).0
}

fn read(
    network: &ScriptedNetwork,
    id: &SnapshotId,
    kind: SnapshotDataKind,
) -> Result<Vec<u8>, RejectResponse> {
    let arguments =
        ReadCanisterSnapshotDataArgs { canister_id: network.a, snapshot_id: id.clone(), kind };
    let reply = call(network, network.a, "read_canister_snapshot_data", arguments)?;
    Ok(decode::<(ReadCanisterSnapshotDataResult,)>(&reply).0.chunk)
}

/// The metadata that makes a snapshot of `canister` like one that was read.
fn upload_of(
    canister: Principal,
    metadata: ReadCanisterSnapshotMetadataResult,
) -> UploadCanisterSnapshotMetadataArgs {
    UploadCanisterSnapshotMetadataArgs {
        canister_id: canister,
        replace_snapshot: None,
        wasm_module_size: metadata.wasm_module_size,
        globals: metadata.globals.into_iter().map(Option::unwrap).collect(),
        wasm_memory_size: metadata.wasm_memory_size,
        stable_memory_size: metadata.stable_memory_size,
        certified_data: metadata.certified_data,
        global_timer: metadata.global_timer,
        on_low_wasm_memory_hook_status: metadata.on_low_wasm_memory_hook_status,
    }
}

fn upload(
    network: &ScriptedNetwork,
    metadata: UploadCanisterSnapshotMetadataArgs,
) -> Result<SnapshotId, RejectResponse> {
    let canister = metadata.canister_id;
    let reply = call(network, canister, "upload_canister_snapshot_metadata", metadata)?;
    Ok(decode::<(UploadCanisterSnapshotMetadataResult,)>(&reply).0.snapshot_id)
}

fn write(
    network: &ScriptedNetwork,
    canister_id: Principal,
    id: &SnapshotId,
    kind: SnapshotDataOffset,
    chunk: &[u8],
) -> Result<(), RejectResponse> {
    let arguments = UploadCanisterSnapshotDataArgs {
        canister_id,
        snapshot_id: id.clone(),
        kind,
        chunk: chunk.to_vec(),
    };
    call(network, canister_id, "upload_canister_snapshot_data", arguments).map(drop)
}

fn load(
    network: &ScriptedNetwork,
    canister: Principal,
    id: &SnapshotId,
) -> Result<(), RejectResponse> {
    network.pic.load_canister_snapshot(canister, None, id.clone())
}

/// A snapshot of `b` that has the module of the tests in it, and nothing else.
fn uploaded(
    network: &ScriptedNetwork,
    change: impl FnOnce(&mut UploadCanisterSnapshotMetadataArgs),
) -> SnapshotId {
    let read = metadata(network, &take(network, network.a));
    let mut arguments = upload_of(network.b, read);
    change(&mut arguments);
    let id = upload(network, arguments).unwrap();
    write(network, network.b, &id, SnapshotDataOffset::WasmModule { offset: 0 }, &canister())
        .unwrap();
    id
}

#[test]
fn metadata_tells_what_the_canister_was() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let steps = script().set(5).store_global().stable_grow(2).certify("root").timer(77);
        network.run(network.a, steps.reply("")).unwrap();
        let chunk = UploadChunkArgs { canister_id: network.a, chunk: b"chunk".to_vec() };
        call(&network, network.a, "upload_chunk", chunk).unwrap();
        let id = take(&network, network.a);
        let status = network.pic.status_of(network.a, None).unwrap();
        let metadata = metadata(&network, &id);
        assert_eq!(metadata.source, Some(SnapshotSource::TakenFromCanister(candid::Reserved)));
        assert_eq!(metadata.wasm_module_size, canister().len() as u64);
        assert_eq!(metadata.wasm_memory_size, PAGE);
        assert_eq!(metadata.stable_memory_size, 2 * PAGE);
        assert_eq!(metadata.canister_version, status.version);
        assert_eq!(metadata.certified_data, b"root");
        assert_eq!(
            metadata.wasm_chunk_store,
            [ChunkHash { hash: Sha256::digest(b"chunk").to_vec() }]
        );
        assert!(matches!(
            metadata.on_low_wasm_memory_hook_status,
            Some(OnLowWasmMemoryHookStatus::ConditionNotSatisfied)
        ));
        // It has five, of which two have 64 bits: the number it works on, and the one it was set to.
        let long = |global: &Option<_>| match global {
            Some(SnapshotMetadataGlobal::I64(number)) => Some(*number),
            _ => None,
        };
        assert_eq!(metadata.globals.len(), 5);
        let long: Vec<i64> = metadata.globals.iter().filter_map(long).collect();
        assert!(long.len() == 2 && long.contains(&5), "{long:?}");
    });
}

#[test]
fn a_snapshot_that_is_read_and_uploaded_makes_another_canister_the_same() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let second = 1_000_000_000;
        let later = network.pic.get_time().as_nanos_since_unix_epoch() + 100 * second;
        let steps = script()
            .put(3, 11)
            .set(5)
            .store_global()
            .stable_grow(1)
            .set(7)
            .store_stable(PAGE - 8)
            .certify("root")
            .keep(ON_TIMER, script().put(4, 1))
            .timer(later);
        network.run(network.a, steps.reply("")).unwrap();
        let chunk = UploadChunkArgs { canister_id: network.a, chunk: b"chunk".to_vec() };
        call(&network, network.a, "upload_chunk", chunk).unwrap();
        let source = take(&network, network.a);
        let read_metadata = metadata(&network, &source);
        let hash = read_metadata.wasm_chunk_store[0].hash.clone();
        let module_size = read_metadata.wasm_module_size;
        let copy = upload(&network, upload_of(network.b, read_metadata)).unwrap();

        // In pieces that do not end where pages do.
        let pieces = |size: u64| {
            (0..size).step_by(10_001).map(move |offset| (offset, (size - offset).min(10_001)))
        };
        let transfer = |kind: SnapshotDataKind, to: SnapshotDataOffset| {
            let piece = read(&network, &source, kind).unwrap();
            write(&network, network.b, &copy, to, &piece).unwrap();
        };
        for (offset, size) in pieces(module_size) {
            let from = SnapshotDataKind::WasmModule { offset, size };
            transfer(from, SnapshotDataOffset::WasmModule { offset });
        }
        for (offset, size) in pieces(PAGE) {
            let from = SnapshotDataKind::WasmMemory { offset, size };
            transfer(from, SnapshotDataOffset::WasmMemory { offset });
            let from = SnapshotDataKind::StableMemory { offset, size };
            transfer(from, SnapshotDataOffset::StableMemory { offset });
        }
        transfer(SnapshotDataKind::WasmChunk { hash }, SnapshotDataOffset::WasmChunk);
        network.pic.uninstall_canister(network.b, None).unwrap();
        load(&network, network.b, &copy).unwrap();

        for canister in [network.a, network.b] {
            let numbers = script().load(3).append_acc().load_global().append_acc();
            let numbers = numbers.load_stable(PAGE - 8).append_acc().reply("");
            let expected: Vec<u8> = [11u64, 5, 7].into_iter().flat_map(u64::to_le_bytes).collect();
            assert_eq!(network.ask(canister, numbers), Ok(expected));
            assert_eq!(network.cell(canister, 4), 0);
        }
        network.pic.advance_time(std::time::Duration::from_secs(101));
        network.pic.tick();
        network.pic.tick();
        assert_eq!((network.cell(network.a, 4), network.cell(network.b, 4)), (1, 1));
    });
}

#[test]
fn what_lies_outside_a_snapshot_is_neither_read_nor_written() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let id = take(&network, network.a);
        let copy = uploaded(&network, |_| {});
        let module = canister().len() as u64;
        let (offset, size) = (PAGE - 1, 2);
        for kind in [
            SnapshotDataKind::WasmModule { offset: module - 1, size },
            SnapshotDataKind::WasmMemory { offset, size },
            SnapshotDataKind::StableMemory { offset: 0, size: 1 },
            SnapshotDataKind::WasmMemory { offset: u64::MAX, size },
            SnapshotDataKind::WasmModule { offset: 0, size: 2_000_001 },
        ] {
            let reject = read(&network, &id, kind).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::InvalidManagementPayload);
        }
        for kind in [
            SnapshotDataOffset::WasmModule { offset: module - 1 },
            SnapshotDataOffset::WasmMemory { offset },
            SnapshotDataOffset::StableMemory { offset: 0 },
            SnapshotDataOffset::WasmMemory { offset: u64::MAX },
        ] {
            let reject = write(&network, network.b, &copy, kind, &[1, 2]).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::InvalidManagementPayload);
        }
        let missing = SnapshotDataKind::WasmChunk { hash: vec![0; 32] };
        let reject = read(&network, &id, missing).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
        let end = SnapshotDataKind::WasmMemory { offset, size: 1 };
        assert_eq!(read(&network, &id, end), Ok(vec![0]));
    });
}

#[test]
fn a_snapshot_taken_from_a_canister_cannot_be_changed() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let id = take(&network, network.b);
        let kind = SnapshotDataOffset::WasmMemory { offset: 0 };
        let reject = write(&network, network.b, &id, kind, &[1]).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterSnapshotImmutable);
    });
}

#[test]
fn metadata_of_what_no_canister_can_be_is_refused() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let read = metadata(&network, &take(&network, network.a));
        let refused = |change: &dyn Fn(&mut UploadCanisterSnapshotMetadataArgs)| {
            let mut arguments = upload_of(network.b, read.clone());
            change(&mut arguments);
            let reject = upload(&network, arguments).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::InvalidManagementPayload);
        };
        refused(&|metadata| metadata.wasm_module_size = 0);
        refused(&|metadata| metadata.wasm_module_size = 100 * (1 << 20) + 1);
        refused(&|metadata| metadata.wasm_memory_size = PAGE + 1);
        refused(&|metadata| metadata.wasm_memory_size = (1 << 32) + PAGE);
        refused(&|metadata| metadata.stable_memory_size = 1);
        refused(&|metadata| metadata.stable_memory_size = (500 << 30) + PAGE);
        refused(&|metadata| metadata.certified_data = vec![0; 33]);
        refused(&|metadata| metadata.globals = vec![SnapshotMetadataGlobal::I32(0); 1_001]);
        assert_eq!(network.pic.list_canister_snapshots(network.b, None).unwrap().len(), 0);
    });
}

#[test]
fn an_upload_that_does_not_fit_together_is_not_loaded() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let code = |id| load(&network, network.b, &id).unwrap_err().error_code;
        network.run(network.b, script().put(3, 11).reply("")).unwrap();
        let few_globals = uploaded(&network, |metadata| drop(metadata.globals.pop()));
        assert_eq!(code(few_globals), ErrorCode::InvalidManagementPayload);
        let other_globals =
            uploaded(&network, |metadata| metadata.globals[0] = SnapshotMetadataGlobal::F64(0.5));
        assert_eq!(code(other_globals), ErrorCode::InvalidManagementPayload);
        let low = Some(OnLowWasmMemoryHookStatus::Executed);
        let wrong_hook =
            uploaded(&network, |metadata| metadata.on_low_wasm_memory_hook_status = low);
        assert_eq!(code(wrong_hook), ErrorCode::InvalidManagementPayload);
        let no_module = uploaded(&network, |metadata| metadata.wasm_module_size += 1);
        assert_eq!(code(no_module), ErrorCode::CanisterInvalidWasm);
        assert_eq!(network.cell(network.b, 3), 11);
        load(&network, network.b, &uploaded(&network, |_| {})).unwrap();
        assert_eq!(network.cell(network.b, 3), 0);
    });
}

#[test]
fn an_upload_without_timer_and_hook_leaves_them_unchanged() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let id = uploaded(&network, |metadata| {
            metadata.global_timer = None;
            metadata.on_low_wasm_memory_hook_status = None;
        });
        network.run(network.b, script().timer(u64::MAX).reply("")).unwrap();
        load(&network, network.b, &id).unwrap();
        let previous = network.run(network.b, script().timer(0).reply_number()).unwrap();
        assert_eq!(previous, u64::MAX.to_le_bytes());
    });
}

#[test]
fn reading_costs_five_million_instructions_and_one_for_each_byte_asked_for() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let id = take(&network, network.a);
        let asked = |size| {
            let kind = SnapshotDataKind::WasmMemory { offset: 0, size };
            network.spent(network.a, || read(&network, &id, kind).unwrap()).0
        };
        // Messages of the same length, of which one asks for more.
        assert_eq!(asked(60_000) - asked(10_000), 50_000);
        assert!(asked(0) > 5_000_000);
    });
}

#[test]
fn a_heap_that_was_uploaded_can_be_larger_than_that_of_the_module_before() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let other = canister_with("(global (mut i64) (i64.const 1))");
        network.pic.reinstall_canister(network.b, other, vec![], None).unwrap();
        let id = uploaded(&network, |metadata| metadata.wasm_memory_size = 5 * PAGE);
        let bytes = 11u64.to_le_bytes();
        write(&network, network.b, &id, SnapshotDataOffset::WasmMemory { offset: 24 }, &bytes)
            .unwrap();
        load(&network, network.b, &id).unwrap();
        let pages = network.ask(network.b, script().heap_pages().reply_number()).unwrap();
        assert_eq!(pages, 5u64.to_le_bytes());
        assert_eq!(network.cell(network.b, 3), 11);
    });
}
