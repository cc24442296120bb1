//! Management calls that read the data of a snapshot, and that upload a snapshot.

use super::Call;
use super::chunks::{check_writing_chunks, chunk_store_error};
use super::snapshots::{add, bytes, of, source_of, to_be_replaced};
use crate::canister::{Canister, LowWasmMemoryHook, Memories, Snapshot, Val};
use crate::cycles::Prices;
use crate::error::{ErrorCode, UserError};
use crate::ic00::encode;
use crate::limits::*;
use crate::subnet::Subnet;
use crate::trace::Fee;
use crate::types::{Instructions, Payload, Time};
use candid::Principal;
use ic_management_canister_types::*;

impl Subnet {
    pub(super) fn read_metadata(&mut self, call: &Call) -> Result<Payload, UserError> {
        let ReadCanisterSnapshotMetadataArgs { canister_id, snapshot_id } = call.decode()?;
        let (_, snapshot) = of(self.authorized_canister(call, canister_id.into())?, &snapshot_id)?;
        Ok(encode((ReadCanisterSnapshotMetadataResult {
            source: Some(source_of(snapshot)),
            taken_at_timestamp: snapshot.taken_at.as_nanos(),
            wasm_module_size: snapshot.module.len() as u64,
            globals: snapshot.memories.globals().iter().map(to_global).collect(),
            wasm_memory_size: snapshot.memories.heap_bytes(),
            stable_memory_size: snapshot.memories.stable_bytes(),
            wasm_chunk_store: snapshot
                .chunks
                .hashes()
                .map(|hash| ChunkHash { hash: hash.to_vec() })
                .collect(),
            canister_version: snapshot.version,
            certified_data: snapshot.certified_data.clone(),
            global_timer: snapshot.global_timer.map(|timer| {
                timer.map_or(CanisterTimer::Inactive, |time| CanisterTimer::Active(time.as_nanos()))
            }),
            on_low_wasm_memory_hook_status: snapshot.low_wasm_memory_hook.map(to_status),
        },)))
    }

    pub(super) fn read_data(&mut self, call: &Call) -> Result<Payload, UserError> {
        let ReadCanisterSnapshotDataArgs { canister_id, snapshot_id, kind } = call.decode()?;
        let prices = self.prices;
        let baseline = self.config.baseline(SNAPSHOT_DATA_INSTRUCTIONS);
        let canister = self.authorized_canister(call, canister_id.into())?;
        let (number, _) = of(canister, &snapshot_id)?;
        let asked = match kind {
            SnapshotDataKind::WasmModule { size, .. }
            | SnapshotDataKind::WasmMemory { size, .. }
            | SnapshotDataKind::StableMemory { size, .. } => size,
            SnapshotDataKind::WasmChunk { .. } => CHUNK_BYTES_MAX as u64,
        };
        if asked > SNAPSHOT_SLICE_BYTES_MAX {
            return Err(UserError::new(
                ErrorCode::InvalidManagementPayload,
                format!("Requested slice too large: {asked} > {SNAPSHOT_SLICE_BYTES_MAX}"),
            ));
        }
        let instructions = baseline + asked as Instructions;
        charge(canister, instructions, prices, call.caller)?;
        let snapshot = canister.snapshots.get(number).expect("it was there before it was paid for");
        let chunk = slice(snapshot, kind)?;
        self.spend(instructions);
        Ok(encode((ReadCanisterSnapshotDataResult { chunk },)))
    }

    pub(super) fn upload_metadata(&mut self, call: &Call) -> Result<Payload, UserError> {
        let arguments: UploadCanisterSnapshotMetadataArgs = call.decode()?;
        let (capacity, now) = (self.capacity(), self.time);
        let baseline = self.config.baseline(SNAPSHOT_INSTRUCTIONS);
        let canister = self.authorized_canister(call, arguments.canister_id.into())?;
        check_metadata(canister, &arguments)?;
        let replaced = to_be_replaced(canister, arguments.replace_snapshot.as_deref())?;
        canister.debits.check_writing(canister.id)?;
        let snapshot = blank(canister, arguments, now)?;
        let before = canister.memory_usage().total();
        let after = before + snapshot.bytes() - bytes(canister, replaced);
        let instructions = baseline + snapshot.bytes() as Instructions;
        capacity.resize(
            canister,
            before,
            after,
            capacity.prices.instructions(instructions, false),
        )?;
        let snapshot_id = add(canister, snapshot, replaced).id;
        self.spend(instructions);
        Ok(encode((UploadCanisterSnapshotMetadataResult { snapshot_id },)))
    }

    pub(super) fn upload_data(&mut self, call: &Call) -> Result<(), UserError> {
        let arguments: UploadCanisterSnapshotDataArgs = call.decode()?;
        let UploadCanisterSnapshotDataArgs { canister_id, snapshot_id, kind, chunk } = arguments;
        let capacity = self.capacity();
        let canister = self.authorized_canister(call, canister_id.into())?;
        let (number, snapshot) = of(canister, &snapshot_id)?;
        if !snapshot.uploaded {
            return Err(UserError::new(
                ErrorCode::CanisterSnapshotImmutable,
                "Only canister snapshots created by metadata upload can be mutated.",
            ));
        }
        check_writing_chunks(canister)?;
        let is_chunk = matches!(kind, SnapshotDataOffset::WasmChunk);
        let written = if is_chunk { CHUNK_BYTES_MAX } else { chunk.len() } as Instructions;
        charge(canister, written, capacity.prices, call.caller)?;
        if is_chunk {
            let (hash, is_new) =
                snapshot_mut(canister, number).chunks.check(&chunk).map_err(chunk_store_error)?;
            if is_new {
                let before = canister.memory_usage().total();
                capacity.resize(canister, before, before + CHUNK_BYTES_MAX as u64, 0)?;
                snapshot_mut(canister, number).chunks.insert(hash, chunk);
                canister.debits.add_heap_delta(written);
                self.spend(self.config.baseline(UPLOAD_CHUNK_INSTRUCTIONS));
            }
            return Ok(());
        }
        write(snapshot_mut(canister, number), &kind, &chunk)?;
        canister.debits.add_heap_delta(written);
        self.spend(written);
        Ok(())
    }
}

fn snapshot_mut(canister: &mut Canister, number: u64) -> &mut Snapshot {
    canister.snapshots.get_mut(number).expect("it was found before")
}

/// Charges a canister for instructions that a call of `caller` spends on one of its snapshots.
fn charge(
    canister: &mut Canister,
    instructions: Instructions,
    prices: Prices,
    caller: Principal,
) -> Result<(), UserError> {
    let cost = prices.instructions(instructions, false);
    canister.check_can_pay(cost, prices, caller).map_err(|error| {
        let text = format!("Canister snapshotting failed with: `{}`", error.description);
        UserError::new(ErrorCode::CanisterOutOfCycles, text)
    })?;
    canister.pay(Fee::Management, cost);
    Ok(())
}

fn invalid_slice(offset: u64, size: u64) -> UserError {
    UserError::new(
        ErrorCode::InvalidManagementPayload,
        format!(
            "Invalid subslice into wasm module / main memory / stable memory: offset: {offset}, \
             size: {size}"
        ),
    )
}

/// A part of the data of a snapshot.
fn slice(snapshot: &Snapshot, kind: SnapshotDataKind) -> Result<Vec<u8>, UserError> {
    let (found, offset, size) = match kind {
        SnapshotDataKind::WasmChunk { hash } => {
            let chunk = snapshot.chunks.get(&hash).map(Vec::from);
            return chunk
                .ok_or_else(|| chunk_store_error(format!("WasmChunkHash {hash:02x?} not found")));
        }
        SnapshotDataKind::WasmModule { offset, size } => {
            let range = offset as usize..offset.saturating_add(size) as usize;
            (snapshot.module.get(range).map(Vec::from), offset, size)
        }
        SnapshotDataKind::WasmMemory { offset, size } => {
            (snapshot.memories.read_heap(offset, size), offset, size)
        }
        SnapshotDataKind::StableMemory { offset, size } => {
            (snapshot.memories.read_stable(offset, size), offset, size)
        }
    };
    found.ok_or_else(|| invalid_slice(offset, size))
}

/// Writes bytes into the module or a memory of a snapshot.
fn write(
    snapshot: &mut Snapshot,
    kind: &SnapshotDataOffset,
    bytes: &[u8],
) -> Result<(), UserError> {
    let (written, offset) = match *kind {
        SnapshotDataOffset::WasmModule { offset } => (snapshot.write_module(offset, bytes), offset),
        SnapshotDataOffset::WasmMemory { offset } => {
            (snapshot.memories.write_heap(offset, bytes), offset)
        }
        SnapshotDataOffset::StableMemory { offset } => {
            (snapshot.memories.write_stable(offset, bytes), offset)
        }
        SnapshotDataOffset::WasmChunk => (Some(()), 0),
    };
    written.ok_or_else(|| invalid_slice(offset, bytes.len() as u64))
}

/// Checks that a canister can have a snapshot with this metadata.
fn check_metadata(
    canister: &Canister,
    metadata: &UploadCanisterSnapshotMetadataArgs,
) -> Result<(), UserError> {
    let wasm64 = canister.module().is_some_and(|module| module.wasm64);
    let heap_max = if wasm64 { WASM64_MEMORY_MAX } else { WASM32_MEMORY_MAX };
    let rules = [
        (metadata.wasm_module_size > 0, "WasmModuleEmpty"),
        (metadata.wasm_module_size <= MODULE_BYTES_MAX as u64, "WasmModuleTooLarge"),
        (metadata.wasm_memory_size.is_multiple_of(WASM_PAGE_BYTES), "WasmMemoryNotPageAligned"),
        (metadata.wasm_memory_size <= heap_max, "WasmMemoryTooLarge"),
        (metadata.stable_memory_size.is_multiple_of(WASM_PAGE_BYTES), "StableMemoryNotPageAligned"),
        (metadata.stable_memory_size <= STABLE_MEMORY_MAX, "StableMemoryTooLarge"),
        (metadata.globals.len() <= GLOBALS_MAX as usize, "ExportedGlobalsTooLarge"),
        (metadata.certified_data.len() <= CERTIFIED_DATA_BYTES_MAX, "CertifiedDataTooLarge"),
    ];
    match rules.iter().find(|(is_kept, _)| !is_kept) {
        Some((_, broken)) => Err(invalid_metadata(broken)),
        None => Ok(()),
    }
}

fn invalid_metadata(reason: &str) -> UserError {
    UserError::new(
        ErrorCode::InvalidManagementPayload,
        format!("Snapshot Metadata contains invalid data: {reason}"),
    )
}

/// A snapshot with this metadata, whose module and memories are filled with zeros.
fn blank(
    canister: &Canister,
    metadata: UploadCanisterSnapshotMetadataArgs,
    now: Time,
) -> Result<Snapshot, UserError> {
    let globals: Option<Vec<Val>> = metadata.globals.into_iter().map(from_global).collect();
    let globals = globals.ok_or_else(|| invalid_metadata("a v128 has more than 128 bits"))?;
    let heap_bytes = metadata.wasm_memory_size as usize;
    Ok(Snapshot {
        uploaded: true,
        taken_at: now,
        version: canister.version,
        module: vec![0; metadata.wasm_module_size as usize].into(),
        memories: Memories::zeroed(heap_bytes, metadata.stable_memory_size, globals),
        chunks: Default::default(),
        certified_data: metadata.certified_data,
        global_timer: metadata.global_timer.map(|timer| match timer {
            CanisterTimer::Inactive => None,
            CanisterTimer::Active(nanos) => Some(Time::from_nanos(nanos)),
        }),
        low_wasm_memory_hook: metadata.on_low_wasm_memory_hook_status.map(from_status),
    })
}

/// A global as callers see it. None for references, which callers cannot see.
fn to_global(value: &Val) -> Option<SnapshotMetadataGlobal> {
    Some(match value {
        Val::I32(value) => SnapshotMetadataGlobal::I32(*value),
        Val::I64(value) => SnapshotMetadataGlobal::I64(*value),
        Val::F32(bits) => SnapshotMetadataGlobal::F32(f32::from_bits(*bits)),
        Val::F64(bits) => SnapshotMetadataGlobal::F64(f64::from_bits(*bits)),
        Val::V128(value) => SnapshotMetadataGlobal::V128(value.as_u128().into()),
        _ => return None,
    })
}

fn from_global(value: SnapshotMetadataGlobal) -> Option<Val> {
    Some(match value {
        SnapshotMetadataGlobal::I32(value) => Val::I32(value),
        SnapshotMetadataGlobal::I64(value) => Val::I64(value),
        SnapshotMetadataGlobal::F32(value) => Val::F32(value.to_bits()),
        SnapshotMetadataGlobal::F64(value) => Val::F64(value.to_bits()),
        SnapshotMetadataGlobal::V128(value) => Val::V128(u128::try_from(value.0).ok()?.into()),
    })
}

fn to_status(hook: LowWasmMemoryHook) -> OnLowWasmMemoryHookStatus {
    match hook {
        LowWasmMemoryHook::ConditionNotSatisfied => {
            OnLowWasmMemoryHookStatus::ConditionNotSatisfied
        }
        LowWasmMemoryHook::Ready => OnLowWasmMemoryHookStatus::Ready,
        LowWasmMemoryHook::Executed => OnLowWasmMemoryHookStatus::Executed,
    }
}

fn from_status(status: OnLowWasmMemoryHookStatus) -> LowWasmMemoryHook {
    match status {
        OnLowWasmMemoryHookStatus::ConditionNotSatisfied => {
            LowWasmMemoryHook::ConditionNotSatisfied
        }
        OnLowWasmMemoryHookStatus::Ready => LowWasmMemoryHook::Ready,
        OnLowWasmMemoryHookStatus::Executed => LowWasmMemoryHook::Executed,
    }
}
