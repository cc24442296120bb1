//! The calls to each callee.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::rc::Rc;

use ic_principal::Principal;

use super::PendingCall;
use crate::Slots;
use crate::slots::SlotShare;

/// One queue for each callee that has an unsettled call. The index of a queue stays the same for that time.
#[derive(Debug, Default)]
pub struct CalleeQueues {
    all: Vec<Option<CalleeQueue>>,
    indices: HashMap<Principal, usize>,
    /// Indices that can be used again.
    free: Vec<usize>,
    /// Index of the queue of the latest call. The next call often goes to the same callee.
    latest: usize,
}

/// The calls to one callee.
#[derive(Debug)]
pub struct CalleeQueue {
    pub callee: Principal,
    /// Calls that are not settled.
    pub unsettled: usize,
    /// Open calls, and how many there may be.
    pub share: SlotShare,
    /// Calls that wait for a slot.
    pub waiting: VecDeque<PendingCall>,
    /// Calls that wait for a point in time.
    pub delayed: usize,
    /// Whether the system refused a call to this callee because no slot was free. Then no call is sent to it until a
    /// response frees a slot.
    pub is_full: bool,
    /// Set while calls wait for slots that other calls of this canister occupy.
    pub hold: Option<Hold>,
    /// Whether the window wants fewer slots than it would with further calls.
    leaves_slots: bool,
    /// Whether the queue is in [`CallQueue::ready`](super::CallQueue).
    pub is_ready: bool,
}

/// That calls wait for slots which other calls of this canister occupy.
#[derive(Debug)]
pub struct Hold {
    /// A number that no other hold has.
    pub number: u64,
    /// Open calls of others to this callee when the system refused a call because no slot was free.
    pub open: u32,
}

impl CalleeQueues {
    pub fn get(&mut self, index: usize) -> &mut CalleeQueue {
        self.all[index].as_mut().expect("an unsettled call has a queue")
    }

    /// The open calls of others when the queue began to wait for their slots, if it still waits for the same reason.
    pub fn hold(&self, index: usize, number: u64) -> Option<u32> {
        let hold = self.all.get(index)?.as_ref()?.hold.as_ref()?;
        (hold.number == number).then_some(hold.open)
    }

    /// Adds an unsettled call, and returns the index of its queue. `wanted` is the largest number of open calls to one
    /// callee.
    pub fn add_call(
        &mut self,
        callee: Principal,
        slots: &dyn Fn(Principal) -> Rc<Slots>,
        wanted: u32,
    ) -> usize {
        let is_latest = |queue: &CalleeQueue| queue.callee == callee;
        if !self.all.get(self.latest).and_then(Option::as_ref).is_some_and(is_latest) {
            self.latest = *self.indices.entry(callee).or_insert_with(|| {
                let queue = Some(CalleeQueue::new(callee, SlotShare::new(slots(callee), wanted)));
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
        let index = self.latest;
        let queue = self.get(index);
        queue.unsettled += 1;
        if queue.leaves_slots {
            queue.leaves_slots = false;
            queue.share.want(wanted);
        }
        index
    }

    /// Removes a settled call, and with the last one the queue. `is_last` says whether there are no further calls for
    /// now. Then the window wants no more slots than it has calls.
    pub fn remove_call(&mut self, index: usize, is_last: bool) {
        let queue = self.get(index);
        queue.unsettled -= 1;
        if queue.unsettled == 0 {
            let callee = queue.callee;
            self.indices.remove(&callee);
            self.all[index] = None;
            self.free.push(index);
        } else if is_last {
            queue.leave_unused_slots();
        }
    }

    /// Gives slots back that the calls to the latest callee do not need, because there are no further calls for now.
    pub fn leave_unused_slots_of_latest(&mut self) {
        if let Some(Some(queue)) = self.all.get_mut(self.latest) {
            queue.leave_unused_slots();
        }
    }

    /// Indices of queues, some of which may not exist now.
    pub fn indices(&self) -> Range<usize> {
        0..self.all.len()
    }

    /// Removes a call that waits for a slot from the queue with this index.
    pub fn take_waiting(&mut self, index: usize) -> Option<PendingCall> {
        let queue = self.all[index].as_mut()?;
        queue.is_ready = false;
        queue.waiting.pop_front()
    }
}

impl CalleeQueue {
    fn new(callee: Principal, share: SlotShare) -> Self {
        Self {
            callee,
            unsettled: 0,
            share,
            waiting: VecDeque::new(),
            delayed: 0,
            is_full: false,
            hold: None,
            leaves_slots: false,
            is_ready: false,
        }
    }

    fn leave_unused_slots(&mut self) {
        let wanted = u32::try_from(self.unsettled).unwrap_or(u32::MAX);
        if wanted < self.share.wanted() {
            self.leaves_slots = true;
            self.share.want(wanted);
        }
    }
}
