//! A transport for tests. The test sets the free slots and the cycles, and gives each response.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ic_principal::Principal;

use crate::{Limits, Reason, Request, Transport};

type ScriptedResponse = Result<Vec<u8>, Reason>;

/// A [`Transport`] that a test controls.
pub struct ScriptedTransport {
    /// Slots for calls to each callee.
    pub slots: Cell<usize>,
    /// Open calls that the cycles cover.
    pub affordable: Cell<usize>,
    /// Whether the canister is stopping.
    pub stopping: Cell<bool>,
    /// The time.
    pub now: Cell<Duration>,
    /// All calls that were sent, in the order of sending.
    pub sent: RefCell<Vec<Rc<Request>>>,
    /// The error of [`Transport::pause`], if it is to fail.
    pub pause_fails: RefCell<Option<Reason>>,
    /// Number of calls of [`Transport::pause`].
    pub pauses: Cell<usize>,
    /// Number of calls that were refused because slots or cycles were missing.
    pub refused: Cell<usize>,
    open: RefCell<BTreeMap<usize, Rc<ScriptedCall>>>,
    pause_ends: Cell<Option<Duration>>,
}

struct ScriptedCall {
    callee: Principal,
    response: RefCell<Option<ScriptedResponse>>,
    waker: RefCell<Option<Waker>>,
}

impl ScriptedTransport {
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

    /// The open calls, as indices into [`sent`](Self::sent).
    pub fn open(&self) -> Vec<usize> {
        self.open.borrow().keys().copied().collect()
    }

    /// Number of open calls to one callee.
    pub fn open_to(&self, callee: Principal) -> usize {
        self.open.borrow().values().filter(|call| call.callee == callee).count()
    }

    /// Gives an open call its response.
    pub fn respond(&self, number: usize, response: ScriptedResponse) {
        let call = self.open.borrow_mut().remove(&number).expect("the call is open");
        call.response.replace(Some(response));
        if let Some(waker) = call.waker.take() {
            waker.wake();
        }
    }

    /// Polls a future until it is ready. Whenever it is pending, the time moves to the end of the pause, or without a
    /// pause, `next` has to give an open call its response.
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
                    assert!(
                        !self.open.borrow().is_empty(),
                        "no call is open, and no pause has begun"
                    );
                    next(self);
                }
            }
        }
    }
}

impl Transport for ScriptedTransport {
    type ResponseFuture = Pin<Box<dyn Future<Output = ScriptedResponse>>>;

    fn send(&self, request: &Rc<Request>) -> Result<Self::ResponseFuture, Reason> {
        let refused = |reason| {
            self.refused.set(self.refused.get() + 1);
            Err(reason)
        };
        if self.open.borrow().len() >= self.affordable.get() {
            return refused(Reason::Cycles { required: 1, available: 0 });
        }
        if self.open_to(request.callee) >= self.slots.get() {
            return refused(Reason::QueueFull);
        }
        let call = Rc::new(ScriptedCall {
            callee: request.callee,
            response: RefCell::default(),
            waker: RefCell::default(),
        });
        let mut sent = self.sent.borrow_mut();
        self.open.borrow_mut().insert(sent.len(), call.clone());
        sent.push(request.clone());
        Ok(Box::pin(poll_fn(move |context| match call.response.take() {
            Some(response) => Poll::Ready(response),
            None => {
                call.waker.replace(Some(context.waker().clone()));
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

/// The id of the callee with this number.
pub fn callee(number: u8) -> Principal {
    Principal::from_slice(&[number, 1, 1])
}
