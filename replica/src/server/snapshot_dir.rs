//! Snapshots of canisters as directories, to be inspected, or to be loaded into a canister of another
//! instance.
//!
//! The files are those of PocketIC (`pocket_ic_server/src/pocket_ic.rs`, `CanisterSnapshotDownload`): the
//! metadata, the module, the heap, the stable memory, and a file for each chunk of the chunk store. They
//! are read and written through methods of the management canister, which take rounds.

use crate::instance::{CanisterCall, EffectivePrincipal, Instance};
use crate::limits::SNAPSHOT_FILE_CHUNK_BYTES;
use crate::server::api::ApiError;
use crate::server::convert::reject_response;
use crate::types::CanisterId;
use candid::utils::ArgumentDecoder;
use candid::{CandidType, Principal, encode_one};
use ic_management_canister_types::*;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;

const METADATA: &str = "metadata.json";
const MODULE: &str = "wasm_module.bin";
const HEAP: &str = "wasm_memory.bin";
const STABLE: &str = "stable_memory.bin";
const CHUNKS: &str = "wasm_chunk_store";

/// A directory for a snapshot of a canister, and the sender of the calls that read or write the snapshot.
#[derive(Debug)]
pub(super) struct SnapshotDir<'a> {
    pub(super) instance: &'a mut Instance,
    pub(super) path: PathBuf,
    pub(super) sender: Principal,
    pub(super) canister: CanisterId,
}

impl SnapshotDir<'_> {
    /// Writes a snapshot into the directory.
    ///
    /// # Errors
    ///
    /// Fails if the directory is not empty, if a file cannot be written, or if the management canister
    /// rejects a call.
    pub(super) fn download(mut self, snapshot: SnapshotId) -> Result<(), ApiError> {
        let metadata = self.metadata(&snapshot)?;
        self.make_empty()?;
        let text = serde_json::to_vec_pretty(&metadata).expect("metadata is valid JSON");
        fs::write(self.path.join(METADATA), text).map_err(|error| self.failed(METADATA, error))?;
        use SnapshotDataKind::{StableMemory, WasmChunk, WasmMemory, WasmModule};
        self.save(&snapshot, MODULE, metadata.wasm_module_size, |offset, size| WasmModule {
            offset,
            size,
        })?;
        self.save(&snapshot, HEAP, metadata.wasm_memory_size, |offset, size| WasmMemory {
            offset,
            size,
        })?;
        if metadata.stable_memory_size > 0 {
            self.save(&snapshot, STABLE, metadata.stable_memory_size, |offset, size| {
                StableMemory { offset, size }
            })?;
        }
        for ChunkHash { hash } in metadata.wasm_chunk_store {
            let name = chunk_file(&hash);
            let chunk = self.data(&snapshot, WasmChunk { hash })?;
            fs::create_dir_all(self.path.join(CHUNKS))
                .and_then(|()| fs::write(self.path.join(&name), chunk))
                .map_err(|error| self.failed(&name, error))?;
        }
        Ok(())
    }

    /// Creates a snapshot from the files of the directory and returns its id.
    ///
    /// # Errors
    ///
    /// Fails if a file is missing or invalid, or if the management canister rejects a call.
    pub(super) fn upload(
        mut self,
        replace_snapshot: Option<SnapshotId>,
    ) -> Result<SnapshotId, ApiError> {
        let text = self.file(METADATA)?;
        let metadata: ReadCanisterSnapshotMetadataResult =
            serde_json::from_slice(&text).map_err(|error| self.failed(METADATA, error))?;
        let arguments = UploadCanisterSnapshotMetadataArgs {
            canister_id: self.canister.into(),
            replace_snapshot,
            wasm_module_size: metadata.wasm_module_size,
            globals: metadata.globals.into_iter().flatten().collect(),
            wasm_memory_size: metadata.wasm_memory_size,
            stable_memory_size: metadata.stable_memory_size,
            certified_data: metadata.certified_data,
            global_timer: metadata.global_timer,
            on_low_wasm_memory_hook_status: metadata.on_low_wasm_memory_hook_status,
        };
        let (result,): (UploadCanisterSnapshotMetadataResult,) =
            self.call("upload_canister_snapshot_metadata", arguments)?;
        let snapshot = result.snapshot_id;
        use SnapshotDataOffset::{StableMemory, WasmChunk, WasmMemory, WasmModule};
        self.load(&snapshot, MODULE, metadata.wasm_module_size, |offset| WasmModule { offset })?;
        self.load(&snapshot, HEAP, metadata.wasm_memory_size, |offset| WasmMemory { offset })?;
        self.load(&snapshot, STABLE, metadata.stable_memory_size, |offset| StableMemory {
            offset,
        })?;
        for ChunkHash { hash } in metadata.wasm_chunk_store {
            let chunk = self.file(&chunk_file(&hash))?;
            self.add(&snapshot, WasmChunk, chunk)?;
        }
        Ok(snapshot)
    }

    /// Writes one part of a snapshot into a file, in pieces.
    fn save(
        &mut self,
        snapshot: &SnapshotId,
        name: &str,
        bytes: u64,
        kind: fn(u64, u64) -> SnapshotDataKind,
    ) -> Result<(), ApiError> {
        let file = File::create(self.path.join(name));
        let mut file = file.map_err(|error| self.failed(name, error))?;
        for (offset, size) in pieces(bytes) {
            let data = self.data(snapshot, kind(offset, size))?;
            file.write_all(&data).map_err(|error| self.failed(name, error))?;
        }
        Ok(())
    }

    /// Reads one part of a snapshot from a file, in pieces. The file may be missing if the part is empty.
    fn load(
        &mut self,
        snapshot: &SnapshotId,
        name: &str,
        bytes: u64,
        kind: fn(u64) -> SnapshotDataOffset,
    ) -> Result<(), ApiError> {
        if bytes == 0 {
            return Ok(());
        }
        let file = File::open(self.path.join(name));
        let mut file = file.map_err(|error| self.failed(name, error))?;
        for (offset, size) in pieces(bytes) {
            let mut chunk = vec![0; size as usize];
            file.read_exact(&mut chunk).map_err(|error| self.failed(name, error))?;
            self.add(snapshot, kind(offset), chunk)?;
        }
        Ok(())
    }

    fn metadata(
        &mut self,
        snapshot: &SnapshotId,
    ) -> Result<ReadCanisterSnapshotMetadataResult, ApiError> {
        let (canister_id, snapshot_id) = (self.canister.principal(), snapshot.clone());
        let arguments = ReadCanisterSnapshotMetadataArgs { canister_id, snapshot_id };
        let (metadata,) = self.call("read_canister_snapshot_metadata", arguments)?;
        Ok(metadata)
    }

    fn data(&mut self, snapshot: &SnapshotId, kind: SnapshotDataKind) -> Result<Vec<u8>, ApiError> {
        let (canister_id, snapshot_id) = (self.canister.principal(), snapshot.clone());
        let arguments = ReadCanisterSnapshotDataArgs { canister_id, snapshot_id, kind };
        let (result,): (ReadCanisterSnapshotDataResult,) =
            self.call("read_canister_snapshot_data", arguments)?;
        Ok(result.chunk)
    }

    fn add(
        &mut self,
        snapshot: &SnapshotId,
        kind: SnapshotDataOffset,
        chunk: Vec<u8>,
    ) -> Result<(), ApiError> {
        let (canister_id, snapshot_id) = (self.canister.principal(), snapshot.clone());
        let arguments = UploadCanisterSnapshotDataArgs { canister_id, snapshot_id, kind, chunk };
        self.call("upload_canister_snapshot_data", arguments)
    }

    /// Calls a method of the management canister and returns its decoded reply.
    fn call<R: for<'a> ArgumentDecoder<'a>>(
        &mut self,
        method: &str,
        argument: impl CandidType,
    ) -> Result<R, ApiError> {
        let reply = self.instance.update(CanisterCall {
            sender: self.sender,
            caller_info: None,
            canister: CanisterId::MANAGEMENT,
            effective_principal: EffectivePrincipal::Canister(self.canister),
            method: method.to_owned(),
            argument: encode_one(argument).expect("arguments are Candid"),
        })?;
        let reply = reply.map_err(|failure| {
            ApiError::bad_request(reject_response(failure, true).reject_message)
        })?;
        candid::decode_args(&reply).map_err(|error| {
            ApiError::internal(format!("the reply of {method} cannot be decoded: {error}"))
        })
    }

    fn make_empty(&self) -> Result<(), ApiError> {
        let entries = fs::create_dir_all(&self.path).and_then(|()| fs::read_dir(&self.path));
        match entries.map_err(|error| self.failed("", error))?.next() {
            None => Ok(()),
            Some(_) => Err(self.failed("", "the directory is not empty; choose another one")),
        }
    }

    fn file(&self, name: &str) -> Result<Vec<u8>, ApiError> {
        fs::read(self.path.join(name)).map_err(|error| self.failed(name, error))
    }

    fn failed(&self, name: &str, error: impl Display) -> ApiError {
        ApiError::bad_request(format!("{}: {error}", self.path.join(name).display()))
    }
}

/// The offset and the size of each piece of a file with `bytes` bytes.
fn pieces(bytes: u64) -> impl Iterator<Item = (u64, u64)> {
    let piece = move |offset: u64| (offset, (bytes - offset).min(SNAPSHOT_FILE_CHUNK_BYTES as u64));
    (0..bytes).step_by(SNAPSHOT_FILE_CHUNK_BYTES).map(piece)
}

/// The file of a chunk with this hash.
fn chunk_file(hash: &[u8]) -> String {
    format!("{CHUNKS}/{}.bin", hex::encode(hash))
}
