//! Stable structures by `ic-stable-structures`: a map, a log and a cell in one stable memory.

use test_support::canisters::number;
use test_support::{Canister, Program, on_every_server};

/// The number that a method without argument returns.
fn count(book: Canister, method: &str) -> u128 {
    number(&book.ask(method, "()"))
}

#[test]
fn what_is_in_stable_structures_is_there_after_upgrades() {
    let program = Program::rust("guestbook");
    on_every_server(|server| {
        let pic = server.instance(1);
        let book = program.install(&pic, r#"("Wedding")"#);
        book.call("sign", r#"("Ada", opt "Lovely")"#);
        book.call("sign", r#"("Bob", null)"#);
        book.call("sign", r#"("Ada", null)"#);
        book.call("strike", r#"("Bob")"#);
        for _ in 0..2 {
            let ada = r#"(opt record { name = "Ada"; note = opt "Lovely"; visits = 2 : nat32 })"#;
            assert_eq!(book.ask("guest", r#"("Ada")"#), ada);
            assert_eq!(book.ask("guest", r#"("Bob")"#), "(null)");
            assert_eq!(book.ask("visit", "(1)"), r#"(opt "Bob")"#);
            assert_eq!(book.ask("visit", "(3)"), "(null)");
            assert_eq!(["guests", "visits"].map(|method| count(book, method)), [1, 3]);
            assert_eq!(book.ask("title", "()"), r#"("Wedding")"#);
            book.upgrade(r#"("no title")"#).expect("the upgrade succeeds");
        }
    });
}

#[test]
fn stable_structures_grow_over_thousands_of_entries_and_are_searched() {
    let program = Program::rust("guestbook");
    on_every_server(|server| {
        let pic = server.instance(1);
        let book = program.install(&pic, r#"("Fair")"#);
        let before = count(book, "stable_pages");
        for _ in 0..2 {
            book.call("sign_many", "(1_000)");
        }
        let pages = count(book, "stable_pages");
        assert!(pages > before, "{before} -> {pages}");

        book.upgrade(r#"("no title")"#).expect("the upgrade succeeds");
        assert_eq!(count(book, "stable_pages"), pages);
        assert_eq!(["guests", "visits"].map(|method| count(book, method)), [1_000, 2_000]);
        let found = book.ask("guests_from", r#"("guest 998", 3)"#);
        let names: Vec<_> = found.split('"').skip(1).step_by(2).collect();
        assert_eq!(names, ["guest 998", "guest 999"], "{found}");
    });
}

#[test]
fn a_trap_undoes_what_was_written_to_stable_structures() {
    let program = Program::rust("guestbook");
    on_every_server(|server| {
        let pic = server.instance(1);
        let book = program.install(&pic, r#"("Wake")"#);
        book.call("sign", r#"("Ada", null)"#);
        let reject = book.reject("sign_and_trap", r#"("Ada")"#);
        assert!(reject.reject_message.contains("the pen broke"), "{reject:?}");
        book.reject("sign_and_trap", r#"("Bob")"#);
        assert_eq!(["guests", "visits"].map(|method| count(book, method)), [1, 1]);
        let ada = r#"(opt record { name = "Ada"; note = null; visits = 1 : nat32 })"#;
        assert_eq!(book.ask("guest", r#"("Ada")"#), ada);
    });
}

#[test]
fn a_reinstalled_canister_begins_with_an_empty_stable_memory() {
    let program = Program::rust("guestbook");
    on_every_server(|server| {
        let pic = server.instance(1);
        let book = program.install(&pic, r#"("First")"#);
        book.call("sign", r#"("Ada", null)"#);
        book.reinstall(r#"("Second")"#).expect("the reinstallation succeeds");
        assert_eq!(book.ask("title", "()"), r#"("Second")"#);
        assert_eq!(["guests", "visits"].map(|method| count(book, method)), [0, 0]);
    });
}
