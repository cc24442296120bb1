//! Which call is sent next: the calls that wait for each callee, and whether the callee has a free slot.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use ic_principal::Principal;

use crate::limits::{DELAYED_CALLS_MAX, QUEUE_SLOTS};
use crate::{Reason, ReasonKind, Request, Slots, Window};
use callees::{CalleeQueues, Hold};
use delayed::DelayedCall;

mod callees;
mod delayed;

/// How long calls wait for slots that others occupy, before one call to each callee is sent whether or not a slot is
/// free, as far as is known. The library does not see all that occupies slots, callbacks and memory.
const HELD_MAX: Duration = Duration::from_secs(1);

/// Callees whose waiting calls are looked at after a response, if these wait for slots that others occupy. If more
/// callees are in this state, they take turns.
const HELD_LOOKS: usize = 16;

/// A call that is not settled: it has no final outcome yet. It waits, or it is open.
#[derive(Debug)]
pub struct PendingCall {
    /// Position in the source, counted from 0.
    pub number: u64,
    /// What is called.
    pub request: Rc<Request>,
    /// Attempts so far. An attempt that [`CallQueue::requeue`] took back does not count.
    pub attempts: u32,
    /// What is kept of earlier attempts. In a box, because most calls have one attempt, and every call is moved often.
    pub earlier: Option<Box<EarlierAttempts>>,
    /// Index of the callee's queue.
    queue: usize,
}

/// What is kept of the earlier attempts of a call.
#[derive(Debug, Default)]
pub struct EarlierAttempts {
    /// The reason of the first attempt whose outcome is unknown, if there is one.
    pub unknown_reason: Option<Reason>,
    /// Cycles that came back.
    pub refunded: u128,
}

/// The calls that are still to be made, and the slots they need.
///
/// The work per call depends neither on the number of calls nor on the number of callees, with two exceptions: the
/// heap of delayed calls, and calls to callees whose slots others occupy. The latter are released together at most
/// once per [`HELD_MAX`], and there are at most [`Window::look_ahead`] of them.
pub struct CallQueue<'s> {
    source: &'s mut dyn Iterator<Item = Rc<Request>>,
    /// Finds the slots to a callee.
    slots: &'s dyn Fn(Principal) -> Rc<Slots>,
    /// Calls taken out of the source so far.
    taken: u64,
    window: Window,
    /// Whether no call may overtake an earlier call to the same callee.
    in_order: bool,
    /// Whether the source had no call when it was asked last.
    source_is_empty: bool,
    queues: CalleeQueues,
    /// The callee queues that wait for slots which other calls of this canister occupy, each with the number of its
    /// [`Hold`], and some that do not wait any more.
    held_by_others: VecDeque<(usize, u64)>,
    /// Number of callee queues that wait for such slots.
    held: usize,
    /// Number of holds so far.
    holds: u64,
    /// Since when there are such queues.
    held_since: Option<Duration>,
    /// Whether others may have freed slots since the queue looked last. They do so between two messages of this
    /// fan-out.
    may_be_freed: bool,
    /// The callee queues that have both a waiting call and, as far as is known, a free slot. Served in turn.
    ready: VecDeque<usize>,
    /// Calls that wait for a slot.
    waiting: usize,
    /// Calls that wait for a point in time, the earliest first.
    delayed: BinaryHeap<Reverse<DelayedCall>>,
    /// Open calls.
    open: u32,
    /// Whether the system refused a call because cycles were missing. Then no call is sent until a response returns
    /// cycles.
    short_of_cycles: bool,
}

impl<'s> CallQueue<'s> {
    /// A queue of all calls of `source`. Calls to the same callee keep the order of the source. Numbers of 0 in the
    /// window count as 1.
    pub fn new(
        source: &'s mut dyn Iterator<Item = Rc<Request>>,
        slots: &'s dyn Fn(Principal) -> Rc<Slots>,
        window: Window,
        in_order: bool,
    ) -> Self {
        Self {
            source,
            slots,
            taken: 0,
            window: Window {
                per_callee: window.per_callee.max(1),
                total: window.total.max(1),
                look_ahead: window.look_ahead.max(1),
            },
            in_order,
            source_is_empty: false,
            queues: CalleeQueues::default(),
            held_by_others: VecDeque::new(),
            held: 0,
            holds: 0,
            held_since: None,
            may_be_freed: false,
            ready: VecDeque::new(),
            waiting: 0,
            delayed: BinaryHeap::new(),
            open: 0,
            short_of_cycles: false,
        }
    }

    /// Notes that a further message of the fan-out is executed.
    pub fn begin_message(&mut self) {
        // A message with open calls takes a response, which is noted.
        if self.open == 0 {
            self.may_be_freed = true;
        }
    }

    /// Whether the window allows another open call.
    pub fn has_capacity(&self) -> bool {
        self.open < self.window.total && !self.short_of_cycles
    }

    /// Whether [`next`](Self::next) may return a call, or calls may wait although none is open.
    pub fn may_have_next(&self) -> bool {
        self.has_capacity()
            || self.open == 0
            // A delayed call that is due ends the wait for cycles.
            || (self.open < self.window.total && !self.delayed.is_empty())
    }

    /// When the first delayed call is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.delayed.peek().map(|Reverse(first)| first.due)
    }

    /// Whether calls wait for slots that other calls of this canister occupy.
    pub fn waits_for_others(&self) -> bool {
        self.held > 0
    }

    /// The next call that has a free slot. `now` is only called when the time matters, since reading it costs
    /// instructions.
    pub fn next(&mut self, now: impl Fn() -> Duration) -> Option<PendingCall> {
        let is_due = |queue: &Self| queue.next_due().is_some_and(|due| due <= now());
        if self.short_of_cycles && is_due(self) {
            self.short_of_cycles = false;
        }
        if !self.has_capacity() {
            return None;
        }
        if self.held > 0 && self.may_be_freed {
            self.may_be_freed = false;
            self.release_freed(now());
        }
        while is_due(self) {
            let call = self.pop_delayed()?;
            if self.has_slot(call.queue) {
                return Some(call);
            }
            self.push_waiting(call);
        }
        self.pop_waiting_with_slot().or_else(|| self.take_new_with_slot())
    }

    fn pop_waiting_with_slot(&mut self) -> Option<PendingCall> {
        while let Some(index) = self.ready.pop_front() {
            let has_slot = self.has_slot(index);
            let queue = self.queues.get(index);
            queue.is_ready = false;
            if has_slot && let Some(call) = queue.waiting.pop_front() {
                self.waiting -= 1;
                self.mark_ready(index);
                return Some(call);
            }
        }
        None
    }

    fn take_new_with_slot(&mut self) -> Option<PendingCall> {
        while self.waiting < self.window.look_ahead && self.delayed.len() < DELAYED_CALLS_MAX {
            let call = self.take_new()?;
            let is_first = self.queues.get(call.queue).waiting.is_empty();
            if is_first && self.has_slot(call.queue) {
                return Some(call);
            }
            self.push_waiting(call);
            // If the share of the window has grown, earlier calls to the callee have a slot now. They come first.
            if let Some(call) = self.pop_waiting_with_slot() {
                return Some(call);
            }
        }
        None
    }

    /// The next call of the source, whether or not it has a free slot.
    fn take_new(&mut self) -> Option<PendingCall> {
        let Some(request) = self.source.next() else {
            self.source_is_empty = true;
            self.queues.leave_unused_slots_of_latest();
            return None;
        };
        self.source_is_empty = false;
        let number = self.taken;
        self.taken += 1;
        let queue = self.queues.add_call(request.callee, self.slots, self.wanted());
        Some(PendingCall { number, request, attempts: 0, earlier: None, queue })
    }

    /// Open calls to one callee, at most.
    fn wanted(&self) -> u32 {
        if self.in_order { 1 } else { self.window.per_callee.min(self.window.total) }
    }

    /// The delayed call that is due first, whether or not it is due now. Ends what [`Self::block`] blocked.
    pub fn pop_delayed(&mut self) -> Option<PendingCall> {
        let Reverse(DelayedCall { call, .. }) = self.delayed.pop()?;
        self.short_of_cycles = false;
        self.queues.get(call.queue).delayed -= 1;
        self.unblock(call.queue);
        Some(call)
    }

    /// Takes a call that is not open, whether or not it could be sent now: first those that wait for a slot, in the
    /// order of the source, then those that wait for a point in time, then those of the source.
    pub fn take_unsent(&mut self) -> Option<PendingCall> {
        if self.waiting > 0 {
            self.release_all();
            self.ready.clear();
            self.waiting = 0;
            // The heap of delayed calls puts them in order.
            for index in self.queues.indices() {
                while let Some(call) = self.queues.take_waiting(index) {
                    self.push_delayed(Duration::ZERO, call);
                }
            }
        }
        self.pop_delayed().or_else(|| self.take_new())
    }

    /// Notes that a call was sent.
    pub fn note_sent(&mut self, call: &PendingCall) {
        self.open += 1;
        self.queues.get(call.queue).share.note_sent();
    }

    /// Notes that an open call got its response.
    pub fn note_response(&mut self, call: &PendingCall) {
        self.open -= 1;
        (self.short_of_cycles, self.may_be_freed) = (false, true);
        self.queues.get(call.queue).share.note_response();
        self.unblock(call.queue);
    }

    /// Notes that a call has its final outcome.
    pub fn note_settled(&mut self, call: &PendingCall) {
        self.queues.remove_call(call.queue, self.source_is_empty);
    }

    /// Puts a call that could not be sent back to the front of its queue, if the response to an open call will free
    /// what is `missing`. Cycles come back with the responses to calls of this fan-out. Slots are freed by the
    /// responses to all calls of this canister to the callee. `waits_for_others` says whether calls may wait for
    /// slots while no call of this fan-out to the callee is open.
    ///
    /// # Errors
    ///
    /// Returns the call if no open call of this canister can free what is missing.
    pub fn requeue(
        &mut self,
        call: PendingCall,
        missing: ReasonKind,
        waits_for_others: bool,
    ) -> Result<(), PendingCall> {
        let index = call.queue;
        let queue = self.queues.get(index);
        let (own, others) = (queue.share.open(), queue.share.open_elsewhere());
        if missing == ReasonKind::QueueFull && (own > 0 || (waits_for_others && others > 0)) {
            queue.is_full = true;
            // The calls of this fan-out do not occupy all slots, so others occupy some.
            if own < QUEUE_SLOTS {
                self.holds += 1;
                queue.hold = Some(Hold { number: self.holds, open: others });
                self.held += 1;
                self.held_by_others.push_back((index, self.holds));
            }
        } else if missing == ReasonKind::Cycles && self.open > 0 {
            self.short_of_cycles = true;
        } else {
            return Err(call);
        }
        queue.waiting.push_front(call);
        self.waiting += 1;
        self.mark_ready(index);
        Ok(())
    }

    /// Lets calls be sent again that wait for slots which other calls of this canister occupy.
    pub fn release_all(&mut self) {
        while let Some((index, number)) = self.held_by_others.pop_front() {
            if self.queues.hold(index, number).is_some() {
                self.unblock(index);
            }
        }
    }

    /// Lets calls be sent again that waited for slots which other calls of this canister occupied, if some of those
    /// have their responses now. After [`HELD_MAX`], lets all be sent again.
    fn release_freed(&mut self, now: Duration) {
        if now >= *self.held_since.get_or_insert(now) + HELD_MAX {
            self.held_since = None;
            return self.release_all();
        }
        for _ in 0..HELD_LOOKS.min(self.held_by_others.len()) {
            let Some((index, number)) = self.held_by_others.pop_front() else { return };
            match self.queues.hold(index, number) {
                Some(open) if self.queues.get(index).share.open_elsewhere() < open => {
                    self.unblock(index);
                }
                Some(_) => self.held_by_others.push_back((index, number)),
                None => {}
            }
        }
    }

    /// Ends that no call is sent to a callee because the system refused one.
    fn unblock(&mut self, index: usize) {
        let queue = self.queues.get(index);
        queue.is_full = false;
        if queue.hold.take().is_some() {
            self.held -= 1;
            if self.held == 0 {
                self.held_by_others.clear();
                self.held_since = None;
            }
        }
        self.mark_ready(index);
    }

    /// Sends no call that would fail for the same reason as `call`, until a [delayed](Self::push_delayed) call is due.
    pub fn block(&mut self, call: &PendingCall, missing: ReasonKind) {
        if missing == ReasonKind::QueueFull {
            self.queues.get(call.queue).is_full = true;
        } else {
            self.short_of_cycles = true;
        }
    }

    /// Keeps a call until the time `due`.
    pub fn push_delayed(&mut self, due: Duration, call: PendingCall) {
        self.queues.get(call.queue).delayed += 1;
        self.delayed.push(Reverse(DelayedCall { due, call }));
    }

    fn push_waiting(&mut self, call: PendingCall) {
        let index = call.queue;
        self.queues.get(index).waiting.push_back(call);
        self.waiting += 1;
        self.mark_ready(index);
    }

    /// Adds a callee queue to the ready ones, if a call waits there and has a slot.
    fn mark_ready(&mut self, index: usize) {
        let has_slot = self.has_slot(index);
        let queue = self.queues.get(index);
        if has_slot && !queue.is_ready && !queue.waiting.is_empty() {
            queue.is_ready = true;
            self.ready.push_back(index);
        }
    }

    fn has_slot(&mut self, index: usize) -> bool {
        let queue = self.queues.get(index);
        let is_in_turn = !self.in_order || (queue.share.open() == 0 && queue.delayed == 0);
        queue.share.has_slot() && !queue.is_full && is_in_turn
    }
}
