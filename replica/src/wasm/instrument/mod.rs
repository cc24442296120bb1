//! Instrumentation: rewrites a valid module so that it counts its instructions and marks the pages that
//! it writes to.
//!
//! Instrumentation adds:
//!
//! - a memory for the replica, with the instruction counter (the number of instructions left) and the page marks: a
//!   byte for each page of the module's memory, not 0 if the page was written to;
//! - a global with the instruction counter while code of the module is executed (see `counter`);
//! - functions through which the host executes code of the module (`entries`);
//! - functions that replace the bulk memory operations (`bulk_operations`);
//! - functions that replace calls of `stable64_read` and `stable64_write` (`stable_copies`), and a place for copies of
//!   stable memory pages at the end of the added memory, if the module has such calls.
//!
//! All of these come after the module's own items, so that no index of the module changes. Code is
//! copied; `metering` and `page_marks` insert instructions between the original ones. The start section
//! is removed: the replica calls the start function.

mod blocks;
mod bulk_operations;
mod charges;
mod counter;
mod entries;
mod mark_ranges;
mod metering;
mod page_marks;
mod stable_copies;

use crate::limits::{OS_PAGE_BYTES, WASM_PAGE_BYTES, WASM64_MEMORY_MAX};
use crate::types::Instructions;
use counter::Place;
pub(crate) use page_marks::MARK_REACH_BYTES;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
#[cfg(test)]
pub(crate) use stable_copies::STABLE_CALL_INSTRUCTIONS;
use stable_copies::{Direction, PART_WASM_PAGES};
pub(crate) use stable_copies::{
    STABLE_COPIES, STABLE_COPIES_BYTES, STABLE_COPIES_PART_BYTES, STABLE_READ_TAGS,
    STABLE_WRITE_TAGS, TAG_BYTES,
};
use std::collections::BTreeSet;
use wasm_encoder::{
    BranchHint, BranchHints, CodeSection, ConstExpr, Encode, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, MemorySection, MemoryType, Module, RawSection,
    SectionId, TypeSection, ValType,
};
use wasmparser::{BinaryReader, BinaryReaderError, FunctionBody};

/// The prefix of the names under which an instrumented module exports its internals. A module that
/// itself exports a name with this prefix is refused.
pub(crate) const RESERVED_PREFIX: &str = "embedded-replica:";
/// The heap.
pub(crate) const EXPORT_MEMORY: &str = "embedded-replica:memory";
/// The added memory.
pub(crate) const EXPORT_ADDED_MEMORY: &str = "embedded-replica:added_memory";
/// The added memory once more, if its last part is for copies of stable memory pages.
pub(crate) const EXPORT_STABLE_COPIES: &str = "embedded-replica:stable_copies";
/// The added global. A module without it has the instruction counter only in the added memory.
pub(crate) const EXPORT_COUNTER: &str = "embedded-replica:counter";
/// The table, for callbacks.
pub(crate) const EXPORT_TABLE: &str = "embedded-replica:table";
/// The name of the start function among the entry points. The name of the export has the prefix [`EXPORT_ENTRY`].
pub(crate) const EXPORT_START: &str = "embedded-replica:start";
/// The prefix for the functions through which the host calls entry points. The name of the entry point follows.
pub(crate) const EXPORT_ENTRY: &str = "embedded-replica:entry:";
/// The function through which the host calls callbacks. Its parameters are the index of the callback in the table, and
/// the argument.
pub(crate) const EXPORT_CALLBACK: &str = "embedded-replica:callback";
/// The prefix for mutable globals. Their number follows, which counts the mutable globals only.
pub(crate) const EXPORT_GLOBAL: &str = "embedded-replica:global:";

/// The address of the instruction counter in the added memory: an `i64`.
pub(crate) const COUNTER_ADDRESS: usize = 0;

/// The address of the first page mark in the added memory. A page mark is a byte.
pub(crate) const PAGE_MARKS_ADDRESS: usize = 64;

/// The number of bits to shift an address right to get its page number.
const PAGE_SHIFT: i64 = OS_PAGE_BYTES.trailing_zeros() as i64;

/// The value of the instruction counter after an execution was stopped at its instruction limit.
pub(crate) const OUT_OF_INSTRUCTIONS: i64 = i64::MIN;

/// When the code stores the instruction counter: copies it from the local where a function keeps it to the added
/// global, or to the added memory if there is no added global (see `counter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CounterStores {
    /// Before calls, before instructions that always trap, and before the function returns. After a trap in another
    /// instruction, such as a division by zero, the stored counter can be too high.
    AtCalls,
    /// Also before each instruction that can trap. The stored counter is exact after every trap, but the code is
    /// slower.
    AtTraps,
}

/// The parts of a module that instrumentation needs.
#[derive(Debug, Default)]
pub(super) struct ModuleParts<'a> {
    /// The content of each section, by section id. Custom sections are left out.
    pub sections: [Option<&'a [u8]>; 16],
    /// The bodies of the defined functions, in order.
    pub bodies: Vec<FunctionBody<'a>>,
    /// The numbers of parameters and results of each function type.
    pub arities: Vec<(u32, u32)>,
    /// The type of each function, imported functions first.
    pub function_types: Vec<u32>,
    /// The number of imported functions.
    pub imported_functions: u32,
    /// The names of the imported functions.
    pub imports: BTreeSet<&'a str>,
    /// The same names in the order of the imports.
    pub import_names: Vec<&'a str>,
    /// The imported functions in instructions `call` and `return_call`.
    pub called_imports: BTreeSet<u32>,
    /// The function types with three 64-bit integers as parameters and without results.
    pub stable_types: BTreeSet<u32>,
    /// The number of memories: 0 or 1.
    pub memories: u32,
    /// Whether the memory is a 64-bit memory.
    pub wasm64: bool,
    /// The declared maximum of the memory, in Wasm pages.
    pub memory_pages_max: Option<u64>,
    /// Whether an imported function can be called otherwise than by `call`: because it is exported or in a table, or by
    /// `ref.func` or `return_call`.
    pub calls_host_otherwise: bool,
    /// The number of tables.
    pub tables: u32,
    /// The first table, if functions can be called through it.
    pub function_table: Option<FunctionTable>,
    /// The functions that the host can call, with their names: the entry points and the start function.
    pub entries: Vec<(&'a str, u32)>,
    /// The number of globals.
    pub globals: u32,
    /// The indices of the mutable globals.
    pub mutable_globals: Vec<u32>,
    /// The data segments that `memory.init` instructions use, in ascending order.
    pub memory_init_segments: Vec<u32>,
}

/// A table of functions.
#[derive(Clone, Copy, Debug)]
pub(super) struct FunctionTable {
    /// Whether its indices have 64 bits.
    pub has_wide_indices: bool,
}

/// What instrumentation adds: the indices of the added items, and when the code stores the counter.
struct Added {
    wasm64: bool,
    stores: CounterStores,
    /// The added memory, and the added global.
    counter: Place,
    /// The first function that replaces a bulk memory operation. The order is that of [`bulk_operations::functions`].
    /// `None` in a module without memory.
    functions: Option<u32>,
    /// The imported functions that added functions replace.
    replaced: Vec<(u32, Direction)>,
    /// The first function that replaces one of these. The order is that of [`stable_copies::functions`].
    replacements: u32,
    /// The first function through which the host executes code. The order is that of [`entries::functions`]. `None` if
    /// they are not exported.
    entries: Option<u32>,
}

impl Added {
    /// The type of the addresses of the module's memory.
    fn address_type(&self) -> ValType {
        if self.wasm64 { ValType::I64 } else { ValType::I32 }
    }

    /// The function that is called instead of `function`. `None` if `function` is not replaced.
    fn replacement(&self, function: u32) -> Option<u32> {
        let position = self.replaced.iter().position(|(replaced, _)| *replaced == function)?;
        Some(self.replacements + position as u32)
    }
}

/// An added function without results.
struct Helper {
    /// The types of its parameters.
    parameters: Vec<ValType>,
    code: Function,
}

/// An instrumented module.
pub(super) struct Instrumented {
    /// The bytes of the instrumented module.
    pub bytes: Vec<u8>,
    /// The number of Wasm instructions that the replica would compile. Installing is charged for them.
    pub compiled_instructions: Instructions,
}

/// Instruments a module, which must be valid.
pub(super) fn instrument(
    parts: &ModuleParts<'_>,
    stores: CounterStores,
) -> Result<Instrumented, BinaryReaderError> {
    let functions = parts.function_types.len() as u32;
    let mut added = Added {
        stores,
        wasm64: parts.wasm64,
        counter: Place { memory: parts.memories, global: counter_global(parts) },
        functions: (parts.memories > 0).then_some(functions),
        replaced: stable_copies::replaced(parts),
        replacements: 0,
        entries: None,
    };
    let mut helpers = match added.functions {
        Some(_) => bulk_operations::functions(&added, &parts.memory_init_segments),
        None => Vec::new(),
    };
    added.replacements = functions + helpers.len() as u32;
    let copies = marks_wasm_pages(parts) * WASM_PAGE_BYTES;
    helpers.extend(stable_copies::functions(&added, copies));
    added.entries = Some(functions + helpers.len() as u32);
    let own_types = parts.arities.len() as u32;
    helpers.extend(entries::functions(&added, parts, own_types));
    let mut types = TypeSection::new();
    entries::add_callback_type(&added, &mut types);
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    let mut hints = BranchHints::new();
    let mut compiled = metering::overhead(parts);
    // On all cores of the machine: each function is instrumented by itself.
    let types_of_bodies = &parts.function_types[parts.imported_functions as usize..];
    let metered: Vec<_> = parts
        .bodies
        .par_iter()
        .zip(types_of_bodies)
        .map(|(body, of_type)| {
            metering::meter(body, parts.arities[*of_type as usize].0, &added, parts)
        })
        .collect();
    for (number, body) in (parts.imported_functions..).zip(metered) {
        let body = body?;
        compiled += body.compiled_instructions;
        code.raw(&body.bytes);
        let unlikely = body.unlikely.iter().map(|position| BranchHint {
            branch_func_offset: *position as u32,
            branch_hint_value: 0,
        });
        hints.function_hints(number, unlikely);
    }
    for (of_type, helper) in (own_types + types.len()..).zip(&helpers) {
        types.ty().function(helper.parameters.iter().copied(), []);
        functions.function(of_type);
        code.function(&helper.code);
    }
    Ok(Instrumented {
        bytes: assemble(parts, &added, &types, &functions, &hints, &code)?,
        compiled_instructions: compiled,
    })
}

/// The index of the global for the instruction counter. Only around `call` is there code that gives the counter to the
/// host. Modules that call the host otherwise, which are rare, have the counter in the memory all the time.
fn counter_global(parts: &ModuleParts<'_>) -> Option<u32> {
    (!parts.calls_host_otherwise).then_some(parts.globals)
}

/// Writes the sections in the order that the Wasm format requires.
fn assemble(
    parts: &ModuleParts<'_>,
    added: &Added,
    types: &TypeSection,
    functions: &FunctionSection,
    hints: &BranchHints,
    code: &CodeSection,
) -> Result<Vec<u8>, BinaryReaderError> {
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
    raw(SectionId::Memory, Some(&joined(own(SectionId::Memory), &memory(parts, added))?));
    raw(SectionId::Global, Some(&joined(own(SectionId::Global), &globals(added.counter))?));
    raw(SectionId::Export, Some(&joined(own(SectionId::Export), &exports(parts, added))?));
    raw(SectionId::Element, own(SectionId::Element));
    raw(SectionId::DataCount, own(SectionId::DataCount));
    module.section(hints);
    module.section(code);
    if let Some(data) = own(SectionId::Data) {
        module.section(&RawSection { id: SectionId::Data as u8, data });
    }
    Ok(module.finish())
}

/// The size of the part of the added memory with the counter and the page marks, in Wasm pages. A module without memory
/// needs no page marks.
fn marks_wasm_pages(parts: &ModuleParts<'_>) -> u64 {
    // In a 32-bit module, every address has a mark. In a 64-bit module, only the addresses of the
    // largest possible memory and of one page after it have a mark.
    let marked = match (parts.memories > 0, parts.wasm64) {
        (false, _) => 0,
        (true, false) => 1 << 32,
        (true, true) => {
            let declared = parts.memory_pages_max.unwrap_or(u64::MAX);
            declared.saturating_mul(WASM_PAGE_BYTES).min(WASM64_MEMORY_MAX) + OS_PAGE_BYTES as u64
        }
    };
    let bytes = PAGE_MARKS_ADDRESS as u64 + marked.div_ceil(OS_PAGE_BYTES as u64);
    bytes.div_ceil(WASM_PAGE_BYTES)
}

/// The added memory.
fn memory(parts: &ModuleParts<'_>, added: &Added) -> MemorySection {
    let copies = if added.replaced.is_empty() { 0 } else { PART_WASM_PAGES };
    let pages = marks_wasm_pages(parts) + copies;
    let mut section = MemorySection::new();
    section.memory(MemoryType {
        minimum: pages,
        maximum: Some(pages),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    section
}

/// The added global.
fn globals(counter: Place) -> GlobalSection {
    let mut section = GlobalSection::new();
    if counter.global.is_some() {
        let of_type = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
        section.global(of_type, &ConstExpr::i64_const(0));
    }
    section
}

/// The exports through which the replica accesses the internals of the instance.
fn exports(parts: &ModuleParts<'_>, added: &Added) -> ExportSection {
    let mut section = ExportSection::new();
    section.export(EXPORT_ADDED_MEMORY, ExportKind::Memory, parts.memories);
    if !added.replaced.is_empty() {
        section.export(EXPORT_STABLE_COPIES, ExportKind::Memory, parts.memories);
    }
    if let Some(global) = added.counter.global {
        section.export(EXPORT_COUNTER, ExportKind::Global, global);
    }
    if parts.memories > 0 {
        section.export(EXPORT_MEMORY, ExportKind::Memory, 0);
    }
    if parts.tables > 0 {
        section.export(EXPORT_TABLE, ExportKind::Table, 0);
    }
    if let Some(first) = added.entries {
        entries::export(parts, first, &mut section);
    }
    for (number, index) in parts.mutable_globals.iter().enumerate() {
        section.export(&format!("{EXPORT_GLOBAL}{number}"), ExportKind::Global, *index);
    }
    section
}

/// The content of a section: the entries of `own`, followed by the entries of `added`.
fn joined(own: Option<&[u8]>, added: &impl Encode) -> Result<Vec<u8>, BinaryReaderError> {
    let mut encoded = Vec::new();
    added.encode(&mut encoded);
    // An encoded section starts with its size in bytes and the number of entries.
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
