//! The two simplest ways to make many calls: the two ends between which a [window](crate::windowed) lies.

use std::rc::Rc;

use futures::future::join_all;

use crate::transport::{Transport, call};
use crate::{Kind, Outcome, Reason, Request, Summary};

/// Makes each call after the answer to the one before.
///
/// Never fails for want of slots, and costs one round trip per call. When the canister is
/// [stopping](Transport::is_stopping), no further call is made. `each` learns every call's number and outcome.
pub async fn sequential<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    mut each: impl FnMut(u64, Outcome<Vec<u8>>),
) -> Summary {
    let mut summary = Summary::default();
    for (number, request) in (0..).zip(requests) {
        let outcome = if transport.is_stopping() {
            Outcome::NotDone(Reason::Stopping)
        } else {
            call(transport, request).await
        };
        summary.count(&outcome);
        summary.widen(u32::from(was_sent(&outcome)));
        each(number, outcome);
    }
    with_refusals(summary)
}

/// Makes all calls at once and waits for all answers.
///
/// Costs one round trip, and memory for all calls. Of those to one callee at most 500 can be open; the others fail at
/// once, and so do those that the cycles do not cover. `each` learns every call's number and outcome, in order.
pub async fn parallel<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    mut each: impl FnMut(u64, Outcome<Vec<u8>>),
) -> Summary {
    let calls = requests.into_iter().map(|request| call(transport, request));
    let outcomes = join_all(calls).await;

    let mut summary = Summary::default();
    let mut sent = 0;
    for (number, outcome) in (0..).zip(outcomes) {
        summary.count(&outcome);
        sent += u32::from(was_sent(&outcome));
        each(number, outcome);
    }
    summary.widen(sent);
    with_refusals(summary)
}

/// Each call was sent once, so those that were refused have failed for it.
fn with_refusals(summary: Summary) -> Summary {
    let refused = summary.failed(Kind::QueueFull) + summary.failed(Kind::Cycles);
    Summary { refused, ..summary }
}

fn was_sent(outcome: &Outcome<Vec<u8>>) -> bool {
    outcome.reason().is_none_or(|reason| !reason.kind().is_unsent())
}

#[cfg(test)]
mod tests;
