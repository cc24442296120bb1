//! Wasm modules and stable memory: validation, instrumentation, compilation. Nothing here depends on
//! canisters.

mod engine;
#[cfg(test)]
mod harness;
mod instruction_costs;
mod instrument;
mod module;
mod pages;
mod stable;

pub(crate) use engine::engine;
pub use engine::{CompiledModule, compile};
pub(crate) use instrument::{
    COUNTER_ADDRESS, EXPORT_ADDED_MEMORY, EXPORT_GLOBAL, EXPORT_MEMORY, EXPORT_START, EXPORT_TABLE,
    OUT_OF_INSTRUCTIONS, PAGE_MARKS_ADDRESS, STORE_BYTES_MAX,
};
pub use module::{InvalidModule, MetadataSection, Method, MethodKind, ModuleInfo, Visibility};
pub use pages::{Page, Pages};
pub use stable::{StableChanges, StableMemory, StableMemoryError};
