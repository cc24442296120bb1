//! When tasks run, and when they wait.

use super::*;
use crate::canister::execute_next;
use crate::canister::harness::{installed, round, update};

/// Grows by a page in each update; the hook traps or not.
fn growing(hook: &str) -> Canister {
    let mut canister = installed(&format!(
        r#"(module
          (import "ic0" "msg_reply" (func $reply))
          (memory 1)
          (func (export "canister_update grow")
            (drop (memory.grow (i32.const 1))) (call $reply))
          (func (export "canister_update trap") (drop (memory.grow (i32.const 1))) unreachable)
          (func (export "canister_query look") (drop (memory.grow (i32.const 9))) (call $reply))
          (func (export "canister_global_timer"))
          (func (export "canister_on_low_wasm_memory") {hook}))"#
    ));
    canister.settings.wasm_memory_limit = 10 << 16;
    canister.settings.wasm_memory_threshold = 8 << 16;
    canister.check_low_wasm_memory();
    canister
}

fn grow(canister: &mut Canister) -> LowWasmMemoryHook {
    update(canister, "grow", &[]).0.expect("it replies");
    canister.low_wasm_memory_hook
}

#[test]
fn growth_that_is_kept_makes_the_hook_ready_and_growth_that_is_not_does_not() {
    use LowWasmMemoryHook::*;
    let mut canister = growing("");
    assert_eq!(grow(&mut canister), ConditionNotSatisfied);
    update(&mut canister, "trap", &[]).0.expect_err("it traps");
    assert_eq!(canister.low_wasm_memory_hook, ConditionNotSatisfied);
    update(&mut canister, "look", &[]).0.expect("it replies");
    assert_eq!(canister.low_wasm_memory_hook, ConditionNotSatisfied);
    assert_eq!(grow(&mut canister), Ready);
    assert_eq!(grow(&mut canister), Ready);
}

#[test]
fn the_hook_has_run_even_when_it_traps() {
    for hook in ["", "unreachable"] {
        let mut canister = growing(hook);
        grow(&mut canister);
        grow(&mut canister);
        let version = canister.version;
        assert!(canister.is_low_wasm_memory_hook_due(&round()));
        execute_task(&mut canister, Task::LowWasmMemory, &round());
        assert_eq!(canister.low_wasm_memory_hook, LowWasmMemoryHook::Executed);
        assert_eq!(canister.version - version, u64::from(hook.is_empty()));
        assert_eq!(grow(&mut canister), LowWasmMemoryHook::Executed);
    }
}

#[test]
fn a_frozen_canister_keeps_its_tasks_until_it_can_pay_for_them() {
    let mut canister = growing("");
    grow(&mut canister);
    grow(&mut canister);
    canister.global_timer = Some(round().time);
    canister.settings.freezing_threshold_seconds = 1 << 62;
    assert!(!canister.is_low_wasm_memory_hook_due(&round()));
    for task in [Task::LowWasmMemory, Task::GlobalTimer] {
        let balance = canister.balance;
        assert_eq!(execute_task(&mut canister, task, &round()).instructions, 0);
        assert_eq!(canister.balance, balance);
    }
    assert_eq!(canister.low_wasm_memory_hook, LowWasmMemoryHook::Ready);
    assert_eq!(canister.global_timer, Some(round().time));
    assert_eq!(canister.due_tasks(round().time), [], "nothing goes before the hook");

    canister.settings.freezing_threshold_seconds = 0;
    assert!(canister.is_low_wasm_memory_hook_due(&round()));
    for task in [Task::LowWasmMemory, Task::GlobalTimer] {
        assert!(execute_task(&mut canister, task, &round()).instructions > 0);
    }
    assert_eq!(canister.low_wasm_memory_hook, LowWasmMemoryHook::Executed);
    assert_eq!(canister.global_timer, None);
    assert!(execute_next(&mut canister, &round()).is_none());
}

#[test]
fn only_a_running_canister_has_tasks() {
    let mut canister = growing("");
    grow(&mut canister);
    grow(&mut canister);
    canister.global_timer = Some(round().time);
    canister.status = Status::Stopped;
    assert!(!canister.is_low_wasm_memory_hook_due(&round()));
    assert_eq!(canister.due_tasks(round().time), []);
}
