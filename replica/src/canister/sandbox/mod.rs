//! Runs a canister's code, one execution at a time, each to be kept or undone.
//!
//! There is one instance, and beside it a copy of the memories as the executions that were kept left
//! them. An instrumented module marks the pages it writes to; those of them whose content changed
//! are what keeping an execution copies from the instance and undoing it copies back, and what it is
//! charged for.

mod code;
mod instance;
mod memories;

use crate::error::Trap;
use crate::limits::{
    DIRTY_PAGE_INSTRUCTIONS, OS_PAGE_BYTES, PAGES_COPIED_AT_ONCE_MAX, WASM64_DIRTY_PAGE_FACTOR,
};
use crate::log::ExecutionLog;
use crate::system_api::{Effects, ExecutionInput};
use crate::types::Instructions;
use crate::wasm::{CompiledModule, Page, StableChanges, StableMemory};
pub use code::{Code, Entry};
use instance::Instance;
pub use memories::{Memories, Val};
use std::sync::Arc;

/// What an execution came to.
#[derive(Debug)]
pub struct ExecutionOutput {
    pub result: Result<Effects, Trap>,
    /// Instructions used, those for changed pages included; no more than the execution's limit.
    pub instructions: Instructions,
    /// Slices it takes.
    pub slices: u64,
    /// Lines printed, also by an execution that trapped.
    pub log: ExecutionLog,
}

/// A canister's code and memories.
pub struct Sandbox {
    code: Arc<Code>,
    /// The memories without the execution that is pending, except for stable memory, which can take
    /// that back itself.
    kept: Memories,
    /// The instance, unless it has to be made anew.
    instance: Option<Instance>,
    /// The execution that is neither kept nor undone yet.
    pending: Option<Pending>,
}

/// What an execution did to the instance.
struct Pending {
    /// Pages of the heap whose content changed.
    changed: Vec<usize>,
    grown: bool,
}

/// What an execution did to the memories, set aside to be kept later.
pub struct MemoryChanges {
    heap: Vec<(usize, Box<Page>)>,
    heap_bytes: usize,
    globals: Vec<Val>,
    stable: StableChanges,
}

impl std::fmt::Debug for MemoryChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryChanges({} pages)", self.heap.len())
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("code", &self.code)
            .field("heap", &self.kept.heap)
            .field("heap_bytes", &self.kept.heap_bytes)
            .field("stable_bytes", &self.stable_bytes())
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// A fresh instance of `code` with this stable memory. Nothing of it has run yet.
    pub fn new(code: Arc<Code>, mut stable: StableMemory) -> Self {
        stable.commit();
        let heap = code.module.info.image.clone();
        let kept = Memories { heap, heap_bytes: 0, globals: None, stable };
        Self { code, kept, instance: None, pending: None }
    }

    /// An instance of `code` with these memories, which [fit](Memories::fit).
    pub fn with_memories(code: Arc<Code>, memories: Memories) -> Self {
        Self { code, kept: memories, instance: None, pending: None }
    }

    /// The memories as the executions that were kept left them.
    pub fn memories(&self) -> &Memories {
        &self.kept
    }

    /// Puts another stable memory in the place of this one. Nothing may be pending.
    pub fn set_stable(&mut self, stable: StableMemory) {
        debug_assert!(self.pending.is_none(), "an execution is neither kept nor undone");
        self.kept.stable = stable;
    }

    /// The module.
    pub fn module(&self) -> &CompiledModule {
        &self.code.module
    }

    /// Whether the module has what an entry names.
    pub fn has(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Export(name) => self.module().info.exports.contains(&**name),
            Entry::Closure(_) => true,
        }
    }

    /// Bytes of heap.
    pub fn heap_bytes(&self) -> u64 {
        self.kept.heap_bytes as u64
    }

    /// Bytes of stable memory, without what a pending execution added.
    pub fn stable_bytes(&self) -> u64 {
        self.kept.stable.committed_bytes()
    }

    /// A fresh instance of other code with the stable memory, and perhaps the heap, as the latest
    /// execution left them, kept or not. With a heap, the data segments of the code do not count.
    pub fn successor(&self, code: Arc<Code>, with_heap: bool) -> Self {
        let mut successor = Self::new(code, self.kept.stable.clone());
        if with_heap {
            successor.kept.heap = self.kept.heap.clone();
            successor.kept.heap_bytes = self.kept.heap_bytes;
            if let (Some(pending), Some(instance)) = (&self.pending, &self.instance) {
                for number in &pending.changed {
                    successor.kept.heap.set(*number, instance.page(*number));
                }
                successor.kept.heap_bytes = instance.heap().len();
            }
        }
        successor
    }

    /// Executes, and leaves it to the caller to [`keep`](Self::keep), [`undo`](Self::undo) or
    /// [`hold`](Self::hold) what that did to the memories. Does none of it by itself, not even after
    /// a trap.
    pub fn run(&mut self, entry: Entry, input: impl Into<Arc<ExecutionInput>>) -> ExecutionOutput {
        let input = input.into();
        debug_assert!(self.pending.is_none(), "the execution before was neither kept nor undone");
        let limit = input.instructions_max;
        let slice = input.slice_instructions_max;
        let tracked = input.entry_point.tracks_changes();
        let mut instance = match self.instance(&input) {
            Ok(instance) => instance,
            Err(trap) => {
                let log = ExecutionLog::default();
                return ExecutionOutput { result: Err(trap), instructions: 0, slices: 1, log };
            }
        };
        std::mem::swap(instance.stable(), &mut self.kept.stable);
        let (result, left) = instance.run(&entry, input);
        std::mem::swap(instance.stable(), &mut self.kept.stable);
        let changed = instance.changed(&self.kept.heap);
        let grown = instance.heap().len() != self.kept.heap_bytes;
        let mut effects = instance.take_effects();
        self.instance = Some(instance);
        let (pages, written) = match tracked {
            true => (changed.len() as u64, self.kept.stable.dirty_pages()),
            false => (0, 0),
        };
        let used = limit - Instructions::try_from(left).unwrap_or(0);
        let copies = result.is_ok() && limit > slice && changed.len() > PAGES_COPIED_AT_ONCE_MAX;
        let slices = used.div_ceil(slice).max(1) + u64::from(copies);
        let instructions = (used + pages * self.page_price()).min(limit);
        self.pending = Some(Pending { changed, grown });
        effects.heap_delta_bytes = (pages + written) * OS_PAGE_BYTES as u64;
        let log = std::mem::take(&mut effects.log);
        ExecutionOutput { result: result.map(|()| effects), instructions, slices, log }
    }

    /// What a changed page costs.
    fn page_price(&self) -> Instructions {
        match self.module().info.wasm64 {
            true => DIRTY_PAGE_INSTRUCTIONS * WASM64_DIRTY_PAGE_FACTOR,
            false => DIRTY_PAGE_INSTRUCTIONS,
        }
    }

    /// Makes the instance without running anything.
    pub fn instantiate(&mut self, input: ExecutionInput) -> Result<(), Trap> {
        self.instance = Some(self.instance(&Arc::new(input))?);
        Ok(())
    }

    /// The instance, made anew where there is none. It is the caller's, who puts it back.
    fn instance(&mut self, input: &Arc<ExecutionInput>) -> Result<Instance, Trap> {
        if let Some(instance) = self.instance.take() {
            return Ok(instance);
        }
        let mut instance = Instance::new(&self.code, input.clone())?;
        let globals = self.kept.globals.get_or_insert_with(|| instance.globals());
        let image = &self.code.module.info.image;
        instance.grow(self.kept.heap_bytes)?;
        instance.load(self.kept.heap.unshared(image), globals)?;
        self.kept.heap_bytes = instance.heap().len();
        Ok(instance)
    }

    /// Keeps what the latest execution did.
    pub fn keep(&mut self) {
        let (Some(pending), Some(instance)) = (self.pending.take(), &mut self.instance) else {
            return;
        };
        for number in pending.changed {
            self.kept.heap.set(number, instance.page(number));
        }
        self.kept.heap_bytes = instance.heap().len();
        instance.store_globals(self.kept.globals.get_or_insert_default());
        self.kept.stable.commit();
        self.retire_dropped_segments();
    }

    /// Undoes what the latest execution did.
    pub fn undo(&mut self) {
        self.kept.stable.roll_back();
        let Some(pending) = self.pending.take() else { return };
        let Some(instance) = &mut self.instance else { return };
        let pages = pending.changed.iter().map(|number| (*number, self.kept.heap.get(*number)));
        // A memory cannot shrink.
        let undone = !pending.grown
            && self
                .kept
                .globals
                .as_ref()
                .is_some_and(|globals| instance.load(pages, globals).is_ok());
        if !undone {
            self.instance = None;
        }
        self.retire_dropped_segments();
    }

    /// Undoes what the latest execution did, and returns a sandbox that has kept it.
    pub fn split_off(&mut self) -> Self {
        let changes = self.hold();
        let kept = self.kept.clone();
        let mut other = Self { code: self.code.clone(), kept, instance: None, pending: None };
        if let Some(changes) = changes {
            other.apply(changes);
        }
        other
    }

    /// Undoes what the latest execution did, and returns it to be [applied](Self::apply) later;
    /// nothing, if none is pending.
    pub fn hold(&mut self) -> Option<MemoryChanges> {
        let (pending, instance) = (self.pending.as_ref()?, self.instance.as_mut()?);
        let pages =
            pending.changed.iter().map(|number| (*number, Box::new(*instance.page(*number))));
        let changes = MemoryChanges {
            heap: pages.collect(),
            heap_bytes: instance.heap().len(),
            globals: instance.globals(),
            stable: self.kept.stable.changes(),
        };
        self.undo();
        Some(changes)
    }

    /// Keeps an execution whose changes were set aside, if nothing else was kept since.
    pub fn apply(&mut self, changes: MemoryChanges) {
        for (number, page) in &changes.heap {
            self.kept.heap.set(*number, page);
        }
        self.kept.heap_bytes = changes.heap_bytes;
        self.kept.stable.apply(changes.stable);
        if let Some(instance) = &mut self.instance {
            let pages = changes.heap.iter().map(|(number, page)| (*number, &**page));
            let applied = instance
                .grow(changes.heap_bytes)
                .and_then(|()| instance.load(pages, &changes.globals));
            if applied.is_err() {
                self.instance = None;
            }
        }
        self.kept.globals = Some(changes.globals);
    }

    /// A dropped segment is there again in the next execution, for which an instance that never
    /// dropped it is needed.
    fn retire_dropped_segments(&mut self) {
        if self.code.module.info.drops_segments {
            self.instance = None;
        }
    }
}

#[cfg(test)]
mod tests;
