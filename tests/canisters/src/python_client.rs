//! The source of PocketIC's Python client, which has tests of its own and a ledger to try it with.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::script::{or_say_why, run};
use crate::{checkout, target};

/// The folder of the source, with `examples` and `tests`.
pub fn python_client() -> Option<PathBuf> {
    static FETCHED: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| or_say_why("What comes with PocketIC's Python client", fetch()));
    FETCHED.clone()
}

/// An ICRC-1 ledger as its authors built it, which creates archive canisters by itself.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Its module.
    pub module: PathBuf,
    /// Its interface, as Candid's text.
    pub interface: PathBuf,
}

/// The ledger.
pub fn ledger() -> Option<Ledger> {
    let folder = python_client()?.join("examples/ledger_canister");
    Some(Ledger {
        module: folder.join("ledger_canister.wasm"),
        interface: folder.join("ledger.did"),
    })
}

fn fetch() -> Result<PathBuf, String> {
    let folder = target().join("python_client");
    let script = checkout().join("scripts/fetch-python-client.py");
    run(Command::new("python3").arg(script).arg(&folder))?;
    Ok(folder.join("pocket_ic-3.1.2"))
}
