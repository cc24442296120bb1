//! A request to install code, and its compiled code.

use crate::canister::installation::InstallMode;
use crate::canister::round::RoundInput;
use crate::canister::sandbox::Code;
use crate::error::{Trap, UserError};
use crate::limits::KNOWN_MODULE_SPEEDUP;
use crate::types::{CanisterId, Instructions, Payload};
use crate::wasm::CompiledModule;
use candid::Principal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A request to install code.
#[derive(Debug)]
pub struct Installation {
    /// The mode. It determines what happens to the memories.
    pub mode: InstallMode,
    /// The code.
    pub source: Source,
    /// The argument of `canister_init` or `canister_post_upgrade`.
    pub argument: Payload,
    /// The caller of the management canister.
    pub caller: Principal,
}

/// Compiled code that is to be installed. It is compiled before the installation begins. An error
/// becomes visible, and is paid for, only at the step of the installation that compiles.
#[derive(Debug)]
pub struct Source {
    /// The code, or why the module cannot be installed.
    pub code: Result<Arc<Code>, UserError>,
    /// Instructions for assembling the module from chunks.
    pub assembly: Instructions,
    /// Instructions for compiling the module, even if that failed. A module that the subnet knows costs
    /// less.
    pub compilation: Instructions,
}

/// The modules that a subnet has installed since its last checkpoint. Compiling one of them again costs
/// less (`expected_compiled_wasms` in the replica's repository).
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct KnownModules(BTreeSet<[u8; 32]>);

impl KnownModules {
    /// Adds the modules with these hashes.
    pub fn extend(&mut self, hashes: impl IntoIterator<Item = [u8; 32]>) {
        self.0.extend(hashes);
    }

    /// Forgets all modules, at a checkpoint.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The instructions that compiling a module counts as
    /// (`execution_environment.rs`, `adjusted_compilation_cost`).
    fn compilation_cost(&self, module: &CompiledModule) -> Instructions {
        match self.0.contains(&module.hash) {
            true => module.compilation_cost() / KNOWN_MODULE_SPEEDUP,
            false => module.compilation_cost(),
        }
    }
}

impl Source {
    /// Compiles a module for a canister on a subnet with these known modules. Assembling the module took
    /// `assembly` instructions; `module` is an error if that failed.
    pub fn new(
        canister: CanisterId,
        module: Result<impl AsRef<[u8]>, UserError>,
        assembly: Instructions,
        known: &KnownModules,
        round: &RoundInput,
    ) -> Self {
        let bytes = match module {
            Ok(bytes) => bytes,
            Err(error) => return Self { code: Err(error), assembly, compilation: 0 },
        };
        let bytes = bytes.as_ref();
        let code = crate::wasm::compile(bytes).and_then(|module| {
            if !round.allows_any_methods {
                module.info.check_method_names()?;
            }
            Code::link(module).map(Arc::new)
        });
        let compilation = match &code {
            Ok(code) => known.compilation_cost(&code.module),
            Err(_) => CompiledModule::failed_compilation_cost(bytes),
        };
        let code = code.map_err(|error| Trap::InvalidModule(error.0).into_user_error(canister));
        Self { code, assembly, compilation }
    }

    /// Whether the code has 64-bit pointers.
    pub fn is_wasm64(&self) -> bool {
        self.code.as_ref().is_ok_and(|code| code.module.info.wasm64)
    }
}

impl From<Arc<Code>> for Source {
    fn from(code: Arc<Code>) -> Self {
        Self { compilation: code.module.compilation_cost(), assembly: 0, code: Ok(code) }
    }
}
