//! Many calls, of which a limited number is open at a time.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::call_queue::{CallQueue, PendingCall};
use crate::transport::{Transport, outcome};
use crate::{Outcome, Reason, ReasonKind, Request, Retry, Summary, Window};

/// Makes all calls. At most as many are open at a time as the window allows.
///
/// When a response arrives, the next call is sent, so the window stays full while calls wait. If the system refuses a
/// call (no free slot, not enough cycles), the call waits for the response to another call, which frees a slot and
/// cycles. Such a refusal does not count as an attempt. If no other call is open, and for all other failures, `retry`
/// says whether the call is tried again.
///
/// `on_outcome` gets every call's position in `requests`, counted from 0, and its outcome, in the order of the
/// responses. The returned [`Summary`] counts the outcomes.
///
/// ```no_run
/// # use ic_principal::Principal;
/// # use parallel_calls::{Canister, Request, Retry, Window, windowed};
/// # async fn example(callee: Principal) {
/// // 10,000 calls, at most 300 of them open at the same time, each tried up to three times.
/// let requests = (0..10_000).map(|_| Request::new(callee, "ping"));
/// let summary = windowed(&Canister, requests, Window::of(300), Retry::attempts(3), |_, _| ()).await;
/// ic_cdk::println!("{} succeeded, {} are unknown", summary.succeeded, summary.unknown());
/// # }
/// ```
///
/// # Stopping
///
/// While the canister is [stopping](Transport::is_stopping), no further call is sent. The calls that wait end as
/// [not done](Reason::Stopping). The function still waits for the responses to the open calls.
///
/// # Pauses between attempts
///
/// Between two attempts, a call pauses. While other calls are open, the library notices the end of a pause only when a
/// response arrives. A slow callee can therefore delay the second attempt of a call to another callee, at most until
/// the longest wait of an open call is over. While no call is open, the library waits with [`Transport::pause`]. If
/// `pause` fails, the calls that wait for another attempt end as not done, with the reason that `pause` returned, and
/// every other call is tried once.
///
/// # Memory and work
///
/// The function takes a request out of `requests` when the call can be sent. It takes at most [`Window::look_ahead`]
/// requests whose callees have no free slot, and none while 1,000 calls wait for another attempt. So the memory does
/// not depend on the number of calls. The work per response depends neither on the number of calls nor on the number of
/// callees.
///
/// # Panics
///
/// The function itself does not panic. If `requests` or `on_outcome` panics, the canister traps and the function ends:
/// its other calls are neither awaited nor counted, although the callees may execute them.
pub async fn windowed<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    window: Window,
    retry: Retry,
    mut on_outcome: impl FnMut(u64, Outcome<Vec<u8>>),
) -> Summary {
    let mut source = requests.into_iter().map(Into::into);
    drive(transport, CallQueue::new(&mut source, window), retry, &mut on_outcome).await
}

/// [`windowed`] for a source of any type, so that a canister contains this code once.
async fn drive<'a, T: Transport>(
    transport: &'a T,
    queue: CallQueue<'a>,
    retry: Retry,
    on_outcome: &'a mut dyn FnMut(u64, Outcome<Vec<u8>>),
) -> Summary {
    let dispatcher = RefCell::new(Dispatcher {
        transport,
        queue,
        retry,
        on_outcome,
        summary: Summary::default(),
        pause_ended_at: Duration::ZERO,
        capacity_freed: false,
        waits_for_others: true,
    });
    let mut chains = FuturesUnordered::new();
    loop {
        poll_fn(|context| {
            loop {
                while let Some(call) = dispatcher.borrow_mut().send_next() {
                    chains.push(run_chain(&dispatcher, call));
                }
                match chains.poll_next_unpin(context) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending if dispatcher.borrow_mut().take_capacity_freed() => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
        let Some(pause) = dispatcher.borrow_mut().pause() else { break };
        if let Err(reason) = transport.pause(pause).await {
            dispatcher.borrow_mut().end_delayed(&reason);
        }
    }
    drop(chains);
    dispatcher.into_inner().summary
}

/// A call that was sent, and the future of its response.
struct OpenCall<F> {
    call: PendingCall,
    response: F,
}

/// Waits for the response to a call, sends the next call in its place, and so on until there is none.
///
/// The calls of a chain share one future. A future for each call would write to new memory, and each page written to
/// costs 1,000 instructions.
async fn run_chain<T: Transport>(
    dispatcher: &RefCell<Dispatcher<'_, T>>,
    first: OpenCall<T::ResponseFuture>,
) {
    let mut next = Some(first);
    while let Some(OpenCall { call, response }) = next {
        let response = response.await;
        let mut dispatcher = dispatcher.borrow_mut();
        dispatcher.accept_response(call, response);
        next = dispatcher.send_next();
        // One response may allow more than the one call that this chain sends next.
        dispatcher.capacity_freed = dispatcher.queue.has_capacity();
    }
}

/// Sends the calls of one fan-out and takes their responses.
struct Dispatcher<'a, T> {
    transport: &'a T,
    queue: CallQueue<'a>,
    retry: Retry,
    on_outcome: &'a mut dyn FnMut(u64, Outcome<Vec<u8>>),
    summary: Summary,
    /// The time at which the latest pause should have ended. The clock of a test can stand still, so this time counts
    /// as reached even if the clock shows an earlier one.
    pause_ended_at: Duration,
    /// Whether a response allows a further call to be sent.
    capacity_freed: bool,
    /// Whether to wait for slots and cycles that other messages of this canister hold.
    waits_for_others: bool,
}

impl<T: Transport> Dispatcher<'_, T> {
    /// Sends the next call that the system accepts.
    fn send_next(&mut self) -> Option<OpenCall<T::ResponseFuture>> {
        if self.queue.has_capacity() && self.transport.is_stopping() {
            self.end_all_unsent();
        }
        while let Some(call) = self.queue.next(|| self.transport.now().max(self.pause_ended_at)) {
            match self.transport.send(&call.request) {
                Ok(response) => {
                    self.queue.note_sent(&call);
                    self.summary.record_in_flight(self.queue.open());
                    self.waits_for_others = true;
                    return Some(OpenCall { call, response });
                }
                Err(reason) => {
                    let kind = reason.kind();
                    self.summary.refused += u64::from(kind.is_unsent());
                    if let Err(call) = self.queue.requeue(call, kind) {
                        self.delay_or_settle_unsent(call, kind, Outcome::failed(reason));
                    }
                }
            }
        }
        None
    }

    /// Handles a call that was not sent although no open call of this fan-out holds what is `missing`. The call is
    /// delayed, and with it all calls that would fail for the same reason. If the call has no attempt left, it gets its
    /// outcome, and the other calls are no longer delayed.
    fn delay_or_settle_unsent(
        &mut self,
        call: PendingCall,
        missing: ReasonKind,
        outcome: Outcome<Vec<u8>>,
    ) {
        let attempts = call.attempts + 1;
        if self.waits_for_others && self.retry.should_retry(&call.request, attempts, &outcome) {
            self.queue.block(&call, missing);
            self.delay_or_settle(call, outcome);
        } else {
            self.waits_for_others = false;
            self.settle(call, outcome);
        }
    }

    fn accept_response(&mut self, call: PendingCall, response: Result<Vec<u8>, Reason>) {
        self.queue.note_response(&call);
        self.delay_or_settle(call, outcome(response));
    }

    fn take_capacity_freed(&mut self) -> bool {
        std::mem::take(&mut self.capacity_freed)
    }

    /// Delays a call that is to be tried again, and settles any other.
    fn delay_or_settle(&mut self, mut call: PendingCall, outcome: Outcome<Vec<u8>>) {
        call.attempts += 1;
        if self.retry.should_retry(&call.request, call.attempts, &outcome) {
            if let Outcome::Unknown(reason) = outcome {
                call.unknown_reason.get_or_insert(reason);
            }
            let delay = self.retry.delay_after(call.attempts);
            self.queue.push_delayed(self.transport.now().saturating_add(delay), call);
        } else {
            self.settle(call, outcome);
        }
    }

    fn settle(&mut self, call: PendingCall, outcome: Outcome<Vec<u8>>) {
        self.queue.note_settled(&call);
        // If an earlier attempt is unknown, then so is the call: the last attempt says nothing about the earlier one.
        let outcome = match (call.unknown_reason, outcome) {
            (Some(reason), Outcome::NotDone(_)) => Outcome::Unknown(reason),
            (_, outcome) => outcome,
        };
        self.summary.count(&outcome);
        (self.on_outcome)(call.number, outcome);
    }

    /// Ends all delayed calls. Used when the transport cannot pause. The other calls are tried once, so that each gets
    /// its own reason.
    fn end_delayed(&mut self, reason: &Reason) {
        self.waits_for_others = false;
        while let Some(call) = self.queue.pop_delayed() {
            self.settle(call, Outcome::NotDone(reason.clone()));
        }
    }

    /// Ends all calls that are not open. Used when the canister is being stopped.
    fn end_all_unsent(&mut self) {
        self.end_delayed(&Reason::Stopping);
        for call in self.queue.drain_waiting() {
            self.settle(call, Outcome::NotDone(Reason::Stopping));
        }
        while let Some(call) = self.queue.take_new() {
            self.settle(call, Outcome::NotDone(Reason::Stopping));
        }
    }

    /// How long until the next delayed call is due, if there is one.
    fn pause(&mut self) -> Option<Duration> {
        self.pause_ended_at = self.queue.next_due()?;
        Some(self.pause_ended_at.saturating_sub(self.transport.now()))
    }
}

/// Makes all calls like [`windowed`], and returns their outcomes in the order of the requests.
///
/// The outcomes of all calls are in memory together, with all replies.
pub async fn fan_out<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    window: Window,
    retry: Retry,
) -> Vec<Outcome<Vec<u8>>> {
    let mut outcomes = Vec::new();
    windowed(transport, requests, window, retry, |number, outcome| {
        let index = number as usize;
        if outcomes.len() <= index {
            outcomes.resize_with(index + 1, || None);
        }
        outcomes[index] = Some(outcome);
    })
    .await;
    // Every call has been settled, so no element is `None`.
    outcomes.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
