//! Sends the entries, takes their responses, and decides what becomes of an entry.

use std::rc::Rc;
use std::time::Duration;

use ic_stable_structures::Memory;

use super::OutboxOptions;
use super::layout::{Record, State, reason_of};
use super::schedule::{Item, Schedule};
use super::store::Store;
use crate::{
    Failure, Outcome, Reason, ReasonKind, Reply, Request, Response, SHARED_SLOTS, Slots, Transport,
};
use capacity::{Capacity, Planned};

mod capacity;
mod timing;

/// Entries that are read or cancelled in one message, at most.
pub const WORK_MAX: u32 = 1_000;

/// Entries that are in the schedule at the same time, at most. An entry takes about 100 bytes there.
const LOADED_MAX: usize = 100_000;

/// How long the outbox waits if other messages of the canister occupy all slots, or if the canister is being stopped.
const BUSY_DELAY: Duration = Duration::from_secs(2);

/// An outbox: what is in stable memory, and what is not.
pub struct Inner<M> {
    pub store: Store<M>,
    pub options: OutboxOptions,
    schedule: Schedule,
    /// The first record that is not in the schedule. 0: there is none.
    pub cursor: u32,
    /// The calls that this program has open, and how many may be open.
    capacity: Capacity,
    /// Whether there may be entries to cancel.
    pub is_cancelling: bool,
    /// Whether this message has done as much as one message may do.
    is_tired: bool,
    /// When timers run the outbox, the latest first.
    timers: Vec<Duration>,
    /// Sets a timer. `None`: nobody has started the outbox since the last upgrade.
    pub set_timer: Option<Rc<dyn Fn(Duration)>>,
}

impl<M: Memory> Inner<M> {
    pub fn new(memory: M) -> Self {
        let store = Store::init(memory);
        let mut schedule = Schedule::default();
        schedule.set_paused(store.header.paused);
        Self {
            cursor: store.header.first,
            is_cancelling: store.header.cancelled_before > 0,
            store,
            options: OutboxOptions::default(),
            schedule,
            capacity: Capacity::default(),
            is_tired: false,
            timers: Vec::new(),
            set_timer: None,
        }
    }

    /// What the outbox waits for.
    pub fn waiting_for(&self) -> Option<ReasonKind> {
        if self.store.header.waiting == 0 {
            None
        } else if self.capacity.is_short_of_cycles() {
            Some(ReasonKind::Cycles)
        } else if self.schedule.is_held() {
            Some(ReasonKind::QueueFull)
        } else {
            None
        }
    }

    /// Sends no further entries, or sends entries again.
    pub fn set_paused(&mut self, is_paused: bool) {
        self.store.change(|header| header.paused = is_paused);
        self.schedule.set_paused(is_paused);
    }

    /// Sends the next entry that can be sent now.
    pub fn send_next<R: Transport>(
        &mut self,
        runtime: &R,
        work: &mut u32,
    ) -> Option<(Item, Rc<Request>, R::ResponseFuture)> {
        let now = runtime.now();
        self.cancel_some(runtime, work);
        if self.store.header.paused {
            while self.has_interrupted() && self.load_next(runtime, work) {}
            return None;
        }
        if self.is_cancelling || runtime.is_stopping() {
            return None;
        }
        self.capacity.note_time(now);
        while self.has_capacity(now) {
            let Some(item) = self.schedule.next(now) else {
                if self.load_next(runtime, work) {
                    continue;
                }
                return None;
            };
            if item.number < self.store.header.cancelled_before {
                if self.is_enough(work) {
                    self.schedule.put_back(item);
                    return None;
                }
                self.settle(item, Outcome::failed(Reason::Cancelled));
                continue;
            }
            let mut request = self.store.request(item.block);
            request.verdict = (self.options.verdicts)(&request);
            match self.plan(runtime, &request, now) {
                Planned::Send => {}
                Planned::Full => {
                    self.schedule.put_back(item);
                    return None;
                }
                Planned::TooFewCycles => {
                    self.wait_for_cycles(runtime, item, &request, now);
                    if self.was_last(work) {
                        return None;
                    }
                    continue;
                }
            }
            let request = Rc::new(request);
            match runtime.send(&request, request.wait) {
                Ok(response) => {
                    self.schedule.note_sent(item);
                    let open = self.capacity.note_sent(&request);
                    self.store.note_sent(item.block, open);
                    return Some((item, request, response));
                }
                Err(reason) => self.note_refused(runtime, item, &request, reason, now),
            }
            if self.was_last(work) {
                return None;
            }
        }
        None
    }

    fn note_refused<R: Transport>(
        &mut self,
        runtime: &R,
        item: Item,
        request: &Request,
        reason: Reason,
        now: Duration,
    ) {
        match reason.kind() {
            ReasonKind::QueueFull => self.schedule.put_back_full(item, now + BUSY_DELAY),
            ReasonKind::Cycles => self.wait_for_cycles(runtime, item, request, now),
            // The call can never be sent.
            _ => self.settle(item, Outcome::failed(reason)),
        }
    }

    /// Brings the next record into the schedule. Returns `false` if there is none, or if this message has done enough.
    fn load_next<R: Transport>(&mut self, runtime: &R, work: &mut u32) -> bool {
        if self.cursor == 0 || self.schedule.len() >= LOADED_MAX || self.is_enough(work) {
            return false;
        }
        let block = self.cursor;
        let record = self.store.record(block);
        self.cursor = record.next;
        if record.state == State::Settled {
            return true;
        }
        let call = self.store.call_head(block);
        let mut due = record.due;
        let number = record.number;
        if record.state == State::Open {
            // This program has not sent it: an upgrade or a trap has cut off the response.
            let outcome = Outcome::failed(Reason::Interrupted);
            match self.repeat_or_settle(block, record, &call.request, outcome, runtime.now()) {
                Some(repeat_at) => due = repeat_at,
                None => return true,
            }
        }
        let wanted = self.options.window.map_or(SHARED_SLOTS, |window| window.per_callee);
        let callee = call.request.callee;
        let share = || -> (Rc<Slots>, u32) { (runtime.slots(callee), wanted) };
        self.schedule.add((number, block), callee, call.order, due, share);
        true
    }

    /// Whether there are calls that an upgrade or a trap has interrupted, and that the outbox has not read since.
    fn has_interrupted(&self) -> bool {
        self.store.header.open > u64::from(self.capacity.open())
            && self.cursor != 0
            && self.schedule.len() < LOADED_MAX
    }

    /// Whether this message has done as much as one message may do.
    fn is_enough(&mut self, work: &mut u32) -> bool {
        self.is_tired |= *work == 0;
        *work = work.saturating_sub(1);
        self.is_tired
    }

    /// Counts an entry that was read and not sent. Returns whether this message has done as much as one message may do.
    fn was_last(&mut self, work: &mut u32) -> bool {
        *work = work.saturating_sub(1);
        self.is_tired |= *work == 0;
        self.is_tired
    }

    /// Settles some of the cancelled entries.
    fn cancel_some<R: Transport>(&mut self, runtime: &R, work: &mut u32) {
        let before = self.store.header.cancelled_before;
        while self.is_cancelling && !self.is_enough(work) {
            if let Some(item) = self.schedule.take_any() {
                if item.number >= before {
                    self.schedule.put_back(item);
                    self.is_cancelling = false;
                } else {
                    self.settle(item, Outcome::failed(Reason::Cancelled));
                }
            } else if self.cursor == 0 || self.store.record(self.cursor).number >= before {
                self.is_cancelling = false;
            } else {
                self.load_next(runtime, &mut 1);
            }
        }
    }

    /// Takes the response to an open call.
    pub fn accept<R: Transport>(
        &mut self,
        runtime: &R,
        item: Item,
        request: &Request,
        response: Response,
    ) {
        self.note_response(item, request);
        let outcome = response.outcome(request);
        let record = self.store.record(item.block);
        self.conclude(item, record, request, outcome, runtime.now());
    }

    fn note_response(&mut self, item: Item, request: &Request) {
        self.capacity.note_response(request);
        self.schedule.note_response(item);
    }

    fn conclude(
        &mut self,
        item: Item,
        record: Record,
        request: &Request,
        outcome: Outcome<Reply>,
        now: Duration,
    ) {
        match self.repeat_or_settle(item.block, record, request, outcome, now) {
            Some(due) => self.schedule.delay(item, due),
            None => self.schedule.remove(item),
        }
    }

    /// Writes what an attempt came to. Returns when to make the next attempt, or `None` if the entry is settled.
    fn repeat_or_settle(
        &mut self,
        block: u32,
        mut record: Record,
        request: &Request,
        outcome: Outcome<Reply>,
        now: Duration,
    ) -> Option<Duration> {
        let retry = request.retry.unwrap_or(self.options.retry);
        let is_cancelled = record.number < self.store.header.cancelled_before;
        if is_cancelled || !retry.should_retry(request.idempotent, record.attempts, &outcome) {
            self.settle_record(block, record, outcome);
            return None;
        }
        record.refunded += outcome.refunded();
        if let Outcome::Unknown(failure) = outcome {
            record.unknown.get_or_insert(failure.reason.kind());
        }
        record.due = now + retry.delay_after(record.attempts);
        let due = record.due;
        self.store.wait_again(block, record);
        Some(due)
    }

    fn settle(&mut self, item: Item, outcome: Outcome<Reply>) {
        let record = self.store.record(item.block);
        self.settle_record(item.block, record, outcome);
        self.schedule.remove(item);
    }

    fn settle_record(&mut self, block: u32, record: Record, mut outcome: Outcome<Reply>) {
        // If an earlier attempt is unknown, then so is the entry: the last attempt says nothing about the earlier one.
        if let (Some(kind), Outcome::NotDone(failure)) = (record.unknown, &outcome) {
            let text = format!("an earlier attempt; the last one: {}", failure.reason);
            let failure = Failure { reason: reason_of(kind, text), refunded: failure.refunded };
            outcome = Outcome::failed(failure);
        }
        outcome.add_refund(record.refunded);
        if let Outcome::Done(Reply { bytes, refunded }) = &outcome
            && bytes.len() > self.options.reply_bytes
        {
            outcome = Outcome::ReplyDropped { bytes: bytes.len(), refunded: *refunded };
        }
        self.store.settle(block, record, outcome);
    }

    /// Notes that nobody takes the response to an open call: a trap has ended the message that waited for it.
    /// `has_trapped` says whether the callback of this call has trapped. The other entries get their attempts back:
    /// otherwise one reply that makes its callback trap again and again would use up the attempts of all.
    pub fn interrupt(&mut self, item: Item, request: &Request, has_trapped: bool, now: Duration) {
        self.note_response(item, request);
        let mut record = self.store.record(item.block);
        if !has_trapped {
            record.attempts = record.attempts.saturating_sub(1);
        }
        self.conclude(item, record, request, Outcome::failed(Reason::Interrupted), now);
        self.wake_now();
    }
}
