//! Wasm modules and stable memory: validation, metering, compilation. Nothing here knows canisters.

mod engine;
mod module;
mod stable;
mod weights;

pub(crate) use engine::engine;
pub use engine::{CompiledModule, compile};
pub(crate) use module::{EXPORT_GLOBAL, EXPORT_MEMORY, EXPORT_START, EXPORT_TABLE};
pub use module::{InvalidModule, MetadataSection, Method, MethodKind, ModuleInfo, Visibility};
pub use stable::{StableMemory, StableMemoryError};
pub(crate) use weights::MEMORY_GROW_EXTRA;
