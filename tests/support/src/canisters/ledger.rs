//! An ICRC-1 ledger as its authors built it, which creates archive canisters by itself. It comes with the source of
//! PocketIC's Python client.

use std::fs;

use candid::Principal;
use pocket_ic::PocketIc;

use super::program::{Canister, Program, number};
use super::python_client::python_client;
use crate::users::controller;

/// The fee of a transfer, which the ledger burns.
pub const FEE: u128 = 10;

/// The tokens that Alice has at first. Nobody else has any.
pub const SUPPLY: u128 = 1_000_000;

/// The user who has all tokens at first.
pub fn alice() -> Principal {
    Principal::self_authenticating(b"Alice")
}

/// The user who receives tokens from Alice.
pub fn bob() -> Principal {
    Principal::self_authenticating(b"Bob")
}

/// The account that creates the tokens it sends and destroys the tokens it receives.
pub fn mint() -> Principal {
    Principal::self_authenticating(b"Mint")
}

/// The ledger's interface, as Candid's text, where the ledger can be fetched.
pub fn interface() -> Option<String> {
    let file = python_client()?.join("examples/ledger_canister/ledger.did");
    let interface = fs::read_to_string(file).expect("the ledger was fetched with its interface");
    // In this one place, the module expects another type than its interface says.
    Some(interface.replace("transfer_fee : opt nat64", "transfer_fee : opt nat"))
}

/// The ledger, where it can be fetched.
pub fn program() -> Option<Program> {
    let file = python_client()?.join("examples/ledger_canister/ledger_canister.wasm");
    let module = fs::read(file).expect("the ledger was fetched with its module");
    Some(Program::with_interface(module, &interface()?))
}

/// Installs a ledger that never has enough blocks to archive any.
pub fn install<'a>(program: &'a Program, pic: &'a PocketIc) -> Canister<'a> {
    install_on(program, pic, 0)
}

/// The same on any subnet.
pub fn install_on<'a>(program: &'a Program, pic: &'a PocketIc, subnet: usize) -> Canister<'a> {
    program.install_on(pic, subnet, &setup_argument())
}

/// Installs a ledger that archives its five oldest blocks when it has `threshold` blocks.
pub fn install_with_archives<'a>(
    program: &'a Program,
    pic: &'a PocketIc,
    threshold: u64,
    archive_options: &str,
) -> Canister<'a> {
    program.install(pic, &setup(threshold, archive_options))
}

/// The argument with which a ledger is installed that never has enough blocks to archive any.
pub fn setup_argument() -> String {
    setup(1_000_000, "")
}

fn setup(threshold: u64, archive_options: &str) -> String {
    let (alice, mint, controller) = (account(alice()), account(mint()), controller());
    format!(
        r#"(variant {{ Init = record {{
            token_name = "Testing"; token_symbol = "TST"; decimals = opt 3; transfer_fee = {FEE}; metadata = vec {{}};
            minting_account = {mint};
            initial_balances = vec {{ record {{ {alice}; {SUPPLY} }} }};
            archive_options = record {{
                num_blocks_to_archive = 5; trigger_threshold = {threshold};
                controller_id = principal "{controller}"; {archive_options}
            }};
            feature_flags = opt record {{ icrc2 = true }};
        }} }})"#
    )
}

/// Candid of an account without subaccount.
pub fn account(owner: Principal) -> String {
    format!(r#"record {{ owner = principal "{owner}" }}"#)
}

/// Candid of a transfer. `more` is text with optional fields.
pub fn transfer(to: Principal, amount: u128, more: &str) -> String {
    format!("(record {{ to = {}; amount = {amount}; {more} }})", account(to))
}

/// The tokens of an owner.
pub fn balance(ledger: &Canister, owner: Principal) -> u128 {
    number(&ledger.ask("icrc1_balance_of", &format!("({})", account(owner))))
}
