//! Rewrites a valid module so that it counts its instructions and marks the pages it writes to.
//!
//! Three things are put behind the module's own, so that no index changes: a global, the counter of
//! instructions left; a second memory with marks for the pages of the first that were written to;
//! and functions that stand in for bulk operations. Code is copied as it is, with
//! instructions of ours between its own (`metering` and `page_marks`). The start function is left to the
//! replica to call.

mod counter;
mod mark_ranges;
mod metering;
mod page_marks;

use crate::limits::{OS_PAGE_BYTES, WASM_PAGE_BYTES, WASM64_MEMORY_MAX};
use crate::types::Instructions;
pub(crate) use page_marks::STORE_BYTES_MAX;
use wasm_encoder::{
    CodeSection, ConstExpr, Encode, ExportKind, ExportSection, FunctionSection, GlobalSection,
    GlobalType, MemorySection, MemoryType, Module, RawSection, SectionId, TypeSection, ValType,
};
use wasmparser::{BinaryReader, BinaryReaderError, FunctionBody};

/// Names under which an instrumented module exports what the replica has to reach in it. A name
/// with a colon cannot collide with one a compiler makes, and modules that use these are refused.
pub(crate) const RESERVED_PREFIX: &str = "embedded-replica:";
pub(crate) const EXPORT_MEMORY: &str = "embedded-replica:memory";
pub(crate) const EXPORT_PAGE_MARKS: &str = "embedded-replica:page_marks";
pub(crate) const EXPORT_TABLE: &str = "embedded-replica:table";
pub(crate) const EXPORT_START: &str = "embedded-replica:start";
pub(crate) const EXPORT_INSTRUCTION_COUNTER: &str = "embedded-replica:counter";
/// Followed by the number of the global, counted over the mutable ones.
pub(crate) const EXPORT_GLOBAL: &str = "embedded-replica:global:";

/// What the counter holds once the execution was stopped because nothing was left.
pub(crate) const OUT_OF_INSTRUCTIONS: i64 = i64::MIN;

/// A module in its parts, as far as rewriting it needs to know them.
#[derive(Debug, Default)]
pub(super) struct ModuleParts<'a> {
    /// The content of each section that is not a custom one, by its number.
    pub sections: [Option<&'a [u8]>; 16],
    /// The bodies of the functions, in order.
    pub bodies: Vec<FunctionBody<'a>>,
    /// Parameters and results of each function type.
    pub arities: Vec<(u32, u32)>,
    /// The type of each function, imported ones first.
    pub function_types: Vec<u32>,
    /// How many of them are imported.
    pub imported_functions: u32,
    /// Memories there are: one at most.
    pub memories: u32,
    /// Whether pointers have 64 bits.
    pub wasm64: bool,
    /// The largest size the memory may have by its own declaration, in Wasm pages.
    pub memory_pages_max: Option<u64>,
    /// Tables there are.
    pub tables: u32,
    /// Globals there are.
    pub globals: u32,
    /// Which of them are mutable.
    pub mutable_globals: Vec<u32>,
    /// The function the module begins with.
    pub start: Option<u32>,
    /// Data segments that `memory.init` is used with, in order.
    pub memory_init_segments: Vec<u32>,
}

/// Indices of what is added.
struct AddedIndices {
    wasm64: bool,
    /// The global.
    counter: u32,
    /// The first of the functions, which come in the order of [`page_marks::functions`]; none, in a
    /// module without memory.
    functions: Option<u32>,
}

/// An instrumented module.
pub(super) struct Instrumented {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Wasm instructions the replica would compile for it, which installing is charged for.
    pub compiled_instructions: Instructions,
}

/// Rewrites a module, which must be valid.
pub(super) fn instrument(parts: &ModuleParts<'_>) -> Result<Instrumented, BinaryReaderError> {
    let added = AddedIndices {
        wasm64: parts.wasm64,
        counter: parts.globals,
        functions: (parts.memories > 0).then_some(parts.function_types.len() as u32),
    };
    let helpers = match added.functions {
        Some(_) => page_marks::functions(&added, &parts.memory_init_segments),
        None => Vec::new(),
    };
    let mut types = TypeSection::new();
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    let mut compiled = metering::overhead(parts);
    for body in &parts.bodies {
        let declared =
            parts.function_types[parts.imported_functions as usize + code.len() as usize];
        let body = metering::meter(body, parts.arities[declared as usize].0, &added, parts)?;
        compiled += body.compiled_instructions;
        code.raw(&body.bytes);
    }
    for (number, helper) in (0..).zip(&helpers) {
        types.ty().function(helper.parameters.iter().copied(), []);
        functions.function(parts.arities.len() as u32 + number);
        code.function(&helper.code);
    }
    Ok(Instrumented {
        bytes: assemble(parts, &types, &functions, &code)?,
        compiled_instructions: compiled,
    })
}

/// Puts the sections together in the order in which they must stand.
fn assemble(
    parts: &ModuleParts<'_>,
    types: &TypeSection,
    functions: &FunctionSection,
    code: &CodeSection,
) -> Result<Vec<u8>, BinaryReaderError> {
    let mut globals = GlobalSection::new();
    let counter = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
    globals.global(counter, &ConstExpr::i64_const(0));

    let mut module = Module::new();
    let own = |id: SectionId| parts.sections[id as usize];
    let mut raw = |id: SectionId, data: Option<&[u8]>| {
        if let Some(data) = data {
            module.section(&RawSection { id: id as u8, data });
        }
    };
    raw(SectionId::Type, Some(&joined(own(SectionId::Type), types)?));
    raw(SectionId::Import, own(SectionId::Import));
    raw(SectionId::Function, Some(&joined(own(SectionId::Function), functions)?));
    raw(SectionId::Table, own(SectionId::Table));
    raw(SectionId::Memory, Some(&joined(own(SectionId::Memory), &memory(parts))?));
    raw(SectionId::Global, Some(&joined(own(SectionId::Global), &globals)?));
    raw(SectionId::Export, Some(&joined(own(SectionId::Export), &exports(parts))?));
    raw(SectionId::Element, own(SectionId::Element));
    raw(SectionId::DataCount, own(SectionId::DataCount));
    module.section(code);
    if let Some(data) = own(SectionId::Data) {
        module.section(&RawSection { id: SectionId::Data as u8, data });
    }
    Ok(module.finish())
}

/// The memory for the marks, a byte for each page; none for a module without memory.
fn memory(parts: &ModuleParts<'_>) -> MemorySection {
    let mut section = MemorySection::new();
    if parts.memories > 0 {
        // Every 32-bit address has a mark. With 64 bits only those in the largest memory there can
        // be have one, and the page behind.
        let bytes = if parts.wasm64 {
            let declared = parts.memory_pages_max.unwrap_or(u64::MAX);
            declared.saturating_mul(WASM_PAGE_BYTES).min(WASM64_MEMORY_MAX) + OS_PAGE_BYTES as u64
        } else {
            1 << 32
        };
        let pages = (bytes / OS_PAGE_BYTES as u64).div_ceil(WASM_PAGE_BYTES);
        section.memory(MemoryType {
            minimum: pages,
            maximum: Some(pages),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
    }
    section
}

/// The exports by which the replica reaches into the module.
fn exports(parts: &ModuleParts<'_>) -> ExportSection {
    let mut section = ExportSection::new();
    section.export(EXPORT_INSTRUCTION_COUNTER, ExportKind::Global, parts.globals);
    if parts.memories > 0 {
        section.export(EXPORT_MEMORY, ExportKind::Memory, 0);
        section.export(EXPORT_PAGE_MARKS, ExportKind::Memory, 1);
    }
    if parts.tables > 0 {
        section.export(EXPORT_TABLE, ExportKind::Table, 0);
    }
    if let Some(start) = parts.start {
        section.export(EXPORT_START, ExportKind::Func, start);
    }
    for (number, index) in parts.mutable_globals.iter().enumerate() {
        section.export(&format!("{EXPORT_GLOBAL}{number}"), ExportKind::Global, *index);
    }
    section
}

/// A section's content with the entries of `added` behind its own.
fn joined(own: Option<&[u8]>, added: &impl Encode) -> Result<Vec<u8>, BinaryReaderError> {
    let mut encoded = Vec::new();
    added.encode(&mut encoded);
    // An encoded section begins with its size in bytes, then comes the number of entries.
    let mut added = BinaryReader::new(&encoded, 0);
    added.read_var_u32()?;
    let mut own = own.map(|own| BinaryReader::new(own, 0));
    let own_count = own.as_mut().map_or(Ok(0), BinaryReader::read_var_u32)?;
    let mut content = Vec::new();
    (own_count + added.read_var_u32()?).encode(&mut content);
    for mut rest in own.into_iter().chain([added]) {
        content.extend_from_slice(rest.read_bytes(rest.bytes_remaining())?);
    }
    Ok(content)
}

#[cfg(test)]
mod tests;
