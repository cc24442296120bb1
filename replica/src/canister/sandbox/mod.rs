//! The sandbox: executes the code of a canister, one execution at a time. Each execution is then kept or
//! undone.
//!
//! A sandbox has an instance of the module, and a copy of the memories as of the latest kept execution.
//! The instrumented module marks the pages that it writes to. A marked page that differs from the copy
//! is a dirty page. Executions are charged for dirty pages. Keeping an execution copies its dirty pages
//! from the instance to the copy; undoing it copies them back.
//!
//! After a trap for which the code has stored no exact instruction counter, the sandbox executes again, with code that
//! stores it (see `wasm/instrument`). An execution depends on nothing but its input and the memories, so the second one
//! does the same, and traps at the same instruction. The instance with the slower code is then dropped.

mod changes;
mod code;
mod extent;
mod instance;
mod memories;
mod saved;

use crate::error::Trap;
use crate::limits::{
    DIRTY_PAGE_INSTRUCTIONS, OS_PAGE_BYTES, PAGES_COPIED_AT_ONCE_MAX, WASM64_DIRTY_PAGE_FACTOR,
};
use crate::log::ExecutionLog;
use crate::queues::Pairs;
use crate::system_api::{Effects, ExecutionInput};
use crate::types::Instructions;
use crate::wasm::{CompiledModule, StableMemory};
pub use changes::MemoryChanges;
use changes::{ChangedHeap, Pending};
pub use code::{Code, Entry};
pub use extent::Extent;
use instance::{Instance, Ran};
pub use memories::{Memories, Val};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The result of an execution.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExecutionOutput {
    pub result: Result<Box<Effects>, Trap>,
    /// Instructions that the execution used, including those for dirty pages. At most its instruction
    /// limit.
    pub instructions: Instructions,
    /// The number of slices of the execution.
    pub slices: u64,
    /// The debug output and the log records, also if the execution trapped.
    pub log: ExecutionLog,
}

/// A canister's code and memories.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "SavedSandbox")]
pub struct Sandbox {
    #[serde(serialize_with = "saved::write_code", deserialize_with = "saved::read_code")]
    code: Arc<Code>,
    /// The memories as of the latest kept execution. Only stable memory has the changes of a pending
    /// execution, because it can roll them back itself.
    kept: Memories,
    /// The instance. `None` if the next execution needs a new instance, as after loading a saved state.
    #[serde(skip)]
    instance: Option<Box<Instance>>,
    /// The pairs of queues of the canister, during an execution that can make calls. Without them, all request
    /// slots are free.
    #[serde(skip)]
    pub pairs: Pairs,
    /// The execution that is neither kept nor undone yet. `None` between two operations of the network,
    /// so never saved.
    #[serde(skip)]
    pending: Option<Pending>,
}

/// A sandbox as it is decoded.
#[derive(Deserialize)]
struct SavedSandbox {
    #[serde(serialize_with = "saved::write_code", deserialize_with = "saved::read_code")]
    code: Arc<Code>,
    kept: Memories,
}

impl TryFrom<SavedSandbox> for Sandbox {
    type Error = &'static str;

    fn try_from(SavedSandbox { code, mut kept }: SavedSandbox) -> Result<Self, Self::Error> {
        if kept.globals.is_some() && !(kept.fit(&code) && kept.heap_is_complete()) {
            return Err("the memories do not fit the module");
        }
        // An instance of the module has these pages already.
        kept.heap.share_equal(&code.module.info.image);
        Ok(Self::with_memories(code, kept))
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
    /// Creates a sandbox for `code` with this stable memory. No code is executed.
    pub fn new(code: Arc<Code>, mut stable: StableMemory) -> Self {
        stable.commit();
        let heap = code.module.info.image.clone();
        let kept = Memories { heap, heap_bytes: 0, globals: None, stable: stable.into() };
        Self { code, kept, instance: None, pairs: Pairs::default(), pending: None }
    }

    /// Creates a sandbox for `code` with these memories. They must fit: see [`Memories::fit`].
    pub fn with_memories(code: Arc<Code>, memories: Memories) -> Self {
        let pairs = Pairs::default();
        Self { code, kept: memories, instance: None, pairs, pending: None }
    }

    /// The memories as of the latest kept execution.
    pub fn memories(&self) -> &Memories {
        &self.kept
    }

    /// Replaces the stable memory. No execution may be pending.
    pub fn set_stable(&mut self, stable: StableMemory) {
        debug_assert!(self.pending.is_none(), "an execution is neither kept nor undone");
        *self.kept.stable = stable;
    }

    /// The module.
    pub fn module(&self) -> &CompiledModule {
        &self.code.module
    }

    /// Whether the module has the function that an entry names.
    pub fn has(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Export(name) => self.module().info.exports.contains(&**name),
            Entry::Closure(_) => true,
        }
    }

    /// The size of the heap in bytes.
    pub fn heap_bytes(&self) -> u64 {
        self.kept.heap_bytes as u64
    }

    /// The size of stable memory in bytes, without the growth of a pending execution.
    pub fn stable_bytes(&self) -> u64 {
        self.kept.stable.committed_bytes()
    }

    /// Creates a sandbox for other code with the stable memory of this sandbox, and with its heap if
    /// `with_heap` is true. Both have the changes of a pending execution. With the heap, the data
    /// segments of the other code are ignored.
    pub fn successor(&self, code: Arc<Code>, with_heap: bool) -> Self {
        let mut successor = Self::new(code, StableMemory::clone(&self.kept.stable));
        if with_heap {
            successor.kept.heap = self.kept.heap.clone();
            successor.kept.heap_bytes = self.kept.heap_bytes;
            if let (Some(pending), Some(instance)) = (&self.pending, &self.instance) {
                let pages = instance.pages();
                for (number, parts) in &pending.changed {
                    successor.kept.heap.set_parts(*number, &pages[*number], *parts);
                }
                successor.kept.heap_bytes = instance.heap().len();
            }
        }
        successor
    }

    /// Executes `entry`. Its changes of the memories are then pending, also after a trap, until the
    /// caller calls [`keep`](Self::keep), [`undo`](Self::undo) or [`hold`](Self::hold). `None` if the
    /// execution is longer than `extent`. Then it has changed nothing.
    pub fn run(
        &mut self,
        extent: Extent,
        entry: Entry,
        input: impl Into<Arc<ExecutionInput>>,
    ) -> Option<ExecutionOutput> {
        let input = input.into();
        debug_assert!(self.pending.is_none(), "the execution before was neither kept nor undone");
        let (mut instance, ran) = match self.execute(&entry, &input, extent) {
            Ok(executed) => executed,
            Err(trap) => {
                let log = ExecutionLog::default();
                return Some(ExecutionOutput {
                    result: Err(trap),
                    instructions: 0,
                    slices: 1,
                    log,
                });
            }
        };
        let changed = instance.changed(&self.kept.heap);
        let grown = instance.heap().len() != self.kept.heap_bytes;
        let mut effects = instance.take_effects();
        self.instance = Some(instance);
        let Ran::Ended(result, used) = ran else {
            self.pending = Some(Pending { changed, grown });
            self.undo();
            return None;
        };
        let (pages, written) = match input.entry_point.tracks_changes() {
            true => (changed.len() as u64, self.kept.stable.dirty_pages()),
            false => (0, 0),
        };
        let (limit, slice) = (input.instructions_max, input.slice_instructions_max);
        let copies = result.is_ok() && limit > slice && changed.len() > PAGES_COPIED_AT_ONCE_MAX;
        let slices = used.div_ceil(slice).max(1) + u64::from(copies);
        let instructions = (used + pages * self.page_price()).min(limit);
        self.pending = Some(Pending { changed, grown });
        effects.heap_delta_bytes = (pages + written) * OS_PAGE_BYTES as u64;
        let log = std::mem::take(&mut effects.log);
        Some(ExecutionOutput { result: result.map(|()| effects), instructions, slices, log })
    }

    /// Executes `entry`. Returns the instance that executed.
    fn execute(
        &mut self,
        entry: &Entry,
        input: &Arc<ExecutionInput>,
        extent: Extent,
    ) -> Result<(Box<Instance>, Ran), Trap> {
        let run = |sandbox: &mut Self, instance: &mut Instance| {
            instance.exchange(&mut sandbox.kept.stable, &mut sandbox.pairs);
            let ran = instance.run(entry, input.clone(), extent);
            instance.exchange(&mut sandbox.kept.stable, &mut sandbox.pairs);
            ran
        };
        let mut instance = self.instance(input)?;
        let mut ran = run(self, &mut instance);
        if matches!(ran, Ran::Uncounted) {
            // Such traps are rare: the code of most languages checks and then calls `trap`, or executes `unreachable`.
            self.kept.stable.roll_back();
            instance = self.new_instance(Instance::exact(&self.code, input.clone())?)?;
            ran = run(self, &mut instance);
        }
        Ok((instance, ran))
    }

    /// Instructions that a dirty heap page costs.
    fn page_price(&self) -> Instructions {
        match self.module().info.wasm64 {
            true => DIRTY_PAGE_INSTRUCTIONS * WASM64_DIRTY_PAGE_FACTOR,
            false => DIRTY_PAGE_INSTRUCTIONS,
        }
    }

    /// Creates the instance without executing code.
    ///
    /// # Errors
    ///
    /// [`Trap::Engine`] if the engine cannot instantiate the module.
    pub fn instantiate(&mut self, input: ExecutionInput) -> Result<(), Trap> {
        self.instance = Some(self.instance(&Arc::new(input))?);
        Ok(())
    }

    /// Takes the instance, or creates one if there is none. The caller puts the instance back.
    fn instance(&mut self, input: &Arc<ExecutionInput>) -> Result<Box<Instance>, Trap> {
        if let Some(instance) = self.instance.take() {
            return Ok(instance);
        }
        self.new_instance(Instance::new(&self.code, input.clone())?)
    }

    /// Loads the kept memories into a new instance.
    fn new_instance(&mut self, mut instance: Instance) -> Result<Box<Instance>, Trap> {
        let globals = self.kept.globals.get_or_insert_with(|| instance.globals());
        let image = &self.code.module.info.image;
        instance.grow(self.kept.heap_bytes)?;
        instance.load(self.kept.heap.unshared(image), globals)?;
        self.kept.heap_bytes = instance.heap().len();
        Ok(instance.into())
    }

    /// Keeps the changes of the pending execution.
    pub fn keep(&mut self) {
        let (Some(pending), Some(instance)) = (self.pending.take(), &mut self.instance) else {
            return;
        };
        let pages = instance.pages();
        for (number, parts) in pending.changed {
            self.kept.heap.set_parts(number, &pages[number], parts);
        }
        if pending.grown {
            self.kept.heap_bytes = instance.heap().len();
        }
        instance.store_globals(self.kept.globals.get_or_insert_default());
        self.kept.stable.commit();
        self.retire();
    }

    /// Undoes the changes of the pending execution.
    pub fn undo(&mut self) {
        self.kept.stable.roll_back();
        let Some(pending) = self.pending.take() else { return };
        let Some(instance) = &mut self.instance else { return };
        let pages =
            pending.changed.iter().map(|(number, _)| (*number, self.kept.heap.get(*number)));
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
        self.retire();
    }

    /// Creates a sandbox with the same code and the same memories. No execution may be pending.
    pub fn duplicate(&self) -> Self {
        debug_assert!(self.pending.is_none(), "an execution is neither kept nor undone");
        Self::with_memories(self.code.clone(), self.kept.clone())
    }

    /// Undoes the changes of the pending execution, and returns a sandbox that has kept them.
    pub fn split_off(&mut self) -> Self {
        let changes = self.hold();
        let mut other = self.duplicate();
        if let Some(changes) = changes {
            other.apply(changes);
        }
        other
    }

    /// Undoes the changes of the pending execution, and returns them for [`apply`](Self::apply) or
    /// [`discard`](Self::discard). `None` if no execution is pending. The changes contain the instance, so that nothing
    /// is copied. If the sandbox executes something in the meantime, it creates another instance.
    pub fn hold(&mut self) -> Option<MemoryChanges> {
        let (pending, mut instance) = (self.pending.take()?, self.instance.take()?);
        Some(MemoryChanges {
            heap_bytes: instance.heap().len(),
            globals: instance.globals(),
            heap: ChangedHeap::Instance(instance, pending),
            stable: self.kept.stable.take_changes(),
        })
    }

    /// Applies and keeps changes that [`hold`](Self::hold) returned. No other execution may have been
    /// kept since.
    pub fn apply(&mut self, changes: MemoryChanges) {
        let MemoryChanges { heap, heap_bytes, globals, stable } = changes;
        for (number, page) in heap.pages() {
            self.kept.heap.set(number, page);
        }
        self.kept.heap_bytes = heap_bytes;
        self.kept.stable.apply(stable);
        match heap {
            ChangedHeap::Instance(instance, _) => self.instance = Some(instance),
            // The next execution loads the pages into a new instance.
            ChangedHeap::Pages(_) => self.instance = None,
        }
        self.kept.globals = Some(globals);
        self.retire();
    }

    /// Drops changes that [`hold`](Self::hold) returned. No other execution may have been kept since. Uses the instance
    /// again if the sandbox has no other.
    pub fn discard(&mut self, changes: MemoryChanges) {
        if let ChangedHeap::Instance(instance, pending) = changes.heap
            && self.instance.is_none()
        {
            (self.instance, self.pending) = (Some(instance), Some(pending));
            self.undo();
        }
    }

    /// Drops the instance if it must not execute again: if the code can drop segments, because the next execution must
    /// have all segments again; and if the instance is exact. An exact instance is slower. Its stack frames differ from
    /// those of other instances, too. So whether a deep recursion overflows the stack would depend on an earlier trap,
    /// which is not saved.
    fn retire(&mut self) {
        let is_exact = self.instance.as_ref().is_some_and(|instance| instance.is_exact());
        if is_exact || self.code.module.info.drops_segments {
            self.instance = None;
        }
    }
}

#[cfg(test)]
mod tests;
