//! The properties of a module that the replica needs.

use crate::limits::{EXPORTED_METHOD_NAME_BYTES_MAX, EXPORTED_METHODS_MAX};
use crate::types::Instructions;
use crate::wasm::module::InvalidModule;
use crate::wasm::pages::Pages;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use strum::{IntoStaticStr, VariantArray};

/// The kind of a canister method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum MethodKind {
    /// An update method: it can change state.
    Update,
    /// A query method: its changes of state are dropped.
    Query,
    /// A composite query method: a query method that can query other canisters.
    CompositeQuery,
}

impl MethodKind {
    /// The name of the kind in export names and in messages, such as `composite_query`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A canister method of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// The kind of the method.
    pub kind: MethodKind,
    /// The name of the exported function, for example `canister_update ping`.
    pub export: Arc<str>,
}

/// Who may read a metadata section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Only the controllers of the canister.
    Private,
}

/// A custom section `icp:public NAME` or `icp:private NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataSection {
    /// Who may read the section.
    pub visibility: Visibility,
    /// The content of the section.
    pub content: Vec<u8>,
}

/// The properties of a module that the replica needs.
#[derive(Clone, Debug, Default)]
pub struct ModuleInfo {
    /// Whether the module has a 64-bit memory.
    pub wasm64: bool,
    /// The names of the imported functions. All of them are from `ic0`.
    pub imports: BTreeSet<String>,
    /// The names of the exported functions.
    pub exports: BTreeSet<String>,
    /// The canister methods, by name.
    pub methods: BTreeMap<String, Method>,
    /// The metadata sections, by name.
    pub metadata: BTreeMap<String, MetadataSection>,
    /// The bytes of the metadata sections, with their names.
    pub metadata_bytes: u64,
    /// The number of Wasm instructions that the replica would compile, with those that its
    /// instrumentation adds.
    pub compiled_instructions: Instructions,
    /// The number of mutable globals. They are state, like the memory.
    pub mutable_globals: u32,
    /// Whether the code drops data or element segments. The next execution has all segments again.
    pub drops_segments: bool,
    /// The initial content of the memory, from the active data segments.
    pub image: Pages,
}

impl ModuleInfo {
    /// Checks the number and the names of the methods against the limits of the mainnet.
    ///
    /// # Errors
    ///
    /// [`InvalidModule`] if there are more than [`EXPORTED_METHODS_MAX`] methods, or if their names have
    /// more than [`EXPORTED_METHOD_NAME_BYTES_MAX`] bytes together.
    pub fn check_method_names(&self) -> Result<(), InvalidModule> {
        let methods = &self.methods;
        let name_bytes: usize = methods.keys().map(String::len).sum();
        if methods.len() > EXPORTED_METHODS_MAX || name_bytes > EXPORTED_METHOD_NAME_BYTES_MAX {
            return Err(InvalidModule(format!(
                "the module exports {} methods with names of {name_bytes} bytes together; the limits are \
                 {EXPORTED_METHODS_MAX} methods and {EXPORTED_METHOD_NAME_BYTES_MAX} bytes",
                methods.len()
            )));
        }
        Ok(())
    }
}
