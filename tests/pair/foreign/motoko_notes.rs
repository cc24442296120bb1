//! What Motoko canisters keep when they are upgraded.

use pocket_ic::ErrorCode;
use test_canisters::MotokoCompiler::{self, Classic, Current};

use super::canister::Canister;
use super::motoko::with_compiler;
use crate::pair::controller;

impl Canister<'_> {
    /// Upgrades it as its compiler wants it.
    fn upgrade_by(&self, compiler: MotokoCompiler) {
        let upgraded = match compiler {
            Classic => self.upgrade("()"),
            Current => self.upgrade_with_heap("()"),
        };
        upgraded.expect("it can be upgraded");
    }

    /// The sizes of its heap and its stable memory, in bytes.
    fn memories(&self) -> [u128; 2] {
        let status = self.pic.canister_status(self.id, Some(controller()));
        let metrics = status.expect("its controller may ask").memory_metrics;
        [metrics.wasm_memory_size, metrics.stable_memory_size]
            .map(|size| size.0.try_into().expect("it is below 2^128"))
    }
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
                notes.upgrade_by(compiler);
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
        let [_, none] = notes.memories();
        assert_eq!(none, 0);
        notes.upgrade_by(Classic);
        let [_, written] = notes.memories();
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
        let [heap, _] = notes.memories();
        notes.upgrade_by(Current);
        let [kept, written] = notes.memories();
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
            assert_eq!(clock.rings(), 1);
            clock.upgrade_by(compiler);
            clock.wait(30);
            assert_eq!(clock.rings(), 1, "kept, and not increased");
            clock.call("set_timer", "(10, true)");
            clock.wait(11);
            assert_eq!(clock.rings(), 2);
        });
    }
}
