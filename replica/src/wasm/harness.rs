//! Executes instrumented modules without the system API, for unit tests.

use super::*;
use crate::limits::OS_PAGE_BYTES;
use wasmtime::{Instance, Module, Store, Trap};

/// The instruction counter at the start of an execution.
pub(crate) const LIMIT: i64 = 1_000_000;

/// The result of executing the function `f` of a module.
pub(crate) struct Outcome {
    /// The trap, if the function trapped.
    pub trap: Option<Trap>,
    /// The instruction counter at the end.
    pub counter: i64,
    /// The content of the heap at the end.
    pub heap: Vec<u8>,
    /// The numbers of the marked heap pages.
    pub marked: Vec<usize>,
}

impl Outcome {
    /// The instructions that the execution used.
    pub fn instructions(&self) -> i64 {
        LIMIT - self.counter
    }
}

pub(crate) fn compiled(text: &str) -> std::sync::Arc<CompiledModule> {
    let binary = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    compile(&binary).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Sets the instruction counter of an instance.
pub(crate) fn set_counter<T>(store: &mut Store<T>, instance: &Instance, left: i64) {
    let memory = instance.get_memory(&mut *store, EXPORT_ADDED_MEMORY).expect("it is instrumented");
    memory.write(&mut *store, COUNTER_ADDRESS, &left.to_le_bytes()).expect("the memory has a page");
    if let Some(global) = instance.get_global(&mut *store, EXPORT_COUNTER) {
        global.set(store, left.into()).expect("the global is a mutable `i64`");
    }
}

/// The instruction counter of an instance after an execution without the host.
pub(crate) fn counter<T>(store: &mut Store<T>, instance: &Instance) -> i64 {
    if let Some(global) = instance.get_global(&mut *store, EXPORT_COUNTER) {
        return global.get(store).unwrap_i64();
    }
    let memory = instance.get_memory(&mut *store, EXPORT_ADDED_MEMORY).expect("it is instrumented");
    let content = &memory.data(&*store)[COUNTER_ADDRESS..];
    i64::from_le_bytes(*content.first_chunk().expect("the memory has a page"))
}

/// Executes the function `f` of a module without imports.
pub(crate) fn run(text: &str) -> Outcome {
    run_compiled(&compiled(text))
}

/// Executes the function `f` of a compiled module without imports. After a trap without an exact counter, executes the
/// module that has one, like the sandbox of a canister.
pub(crate) fn run_compiled(compiled: &CompiledModule) -> Outcome {
    let outcome = run_module(&compiled.module);
    if outcome.trap.is_none_or(counter_is_exact) {
        return outcome;
    }
    let exact = run_module(compiled.exact_module().expect("it is the same module"));
    assert_eq!(exact.trap, outcome.trap, "both do the same");
    assert!(exact.heap == outcome.heap, "both do the same");
    exact
}

fn run_module(module: &Module) -> Outcome {
    let mut store = Store::new(engine(), ());
    let instance = Instance::new(&mut store, module, &[]).expect("it has no imports");
    set_counter(&mut store, &instance, LIMIT);
    let function = instance.get_typed_func::<(), ()>(&mut store, "f").expect("there is an `f`");
    let result = function.call(&mut store, ());
    let left = counter(&mut store, &instance);
    let mut content = |name| {
        let memory = instance.get_memory(&mut store, name);
        memory.map_or(Vec::new(), |memory| memory.data(&store).to_vec())
    };
    let heap = content(EXPORT_MEMORY);
    let added = content(EXPORT_ADDED_MEMORY);
    // The page marks after the end of the heap have no meaning.
    let marks = &added[PAGE_MARKS_ADDRESS..][..heap.len() / OS_PAGE_BYTES];
    let marked = marks.iter().enumerate().filter(|(_, mark)| **mark != 0);
    Outcome {
        trap: result.err().map(|error| *error.downcast_ref::<Trap>().expect("it trapped")),
        counter: left,
        heap,
        marked: marked.map(|(number, _)| number).collect(),
    }
}
