//! Management calls that install and uninstall code.

use super::chunks::chunk_store_error;
use super::dispatch::Completion;
use super::{Call, PendingCall, access};
use crate::canister::{
    self, BegunInstallation, ChunkStore, InstallMode, InstallRecord, Installation, RoundInput,
    Source,
};
use crate::error::{ErrorCode, UserError};
use crate::ic00::{self, InstallCodeArgs, Method, Permitted, empty_reply};
use crate::limits::{CHUNK_BYTES_MAX, CHUNKS_MAX, SHA256_BYTES};
use crate::subnet::Subnet;
use crate::types::{CanisterId, Instructions, Payload};
use ic_management_canister_types::{
    CanisterInstallMode, ChangeDetails, ChunkHash, CodeDeploymentMode, CodeDeploymentRecord,
    InstallChunkedCodeArgs, UninstallCodeArgs,
};
use sha2::{Digest, Sha256};

/// A module to be installed.
struct Upload {
    canister: CanisterId,
    mode: CanisterInstallMode,
    /// The module, or why it could not be assembled from chunks.
    module: Result<Vec<u8>, UserError>,
    /// The instructions that assembling the module from chunks counts as.
    assembly: Instructions,
    argument: Payload,
    sender_version: Option<u64>,
}

impl Subnet {
    pub(super) fn install_code(&mut self, pending: &PendingCall) -> Result<Completion, UserError> {
        let call = &pending.call;
        let arguments: InstallCodeArgs = call.decode()?;
        self.authorized_canister(call, arguments.canister_id.into())?;
        let upload = Upload {
            canister: arguments.canister_id.into(),
            mode: arguments.mode,
            module: Ok(arguments.wasm_module),
            assembly: 0,
            argument: arguments.arg,
            sender_version: arguments.sender_canister_version,
        };
        self.install(pending, upload)
    }

    pub(super) fn install_chunked_code(
        &mut self,
        pending: &PendingCall,
    ) -> Result<Completion, UserError> {
        let call = &pending.call;
        let InstallChunkedCodeArgs {
            mode,
            target_canister,
            store_canister,
            chunk_hashes_list,
            wasm_module_hash,
            arg,
            sender_canister_version,
        } = call.decode()?;
        let target = CanisterId::from(target_canister);
        self.authorized_canister(call, target)?;
        let id = store_canister.map_or(target, CanisterId::from);
        let store = self.canisters.get(&id).ok_or_else(|| {
            UserError::new(
                ErrorCode::CanisterNotFound,
                format!(
                    "InstallChunkedCode Error: Store canister {id} was not found on subnet {} of \
                     target canister {target_canister}",
                    self.config.id
                ),
            )
        })?;
        access::check(store, &self.config.admins, Permitted::ControllersAndItself, call.caller)?;
        check_hashes(&chunk_hashes_list, &wasm_module_hash)?;
        let module = assemble(&store.chunks, &chunk_hashes_list, &wasm_module_hash);
        let upload = Upload {
            canister: target,
            mode,
            module,
            // Every chunk counts as one of the maximum size.
            assembly: (chunk_hashes_list.len() * CHUNK_BYTES_MAX) as Instructions,
            argument: arg,
            sender_version: sender_canister_version,
        };
        self.install(pending, upload)
    }

    /// Installs a module into a canister. The caller is a controller of the canister.
    fn install(&mut self, pending: &PendingCall, upload: Upload) -> Result<Completion, UserError> {
        let (id, call) = (upload.canister, &pending.call);
        let round = RoundInput { subnet_memory: self.capacity().memory, ..self.round_input() };
        let known = &self.known_modules;
        let source = Source::new(id, upload.module, upload.assembly, known, &round);
        let hash = source.code.as_ref().ok().map(|code| code.module.hash);
        let (assembly, compilation, time) = (source.assembly, source.compilation, self.time);
        let details = ChangeDetails::CodeDeployment(CodeDeploymentRecord {
            mode: deployment_mode(upload.mode),
            module_hash: hash.unwrap_or_default().to_vec(),
        });
        let canister = self.authorized_canister(call, id)?;
        let mode = match upload.mode {
            CanisterInstallMode::Install => InstallMode::Install,
            CanisterInstallMode::Reinstall => InstallMode::Reinstall,
            CanisterInstallMode::Upgrade(flags) => InstallMode::Upgrade(flags.unwrap_or_default()),
        };
        let installation =
            Installation { mode, source, argument: upload.argument, caller: call.caller };
        let origin = call.change_origin(upload.sender_version);
        let record = InstallRecord { time, origin, details };
        let call = pending.executed(round.subnet, pending.received.cycles);
        let BegunInstallation { instructions, has_compiled, executed } =
            canister::begin_installation(canister, installation, record, call, &round)?;
        let result = match executed {
            Some(installation) => {
                let finished = installation.finish(canister, &round);
                self.known_modules.extend(hash.filter(|_| finished.is_ok()));
                finished.map(|()| Completion::Reply(empty_reply()))
            }
            None => Ok(Completion::Paused),
        };
        self.spend(instructions);
        if has_compiled {
            self.spend(assembly + compilation);
        }
        result
    }

    pub(super) fn uninstall_code(&mut self, call: &Call) -> Result<(), UserError> {
        let UninstallCodeArgs { canister_id, sender_canister_version } = call.decode()?;
        let now = self.time;
        let canister = self.authorized_canister(call, canister_id.into())?;
        let responses = canister::uninstall(canister);
        canister.check_low_wasm_memory();
        call.record(canister, now, sender_canister_version, ChangeDetails::CodeUninstall);
        for response in responses {
            self.respond(response);
        }
        Ok(())
    }
}

/// The module in the argument of a method that installs code. `chunks` finds the chunk store of a canister.
/// `None` if there is none, or if it cannot be assembled from chunks.
pub(super) fn module_of<'a>(
    method: Method,
    argument: &[u8],
    chunks: impl FnOnce(CanisterId) -> Option<&'a ChunkStore>,
) -> Option<Vec<u8>> {
    if method == Method::InstallCode {
        return Some(ic00::decode::<InstallCodeArgs>(argument).ok()?.wasm_module);
    }
    let arguments: InstallChunkedCodeArgs = ic00::decode(argument).ok()?;
    let store = chunks(arguments.store_canister.unwrap_or(arguments.target_canister).into())?;
    let (hashes, hash) = (&arguments.chunk_hashes_list, &arguments.wasm_module_hash);
    check_hashes(hashes, hash).ok()?;
    assemble(store, hashes, hash).ok()
}

/// Checks the length of the module's hash and the number of chunks.
fn check_hashes(chunks: &[ChunkHash], module: &[u8]) -> Result<(), UserError> {
    if module.len() != SHA256_BYTES {
        return Err(UserError::new(
            ErrorCode::CanisterContractViolation,
            format!("Invalid wasm hash: it has {} bytes, not {SHA256_BYTES}", module.len()),
        ));
    }
    if chunks.len() > CHUNKS_MAX {
        return Err(UserError::new(
            ErrorCode::InvalidManagementPayload,
            format!("A module is made of at most {CHUNKS_MAX} chunks, not {}", chunks.len()),
        ));
    }
    Ok(())
}

/// Assembles a module from the chunks with these hashes. The module must have the hash `module_hash`.
fn assemble(
    store: &ChunkStore,
    hashes: &[ChunkHash],
    module_hash: &[u8],
) -> Result<Vec<u8>, UserError> {
    let mut module = Vec::new();
    for ChunkHash { hash } in hashes {
        if hash.len() != SHA256_BYTES {
            return Err(chunk_store_error("Chunk hash is invalid. The length is not 32"));
        }
        let chunk = store
            .get(hash)
            .ok_or_else(|| chunk_store_error(format!("Chunk hash {hash:02x?} was not found")))?;
        module.extend_from_slice(chunk);
    }
    let found = Sha256::digest(&module);
    if found[..] != *module_hash {
        return Err(chunk_store_error(format!(
            "Wasm module hash {:02x?} does not match given hash {module_hash:02x?}",
            &found[..]
        )));
    }
    Ok(module)
}

fn deployment_mode(mode: CanisterInstallMode) -> CodeDeploymentMode {
    match mode {
        CanisterInstallMode::Install => CodeDeploymentMode::Install,
        CanisterInstallMode::Reinstall => CodeDeploymentMode::Reinstall,
        CanisterInstallMode::Upgrade(_) => CodeDeploymentMode::Upgrade,
    }
}
