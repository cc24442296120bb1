//! Keeping and undoing executions, against a model that copies everything before each.

mod model;
mod traps;

use super::*;
use crate::canister::harness;
use crate::canister::steps::input;
use crate::error::ErrorCode;
use crate::limits::{OS_PAGE_BYTES, WASM_PAGE_BYTES};
use crate::system_api::{Closure, EntryPoint};
use model::*;
use proptest::prelude::*;

/// Executes the whole of `entry`.
fn run(sandbox: &mut Sandbox, entry: Entry, input: ExecutionInput) -> ExecutionOutput {
    sandbox.run(Extent::Whole, entry, input).expect("it is executed as a whole")
}

/// The sandbox and the model, doing the same.
struct Both {
    sandbox: Sandbox,
    model: Model,
}

impl Both {
    fn new() -> Self {
        let mut sandbox = Sandbox::new(harness::code(INTERPRETER), StableMemory::default());
        sandbox.instantiate(Self::input(&[])).expect("the data fits");
        Self { sandbox, model: Model::new() }
    }

    fn input(ops: &[Op]) -> ExecutionInput {
        let base = input(&mut harness::empty(), EntryPoint::Update, &harness::round());
        ExecutionInput { argument: program(ops), ..base }
    }

    fn execute(&mut self, ops: &[Op]) -> ExecutionOutput {
        run(&mut self.sandbox, Entry::Export("canister_update run".into()), Self::input(ops))
    }

    /// Executes, then does as it is told with what that did if it may be kept. Returns whether it
    /// trapped.
    fn run(&mut self, ops: &[Op], then: Then) -> bool {
        let before = self.model.clone();
        let expected = self.model.run(ops);
        let executed = self.execute(ops);
        assert_eq!(executed.result.is_err(), expected.is_err(), "{ops:?} {executed:?}");
        match then {
            Then::Keep if expected.is_ok() => self.sandbox.keep(),
            Then::Hold if expected.is_ok() => {
                let changes = self.sandbox.hold().expect("there is something to hold");
                let after = std::mem::replace(&mut self.model, before);
                self.compare();
                // A query in the meantime, which finds the memories as they were before.
                self.run(&[Op(3, 3, 20_000), Op(4, 0, 0), Op(1, 5, 0), GROW_STABLE], Then::Undo);
                self.compare();
                self.model = after;
                self.sandbox.apply(changes);
            }
            Then::Upgrade { keep_heap } if expected.is_ok() => self.upgrade(keep_heap),
            _ => {
                self.sandbox.undo();
                self.model = before;
            }
        }
        assert_eq!(self.sandbox.heap_bytes(), self.model.heap.len() as u64);
        assert_eq!(self.sandbox.stable_bytes(), self.model.stable.len() as u64);
        expected.is_err()
    }

    /// Replaces the code while the execution is pending, as after `canister_pre_upgrade`.
    fn upgrade(&mut self, keep_heap: bool) {
        let other = INTERPRETER.replace("what the module begins with", OTHER_DATA);
        self.sandbox = self.sandbox.successor(harness::code(&other), keep_heap);
        self.sandbox.instantiate(Self::input(&[])).expect("the heap fits");
        let mut model = Model::new();
        model.heap[70_000..70_027].copy_from_slice(OTHER_DATA.as_bytes());
        if keep_heap {
            model.heap = std::mem::take(&mut self.model.heap);
        }
        model.stable = std::mem::take(&mut self.model.stable);
        self.model = model;
    }

    /// Everything the sandbox holds is what the model holds.
    fn compare(&mut self) {
        let mut stable = vec![0; self.model.stable.len()];
        self.sandbox.kept.stable.read(0, &mut stable).expect("it has the model's size");
        assert!(stable == self.model.stable, "stable memory differs");
        let mut instance =
            self.sandbox.instance(&Arc::new(Self::input(&[]))).expect("it can be made");
        let first = instance.heap().iter().zip(&self.model.heap).position(|(a, b)| a != b);
        assert_eq!((instance.heap().len(), first), (self.model.heap.len(), None), "heap differs");
        assert_eq!(instance.changed(&self.sandbox.kept.heap), [], "no marks are left");
        for (number, page) in self.model.heap.as_chunks::<OS_PAGE_BYTES>().0.iter().enumerate() {
            assert!(
                page == self.sandbox.kept.heap.get(number),
                "page {number} of the copy differs"
            );
        }
        let globals = instance.globals();
        let (Val::I32(a), Val::I64(b)) = (globals[0], globals[1]) else { panic!("{globals:?}") };
        assert_eq!((a, b), (self.model.a, self.model.b), "globals differ");
        self.sandbox.instance = Some(instance);
    }
}

/// What becomes of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Keep,
    Undo,
    Hold,
    Upgrade { keep_heap: bool },
}

#[test]
fn an_execution_that_trapped_leaves_nothing_behind() {
    let mut both = Both::new();
    both.run(&[Op(0, 1, 500), Op(1, 1, 0), GROW_STABLE, Op(6, 0, 100)], Then::Keep);
    let all = [Op(0, 9, 500), Op(1, 9, 0), Op(2, 0, 9), Op(4, 0, 0), GROW_STABLE, Op(6, 500, 0)];
    assert!(both.run(&[&all[..], &[TRAP]].concat(), Then::Keep));
    both.compare();
    assert!(!both.run(&all, Then::Keep));
    both.compare();
}

#[test]
fn an_execution_that_ended_well_can_be_undone_too() {
    let mut both = Both::new();
    assert!(!both.run(&[Op(0, 1, 500), GROW_STABLE], Then::Undo));
    both.compare();
}

#[test]
fn an_instance_made_anew_has_what_was_kept() {
    let mut both = Both::new();
    // Zeros where the module has data must not come back as that data.
    both.run(&[Op(3, 0, 68_000), Op(4, 0, 0), Op(0, 7, 130_000), GROW_STABLE], Then::Keep);
    both.run(&[Op(0, 8, 130_000), Op(1, 3, 0)], Then::Keep);
    // What grew cannot shrink.
    assert!(both.run(&[Op(3, 255, 0), Op(4, 0, 0), GROW_STABLE, TRAP], Then::Keep));
    assert!(both.sandbox.instance.is_none());
    both.compare();
}

#[test]
fn one_instance_serves_as_long_as_nothing_grows_that_is_undone() {
    let mut both = Both::new();
    both.run(&[Op(4, 0, 0), GROW_STABLE], Then::Keep);
    both.run(&[Op(3, 1, 500), Op(1, 9, 0), Op(7, 100, 100)], Then::Undo);
    assert!(both.sandbox.instance.is_some());
    both.compare();
    assert!(both.run(&[Op(3, 1, 500), Op(1, 9, 0), TRAP], Then::Keep));
    assert!(both.sandbox.instance.is_some());
    both.compare();
}

#[test]
fn an_execution_that_is_held_changes_nothing_until_it_is_applied() {
    let mut both = Both::new();
    both.run(&[GROW_STABLE, Op(0, 1, 500)], Then::Keep);
    let all = [Op(0, 9, 500), Op(3, 9, 90_000), Op(1, 9, 0), Op(2, 0, 9), Op(4, 0, 0)];
    both.run(&[&all[..], &[GROW_STABLE, Op(6, 500, 0)]].concat(), Then::Hold);
    both.compare();
    both.run(&[Op(0, 3, 500), Op(6, 0, 70_000)], Then::Undo);
    both.compare();
}

/// Instructions of an execution, less those of one that does nothing.
fn price(ops: &[Op], entry_point: EntryPoint) -> u64 {
    let mut sandbox = Sandbox::new(harness::code(INTERPRETER), StableMemory::default());
    let mut instructions = |ops: &[Op]| {
        let input = ExecutionInput { entry_point, ..Both::input(ops) };
        let executed = run(&mut sandbox, Entry::Export("canister_update run".into()), input);
        sandbox.undo();
        executed.instructions
    };
    instructions(ops) - instructions(&[])
}

#[test]
fn a_page_is_paid_for_if_its_content_changed_and_may_be_kept() {
    let untracked = |ops: &[Op]| price(ops, EntryPoint::ReplicatedQuery);
    let pages = |ops: &[Op]| price(ops, EntryPoint::Update) - untracked(ops);
    // The program itself lies in the first page.
    assert_eq!(pages(&[Op(2, 0, 0)]), 1_000);
    assert_eq!(pages(&[Op(0, 7, 4_096)]), 2_000);
    assert_eq!(pages(&[Op(0, 7, 4_096), Op(0, 8, 5_000)]), 2_000);
    assert_eq!(pages(&[Op(0, 7, 4_096), Op(0, 7, 8_192)]), 3_000);
    // Two bytes, one on either side of a page's end.
    assert_eq!(pages(&[Op(0, 0x0707, 8_191 - 1_024)]), 3_000);
    assert_eq!(pages(&[Op(0, 0x0700, 8_191 - 1_024)]), 2_000);
    // Zeros where there were zeros, and the old content back, are no change.
    assert_eq!(pages(&[Op(0, 0, 4_096), Op(3, 0, 20_000)]), 1_000);
    assert_eq!(pages(&[Op(0, 7, 4_096), Op(0, 0, 4_096)]), 1_000);
    assert_eq!(pages(&[Op(3, 7, 20_000)]), 3_000);
    // A trap does not make it cheaper.
    assert_eq!(pages(&[Op(0, 7, 4_096), TRAP]), 2_000);
    for entry_point in [EntryPoint::Query, EntryPoint::InspectMessage] {
        assert_eq!(price(&[Op(0, 7, 4_096)], entry_point), untracked(&[Op(0, 7, 4_096)]));
    }
}

#[test]
fn pages_of_a_64_bit_heap_cost_four_times_as_much() {
    let cost = |address: &str, stores: &str| {
        let text = format!(
            r#"(module (memory {address} 1) (func (export "canister_update store") {stores}))"#
        );
        let mut sandbox = Sandbox::new(harness::code(&text), StableMemory::default());
        let entry = Entry::Export("canister_update store".into());
        run(&mut sandbox, entry, Both::input(&[])).instructions
    };
    assert_eq!(cost("", "(i32.store (i32.const 0) (i32.const 1))"), 1 + 3 + 1_000);
    assert_eq!(cost("i64", "(i32.store (i64.const 0) (i32.const 1))"), 1 + 4 + 4_000);
}

#[test]
fn pages_do_not_make_an_execution_use_more_than_it_may() {
    let text = r#"(module (memory 1) (func (export "canister_update store")
        (i32.store (i32.const 0) (i32.const 1)) (i32.store (i32.const 5000) (i32.const 1))))"#;
    let mut sandbox = Sandbox::new(harness::code(text), StableMemory::default());
    let input = ExecutionInput { instructions_max: 1_500, ..Both::input(&[]) };
    let executed = run(&mut sandbox, Entry::Export("canister_update store".into()), input);
    assert!(executed.result.is_ok(), "{executed:?}");
    assert_eq!(executed.instructions, 1_500);
}

#[test]
fn an_execution_that_uses_up_its_instructions_is_stopped() {
    for body in ["(loop $l (br $l))", "(loop $l (drop (call $size)) (br $l))"] {
        let text = format!(
            r#"(module (import "ic0" "msg_arg_data_size" (func $size (result i32)))
              (func (export "canister_update spin") {body}))"#
        );
        let mut sandbox = Sandbox::new(harness::code(&text), StableMemory::default());
        let input = ExecutionInput { instructions_max: 100_000, ..Both::input(&[]) };
        let executed = run(&mut sandbox, Entry::Export("canister_update spin".into()), input);
        let Err(trap) = executed.result else { panic!("{executed:?}") };
        assert_eq!(trap, Trap::InstructionLimit { limit: 100_000 });
        assert_eq!(executed.instructions, 100_000);
    }
}

#[test]
fn stable_memory_that_was_there_before_the_code_stays() {
    let mut stable = StableMemory::default();
    stable.grow(1);
    stable.write(10, b"from before").expect("in bounds");
    let mut both = Both::new();
    both.sandbox = Sandbox::new(harness::code(INTERPRETER), stable);
    both.sandbox.instantiate(Both::input(&[])).expect("the data fits");
    both.model.stable = vec![0; WASM_PAGE_BYTES as usize];
    both.model.stable[10..21].copy_from_slice(b"from before");
    both.compare();
    both.run(&[Op(6, 0, 0), TRAP], Then::Keep);
    both.compare();
}

#[test]
fn stable_memory_for_an_upgrade_is_what_was_kept_also_after_an_execution_was_undone() {
    let mut both = Both::new();
    both.run(&[GROW_STABLE, Op(6, 0, 100)], Then::Keep);
    assert!(both.run(&[GROW_STABLE, TRAP], Then::Keep));
    let successor = both.sandbox.successor(harness::code(INTERPRETER), false);
    let stable = successor.kept.stable;
    assert_eq!(stable.size_pages(), 1);
    let mut content = vec![0; both.model.stable.len()];
    stable.read(0, &mut content).expect("it has the model's size");
    assert!(content == both.model.stable);
}

#[test]
fn a_closure_has_to_be_in_the_table_and_of_the_right_type() {
    let text = r#"(module (table 3 funcref) (elem (i32.const 1) $wrong $right)
        (func $wrong (param i64)) (func $right (param i32)))"#;
    let mut sandbox = Sandbox::new(harness::code(text), StableMemory::default());
    for (function, code) in [
        (0, ErrorCode::CanisterContractViolation),
        (1, ErrorCode::CanisterContractViolation),
        (3, ErrorCode::CanisterFunctionNotFound),
        (u64::MAX, ErrorCode::CanisterFunctionNotFound),
    ] {
        let closure = Entry::Closure(Closure { function, env: 0 });
        let executed = run(&mut sandbox, closure, Both::input(&[]));
        assert_eq!(executed.result.map_err(|trap| trap.code()), Err(code), "{function}");
        sandbox.undo();
    }
    let executed =
        run(&mut sandbox, Entry::Closure(Closure { function: 2, env: 0 }), Both::input(&[]));
    assert!(executed.result.is_ok(), "{executed:?}");
}

#[test]
fn callbacks_get_their_argument_whatever_the_widths_of_pointers_and_of_table_indices() {
    for (pointer, memory) in [("i32", "1"), ("i64", "i64 1")] {
        for (index, table) in [("i32", "3"), ("i64", "i64 3")] {
            let text = format!(
                r#"(module (memory {memory}) (table {table} funcref) (elem ({index}.const 2) $right)
                  (func $right (param {pointer})
                    (if ({pointer}.ne (local.get 0) ({pointer}.const 7)) (then unreachable))))"#
            );
            let mut sandbox = Sandbox::new(harness::code(&text), StableMemory::default());
            for (env, succeeds) in [(7, true), (8, false), (7, true)] {
                let closure = Entry::Closure(Closure { function: 2, env });
                let executed = run(&mut sandbox, closure, Both::input(&[]));
                assert_eq!(executed.result.is_ok(), succeeds, "{text}: {executed:?}");
                sandbox.undo();
            }
        }
    }
}

#[test]
fn dropped_data_is_there_again_in_the_next_execution() {
    // Every message starts from the module, the heap and the globals alone.
    let text = r#"(module (memory 1) (data "passive")
        (func (export "canister_update use")
          (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 7))
          data.drop 0))"#;
    let mut sandbox = Sandbox::new(harness::code(text), StableMemory::default());
    for time in 1..=3 {
        let entry = Entry::Export("canister_update use".into());
        let executed = run(&mut sandbox, entry, Both::input(&[]));
        assert!(executed.result.is_ok(), "time {time}: {executed:?}");
        sandbox.keep();
    }
}

fn op() -> impl Strategy<Value = Op> {
    // Few addresses, so that executions overwrite each other's work.
    let p = prop_oneof![any::<u32>(), (0u32..20).prop_map(|page| page * 4_096)];
    prop_oneof![
        12 => (0u8..=3, any::<u16>(), p.clone()).prop_map(|(op, v, p)| Op(op, v, p)),
        2 => Just(Op(4, 0, 0)),
        2 => Just(GROW_STABLE),
        6 => (6u8..=7, any::<u16>(), p).prop_map(|(op, v, p)| Op(op, v, p)),
        1 => Just(Op(8, 20, 0)),
        1 => Just(TRAP),
        1 => Just(READ_OUTSIDE),
    ]
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        12 => Just(Then::Keep),
        3 => Just(Then::Undo),
        6 => Just(Then::Hold),
        1 => any::<bool>().prop_map(|keep_heap| Then::Upgrade { keep_heap }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn memories_are_what_copying_everything_would_make_them(
        executions in prop::collection::vec(
            (prop::collection::vec(op(), 1..10), then(), any::<bool>()),
            1..24,
        )
    ) {
        let mut both = Both::new();
        for (ops, then, look) in executions {
            both.run(&ops, then);
            if look {
                both.compare();
            }
        }
        both.compare();
    }
}
