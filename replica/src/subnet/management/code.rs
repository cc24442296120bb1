//! Management calls that put code into a canister and take it out.

use super::chunks::chunk_store_error;
use super::{Call, access};
use crate::canister::{self, ChunkStore, Code, InstallMode, Installation};
use crate::error::{ErrorCode, Trap, UserError};
use crate::ic00::Permitted;
use crate::limits::{CHUNK_BYTES_MAX, CHUNKS_MAX, SHA256_BYTES};
use crate::subnet::Subnet;
use crate::trace::Fee;
use crate::types::{CanisterId, Instructions, Payload};
use ic_management_canister_types::{
    CanisterInstallMode, ChunkHash, InstallChunkedCodeArgs, InstallCodeArgs, UninstallCodeArgs,
    WasmMemoryPersistence,
};
use sha2::{Digest, Sha256};
use std::sync::Arc;

impl Subnet {
    pub(super) fn install_code(&mut self, call: &Call) -> Result<(), UserError> {
        let InstallCodeArgs { mode, canister_id, wasm_module, arg, .. } = call.decode()?;
        self.addressed(call, canister_id)?;
        self.install(call, canister_id, mode, &wasm_module, 0, arg)
    }

    pub(super) fn install_chunked_code(&mut self, call: &Call) -> Result<(), UserError> {
        let InstallChunkedCodeArgs {
            mode,
            target_canister,
            store_canister,
            chunk_hashes_list,
            wasm_module_hash,
            arg,
            ..
        } = call.decode()?;
        self.addressed(call, target_canister)?;
        let id = store_canister.unwrap_or(target_canister);
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
        access::check(store, Permitted::ControllersAndItself, call.caller)?;
        let module = assemble(&store.chunks, &chunk_hashes_list, &wasm_module_hash)?;
        // As if every chunk were as large as the largest.
        let instructions = (chunk_hashes_list.len() * CHUNK_BYTES_MAX) as Instructions;
        self.install(call, target_canister, mode, &module, instructions, arg)
    }

    /// Installs a module into a canister that the caller controls; putting it together took some
    /// instructions.
    fn install(
        &mut self,
        call: &Call,
        id: CanisterId,
        mode: CanisterInstallMode,
        module: &[u8],
        assembly: Instructions,
        argument: Payload,
    ) -> Result<(), UserError> {
        let invalid =
            |error: crate::wasm::InvalidModule| Trap::InvalidModule(error.0).into_user_error(id);
        let mode = install_mode(mode)?;
        let module = crate::wasm::compile(module).map_err(invalid)?;
        let prices = self.prices;
        let cost = prices.instructions(assembly, module.info.wasm64);
        let code = Arc::new(Code::link(module).map_err(invalid)?);
        let round = self.round_context();
        let canister = self.addressed(call, id)?;
        canister.check_can_pay(cost, prices)?;
        canister.pay(Fee::Management, cost);
        let installation = Installation { mode, code, argument, caller: call.caller };
        let (result, instructions) = canister::install(canister, installation, &round);
        if result.is_ok() {
            canister.check_low_wasm_memory();
        }
        self.spend(assembly + instructions);
        result
    }

    pub(super) fn uninstall_code(&mut self, call: &Call) -> Result<(), UserError> {
        let UninstallCodeArgs { canister_id, .. } = call.decode()?;
        let canister = self.addressed(call, canister_id)?;
        let answers = canister::uninstall(canister);
        canister.check_low_wasm_memory();
        for answer in answers {
            self.answer(answer);
        }
        Ok(())
    }
}

/// The module that the chunks of these hashes make, which must have the hash given for it.
fn assemble(
    store: &ChunkStore,
    hashes: &[ChunkHash],
    module_hash: &[u8],
) -> Result<Vec<u8>, UserError> {
    if module_hash.len() != SHA256_BYTES {
        return Err(UserError::new(
            ErrorCode::CanisterContractViolation,
            format!("Invalid wasm hash: it has {} bytes, not {SHA256_BYTES}", module_hash.len()),
        ));
    }
    if hashes.len() > CHUNKS_MAX {
        return Err(UserError::new(
            ErrorCode::InvalidManagementPayload,
            format!("A module is made of at most {CHUNKS_MAX} chunks, not {}", hashes.len()),
        ));
    }
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

fn install_mode(mode: CanisterInstallMode) -> Result<InstallMode, UserError> {
    Ok(match mode {
        CanisterInstallMode::Install => InstallMode::Install,
        CanisterInstallMode::Reinstall => InstallMode::Reinstall,
        CanisterInstallMode::Upgrade(flags) => {
            let flags = flags.unwrap_or_default();
            if flags.wasm_memory_persistence == Some(WasmMemoryPersistence::Keep) {
                return Err(UserError::new(
                    ErrorCode::InvalidManagementPayload,
                    "Upgrades that keep the heap are not supported by this replica yet",
                ));
            }
            InstallMode::Upgrade { skip_pre_upgrade: flags.skip_pre_upgrade == Some(true) }
        }
    })
}
