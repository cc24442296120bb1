//! What Motoko canisters keep when they are upgraded.

use test_canisters::MotokoCompiler::Classic;

use super::canister::Canister;
use super::motoko::with_compiler;
use crate::pair::controller;

impl Canister<'_> {
    fn stable_memory_bytes(&self) -> u64 {
        let status = self.pic.canister_status(self.id, Some(controller())).expect("it may ask");
        status.memory_metrics.stable_memory_size.0.try_into().expect("it is below 2^64")
    }
}

#[test]
fn motoko_keeps_stable_variables_in_upgrades_and_forgets_the_others() {
    with_compiler(Classic, "notes", |server, program| {
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
        assert_eq!(notes.stable_memory_bytes(), 0);
        for upgrades in 1..=2 {
            notes.upgrade("()").expect("it can be upgraded");
            assert_eq!(notes.ask("numbers", "()"), numbers(upgrades, 0));
        }
        let latest = r#"(opt record { title = "third"; mark = variant { stars = 5 : nat8 } })"#;
        assert_eq!(notes.ask("latest", "()"), latest);
        // What it wrote before the upgrade and read after it.
        assert!(notes.stable_memory_bytes() > 0);
    });
}

#[test]
fn motoko_carries_many_notes_through_its_stable_memory() {
    with_compiler(Classic, "notes", |server, program| {
        let pic = server.instance(1);
        let notes = program.install(&pic, "()");
        let title = "x".repeat(40_000);
        for stars in 0..10 {
            notes.call("add", &format!("(\"{title}\", opt {stars})"));
        }
        notes.upgrade("()").expect("it can be upgraded");
        assert!(notes.stable_memory_bytes() > 400_000);
        assert!(notes.ask("latest", "()").contains(&title));
        assert!(notes.ask("numbers", "()").contains("notes = 10 : nat"));
    });
}

#[test]
fn motoko_forgets_its_timers_in_an_upgrade() {
    with_compiler(Classic, "clock", |server, program| {
        let pic = server.instance(1);
        let clock = program.install(&pic, "()");
        clock.call("set_timer", "(10, true)");
        clock.wait(11);
        assert_eq!(clock.rings(), 1);
        clock.upgrade("()").expect("it can be upgraded");
        clock.wait(30);
        assert_eq!(clock.rings(), 1, "kept, and not increased");
        clock.call("set_timer", "(10, true)");
        clock.wait(11);
        assert_eq!(clock.rings(), 2);
    });
}
