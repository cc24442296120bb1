//! Requests that panic: answered all the same, and alone in what becomes of them.

use crate::server::api::ApiError;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Answers with an error where the rest panics. An instance is ended by a panic before it comes here
/// (`Slot::access`); what servers share is changed in single steps.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    let mut response = pin!(next.run(request));
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| response.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(error().into_response()))
    })
    .await
}

fn error() -> ApiError {
    ApiError::internal(
        "an error of the replica itself, which is described where it was started: instances that \
         there are go on",
    )
}
