//! As many calls at a time as there are slots for, until all are made.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::line::{Item, Line};
use crate::transport::{Transport, outcome};
use crate::{Outcome, Reason, Request, Retry, Summary};

/// How many calls may be open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// To the same callee.
    pub per_callee: u32,
    /// To all callees together.
    pub total: u32,
}

impl Window {
    /// A window; at least one call may be open.
    pub fn new(per_callee: u32, total: u32) -> Self {
        Self { per_callee: per_callee.max(1), total: total.max(1) }
    }

    /// The same bound for each callee and for all together.
    pub fn of(calls: u32) -> Self {
        Self::new(calls, calls)
    }
}

/// Makes all calls, so many at a time.
///
/// The answer to one call sends the next, so the window is full for as long as calls wait, and nothing needs a timer
/// while any call is open. A call that the system would not take goes back in line until an answer frees what it lacks.
/// `retry` says what happens to a call that failed otherwise. When the canister is [stopping](Transport::is_stopping),
/// nothing more is sent: what waits is [not done](Reason::Stopping).
///
/// `each` learns every call's number in the source and its outcome, as the answers come in. The source is read as slots
/// come free, so the memory needed is that of the window. The work per answer does not depend on the number of calls.
///
/// Neither the source nor `each` may panic: what was done before would be lost.
pub async fn windowed<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = Request>,
    window: Window,
    retry: Retry,
    mut each: impl FnMut(u64, Outcome<Vec<u8>>),
) -> Summary {
    let mut line = Line::new(requests.into_iter(), window);
    let mut open = FuturesUnordered::new();
    let mut summary = Summary::default();
    let mut conclude = |line: &mut Line<_>, summary: &mut Summary, mut item: Item, outcome| {
        item.attempts += 1;
        if retry.is_due(&item.request, item.attempts, &outcome) {
            line.keep_until(transport.now() + retry.pause(item.attempts), item);
        } else {
            summary.count(&outcome);
            each(item.number, outcome);
        }
    };
    // Not every clock moves while nothing else does: what a pause was for is due after it.
    let mut due = Duration::ZERO;
    loop {
        if transport.is_stopping() {
            while let Some(item) = line.give_up_next() {
                conclude(&mut line, &mut summary, item, Outcome::NotDone(Reason::Stopping));
            }
        }
        while let Some(item) = line.next(transport.now().max(due)) {
            match transport.send(&item.request) {
                Ok(answer) => {
                    line.opened(item.request.callee);
                    summary.widen(line.open());
                    open.push(async { (item, answer.await) });
                }
                Err(reason) => {
                    if let Err(item) = line.take_back(item, reason.kind()) {
                        conclude(&mut line, &mut summary, item, Outcome::failed(reason));
                    }
                }
            }
        }
        if let Some((item, answer)) = open.next().await {
            line.closed(item.request.callee);
            conclude(&mut line, &mut summary, item, outcome(answer));
        } else if let Some(next) = line.next_due() {
            due = next;
            transport.pause(due.saturating_sub(transport.now())).await;
        } else {
            return summary;
        }
    }
}

/// Makes all calls, so many at a time, and returns what became of each, in the order of the requests.
///
/// For what happens meanwhile, see [`windowed`].
pub async fn fan_out<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = Request>,
    window: Window,
    retry: Retry,
) -> Vec<Outcome<Vec<u8>>> {
    let mut outcomes = Vec::new();
    windowed(transport, requests, window, retry, |number, outcome| {
        let place = number as usize;
        if outcomes.len() <= place {
            outcomes.resize_with(place + 1, || None);
        }
        outcomes[place] = Some(outcome);
    })
    .await;
    // Each request has been settled.
    outcomes.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
