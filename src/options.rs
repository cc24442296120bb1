//! The options of a fan-out.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::{Outcome, Reply, Retry, Window};

/// How to make many calls: the window, the retries, and options that are seldom needed.
///
/// [`run`](Self::run) reports each outcome as it arrives. [`collect`](Self::collect) returns all outcomes in the order of
/// the requests. The functions [`windowed`](crate::windowed) and [`fan_out`](crate::fan_out) do the same without the other
/// options.
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
    /// Bytes of replies that [`collect`](Self::collect) keeps. `None`: [`ReplyLimit::of_memory`] of the memory that the
    /// [transport](crate::Transport::reply_bytes_max) states.
    pub replies: Option<ReplyLimit>,
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
    /// Without this option, calls to a callee are sent in the order of the requests, but a call that is tried again comes
    /// after calls that were sent in the meantime.
    pub fn in_order(mut self) -> Self {
        self.in_order = true;
        self
    }

    /// Sets how long the whole fan-out may take. When this time is over, no further call is sent, and the calls that wait
    /// end as not done, for the reason [`Expired`](crate::Reason::Expired). Bounded waits are shortened so that they end
    /// in this time. (The system counts whole seconds, so the fan-out can take a second longer.) The fan-out still waits
    /// for the responses to open calls with an [unbounded](crate::Wait::Unbounded) wait.
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

    /// Sets how many bytes of replies [`collect`](Self::collect) keeps.
    pub fn keeping(mut self, replies: ReplyLimit) -> Self {
        self.replies = Some(replies);
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

/// How many bytes of replies are kept in memory.
///
/// A callee can reply with 2 MiB, and the heap of a canister has 4 GiB. So the replies to 2,000 calls can fill it, and
/// then all further messages of the canister fail. A reply beyond a limit is dropped, and the outcome of its call is
/// [`ReplyDropped`](Outcome::ReplyDropped). To use all replies whatever their size, take [`FanOut::run`], which hands over
/// each reply when it arrives and keeps none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLimit {
    /// Bytes of one reply.
    pub per_call: usize,
    /// Bytes of all replies together.
    pub total: usize,
}

impl ReplyLimit {
    /// Replies of any length, as long as they together have at most this many bytes.
    pub fn of_memory(bytes: usize) -> Self {
        Self { per_call: usize::MAX, total: bytes }
    }
}

/// The bytes of replies that may still be kept.
pub(crate) struct ReplyBudget {
    per_call: usize,
    left: Cell<usize>,
}

impl ReplyBudget {
    pub fn new(limit: ReplyLimit) -> Self {
        Self { per_call: limit.per_call, left: Cell::new(limit.total) }
    }

    /// The outcome, without a reply that may not be kept.
    pub fn keep(&self, outcome: Outcome<Reply>) -> Outcome<Reply> {
        let Outcome::Done(reply) = outcome else { return outcome };
        let bytes = reply.bytes.len();
        match self.left.get().checked_sub(bytes).filter(|_| bytes <= self.per_call) {
            Some(left) => {
                self.left.set(left);
                Outcome::Done(reply)
            }
            None => Outcome::ReplyDropped { bytes, refunded: reply.refunded },
        }
    }
}
