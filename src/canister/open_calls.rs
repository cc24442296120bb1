//! The open calls of this canister. A call counts as open until the system delivers its response, also when nobody
//! awaits the response any more.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use ic_principal::Principal;

use crate::{Response, SlotTable, Slots};

/// The future of the response to an open call.
pub type PendingResponse = Pin<Box<dyn Future<Output = Response>>>;

thread_local! {
    static SLOTS: RefCell<SlotTable> = RefCell::default();
    /// Number of open calls.
    static OPEN: Cell<u32> = const { Cell::new(0) };
    /// The open calls whose futures were dropped, each at its place.
    static ABANDONED: RefCell<Vec<Option<OpenCall>>> = const { RefCell::new(Vec::new()) };
}

/// The slots for calls to this callee.
pub fn slots(callee: Principal) -> Rc<Slots> {
    SLOTS.with_borrow_mut(|slots| slots.of(callee))
}

/// Number of open calls.
pub fn count() -> u32 {
    OPEN.get()
}

/// A call that was sent, as the future of its response. It counts as open until the response arrives, also if this
/// future is dropped before.
pub struct OpenCall {
    state: State,
}

enum State {
    Open {
        response: PendingResponse,
        slots: Rc<Slots>,
    },
    /// The response has arrived. Nobody has taken it yet.
    Ended(Box<Response>),
    Taken,
}

impl OpenCall {
    /// A call that is open now.
    pub fn new(response: PendingResponse, callee: Principal) -> Self {
        let slots = slots(callee);
        slots.note_sent();
        OPEN.set(OPEN.get() + 1);
        Self { state: State::Open { response, slots } }
    }

    /// A call that has its response already.
    pub fn ended(response: Response) -> Self {
        Self { state: State::Ended(Box::new(response)) }
    }
}

impl Future for OpenCall {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        if let State::Open { response, slots } = &mut self.state {
            let response = response.as_mut().poll(context);
            if response.is_ready() {
                slots.note_response();
                OPEN.set(OPEN.get() - 1);
                self.state = State::Taken;
            }
            return response;
        }
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Ended(response) => Poll::Ready(*response),
            _ => panic!("polled after it was ready"),
        }
    }
}

impl Drop for OpenCall {
    /// Keeps an open call until its response arrives.
    ///
    /// After a trap, `ic-cdk` drops all futures of the message. If the future of a call were dropped then, `ic-cdk`
    /// would trap when the response arrives, and nobody would learn of the response.
    fn drop(&mut self) {
        if !matches!(self.state, State::Open { .. }) {
            return;
        }
        let mut call = Self { state: std::mem::replace(&mut self.state, State::Taken) };
        let place = ABANDONED.with_borrow_mut(|calls| {
            calls.push(None);
            calls.len() - 1
        });
        let waker = Waker::from(Arc::new(AbandonedCall { place }));
        // `ic-cdk` keeps the waker of the latest poll until the response arrives.
        if Pin::new(&mut call).poll(&mut Context::from_waker(&waker)).is_pending() {
            ABANDONED.with_borrow_mut(|calls| calls[place] = Some(call));
        }
    }
}

/// The waker of an abandoned call. `ic-cdk` drops it when the response arrives, whether it wakes it or, if the callback
/// traps, does not.
struct AbandonedCall {
    place: usize,
}

impl Wake for AbandonedCall {
    fn wake(self: Arc<Self>) {}
}

impl Drop for AbandonedCall {
    fn drop(&mut self) {
        let call = ABANDONED.with_borrow_mut(|calls| {
            let call = calls[self.place].take();
            while calls.pop_if(|call| call.is_none()).is_some() {}
            call
        });
        let Some(mut call) = call else { return };
        if let State::Open { slots, .. } = std::mem::replace(&mut call.state, State::Taken) {
            slots.note_response();
            OPEN.set(OPEN.get() - 1);
        }
    }
}

/// Awaits a call, and also returns the cycles that come back with its response, which `refunded` reads.
///
/// The system tells the refund only while it executes the callback of that call. So the refund is read when `ic-cdk`
/// wakes the future: the program may poll the future later.
pub async fn with_refund<T>(call: impl Future<Output = T>, read_refund: fn() -> u128) -> (T, u128) {
    let refund = Arc::<RefundedCycles>::default();
    let mut call = std::pin::pin!(call);
    let response = poll_fn(|context| {
        // A new waker for each poll, which nobody but `ic-cdk` keeps. If a callback traps, `ic-cdk` drops its waker
        // without waking it. With the waker, it then drops the one that it stands for, which may be that of an
        // abandoned call.
        let waker =
            RefundWaker { read_refund, refund: refund.clone(), task: context.waker().clone() };
        call.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(waker))))
    })
    .await;
    (response, refund.get())
}

/// A waker that reads the refund, and wakes the task that awaits the response.
struct RefundWaker {
    read_refund: fn() -> u128,
    refund: Arc<RefundedCycles>,
    task: Waker,
}

impl Wake for RefundWaker {
    fn wake(self: Arc<Self>) {
        self.refund.set((self.read_refund)());
        self.task.wake_by_ref();
    }
}

/// A number of cycles. Wakers must be able to move to other threads, although a canister has one thread only.
#[derive(Default)]
struct RefundedCycles(Mutex<u128>);

impl RefundedCycles {
    fn set(&self, value: u128) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    fn get(&self) -> u128 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A future that keeps the latest waker, as `ic-cdk` does, and is ready when its result is there.
    struct Callee {
        waker: Rc<Cell<Option<Waker>>>,
        result: Rc<Cell<Option<u8>>>,
    }

    impl Future for Callee {
        type Output = u8;

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u8> {
            self.waker.set(Some(context.waker().clone()));
            self.result.take().map_or(Poll::Pending, Poll::Ready)
        }
    }

    /// A waker that notes whether it was woken, and whether it was dropped.
    #[derive(Default)]
    struct Notes {
        woken: AtomicBool,
        dropped: Arc<AtomicBool>,
    }

    impl Wake for Notes {
        fn wake(self: Arc<Self>) {
            self.woken.store(true, Ordering::Relaxed);
        }
    }

    impl Drop for Notes {
        fn drop(&mut self) {
            self.dropped.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_refund_is_read_when_the_response_arrives_and_not_when_it_is_taken() {
        thread_local! {
            static REFUND: Cell<u128> = const { Cell::new(0) };
        }
        let (waker, result) = (Rc::new(Cell::default()), Rc::new(Cell::default()));
        let callee = Callee { waker: waker.clone(), result: result.clone() };
        let mut call = Box::pin(with_refund(callee, || REFUND.get()));
        let notes = Arc::new(Notes::default());
        let task = Waker::from(notes.clone());
        assert!(call.as_mut().poll(&mut Context::from_waker(&task)).is_pending());
        REFUND.set(7);
        result.set(Some(3));
        waker.take().expect("the future was polled").wake();
        assert!(notes.woken.load(Ordering::Relaxed));
        REFUND.set(0);
        assert_eq!(call.as_mut().poll(&mut Context::from_waker(&task)), Poll::Ready((3, 7)));
    }

    #[test]
    fn when_the_system_drops_the_waker_of_a_call_with_cycles_the_waker_of_its_task_is_dropped() {
        let waker = Rc::new(Cell::default());
        let callee = Callee { waker: waker.clone(), result: Rc::default() };
        let mut call = Box::pin(with_refund(callee, || unreachable!("the callback traps")));
        let dropped = Arc::new(AtomicBool::new(false));
        let notes = Notes { woken: AtomicBool::default(), dropped: dropped.clone() };
        let task = Waker::from(Arc::new(notes));
        assert!(call.as_mut().poll(&mut Context::from_waker(&task)).is_pending());
        drop(task);
        assert!(!dropped.load(Ordering::Relaxed), "the call has its waker");
        drop(waker.take());
        assert!(dropped.load(Ordering::Relaxed), "the callback has trapped");
    }
}
