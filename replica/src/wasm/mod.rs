//! Wasm modules and stable memory: validation, instrumentation, compilation. Nothing here depends on
//! canisters.

mod engine;
#[cfg(test)]
mod harness;
mod instruction_costs;
mod instrument;
mod module;
mod module_cache;
mod pages;
mod stable;

pub use engine::{CompiledModule, compile};
pub(crate) use engine::{counter_is_exact, engine};
#[cfg(test)]
pub(crate) use instrument::STABLE_CALL_INSTRUCTIONS;
pub(crate) use instrument::{
    COUNTER_ADDRESS, EXPORT_ADDED_MEMORY, EXPORT_CALLBACK, EXPORT_COUNTER, EXPORT_ENTRY,
    EXPORT_GLOBAL, EXPORT_MEMORY, EXPORT_STABLE_COPIES, EXPORT_START, EXPORT_TABLE,
    MARK_REACH_BYTES, OUT_OF_INSTRUCTIONS, PAGE_MARKS_ADDRESS, STABLE_COPIES, STABLE_COPIES_BYTES,
    STABLE_COPIES_PART_BYTES, STABLE_READ_TAGS, STABLE_WRITE_TAGS, TAG_BYTES,
};
pub use module::{InvalidModule, MetadataSection, Method, MethodKind, ModuleInfo, Visibility};
pub use pages::{Page, PageParts, Pages};
pub use stable::{StableChanges, StableMemory, StableMemoryError};
