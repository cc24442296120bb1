//! What a window does at each response: it takes the response, and sends the next calls.

use std::time::Duration;

use super::SendCounts;
use crate::call_queue::{CallQueue, PendingCall};
use crate::limits::ENDED_PER_MESSAGE;
use crate::{
    Cancel, Failure, FanOut, Outcome, Reason, ReasonKind, Reply, Request, Response, Retry, Summary,
    Transport, Wait,
};

/// The longest part of a pause. After each part, the library looks whether the fan-out was cancelled.
const PAUSE_PART: Duration = Duration::from_secs(1);

/// Why no further call of a fan-out is sent. Smaller than a [`Reason`], because every message looks at it.
#[derive(Clone, Copy)]
enum Ending {
    Cancelled,
    Stopping,
    Expired,
}

/// A call that was sent, and the future of its response.
pub struct OpenCall<F> {
    pub call: PendingCall,
    pub response: F,
}

/// Sends the calls of one fan-out and takes their responses.
pub struct Dispatcher<'a, T> {
    transport: &'a T,
    queue: CallQueue<'a>,
    on_outcome: &'a mut dyn FnMut(u64, Outcome<Reply>),
    summary: Summary,
    counts: &'a SendCounts,
    retry: Retry,
    cancel: Option<&'a Cancel>,
    /// When the whole fan-out should be over.
    ends_at: Option<Duration>,
    /// From when on no call is sent.
    sends_until: Option<Duration>,
    /// Why no further call is sent, once there is a reason.
    ending: Option<Ending>,
    /// Whether every call has an outcome or is open, although no further call is sent.
    has_ended: bool,
    /// Calls that this message may still end without sending them.
    may_end: u32,
    /// Whether a response allows a further call to be sent.
    capacity_freed: bool,
    /// Whether to try a call again if the system refuses it for want of slots or cycles, and no open call of this
    /// canister occupies them.
    retries_unsent: bool,
    /// Whether the library can wait while none of its calls is open.
    can_pause: bool,
    /// Whether a call waits while other calls of the canister occupy all slots.
    waits_for_slots: bool,
}

impl<'a, T: Transport> Dispatcher<'a, T> {
    pub fn new(
        transport: &'a T,
        queue: CallQueue<'a>,
        options: &'a FanOut,
        on_outcome: &'a mut dyn FnMut(u64, Outcome<Reply>),
        counts: &'a SendCounts,
    ) -> Self {
        // Reading the time costs instructions.
        let after = |time: Option<Duration>| time.map(|time| transport.now().saturating_add(time));
        let (ends_at, sends_until) = (after(options.deadline), after(options.sending_time));
        Self {
            transport,
            queue,
            on_outcome,
            summary: Summary::default(),
            counts,
            retry: options.retry,
            cancel: options.cancel.as_ref(),
            ends_at,
            sends_until: ends_at.into_iter().chain(sends_until).min(),
            ending: None,
            has_ended: false,
            may_end: ENDED_PER_MESSAGE,
            capacity_freed: false,
            retries_unsent: true,
            can_pause: true,
            waits_for_slots: options.waits_for_slots,
        }
    }

    /// Notes that a further message of the fan-out is executed.
    pub fn begin_message(&mut self) {
        self.may_end = ENDED_PER_MESSAGE;
        self.queue.begin_message();
    }

    /// Whether this message may end a further call that is not sent. If the library cannot pause, there may be no
    /// further message.
    fn may_end_call(&self) -> bool {
        self.may_end > 0 || !self.can_pause
    }

    /// Sends the next call that the system accepts.
    pub fn send_next(&mut self) -> Option<OpenCall<T::ResponseFuture>> {
        if self.ending.is_none() && self.queue.may_have_next() {
            self.ending = self.reason_to_end();
        }
        if self.ending.is_some() {
            self.end_unsent();
            return None;
        }
        while self.may_end_call()
            && let Some(call) = self.queue.next(|| self.transport.now())
        {
            match self.transport.send(&call.request, self.wait(&call.request)) {
                Ok(response) => {
                    self.queue.note_sent(&call);
                    self.counts.note_sent();
                    (self.retries_unsent, self.can_pause) = (true, true);
                    return Some(OpenCall { call, response });
                }
                Err(reason) => {
                    let kind = reason.kind();
                    self.counts.note_refused(kind);
                    let waits = self.can_pause && self.waits_for_slots;
                    if let Err(call) = self.queue.requeue(call, kind, waits) {
                        self.delay_or_settle_unsent(call, kind, Outcome::failed(reason));
                    }
                }
            }
        }
        None
    }

    /// Why no further call may be sent.
    fn reason_to_end(&self) -> Option<Ending> {
        if self.cancel.is_some_and(Cancel::is_cancelled) {
            Some(Ending::Cancelled)
        } else if self.transport.is_stopping() {
            Some(Ending::Stopping)
        } else if self.sends_until.is_some_and(|end| self.transport.now() >= end) {
            Some(Ending::Expired)
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
            self.settle_unsent(call, outcome);
        }
    }

    pub fn accept_response(&mut self, call: PendingCall, response: Response) {
        self.queue.note_response(&call);
        self.counts.note_response();
        let outcome = response.outcome(&call.request);
        self.delay_or_settle(call, outcome);
    }

    /// Notes whether a further call may be sent after a response.
    pub fn note_capacity(&mut self) {
        self.capacity_freed = self.queue.has_capacity();
    }

    pub fn take_capacity_freed(&mut self) -> bool {
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
            // If an earlier attempt is unknown, then so is the call: the last attempt says nothing about the earlier
            // one.
            if let (Some(reason), Outcome::NotDone(failure)) = (earlier.unknown_reason, &outcome) {
                outcome = Outcome::failed(Failure { reason, refunded: failure.refunded });
            }
            outcome.add_refund(earlier.refunded);
        }
        self.summary.count(&outcome);
        (self.on_outcome)(call.number, outcome);
    }

    fn settle_unsent(&mut self, call: PendingCall, outcome: Outcome<Reply>) {
        self.may_end = self.may_end.saturating_sub(1);
        self.settle(call, outcome);
    }

    /// Ends all delayed calls. Used when the transport cannot pause. The other calls are tried once, so that each gets
    /// its own reason.
    pub fn end_pauses(&mut self, reason: &Reason) {
        (self.retries_unsent, self.can_pause) = (false, false);
        if self.ending.is_none() {
            while let Some(call) = self.queue.pop_delayed() {
                self.settle(call, Outcome::failed(reason.clone()));
            }
        }
        self.queue.release_all();
    }

    /// Ends calls that are not open, as many as one message may end. Used when the canister is being stopped, for
    /// instance.
    fn end_unsent(&mut self) {
        self.has_ended = false;
        let reason = match self.ending {
            Some(Ending::Cancelled) => Reason::Cancelled,
            Some(Ending::Stopping) => Reason::Stopping,
            Some(Ending::Expired) => Reason::Expired,
            None => return,
        };
        while self.may_end_call() {
            let Some(call) = self.queue.take_unsent() else {
                self.has_ended = true;
                return;
            };
            self.settle_unsent(call, Outcome::failed(reason.clone()));
        }
    }

    /// How long to wait until a call may be sent or ended, if a call waits. A part of this time, if it is long.
    pub fn pause(&self) -> Option<Duration> {
        if self.ending.is_some() {
            return (!self.has_ended).then_some(Duration::ZERO);
        }
        if self.queue.waits_for_others() || !self.may_end_call() {
            return Some(Duration::ZERO);
        }
        let due = self.queue.next_due()?;
        let due = self.sends_until.map_or(due, |end| end.min(due));
        Some(due.saturating_sub(self.transport.now()).min(PAUSE_PART))
    }

    /// The outcomes of all calls, counted.
    pub fn into_summary(self) -> Summary {
        self.counts.summary(self.summary)
    }
}
