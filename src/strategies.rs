//! One call, and the two simplest ways to make many calls: one after the other, and all at once.

use std::rc::Rc;

use futures::FutureExt;
use futures::future::join_all;

use crate::options::ReplyBudget;
use crate::{
    FanOut, Outcome, Reason, ReasonKind, Reply, ReplyLimit, Request, Summary, Transport, Window,
};

/// Makes one call and waits for its response.
///
/// Takes a [`Request`], a reference to one (which is copied), or an [`Rc<Request>`](Rc) that several equal calls share.
///
/// The call is tried once, unless the request [says otherwise](Request::with_retry). If no slot is free, a call that is
/// tried once fails at once, for the reason [`Reason::QueueFull`]. A call with a retry waits for a slot like a
/// [windowed](crate::windowed) call.
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
pub async fn call<T: Transport>(transport: &T, request: impl Into<Rc<Request>>) -> Outcome<Reply> {
    let request = request.into();
    if request.retry.is_some() {
        return Box::pin(repeated_call(transport, request)).await;
    }
    if transport.is_stopping() {
        return Outcome::failed(Reason::Stopping);
    }
    match transport.send(&request, request.wait) {
        Ok(response) => response.await.into().outcome(&request),
        Err(reason) => Outcome::failed(reason),
    }
}

/// A call that is tried as often as its request says.
async fn repeated_call<T: Transport>(transport: &T, request: Rc<Request>) -> Outcome<Reply> {
    let mut result = Outcome::failed(Reason::Cancelled);
    FanOut::new(Window::of(1)).run(transport, [request], |_, outcome| result = outcome).await;
    result
}

/// Makes the calls one after the other: each is sent when the one before has its response.
///
/// Takes one round trip per call, and needs only one slot. A [stopping](Transport::is_stopping) canister sends
/// no further call. `on_outcome` gets every call's position in `requests`, counted from 0, and its outcome.
pub async fn sequential<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    mut on_outcome: impl FnMut(u64, Outcome<Reply>),
) -> Summary {
    let mut summary = Summary::default();
    for (number, request) in (0..).zip(requests) {
        let outcome = call(transport, request).await;
        summary.count(&outcome);
        summary.record_in_flight(u32::from(was_sent(&outcome)));
        on_outcome(number, outcome);
    }
    with_refused(summary)
}

/// Sends all calls at once, and waits for all responses.
///
/// Takes one round trip in total, and memory for all calls. At most 500 calls to one callee can be open
/// ([`QUEUE_SLOTS`](crate::limits::QUEUE_SLOTS)), and the cycles may be enough for fewer. The other calls fail at once.
/// Use [`windowed`](crate::windowed) for more. While the calls are open, other calls of this canister to the callee find
/// fewer slots: 500 parallel calls leave none. Of the replies, as many bytes are kept as `fan_out` keeps
/// ([`ReplyLimit`]). A [stopping](Transport::is_stopping) canister sends no call.
/// `on_outcome` gets every call's position in `requests`, counted from 0, and its outcome, in this order, after the
/// last response.
///
/// ```no_run
/// # use ic_principal::Principal;
/// # use parallel_calls::{Canister, Request, parallel};
/// # async fn example(callees: Vec<Principal>) {
/// let requests = callees.iter().map(|callee| Request::new(*callee, "ping"));
/// let summary = parallel(&Canister, requests, |number, outcome| {
///     if let Some(reason) = outcome.reason() {
///         ic_cdk::println!("{}: {reason}", callees[number as usize]);
///     }
/// })
/// .await;
/// ic_cdk::println!("{} of {} succeeded", summary.succeeded, summary.attempted());
/// # }
/// ```
pub async fn parallel<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    mut on_outcome: impl FnMut(u64, Outcome<Reply>),
) -> Summary {
    let budget = ReplyBudget::new(ReplyLimit::of_memory(transport.reply_bytes_max()));
    let keep = |outcome| budget.keep(outcome);
    let calls = requests.into_iter().map(|request| call(transport, request).map(keep));
    let outcomes = join_all(calls).await;

    let mut summary = Summary::default();
    let mut sent = 0;
    for (number, outcome) in (0..).zip(outcomes) {
        summary.count(&outcome);
        sent += u32::from(was_sent(&outcome));
        on_outcome(number, outcome);
    }
    summary.record_in_flight(sent);
    with_refused(summary)
}

/// Sets [`Summary::refused`]. Each call had one attempt, so the refused attempts are the calls that failed because
/// slots or cycles were missing.
fn with_refused(summary: Summary) -> Summary {
    let refused = summary.failed(ReasonKind::QueueFull) + summary.failed(ReasonKind::Cycles);
    Summary { refused, ..summary }
}

fn was_sent(outcome: &Outcome<Reply>) -> bool {
    outcome.reason().is_none_or(|reason| !reason.kind().is_unsent())
}

#[cfg(test)]
mod tests;
