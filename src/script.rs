//! A transport for tests: nothing is answered unless the test says so, and slots and cycles are as many as it gives.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ic_principal::Principal;

use crate::{Limits, Reason, Request, Transport};

type Reply = Result<Vec<u8>, Reason>;

/// See the module.
pub struct Script {
    /// Slots to each callee.
    pub slots: Cell<usize>,
    /// Calls that the cycles cover.
    pub affordable: Cell<usize>,
    /// Whether the canister is stopping.
    pub stopping: Cell<bool>,
    /// The time.
    pub now: Cell<Duration>,
    /// All calls that were sent, in this order.
    pub sent: RefCell<Vec<Rc<Request>>>,
    /// Why nothing can be waited for, if so.
    pub pause_fails: RefCell<Option<Reason>>,
    /// Pauses that were asked for.
    pub pauses: Cell<usize>,
    /// Sends that failed.
    pub refused: Cell<usize>,
    open: RefCell<BTreeMap<usize, Rc<Slot>>>,
    pause_ends: Cell<Option<Duration>>,
}

struct Slot {
    callee: Principal,
    reply: RefCell<Option<Reply>>,
    waker: RefCell<Option<Waker>>,
}

impl Script {
    pub fn new(slots: usize, affordable: usize) -> Self {
        Self {
            slots: Cell::new(slots),
            affordable: Cell::new(affordable),
            stopping: Cell::new(false),
            now: Cell::new(Duration::ZERO),
            sent: RefCell::default(),
            refused: Cell::new(0),
            pause_fails: RefCell::default(),
            pauses: Cell::new(0),
            open: RefCell::default(),
            pause_ends: Cell::new(None),
        }
    }

    /// Numbers of the calls that are open, by the order in which they were sent.
    pub fn open(&self) -> Vec<usize> {
        self.open.borrow().keys().copied().collect()
    }

    /// Open calls to one callee.
    pub fn open_to(&self, callee: Principal) -> usize {
        self.open.borrow().values().filter(|slot| slot.callee == callee).count()
    }

    /// Answers an open call.
    pub fn answer(&self, call: usize, reply: Reply) {
        let slot = self.open.borrow_mut().remove(&call).expect("the call is open");
        slot.reply.replace(Some(reply));
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    }

    /// Polls a future to its end; whenever nothing happens by itself, `next` has to answer a call. Where none is open,
    /// time moves to the end of the pause.
    pub fn drive<F: Future>(&self, future: F, mut next: impl FnMut(&Self)) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) =
                future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            {
                return output;
            }
            match self.pause_ends.take() {
                Some(end) => self.now.set(end),
                None => {
                    assert!(!self.open.borrow().is_empty(), "it waits for nothing");
                    next(self);
                }
            }
        }
    }
}

impl Transport for Script {
    type Answer = Pin<Box<dyn Future<Output = Reply>>>;

    fn send(&self, request: &Rc<Request>) -> Result<Self::Answer, Reason> {
        let refuse = |reason| {
            self.refused.set(self.refused.get() + 1);
            Err(reason)
        };
        if self.open.borrow().len() >= self.affordable.get() {
            return refuse(Reason::Cycles { required: 1, available: 0 });
        }
        if self.open_to(request.callee) >= self.slots.get() {
            return refuse(Reason::QueueFull);
        }
        let slot = Rc::new(Slot {
            callee: request.callee,
            reply: RefCell::default(),
            waker: RefCell::default(),
        });
        let mut sent = self.sent.borrow_mut();
        self.open.borrow_mut().insert(sent.len(), slot.clone());
        sent.push(request.clone());
        Ok(Box::pin(poll_fn(move |context| match slot.reply.take() {
            Some(reply) => Poll::Ready(reply),
            None => {
                slot.waker.replace(Some(context.waker().clone()));
                Poll::Pending
            }
        })))
    }

    fn limits(&self, _: &Request) -> Limits {
        Limits {
            queue_slots: self.slots.get() as u32,
            callbacks: u32::MAX,
            liquid_cycles: self.affordable.get() as u128,
            cycles_per_call: 1,
            spent_per_call: 0,
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    fn now(&self) -> Duration {
        self.now.get()
    }

    async fn pause(&self, wait: Duration) -> Result<(), Reason> {
        self.pauses.set(self.pauses.get() + 1);
        if let Some(reason) = self.pause_fails.borrow().clone() {
            return Err(reason);
        }
        let end = self.now() + wait;
        poll_fn(|_| {
            if self.now() >= end {
                return Poll::Ready(());
            }
            self.pause_ends.set(Some(end));
            Poll::Pending
        })
        .await;
        Ok(())
    }
}

/// The callee of this number.
pub fn callee(number: u8) -> Principal {
    Principal::from_slice(&[number, 1, 1])
}
