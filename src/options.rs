//! The options of a fan-out.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::{ReplyLimit, Retry, Window};

/// How to make many calls: the window, the retries, and options that are seldom needed.
///
/// [`run`](Self::run) reports each outcome as it arrives. [`collect`](Self::collect) returns all outcomes in the
/// order of the requests. The functions [`windowed`](crate::windowed) and [`fan_out`](crate::fan_out) do the same
/// without the other options.
///
/// ```no_run
/// # use parallel_calls::{Canister, Cancel, FanOut, Request, Retry, Window};
/// # use std::time::Duration;
/// # async fn example(payments: Vec<Request>, cancel: Cancel) {
/// let summary = FanOut::new(Window::of(100))
///     .with_retry(Retry::attempts(5))
///     // Whatever happens, come back after ten minutes.
///     .within(Duration::from_secs(600))
///     // Another message of this canister may call `cancel.cancel()`.
///     .cancelled_by(&cancel)
///     // To each callee one payment after the other, in the order of the list.
///     .in_order()
///     .run(&Canister, payments, |number, outcome| {
///         ic_cdk::println!("payment {number}: {} cycles came back", outcome.refunded());
///     })
///     .await;
/// ic_cdk::println!("{} are unknown", summary.unknown());
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a fan-out makes no call before `run` or `collect`"]
pub struct FanOut {
    /// How many calls may be open at the same time.
    pub window: Window,
    /// How often each call is tried, unless its [request](crate::Request::retry) says so itself.
    pub retry: Retry,
    /// Whether no call may overtake an earlier call to the same callee.
    pub in_order: bool,
    /// How long the whole fan-out may take.
    pub deadline: Option<Duration>,
    /// How long calls are sent.
    pub sending_time: Option<Duration>,
    /// The handle that cancels the fan-out.
    pub cancel: Option<Cancel>,
    /// Bytes of replies that [`collect`](Self::collect) keeps. `None`: the limit that all fan-outs of the canister
    /// [share](ReplyLimit).
    pub replies: Option<ReplyLimit>,
    /// Whether a call that finds no slot waits while other calls of the canister occupy all slots.
    pub waits_for_slots: bool,
}

impl FanOut {
    /// A fan-out with this window, one attempt per call, and without the other options.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            retry: Retry::NEVER,
            in_order: false,
            deadline: None,
            sending_time: None,
            cancel: None,
            replies: None,
            waits_for_slots: true,
        }
    }

    /// Sets how often each call is tried, unless its [request](crate::Request::with_retry) says so itself.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Makes the calls to each callee one after the other, in the order of the requests. A call is sent when the call
    /// before it has its final outcome, all attempts included. If that outcome is a failure, the next call is made
    /// nevertheless. Calls to different callees are open at the same time.
    ///
    /// Without this option, calls to a callee are sent in the order of the requests, but a call that is tried again
    /// comes after calls that were sent in the meantime.
    pub fn in_order(mut self) -> Self {
        self.in_order = true;
        self
    }

    /// Sets how long the whole fan-out may take. When this time is over, no further call is sent, and the calls that
    /// wait end as not done, for the reason [`Expired`](crate::Reason::Expired). Bounded waits are shortened so that
    /// they end in this time. (The system counts whole seconds, so the fan-out can take a second longer.) The fan-out
    /// still waits for the responses to open calls with an [unbounded](crate::Wait::Unbounded) wait.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets how long calls are sent. Then the calls that wait end as not done, for the reason
    /// [`Expired`](crate::Reason::Expired). Open calls wait for their responses as long as their requests say.
    pub fn sending_for(mut self, time: Duration) -> Self {
        self.sending_time = Some(time);
        self
    }

    /// Lets a [`Cancel`] handle cancel the fan-out.
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Sets how many bytes of replies [`collect`](Self::collect) keeps, whatever other fan-outs of the canister keep.
    pub fn keeping(mut self, replies: ReplyLimit) -> Self {
        self.replies = Some(replies);
        self
    }

    /// Does not wait for slots that other calls of the canister occupy. A call that finds no slot, while no call of
    /// this fan-out to the same callee is open, fails for the reason [`QueueFull`](crate::Reason::QueueFull), and its
    /// [`Retry`] decides whether it is tried again.
    ///
    /// This is for tasks of a timer. To wait within a message, the library would have to
    /// [make calls](crate::Transport::pause). A task of a timer can end instead, and the next one tries again. A
    /// [claim](crate::Slots::claim) keeps a share of the slots free until then:
    ///
    /// ```no_run
    /// # use parallel_calls::{Canister, FanOut, Request, ReasonKind, SlotClaim, Transport, Window};
    /// # use std::cell::RefCell;
    /// thread_local! {
    ///     static CLAIM: RefCell<Option<SlotClaim>> = const { RefCell::new(None) };
    /// }
    ///
    /// /// The task of a timer. Returns whether it has to be executed again later.
    /// async fn task(requests: Vec<Request>) -> bool {
    ///     let Some(callee) = requests.first().map(|request| request.callee) else { return false };
    ///     CLAIM.take();
    ///     let fan_out = FanOut::new(Window::of(100)).without_waiting_for_slots();
    ///     let summary = fan_out.run(&Canister, requests, |_, _| ()).await;
    ///     let is_full = summary.failed(ReasonKind::QueueFull) > 0;
    ///     if is_full {
    ///         CLAIM.set(Some(Canister.slots(callee).claim(100)));
    ///     }
    ///     is_full
    /// }
    /// ```
    pub fn without_waiting_for_slots(mut self) -> Self {
        self.waits_for_slots = false;
        self
    }
}

/// A handle with which another message of the canister cancels a fan-out while it runs.
///
/// A cancelled fan-out sends no further call. Its calls that wait end as not done, for the reason
/// [`Cancelled`](crate::Reason::Cancelled). It still waits for the responses to its open calls. It notices that it was
/// cancelled when the next response arrives, or during a pause after about a second.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Rc<Cell<bool>>);

impl Cancel {
    /// A handle for one or several fan-outs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels all fan-outs with this handle or a clone of it.
    pub fn cancel(&self) {
        self.0.set(true);
    }

    /// Whether somebody has cancelled the fan-outs.
    pub fn is_cancelled(&self) -> bool {
        self.0.get()
    }
}
