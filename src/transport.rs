//! What carries the calls.

use std::rc::Rc;
use std::time::Duration;

use crate::{Limits, Outcome, Reason, Request};

/// What this library needs of the system it runs on: in a canister [`Canister`](crate::canister::Canister), in tests
/// a script.
pub trait Transport {
    /// The answer to a call that was sent: the reply, or the [reason](Reason::rejected) of a reject.
    type Answer: Future<Output = Result<Vec<u8>, Reason>>;

    /// Sends a call at once, or says why it could not: [`Reason::QueueFull`], [`Reason::Cycles`], or a reject of what
    /// could never be sent.
    fn send(&self, request: &Rc<Request>) -> Result<Self::Answer, Reason>;

    /// What bounds the number of such calls that can be open together, as of now.
    fn limits(&self, request: &Request) -> Limits;

    /// Whether the canister is about to be stopped, which should not be kept waiting.
    fn is_stopping(&self) -> bool;

    /// The time, since some fixed moment.
    fn now(&self) -> Duration;

    /// Waits at least this long without any call of ours being open, or says at once why that is not possible.
    fn pause(&self, wait: Duration) -> impl Future<Output = Result<(), Reason>>;
}

/// Sends one call and waits for its answer. Equal calls may share their request.
pub async fn call<T: Transport>(
    transport: &T,
    request: impl Into<Rc<Request>>,
) -> Outcome<Vec<u8>> {
    let answer = match transport.send(&request.into()) {
        Ok(answer) => answer.await,
        Err(reason) => Err(reason),
    };
    outcome(answer)
}

pub(crate) fn outcome(answer: Result<Vec<u8>, Reason>) -> Outcome<Vec<u8>> {
    answer.map_or_else(Outcome::failed, Outcome::Done)
}
