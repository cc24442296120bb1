//! An ICRC-1 ledger, built by its authors: a token's owners and their transfers.

use std::time::Duration;

use candid::Principal;
use test_support::canisters::ledger::{
    FEE, SUPPLY, account, alice, balance, bob, install, mint, program, transfer,
};
use test_support::canisters::number;
use test_support::{Canister, on_every_server};

/// For how long a ledger remembers transfers: as long as it takes them after they were made.
const TRANSACTION_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// By how much clocks may differ.
const PERMITTED_DRIFT: Duration = Duration::from_secs(60);

/// The ledger's reply to a transfer.
fn send(ledger: &Canister, from: Principal, argument: &str) -> String {
    ledger.call_as(from, "icrc1_transfer", argument).expect("a refusal is a reply, too")
}

#[test]
fn a_ledger_tells_what_its_token_is() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let ledger = install(&program, &pic);
        let ask = |method| ledger.ask(method, "()");
        assert_eq!(ask("icrc1_name"), r#"("Testing")"#);
        assert_eq!(ask("icrc1_symbol"), r#"("TST")"#);
        assert_eq!(ask("icrc1_decimals"), "(3 : nat8)");
        assert_eq!(number(&ask("icrc1_fee")), FEE);
        assert_eq!(number(&ask("icrc1_total_supply")), SUPPLY);
        assert!(ask("icrc1_minting_account").contains(&mint().to_text()));
        assert!(
            ask("icrc1_metadata")
                .contains(r#"record { "icrc1:symbol"; variant { Text = "TST" } }"#)
        );
        assert!(ask("icrc1_supported_standards").contains("ICRC-2"));
    });
}

#[test]
fn transfers_move_tokens_and_burn_the_fee() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let ledger = install(&program, &pic);
        let carol = Principal::self_authenticating(b"Carol");
        let ok = |block: u64| format!("(variant {{ Ok = {block} : nat }})");

        assert_eq!(send(&ledger, alice(), &transfer(bob(), 5_000, "")), ok(1));
        assert_eq!(send(&ledger, bob(), &transfer(carol, 1_000, "fee = opt 10")), ok(2));
        assert_eq!(send(&ledger, carol, &transfer(alice(), 990, "")), ok(3));
        let balances = [alice(), bob(), carol].map(|owner| balance(&ledger, owner));
        assert_eq!(balances, [SUPPLY - 5_000 - FEE + 990, 5_000 - 1_000 - FEE, 0]);
        assert_eq!(number(&ledger.ask("icrc1_total_supply", "()")), SUPPLY - 3 * FEE);

        // To and from the mint there is no fee.
        assert_eq!(send(&ledger, mint(), &transfer(carol, 70, "")), ok(4));
        assert_eq!(send(&ledger, carol, &transfer(mint(), 50, "")), ok(5));
        assert_eq!(balance(&ledger, carol), 20);
        assert_eq!(number(&ledger.ask("icrc1_total_supply", "()")), SUPPLY - 3 * FEE + 20);
    });
}

#[test]
fn a_ledger_refuses_transfers_with_the_reason_and_keeps_the_balances() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let ledger = install(&program, &pic);
        for (from, argument, reason) in [
            (bob(), transfer(alice(), 1, ""), "InsufficientFunds = record { balance = 0 : nat }"),
            (
                alice(),
                transfer(bob(), SUPPLY, ""),
                "InsufficientFunds = record { balance = 1_000_000 : nat }",
            ),
            (
                alice(),
                transfer(bob(), 1, "fee = opt 9"),
                "BadFee = record { expected_fee = 10 : nat }",
            ),
            (alice(), transfer(mint(), 9, ""), "BadBurn = record { min_burn_amount = 10 : nat }"),
        ] {
            let expected = format!("(variant {{ Err = variant {{ {reason} }} }})");
            assert_eq!(send(&ledger, from, &argument), expected);
        }
        assert_eq!([alice(), bob()].map(|owner| balance(&ledger, owner)), [SUPPLY, 0]);
    });
}

#[test]
fn a_ledger_takes_a_transfer_once_and_only_while_it_is_fresh() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let ledger = install(&program, &pic);
        let now = pic.get_time().as_nanos_since_unix_epoch();
        let made_at = |time: u64| transfer(bob(), 100, &format!("created_at_time = opt {time}"));

        assert_eq!(send(&ledger, alice(), &made_at(now)), "(variant { Ok = 1 : nat })");
        let again = send(&ledger, alice(), &made_at(now));
        assert_eq!(
            again,
            "(variant { Err = variant { Duplicate = record { duplicate_of = 1 : nat } } })"
        );
        // Another time makes it another transfer.
        assert_eq!(send(&ledger, alice(), &made_at(now - 1)), "(variant { Ok = 2 : nat })");
        let drift = PERMITTED_DRIFT.as_nanos() as u64;
        let early = send(&ledger, alice(), &made_at(now + 2 * drift));
        assert!(early.contains("CreatedInFuture"), "{early}");

        pic.advance_time(TRANSACTION_WINDOW + 2 * PERMITTED_DRIFT);
        assert_eq!(send(&ledger, alice(), &made_at(now)), "(variant { Err = variant { TooOld } })");
        assert_eq!(balance(&ledger, bob()), 200);
    });
}

#[test]
fn an_allowance_can_be_spent_until_it_is_used_up_or_expires() {
    let Some(program) = program() else { return };
    on_every_server(|server| {
        let pic = server.instance(1);
        let ledger = install(&program, &pic);
        let approve = |amount: u128, more: &str| {
            let spender = account(bob());
            let argument = format!("(record {{ spender = {spender}; amount = {amount}; {more} }})");
            ledger.call_as(alice(), "icrc2_approve", &argument).expect("it is taken")
        };
        let spend = |amount: u128| {
            let (from, to) = (account(alice()), account(bob()));
            let argument = format!("(record {{ from = {from}; to = {to}; amount = {amount} }})");
            ledger.call_as(bob(), "icrc2_transfer_from", &argument).expect("a refusal is a reply")
        };
        assert_eq!(approve(500, ""), "(variant { Ok = 1 : nat })");
        assert_eq!(spend(400), "(variant { Ok = 2 : nat })");
        // Of the other 100 the fee is gone.
        let refusal = spend(100);
        assert!(
            refusal.contains("InsufficientAllowance = record { allowance = 90 : nat }"),
            "{refusal}"
        );

        let expiry = pic.get_time() + Duration::from_secs(60);
        let expiry = format!("expires_at = opt {}", expiry.as_nanos_since_unix_epoch());
        assert_eq!(approve(500, &expiry), "(variant { Ok = 3 : nat })");
        pic.advance_time(Duration::from_secs(61));
        let refusal = spend(100);
        assert!(
            refusal.contains("InsufficientAllowance = record { allowance = 0 : nat }"),
            "{refusal}"
        );
        assert_eq!(balance(&ledger, bob()), 400);
    });
}
