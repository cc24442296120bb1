//! Snapshots of canisters as directories, to be inspected, or to be loaded into a canister of another
//! instance.
//!
//! The files are those of PocketIC (`pocket_ic_server/src/pocket_ic.rs`, `CanisterSnapshotDownload`): the
//! metadata, the module, the heap, the stable memory, and a file for each chunk of the chunk store. They
//! are read and written through methods of the management canister, which take rounds.

use crate::instance::{CanisterCall, EffectivePrincipal, Instance};
use crate::limits::{
    CHUNK_BYTES_MAX, CHUNKS_MAX, SNAPSHOT_FILE_CHUNK_BYTES, SNAPSHOT_METADATA_BYTES_MAX,
};
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
    /// Writes a snapshot into the directory. If that fails, the directory is as it was before.
    ///
    /// # Errors
    ///
    /// Fails if the directory is not empty, if a file cannot be written, or if the management canister
    /// rejects a call.
    pub(super) fn download(mut self, snapshot: SnapshotId) -> Result<(), ApiError> {
        let metadata = self.metadata(&snapshot)?;
        let existed = self.path.exists();
        self.make_empty()?;
        let written = self.write(&snapshot, metadata);
        if written.is_err() {
            self.remove_files(existed);
        }
        written
    }

    /// Writes all files into the empty directory. The metadata comes last, so that a directory with metadata is
    /// complete.
    fn write(
        &mut self,
        snapshot: &SnapshotId,
        metadata: ReadCanisterSnapshotMetadataResult,
    ) -> Result<(), ApiError> {
        use SnapshotDataKind::{StableMemory, WasmChunk, WasmMemory, WasmModule};
        let text = serde_json::to_vec_pretty(&metadata).expect("metadata is valid JSON");
        self.save(snapshot, MODULE, metadata.wasm_module_size, |offset, size| WasmModule {
            offset,
            size,
        })?;
        self.save(snapshot, HEAP, metadata.wasm_memory_size, |offset, size| WasmMemory {
            offset,
            size,
        })?;
        if metadata.stable_memory_size > 0 {
            self.save(snapshot, STABLE, metadata.stable_memory_size, |offset, size| {
                StableMemory { offset, size }
            })?;
        }
        for ChunkHash { hash } in metadata.wasm_chunk_store {
            let name = chunk_file(&hash);
            let chunk = self.data(snapshot, WasmChunk { hash })?;
            fs::create_dir_all(self.path.join(CHUNKS))
                .and_then(|()| fs::write(self.path.join(&name), chunk))
                .map_err(|error| self.failed(&name, error))?;
        }
        fs::write(self.path.join(METADATA), text).map_err(|error| self.failed(METADATA, error))
    }

    /// Removes the files of an unfinished download, and the directory unless it has `existed` before.
    fn remove_files(&self, existed: bool) {
        // The error of the download is reported, whatever else fails.
        for name in [METADATA, MODULE, HEAP, STABLE] {
            let _ = fs::remove_file(self.path.join(name));
        }
        let _ = fs::remove_dir_all(self.path.join(CHUNKS));
        if !existed {
            let _ = fs::remove_dir(&self.path);
        }
    }

    /// Creates a snapshot from the files of the directory and returns its id. If that fails, the canister has
    /// the snapshots that it had before.
    ///
    /// # Errors
    ///
    /// Fails if a file is missing or invalid, or if the management canister rejects a call.
    pub(super) fn upload(
        mut self,
        replace_snapshot: Option<SnapshotId>,
    ) -> Result<SnapshotId, ApiError> {
        let text = self.file(METADATA, SNAPSHOT_METADATA_BYTES_MAX)?;
        let metadata: ReadCanisterSnapshotMetadataResult =
            serde_json::from_slice(&text).map_err(|error| self.failed(METADATA, error))?;
        self.check_files(&metadata)?;
        let replaced = replace_snapshot.as_ref().and_then(|id| self.instance.snapshot(id).cloned());
        let arguments = UploadCanisterSnapshotMetadataArgs {
            canister_id: self.canister.into(),
            replace_snapshot: replace_snapshot.clone(),
            wasm_module_size: metadata.wasm_module_size,
            globals: metadata.globals.iter().flatten().cloned().collect(),
            wasm_memory_size: metadata.wasm_memory_size,
            stable_memory_size: metadata.stable_memory_size,
            certified_data: metadata.certified_data.clone(),
            global_timer: metadata.global_timer.clone(),
            on_low_wasm_memory_hook_status: metadata.on_low_wasm_memory_hook_status.clone(),
        };
        let (result,): (UploadCanisterSnapshotMetadataResult,) =
            self.call("upload_canister_snapshot_metadata", arguments)?;
        let snapshot = result.snapshot_id;
        let read = self.read(&snapshot, metadata);
        if read.is_err() {
            self.instance.remove_snapshot(&snapshot);
            if let (Some(id), Some(replaced)) = (replace_snapshot, replaced) {
                self.instance.put_back_snapshot(&id, replaced);
            }
        }
        read.map(|()| snapshot)
    }

    /// Uploads the data of a snapshot from the files.
    fn read(
        &mut self,
        snapshot: &SnapshotId,
        metadata: ReadCanisterSnapshotMetadataResult,
    ) -> Result<(), ApiError> {
        use SnapshotDataOffset::{StableMemory, WasmChunk, WasmMemory, WasmModule};
        self.load(snapshot, MODULE, metadata.wasm_module_size, |offset| WasmModule { offset })?;
        self.load(snapshot, HEAP, metadata.wasm_memory_size, |offset| WasmMemory { offset })?;
        self.load(snapshot, STABLE, metadata.stable_memory_size, |offset| StableMemory { offset })?;
        for ChunkHash { hash } in metadata.wasm_chunk_store {
            let chunk = self.file(&chunk_file(&hash), CHUNK_BYTES_MAX)?;
            self.add(snapshot, WasmChunk, chunk)?;
        }
        Ok(())
    }

    /// Checks that all files exist and have the sizes that the metadata says, before anything is uploaded.
    fn check_files(&self, metadata: &ReadCanisterSnapshotMetadataResult) -> Result<(), ApiError> {
        for (name, bytes) in [
            (MODULE, metadata.wasm_module_size),
            (HEAP, metadata.wasm_memory_size),
            (STABLE, metadata.stable_memory_size),
        ] {
            if bytes == 0 {
                continue;
            }
            let found = self.open(name)?.1;
            if found != bytes {
                let error =
                    format!("it has {found} bytes; according to {METADATA}, it has {bytes}");
                return Err(self.failed(name, error));
            }
        }
        let chunks = &metadata.wasm_chunk_store;
        if chunks.len() > CHUNKS_MAX {
            let error =
                format!("it lists {} chunks; a canister has at most {CHUNKS_MAX}", chunks.len());
            return Err(self.failed(METADATA, error));
        }
        chunks.iter().try_for_each(|ChunkHash { hash }| self.open(&chunk_file(hash)).map(drop))
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
        let (mut file, _) = self.open(name)?;
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

    /// Opens a file. Returns it with its size in bytes. Only a regular file has a size and ends.
    fn open(&self, name: &str) -> Result<(File, u64), ApiError> {
        let path = self.path.join(name);
        let is_regular = |metadata: &fs::Metadata| metadata.is_file();
        let irregular = || self.failed(name, "it is not a regular file");
        // To open a pipe would wait for somebody who writes.
        let found = fs::metadata(&path).map_err(|error| self.failed(name, error))?;
        Some(found).filter(is_regular).ok_or_else(irregular)?;
        let file = File::open(&path).map_err(|error| self.failed(name, error))?;
        let opened = file.metadata().map_err(|error| self.failed(name, error))?;
        let opened = Some(opened).filter(is_regular).ok_or_else(irregular)?;
        Ok((file, opened.len()))
    }

    /// The content of a file, which may have `bytes_max` bytes.
    fn file(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
        let mut content = Vec::new();
        let (file, _) = self.open(name)?;
        let read = file.take(bytes_max as u64 + 1).read_to_end(&mut content);
        read.map_err(|error| self.failed(name, error))?;
        match content.len() > bytes_max {
            true => Err(self.failed(name, format!("it has more than {bytes_max} bytes"))),
            false => Ok(content),
        }
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
