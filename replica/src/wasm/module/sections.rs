//! The rules for sections: imports, exports, memory, tables, globals, data and metadata.

use super::effort::{Arities, Effort};
use super::info::{MetadataSection, Method, MethodKind, ModuleInfo, Visibility};
use super::{InvalidModule, code, invalid};
use crate::limits::*;
use crate::wasm::instrument::{EXPORT_START, FunctionTable, ModuleParts, RESERVED_PREFIX};
use std::collections::BTreeSet;
use strum::VariantArray;
use wasmparser::{
    DataKind, ElementItems, Encoding, ExternalKind, Operator, Payload, RefType, ValType,
};

/// Export names that the replica reserves for its instrumentation
/// (`embedders/src/wasm_utils/validation.rs`, `RESERVED_SYMBOLS`).
const RESERVED: [&str; 6] = [
    "canister counter_instructions",
    "canister_start",
    "canister counter_dirty_pages",
    "canister counter_accessed_pages",
    "stable_memory",
    "stable_memory_bytemap",
];

/// Entry points that are not methods, without the prefix `canister_`.
pub(super) const ENTRY_POINTS: [&str; 7] = [
    "init",
    "inspect_message",
    "pre_upgrade",
    "post_upgrade",
    "heartbeat",
    "global_timer",
    "on_low_wasm_memory",
];

/// Reads the sections of a module in order, checks them, and collects the module's properties.
#[derive(Default)]
pub(super) struct ModuleScan<'a> {
    info: ModuleInfo,
    parts: ModuleParts<'a>,
    /// For each function type, whether it has neither parameters nor results.
    plain_types: Vec<bool>,
    /// The names and indices of the exported functions.
    exported_functions: Vec<(&'a str, u32)>,
    /// The data segments that `memory.init` instructions use.
    memory_init_segments: BTreeSet<u32>,
    /// The initial size of the memory, in bytes.
    memory_bytes: u64,
    /// The effort to compile the functions that were read.
    effort: Effort,
}

impl<'a> ModuleScan<'a> {
    /// Reads the next part of the module `bytes`.
    ///
    /// # Errors
    ///
    /// [`InvalidModule`] if this part violates a rule. The error names the rule.
    pub fn payload(&mut self, payload: Payload<'a>, bytes: &'a [u8]) -> Result<(), InvalidModule> {
        if let Some((id, range)) = payload.as_section() {
            // The parser announces a code section before it has read all of it, so the bytes may be
            // missing.
            let Some(data) = bytes.get(range) else {
                return invalid("the bytes are not a Wasm module: the last section is incomplete");
            };
            if let Some(section) = self.parts.sections.get_mut(usize::from(id)) {
                *section = Some(data);
            }
        }
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } => {
                invalid("the bytes are a Wasm component; a canister must be a core Wasm module")
            }
            Payload::ImportSection(section) => self.imports(section),
            Payload::TypeSection(section) => self.types(section),
            Payload::FunctionSection(section) => self.functions(section),
            Payload::TableSection(section) => self.tables(section),
            Payload::MemorySection(section) => self.memories(section),
            Payload::GlobalSection(section) => self.globals(section),
            Payload::ExportSection(section) => self.exports(section),
            Payload::ElementSection(section) => self.elements(section),
            Payload::StartSection { func, .. } => {
                self.note_reference(func);
                self.parts.entries.push((EXPORT_START, func));
                self.info.exports.insert(EXPORT_START.to_owned());
                Ok(())
            }
            Payload::CodeSectionStart { size, .. } if size as usize > CODE_SECTION_BYTES_MAX => {
                invalid(format!(
                    "the code section has {size} bytes, more than {CODE_SECTION_BYTES_MAX}"
                ))
            }
            Payload::CodeSectionEntry(body) => self.function_body(body),
            Payload::DataSection(section) => self.data(section),
            Payload::CustomSection(section) => self.custom_section(&section),
            _ => Ok(()),
        }
    }

    /// Returns the collected properties, after the whole module was read.
    ///
    /// # Errors
    ///
    /// [`InvalidModule`] if an exported method or entry point is invalid.
    pub fn finish(mut self) -> Result<(ModuleParts<'a>, ModuleInfo), InvalidModule> {
        self.find_methods()?;
        self.parts.memory_init_segments = self.memory_init_segments.into_iter().collect();
        self.info.wasm64 = self.parts.wasm64;
        self.info.mutable_globals = self.parts.mutable_globals.len() as u32;
        Ok((self.parts, self.info))
    }

    fn imports(
        &mut self,
        section: wasmparser::ImportSectionReader<'a>,
    ) -> Result<(), InvalidModule> {
        for import in section.into_imports() {
            let import = import?;
            let (module, name) = (import.module, import.name);
            let wasmparser::TypeRef::Func(function_type) = import.ty else {
                return invalid(format!("the import '{name}' from '{module}' is not a function"));
            };
            if module != "ic0" {
                return invalid(format!(
                    "the module imports the function '{name}' from '{module}', but a canister may only \
                     import from 'ic0'; a dependency of the canister probably requires a browser or WASI"
                ));
            }
            self.parts.function_types.push(function_type);
            self.parts.imported_functions += 1;
            self.parts.imports.insert(name);
            self.parts.import_names.push(name);
            self.info.imports.insert(name.to_owned());
        }
        Ok(())
    }

    fn types(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<(), InvalidModule> {
        for function in section.into_iter_err_on_gc_types() {
            let function = function?;
            let plain = function.params().is_empty() && function.results().is_empty();
            if function.params() == [ValType::I64; 3] && function.results().is_empty() {
                self.parts.stable_types.insert(self.plain_types.len() as u32);
            }
            self.plain_types.push(plain);
            let arity = (function.params().len() as u32, function.results().len() as u32);
            self.parts.arities.push(arity);
        }
        Ok(())
    }

    fn functions(
        &mut self,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), InvalidModule> {
        let count = section.count();
        if count > FUNCTIONS_MAX {
            return invalid(format!(
                "the module defines {count} functions, more than {FUNCTIONS_MAX}"
            ));
        }
        for function_type in section {
            self.parts.function_types.push(function_type?);
        }
        Ok(())
    }

    fn tables(&mut self, section: wasmparser::TableSectionReader<'_>) -> Result<(), InvalidModule> {
        self.parts.tables += section.count();
        if let Some(first) = section.into_iter().next() {
            let wasmparser::TableType { element_type, table64, .. } = first?.ty;
            self.parts.function_table = (element_type == RefType::FUNCREF)
                .then_some(FunctionTable { has_wide_indices: table64 });
        }
        Ok(())
    }

    fn memories(
        &mut self,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), InvalidModule> {
        for memory in section {
            let memory = memory?;
            self.parts.wasm64 = memory.memory64;
            self.parts.memory_pages_max = memory.maximum;
            self.parts.memories += 1;
            self.memory_bytes = memory.initial.saturating_mul(WASM_PAGE_BYTES);
            let most = if memory.memory64 { WASM64_MEMORY_MAX } else { WASM32_MEMORY_MAX };
            if self.memory_bytes > most {
                return invalid(format!(
                    "the initial memory has {} bytes, more than {most}",
                    self.memory_bytes
                ));
            }
        }
        if self.parts.memories > 1 {
            return invalid(format!(
                "the module has {} memories; at most one is allowed",
                self.parts.memories
            ));
        }
        Ok(())
    }

    fn globals(
        &mut self,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), InvalidModule> {
        let count = section.count();
        if count > GLOBALS_MAX {
            return invalid(format!("the module defines {count} globals, more than {GLOBALS_MAX}"));
        }
        self.parts.globals = count;
        for (index, global) in (0..).zip(section) {
            let wasmparser::GlobalType { content_type, mutable, .. } = global?.ty;
            if matches!(content_type, ValType::Ref(_)) {
                return invalid(format!(
                    "global {index} holds a reference; only numbers are allowed"
                ));
            }
            if mutable {
                self.parts.mutable_globals.push(index);
            }
        }
        Ok(())
    }

    fn exports(
        &mut self,
        section: wasmparser::ExportSectionReader<'a>,
    ) -> Result<(), InvalidModule> {
        for export in section {
            let export = export?;
            if RESERVED.contains(&export.name) || export.name.starts_with(RESERVED_PREFIX) {
                return invalid(format!("the export name '{}' is reserved", export.name));
            }
            match export.kind {
                ExternalKind::Func => {
                    self.note_reference(export.index);
                    self.info.exports.insert(export.name.to_owned());
                    self.exported_functions.push((export.name, export.index));
                }
                ExternalKind::Table | ExternalKind::Memory | ExternalKind::Global => {}
                _ => {
                    return invalid(format!(
                        "the export '{}' has a kind that is not allowed",
                        export.name
                    ));
                }
            }
        }
        Ok(())
    }

    /// Notes that a function can be called otherwise than by `call`.
    fn note_reference(&mut self, function: u32) {
        self.parts.calls_host_otherwise |= function < self.parts.imported_functions;
    }

    fn elements(
        &mut self,
        section: wasmparser::ElementSectionReader<'_>,
    ) -> Result<(), InvalidModule> {
        for element in section {
            match element?.items {
                ElementItems::Functions(functions) => {
                    for function in functions {
                        self.note_reference(function?);
                    }
                }
                ElementItems::Expressions(_, expressions) => {
                    for expression in expressions {
                        for operator in expression?.get_operators_reader() {
                            if let Operator::RefFunc { function_index } = operator? {
                                self.note_reference(function_index);
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn function_body(&mut self, body: wasmparser::FunctionBody<'a>) -> Result<(), InvalidModule> {
        let number = self.parts.bodies.len();
        let arities = Arities { types: &self.parts.arities, functions: &self.parts.function_types };
        let imports = self.parts.imported_functions;
        let of_type = self.parts.function_types.get(imports as usize + number);
        let of_type = of_type.copied().unwrap_or(u32::MAX);
        let summary = code::check_function(number as u32, of_type, imports, &body, arities)?;
        self.effort.add(summary.effort, number)?;
        self.memory_init_segments.extend(summary.memory_init_segments);
        self.parts.called_imports.extend(summary.called_imports);
        summary.lowest_referenced.into_iter().for_each(|function| self.note_reference(function));
        self.info.drops_segments |= summary.drops_segments;
        self.parts.bodies.push(body);
        Ok(())
    }

    /// Writes the active data segments to the initial memory.
    fn data(&mut self, section: wasmparser::DataSectionReader<'_>) -> Result<(), InvalidModule> {
        for (number, segment) in (0u32..).zip(section) {
            let segment = segment?;
            let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
            let mut offset = offset_expr.get_operators_reader();
            let start = match (offset.read()?, offset.read()?) {
                (Operator::I32Const { value }, Operator::End) => u64::from(value as u32),
                (Operator::I64Const { value }, Operator::End) => value as u64,
                _ => {
                    return invalid(format!(
                        "the offset of data segment {number} is not a constant"
                    ));
                }
            };
            let end = start.checked_add(segment.data.len() as u64);
            if end.is_none_or(|end| end > self.memory_bytes) {
                return invalid(format!(
                    "data segment {number}, {} bytes from {start}, does not fit into the initial memory \
                     of {} bytes",
                    segment.data.len(),
                    self.memory_bytes
                ));
            }
            self.info.image.write(start as usize, segment.data);
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
        let metadata = &mut self.info.metadata;
        let content = section.data().to_vec();
        if metadata.insert(name.to_owned(), MetadataSection { visibility, content }).is_some() {
            return invalid(format!("the module has two metadata sections named '{name}'"));
        }
        let bytes: usize =
            metadata.iter().map(|(name, section)| name.len() + section.content.len()).sum();
        self.info.metadata_bytes = bytes as u64;
        if metadata.len() > CUSTOM_SECTIONS_MAX || bytes > CUSTOM_SECTIONS_BYTES_MAX {
            return invalid(format!(
                "the module has too many or too large metadata sections: at most \
                 {CUSTOM_SECTIONS_MAX} sections with {CUSTOM_SECTIONS_BYTES_MAX} bytes together are \
                 allowed, names included"
            ));
        }
        Ok(())
    }

    /// Whether a function has neither parameters nor results. True for an unknown function: the
    /// validator refuses such a module later.
    fn is_plain(&self, function: u32) -> bool {
        let function_type = self.parts.function_types.get(function as usize);
        function_type.is_none_or(|of| self.plain_types.get(*of as usize).is_none_or(|plain| *plain))
    }

    /// Finds the methods among the exports. Refuses other exports that begin with `canister_`, except
    /// known entry points.
    fn find_methods(&mut self) -> Result<(), InvalidModule> {
        for (export, index) in &self.exported_functions {
            let Some(entry) = export.strip_prefix("canister_") else { continue };
            if !self.is_plain(*index) {
                return invalid(format!(
                    "the entry point '{export}' must have neither parameters nor results"
                ));
            }
            self.parts.entries.push((export, *index));
            let method = MethodKind::VARIANTS.iter().find_map(|&kind| {
                let name = entry.strip_prefix(kind.name())?.strip_prefix(' ')?;
                Some((name, Method { kind, export: (*export).into() }))
            });
            let Some((name, method)) = method else {
                if ENTRY_POINTS.contains(&entry) {
                    continue;
                }
                return invalid(format!(
                    "the module exports '{export}', which is not an entry point of a canister"
                ));
            };
            if self.info.methods.insert(name.to_owned(), method).is_some() {
                return invalid(format!("the module exports the method '{name}' twice"));
            }
        }
        Ok(())
    }
}
