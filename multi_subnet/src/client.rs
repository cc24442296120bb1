//! The `pocket-ic` crate reports trouble by panicking; here a panic of its becomes an ordinary error.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook},
    path::Path,
    pin::pin,
    task::Poll,
    time::Duration,
};

use crate::error::Error;

/// How long one request may take. The crate has a limit of its own, which counts only between requests.
pub const REQUEST_LIMIT: Duration = Duration::from_secs(300);

/// Awaits one call of the client; `action` says in the error what was tried, as in "creating the caller".
pub async fn ask<T>(action: &str, call: impl Future<Output = T>) -> Result<T, Error> {
    let mut call = pin!(call);
    // Sound to go on after a panic: the client is not used again, but for deleting its instance.
    let caught =
        poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => Poll::Ready(Err(panic)),
        });
    match tokio::time::timeout(REQUEST_LIMIT, caught).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(panic)) => Err(gave_up(action, panic.as_ref())),
        Err(_) => Err(Error::NoAnswer { action: action.into(), limit: REQUEST_LIMIT }),
    }
}

/// The error for a panic of the client.
pub(crate) fn gave_up(action: &str, panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("the client gave no reason");
    Error::Client { action: action.into(), reason: reject_message(without_unwrap(message)) }
}

/// The message inside a reject that the crate printed as the structure it is; any other text as it stands.
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

/// Cuts what `Result::unwrap` puts before the error it was called on.
fn without_unwrap(message: &str) -> &str {
    match message.split_once("` on an `Err` value: ") {
        Some((before, error)) if before.starts_with("called `Result::") => error,
        _ => message,
    }
}

/// Stops panics of the client from being printed, as [`ask`] reports them. All others are printed as ever.
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

/// Whether a source file belongs to the crate: in cargo's registry its folder also carries the version.
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

    /// As the client does with what it did not expect.
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
    fn what_unwrap_adds_is_cut() {
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
