//! The ICRC-1 ledger.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::script::{or_say_why, run};
use crate::{checkout, target};

/// The ledger as its authors built it.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Its module.
    pub module: PathBuf,
    /// Its interface, as Candid's text.
    pub interface: PathBuf,
}

/// An ICRC-1 ledger that creates archive canisters by itself.
pub fn ledger() -> Option<Ledger> {
    static FETCHED: LazyLock<Option<Ledger>> =
        LazyLock::new(|| or_say_why("The ICRC-1 ledger", fetch()));
    FETCHED.clone()
}

fn fetch() -> Result<Ledger, String> {
    let folder = target().join("ledger");
    run(Command::new("python3").arg(checkout().join("scripts/fetch-ledger.py")).arg(&folder))?;
    Ok(Ledger { module: folder.join("ledger_canister.wasm"), interface: folder.join("ledger.did") })
}
