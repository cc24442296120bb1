//! What is to be installed, as far as it could be made ready.

use crate::canister::round::RoundInput;
use crate::canister::sandbox::Code;
use crate::error::{Trap, UserError};
use crate::types::{CanisterId, Instructions};
use crate::wasm::CompiledModule;
use std::sync::Arc;

/// Code that is to be installed, or why there is none. It is made ready beforehand, but what went
/// wrong counts, and is paid for, only when it is its turn.
#[derive(Debug)]
pub struct Source {
    /// The code.
    pub code: Result<Arc<Code>, UserError>,
    /// Instructions that putting the module together took.
    pub assembly: Instructions,
    /// Instructions that compiling it took, or failing to.
    pub compilation: Instructions,
}

impl Source {
    /// Code from a module for a canister, which it took `assembly` instructions to put together; or
    /// what went wrong with that.
    pub fn new(
        canister: CanisterId,
        module: Result<impl AsRef<[u8]>, UserError>,
        assembly: Instructions,
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
            Ok(code) => code.module.compilation_cost(),
            Err(_) => CompiledModule::failed_compilation_cost(bytes),
        };
        let code = code.map_err(|error| Trap::InvalidModule(error.0).into_user_error(canister));
        Self { code, assembly, compilation }
    }

    /// Whether it has 64-bit pointers.
    pub fn is_wasm64(&self) -> bool {
        self.code.as_ref().is_ok_and(|code| code.module.info.wasm64)
    }
}

impl From<Arc<Code>> for Source {
    fn from(code: Arc<Code>) -> Self {
        Self { compilation: code.module.compilation_cost(), assembly: 0, code: Ok(code) }
    }
}
