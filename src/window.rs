//! As many calls at a time as there are slots for, until all are made.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::line::{Item, Line};
use crate::transport::{Transport, outcome};
use crate::{Kind, Outcome, Reason, Request, Retry, Summary, Window};

/// Makes all calls, so many at a time.
///
/// The answer to one call sends the next, so the window is full for as long as calls wait, and nothing needs a timer
/// while any call is open. A call that the system would not take goes back in line until an answer frees what it lacks.
/// `retry` says what happens to a call that failed otherwise. When the canister is [stopping](Transport::is_stopping),
/// nothing more is sent: what waits is [not done](Reason::Stopping).
///
/// A pause between two tries ends with the first answer after it, or by itself if no call is open. So a callee that takes
/// its time can hold up the second try of another call for as long as it is waited for, but no longer. Where the transport
/// cannot [pause](Transport::pause), what waits for a further try ends as not done, for that reason, and all else is tried
/// once.
///
/// `each` learns every call's number in the source and its outcome, as the answers come in. The source is read as slots
/// come free, and not while a thousand calls wait for another try, so the memory needed is that of the window. The work
/// per answer depends neither on the number of calls nor on that of callees.
///
/// Neither the source nor `each` may panic: what was done before would be lost.
pub async fn windowed<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    window: Window,
    retry: Retry,
    mut each: impl FnMut(u64, Outcome<Vec<u8>>),
) -> Summary {
    let mut source = requests.into_iter().map(Into::into);
    drive(transport, Line::new(&mut source, window), retry, &mut each).await
}

/// The same for any source, so that a canister has this code once.
async fn drive<'a, T: Transport>(
    transport: &'a T,
    line: Line<'a>,
    retry: Retry,
    each: &'a mut dyn FnMut(u64, Outcome<Vec<u8>>),
) -> Summary {
    let desk = RefCell::new(Desk {
        transport,
        line,
        retry,
        each,
        summary: Summary::default(),
        woken: Duration::ZERO,
        room: false,
        patient: true,
    });
    let mut open = FuturesUnordered::new();
    loop {
        poll_fn(|context| {
            loop {
                while let Some(call) = desk.borrow_mut().send_next() {
                    open.push(follow(&desk, call));
                }
                match open.poll_next_unpin(context) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending if desk.borrow_mut().take_room() => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
        let Some(pause) = desk.borrow_mut().pause() else { break };
        if let Err(reason) = transport.pause(pause).await {
            desk.borrow_mut().give_up_later(&reason);
        }
    }
    drop(open);
    desk.into_inner().summary
}

/// A call that was sent, and its answer.
struct Sent<A> {
    item: Item,
    answer: A,
}

/// Waits for the answer to a call, makes the next one in its place, and so on for as long as there is one.
///
/// That one call takes the place of another matters: whatever is made anew for a call is written to memory, and every
/// page written to costs as much as a thousand instructions.
async fn follow<T: Transport>(desk: &RefCell<Desk<'_, T>>, first: Sent<T::Answer>) {
    let mut next = Some(first);
    while let Some(Sent { item, answer }) = next {
        let answer = answer.await;
        let mut desk = desk.borrow_mut();
        desk.close(item, answer);
        next = desk.send_next();
        // An answer may make room for more than the one call that follows it.
        desk.room = desk.line.has_room();
    }
}

/// Where calls are handed out, and their outcomes handed in.
struct Desk<'a, T> {
    transport: &'a T,
    line: Line<'a>,
    retry: Retry,
    each: &'a mut dyn FnMut(u64, Outcome<Vec<u8>>),
    summary: Summary,
    /// The end of the latest pause. Not every clock moves while nothing else does, so it counts as reached.
    woken: Duration,
    /// Whether an answer has made room for another call.
    room: bool,
    /// Whether waiting for slots that others hold is worth it.
    patient: bool,
}

impl<T: Transport> Desk<'_, T> {
    /// Sends the next call that the system takes.
    fn send_next(&mut self) -> Option<Sent<T::Answer>> {
        if self.line.has_room() && self.transport.is_stopping() {
            self.give_up_all();
        }
        while let Some(item) = self.line.next(|| self.transport.now().max(self.woken)) {
            match self.transport.send(&item.request) {
                Ok(answer) => {
                    self.line.opened(&item);
                    self.summary.widen(self.line.open());
                    self.patient = true;
                    return Some(Sent { item, answer });
                }
                Err(reason) => {
                    let kind = reason.kind();
                    self.summary.refused += u64::from(kind.is_unsent());
                    if let Err(item) = self.line.take_back(item, kind) {
                        self.conclude_unsent(item, kind, Outcome::failed(reason));
                    }
                }
            }
        }
        None
    }

    /// A call that was not sent, with no call of ours open that would change anything. It waits, and with it all that
    /// would meet the same; but if it waited in vain, they need not try it, too.
    fn conclude_unsent(&mut self, item: Item, lacks: Kind, outcome: Outcome<Vec<u8>>) {
        if self.patient && self.retry.is_due(&item.request, item.attempts + 1, &outcome) {
            self.line.hold_back(&item, lacks);
            self.conclude(item, outcome);
        } else {
            self.patient = false;
            self.settle(item, outcome);
        }
    }

    fn close(&mut self, item: Item, answer: Result<Vec<u8>, Reason>) {
        self.line.closed(&item);
        self.conclude(item, outcome(answer));
    }

    fn take_room(&mut self) -> bool {
        std::mem::take(&mut self.room)
    }

    fn conclude(&mut self, mut item: Item, outcome: Outcome<Vec<u8>>) {
        item.attempts += 1;
        if self.retry.is_due(&item.request, item.attempts, &outcome) {
            if let Outcome::Unknown(reason) = outcome {
                item.doubt.get_or_insert(reason);
            }
            let due = self.transport.now().saturating_add(self.retry.pause(item.attempts));
            self.line.keep_until(due, item);
        } else {
            self.settle(item, outcome);
        }
    }

    fn settle(&mut self, item: Item, outcome: Outcome<Vec<u8>>) {
        self.line.settled(&item);
        // What one try left open, a later one that was not taken does not settle.
        let outcome = match (item.doubt, outcome) {
            (Some(doubt), Outcome::NotDone(_)) => Outcome::Unknown(doubt),
            (_, outcome) => outcome,
        };
        self.summary.count(&outcome);
        (self.each)(item.number, outcome);
    }

    /// Ends what waits for a moment that cannot be waited for. All else is tried once more, which tells what it lacks.
    fn give_up_later(&mut self, reason: &Reason) {
        self.patient = false;
        while let Some(item) = self.line.give_up_later() {
            self.settle(item, Outcome::NotDone(reason.clone()));
        }
    }

    /// Ends everything that is not open.
    fn give_up_all(&mut self) {
        self.give_up_later(&Reason::Stopping);
        for item in self.line.give_up_waiting() {
            self.settle(item, Outcome::NotDone(Reason::Stopping));
        }
        while let Some(item) = self.line.fresh() {
            self.settle(item, Outcome::NotDone(Reason::Stopping));
        }
    }

    /// How long until the next call can be made, if there is one.
    fn pause(&mut self) -> Option<Duration> {
        self.woken = self.line.next_due()?;
        Some(self.woken.saturating_sub(self.transport.now()))
    }
}

/// Makes all calls, so many at a time, and returns what became of each, in the order of the requests.
///
/// For what happens meanwhile, see [`windowed`].
pub async fn fan_out<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
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
