//! Running the scripts that build and fetch.

use std::io::{Write, stderr};
use std::process::{Command, Stdio};

/// With this code the scripts end when something cannot be had here: "service unavailable" in `sysexits.h`.
const UNAVAILABLE: i32 = 69;

/// Runs a script. What it needs and cannot have is an error; everything else that goes wrong panics.
pub fn run(script: &mut Command) -> Result<(), String> {
    let program = script.get_program().to_string_lossy().into_owned();
    let output = script
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program} does not run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(()),
        Some(UNAVAILABLE) => Err(said.trim().into()),
        _ => panic!("{program}, {}: {said}", output.status),
    }
}

/// What was made; where it cannot be had, nothing but a line that says so.
pub fn or_say_why<T>(what: &str, made: Result<T, String>) -> Option<T> {
    if let Err(reason) = &made {
        // Not `println!`, which the harness keeps to itself. Nobody may be reading, which is no failure.
        let _ = writeln!(stderr(), "{what} is not tested: {reason}");
    }
    made.ok()
}
