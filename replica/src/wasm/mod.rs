//! Wasm modules and stable memory: validation, metering, compilation. Nothing here knows canisters.

mod engine;
#[cfg(test)]
mod harness;
mod instrument;
mod module;
mod pages;
mod stable;
mod weights;

pub(crate) use engine::engine;
pub use engine::{CompiledModule, compile};
pub(crate) use instrument::{
    EXHAUSTED, EXPORT_COUNTER, EXPORT_GLOBAL, EXPORT_MEMORY, EXPORT_START, EXPORT_TABLE,
    EXPORT_WRITTEN, WIDEST_WRITE,
};
pub use module::{InvalidModule, MetadataSection, Method, MethodKind, ModuleInfo, Visibility};
pub use pages::{Page, Pages};
pub use stable::{StableChanges, StableMemory, StableMemoryError};
