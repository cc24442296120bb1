//! One instance of a module.

use super::code::{Code, Entry};
use super::extent::Extent;
use crate::error::Trap;
use crate::limits::{OS_PAGE_BYTES, WASM_PAGE_BYTES, WASM_STACK_BYTES, WASM32_MEMORY_MAX};
use crate::queues::Pairs;
use crate::system_api::{self, Closure, Effects, ExecutionInput, Host};
use crate::types::Instructions;
use crate::wasm::{
    EXPORT_ADDED_MEMORY, EXPORT_CALLBACK, EXPORT_COUNTER, EXPORT_ENTRY, EXPORT_GLOBAL,
    EXPORT_MEMORY, EXPORT_STABLE_COPIES, EXPORT_TABLE, MARK_REACH_BYTES, ModuleInfo, Page,
    PageParts, Pages, StableMemory, counter_is_exact, engine,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wasmtime::{Global, InstancePre, Ref, Store, TypedFunc, Val};

/// Native stack for system API calls, in bytes, in addition to the stack of the Wasm code.
const HOST_STACK_BYTES: usize = 1 << 20;

/// Pages of the largest 32-bit memory. The address after the last one wraps around to the first.
const WASM32_PAGES: usize = WASM32_MEMORY_MAX as usize / OS_PAGE_BYTES;

/// One instance of a module.
pub(super) struct Instance {
    store: Store<Host>,
    instance: wasmtime::Instance,
    wasm64: bool,
    /// Whether the instruction counter is exact after every trap.
    is_exact: bool,
    /// The global with the instruction counter, if the module has it.
    counter: Option<Global>,
    /// The mutable globals, in order.
    globals: Vec<Global>,
    /// The entry points that were called before, so that they are looked up only once.
    entries: BTreeMap<Arc<str>, TypedFunc<(), ()>>,
    /// The callbacks that were called before, so that they are checked only once. The table never changes: modules with
    /// instructions that change tables are refused.
    callbacks: BTreeSet<u64>,
    /// The function that calls callbacks, if one was called before.
    callback: Option<CallbackFunction>,
}

/// How an execution ended.
pub(super) enum Ran {
    /// With this result, after this number of instructions.
    Ended(Result<(), Trap>, Instructions),
    /// It is longer than its extent.
    TooLong,
    /// With a trap, after an unknown number of instructions. Only in an instance that is not exact.
    Uncounted,
}

/// The function that calls callbacks, by the pointer width of the module. Its parameters are those of a [`Closure`].
enum CallbackFunction {
    Wasm32(TypedFunc<(u32, u32), ()>),
    Wasm64(TypedFunc<(u64, u64), ()>),
}

impl CallbackFunction {
    fn call(&self, store: &mut Store<Host>, closure: Closure) -> wasmtime::Result<()> {
        let Closure { function, env } = closure;
        match self {
            Self::Wasm32(callback) => callback.call(store, (function as u32, env as u32)),
            Self::Wasm64(callback) => callback.call(store, (function, env)),
        }
    }
}

impl Instance {
    /// Creates an instance.
    ///
    /// # Errors
    ///
    /// [`Trap::Engine`] if the engine cannot instantiate the module.
    pub fn new(code: &Code, input: Arc<ExecutionInput>) -> Result<Self, Trap> {
        Self::of(&code.instance, &code.module.info, false, input)
    }

    /// Creates an instance whose instruction counter is exact after every trap. Its code is slower.
    ///
    /// # Errors
    ///
    /// [`Trap::Engine`] if the engine cannot compile or instantiate the module.
    pub fn exact(code: &Code, input: Arc<ExecutionInput>) -> Result<Self, Trap> {
        let linked = system_api::link_exact(&code.module);
        let linked = linked.map_err(|error| Trap::Engine(error.to_string()))?;
        Self::of(&linked, &code.module.info, true, input)
    }

    fn of(
        linked: &InstancePre<Host>,
        info: &ModuleInfo,
        is_exact: bool,
        input: Arc<ExecutionInput>,
    ) -> Result<Self, Trap> {
        let mut store = Store::new(engine(), Host::new(input));
        store.limiter(|host| host);
        let instance = linked.instantiate(&mut store).map_err(engine_failure)?;
        let memory = instance.get_memory(&mut store, EXPORT_MEMORY);
        let added_memory = instance.get_memory(&mut store, EXPORT_ADDED_MEMORY);
        let added_bytes = added_memory.map_or(0, |memory| memory.data_size(&store));
        let has_copies = instance.get_memory(&mut store, EXPORT_STABLE_COPIES).is_some();
        store.data_mut().connect(memory, added_memory, added_bytes, has_copies);
        let counter = instance.get_global(&mut store, EXPORT_COUNTER);
        let globals = (0..info.mutable_globals)
            .filter_map(|number| {
                instance.get_global(&mut store, &format!("{EXPORT_GLOBAL}{number}"))
            })
            .collect();
        Ok(Self {
            store,
            instance,
            wasm64: info.wasm64,
            is_exact,
            counter,
            globals,
            entries: BTreeMap::new(),
            callbacks: BTreeSet::new(),
            callback: None,
        })
    }

    /// Whether the instruction counter is exact after every trap.
    pub fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Executes `entry`.
    pub fn run(&mut self, entry: &Entry, input: Arc<ExecutionInput>, extent: Extent) -> Ran {
        let limit = input.instructions_max;
        let at_most = match extent {
            Extent::FirstSlice => limit.min(input.slice_instructions_max),
            Extent::Whole => limit,
        };
        self.store.data_mut().begin(input, limit - at_most);
        Host::set_instructions_left(&mut self.store, at_most as i64);
        let result = stacker::maybe_grow(
            WASM_STACK_BYTES + HOST_STACK_BYTES,
            WASM_STACK_BYTES + 2 * HOST_STACK_BYTES,
            || self.call(entry),
        );
        Host::end_copies(&mut self.store);
        let trap = result.as_ref().err().and_then(|error| error.downcast_ref());
        if trap.is_some() {
            self.take_counter();
        }
        let left = Host::instructions_left(&self.store);
        let is_exhausted = Host::is_exhausted(left);
        if is_exhausted && at_most < limit {
            return Ran::TooLong;
        }
        if !self.is_exact && !is_exhausted && !trap.is_none_or(|trap| counter_is_exact(*trap)) {
            return Ran::Uncounted;
        }
        let used = self.store.data().used_instructions(left);
        let result = result.map_err(|error| match is_exhausted {
            true => Trap::InstructionLimit { limit },
            false => failure(error),
        });
        Ran::Ended(result, used)
    }

    /// Copies the instruction counter from the global to the added memory: after a trap in code of the module. When an
    /// execution ends otherwise, the counter is in the memory.
    fn take_counter(&mut self) {
        let left = self.counter.and_then(|counter| counter.get(&mut self.store).i64());
        if let Some(left) = left {
            Host::set_instructions_left(&mut self.store, left);
        }
    }

    /// The effects of the execution that has just ended.
    pub fn take_effects(&mut self) -> Box<Effects> {
        self.store.data_mut().take_effects()
    }

    /// Exchanges the stable memory and the pairs of queues that the instance works with for these.
    pub fn exchange(&mut self, stable: &mut Box<StableMemory>, pairs: &mut Pairs) {
        let host = self.store.data_mut();
        std::mem::swap(&mut host.stable, stable);
        std::mem::swap(&mut host.pairs, pairs);
    }

    /// The heap.
    pub fn heap(&self) -> &[u8] {
        self.store.data().memory.map_or(&[], |memory| memory.data(&self.store))
    }

    /// The heap pages.
    pub fn pages(&self) -> &[Page] {
        self.heap().as_chunks().0
    }

    /// The numbers of the heap pages that differ from `kept`, in ascending order, with the parts that differ. Finds all
    /// writes since the previous call.
    pub fn changed(&mut self, kept: &Pages) -> Vec<(usize, PageParts)> {
        let candidates = self.take_marks();
        if candidates.is_empty() {
            return Vec::new();
        }
        let pages = self.pages();
        let changed = candidates.into_iter().filter_map(|(number, reach)| {
            let parts = kept.differing(number, pages.get(number)?, reach);
            (!parts.is_empty()).then_some((number, parts))
        });
        changed.collect()
    }

    /// Returns the pages that may have changed since the previous call, in ascending order, each with
    /// the number of its first bytes that may have changed. Clears the page marks.
    fn take_marks(&mut self) -> Vec<(usize, usize)> {
        // Marks are checked in groups, because few marks are set. The size of the memory with the marks
        // is a multiple of the group size.
        const AT_ONCE: usize = 64;
        let count = (self.heap().len() / OS_PAGE_BYTES).next_multiple_of(AT_ONCE);
        let marks = Host::page_marks(&mut self.store, 0..count);
        let mut candidates = Vec::new();
        for (number, marks) in marks.as_chunks_mut::<AT_ONCE>().0.iter_mut().enumerate() {
            if *marks == [0; AT_ONCE] {
                continue;
            }
            for (position, mark) in marks.iter_mut().enumerate() {
                if std::mem::take(mark) != 0 {
                    let number = number * AT_ONCE + position;
                    // A mark can stand for bytes after the end of its page.
                    if candidates.last().is_some_and(|(last, _)| *last == number) {
                        candidates.pop();
                    }
                    candidates.extend([(number, OS_PAGE_BYTES), (number + 1, MARK_REACH_BYTES)]);
                }
            }
        }
        if !self.wasm64 && candidates.last().is_some_and(|(last, _)| *last == WASM32_PAGES) {
            candidates.pop();
            if candidates.first().is_none_or(|(first, _)| *first > 0) {
                candidates.insert(0, (0, MARK_REACH_BYTES));
            }
        }
        candidates
    }

    /// Grows the heap to `bytes` bytes, if it is smaller.
    ///
    /// # Errors
    ///
    /// [`Trap::Engine`] if the engine cannot grow the memory.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Trap> {
        let missing = bytes.saturating_sub(self.heap().len()) as u64;
        if let Some(memory) = self.store.data().memory.filter(|_| missing > 0) {
            memory.grow(&mut self.store, missing / WASM_PAGE_BYTES).map_err(engine_failure)?;
        }
        Ok(())
    }

    /// Replaces heap pages, and the values of all mutable globals.
    ///
    /// # Errors
    ///
    /// [`Trap::Engine`] if the engine does not accept a value.
    pub fn load<'a>(
        &mut self,
        pages: impl Iterator<Item = (usize, &'a Page)>,
        globals: &[Val],
    ) -> Result<(), Trap> {
        if let Some(memory) = self.store.data().memory {
            let heap = memory.data_mut(&mut self.store).as_chunks_mut::<OS_PAGE_BYTES>().0;
            for (number, page) in pages {
                heap[number] = *page;
            }
        }
        for (global, value) in self.globals.iter().zip(globals) {
            global.set(&mut self.store, *value).map_err(engine_failure)?;
        }
        Ok(())
    }

    /// The values of the mutable globals.
    pub fn globals(&mut self) -> Vec<Val> {
        let mut values = Vec::new();
        self.store_globals(&mut values);
        values
    }

    /// Replaces `values` by the values of the mutable globals.
    pub fn store_globals(&mut self, values: &mut Vec<Val>) {
        values.clear();
        values.extend(self.globals.iter().map(|global| global.get(&mut self.store)));
    }

    fn call(&mut self, entry: &Entry) -> wasmtime::Result<()> {
        match entry {
            Entry::Export(name) => {
                if let Some(function) = self.entries.get(name) {
                    return function.call(&mut self.store, ());
                }
                let export = format!("{EXPORT_ENTRY}{name}");
                let function = self.instance.get_typed_func(&mut self.store, &export)?;
                self.entries.entry(name.clone()).or_insert(function).call(&mut self.store, ())
            }
            Entry::Closure(closure) => {
                if !self.callbacks.contains(&closure.function) {
                    self.check_callback(closure.function)?;
                    self.callbacks.insert(closure.function);
                }
                if let Some(callback) = &self.callback {
                    return callback.call(&mut self.store, *closure);
                }
                let callback = self.callback_function()?;
                self.callback.insert(callback).call(&mut self.store, *closure)
            }
        }
    }

    /// Checks that the table has a callback at this index.
    fn check_callback(&mut self, index: u64) -> wasmtime::Result<()> {
        let table = self.instance.get_table(&mut self.store, EXPORT_TABLE);
        let contract = |rule| wasmtime::Error::new(Trap::Contract(rule));
        let table = table.ok_or_else(|| contract("the module has no table".into()))?;
        let function = match table.get(&mut self.store, index) {
            Some(Ref::Func(Some(function))) => function,
            Some(_) => {
                return Err(contract(format!("entry {index} of the table is empty")));
            }
            None => return Err(wasmtime::Error::new(Trap::FunctionNotFound(index))),
        };
        let is_callback = match self.wasm64 {
            true => function.typed::<u64, ()>(&self.store).is_ok(),
            false => function.typed::<u32, ()>(&self.store).is_ok(),
        };
        match is_callback {
            true => Ok(()),
            false => {
                Err(contract(format!("function {index} of the table does not take one pointer")))
            }
        }
    }

    fn callback_function(&mut self) -> wasmtime::Result<CallbackFunction> {
        let Self { instance, store, .. } = self;
        Ok(match self.wasm64 {
            true => CallbackFunction::Wasm64(instance.get_typed_func(store, EXPORT_CALLBACK)?),
            false => CallbackFunction::Wasm32(instance.get_typed_func(store, EXPORT_CALLBACK)?),
        })
    }
}

fn engine_failure(error: wasmtime::Error) -> Trap {
    Trap::Engine(format!("{error:#}"))
}

/// Converts an error of the engine to the trap of the canister.
fn failure(error: wasmtime::Error) -> Trap {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return trap.clone();
    }
    use wasmtime::Trap as Wasm;
    if let Some(Wasm::BadSignature) = error.downcast_ref() {
        return Trap::Contract(
            "a function was called with a signature that it does not have".into(),
        );
    }
    let reason = match error.downcast_ref::<Wasm>() {
        Some(Wasm::UnreachableCodeReached) => "unreachable",
        Some(Wasm::MemoryOutOfBounds) => "heap out of bounds",
        Some(Wasm::TableOutOfBounds) => "table out of bounds",
        Some(Wasm::IndirectCallToNull) => "indirect call to a null entry of the table",
        Some(Wasm::IntegerOverflow) => "integer overflow",
        Some(Wasm::IntegerDivisionByZero) => "integer division by 0",
        Some(Wasm::BadConversionToInteger) => "float has no integer value",
        Some(Wasm::StackOverflow) => "stack overflow",
        _ => return engine_failure(error),
    };
    Trap::Wasm(reason.into())
}
