//! Random modules from `wasm-smith` (`tests/generator`): instrumented, they do what they do without instrumentation,
//! mark the pages that they change, and count what a simple instrumentation counts, to the last instruction. Also where
//! they trap, and where they run out of instructions.

use super::simple;
use crate::limits::OS_PAGE_BYTES;
use crate::wasm::harness::{counter, set_counter};
use crate::wasm::instrument::{
    CounterStores, EXPORT_ADDED_MEMORY, EXPORT_MEMORY, PAGE_MARKS_ADDRESS, instrument,
};
use crate::wasm::{MARK_REACH_BYTES, OUT_OF_INSTRUCTIONS, counter_is_exact, engine, module::parts};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use wasmtime::{ExternType, Instance, Module, Store, Trap, Val};

/// The result of calling all functions of a module, one after the other.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// The results of each function, or its trap.
    results: Vec<Result<String, Option<Trap>>>,
    /// The content of the exported memory.
    heap: Vec<u8>,
    /// The values of the exported globals.
    globals: Vec<String>,
}

/// What an instrumented module adds to its outcome.
#[derive(Debug, Default)]
struct Added {
    /// The values of the instruction counter after the calls.
    counters: Vec<i64>,
    /// The numbers of the pages that have changed without a mark.
    unmarked: Vec<usize>,
}

/// The numbers of the pages that differ, and have no mark. A store that begins at the end of a page marks this page
/// only.
fn unmarked(before: &[u8], after: &[u8], marks: &[u8]) -> Vec<usize> {
    let (before, _) = before.as_chunks::<OS_PAGE_BYTES>();
    let (after, _) = after.as_chunks::<OS_PAGE_BYTES>();
    let is_marked = |number: usize| marks[number] != 0;
    (0..before.len())
        .filter(|number| {
            let (before, after) = (&before[*number], &after[*number]);
            let reached = *number > 0
                && is_marked(number - 1)
                && before[MARK_REACH_BYTES..] == after[MARK_REACH_BYTES..];
            before != after && !is_marked(*number) && !reached
        })
        .collect()
}

/// Calls all exported functions of a module. Sets the instruction counter to `left` before each call, if the module has
/// one.
fn run(module: &[u8], left: i64) -> (Outcome, Added) {
    let module = Module::new(engine(), module).expect("the module is valid");
    let mut store = Store::new(engine(), ());
    let instance = Instance::new(&mut store, &module, &[]).expect("its segments are in bounds");
    let own = |name: &str| !name.starts_with("embedded-replica:");
    let added = instance.get_memory(&mut store, EXPORT_ADDED_MEMORY);
    let memory = instance.get_memory(&mut store, EXPORT_MEMORY);
    let before = memory.map_or(Vec::new(), |memory| memory.data(&store).to_vec());
    let mut ours = Added::default();
    let (mut results, mut heap, mut globals) = (Vec::new(), Vec::new(), Vec::new());
    for export in module.exports().filter(|export| own(export.name())) {
        let ExternType::Func(of) = export.ty() else { continue };
        let function = instance.get_func(&mut store, export.name()).expect("it is a function");
        let arguments: Vec<Val> = of
            .params()
            .map(|of| Val::default_for_ty(&of).expect("numbers have defaults"))
            .collect();
        let mut values = vec![Val::I32(0); of.results().len()];
        if added.is_some() {
            set_counter(&mut store, &instance, left);
        }
        let result = function.call(&mut store, &arguments, &mut values);
        results.push(match result {
            Ok(()) => Ok(format!("{values:?}")),
            Err(error) => Err(error.downcast_ref::<Trap>().copied()),
        });
        ours.counters.extend(added.map(|_| counter(&mut store, &instance)));
    }
    if let (Some(memory), Some(added)) = (memory, added) {
        let marks = &added.data(&store)[PAGE_MARKS_ADDRESS..];
        ours.unmarked = unmarked(&before, memory.data(&store), marks);
    }
    for export in module.exports().filter(|export| own(export.name())) {
        match export.ty() {
            ExternType::Memory(_) => {
                let memory = instance.get_memory(&mut store, export.name());
                heap = memory.expect("it is a memory").data(&store).to_vec();
            }
            ExternType::Global(_) => {
                let global = instance.get_global(&mut store, export.name());
                let value = global.expect("it is a global").get(&mut store);
                globals.push(format!("{value:?}"));
            }
            _ => {}
        }
    }
    (Outcome { results, heap, globals }, ours)
}

/// Compares a module with its instrumented forms. Returns whether an execution was stopped because it had no
/// instructions left. `None` if the module was not compared: if the network would refuse the module, if a segment is
/// out of bounds, or if the stack overflows, whose frames are larger with instrumentation.
fn compare(module: &[u8], limit: i64) -> Option<bool> {
    let mut parts = parts(module)?;
    let mut forms = Vec::new();
    // With the counter in a global and in the memory.
    for calls_host_otherwise in [false, true] {
        parts.calls_host_otherwise = calls_host_otherwise;
        for stores in [CounterStores::AtTraps, CounterStores::AtCalls] {
            forms.push(instrument(&parts, stores).expect("the module is valid").bytes);
        }
    }
    let compiled = Module::new(engine(), module).expect("the module is valid");
    Instance::new(&mut Store::new(engine(), ()), &compiled, &[]).ok()?;
    let overflows = |outcome: &Outcome| outcome.results.contains(&Err(Some(Trap::StackOverflow)));
    let (alone, _) = run(module, 0);
    for instrumented in &forms {
        let (ours, added) = run(instrumented, i64::MAX / 2);
        if overflows(&alone) || overflows(&ours) {
            return None;
        }
        assert_eq!(ours, alone, "with enough instructions");
        assert_eq!(added.unmarked, [0; 0], "pages have changed and have no mark");
    }
    if parts.wasm64 {
        // The simple instrumentation is for 32-bit memories.
        return Some(false);
    }
    let simple = simple::instrument(&parts).expect("the module is valid");
    let mut was_stopped = false;
    for limit in [i64::MAX / 2, limit] {
        let (theirs, expected) = run(&simple, limit);
        for (instrumented, stores_at_traps) in forms.iter().zip([true, false].into_iter().cycle()) {
            let (ours, added) = run(instrumented, limit);
            if overflows(&theirs) || overflows(&ours) {
                return None;
            }
            assert_eq!(ours, theirs, "with {limit} instructions");
            let counters = added.counters.iter().zip(&expected.counters).zip(&ours.results);
            for ((counter, expected), result) in counters {
                let is_exact = !matches!(result, Err(Some(trap)) if !counter_is_exact(*trap));
                if stores_at_traps || is_exact {
                    assert_eq!(counter, expected, "with {limit} instructions");
                }
            }
            was_stopped |= added.counters.contains(&OUT_OF_INSTRUCTIONS);
        }
    }
    Some(was_stopped)
}

#[test]
fn generated_modules_have_the_same_effects_and_the_counts_of_a_simple_instrumentation() {
    /// Another seed tries other modules.
    const SEED: u64 = 1;
    const COUNT: usize = 400;
    let seed = std::env::var("GENERATOR_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    let Some(modules) = test_support::generated_modules(seed, COUNT) else { return };
    let results: Vec<_> = modules
        .par_iter()
        .enumerate()
        .map(|(number, module)| {
            let limit = [0, 1, 10, 40, 100, 300, 3_000][number % 7];
            let result = std::panic::catch_unwind(|| compare(module, limit));
            result.unwrap_or_else(|_| panic!("module {number} of seed {seed} differs, see above"))
        })
        .collect();
    // The comparison would prove nothing if it never took place.
    let compared = results.iter().flatten().count();
    let stopped = results.iter().filter(|result| **result == Some(true)).count();
    assert!(compared >= COUNT / 3, "only {compared} modules are compared");
    assert!(stopped >= COUNT / 20, "only {stopped} modules run out of instructions");
}
