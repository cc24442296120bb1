//! Which call is sent next: the calls that wait for each callee, and whether the callee has a free slot.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use ic_principal::Principal;

use crate::{Reason, ReasonKind, Request, Window};

/// The largest number of calls that may wait for another attempt. While this many wait, no further call is taken out of
/// the source. This bounds the memory when every call fails.
const DELAYED_MAX: usize = 1_000;

/// A call that is not settled: it has no final outcome yet. It waits, or it is open.
#[derive(Debug)]
pub struct PendingCall {
    /// Position in the source, counted from 0.
    pub number: u64,
    /// What is called.
    pub request: Rc<Request>,
    /// Attempts so far. An attempt that [`CallQueue::requeue`] took back does not count.
    pub attempts: u32,
    /// The reason of the first attempt whose outcome is unknown, if there is one.
    pub unknown_reason: Option<Reason>,
    /// Index of the callee's queue.
    queue: usize,
}

/// The calls that are still to be made, and the slots they need.
///
/// The work per call depends neither on the number of calls nor on the number of callees. The only exception is the
/// heap of delayed calls.
pub struct CallQueue<'s> {
    source: &'s mut dyn Iterator<Item = Rc<Request>>,
    /// Calls taken out of the source so far.
    taken: u64,
    window: Window,
    queues: CalleeQueues,
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
    /// A queue of all calls of `source`. Calls to the same callee keep the order of the source.
    pub fn new(source: &'s mut dyn Iterator<Item = Rc<Request>>, window: Window) -> Self {
        Self {
            source,
            taken: 0,
            window,
            queues: CalleeQueues::default(),
            ready: VecDeque::new(),
            waiting: 0,
            delayed: BinaryHeap::new(),
            open: 0,
            short_of_cycles: false,
        }
    }

    /// Number of open calls.
    pub fn open(&self) -> u32 {
        self.open
    }

    /// Whether the window allows another open call.
    pub fn has_capacity(&self) -> bool {
        self.open < self.window.total && !self.short_of_cycles
    }

    /// When the first delayed call is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.delayed.peek().map(|Reverse(first)| first.due)
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
        while self.waiting < self.window.look_ahead && self.delayed.len() < DELAYED_MAX {
            let call = self.take_new()?;
            if self.has_slot(call.queue) {
                return Some(call);
            }
            self.push_waiting(call);
        }
        None
    }

    /// The next call of the source, whether or not it has a free slot.
    pub fn take_new(&mut self) -> Option<PendingCall> {
        let request = self.source.next()?;
        let number = self.taken;
        self.taken += 1;
        let queue = self.queues.add_call(request.callee);
        Some(PendingCall { number, request, attempts: 0, unknown_reason: None, queue })
    }

    /// The delayed call that is due first, whether or not it is due now. Ends what [`Self::block`] blocked.
    pub fn pop_delayed(&mut self) -> Option<PendingCall> {
        let Reverse(DelayedCall { call, .. }) = self.delayed.pop()?;
        self.short_of_cycles = false;
        self.queues.get(call.queue).is_full = false;
        self.mark_ready(call.queue);
        Some(call)
    }

    /// Removes all calls that wait for a slot, and returns them in the order of the source.
    pub fn drain_waiting(&mut self) -> Vec<PendingCall> {
        self.ready.clear();
        self.waiting = 0;
        let mut calls: Vec<PendingCall> =
            self.queues.all.iter_mut().flat_map(CalleeQueue::drain).collect();
        calls.sort_unstable_by_key(|call| call.number);
        calls
    }

    /// Notes that a call was sent.
    pub fn note_sent(&mut self, call: &PendingCall) {
        self.open += 1;
        self.queues.get(call.queue).open += 1;
    }

    /// Notes that an open call got its response.
    pub fn note_response(&mut self, call: &PendingCall) {
        self.open -= 1;
        self.short_of_cycles = false;
        let queue = self.queues.get(call.queue);
        queue.open -= 1;
        queue.is_full = false;
        self.mark_ready(call.queue);
    }

    /// Notes that a call has its final outcome.
    pub fn note_settled(&mut self, call: &PendingCall) {
        self.queues.remove_call(call.queue);
    }

    /// Puts a call that could not be sent back to the front of its queue, if the response to an open call will free
    /// what is `missing`.
    ///
    /// # Errors
    ///
    /// Returns the call if no open call can free it.
    pub fn requeue(&mut self, call: PendingCall, missing: ReasonKind) -> Result<(), PendingCall> {
        let index = call.queue;
        let queue = self.queues.get(index);
        if missing == ReasonKind::QueueFull && queue.open > 0 {
            queue.is_full = true;
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
        queue.open < self.window.per_callee && !queue.is_full
    }
}

/// One queue for each callee that has an unsettled call. The index of a queue stays the same for that time.
#[derive(Debug, Default)]
struct CalleeQueues {
    all: Vec<CalleeQueue>,
    indices: HashMap<Principal, usize>,
    /// Indices that can be used again.
    free: Vec<usize>,
    /// Index of the queue of the latest call. The next call often goes to the same callee.
    latest: usize,
}

/// The calls to one callee.
#[derive(Debug)]
struct CalleeQueue {
    callee: Principal,
    /// Calls that are not settled.
    unsettled: usize,
    /// Open calls.
    open: u32,
    /// Calls that wait for a slot.
    waiting: VecDeque<PendingCall>,
    /// Whether the system refused a call to this callee because no slot was free. Then no call is sent to it until a
    /// response frees a slot.
    is_full: bool,
    /// Whether the queue is in [`CallQueue::ready`].
    is_ready: bool,
}

impl CalleeQueues {
    fn get(&mut self, index: usize) -> &mut CalleeQueue {
        &mut self.all[index]
    }

    /// Adds an unsettled call, and returns the index of its queue.
    fn add_call(&mut self, callee: Principal) -> usize {
        let is_latest = |queue: &CalleeQueue| queue.unsettled > 0 && queue.callee == callee;
        if !self.all.get(self.latest).is_some_and(is_latest) {
            self.latest = *self.indices.entry(callee).or_insert_with(|| {
                let queue = CalleeQueue::new(callee);
                match self.free.pop() {
                    Some(index) => {
                        self.all[index] = queue;
                        index
                    }
                    None => {
                        self.all.push(queue);
                        self.all.len() - 1
                    }
                }
            });
        }
        self.all[self.latest].unsettled += 1;
        self.latest
    }

    /// Removes a settled call, and with the last one the queue.
    fn remove_call(&mut self, index: usize) {
        let queue = &mut self.all[index];
        queue.unsettled -= 1;
        if queue.unsettled == 0 {
            self.indices.remove(&queue.callee);
            self.free.push(index);
        }
    }
}

impl CalleeQueue {
    fn new(callee: Principal) -> Self {
        Self {
            callee,
            unsettled: 0,
            open: 0,
            waiting: VecDeque::new(),
            is_full: false,
            is_ready: false,
        }
    }

    fn drain(&mut self) -> impl Iterator<Item = PendingCall> {
        self.is_ready = false;
        self.waiting.drain(..)
    }
}

/// A call that waits for a point in time. Ordered by that time, then by the position in the source.
#[derive(Debug)]
struct DelayedCall {
    due: Duration,
    call: PendingCall,
}

impl DelayedCall {
    fn key(&self) -> (Duration, u64) {
        (self.due, self.call.number)
    }
}

impl Ord for DelayedCall {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for DelayedCall {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DelayedCall {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for DelayedCall {}
