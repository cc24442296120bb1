//! The transport of a canister, over `ic-cdk`.
//!
//! The [crate documentation](crate) has an example.

mod open_calls;
mod prices;

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ic_cdk::api::{
    CanisterStatusCode, canister_liquid_cycle_balance, canister_status, msg_cycles_refunded, time,
};
use ic_cdk::call::{Call, CallFailed, Response as CallResponse};
use ic_principal::Principal;

use crate::limits::{HEAP_BYTES_MAX, METHOD_NAME_BYTES_MAX, QUEUE_SLOTS, REQUEST_BYTES_MAX};
use crate::{
    KeptReplies, Limits, Reason, Request, Response, SHARED_SLOTS, Slots, Transport, Wait,
    reject_code,
};
use open_calls::{OpenCall, PendingResponse, with_refund};

/// Calls of `raw_rand` after which a pause counts as one on a network whose clock stands still, if the clock has
/// moved by less than [`MOVEMENT_MIN`] meanwhile.
const STILL_CALLS_MAX: u32 = 100;

/// The least movement of a running clock during [`STILL_CALLS_MAX`] calls. A clock that stands still moves by a
/// nanosecond per round, so that the times of rounds differ. On a fast machine, a network without round times needs
/// about 100 microseconds for a call.
const MOVEMENT_MIN: Duration = Duration::from_micros(10);

/// The part of the free heap for the replies of a fan-out: a quarter. The canister needs memory to use the replies,
/// too.
const REPLIES_PART: usize = 4;

thread_local! {
    static KEPT_REPLIES: Rc<KeptReplies> = Rc::default();
    /// Pauses that have begun and not ended.
    static PAUSES: Cell<u32> = const { Cell::new(0) };
}

/// Counts a pause until it is dropped.
struct OpenPause;

impl OpenPause {
    /// Begins a pause, unless there are [`SHARED_SLOTS`] already.
    fn begin() -> Result<Self, Reason> {
        if PAUSES.get() >= SHARED_SLOTS {
            return Err(Reason::QueueFull);
        }
        PAUSES.set(PAUSES.get() + 1);
        Ok(Self)
    }
}

impl Drop for OpenPause {
    fn drop(&mut self) {
        PAUSES.set(PAUSES.get() - 1);
    }
}

/// The [`Transport`] of the canister in which this code runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Canister;

impl Transport for Canister {
    type ResponseFuture = OpenCall;

    fn send(&self, request: &Rc<Request>, wait: Wait) -> Result<Self::ResponseFuture, Reason> {
        check(request)?;
        let mut response: PendingResponse = Box::pin(response_to(request.clone(), wait));
        // `ic-cdk` sends a call when its future is polled for the first time. This is the first time.
        match response.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Response { result: Err(reason), .. }) if reason.kind().is_unsent() => {
                Err(reason)
            }
            Poll::Ready(response) => Ok(OpenCall::ended(response)),
            Poll::Pending => Ok(OpenCall::new(response, request.callee)),
        }
    }

    fn limits(&self, request: &Request) -> Limits {
        Limits {
            // At least one, because a window waits for the slots that other calls occupy.
            queue_slots: open_calls::slots(request.callee).available().max(1),
            callbacks: QUEUE_SLOTS,
            liquid_cycles: canister_liquid_cycle_balance(),
            cycles_per_call: prices::withheld(request),
            spent_per_call: prices::spent(request),
        }
    }

    fn is_stopping(&self) -> bool {
        canister_status() == CanisterStatusCode::Stopping
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(time())
    }

    /// Waits by calling `raw_rand` of the management canister, again and again, until the time is over. (A message
    /// cannot simply sleep: its call context ends when it has no open call.) Returns early only if the canister is
    /// being stopped.
    ///
    /// Each of these calls takes at least two rounds and costs about 5.5 million cycles on a subnet of 13 nodes. On
    /// the mainnet, that is about one call per second. A local network without round times executes thousands of
    /// rounds per second, so there a second of waiting costs up to 40 billion cycles. Calls that can wait without an
    /// open message, such as those of a [`Job`](crate::Job), wait with a timer instead: a timer costs about 16
    /// million cycles, however long it waits.
    ///
    /// Each message that pauses needs a call of its own: the system ends a message that has no open call, and
    /// `ic-cdk` continues a message only in the callbacks of its own calls. At most [`SHARED_SLOTS`] messages can
    /// pause at the same time. The other slots to the management canister are left for other calls. For more fan-outs
    /// with retries, make the calls in fewer messages, or wait with a timer.
    ///
    /// # Errors
    ///
    /// - The reason why `raw_rand` could not be called, for instance [`Reason::Cycles`].
    /// - [`Reason::QueueFull`]: [`SHARED_SLOTS`] messages pause, or no slot to the management canister is free.
    /// - [`Reason::ClockStopped`]: during 100 calls, the clock has moved by less than 10 microseconds.
    async fn pause(&self, wait: Duration) -> Result<(), Reason> {
        let until = self.now().saturating_add(wait);
        let raw_rand = Rc::new(Request::new(Principal::management_canister(), "raw_rand"));
        let (mut still_since, mut still_calls) = (self.now(), 0);
        let _pause = OpenPause::begin()?;
        loop {
            self.send(&raw_rand, raw_rand.wait)?.await;
            let now = self.now();
            if now >= until || self.is_stopping() {
                return Ok(());
            }
            still_calls += 1;
            if now >= still_since + MOVEMENT_MIN {
                (still_since, still_calls) = (now, 0);
            } else if still_calls >= STILL_CALLS_MAX {
                return Err(Reason::ClockStopped);
            }
        }
    }

    fn slots(&self, callee: Principal) -> Rc<Slots> {
        open_calls::slots(callee)
    }

    /// A quarter of the heap that is free, without what the fan-outs keep already, if the heap may have 3 GiB.
    fn reply_bytes_max(&self) -> usize {
        let others = heap_bytes().saturating_sub(self.kept_replies().bytes());
        HEAP_BYTES_MAX.saturating_sub(others) / REPLIES_PART
    }

    fn kept_replies(&self) -> Rc<KeptReplies> {
        KEPT_REPLIES.with(Rc::clone)
    }
}

/// Bytes of the heap of this canister.
fn heap_bytes() -> usize {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size(0) * 65_536;
    #[cfg(not(target_arch = "wasm32"))]
    return 0;
}

/// Checks that an upgrade is safe: every call of this library has its response, or the canister is stopped.
///
/// Call this function in `pre_upgrade`, and trap if it fails. An upgrade with open calls is dangerous. The callbacks of
/// the calls are indices into the function table of the old module. In the new module, another function can have the
/// same index, and the system would execute it.
///
/// The library counts a call until its response arrives, also if nobody awaits it any more: because its future was
/// dropped, or because a trap ended the message that awaited it.
///
/// # Errors
///
/// A message with the number of open calls, if there are any. Stop the canister, upgrade it, and start it again:
/// stopping waits for all responses.
pub fn ready_for_upgrade() -> Result<(), String> {
    let open = open_calls::count();
    if open == 0 || canister_status() == CanisterStatusCode::Stopped {
        return Ok(());
    }
    Err(format!(
        "{open} calls are open: stop this canister before upgrading it, and start it afterwards"
    ))
}

/// Refuses a call for which the system would trap this canister instead of rejecting the call.
fn check(request: &Request) -> Result<(), Reason> {
    let name = request.method.len();
    let (code, subject, bytes, max) = if name > METHOD_NAME_BYTES_MAX {
        (reject_code::DESTINATION_INVALID, "the method's name", name, METHOD_NAME_BYTES_MAX)
    } else {
        let all = name + request.argument.len();
        (reject_code::SYS_FATAL, "the call", all, REQUEST_BYTES_MAX)
    };
    if bytes <= max {
        return Ok(());
    }
    let message = format!("not sent: {subject} has {bytes} bytes, and the maximum is {max}");
    Err(Reason::Rejected { code, message })
}

/// Makes a call and waits for its response.
async fn response_to(request: Rc<Request>, wait: Wait) -> Response {
    let (response, refunded) = if request.cycles == 0 {
        (prepared(&request, wait).await, 0)
    } else {
        let call = prepared(&request, wait).into_future();
        Box::pin(with_refund(call, msg_cycles_refunded)).await
    };
    let result =
        response.map(CallResponse::into_bytes).map_err(|failure| reason(failure, &request));
    Response { result, refunded }
}

/// The request as a call of `ic-cdk`.
fn prepared(request: &Request, wait: Wait) -> Call<'_, '_> {
    let call = match wait {
        Wait::Bounded(wait) => Call::bounded_wait(request.callee, &request.method)
            // The system counts whole seconds. Round up, so that the wait is not shorter than requested.
            .change_timeout(u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)),
        Wait::Unbounded => Call::unbounded_wait(request.callee, &request.method),
    };
    call.with_raw_args(&request.argument).with_cycles(request.cycles)
}

fn reason(failure: CallFailed, request: &Request) -> Reason {
    match failure {
        // The system does not say why it refused the call. The cycles can be checked, the free slots cannot.
        CallFailed::CallPerformFailed(_) => {
            let (required, available) =
                (prices::withheld(request), canister_liquid_cycle_balance());
            if available < required {
                Reason::cycles(required, available)
            } else {
                Reason::QueueFull
            }
        }
        CallFailed::InsufficientLiquidCycleBalance(shortage) => {
            Reason::cycles(shortage.required, shortage.available)
        }
        CallFailed::CallRejected(reject) => {
            Reason::rejected(reject.raw_reject_code(), reject.reject_message().into())
        }
    }
}
