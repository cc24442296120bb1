//! The transport of a canister, over `ic-cdk`.
//!
//! The [crate documentation](crate) has an example.

mod prices;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ic_cdk::api::{CanisterStatusCode, canister_liquid_cycle_balance, canister_status, time};
use ic_cdk::call::{Call, CallFailed, Response};
use ic_principal::Principal;

use crate::limits::{GUARANTEED_CALLBACKS, METHOD_NAME_BYTES_MAX, QUEUE_SLOTS, REQUEST_BYTES_MAX};
use crate::{Limits, Reason, Request, Transport, Wait, reject_code};

/// Calls that a pause makes per second, at most. A call takes at least two rounds, and the fastest subnets execute
/// about three rounds per second.
const PAUSE_CALLS_PER_SECOND: u64 = 2;

/// The [`Transport`] of the canister in which this code runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Canister;

impl Transport for Canister {
    type ResponseFuture = Pin<Box<dyn Future<Output = Result<Vec<u8>, Reason>>>>;

    fn send(&self, request: &Rc<Request>) -> Result<Self::ResponseFuture, Reason> {
        check(request)?;
        let mut response = Box::pin(response_to(request.clone()));
        // `ic-cdk` sends a call when its future is polled for the first time. This is the first time.
        match response.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(reason)) if reason.kind().is_unsent() => Err(reason),
            Poll::Ready(result) => Ok(Box::pin(std::future::ready(result))),
            Poll::Pending => Ok(response),
        }
    }

    fn limits(&self, request: &Request) -> Limits {
        Limits {
            queue_slots: QUEUE_SLOTS,
            callbacks: QUEUE_SLOTS.saturating_sub(AWAITED_CALLS.get()).max(GUARANTEED_CALLBACKS),
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

    /// Waits by calling `raw_rand` of the management canister, again and again. Each call takes at least two rounds. (A
    /// message cannot simply sleep: its call context ends when it has no open call.)
    ///
    /// Returns early if the canister is being stopped. It also returns when it has made two calls per second of `wait`,
    /// so that it ends on a network whose clock stands still, as in some tests. On a network with more than about four
    /// rounds per second, it therefore returns early, too.
    ///
    /// # Errors
    ///
    /// The reason why `raw_rand` could not be called, for instance [`Reason::Cycles`].
    async fn pause(&self, wait: Duration) -> Result<(), Reason> {
        let until = self.now().saturating_add(wait);
        let raw_rand = Rc::new(Request::new(Principal::management_canister(), "raw_rand"));
        for _ in 0..=wait.as_secs().saturating_mul(PAUSE_CALLS_PER_SECOND) {
            match response_to(raw_rand.clone()).await {
                Err(reason) if reason.kind().is_unsent() => return Err(reason),
                _ if self.now() >= until || self.is_stopping() => break,
                _ => {}
            }
        }
        Ok(())
    }
}

thread_local! {
    /// Open calls whose responses are awaited.
    static AWAITED_CALLS: Cell<u32> = const { Cell::new(0) };
    /// Calls whose futures were dropped while they were open. The library does not see their responses, so this number
    /// never decreases.
    static ABANDONED_CALLS: Cell<u32> = const { Cell::new(0) };
}

/// Checks that an upgrade is safe: every call of this library has its response, or the canister is stopped.
///
/// Call this function in `pre_upgrade`, and trap if it fails. An upgrade with open calls is dangerous. The callbacks of
/// the calls are indices into the function table of the old module. In the new module, another function can have the
/// same index, and the system would execute it.
///
/// If the future of a call was dropped, or if a trap ended the message that awaited it, the library does not learn of
/// the response. Such a call counts as open until the canister is stopped: stopping waits for all responses.
///
/// # Errors
///
/// A message with the number of open calls, if there are any. Stop the canister, upgrade it, and start it again.
pub fn ready_for_upgrade() -> Result<(), String> {
    let open = AWAITED_CALLS.get() + ABANDONED_CALLS.get();
    if open == 0 || canister_status() == CanisterStatusCode::Stopped {
        return Ok(());
    }
    Err(format!(
        "{open} calls are open: stop this canister before upgrading it, and start it afterwards"
    ))
}

/// Counts a call as open until it is dropped.
struct OpenCallGuard {
    has_response: bool,
}

impl OpenCallGuard {
    fn new() -> Self {
        AWAITED_CALLS.set(AWAITED_CALLS.get() + 1);
        Self { has_response: false }
    }

    fn response_arrived(mut self) {
        self.has_response = true;
    }
}

impl Drop for OpenCallGuard {
    fn drop(&mut self) {
        AWAITED_CALLS.set(AWAITED_CALLS.get() - 1);
        if !self.has_response {
            ABANDONED_CALLS.set(ABANDONED_CALLS.get() + 1);
        }
    }
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
async fn response_to(request: Rc<Request>) -> Result<Vec<u8>, Reason> {
    let guard = OpenCallGuard::new();
    let response = prepared(&request).await;
    guard.response_arrived();
    response.map(Response::into_bytes).map_err(|failure| reason(failure, &request))
}

/// The request as a call of `ic-cdk`.
fn prepared(request: &Request) -> Call<'_, '_> {
    let call = match request.wait {
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
                Reason::Cycles { required, available }
            } else {
                Reason::QueueFull
            }
        }
        CallFailed::InsufficientLiquidCycleBalance(shortage) => {
            Reason::Cycles { required: shortage.required, available: shortage.available }
        }
        CallFailed::CallRejected(reject) => {
            Reason::rejected(reject.raw_reject_code(), reject.reject_message().into())
        }
    }
}
