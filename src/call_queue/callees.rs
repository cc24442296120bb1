//! The calls to each callee.

use std::collections::{HashMap, VecDeque};
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
    /// Whether calls wait for slots that other calls of this canister occupy.
    pub is_held: bool,
    /// Open calls of others to this callee when the system refused a call because no slot was free.
    pub open_when_refused: u32,
    /// Whether the queue is in [`CallQueue::ready`](super::CallQueue).
    pub is_ready: bool,
}

impl CalleeQueues {
    pub fn get(&mut self, index: usize) -> &mut CalleeQueue {
        self.all[index].as_mut().expect("an unsettled call has a queue")
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
        self.get(self.latest).unsettled += 1;
        self.latest
    }

    /// Removes a settled call, and with the last one the queue.
    pub fn remove_call(&mut self, index: usize) {
        let queue = self.get(index);
        queue.unsettled -= 1;
        if queue.unsettled == 0 {
            let callee = queue.callee;
            self.indices.remove(&callee);
            self.all[index] = None;
            self.free.push(index);
        }
    }

    /// Removes a call that waits for a slot, if there is one.
    pub fn take_waiting(&mut self) -> Option<PendingCall> {
        self.all.iter_mut().flatten().find_map(|queue| {
            queue.is_ready = false;
            queue.waiting.pop_front()
        })
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
            is_held: false,
            open_when_refused: 0,
            is_ready: false,
        }
    }
}
