//! Random Wasm modules.

use std::env;
use std::process::{Command, Stdio};

use crate::{checkout, or_say_why, target};

/// Random Wasm modules: as many as `count` says, always the same for a seed. `tests/generator` makes them. Where its
/// dependencies cannot be fetched, says so, and returns nothing.
///
/// # Panics
///
/// If the generator does not print the modules, or if packages are required and its dependencies cannot be fetched.
pub fn generated_modules(seed: u64, count: usize) -> Option<Vec<Vec<u8>>> {
    let manifest = checkout().join("tests/generator/Cargo.toml");
    // A folder of its own: the folder of this workspace may be locked.
    let target = target().join("generator");
    let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked", "--manifest-path"])
        .arg(manifest)
        .env("CARGO_TARGET_DIR", &target)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())
        .and_then(|output| match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        });
    or_say_why("The generator of Wasm modules", built)?;
    let program = target.join("debug/generator");
    let output = Command::new(program).args([seed.to_string(), count.to_string()]).output();
    let output = output.expect("the generator runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut modules = Vec::new();
    let mut rest = &output.stdout[..];
    while let Some((size, after)) = rest.split_first_chunk() {
        let (module, after) = after.split_at(u32::from_le_bytes(*size) as usize);
        modules.push(module.to_vec());
        rest = after;
    }
    assert_eq!(modules.len(), count, "the generator prints other modules than asked for");
    Some(modules)
}
