//! The two simplest ways to make many calls: one after the other, and all at once.

use std::rc::Rc;

use futures::future::join_all;

use crate::transport::{Transport, call};
use crate::{Outcome, ReasonKind, Request, Summary};

/// Makes the calls one after the other: each is sent when the one before has its response.
///
/// Takes one round trip per call, and needs only one slot. A [stopping](Transport::is_stopping) canister sends
/// no further call. `on_outcome` gets every call's position in `requests`, counted from 0, and its outcome.
pub async fn sequential<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    mut on_outcome: impl FnMut(u64, Outcome<Vec<u8>>),
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
/// Use [`windowed`](crate::windowed) for more. A [stopping](Transport::is_stopping) canister sends no call.
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
    mut on_outcome: impl FnMut(u64, Outcome<Vec<u8>>),
) -> Summary {
    let calls = requests.into_iter().map(|request| call(transport, request));
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

fn was_sent(outcome: &Outcome<Vec<u8>>) -> bool {
    outcome.reason().is_none_or(|reason| !reason.kind().is_unsent())
}

#[cfg(test)]
mod tests;
