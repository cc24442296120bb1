//! Many calls, of which a limited number is open at a time.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::call_queue::{CallQueue, PendingCall, Requeued};
use crate::options::ReplyBudget;
use crate::{
    Cancel, Failure, FanOut, Outcome, Reason, ReasonKind, Reply, ReplyLimit, Request, Response,
    Retry, Summary, Transport, Wait, Window,
};

/// The longest part of a pause. After each part, the library looks whether the fan-out was cancelled.
const PAUSE_PART: Duration = Duration::from_secs(1);

/// Makes all calls. At most as many are open at a time as the window allows.
///
/// When a response arrives, the next call is sent, so the window stays full while calls wait. If the system refuses a
/// call (no free slot, not enough cycles), the call waits for the response to another call, which frees a slot and
/// cycles. Such a refusal does not count as an attempt. If no other call is open, and for all other failures, `retry`
/// says whether the call is tried again.
///
/// Callees take turns: no callee waits because there are many calls to another one. Several windows of one canister
/// [share the slots](crate::Slots) to a callee. A call that finds no slot while other calls of this canister occupy them,
/// whether they belong to a window or not, waits for one of these. This does not count as an attempt, either.
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
/// every other call is tried once. No attempt is made before its pause is over by the clock. If the clock stands still,
/// `pause` fails ([`Reason::ClockStopped`]).
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
/// its other calls are not awaited, although the callees may execute them.
pub async fn windowed<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    window: Window,
    retry: Retry,
    mut on_outcome: impl FnMut(u64, Outcome<Reply>),
) -> Summary {
    // Not by `FanOut::run`: a future within a future would make the canister larger.
    let mut source = requests.into_iter().map(Into::into);
    let options = FanOut::new(window).with_retry(retry);
    drive(transport, &mut source, &options, &mut on_outcome).await
}

impl FanOut {
    /// Makes all calls like [`windowed`], with the options of this fan-out.
    pub async fn run<T: Transport>(
        &self,
        transport: &T,
        requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
        mut on_outcome: impl FnMut(u64, Outcome<Reply>),
    ) -> Summary {
        let mut source = requests.into_iter().map(Into::into);
        drive(transport, &mut source, self, &mut on_outcome).await
    }

    /// Makes all calls like [`fan_out`], with the options of this fan-out.
    pub async fn collect<T: Transport>(
        &self,
        transport: &T,
        requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    ) -> Vec<Outcome<Reply>> {
        let of_memory = || ReplyLimit::of_memory(transport.reply_bytes_max());
        let budget = ReplyBudget::new(self.replies.unwrap_or_else(of_memory));
        let mut outcomes = Vec::new();
        self.run(transport, requests, |number, outcome| {
            let index = number as usize;
            if outcomes.len() <= index {
                outcomes.resize_with(index + 1, || None);
            }
            outcomes[index] = Some(budget.keep(outcome));
        })
        .await;
        // Every call has been settled, so no element is `None`.
        outcomes.into_iter().flatten().collect()
    }
}

/// [`FanOut::run`] for a source of any type, so that a canister contains this code once.
async fn drive<T: Transport>(
    transport: &T,
    source: &mut dyn Iterator<Item = Rc<Request>>,
    options: &FanOut,
    on_outcome: &mut dyn FnMut(u64, Outcome<Reply>),
) -> Summary {
    let slots = |callee| transport.slots(callee);
    let queue = CallQueue::new(source, &slots, options.window, options.in_order);
    let dispatcher = RefCell::new(Dispatcher::new(transport, queue, options, on_outcome));
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
        let Some(pause) = dispatcher.borrow().pause() else { break };
        if let Err(reason) = transport.pause(pause).await {
            dispatcher.borrow_mut().end_pauses(&reason);
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
        dispatcher.accept_response(call, response.into());
        next = dispatcher.send_next();
        // One response may allow more than the one call that this chain sends next.
        dispatcher.capacity_freed = dispatcher.queue.has_capacity();
    }
}

/// Sends the calls of one fan-out and takes their responses.
struct Dispatcher<'a, T> {
    transport: &'a T,
    queue: CallQueue<'a>,
    on_outcome: &'a mut dyn FnMut(u64, Outcome<Reply>),
    summary: Summary,
    retry: Retry,
    cancel: Option<&'a Cancel>,
    /// When the whole fan-out should be over.
    ends_at: Option<Duration>,
    /// From when on no call is sent.
    sends_until: Option<Duration>,
    /// Whether a response allows a further call to be sent.
    capacity_freed: bool,
    /// Whether to try a call again if the system refuses it for want of slots or cycles, and no open call of this
    /// canister occupies them.
    retries_unsent: bool,
    /// Whether the library can wait while none of its calls is open.
    can_pause: bool,
}

impl<'a, T: Transport> Dispatcher<'a, T> {
    fn new(
        transport: &'a T,
        queue: CallQueue<'a>,
        options: &'a FanOut,
        on_outcome: &'a mut dyn FnMut(u64, Outcome<Reply>),
    ) -> Self {
        // Reading the time costs instructions.
        let after = |time: Option<Duration>| time.map(|time| transport.now().saturating_add(time));
        let (ends_at, sends_until) = (after(options.deadline), after(options.sending_time));
        Self {
            transport,
            queue,
            on_outcome,
            summary: Summary::default(),
            retry: options.retry,
            cancel: options.cancel.as_ref(),
            ends_at,
            sends_until: ends_at.into_iter().chain(sends_until).min(),
            capacity_freed: false,
            retries_unsent: true,
            can_pause: true,
        }
    }

    /// Sends the next call that the system accepts.
    fn send_next(&mut self) -> Option<OpenCall<T::ResponseFuture>> {
        if (self.queue.has_capacity() || self.queue.open() == 0)
            && let Some(reason) = self.reason_to_end()
        {
            self.end_all_unsent(&reason);
        }
        while let Some(call) = self.queue.next(|| self.transport.now()) {
            match self.transport.send(&call.request, self.wait(&call.request)) {
                Ok(response) => {
                    self.queue.note_sent(&call);
                    self.summary.record_in_flight(self.queue.open());
                    (self.retries_unsent, self.can_pause) = (true, true);
                    return Some(OpenCall { call, response });
                }
                Err(reason) => {
                    let kind = reason.kind();
                    self.summary.refused += u64::from(kind.is_unsent());
                    match self.queue.requeue(call, kind, self.can_pause) {
                        Requeued::ForOwnResponse | Requeued::ForOthers => {}
                        Requeued::No(call) => {
                            self.delay_or_settle_unsent(call, kind, Outcome::failed(reason));
                        }
                    }
                }
            }
        }
        None
    }

    /// Why no further call may be sent.
    fn reason_to_end(&self) -> Option<Reason> {
        if self.cancel.is_some_and(Cancel::is_cancelled) {
            Some(Reason::Cancelled)
        } else if self.transport.is_stopping() {
            Some(Reason::Stopping)
        } else if self.sends_until.is_some_and(|end| self.transport.now() >= end) {
            Some(Reason::Expired)
        } else {
            None
        }
    }

    /// How long to wait for the response to a call that is sent now.
    fn wait(&self, request: &Request) -> Wait {
        match self.ends_at {
            None => request.wait,
            Some(end) => request.wait.at_most(end.saturating_sub(self.transport.now())),
        }
    }

    fn retry(&self, call: &PendingCall) -> Retry {
        call.request.retry.unwrap_or(self.retry)
    }

    /// Handles a call that was not sent although no open call of this canister holds what is `missing`. The call is
    /// delayed, and with it all calls that would fail for the same reason. If the call has no attempt left, it gets its
    /// outcome, and the other calls are no longer delayed.
    fn delay_or_settle_unsent(
        &mut self,
        call: PendingCall,
        missing: ReasonKind,
        outcome: Outcome<Reply>,
    ) {
        let attempts = call.attempts + 1;
        let retry = self.retry(&call);
        let idempotent = call.request.idempotent;
        if self.retries_unsent && retry.should_retry(idempotent, attempts, &outcome) {
            self.queue.block(&call, missing);
            self.delay_or_settle(call, outcome);
        } else {
            self.retries_unsent = false;
            self.settle(call, outcome);
        }
    }

    fn accept_response(&mut self, call: PendingCall, response: Response) {
        self.queue.note_response(&call);
        let outcome = response.outcome(&call.request);
        self.delay_or_settle(call, outcome);
    }

    fn take_capacity_freed(&mut self) -> bool {
        std::mem::take(&mut self.capacity_freed)
    }

    /// Delays a call that is to be tried again, and settles any other.
    fn delay_or_settle(&mut self, mut call: PendingCall, outcome: Outcome<Reply>) {
        call.attempts += 1;
        if outcome.is_done() {
            return self.settle(call, outcome);
        }
        let retry = self.retry(&call);
        if retry.should_retry(call.request.idempotent, call.attempts, &outcome) {
            let earlier = call.earlier.get_or_insert_default();
            earlier.refunded += outcome.refunded();
            if let Outcome::Unknown(failure) = outcome {
                earlier.unknown_reason.get_or_insert(failure.reason);
            }
            let delay = retry.delay_after(call.attempts);
            self.queue.push_delayed(self.transport.now().saturating_add(delay), call);
        } else {
            self.settle(call, outcome);
        }
    }

    fn settle(&mut self, call: PendingCall, mut outcome: Outcome<Reply>) {
        self.queue.note_settled(&call);
        if let Some(earlier) = call.earlier {
            // If an earlier attempt is unknown, then so is the call: the last attempt says nothing about the earlier one.
            if let (Some(reason), Outcome::NotDone(failure)) = (earlier.unknown_reason, &outcome) {
                outcome = Outcome::failed(Failure { reason, refunded: failure.refunded });
            }
            outcome.add_refund(earlier.refunded);
        }
        self.summary.count(&outcome);
        (self.on_outcome)(call.number, outcome);
    }

    /// Ends all delayed calls. Used when the transport cannot pause. The other calls are tried once, so that each gets
    /// its own reason.
    fn end_pauses(&mut self, reason: &Reason) {
        (self.retries_unsent, self.can_pause) = (false, false);
        self.end_delayed(reason);
        self.queue.release_all();
    }

    fn end_delayed(&mut self, reason: &Reason) {
        while let Some(call) = self.queue.pop_delayed() {
            self.settle(call, Outcome::failed(reason.clone()));
        }
    }

    /// Ends all calls that are not open. Used when the canister is being stopped, for instance.
    fn end_all_unsent(&mut self, reason: &Reason) {
        while let Some(call) = self.queue.take_unsent() {
            self.settle(call, Outcome::failed(reason.clone()));
        }
    }

    /// How long to wait until a call may be sent, if a call waits. A part of this time, if it is long.
    fn pause(&self) -> Option<Duration> {
        if self.queue.waits_for_others() {
            return Some(Duration::ZERO);
        }
        let due = self.queue.next_due()?;
        let due = self.sends_until.map_or(due, |end| end.min(due));
        Some(due.saturating_sub(self.transport.now()).min(PAUSE_PART))
    }
}

/// Makes all calls like [`windowed`], and returns their outcomes in the order of the requests.
///
/// The outcomes of all calls are in memory together. So are the replies, up to a limit that follows from the free memory
/// ([`ReplyLimit`]); a reply beyond this limit is dropped ([`Outcome::ReplyDropped`]). Set the limit with
/// [`FanOut::keeping`].
pub async fn fan_out<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    window: Window,
    retry: Retry,
) -> Vec<Outcome<Reply>> {
    FanOut::new(window).with_retry(retry).collect(transport, requests).await
}

#[cfg(test)]
mod tests;
