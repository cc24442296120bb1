//! Deferred slices change nothing but the time at which an execution is executed.

use super::*;
use crate::canister::{InstallRecord, begin_installation};

/// Rounds of which each executes one slice, and the others later.
fn deferring() -> RoundInput {
    RoundInput { defers_slices: true, ..slices_of(SLICE) }
}

/// Begins an execution in each of two equal canisters: with deferred slices, and without. Compares every round
/// of them, and the canisters afterwards. Before each round, the deferred slices may be executed on another
/// thread.
#[track_caller]
fn compare(
    name: &str,
    canister: impl Fn() -> Canister,
    begin: impl Fn(&mut Canister, &RoundInput) -> Execution,
) {
    for is_on_other_thread in [false, true] {
        let (mut deferred, mut at_once) = (canister(), canister());
        let before = counts(&mut deferred);
        let first = begin(&mut deferred, &deferring());
        let expected = begin(&mut at_once, &slices_of(SLICE));
        assert_eq!(format!("{first:?}"), format!("{expected:?}"), "{name}");
        assert!(at_once.deferred_execution().is_none(), "{name}");
        let execution = deferred.deferred_execution().cloned();
        let execution = execution.unwrap_or_else(|| panic!("{name} is not deferred"));
        assert_eq!(counts(&mut deferred), before, "{name}");
        if is_on_other_thread {
            assert!(execution.claim() && execution.is_running());
            std::thread::spawn(move || execution.execute()).join().expect("it does not panic");
            assert!(deferred.deferred_execution().is_none(), "{name}");
            assert_eq!(counts(&mut deferred), before, "{name}");
        }
        while at_once.is_paused() {
            let round = resume(&mut deferred, &deferring());
            let expected = resume(&mut at_once, &slices_of(SLICE));
            assert_eq!(format!("{round:?}"), format!("{expected:?}"), "{name}");
        }
        assert!(!deferred.is_paused(), "{name}");
        assert_eq!(counts(&mut deferred), counts(&mut at_once), "{name}");
        assert_eq!(format!("{deferred:?}"), format!("{at_once:?}"), "{name}");
    }
}

#[test]
fn a_long_message_with_deferred_slices_has_the_results_of_one_without() {
    for method in ["work", "grow_heap", "fail", "endless", "add_in_vain"] {
        compare(
            method,
            || installed(MODULE),
            |canister, round| {
                let limits = RoundInput { message_instructions_max: 5 * SLICE, ..round.clone() };
                begin_in(canister, method, &limits)
            },
        );
    }
}

#[test]
fn a_long_task_with_deferred_slices_has_the_results_of_one_without() {
    for task in [Task::Heartbeat, Task::GlobalTimer] {
        let due = || {
            let mut canister = installed(MODULE);
            canister.global_timer = Some(Time::GENESIS);
            canister
        };
        let name = format!("{task:?}");
        compare(&name, due, |canister, round| execute_task(canister, task, round));
    }
}

#[test]
fn a_long_callback_or_cleanup_with_deferred_slices_has_the_results_of_one_without() {
    for method in ["call_and_add", "call_and_fail"] {
        compare(
            method,
            || responded(method),
            |canister, round| execute_next(canister, round).expect("there is a response"),
        );
    }
}

/// A canister whose callback and cleanup callback need about as many instructions as one slice: the callback
/// fewer, the cleanup callback more.
#[test]
fn a_cleanup_that_alone_is_long_has_the_same_results_too() {
    let module = MODULE.replace(
        "(func $failed (param i32) (call $work) unreachable)",
        "(func $failed (param i32) (call $add) unreachable)",
    );
    assert_ne!(module, MODULE);
    let method = "call_and_fail";
    let canister = || responded_of(&module, method);
    compare(method, canister, |canister, round| {
        execute_next(canister, round).expect("there is a response")
    });
}

/// Begins an installation of `module`.
fn begin_installing(
    canister: &mut Canister,
    mode: InstallMode,
    module: &str,
    round: &RoundInput,
) -> Execution {
    let caller = Principal::anonymous();
    let installation = Installation { mode, source: code(module).into(), argument: vec![], caller };
    let record = InstallRecord {
        time: round.time,
        origin: ChangeOrigin::FromUser(FromUserRecord { user_id: caller }),
        details: ChangeDetails::CodeUninstall,
    };
    let limits = RoundInput { install_instructions_max: 100 * SLICE, ..round.clone() };
    let begun = begin_installation(canister, installation, record, management_call(), &limits);
    let begun = begun.expect("it can begin");
    assert!(begun.has_compiled && begun.executed.is_none());
    Execution { instructions: begun.instructions, ..Execution::default() }
}

#[test]
fn a_long_installation_with_deferred_slices_has_the_results_of_one_without() {
    let endless = MODULE.replace(
        "(func (export \"canister_post_upgrade\")",
        "(func (export \"canister_post_upgrade\") (loop $again (br $again))",
    );
    let trapping = MODULE.replace(
        "(func (export \"canister_init\")",
        "(func (export \"canister_init\") (call $spin (i32.const 40000)) unreachable",
    );
    let upgrade = InstallMode::Upgrade(Default::default());
    for (name, mode, module) in [
        ("upgrade", upgrade, MODULE),
        ("reinstall", InstallMode::Reinstall, MODULE),
        ("endless upgrade", upgrade, &endless),
        ("trapping reinstall", InstallMode::Reinstall, &trapping),
    ] {
        let worked = || {
            let mut canister = installed(MODULE);
            begin(&mut canister, "work", &[]);
            canister
        };
        compare(name, worked, |canister, round| begin_installing(canister, mode, module, round));
    }
}

#[test]
fn a_short_message_is_executed_at_once_and_counts_its_instructions_as_without_slices() {
    let module = r#"(module
        (import "ic0" "msg_reply" (func $reply))
        (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
        (import "ic0" "performance_counter" (func $used (param i32) (result i64)))
        (memory 1)
        (func (export "canister_update used") (local $turns i32)
          (local.set $turns (i32.const 1000))
          (loop $again
            (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
            (br_if $again (local.get $turns)))
          (i64.store (i32.const 0) (call $used (i32.const 0)))
          (call $append (i32.const 0) (i32.const 8)) (call $reply)))"#;
    let used = |round: &RoundInput| {
        let execution = begin_in(&mut installed(module), "used", round);
        (execution.response.expect("it replies").result, execution.instructions)
    };
    assert_eq!(used(&deferring()), used(&round()));
}

#[test]
fn a_message_that_ends_with_its_slice_is_not_deferred() {
    let used = begin_in(&mut installed(MODULE), "work", &round()).instructions;
    // One changed page is charged for after the last instruction.
    let run = used - crate::limits::DIRTY_PAGE_INSTRUCTIONS;
    for (slice, is_deferred) in [(run, false), (run - 1_000, true)] {
        let mut canister = installed(MODULE);
        let round = RoundInput { defers_slices: true, ..slices_of(slice) };
        begin_in(&mut canister, "work", &round);
        assert_eq!(canister.deferred_execution().is_some(), is_deferred, "{slice}");
    }
}

#[test]
fn a_saved_execution_has_its_result_even_if_it_was_deferred() {
    let encoded = |round: &RoundInput| {
        let mut canister = installed(MODULE);
        begin_in(&mut canister, "work", round);
        let paused = canister.paused.expect("it is long");
        let mut bytes = Vec::new();
        ciborium::into_writer(&paused, &mut bytes)
            .map(|()| bytes)
            .map_err(|error| error.to_string())
    };
    assert_eq!(encoded(&deferring()), encoded(&slices_of(SLICE)));
}
