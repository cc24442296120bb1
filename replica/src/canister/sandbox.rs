//! Runs a canister's code, one execution at a time, each to be kept or undone.
//!
//! Messages rarely trap, so nothing is copied before one runs. Instead a journal keeps the inputs of
//! what was executed since the last checkpoint. Undoing an execution means starting a new instance,
//! loading the checkpoint and executing the journal again: execution is deterministic, so the
//! memories come out as they were. A checkpoint is taken whenever the journal has become as
//! expensive as taking one, which bounds both.

use crate::error::Trap;
use crate::limits::{OS_PAGE_BYTES, WASM_STACK_BYTES};
use crate::log::Log;
use crate::system_api::{self, Closure, Effects, ExecutionInput, Host};
use crate::types::Instructions;
use crate::wasm::{
    CompiledModule, EXPORT_GLOBAL, EXPORT_MEMORY, EXPORT_START, EXPORT_TABLE, InvalidModule,
    StableMemory, engine,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::{Global, Instance, InstancePre, Ref, Store, TypedFunc, Val};

/// Instructions a journal may hold, whatever the size of the heap.
const JOURNAL_INSTRUCTIONS_MIN: Instructions = 50_000_000;

/// Instructions a journal may hold for each byte of heap a checkpoint would have to read: about
/// what takes the same time.
const JOURNAL_INSTRUCTIONS_PER_HEAP_BYTE: Instructions = 1;

/// Instructions worth a checkpoint once the journal had to be replayed: where one message traps,
/// more will.
const REPLAYED_INSTRUCTIONS_MAX: Instructions = 1_000_000;

/// What an execution of nothing counts for in the journal.
const JOURNAL_ENTRY_INSTRUCTIONS: Instructions = 5_000;

/// Native stack beside what Wasm itself may use: for system calls.
const HOST_STACK_BYTES: usize = 1 << 20;

/// A module connected with the system interface.
pub struct Code {
    /// The module.
    pub module: Arc<CompiledModule>,
    instance: InstancePre<Host>,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.module.fmt(f)
    }
}

impl Code {
    /// Checks that the module imports only what exists.
    pub fn link(module: Arc<CompiledModule>) -> Result<Self, InvalidModule> {
        let instance = system_api::link(&module)?;
        Ok(Self { module, instance })
    }
}

/// Where in the module an execution begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An exported function.
    Export(Arc<str>),
    /// A function in the table.
    Closure(Closure),
}

impl Entry {
    /// The module's start function.
    pub fn start() -> Self {
        Self::Export(EXPORT_START.into())
    }
}

/// What an execution came to.
#[derive(Debug)]
pub struct Executed {
    pub result: Result<Effects, Trap>,
    pub instructions: Instructions,
    /// Lines printed, also by an execution that trapped.
    pub log: Log,
}

/// A canister's code and memories.
pub struct Sandbox {
    code: Arc<Code>,
    /// Where the journal begins; at a fresh instance, when there is none.
    checkpoint: Option<Checkpoint>,
    journal: Vec<JournalEntry>,
    journal_cost: Instructions,
    /// The instance, unless it has to be made anew.
    live: Option<Live>,
    /// The execution that is neither kept nor undone yet.
    pending: Option<(JournalEntry, Instructions)>,
    heap_bytes: u64,
    stable_bytes: u64,
}

#[derive(Clone, Debug)]
struct JournalEntry {
    entry: Entry,
    input: Arc<ExecutionInput>,
}

struct Live {
    store: Store<Host>,
    instance: Instance,
    wasm64: bool,
    /// Functions that were called before, so that they need not be looked up and checked again.
    exports: BTreeMap<Arc<str>, TypedFunc<(), ()>>,
    callbacks: BTreeMap<u64, TableFunction>,
}

/// A callback, by the width of its module's pointers.
#[derive(Clone)]
enum TableFunction {
    Wasm32(TypedFunc<u32, ()>),
    Wasm64(TypedFunc<u64, ()>),
}

/// A canister's whole memory at one moment.
#[derive(Clone, Default)]
struct Checkpoint {
    heap_bytes: usize,
    /// Pages of the heap that are not all zero.
    heap: Vec<(usize, Box<[u8; OS_PAGE_BYTES]>)>,
    /// Values of the mutable globals.
    globals: Vec<Val>,
    stable: StableMemory,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("code", &self.code)
            .field("heap_bytes", &self.heap_bytes)
            .field("stable_bytes", &self.stable_bytes)
            .field("journal", &self.journal.len())
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// A fresh instance of `code` with this stable memory. Nothing of it has run yet.
    pub fn new(code: Arc<Code>, mut stable: StableMemory) -> Self {
        stable.commit();
        let stable_bytes = stable.size_bytes();
        // A fresh instance has no stable memory, so where there is some it needs a checkpoint.
        let checkpoint = (stable_bytes > 0).then(|| Checkpoint { stable, ..Checkpoint::default() });
        Self {
            code,
            checkpoint,
            journal: Vec::new(),
            journal_cost: 0,
            live: None,
            pending: None,
            heap_bytes: 0,
            stable_bytes,
        }
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
        self.heap_bytes
    }

    /// Bytes of stable memory.
    pub fn stable_bytes(&self) -> u64 {
        self.stable_bytes
    }

    /// Stable memory as the latest execution left it, kept or not.
    pub fn stable(&mut self) -> Result<StableMemory, Trap> {
        if let Some(live) = &self.live {
            return Ok(live.store.data().stable.clone());
        }
        // After an execution was undone, what was kept since the checkpoint is in the journal alone.
        match self.journal.last().map(|entry| entry.input.clone()) {
            Some(input) => Ok(self.live(&input)?.store.data().stable.clone()),
            None => {
                Ok(self.checkpoint.as_ref().map(|base| base.stable.clone()).unwrap_or_default())
            }
        }
    }

    /// Executes, and leaves it to the caller to [`keep`](Self::keep) or [`undo`](Self::undo) what
    /// that did to the memories. Does neither by itself, not even after a trap.
    pub fn run(&mut self, entry: Entry, input: ExecutionInput) -> Executed {
        debug_assert!(self.pending.is_none(), "the execution before was neither kept nor undone");
        let entry = JournalEntry { entry, input: Arc::new(input) };
        let live = match self.live(&entry.input) {
            Ok(live) => live,
            Err(trap) => {
                return Executed { result: Err(trap), instructions: 0, log: Log::default() };
            }
        };
        let executed = live.run(&entry);
        self.pending = Some((entry, executed.instructions));
        executed
    }

    /// Makes the instance without running anything, which fails when the module's data or elements
    /// do not fit.
    pub fn instantiate(&mut self, input: ExecutionInput) -> Result<(), Trap> {
        self.heap_bytes = self.live(&Arc::new(input))?.heap().len() as u64;
        Ok(())
    }

    /// The instance, made anew where there is none.
    fn live(&mut self, input: &Arc<ExecutionInput>) -> Result<&mut Live, Trap> {
        let live = match self.live.take() {
            Some(live) => live,
            None => self.restored(input)?,
        };
        Ok(self.live.insert(live))
    }

    /// Keeps what the latest execution did.
    pub fn keep(&mut self) {
        let (Some((entry, instructions)), Some(live)) = (self.pending.take(), self.live.as_mut())
        else {
            return;
        };
        live.store.data_mut().stable.commit();
        self.heap_bytes = live.heap().len() as u64;
        self.stable_bytes = live.store.data().stable.size_bytes();
        self.journal_cost +=
            JOURNAL_ENTRY_INSTRUCTIONS + instructions + entry.input.argument.len() as u64;
        self.journal.push(entry);
        let affordable =
            JOURNAL_INSTRUCTIONS_MIN.max(self.heap_bytes * JOURNAL_INSTRUCTIONS_PER_HEAP_BYTE);
        // A dropped data segment is no part of a checkpoint. So that every execution has them all,
        // each gets an instance of its own.
        let drops_data = self.code.module.info.drops_data;
        if drops_data || self.journal_cost > affordable {
            let checkpoint = live.checkpoint();
            self.begin_journal(checkpoint);
        }
        if drops_data {
            self.live = None;
        }
    }

    /// Undoes what the latest execution did.
    pub fn undo(&mut self) {
        self.pending = None;
        self.live = None;
    }

    /// A new instance with the memories as they were after the last execution that was kept.
    fn restored(&mut self, input: &Arc<ExecutionInput>) -> Result<Live, Trap> {
        let stable = self.checkpoint.as_ref().map(|base| base.stable.clone()).unwrap_or_default();
        let mut live = Live::new(&self.code, input.clone(), stable)?;
        if let Some(checkpoint) = &self.checkpoint {
            live.load(checkpoint)?;
        }
        for entry in &self.journal {
            let replayed = live.run(entry);
            assert!(replayed.result.is_ok(), "a kept execution does the same when it is repeated");
            live.store.data_mut().stable.commit();
        }
        if self.journal_cost > REPLAYED_INSTRUCTIONS_MAX {
            self.begin_journal(live.checkpoint());
        }
        Ok(live)
    }

    fn begin_journal(&mut self, checkpoint: Checkpoint) {
        self.checkpoint = Some(checkpoint);
        self.journal = Vec::new();
        self.journal_cost = 0;
    }
}

impl Live {
    fn new(code: &Code, input: Arc<ExecutionInput>, stable: StableMemory) -> Result<Self, Trap> {
        let instructions_max = input.instructions_max;
        let mut store = Store::new(engine(code.module.info.wasm64), Host::new(input, stable));
        store.limiter(|host| host.limiter());
        store.set_fuel(instructions_max).expect("fuel is configured");
        let instance = code
            .instance
            .instantiate(&mut store)
            .map_err(|error| trap(&error, instructions_max))?;
        store.data_mut().memory = instance.get_memory(&mut store, EXPORT_MEMORY);
        Ok(Self {
            store,
            instance,
            wasm64: code.module.info.wasm64,
            exports: BTreeMap::new(),
            callbacks: BTreeMap::new(),
        })
    }

    fn run(&mut self, JournalEntry { entry, input }: &JournalEntry) -> Executed {
        let instructions_max = input.instructions_max;
        self.store.data_mut().begin(input.clone());
        self.store.set_fuel(instructions_max).expect("fuel is configured");
        let result = stacker::maybe_grow(
            WASM_STACK_BYTES + HOST_STACK_BYTES,
            WASM_STACK_BYTES + 2 * HOST_STACK_BYTES,
            || self.call(entry),
        );
        let left = self.store.get_fuel().expect("fuel is configured");
        let host = self.store.data_mut();
        let instructions = instructions_max - left + host.extra_instructions();
        let mut effects = host.take_effects();
        let log = std::mem::take(&mut effects.log);
        let result = match result {
            Ok(()) => Ok(effects),
            Err(error) => Err(trap(&error, instructions_max)),
        };
        Executed { result, instructions, log }
    }

    fn call(&mut self, entry: &Entry) -> wasmtime::Result<()> {
        match entry {
            Entry::Export(name) => self.export(name)?.call(&mut self.store, ()),
            Entry::Closure(closure) => match self.callback(closure.function)? {
                TableFunction::Wasm32(function) => {
                    function.call(&mut self.store, closure.env as u32)
                }
                TableFunction::Wasm64(function) => function.call(&mut self.store, closure.env),
            },
        }
    }

    fn export(&mut self, name: &Arc<str>) -> wasmtime::Result<TypedFunc<(), ()>> {
        if let Some(function) = self.exports.get(name) {
            return Ok(function.clone());
        }
        let function: TypedFunc<(), ()> = self.instance.get_typed_func(&mut self.store, name)?;
        self.exports.insert(name.clone(), function.clone());
        Ok(function)
    }

    /// A function of the table, which never changes: no module with an instruction that could
    /// change it is let in.
    fn callback(&mut self, index: u64) -> wasmtime::Result<TableFunction> {
        if let Some(function) = self.callbacks.get(&index) {
            return Ok(function.clone());
        }
        let table = self.instance.get_table(&mut self.store, EXPORT_TABLE);
        let Some(Ref::Func(Some(function))) =
            table.and_then(|table| table.get(&mut self.store, index))
        else {
            let rule = format!("there is no function {index} in the table");
            return Err(wasmtime::Error::new(Trap::Contract(rule)));
        };
        let mistyped = |_| {
            let rule = format!("function {index} of the table does not take one pointer");
            wasmtime::Error::new(Trap::Contract(rule))
        };
        let function = if self.wasm64 {
            TableFunction::Wasm64(function.typed(&self.store).map_err(mistyped)?)
        } else {
            TableFunction::Wasm32(function.typed(&self.store).map_err(mistyped)?)
        };
        self.callbacks.insert(index, function.clone());
        Ok(function)
    }

    fn heap(&self) -> &[u8] {
        self.store.data().memory.map_or(&[], |memory| memory.data(&self.store))
    }

    fn checkpoint(&mut self) -> Checkpoint {
        let heap = self.heap();
        let pages = heap.as_chunks::<OS_PAGE_BYTES>().0.iter().enumerate();
        let heap_bytes = heap.len();
        let heap = pages
            .filter(|(_, page)| **page != [0; OS_PAGE_BYTES])
            .map(|(number, page)| (number, Box::new(*page)))
            .collect();
        let globals = self.globals();
        let globals = globals.iter().map(|global| global.get(&mut self.store)).collect();
        Checkpoint { heap_bytes, heap, globals, stable: self.store.data().stable.clone() }
    }

    /// Makes a fresh instance what it was at a checkpoint.
    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), Trap> {
        let engine_failure = |error: wasmtime::Error| Trap::Engine(format!("{error:#}"));
        if let Some(memory) = self.store.data().memory.filter(|_| checkpoint.heap_bytes > 0) {
            let missing = checkpoint.heap_bytes.saturating_sub(memory.data_size(&self.store));
            let pages = missing as u64 / crate::limits::WASM_PAGE_BYTES;
            memory.grow(&mut self.store, pages).map_err(engine_failure)?;
            let heap = memory.data_mut(&mut self.store);
            // What data segments wrote may have become zero since.
            let mut next = 0;
            for (number, page) in &checkpoint.heap {
                clear(&mut heap[next * OS_PAGE_BYTES..number * OS_PAGE_BYTES]);
                heap[number * OS_PAGE_BYTES..][..OS_PAGE_BYTES].copy_from_slice(&**page);
                next = number + 1;
            }
            clear(&mut heap[next * OS_PAGE_BYTES..]);
        }
        for (global, value) in self.globals().into_iter().zip(&checkpoint.globals) {
            global.set(&mut self.store, *value).map_err(engine_failure)?;
        }
        Ok(())
    }

    /// The mutable globals, in order.
    fn globals(&mut self) -> Vec<Global> {
        (0..)
            .map_while(|number| {
                self.instance.get_global(&mut self.store, &format!("{EXPORT_GLOBAL}{number}"))
            })
            .collect()
    }
}

/// Makes pages zero, without touching those that are.
fn clear(heap: &mut [u8]) {
    for page in heap.as_chunks_mut::<OS_PAGE_BYTES>().0 {
        if *page != [0; OS_PAGE_BYTES] {
            page.fill(0);
        }
    }
}

/// What the engine's error means for the canister.
fn trap(error: &wasmtime::Error, instructions_max: Instructions) -> Trap {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return trap.clone();
    }
    use wasmtime::Trap as Wasm;
    Trap::Wasm(match error.downcast_ref::<Wasm>() {
        Some(Wasm::OutOfFuel) => return Trap::InstructionLimit { limit: instructions_max },
        Some(Wasm::UnreachableCodeReached) => "unreachable",
        Some(Wasm::MemoryOutOfBounds) => "heap out of bounds",
        Some(Wasm::TableOutOfBounds) => "table out of bounds",
        Some(Wasm::IndirectCallToNull) => "indirect call to a null entry of the table",
        Some(Wasm::BadSignature) => "indirect call with a wrong signature",
        Some(Wasm::IntegerOverflow) => "integer overflow",
        Some(Wasm::IntegerDivisionByZero) => "integer division by zero",
        Some(Wasm::BadConversionToInteger) => "float has no integer value",
        Some(Wasm::StackOverflow) => "stack overflow",
        _ => return Trap::Engine(format!("{error:#}")),
    })
}

#[cfg(test)]
mod tests;
