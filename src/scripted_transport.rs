//! A transport for tests. The test sets the free slots and the cycles, and gives each response.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ic_principal::Principal;

use crate::{KeptReplies, Limits, Reason, Request, Response, SlotTable, Slots, Transport, Wait};

type ScriptedResponse = Result<Vec<u8>, Reason>;

/// What a test does at some moment.
type Action = Box<dyn FnMut(&ScriptedTransport)>;

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
    /// How long each of these calls waits.
    pub waits: RefCell<Vec<Wait>>,
    /// Calls of others to a callee, which occupy slots.
    pub held: RefCell<BTreeMap<Principal, usize>>,
    /// What happens at the end of each pause.
    on_pause: RefCell<Action>,
    /// The error of [`Transport::pause`], if it is to fail.
    pub pause_fails: RefCell<Option<Reason>>,
    /// Number of calls of [`Transport::pause`].
    pub pauses: Cell<usize>,
    /// Number of calls that were refused because slots or cycles were missing.
    pub refused: Cell<usize>,
    open: RefCell<BTreeMap<usize, Rc<ScriptedCall>>>,
    pauses_open: RefCell<Vec<(Duration, Waker)>>,
    /// Whether the latest event was a response rather than the end of a pause.
    responded_last: Cell<bool>,
    table: RefCell<SlotTable>,
    kept_replies: Rc<KeptReplies>,
}

struct ScriptedCall {
    callee: Principal,
    response: RefCell<Option<Response>>,
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
            waits: RefCell::default(),
            held: RefCell::default(),
            on_pause: RefCell::new(Box::new(|_| ())),
            refused: Cell::new(0),
            pause_fails: RefCell::default(),
            pauses: Cell::new(0),
            open: RefCell::default(),
            pauses_open: RefCell::default(),
            responded_last: Cell::new(false),
            table: RefCell::default(),
            kept_replies: Rc::default(),
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

    /// Lets others of the canister have this many open calls to a callee.
    pub fn hold(&self, callee: Principal, calls: usize) {
        let before = self.held.borrow_mut().insert(callee, calls).unwrap_or(0);
        let slots = self.slots(callee);
        (before..calls).for_each(|_| slots.note_sent());
        (calls..before).for_each(|_| slots.note_response());
    }

    /// Sets what happens at the end of each pause.
    pub fn at_pauses(&self, action: impl FnMut(&Self) + 'static) {
        *self.on_pause.borrow_mut() = Box::new(action);
    }

    /// Gives an open call its response.
    pub fn respond(&self, number: usize, response: ScriptedResponse) {
        self.respond_with_refund(number, response, 0);
    }

    /// Gives an open call its response, with which cycles come back.
    pub fn respond_with_refund(&self, number: usize, result: ScriptedResponse, refunded: u128) {
        let call = self.open.borrow_mut().remove(&number).expect("the call is open");
        self.slots(call.callee).note_response();
        call.response.replace(Some(Response { result, refunded }));
        if let Some(waker) = call.waker.take() {
            waker.wake();
        }
    }

    /// Polls a future until it is ready. Whenever it is pending, the time moves to the end of the pause, or without a
    /// pause, `next` has to give an open call its response.
    pub fn drive<F: Future>(&self, future: F, next: impl FnMut(&Self)) -> F::Output {
        let mut future = pin!(future);
        let mut output = None;
        let mut poll = |context: &mut Context<'_>| match future.as_mut().poll(context) {
            Poll::Ready(ready) => {
                output = Some(ready);
                true
            }
            Poll::Pending => false,
        };
        self.drive_all(&mut [&mut poll], next);
        output.expect("the future is ready")
    }

    /// Polls several messages of the canister until all have ended. Each is a function that polls, and returns
    /// whether the message has ended. As on the system, a message is polled only when something happens to one of its
    /// own calls.
    pub fn drive_all(
        &self,
        messages: &mut [&mut dyn FnMut(&mut Context<'_>) -> bool],
        mut next: impl FnMut(&Self),
    ) {
        let mut running: Vec<_> =
            messages.iter_mut().map(|message| (message, Arc::new(Woken(true.into())))).collect();
        while !running.is_empty() {
            running.retain_mut(|(message, woken)| {
                let waker = Waker::from(woken.clone());
                let is_woken = woken.0.swap(false, Ordering::Relaxed);
                !(is_woken && message(&mut Context::from_waker(&waker)))
            });
            if running.iter().any(|(_, woken)| woken.0.load(Ordering::Relaxed)) {
                continue;
            }
            if !running.is_empty() && !self.end_pauses() {
                assert!(!self.open.borrow().is_empty(), "no call is open, and no pause has begun");
                next(self);
            }
        }
    }

    /// Ends the pauses that end first. Returns whether there are any. Open calls get their responses between two
    /// pauses.
    fn end_pauses(&self) -> bool {
        let pauses = self.pauses_open.take();
        let Some(end) = pauses.iter().map(|(end, _)| *end).min() else { return false };
        if !self.open.borrow().is_empty() && !self.responded_last.replace(true) {
            self.pauses_open.replace(pauses);
            return false;
        }
        self.responded_last.set(false);
        self.now.set(end.max(self.now.get()));
        let mut on_pause = self.on_pause.replace(Box::new(|_| ()));
        on_pause(self);
        *self.on_pause.borrow_mut() = on_pause;
        for (other, waker) in pauses {
            if other <= end {
                waker.wake();
            } else {
                self.pauses_open.borrow_mut().push((other, waker));
            }
        }
        true
    }
}

/// Whether a message is to be polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Transport for ScriptedTransport {
    type ResponseFuture = Pin<Box<dyn Future<Output = Response>>>;

    fn send(&self, request: &Rc<Request>, wait: Wait) -> Result<Self::ResponseFuture, Reason> {
        let refused = |reason| {
            self.refused.set(self.refused.get() + 1);
            Err(reason)
        };
        if self.open.borrow().len() >= self.affordable.get() {
            return refused(Reason::cycles(1, 0));
        }
        let held = self.held.borrow().get(&request.callee).copied().unwrap_or(0);
        if self.open_to(request.callee) + held >= self.slots.get() {
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
        self.waits.borrow_mut().push(wait);
        self.slots(request.callee).note_sent();
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
        let mut has_begun = false;
        poll_fn(|context| {
            if has_begun && self.now() >= end {
                return Poll::Ready(());
            }
            has_begun = true;
            self.pauses_open.borrow_mut().push((end, context.waker().clone()));
            Poll::Pending
        })
        .await;
        Ok(())
    }

    fn slots(&self, callee: Principal) -> Rc<Slots> {
        self.table.borrow_mut().of(callee)
    }

    fn reply_bytes_max(&self) -> usize {
        1_000
    }

    fn kept_replies(&self) -> Rc<KeptReplies> {
        self.kept_replies.clone()
    }
}

/// The id of the callee with this number.
pub fn callee(number: u8) -> Principal {
    Principal::from_slice(&[number, 1, 1])
}
