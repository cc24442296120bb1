//! The client, which is the `pocket-ic` crate. The client panics if an operation fails. The functions
//! here turn such a panic into an error.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, PanicHookInfo, set_hook, take_hook},
    path::Path,
    time::Duration,
};

use futures::FutureExt;

use crate::error::Error;

/// Longest time of one request. The client has a limit of its own, too, but checks it only between
/// requests.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);

/// Awaits one operation of the client. `action` names the operation in errors, such as "creating the
/// caller".
///
/// # Errors
///
/// - [`Error::Client`] if the client panics.
/// - [`Error::NoAnswer`] if the server does not respond within [`REQUEST_TIMEOUT`].
pub async fn ask<T>(action: &str, call: impl Future<Output = T>) -> Result<T, Error> {
    // Unwind safe: after a panic the client is used only to delete its instance.
    let call = AssertUnwindSafe(call).catch_unwind();
    match tokio::time::timeout(REQUEST_TIMEOUT, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(panic)) => Err(client_error(action, panic.as_ref())),
        Err(_) => Err(Error::NoAnswer { action: action.into(), limit: REQUEST_TIMEOUT }),
    }
}

/// The error for a panic of the client.
pub(crate) fn client_error(action: &str, panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("the client gave no reason");
    Error::Client { action: action.into(), reason: reject_message(without_unwrap(message)) }
}

/// Extracts the message from a reject that the client printed in Rust's debug format. Returns any other text
/// unchanged.
fn reject_message(text: &str) -> String {
    let message = text
        .strip_prefix("RejectResponse {")
        .and_then(|fields| fields.split_once("reject_message: \""))
        .and_then(|(_, rest)| rest.split_once("\", error_code: "));
    match message {
        Some((message, _)) => message.replace("\\n", " ").replace("\\\"", "\"").replace("\\'", "'"),
        None => text.into(),
    }
}

/// Removes the words that `Result::unwrap` puts before the error.
fn without_unwrap(message: &str) -> &str {
    match message.split_once("` on an `Err` value: ") {
        Some((before, error)) if before.starts_with("called `Result::") => error,
        _ => message,
    }
}

/// Stops panics of the client from being printed, because [`ask`] returns them as errors. Other panics
/// are still printed.
pub fn silence_client_panics() {
    let default = take_hook();
    set_hook(Box::new(move |info| {
        if !is_client_panic(info) {
            default(info);
        }
    }));
}

fn is_client_panic(info: &PanicHookInfo<'_>) -> bool {
    info.location().is_some_and(|location| is_client_source(location.file()))
}

/// Whether a source file belongs to the `pocket-ic` crate. In cargo's registry, the name of the crate's
/// folder ends with its version.
fn is_client_source(file: &str) -> bool {
    Path::new(file).components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part == "pocket-ic" || part.strip_prefix("pocket-ic-").is_some_and(starts_with_digit)
    })
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_reject_only_its_message_is_shown() {
        let reject = "RejectResponse { reject_code: SysTransient, reject_message: \"out of \\\"cycles\\\"\", \
                      error_code: CanisterOutOfCycles, certified: true }";
        assert_eq!(reject_message(reject), "out of \"cycles\"");
        assert_eq!(reject_message("connection refused"), "connection refused");
    }

    /// Panics as the client does when an operation fails.
    #[expect(clippy::unwrap_used)]
    fn insist(answer: Result<(), (u16, &str)>) {
        answer.unwrap();
    }

    #[tokio::test]
    async fn a_panic_of_the_client_becomes_an_error_that_names_the_action() {
        let answer = ask("asking for cycles", async { insist(Err((400, "no such canister"))) });
        let error = answer.await.expect_err("it panicked");
        assert_eq!(error.to_string(), r#"asking for cycles failed: (400, "no such canister")"#);
        assert_eq!(error.exit_code(), 1);
    }

    #[tokio::test]
    async fn an_answer_is_passed_on() {
        let answer = ask("counting", async {
            tokio::task::yield_now().await;
            7
        });
        assert_eq!(answer.await.expect("no panic"), 7);
    }

    #[test]
    fn the_words_of_unwrap_are_removed() {
        assert_eq!(
            without_unwrap("called `Result::unwrap()` on an `Err` value: (400, \"no\")"),
            "(400, \"no\")"
        );
        assert_eq!(without_unwrap("HTTP failure: refused"), "HTTP failure: refused");
    }

    #[test]
    fn only_the_clients_own_sources_count_as_its_panics() {
        assert!(is_client_source("registry/src/pocket-ic-16.1.0/src/lib.rs"));
        assert!(is_client_source("vendor/pocket-ic/src/lib.rs"));
        assert!(!is_client_source("multi_subnet/src/scenario.rs"));
        assert!(!is_client_source("work/pocket-ic-like/replica/src/lib.rs"));
    }
}
