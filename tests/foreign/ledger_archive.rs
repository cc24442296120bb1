//! The archives of the ledger: canisters that it creates, installs and calls by itself, out of the cycles it has.

use std::iter;

use candid::Principal;
use pocket_ic::{ErrorCode, PocketIc};
use test_support::canisters::ledger::{
    SUPPLY, alice, balance, bob, install_with_archives, interface, program, transfer,
};
use test_support::canisters::number;
use test_support::{Canister, DEFAULT_CYCLES, Program, StatusOf, controller, on_every_server};

/// What the ledger gives an archive, creation included.
const ARCHIVE_CYCLES: u128 = 3_000_000_000_000;

/// What creating a canister costs on a subnet of 13 nodes.
const CREATION_FEE: u128 = 500_000_000_000;

/// A ledger that archives its five oldest blocks when it has ten, in archives with so many cycles.
fn install<'a>(program: &'a Program, pic: &'a PocketIc, cycles: u128) -> Canister<'a> {
    install_with_archives(program, pic, 10, &cycles_option(cycles))
}

fn cycles_option(cycles: u128) -> String {
    format!("cycles_for_archive_creation = opt {cycles}")
}

/// The program of an archive, which is inside the ledger's module: an interface without a module.
fn archive_program() -> Program {
    let interface = interface().expect("the ledger was fetched");
    let (types, _) = interface.split_once("service :").expect("the interface has a service");
    let methods = "service : {
        get_transactions : QueryArchiveFn;
        get_blocks : QueryBlockArchiveFn;
        remaining_capacity : () -> (nat64) query;
    }";
    Program::with_interface(vec![], &format!("{types}{methods}"))
}

/// Has Alice send Bob 1, 2, 3... tokens, and lets the ledger archive.
fn transfer_often(ledger: &Canister, times: u128) {
    for amount in 1..=times {
        let reply = ledger.call_as(alice(), "icrc1_transfer", &transfer(bob(), amount, ""));
        assert!(reply.as_ref().is_ok_and(|reply| reply.contains("Ok = ")), "{reply:?}");
    }
    // The last transfer was answered before the archive was.
    for _ in 0..5 {
        ledger.pic.tick();
    }
}

/// Where the ledger says that blocks are: of each archive the canister, its first block, and how many it has.
fn archives(reply: &str) -> Vec<(Principal, u128, u128)> {
    reply
        .split("record { callback = func \"")
        .skip(1)
        .map(|text| {
            let (id, text) = text.split_once('"').expect("the id ends");
            let (_, text) = text.split_once("start = ").expect("a start");
            let (start, text) = text.split_once(';').expect("the start ends");
            let (_, length) = text.split_once("length = ").expect("a length");
            (Principal::from_text(id).expect("an id"), number(start), number(length))
        })
        .collect()
}

/// The amounts of the transactions in a reply, in their order.
fn amounts(reply: &str) -> Vec<u128> {
    reply.split("amount = ").skip(1).map(number).collect()
}

/// A range of transactions or blocks.
fn range(start: u128, length: u128) -> String {
    format!("(record {{ start = {start}; length = {length} }})")
}

const EVERYTHING: &str = "(record { start = 0; length = 1_000 })";

/// The amounts of all transactions, from the archives and the ledger.
fn whole_log(ledger: &Canister) -> Vec<u128> {
    let program = archive_program();
    let rest = ledger.ask("get_transactions", EVERYTHING);
    let archived = archives(&rest).into_iter().flat_map(|(id, start, length)| {
        amounts(&program.at(ledger.pic, id).ask("get_transactions", &range(start, length)))
    });
    archived.chain(amounts(&rest)).collect()
}

#[test]
fn a_ledger_moves_old_blocks_to_an_archive_that_it_creates() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let ledger = install(&program, &pic, ARCHIVE_CYCLES);
        transfer_often(&ledger, 8);
        // With Alice's first million there are nine.
        assert_eq!(archives(&ledger.ask("get_transactions", EVERYTHING)), []);

        transfer_often(&ledger, 3);
        let reply = ledger.ask("get_transactions", EVERYTHING);
        let [(archive, 0, 5)] = archives(&reply)[..] else { panic!("{reply}") };
        assert!(reply.contains("first_index = 5 : nat; log_length = 12 : nat"), "{reply}");
        assert_eq!(amounts(&reply), [5, 6, 7, 8, 1, 2, 3]);
        let one = ledger.ask("get_blocks", &range(3, 1));
        assert_eq!(archives(&one), [(archive, 3, 1)]);

        let program = archive_program();
        let archive = program.at(&pic, archive);
        assert_eq!(amounts(&archive.ask("get_transactions", EVERYTHING)), [SUPPLY, 1, 2, 3, 4]);
        assert_eq!(archive.ask("get_blocks", EVERYTHING).matches("phash").count(), 4);
    });
}

#[test]
fn a_ledger_pays_for_its_archive_and_leaves_it_to_its_controller() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let ledger = install(&program, &pic, ARCHIVE_CYCLES);
        transfer_often(&ledger, 10);
        let (archive, ..) = archives(&ledger.ask("get_transactions", EVERYTHING))[0];

        // Both have paid a little for what they executed, and the ledger for its calls.
        let little = 20_000_000_000;
        let spent = DEFAULT_CYCLES - pic.cycle_balance(ledger.id);
        assert!((ARCHIVE_CYCLES..ARCHIVE_CYCLES + little).contains(&spent), "{spent}");
        let endowment = ARCHIVE_CYCLES - CREATION_FEE;
        let left = pic.cycle_balance(archive);
        assert!((endowment - little..endowment).contains(&left), "{left}");

        let status =
            pic.status_of(archive, Some(controller())).expect("the archive has a controller");
        assert_eq!(status.settings.controllers, [controller()]);
        let refusal = pic.status_of(archive, Some(ledger.id)).expect_err("no controller");
        assert_eq!(refusal.error_code, ErrorCode::CanisterStatusAccessDenied);
    });
}

#[test]
fn a_full_archive_is_followed_by_another() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let cycles = cycles_option(ARCHIVE_CYCLES);
        let options = format!("{cycles}; node_max_memory_size_bytes = opt 1_000");
        let ledger = install_with_archives(&program, &pic, 10, &options);
        transfer_often(&ledger, 20);
        let archives = archives(&ledger.ask("get_transactions", EVERYTHING));
        assert!(archives.len() > 1, "{archives:?}");
        for neighbours in archives.windows(2) {
            let [(before, start, length), (after, next, _)] = neighbours else { unreachable!() };
            assert_ne!(before, after);
            assert_eq!(start + length, *next);
        }
        let log: Vec<_> = iter::once(SUPPLY).chain(1..=20).collect();
        assert_eq!(whole_log(&ledger), log);
    });
}

#[test]
fn a_ledger_whose_archive_cannot_be_created_keeps_its_blocks_and_goes_on() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let ledger = install(&program, &pic, CREATION_FEE - 1);
        transfer_often(&ledger, 20);
        let reply = ledger.ask("get_transactions", EVERYTHING);
        assert_eq!(archives(&reply), []);
        assert_eq!(amounts(&reply).len(), 21);
        // All that was attached came back.
        assert!(pic.cycle_balance(ledger.id) > DEFAULT_CYCLES - CREATION_FEE);
    });
}

#[test]
fn a_transfer_is_undone_when_the_ledger_traps_over_its_archive() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let ledger = install(&program, &pic, 2 * DEFAULT_CYCLES);
        transfer_often(&ledger, 8);
        // It attaches more cycles than it has, which is not allowed.
        let reject = ledger.call_as(alice(), "icrc1_transfer", &transfer(bob(), 9, ""));
        let reject = reject.expect_err("the tenth block calls for an archive");
        assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
        assert_eq!(balance(&ledger, bob()), (1..=8).sum::<u128>());
        assert_eq!(whole_log(&ledger).len(), 9);
    });
}

#[test]
fn an_upgraded_ledger_keeps_balances_blocks_and_archives() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let ledger = install(&program, &pic, ARCHIVE_CYCLES);
        transfer_often(&ledger, 12);
        let before = (balance(&ledger, alice()), balance(&ledger, bob()), whole_log(&ledger));

        ledger.upgrade("(variant { Upgrade })").expect("the upgrade succeeds");
        let after = (balance(&ledger, alice()), balance(&ledger, bob()), whole_log(&ledger));
        assert_eq!(after, before);
        assert_eq!(ledger.ask("icrc1_name", "()"), r#"("Testing")"#);

        let change = r#"(variant { Upgrade = opt record { token_name = opt "Tested" } })"#;
        ledger.upgrade(change).expect("the upgrade succeeds");
        assert_eq!(ledger.ask("icrc1_name", "()"), r#"("Tested")"#);
        transfer_often(&ledger, 10);
        let log = [before.2, (1..=10).collect()].concat();
        assert_eq!(whole_log(&ledger), log);
        assert_eq!(archives(&ledger.ask("get_transactions", EVERYTHING)).len(), 1);
    });
}
