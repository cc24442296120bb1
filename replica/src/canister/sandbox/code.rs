//! Code that can be run, and where running it begins.

use crate::system_api::{self, Closure, Host};
use crate::wasm::{CompiledModule, EXPORT_START, InvalidModule};
use std::sync::Arc;
use wasmtime::InstancePre;

/// A module connected with the system interface.
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
    /// Checks that the module imports only what exists.
    pub fn link(module: Arc<CompiledModule>) -> Result<Self, InvalidModule> {
        let instance = system_api::link(&module)?;
        Ok(Self { module, instance })
    }
}

/// Where in the module an execution begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An exported function.
    Export(Arc<str>),
    /// A function in the table.
    Closure(Closure),
}

impl Entry {
    /// The module's start function.
    pub fn start() -> Self {
        Self::Export(EXPORT_START.into())
    }
}
