//! Compares instrumented random programs with a simple interpreter, which records every page that it
//! writes to, and with the same programs without instrumentation.

mod program;

use super::simple;
use crate::limits::OS_PAGE_BYTES;
use crate::wasm::harness::{LIMIT, counter, run, set_counter};
use crate::wasm::instrument::{CounterStores, instrument};
use crate::wasm::{MARK_REACH_BYTES, OUT_OF_INSTRUCTIONS, counter_is_exact, engine, module::parts};
use program::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use wasmtime::{Engine, Instance, Module, Store, Trap};

fn number() -> impl Strategy<Value = Number> {
    let place = prop_oneof![
        4 => 0u32..HEAP_BYTES as u32,
        2 => (1u32..640).prop_map(|page| page * 4_096 - 2),
        1 => Just(HEAP_BYTES as u32 - 3),
    ];
    let near = prop_oneof![0u32..5_000, (1u32..5_000).prop_map(u32::wrapping_neg)];
    let leaf = prop_oneof![
        3 => place.prop_map(Number::Constant),
        9 => (0..LOCALS).prop_map(Number::Local),
        4 => (0..LOCALS, near.clone()).prop_map(|(l, n)| Number::Sum(l, n)),
        1 => (0..LOCALS, near).prop_map(|(l, n)| Number::Difference(l, n)),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            12 => inner.clone(),
            1 => inner.clone().prop_map(|at| Number::Loaded(at.into())),
            1 => (inner.clone(), inner).prop_map(|(a, b)| Number::Quotient(a.into(), b.into())),
        ]
    })
}

fn step() -> impl Strategy<Value = Step> {
    let offset = prop_oneof![8 => 0u32..64, 8 => 0u32..9_000, 1 => Just(u32::MAX)];
    let width = prop::sample::select(&WIDTHS[..]);
    let leaf = prop_oneof![
        40 => (width, offset.clone(), number(), number())
            .prop_map(|(width, offset, at, value)| Step::Store(width, offset, at, value)),
        3 => (offset, number(), any::<u8>()).prop_map(|(o, at, byte)| Step::Wide(o, at, byte)),
        20 => (0..LOCALS, number()).prop_map(|(local, value)| Step::Set(local, value)),
        1 => (number(), any::<u8>(), 0u16..9_000).prop_map(|(at, b, n)| Step::Fill(at, b, n)),
        1 => (number(), number(), 0u16..9_000).prop_map(|(to, at, n)| Step::Copy(to, at, n)),
        1 => (number(), 0u16..22).prop_map(|(at, n)| Step::Init(at, n)),
        1 => Just(Step::Return),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let steps = || prop::collection::vec(inner.clone(), 0..6);
        prop_oneof![
            3 => (any::<bool>(), steps(), steps()).prop_map(|(n, a, b)| Step::If(n, a, b)),
            3 => (steps(), any::<bool>(), steps()).prop_map(|(a, n, b)| Step::Block(a, n, b)),
            3 => (steps(), 1u32..4).prop_map(|(a, times)| Step::Loop(a, times)),
            1 => steps().prop_map(Step::Call),
        ]
    })
}

/// The steps of a program, and its text. Each local starts with an address in the heap.
fn program(steps: Vec<Step>, beginnings: &[u32]) -> (Vec<Step>, String) {
    let set = |(local, n): (u32, &u32)| Step::Set(local, Number::Constant(*n));
    let steps: Vec<Step> = (0..).zip(beginnings).map(set).chain(steps).collect();
    let mut text = Text::default();
    let main = text.steps(&steps);
    let text = format!(
        r#"(module (memory (export "heap") 40 40) (data "{SEGMENT}") (data (i32.const 9000) "begin")
          (func (export "f") {} {main}) {})"#,
        locals(),
        text.functions
    );
    (steps, text)
}

/// Executes a module without instrumentation. Returns the trap and the heap.
fn run_alone(engine: &Engine, text: &str) -> (Option<Trap>, Vec<u8>) {
    let mut store = Store::new(engine, ());
    let module = Module::new(engine, wat::parse_str(text).expect("the text is a module"));
    let module = module.expect("the module is valid");
    let instance = Instance::new(&mut store, &module, &[]).expect("it has no imports");
    let function = instance.get_typed_func::<(), ()>(&mut store, "f").expect("there is an `f`");
    let result = function.call(&mut store, ());
    let heap = instance.get_memory(&mut store, "heap").expect("there is one").data(&store).to_vec();
    (result.err().map(|error| *error.downcast_ref().expect("it trapped")), heap)
}

/// Executes an instrumented module with this many instructions. Returns the trap, the counter at the end, and the heap.
fn run_instrumented(module: &[u8], left: i64) -> (Option<Trap>, i64, Vec<u8>) {
    let mut store = Store::new(engine(), ());
    let module = Module::new(engine(), module).expect("the module is valid");
    let instance = Instance::new(&mut store, &module, &[]).expect("it has no imports");
    set_counter(&mut store, &instance, left);
    let function = instance.get_typed_func::<(), ()>(&mut store, "f").expect("there is an `f`");
    let result = function.call(&mut store, ());
    let counter = counter(&mut store, &instance);
    let mut content =
        |name| instance.get_memory(&mut store, name).expect("there is one").data(&store).to_vec();
    let heap = content("heap");
    let trap = result.err().map(|error| *error.downcast_ref().expect("it trapped"));
    (trap, counter, heap)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn instrumented_programs_have_the_same_effects_exact_counts_and_marks_for_all_writes(
        steps in prop::collection::vec(step(), 1..12),
        beginnings in prop::collection::vec(0u32..HEAP_BYTES as u32, LOCALS as usize),
    ) {
        let (steps, text) = program(steps, &beginnings);
        let mut expected = Interpreter {
            heap: vec![0; HEAP_BYTES],
            written: BTreeSet::new(),
            instructions: 0,
        };
        expected.heap[9_000..9_005].copy_from_slice(b"begin");
        let before = expected.heap.clone();
        let end = expected.call(&steps).err();
        prop_assume!(expected.instructions < LIMIT / 2);

        let outcome = run(&text);
        prop_assert!(outcome.counter != OUT_OF_INSTRUCTIONS);
        prop_assert_eq!(outcome.trap, end);
        prop_assert!(outcome.heap == expected.heap, "the heap differs");
        if end.is_none() {
            prop_assert_eq!(outcome.instructions(), expected.instructions);
        } else {
            // The rest of the block was charged in advance.
            prop_assert!(outcome.instructions() >= expected.instructions);
        }
        // A mark may be for a store on a path that was not executed, less than a page away from a store
        // that was executed.
        for number in &outcome.marked {
            let near = number.saturating_sub(1)..=number + 1;
            prop_assert!(expected.written.range(near).next().is_some(), "page {} is marked", number);
        }
        let (before, _) = before.as_chunks::<OS_PAGE_BYTES>();
        let (after, _) = outcome.heap.as_chunks::<OS_PAGE_BYTES>();
        for (number, (before, after)) in before.iter().zip(after).enumerate() {
            let is_marked = |number| outcome.marked.binary_search(&number).is_ok();
            let reached = number > 0
                && is_marked(number - 1)
                && before[MARK_REACH_BYTES..] == after[MARK_REACH_BYTES..];
            prop_assert!(before == after || is_marked(number) || reached, "page {} changed", number);
        }
        prop_assert_eq!(run_alone(&Engine::default(), &text), (end, expected.heap));
    }

    /// The counts are the same to the last instruction, also where a program traps, and where it has no instructions
    /// left.
    #[test]
    fn the_counter_ends_like_that_of_the_simplest_instrumentation(
        steps in prop::collection::vec(step(), 1..12),
        beginnings in prop::collection::vec(0u32..HEAP_BYTES as u32, LOCALS as usize),
        limit in 0i64..2_000,
    ) {
        let (_, text) = program(steps, &beginnings);
        let module = wat::parse_str(&text).expect("the text is a module");
        let parts = parts(&module).expect("the module is valid");
        let [fast, exact] = [CounterStores::AtCalls, CounterStores::AtTraps]
            .map(|stores| instrument(&parts, stores).expect("the module is valid").bytes);
        let simple = simple::instrument(&parts).expect("the module is valid");
        for limit in [LIMIT, limit] {
            let expected = run_instrumented(&simple, limit);
            prop_assert!(run_instrumented(&exact, limit) == expected, "{} {}", limit, text);
            let (trap, counter, heap) = run_instrumented(&fast, limit);
            let counter = if trap.is_none_or(counter_is_exact) { counter } else { expected.1 };
            prop_assert!((trap, counter, heap) == expected, "{} {}", limit, text);
        }
    }
}

/// Loops in which other blocks subtract for a check: after calls and after `memory.grow`, one directly in another, and
/// with branches out of two loops at once.
#[test]
fn loops_stop_at_the_same_check_as_in_the_simplest_instrumentation() {
    let text = r#"(module (memory (export "heap") 1)
      (func $g (param i32) (result i32) (i32.store (i32.const 8) (local.get 0)) (local.get 0))
      (func $h (param i32)
        (loop $again
          (loop $directly
            (i32.store (i32.const 16) (local.get 0))
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (br_if $directly (i32.and (local.get 0) (i32.const 1))))
          (br_if $again (local.get 0)))
        nop nop nop)
      (func (export "f") (local $n i32) (local $m i32)
        (drop (call $g (i32.const 1)))
        (loop $outer
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (drop (call $g (local.get $n)))
          (loop $inner
            (local.set $m (i32.add (local.get $m) (i32.const 1)))
            (i32.store (i32.const 0) (local.get $m))
            (block $a
              (block $b (br_table $a $b $inner $outer (i32.and (local.get $m) (i32.const 3))))
              nop nop)
            (br_if $inner (i32.lt_u (local.get $m) (i32.const 10))))
          nop nop nop nop
          (br_if $outer (i32.lt_u (local.get $m) (i32.const 20))))
        (drop (memory.grow (i32.const 0)))
        (loop $last
          (i32.store (i32.const 24) (local.get $m))
          (br_if $last (local.tee $m (i32.sub (local.get $m) (i32.const 1)))))
        nop nop nop
        (call $h (i32.const 6))
        unreachable))"#;
    let module = wat::parse_str(text).expect("the text is a module");
    let parts = parts(&module).expect("the module is valid");
    let fast = instrument(&parts, CounterStores::AtCalls).expect("the module is valid").bytes;
    let simple = simple::instrument(&parts).expect("the module is valid");
    let (trap, left, _) = run_instrumented(&simple, LIMIT);
    assert_eq!(trap, Some(Trap::UnreachableCodeReached));
    let most = LIMIT - left;
    assert!((600..2_000).contains(&most), "{most}");
    for limit in (0..most).step_by(5).chain(most - 40..most + 2) {
        assert_eq!(run_instrumented(&fast, limit), run_instrumented(&simple, limit), "{limit}");
    }
}
