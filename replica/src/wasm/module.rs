//! Reads a canister module, refuses what the network refuses, and makes its insides reachable.
//!
//! Rules: `embedders/src/wasm_utils/validation.rs` in the replica's repository and the interface
//! specification, "Canister module format". What the Wasm standard itself demands is checked by the
//! engine when it compiles.

use crate::limits::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;
use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{Encoding, ExternalKind, Operator, Parser, Payload};

/// Names under which a prepared module exports what the replica has to reach in it. A name with a
/// colon cannot collide with one a compiler makes, and modules that use these are refused.
const RESERVED_PREFIX: &str = "embedded-replica:";
pub(crate) const EXPORT_MEMORY: &str = "embedded-replica:memory";
pub(crate) const EXPORT_TABLE: &str = "embedded-replica:table";
pub(crate) const EXPORT_START: &str = "embedded-replica:start";
/// Followed by the number of the global, counted over the mutable ones.
pub(crate) const EXPORT_GLOBAL: &str = "embedded-replica:global:";

/// A module that cannot be installed, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidModule(pub String);

fn invalid<T>(reason: impl Into<String>) -> Result<T, InvalidModule> {
    Err(InvalidModule(reason.into()))
}

impl From<wasmparser::BinaryReaderError> for InvalidModule {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self(format!("the bytes are not a Wasm module: {error}"))
    }
}

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
    const ALL: [Self; 3] = [Self::Update, Self::Query, Self::CompositeQuery];

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
    /// Wasm instructions in its code section.
    pub instructions: u64,
    /// Mutable globals, which make up the state beside the memory.
    pub mutable_globals: u32,
    /// Whether it drops data segments, which are there again in the next execution.
    pub drops_data: bool,
}

/// Undoes gzip compression where there is any.
fn decompressed(bytes: &[u8]) -> Result<Cow<'_, [u8]>, InvalidModule> {
    let too_large = || {
        InvalidModule(format!(
            "the module is larger than {MODULE_BYTES_MAX} bytes; make it smaller"
        ))
    };
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return if bytes.len() > MODULE_BYTES_MAX { Err(too_large()) } else { Ok(bytes.into()) };
    }
    let mut plain = Vec::new();
    let limit = MODULE_BYTES_MAX as u64 + 1;
    flate2::read::MultiGzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(|error| InvalidModule(format!("the gzip data is broken: {error}")))?;
    if plain.len() > MODULE_BYTES_MAX { Err(too_large()) } else { Ok(plain.into()) }
}

/// Checks `bytes` (plain or gzip) and returns the module with its memory, table, mutable globals
/// and start function exported, beside what is worth knowing of it.
pub(crate) fn prepare(bytes: &[u8]) -> Result<(Vec<u8>, ModuleInfo), InvalidModule> {
    let bytes = decompressed(bytes)?;
    let mut scan = Scan::default();
    let mut prepared = Module::new();
    for payload in Parser::new(0).parse_all(&bytes) {
        let payload = payload?;
        scan.payload(&payload)?;
        let Some((id, range)) = payload.as_section() else { continue };
        // The code section is announced before it is known to be there.
        let Some(data) = bytes.get(range) else {
            return invalid("the bytes are not a Wasm module: the last section is cut off");
        };
        match id {
            EXPORT_SECTION | START_SECTION => continue,
            // These come after the exports.
            ELEMENT_SECTION | DATA_COUNT_SECTION | CODE_SECTION | DATA_SECTION => {
                scan.put_exports(&mut prepared);
            }
            _ => {}
        }
        prepared.section(&RawSection { id, data });
    }
    scan.put_exports(&mut prepared);
    scan.find_methods()?;
    Ok((prepared.finish(), scan.info))
}

const EXPORT_SECTION: u8 = 7;
const START_SECTION: u8 = 8;
const ELEMENT_SECTION: u8 = 9;
const CODE_SECTION: u8 = 10;
const DATA_SECTION: u8 = 11;
const DATA_COUNT_SECTION: u8 = 12;

/// What reading through a module gathers.
#[derive(Default)]
struct Scan {
    info: ModuleInfo,
    exports: Vec<(String, ExportKind, u32)>,
    /// Whether each function type neither takes nor returns anything.
    plain_types: Vec<bool>,
    /// The type of each function, imported ones first.
    function_types: Vec<u32>,
    memories: u32,
    tables: u32,
    mutable_globals: Vec<u32>,
    start: Option<u32>,
    exports_written: bool,
}

impl Scan {
    fn payload(&mut self, payload: &Payload<'_>) -> Result<(), InvalidModule> {
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } => {
                invalid("the bytes are a Wasm component; a canister is a plain module")
            }
            Payload::ImportSection(section) => self.imports(section.clone()),
            Payload::TypeSection(section) => self.types(section.clone()),
            Payload::FunctionSection(section) => self.functions(section.clone()),
            Payload::TableSection(section) => {
                self.tables += section.count();
                Ok(())
            }
            Payload::MemorySection(section) => self.memories(section.clone()),
            Payload::GlobalSection(section) => self.globals(section.clone()),
            Payload::ExportSection(section) => self.export_names(section.clone()),
            Payload::StartSection { func, .. } => {
                self.start = Some(*func);
                Ok(())
            }
            Payload::CodeSectionStart { size, .. } if *size as usize > CODE_SECTION_BYTES_MAX => {
                invalid(format!(
                    "the code section has {size} bytes, more than {CODE_SECTION_BYTES_MAX}"
                ))
            }
            Payload::CodeSectionEntry(body) => self.function_body(body),
            Payload::CustomSection(section) => self.custom_section(section),
            _ => Ok(()),
        }
    }

    fn imports(
        &mut self,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), InvalidModule> {
        for import in section.into_imports() {
            let import = import?;
            let (module, name) = (import.module, import.name);
            let wasmparser::TypeRef::Func(function_type) = import.ty else {
                return invalid(format!("'{name}' is imported from '{module}' but is no function"));
            };
            if module != "ic0" {
                return invalid(format!(
                    "it imports the function '{name}' from '{module}'; a canister may only import \
                     from 'ic0' (a crate that expects a browser or WASI was linked in)"
                ));
            }
            self.function_types.push(function_type);
            self.info.imports.insert(name.to_owned());
        }
        Ok(())
    }

    fn types(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<(), InvalidModule> {
        for function in section.into_iter_err_on_gc_types() {
            let function = function?;
            let plain = function.params().is_empty() && function.results().is_empty();
            self.plain_types.push(plain);
        }
        Ok(())
    }

    fn functions(
        &mut self,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), InvalidModule> {
        let count = section.count();
        if count > FUNCTIONS_MAX {
            return invalid(format!("it defines {count} functions, more than {FUNCTIONS_MAX}"));
        }
        for function_type in section {
            self.function_types.push(function_type?);
        }
        Ok(())
    }

    fn memories(
        &mut self,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), InvalidModule> {
        for memory in section {
            self.info.wasm64 = memory?.memory64;
            self.memories += 1;
        }
        if self.memories > 1 {
            return invalid(format!("it has {} memories; one is allowed", self.memories));
        }
        Ok(())
    }

    fn globals(
        &mut self,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), InvalidModule> {
        let count = section.count();
        if count > GLOBALS_MAX {
            return invalid(format!("it defines {count} globals, more than {GLOBALS_MAX}"));
        }
        for (index, global) in (0..).zip(section) {
            let wasmparser::GlobalType { content_type, mutable, .. } = global?.ty;
            if matches!(content_type, wasmparser::ValType::Ref(_)) {
                return invalid(format!("global {index} holds a reference; globals hold numbers"));
            }
            if mutable {
                self.mutable_globals.push(index);
            }
        }
        self.info.mutable_globals = self.mutable_globals.len() as u32;
        Ok(())
    }

    fn export_names(
        &mut self,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), InvalidModule> {
        for export in section {
            let export = export?;
            let kind = match export.kind {
                ExternalKind::Func => {
                    self.info.exports.insert(export.name.to_owned());
                    ExportKind::Func
                }
                ExternalKind::Table => ExportKind::Table,
                ExternalKind::Memory => ExportKind::Memory,
                ExternalKind::Global => ExportKind::Global,
                _ => return invalid(format!("'{}' is exported but is no function", export.name)),
            };
            if export.name.starts_with(RESERVED_PREFIX) {
                return invalid(format!("the export name '{}' is reserved", export.name));
            }
            self.exports.push((export.name.to_owned(), kind, export.index));
        }
        Ok(())
    }

    fn function_body(&mut self, body: &wasmparser::FunctionBody<'_>) -> Result<(), InvalidModule> {
        let mut operators = body.get_operators_reader()?;
        let mut instructions = 0;
        while !operators.eof() {
            instructions += 1;
            self.info.instructions += 1;
            if instructions > FUNCTION_INSTRUCTIONS_MAX {
                return invalid(format!(
                    "one of its functions has more than {FUNCTION_INSTRUCTIONS_MAX} instructions; \
                     split it up"
                ));
            }
            let refused = match operators.read()? {
                Operator::TableGrow { .. } => "table.grow",
                Operator::TableSet { .. } => "table.set",
                Operator::TableFill { .. } => "table.fill",
                Operator::TableCopy { .. } => "table.copy",
                Operator::TableInit { .. } => "table.init",
                Operator::DataDrop { .. } => {
                    self.info.drops_data = true;
                    continue;
                }
                _ => continue,
            };
            return invalid(format!("it uses the instruction '{refused}', which is not allowed"));
        }
        Ok(())
    }

    fn custom_section(
        &mut self,
        section: &wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), InvalidModule> {
        let Some(kind) = section.name().strip_prefix("icp:") else { return Ok(()) };
        let (visibility, name) = match kind.split_once(' ') {
            Some(("public", name)) => (Visibility::Public, name),
            Some(("private", name)) => (Visibility::Private, name),
            _ => {
                return invalid(format!(
                    "the custom section '{}' is neither 'icp:public NAME' nor 'icp:private NAME'",
                    section.name()
                ));
            }
        };
        let content = section.data().to_vec();
        if self
            .info
            .metadata
            .insert(name.to_owned(), MetadataSection { visibility, content })
            .is_some()
        {
            return invalid(format!("it has two metadata sections named '{name}'"));
        }
        let bytes: usize = self.info.metadata.values().map(|section| section.content.len()).sum();
        if self.info.metadata.len() > CUSTOM_SECTIONS_MAX || bytes > CUSTOM_SECTIONS_BYTES_MAX {
            return invalid(format!(
                "its metadata sections are too many or too large: at most {CUSTOM_SECTIONS_MAX} \
                 of {CUSTOM_SECTIONS_BYTES_MAX} bytes together"
            ));
        }
        Ok(())
    }

    /// Whether a function neither takes nor returns anything, as far as the module is valid.
    fn is_plain(&self, function: u32) -> bool {
        let function_type = self.function_types.get(function as usize);
        function_type.is_none_or(|of| self.plain_types.get(*of as usize).is_none_or(|plain| *plain))
    }

    /// Finds the methods among the exports, and refuses what looks like an entry point but is none.
    fn find_methods(&mut self) -> Result<(), InvalidModule> {
        for (name, kind, index) in &self.exports {
            let is_entry_point = *kind == ExportKind::Func && name.starts_with("canister_");
            if is_entry_point && !self.is_plain(*index) {
                return invalid(format!("'{name}' must neither take nor return anything"));
            }
        }
        let methods = &mut self.info.methods;
        for export in &self.info.exports {
            let Some(entry) = export.strip_prefix("canister_") else { continue };
            let method = MethodKind::ALL.into_iter().find_map(|kind| {
                let name = entry.strip_prefix(kind.name())?.strip_prefix(' ')?;
                Some((name, Method { kind, export: export.as_str().into() }))
            });
            let Some((name, method)) = method else {
                if ENTRY_POINTS.contains(&entry) {
                    continue;
                }
                return invalid(format!("it exports '{export}', which is no entry point"));
            };
            if methods.insert(name.to_owned(), method).is_some() {
                return invalid(format!("it exports the method '{name}' twice"));
            }
        }
        let name_bytes: usize = methods.keys().map(String::len).sum();
        if methods.len() > EXPORTED_METHODS_MAX || name_bytes > EXPORTED_METHOD_NAME_BYTES_MAX {
            return invalid(format!(
                "it exports {} methods with {name_bytes} bytes of names; allowed are \
                 {EXPORTED_METHODS_MAX} and {EXPORTED_METHOD_NAME_BYTES_MAX}",
                methods.len()
            ));
        }
        Ok(())
    }

    /// Writes the module's own exports and ours, once, where the first section after them begins.
    fn put_exports(&mut self, prepared: &mut Module) {
        if std::mem::replace(&mut self.exports_written, true) {
            return;
        }
        let mut section = ExportSection::new();
        for (name, kind, index) in &self.exports {
            section.export(name, *kind, *index);
        }
        if self.memories > 0 {
            section.export(EXPORT_MEMORY, ExportKind::Memory, 0);
        }
        if self.tables > 0 {
            section.export(EXPORT_TABLE, ExportKind::Table, 0);
        }
        if let Some(start) = self.start {
            section.export(EXPORT_START, ExportKind::Func, start);
            self.info.exports.insert(EXPORT_START.to_owned());
        }
        for (number, index) in self.mutable_globals.iter().enumerate() {
            section.export(&format!("{EXPORT_GLOBAL}{number}"), ExportKind::Global, *index);
        }
        prepared.section(&section);
    }
}

/// Entry points besides methods, without their `canister_`.
const ENTRY_POINTS: [&str; 7] = [
    "init",
    "inspect_message",
    "pre_upgrade",
    "post_upgrade",
    "heartbeat",
    "global_timer",
    "on_low_wasm_memory",
];

#[cfg(test)]
mod tests;
