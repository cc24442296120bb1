//! The open calls of this canister. A call counts as open until the system delivers its response, also when nobody awaits
//! the response any more.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use ic_cdk::api::msg_cycles_refunded;
use ic_cdk::call::{Call, CallFailed, Response as CallResponse};
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

/// A call that was sent, as the future of its response. It counts as open until the response arrives, also if this future
/// is dropped before.
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
    /// After a trap, `ic-cdk` drops all futures of the message. If the future of a call were dropped then, `ic-cdk` would
    /// trap when the response arrives, and nobody would learn of the response.
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

/// Makes a call, and also returns the cycles that come back with its response.
///
/// The system tells the refund only while it executes the callback of that call. So the refund is read when `ic-cdk` wakes
/// the future: the program may poll the future later.
pub async fn with_refund(call: Call<'_, '_>) -> (Result<CallResponse, CallFailed>, u128) {
    let meter = Arc::new(RefundMeter::default());
    let waker = Waker::from(meter.clone());
    let mut response = std::pin::pin!(call.into_future());
    let response = poll_fn(|context| {
        meter.change(|state| state.task = Some(context.waker().clone()));
        response.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await;
    (response, meter.change(|state| state.refunded))
}

/// A waker that reads the refund.
#[derive(Default)]
struct RefundMeter(Mutex<RefundState>);

#[derive(Default)]
struct RefundState {
    /// Who awaits the response.
    task: Option<Waker>,
    refunded: u128,
}

impl RefundMeter {
    fn change<T>(&self, change: impl FnOnce(&mut RefundState) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Wake for RefundMeter {
    fn wake(self: Arc<Self>) {
        let refunded = msg_cycles_refunded();
        let task = self.change(|state| {
            state.refunded = refunded;
            state.task.take()
        });
        if let Some(task) = task {
            task.wake();
        }
    }
}
