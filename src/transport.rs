//! The trait between this library and the system that makes the calls.

use std::rc::Rc;
use std::time::Duration;

use crate::{Limits, Outcome, Reason, Request};

/// The connection between this library and the system (the Internet Computer itself), which makes the calls.
///
/// In a canister, use [`Canister`](crate::canister::Canister). A test can use a type of its own that returns prepared
/// responses.
pub trait Transport {
    /// The future of the response to a call that was sent: the reply as bytes, or the reason for a
    /// [reject](Reason::rejected).
    type ResponseFuture: Future<Output = Result<Vec<u8>, Reason>>;

    /// Sends a call. The call is sent when this function returns, not when the future is polled.
    ///
    /// # Errors
    ///
    /// - [`Reason::QueueFull`]: no slot is free.
    /// - [`Reason::Cycles`]: the canister has too few cycles for the call.
    /// - [`Reason::Rejected`]: the call can never be sent, for instance because its argument is too large.
    fn send(&self, request: &Rc<Request>) -> Result<Self::ResponseFuture, Reason>;

    /// The limits on the number of calls like `request` that can be open at the same time, as of now.
    fn limits(&self, request: &Request) -> Limits;

    /// Whether the canister is being stopped. The canister is stopped when its last open call has its response. So the
    /// library sends no further call.
    fn is_stopping(&self) -> bool;

    /// The current time, as the duration since a fixed point in time.
    fn now(&self) -> Duration;

    /// Waits for about `wait`. The library calls it while none of its calls is open.
    ///
    /// # Errors
    ///
    /// The reason why the transport cannot wait, for instance [`Reason::Cycles`].
    fn pause(&self, wait: Duration) -> impl Future<Output = Result<(), Reason>>;
}

/// Makes one call and waits for its response.
///
/// Takes a [`Request`], a reference to one (which is copied), or an [`Rc<Request>`](Rc) that several equal calls share.
///
/// A canister that is [stopping](Transport::is_stopping) sends nothing: the outcome is then
/// [not done](Outcome::NotDone), for the reason [`Reason::Stopping`].
///
/// Await several calls one after the other, or together with `futures::future::join_all`:
///
/// ```no_run
/// use futures::future::join_all;
/// use ic_principal::Principal;
/// use parallel_calls::{Canister, Request, Summary, call};
///
/// /// Calls `ping` ten times at once, and returns how many calls succeeded.
/// async fn ping(callee: Principal) -> u64 {
///     let ping = Request::new(callee, "ping");
///     let outcomes = join_all((0..10).map(|_| call(&Canister, &ping))).await;
///     Summary::of(&outcomes).succeeded
/// }
/// ```
pub async fn call<T: Transport>(
    transport: &T,
    request: impl Into<Rc<Request>>,
) -> Outcome<Vec<u8>> {
    if transport.is_stopping() {
        return Outcome::NotDone(Reason::Stopping);
    }
    match transport.send(&request.into()) {
        Ok(response) => outcome(response.await),
        Err(reason) => Outcome::failed(reason),
    }
}

pub(crate) fn outcome(response: Result<Vec<u8>, Reason>) -> Outcome<Vec<u8>> {
    response.map_or_else(Outcome::failed, Outcome::Done)
}
