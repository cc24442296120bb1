//! Panics as results. The `pocket-ic` client panics where a server refuses something for which the client has no error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Server;

/// The message of the panic that ends an operation.
///
/// # Panics
///
/// Where the operation ends without a panic.
#[track_caller]
pub fn panic_message<T>(operation: impl FnOnce() -> T) -> String {
    let panic = match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(_) => panic!("the operation ends without a panic"),
        Err(panic) => panic,
    };
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast::<&str>().expect("the message of a panic is text")).into(),
    }
}

impl Server {
    /// Asserts that the server refuses an operation as a bad request, so that the client panics. The embedded replica
    /// has to say `words`; a PocketIC server says the same in words of its own.
    #[track_caller]
    pub fn assert_refuses<T>(self, words: &str, operation: impl FnOnce() -> T) {
        let message = panic_message(operation);
        assert!(message.contains("(400, "), "the server does not refuse the request: {message}");
        if let Self::Embedded = self {
            assert!(message.contains(words), "`{words}` is not in: {message}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_with_the_expected_words_is_accepted() {
        let refuse = |text: &'static str| move || panic!("{text}");
        Server::Embedded.assert_refuses("too long", refuse("(400, \"it is too long\")"));
        let unexpected = [
            panic_message(|| Server::Embedded.assert_refuses("too long", || ())),
            panic_message(|| Server::Embedded.assert_refuses("too long", refuse("too long"))),
            panic_message(|| Server::Embedded.assert_refuses("too long", refuse("(400, \"?\")"))),
        ];
        let expected = ["without a panic", "does not refuse", "`too long` is not in"];
        for (message, expected) in unexpected.iter().zip(expected) {
            assert!(message.contains(expected), "{message}");
        }
    }
}
