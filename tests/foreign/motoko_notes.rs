//! What Motoko canisters keep when they are upgraded.

use pocket_ic::ErrorCode;
use test_support::MotokoCompiler::{self, Classic, Current};
use test_support::{Canister, StatusOf, controller};

use crate::motoko::with_compiler;
use crate::motoko_clock::rings;

/// Upgrades a canister in the way of its compiler.
fn upgrade_by(canister: Canister, compiler: MotokoCompiler) {
    let upgraded = match compiler {
        Classic => canister.upgrade("()"),
        Current => canister.upgrade_with_heap("()"),
    };
    upgraded.expect("the canister can be upgraded");
}

/// The sizes of the heap and of the stable memory, in bytes.
fn memories(canister: Canister) -> [u128; 2] {
    let status = canister.pic.status_of(canister.id, Some(controller()));
    let metrics = status.expect("a controller may ask for the status").memory_metrics;
    [metrics.wasm_memory_size, metrics.stable_memory_size]
        .map(|size| size.0.try_into().expect("a size is below 2^128"))
}

#[test]
fn motoko_keeps_stable_variables_in_upgrades_and_forgets_the_others() {
    for compiler in MotokoCompiler::ALL {
        with_compiler(compiler, "notes", |server, program| {
            let pic = server.instance(1);
            let notes = program.install(&pic, "()");
            notes.call("draft", "()");
            for note in [r#"("first", null)"#, r#"("second", null)"#, r#"("third", opt 5)"#] {
                notes.call("add", note);
            }
            let product = "1_000_000_021_000_000_147_000_000_343";
            let numbers = |upgrades: u32, drafts: u32| {
                format!(
                    "(record {{ upgrades = {upgrades} : nat; notes = 3 : nat; drafts = {drafts} : nat; \
                     product = {product} : nat }})"
                )
            };
            assert_eq!(notes.ask("numbers", "()"), numbers(0, 1));
            for upgrades in 1..=2 {
                upgrade_by(notes, compiler);
                assert_eq!(notes.ask("numbers", "()"), numbers(upgrades, 0));
            }
            let latest = r#"(opt record { title = "third"; mark = variant { stars = 5 : nat8 } })"#;
            assert_eq!(notes.ask("latest", "()"), latest);
        });
    }
}

/// Many notes with long titles.
fn fill(notes: &Canister) {
    let title = "x".repeat(40_000);
    for stars in 0..10 {
        notes.call("add", &format!("(\"{title}\", opt {stars})"));
    }
}

#[test]
fn classic_motoko_carries_its_notes_through_stable_memory() {
    with_compiler(Classic, "notes", |server, program| {
        let pic = server.instance(1);
        let notes = program.install(&pic, "()");
        fill(&notes);
        let [_, none] = memories(notes);
        assert_eq!(none, 0);
        upgrade_by(notes, Classic);
        let [_, written] = memories(notes);
        assert!(written > 400_000, "{written}");
        assert!(notes.ask("numbers", "()").contains("notes = 10 : nat"));
    });
}

#[test]
fn current_motoko_finds_its_notes_where_it_left_them() {
    with_compiler(Current, "notes", |server, program| {
        let pic = server.instance(1);
        let notes = program.install(&pic, "()");
        fill(&notes);
        let [heap, _] = memories(notes);
        upgrade_by(notes, Current);
        let [kept, written] = memories(notes);
        assert!(kept >= heap && written == 0, "{heap} -> {kept}, and {written} stable");
        // An upgrade that does not say what becomes of the heap is refused.
        let refusal = notes.upgrade("()").expect_err("the option is missing");
        assert_eq!(refusal.error_code, ErrorCode::CanisterContractViolation);
        assert!(notes.ask("numbers", "()").contains("notes = 10 : nat"));
    });
}

#[test]
fn motoko_forgets_its_timers_in_an_upgrade() {
    for compiler in MotokoCompiler::ALL {
        with_compiler(compiler, "clock", |server, program| {
            let pic = server.instance(1);
            let clock = program.install(&pic, "()");
            clock.call("set_timer", "(10, true)");
            clock.wait(11);
            assert_eq!(rings(clock), 1);
            upgrade_by(clock, compiler);
            clock.wait(30);
            assert_eq!(rings(clock), 1, "kept, and not increased");
            clock.call("set_timer", "(10, true)");
            clock.wait(11);
            assert_eq!(rings(clock), 2);
        });
    }
}
