//! The trait between this library and the system that makes the calls.

use std::rc::Rc;
use std::time::Duration;

use ic_principal::Principal;

use crate::{Failure, KeptReplies, Limits, Outcome, Reason, Reply, Request, Slots, Wait};

/// The connection between this library and the system (the Internet Computer itself), which makes the calls.
///
/// In a canister, use [`Canister`](crate::canister::Canister). A test can use a type of its own that returns prepared
/// responses.
pub trait Transport {
    /// The future of the response to a call that was sent: a [`Response`], or without refunds, a `Result` of the reply
    /// as bytes or the reason for a [reject](Reason::rejected).
    type ResponseFuture: Future<Output: Into<Response>>;

    /// Sends a call. The call is sent when this function returns, not when the future is polled. `wait` is that of the
    /// request, or a shorter one.
    ///
    /// # Errors
    ///
    /// - [`Reason::QueueFull`]: no slot is free.
    /// - [`Reason::Cycles`]: the canister has too few cycles for the call.
    /// - [`Reason::Rejected`]: the call can never be sent, for instance because its argument is too large.
    fn send(&self, request: &Rc<Request>, wait: Wait) -> Result<Self::ResponseFuture, Reason>;

    /// The limits on the number of calls like `request` that can be open at the same time, as of now.
    fn limits(&self, request: &Request) -> Limits;

    /// Whether the canister is being stopped. The canister is stopped when its last open call has its response. So the
    /// library sends no further call.
    fn is_stopping(&self) -> bool;

    /// The current time, as the duration since a fixed point in time.
    fn now(&self) -> Duration;

    /// Waits for at least `wait` by the clock of [`now`](Self::now), and ends earlier only if the canister is being
    /// stopped. A `wait` of zero lets other messages of the canister execute. The library calls this function while
    /// none of its calls is open.
    ///
    /// # Errors
    ///
    /// - The reason why the transport cannot wait, for instance [`Reason::Cycles`].
    /// - [`Reason::ClockStopped`]: the clock stands still.
    fn pause(&self, wait: Duration) -> impl Future<Output = Result<(), Reason>>;

    /// The slots for calls to `callee`, which all fan-outs of the canister share. A transport that does not count them
    /// returns new [`Slots`].
    fn slots(&self, _callee: Principal) -> Rc<Slots> {
        Rc::default()
    }

    /// Bytes of replies that all fan-outs of the canister together may keep, as of now: those that they
    /// [keep](Self::kept_replies) already, and those that fit into the free memory. By default, 512 MiB. The library
    /// calls this function for each reply that is to be kept.
    fn reply_bytes_max(&self) -> usize {
        512 * 1024 * 1024
    }

    /// The replies that the running fan-outs of the canister keep, which they count together. A transport that does not
    /// count them returns a new value: then each fan-out has a limit of its own.
    fn kept_replies(&self) -> Rc<KeptReplies> {
        Rc::default()
    }
}

/// The response to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The reply, or the reason why there is none.
    pub result: Result<Vec<u8>, Reason>,
    /// Cycles that came back with the response.
    pub refunded: u128,
}

impl From<Result<Vec<u8>, Reason>> for Response {
    fn from(result: Result<Vec<u8>, Reason>) -> Self {
        Self { result, refunded: 0 }
    }
}

impl Response {
    /// The outcome of an attempt of the call `request` with this response.
    pub(crate) fn outcome(self, request: &Request) -> Outcome<Reply> {
        let Self { result, refunded } = self;
        match result {
            Err(reason) => Outcome::failed(Failure { reason, refunded }),
            Ok(bytes) => match request.verdict {
                None => Outcome::Done(Reply { bytes, refunded }),
                Some(verdict) => {
                    let verdict = verdict(&bytes);
                    Outcome::judged(Reply { bytes, refunded }, verdict)
                }
            },
        }
    }
}
