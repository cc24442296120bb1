//! What the replica needs to know of a module.

use crate::limits::{EXPORTED_METHOD_NAME_BYTES_MAX, EXPORTED_METHODS_MAX};
use crate::types::Instructions;
use crate::wasm::module::InvalidModule;
use crate::wasm::pages::Pages;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a canister method may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MethodKind {
    /// Changes state.
    Update,
    /// Reads state.
    Query,
    /// Reads state and may query other canisters.
    CompositeQuery,
}

impl MethodKind {
    pub(super) const ALL: [Self; 3] = [Self::Update, Self::Query, Self::CompositeQuery];

    /// The word for it in export names and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Query => "query",
            Self::CompositeQuery => "composite_query",
        }
    }
}

/// A method a module offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// How it may be called.
    pub kind: MethodKind,
    /// The name under which the module exports it.
    pub export: Arc<str>,
}

/// Who may read a metadata section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Anybody.
    Public,
    /// Controllers.
    Private,
}

/// A custom section `icp:public NAME` or `icp:private NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataSection {
    /// Who may read it.
    pub visibility: Visibility,
    /// What it holds.
    pub content: Vec<u8>,
}

/// What the replica needs to know of a module.
#[derive(Clone, Debug, Default)]
pub struct ModuleInfo {
    /// Whether pointers have 64 bits.
    pub wasm64: bool,
    /// Names of the functions it imports, all of them from `ic0`.
    pub imports: BTreeSet<String>,
    /// Names of the functions it exports.
    pub exports: BTreeSet<String>,
    /// The methods among them.
    pub methods: BTreeMap<String, Method>,
    /// Metadata sections by name.
    pub metadata: BTreeMap<String, MetadataSection>,
    /// Wasm instructions the replica would compile, its own additions included.
    pub compiled_instructions: Instructions,
    /// Mutable globals, which make up the state beside the memory.
    pub mutable_globals: u32,
    /// Whether it drops data or elements, which are there again in the next execution.
    pub drops_segments: bool,
    /// What its data segments make of its memory before anything is executed.
    pub image: Pages,
}

impl ModuleInfo {
    /// Fails when there are too many methods, or their names are too long, for the mainnet.
    pub fn check_method_names(&self) -> Result<(), InvalidModule> {
        let methods = &self.methods;
        let name_bytes: usize = methods.keys().map(String::len).sum();
        if methods.len() > EXPORTED_METHODS_MAX || name_bytes > EXPORTED_METHOD_NAME_BYTES_MAX {
            return Err(InvalidModule(format!(
                "it exports {} methods with {name_bytes} bytes of names; allowed are \
                 {EXPORTED_METHODS_MAX} and {EXPORTED_METHOD_NAME_BYTES_MAX}",
                methods.len()
            )));
        }
        Ok(())
    }
}
