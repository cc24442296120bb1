//! One call, and the two simplest ways to make many calls: one after the other, and all at once.

use std::cell::RefCell;
use std::rc::Rc;

use futures::FutureExt;
use futures::future::{join, join_all};

use crate::replies::ReplyBudget;
use crate::window::{SendCounts, drive};
use crate::{FanOut, Outcome, Reason, Reply, Request, Summary, Transport, Window};

/// Makes one call and waits for its response.
///
/// Takes a [`Request`], a reference to one (which is copied), or an [`Rc<Request>`](Rc) that several equal calls share.
///
/// The call is tried once, unless the request [says otherwise](Request::with_retry). If no slot is free, a call that is
/// tried once fails at once, for the reason [`Reason::QueueFull`]. A call with a retry waits for a slot like a
/// [windowed](crate::windowed) call.
///
/// Several calls with retries that are awaited together pause each on its own. [`parallel`] makes them pause together.
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
    counted_call(transport, request.into(), &SendCounts::default()).await
}

async fn counted_call<T: Transport>(
    transport: &T,
    request: Rc<Request>,
    counts: &SendCounts,
) -> Outcome<Reply> {
    if request.retry.is_some() {
        Box::pin(repeated_call(transport, request, counts)).await
    } else {
        single_attempt(transport, request, counts).await
    }
}

/// A call that is tried once, and does not wait for a slot.
async fn single_attempt<T: Transport>(
    transport: &T,
    request: Rc<Request>,
    counts: &SendCounts,
) -> Outcome<Reply> {
    if transport.is_stopping() {
        return Outcome::failed(Reason::Stopping);
    }
    match transport.send(&request, request.wait) {
        Ok(response) => {
            counts.note_sent();
            let response = response.await.into();
            counts.note_response();
            response.outcome(&request)
        }
        Err(reason) => {
            counts.note_refused(reason.kind());
            Outcome::failed(reason)
        }
    }
}

/// A call that is tried as often as its request says.
async fn repeated_call<T: Transport>(
    transport: &T,
    request: Rc<Request>,
    counts: &SendCounts,
) -> Outcome<Reply> {
    let mut result = Outcome::failed(Reason::Interrupted);
    let mut on_outcome = |_, outcome| result = outcome;
    let options = FanOut::new(Window::of(1));
    drive(transport, &mut [request].into_iter(), &options, &mut on_outcome, counts).await;
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
    let counts = SendCounts::default();
    for (number, request) in (0..).zip(requests) {
        let outcome = counted_call(transport, request.into(), &counts).await;
        summary.count(&outcome);
        on_outcome(number, outcome);
    }
    counts.summary(summary)
}

/// Sends all calls at once, and waits for all responses.
///
/// Takes one round trip in total, and memory for all calls. At most 500 calls to one callee can be open
/// ([`QUEUE_SLOTS`](crate::limits::QUEUE_SLOTS)), and the cycles may be enough for fewer. The other calls fail at
/// once. Use [`windowed`](crate::windowed) for more. Requests [with a retry](Request::with_retry) wait for a slot
/// instead, as in one window. While the calls are open, other calls of this canister to the callee find fewer slots:
/// 500 parallel calls leave none. Of the replies, as many bytes are kept as `fan_out` keeps
/// ([`ReplyLimit`](crate::ReplyLimit)). A [stopping](Transport::is_stopping) canister sends no call.
///
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
    let counts = SendCounts::default();
    let max = || transport.reply_bytes_max();
    let budget = ReplyBudget::new(None, &max, transport.kept_replies());
    let outcomes = RefCell::new(Vec::new());
    let keep = |number: usize, outcome| outcomes.borrow_mut()[number] = budget.keep(outcome);
    let (mut numbers, mut patient) = (Vec::new(), Vec::new());
    let at_once = join_all((0..).zip(requests).filter_map(|(number, request)| {
        // Every call gets its outcome later, so nobody sees this one.
        outcomes.borrow_mut().push(Outcome::failed(Reason::Interrupted));
        let request = request.into();
        if request.retry.is_some() {
            numbers.push(number);
            patient.push(request);
            return None;
        }
        let keep = &keep;
        Some(single_attempt(transport, request, &counts).map(move |outcome| keep(number, outcome)))
    }));
    let mut keep_patient = |index, outcome| keep(numbers[index as usize], outcome);
    join(at_once, patient_calls(transport, patient, &mut keep_patient, &counts)).await;

    let mut summary = Summary::default();
    for (number, outcome) in (0..).zip(outcomes.take()) {
        summary.count(&outcome);
        on_outcome(number, outcome);
    }
    counts.summary(summary)
}

/// Makes calls that have a retry, in one window.
async fn patient_calls<T: Transport>(
    transport: &T,
    requests: Vec<Rc<Request>>,
    on_outcome: &mut dyn FnMut(u64, Outcome<Reply>),
    counts: &SendCounts,
) {
    if !requests.is_empty() {
        let window = Window::of(u32::try_from(requests.len()).unwrap_or(u32::MAX));
        let (options, mut requests) = (FanOut::new(window), requests.into_iter());
        Box::pin(drive(transport, &mut requests, &options, on_outcome, counts)).await;
    }
}

#[cfg(test)]
mod tests;
