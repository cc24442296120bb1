//! What is fetched for the tests: the scripts that fetch, and what happens where they cannot.

use std::io::{Write, stderr};
use std::process::{Command, ExitStatus, Stdio};

use crate::is_set;

/// The exit code of a script that cannot get what it needs: "service unavailable" in `sysexits.h`.
const UNAVAILABLE: i32 = 69;

/// Runs a script.
///
/// # Errors
///
/// Where the script cannot get what it needs here. Every other failure is a panic.
pub(crate) fn run(script: &mut Command) -> Result<(), String> {
    let program = script.get_program().to_string_lossy().into_owned();
    let output = script
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program} does not run: {error}"))?;
    result(&program, output.status, &String::from_utf8_lossy(&output.stderr))
}

/// The result of a script that has ended, with what it said on standard error.
///
/// # Errors
///
/// Where the script cannot get what it needs here. Every other failure is a panic.
pub(crate) fn result(program: &str, status: ExitStatus, said: &str) -> Result<(), String> {
    match status.code() {
        Some(0) => Ok(()),
        Some(UNAVAILABLE) => Err(said.trim().into()),
        _ => panic!("{program}, {status}: {said}"),
    }
}

/// Whether `REQUIRE_PACKAGES` is in the environment: then a test fails that cannot have what it needs.
pub fn packages_are_required() -> bool {
    is_set("REQUIRE_PACKAGES")
}

/// Returns what was made. Where it could not be made, a line on standard error says what is not tested and why.
///
/// # Panics
///
/// Where it could not be made, and [`packages_are_required`].
pub fn or_say_why<T>(what: &str, made: Result<T, String>) -> Option<T> {
    made_if_required(packages_are_required(), what, made)
}

fn made_if_required<T>(required: bool, what: &str, made: Result<T, String>) -> Option<T> {
    if let Err(reason) = &made {
        assert!(!required, "{what} cannot be had, and REQUIRE_PACKAGES is set: {reason}");
        // The test harness would capture the output of `println!`. It is no failure if nobody reads the line.
        let _ = writeln!(stderr(), "{what} is not tested: {reason}");
    }
    made.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_cannot_be_fetched_is_skipped_unless_packages_are_required() {
        let made =
            |required| made_if_required(required, "The moon", Err::<(), _>("too far".into()));
        assert_eq!(made(false), None);
        let failure = std::panic::catch_unwind(|| made(true)).expect_err("it is a failure");
        let text = failure.downcast_ref::<String>().expect("the panic has a message");
        assert!(text.contains("The moon") && text.contains("too far"), "{text}");
        assert_eq!(made_if_required(true, "The sun", Ok(1)), Some(1));
    }
}
