//! Linked modules, and the functions at which executions start.

use crate::system_api::{self, Closure, Host};
use crate::wasm::{CompiledModule, EXPORT_START, InvalidModule};
use std::sync::Arc;
use wasmtime::InstancePre;

/// A module that is linked with the system API.
pub struct Code {
    /// The module.
    pub module: Arc<CompiledModule>,
    pub(super) instance: InstancePre<Host>,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.module.fmt(f)
    }
}

impl Code {
    /// Links a module with the system API.
    ///
    /// # Errors
    ///
    /// [`InvalidModule`] if an imported function does not exist or has another signature.
    pub fn link(module: Arc<CompiledModule>) -> Result<Self, InvalidModule> {
        let instance = system_api::link(&module)?;
        Ok(Self { module, instance })
    }
}

/// The function at which an execution starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An exported function.
    Export(Arc<str>),
    /// A function in the table, with its `env` value.
    Closure(Closure),
}

impl Entry {
    /// The module's start function.
    pub fn start() -> Self {
        Self::Export(EXPORT_START.into())
    }
}
