//! Sends the entries, takes their responses, and decides what becomes of an entry.

use std::rc::Rc;
use std::time::Duration;

use ic_stable_structures::Memory;

use super::OutboxOptions;
use super::layout::{Record, State, reason_of};
use super::schedule::{Item, Schedule};
use super::store::Store;
use crate::{
    Failure, Limit, Outcome, Plan, Reason, ReasonKind, Reply, Request, Response, SHARED_SLOTS,
    Slots, Transport,
};

/// Entries that are read or cancelled in one message, at most.
pub const WORK_MAX: u32 = 1_000;

/// Entries that are in the schedule at the same time, at most. An entry takes about 100 bytes there.
const LOADED_MAX: usize = 100_000;

/// The largest number of calls whose cost a plan takes into account, since somebody may add cycles in the meantime.
const PLANNED_CALLS_MAX: u64 = 10_000;

/// How long a plan is valid.
const PLAN_VALID: Duration = Duration::from_secs(10);

/// How long the outbox waits if cycles are missing.
const CYCLES_DELAY: Duration = Duration::from_secs(10);

/// How long the outbox waits if other messages of the canister occupy all slots, or if the canister is being stopped.
const BUSY_DELAY: Duration = Duration::from_secs(2);

/// The longest time between two looks at an outbox with unsettled entries. Normally, responses make it continue.
const WATCH: Duration = Duration::from_secs(60);

/// An outbox: what is in stable memory, and what is not.
pub struct Inner<M> {
    pub store: Store<M>,
    pub options: OutboxOptions,
    schedule: Schedule,
    /// The first record that is not in the schedule. 0: there is none.
    pub cursor: u32,
    /// Calls that this program has open.
    open: u32,
    /// Calls that may be open, by the plan, and when it was made.
    planned: Option<(u32, Duration)>,
    /// When to try again because cycles are missing.
    short_of_cycles: Option<Duration>,
    /// Whether there may be entries to cancel.
    pub is_cancelling: bool,
    /// Whether this message has done as much as one message may do.
    is_tired: bool,
    /// When the next timer runs the outbox.
    wake_at: Option<Duration>,
    /// Sets a timer. `None`: nobody has started the outbox since the last upgrade.
    pub set_timer: Option<Rc<dyn Fn(Duration)>>,
}

impl<M: Memory> Inner<M> {
    pub fn new(memory: M) -> Self {
        let store = Store::init(memory);
        Self {
            cursor: store.header.first,
            is_cancelling: store.header.cancelled_before > 0,
            store,
            options: OutboxOptions::default(),
            schedule: Schedule::default(),
            open: 0,
            planned: None,
            short_of_cycles: None,
            is_tired: false,
            wake_at: None,
            set_timer: None,
        }
    }

    /// What the outbox waits for.
    pub fn waiting_for(&self) -> Option<ReasonKind> {
        if self.short_of_cycles.is_some() {
            Some(ReasonKind::Cycles)
        } else if self.schedule.is_held() {
            Some(ReasonKind::QueueFull)
        } else {
            None
        }
    }

    /// Runs the outbox as soon as possible, if it was started.
    pub fn wake_now(&mut self) {
        if let Some(set_timer) = self.set_timer.clone()
            && self.wake_at != Some(Duration::ZERO)
        {
            self.wake_at = Some(Duration::ZERO);
            set_timer(Duration::ZERO);
        }
    }

    /// Sends the next entry that can be sent now.
    pub fn send_next<R: Transport>(
        &mut self,
        runtime: &R,
        work: &mut u32,
    ) -> Option<(Item, Rc<Request>, R::ResponseFuture)> {
        let now = runtime.now();
        self.cancel_some(runtime, work);
        if self.store.header.paused || self.is_cancelling || runtime.is_stopping() {
            return None;
        }
        if self.short_of_cycles.is_some_and(|retry_at| retry_at <= now) {
            self.short_of_cycles = None;
        }
        while self.has_capacity() {
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
            if !self.is_planned(runtime, &request, now) {
                self.schedule.put_back(item);
                return None;
            }
            let request = Rc::new(request);
            match runtime.send(&request, request.wait) {
                Ok(response) => {
                    self.open += 1;
                    self.schedule.note_sent(item);
                    self.store.note_sent(item.block, self.open);
                    return Some((item, request, response));
                }
                Err(reason) => self.note_refused(item, reason, now),
            }
        }
        None
    }

    fn note_refused(&mut self, item: Item, reason: Reason, now: Duration) {
        match reason.kind() {
            ReasonKind::QueueFull => self.schedule.put_back_full(item, now + BUSY_DELAY),
            ReasonKind::Cycles => {
                self.schedule.put_back(item);
                self.short_of_cycles = Some(now + CYCLES_DELAY);
            }
            // The call can never be sent.
            _ => self.settle(item, Outcome::failed(reason)),
        }
    }

    fn has_capacity(&self) -> bool {
        let planned = self.planned.map_or(u32::MAX, |(calls, _)| calls);
        self.short_of_cycles.is_none() && self.open < self.window_total().min(planned)
    }

    fn window_total(&self) -> u32 {
        self.options.window.map_or(SHARED_SLOTS, |window| window.total)
    }

    /// Plans anew, if the plan is old, how many calls may be open. Returns whether one more may be.
    fn is_planned<R: Transport>(&mut self, runtime: &R, request: &Request, now: Duration) -> bool {
        if self.options.window.is_some() {
            return true;
        }
        if self.planned.is_none_or(|(_, planned_at)| planned_at + PLAN_VALID <= now) {
            let mut limits = runtime.limits(request);
            // The cycles of our own open calls are ours to use.
            limits.liquid_cycles += u128::from(self.open) * limits.cycles_per_call;
            // More entries can be appended while the plan is valid.
            let waiting = self.store.header.waiting;
            let calls = waiting.clamp(u64::from(SHARED_SLOTS), PLANNED_CALLS_MAX);
            let plan = Plan::new(&limits, calls).or_else(|_| Plan::new(&limits, 1));
            match plan {
                Ok(plan) => self.planned = Some((plan.window.total.max(1), now)),
                Err(error) if error.limit == Limit::Cycles => {
                    self.short_of_cycles = Some(now + CYCLES_DELAY);
                    return false;
                }
                // The system says whether a slot is free.
                Err(_) => self.planned = Some((1, now)),
            }
        }
        self.has_capacity()
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

    /// Whether this message has done as much as one message may do.
    fn is_enough(&mut self, work: &mut u32) -> bool {
        self.is_tired |= *work == 0;
        *work = work.saturating_sub(1);
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
        self.note_response(item);
        let outcome = response.outcome(request);
        self.conclude(item, request, outcome, runtime.now());
    }

    fn note_response(&mut self, item: Item) {
        self.open -= 1;
        self.short_of_cycles = None;
        self.schedule.note_response(item);
    }

    fn conclude(&mut self, item: Item, request: &Request, outcome: Outcome<Reply>, now: Duration) {
        let record = self.store.record(item.block);
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
    pub fn interrupt(&mut self, item: Item, request: &Request, now: Duration) {
        self.note_response(item);
        self.conclude(item, request, Outcome::failed(Reason::Interrupted), now);
        self.wake_now();
    }

    /// Notes that a timer runs the outbox.
    pub fn note_timer(&mut self, now: Duration) {
        if self.wake_at.is_some_and(|wake_at| wake_at <= now) {
            self.wake_at = None;
        }
    }

    /// Notes that this message can send no more, although there may be more to send.
    pub fn tire(&mut self) {
        self.is_tired = true;
    }

    /// Sets a timer, if one has to run the outbox. Called at the end of each message.
    pub fn set_next_timer<R: Transport>(&mut self, runtime: &R) {
        let wake = self.next_wake(runtime);
        self.is_tired = false;
        let (Some(wake), Some(set_timer)) = (wake, self.set_timer.clone()) else { return };
        if self.wake_at.is_none_or(|wake_at| wake_at > wake) {
            self.wake_at = Some(wake);
            set_timer(wake.saturating_sub(runtime.now()));
        }
    }

    /// When a timer has to run the outbox, if no response does before.
    fn next_wake<R: Transport>(&self, runtime: &R) -> Option<Duration> {
        let now = runtime.now();
        let header = &self.store.header;
        if header.waiting + header.open == 0 || (header.paused && !self.is_cancelling) {
            return None;
        }
        if self.is_tired {
            return Some(now);
        }
        let mut wake = now + WATCH;
        if runtime.is_stopping() {
            wake = now + BUSY_DELAY;
        } else if self.has_capacity() {
            wake = wake.min(self.schedule.next_due().unwrap_or(wake));
        } else if let Some(retry_at) = self.short_of_cycles {
            wake = wake.min(retry_at);
        }
        Some(wake.max(now))
    }
}
