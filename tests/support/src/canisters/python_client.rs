//! The source of PocketIC's Python client, which has tests of its own and a ledger to try it with.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::packages::{or_say_why, run};
use crate::{checkout, target};

/// The folder of the source, with `examples` and `tests`.
pub fn python_client() -> Option<PathBuf> {
    static FETCHED: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| or_say_why("What comes with PocketIC's Python client", fetch()));
    FETCHED.clone()
}

fn fetch() -> Result<PathBuf, String> {
    let folder = target().join("python_client");
    let script = checkout().join("scripts/fetch-python-client.py");
    run(Command::new("python3").arg(script).arg(&folder))?;
    Ok(folder.join("pocket_ic-3.1.2"))
}
