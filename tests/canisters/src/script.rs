//! Running the scripts that build and fetch.

use std::env;
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

/// What was made; where it cannot be had, nothing but a line that says so. With `REQUIRE_PACKAGES` in
/// the environment that is a failure: it panics.
pub fn or_say_why<T>(what: &str, made: Result<T, String>) -> Option<T> {
    let required = env::var_os("REQUIRE_PACKAGES").is_some_and(|value| !value.is_empty());
    made_if_required(required, what, made)
}

fn made_if_required<T>(required: bool, what: &str, made: Result<T, String>) -> Option<T> {
    if let Err(reason) = &made {
        assert!(!required, "{what} cannot be had, and REQUIRE_PACKAGES is set: {reason}");
        // Not `println!`, which the harness keeps to itself. Nobody may be reading, which is no failure.
        let _ = writeln!(stderr(), "{what} is not tested: {reason}");
    }
    made.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_left_out_unless_packages_are_required() {
        let made =
            |required| made_if_required(required, "The moon", Err::<(), _>("too far".into()));
        assert_eq!(made(false), None);
        let failure = std::panic::catch_unwind(|| made(true)).expect_err("it is a failure");
        let text = failure.downcast_ref::<String>().expect("it says why");
        assert!(text.contains("The moon") && text.contains("too far"), "{text}");
        assert_eq!(made_if_required(true, "The sun", Ok(1)), Some(1));
    }
}
