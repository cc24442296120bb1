//! The memories of a canister: heap, mutable globals and stable memory.

use super::code::Code;
use crate::limits::{OS_PAGE_BYTES, WASM_PAGE_BYTES};
use crate::wasm::{EXPORT_GLOBAL, EXPORT_MEMORY, Pages, StableMemory};
use serde::{Deserialize, Serialize};
pub use wasmtime::Val;
use wasmtime::{ExternType, ValType};

/// The memories of a canister. Clones share all pages that neither of them has changed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Memories {
    pub(super) heap: Pages,
    pub(super) heap_bytes: usize,
    /// The values of the mutable globals. `None` before the first instance exists.
    #[serde(
        serialize_with = "super::saved::write_optional_globals",
        deserialize_with = "super::saved::read_optional_globals"
    )]
    pub(super) globals: Option<Vec<Val>>,
    /// Boxed, because an execution takes it along.
    pub(super) stable: Box<StableMemory>,
}

impl std::fmt::Debug for Memories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memories")
            .field("heap", &self.heap)
            .field("heap_bytes", &self.heap_bytes)
            .field("stable_bytes", &self.stable_bytes())
            .finish_non_exhaustive()
    }
}

impl Memories {
    /// Memories with these globals, and zeros in all other places. The sizes are in bytes. They must be
    /// whole Wasm pages, and not larger than a memory can be.
    pub fn zeroed(heap_bytes: usize, stable_bytes: u64, globals: Vec<Val>) -> Self {
        let mut stable = StableMemory::default();
        let grown = stable.grow(stable_bytes / WASM_PAGE_BYTES);
        debug_assert!(grown.is_some(), "a stable memory of {stable_bytes} bytes");
        stable.commit();
        Self { heap: Pages::default(), heap_bytes, globals: Some(globals), stable: stable.into() }
    }

    /// The size of the heap in bytes.
    pub fn heap_bytes(&self) -> u64 {
        self.heap_bytes as u64
    }

    /// The size of stable memory in bytes.
    pub fn stable_bytes(&self) -> u64 {
        self.stable.committed_bytes()
    }

    /// The size in bytes of all pages that were ever written to.
    pub fn heap_delta_bytes(&self) -> u64 {
        (self.heap.count() + self.stable.count()) * OS_PAGE_BYTES as u64
    }

    /// The values of the mutable globals, in order.
    pub fn globals(&self) -> &[Val] {
        self.globals.as_deref().unwrap_or_default()
    }

    /// Whether the heap is large enough for all its pages.
    pub(super) fn heap_is_complete(&self) -> bool {
        self.heap.end() * OS_PAGE_BYTES <= self.heap_bytes
    }

    /// Reads `size` bytes of the heap from `offset`. `None` if the range exceeds the heap.
    pub fn read_heap(&self, offset: u64, size: u64) -> Option<Vec<u8>> {
        let (offset, size) = within(offset, size, self.heap_bytes())?;
        let mut bytes = vec![0; size];
        self.heap.read(offset, &mut bytes);
        Some(bytes)
    }

    /// Writes `bytes` to the heap at `offset`. Returns `None`, and writes nothing, if the range exceeds
    /// the heap.
    pub fn write_heap(&mut self, offset: u64, bytes: &[u8]) -> Option<()> {
        let (offset, _) = within(offset, bytes.len() as u64, self.heap_bytes())?;
        self.heap.write(offset, bytes);
        Some(())
    }

    /// Reads `size` bytes of stable memory from `offset`. `None` if the range exceeds stable memory.
    pub fn read_stable(&self, offset: u64, size: u64) -> Option<Vec<u8>> {
        let (_, size) = within(offset, size, self.stable_bytes())?;
        let mut bytes = vec![0; size];
        self.stable.read(offset, &mut bytes).ok()?;
        Some(bytes)
    }

    /// Writes `bytes` to stable memory at `offset`. Returns `None`, and writes nothing, if the range
    /// exceeds stable memory.
    pub fn write_stable(&mut self, offset: u64, bytes: &[u8]) -> Option<()> {
        self.stable.write(offset, bytes).ok()?;
        self.stable.commit();
        Some(())
    }

    /// Whether these memories fit a module: the globals have the types of the module's globals, and the
    /// module's memory can have the size of the heap.
    pub fn fit(&self, code: &Code) -> bool {
        let module = code.module.engine_module();
        let count = code.module.info.mutable_globals as usize;
        let is_global = |(number, value): (usize, &Val)| {
            let global = module.get_export(&format!("{EXPORT_GLOBAL}{number}"));
            matches!(global, Some(ExternType::Global(global)) if is_of(value, global.content()))
        };
        let pages = self.heap_bytes() / WASM_PAGE_BYTES;
        let heap_fits = match module.get_export(EXPORT_MEMORY) {
            Some(ExternType::Memory(memory)) => {
                (memory.minimum()..=memory.maximum().unwrap_or(u64::MAX)).contains(&pages)
            }
            _ => pages == 0,
        };
        heap_fits
            && self.globals().len() == count
            && self.globals().iter().enumerate().all(is_global)
    }
}

/// Converts a range to `usize`. `None` if the range exceeds `bytes`.
fn within(offset: u64, size: u64, bytes: u64) -> Option<(usize, usize)> {
    let end = offset.checked_add(size)?;
    (end <= bytes).then_some((usize::try_from(offset).ok()?, usize::try_from(size).ok()?))
}

fn is_of(value: &Val, kind: &ValType) -> bool {
    match value {
        Val::I32(_) => kind.is_i32(),
        Val::I64(_) => kind.is_i64(),
        Val::F32(_) => kind.is_f32(),
        Val::F64(_) => kind.is_f64(),
        Val::V128(_) => kind.is_v128(),
        _ => kind.is_ref(),
    }
}
