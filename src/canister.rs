//! The transport of a canister: `ic-cdk`'s calls.
//!
//! ```no_run
//! use ic_principal::Principal;
//! use parallel_calls::canister::Canister;
//! use parallel_calls::{Outcome, Plan, Refusal, Request, Retry, Transport, fan_out};
//!
//! /// Tells a ledger of users; returns those of whom it surely does not know.
//! async fn notify(ledger: Principal, users: Vec<Principal>) -> Result<Vec<Principal>, Refusal> {
//!     let argument = |user: &Principal| candid::encode_one(user).expect("it encodes");
//!     let requests: Vec<Request> = users
//!         .iter()
//!         .map(|user| Request::new(ledger, "notify").with_argument(argument(user)))
//!         .collect();
//!     let Some(first) = requests.first() else { return Ok(users) };
//!     let plan = Plan::new(&Canister.limits(first), requests.len() as u64)?;
//!     let outcomes = fan_out(&Canister, requests, plan.window, Retry::attempts(3)).await;
//!     let failed = users.into_iter().zip(outcomes);
//!     Ok(failed.filter(|(_, outcome)| matches!(outcome, Outcome::NotDone(_))).map(|(user, _)| user).collect())
//! }
//! ```

mod prices;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ic_cdk::api::{CanisterStatusCode, canister_liquid_cycle_balance, canister_status, time};
use ic_cdk::call::{Call, CallFailed, Response};
use ic_principal::Principal;

use crate::{
    GUARANTEED_CALLBACKS, Limits, QUEUE_SLOTS, Reason, Request, Transport, Wait, reject_code,
};

/// Calls of two rounds each that are made in a second at most: the fastest subnets have about three rounds a second.
const PAUSE_CALLS_PER_SECOND: u64 = 2;

/// Bytes that the name of a method may have (the interface specification, `ic0.call_new`).
const METHOD_NAME_BYTES_MAX: usize = 20_000;

/// Bytes that name and argument may have together; two MiB if the callee is on another subnet
/// (`MAX_INTER_CANISTER_PAYLOAD_IN_BYTES` in the replica).
const REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The canister this code runs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Canister;

impl Transport for Canister {
    type Answer = Pin<Box<dyn Future<Output = Result<Vec<u8>, Reason>>>>;

    fn send(&self, request: &Rc<Request>) -> Result<Self::Answer, Reason> {
        check(request)?;
        let mut answer = Box::pin(answer_to(request.clone()));
        // `ic-cdk` sends a call when it is polled first; whoever awaits the answer polls it again.
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(reason)) if reason.kind().is_unsent() => Err(reason),
            Poll::Ready(result) => Ok(Box::pin(std::future::ready(result))),
            Poll::Pending => Ok(answer),
        }
    }

    fn limits(&self, request: &Request) -> Limits {
        Limits {
            queue_slots: QUEUE_SLOTS,
            callbacks: QUEUE_SLOTS.saturating_sub(AWAITED.get()).max(GUARANTEED_CALLBACKS),
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

    /// A call context without an open call is at its end, so this waits for the answers to calls that take their time:
    /// to the management canister, whose `raw_rand` answers two rounds later at the earliest. It gives up after so many
    /// that time must have come to a halt, as it does in tests; and at once when such a call cannot be sent.
    async fn pause(&self, wait: Duration) -> Result<(), Reason> {
        let until = self.now().saturating_add(wait);
        let random = Rc::new(Request::new(Principal::management_canister(), "raw_rand"));
        for _ in 0..=wait.as_secs().saturating_mul(PAUSE_CALLS_PER_SECOND) {
            match answer_to(random.clone()).await {
                Err(reason) if reason.kind().is_unsent() => return Err(reason),
                _ if self.now() >= until || self.is_stopping() => break,
                _ => {}
            }
        }
        Ok(())
    }
}

thread_local! {
    /// Calls whose answers are awaited.
    static AWAITED: Cell<u32> = const { Cell::new(0) };
    /// Calls whose answers nobody awaits any more. Nothing tells when they come.
    static ABANDONED: Cell<u32> = const { Cell::new(0) };
}

/// For the hook before an upgrade: says no unless every call of this transport was answered, or the canister is stopped,
/// which is when the system has seen all answers.
///
/// The answers need the program that made the calls: in another they run as whatever is in the same place there.
///
/// A call that is abandoned before its answer comes, since a trap ended the message that made it or its future was
/// dropped, counts as open from then on: only stopping the canister makes sure of its answer.
pub fn ready_for_upgrade() -> Result<(), String> {
    let open = AWAITED.get() + ABANDONED.get();
    if open == 0 || canister_status() == CanisterStatusCode::Stopped {
        return Ok(());
    }
    Err(format!(
        "{open} calls are open: stop this canister before upgrading it, and start it afterwards"
    ))
}

/// Counts a call for as long as it is open.
struct Open {
    has_ended: bool,
}

impl Open {
    fn one_more() -> Self {
        AWAITED.set(AWAITED.get() + 1);
        Self { has_ended: false }
    }

    fn ended(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        AWAITED.set(AWAITED.get() - 1);
        if !self.has_ended {
            ABANDONED.set(ABANDONED.get() + 1);
        }
    }
}

/// Refuses what would not be rejected, but end the canister's message with a trap.
fn check(request: &Request) -> Result<(), Reason> {
    let name = request.method.len();
    let (code, what, bytes, max) = if name > METHOD_NAME_BYTES_MAX {
        (reject_code::DESTINATION_INVALID, "the method's name", name, METHOD_NAME_BYTES_MAX)
    } else {
        let all = name + request.argument.len();
        (reject_code::SYS_FATAL, "the call", all, REQUEST_BYTES_MAX)
    };
    if bytes <= max {
        return Ok(());
    }
    let message = format!("not sent: {what} has {bytes} bytes, and the maximum is {max}");
    Err(Reason::Rejected { code, message })
}

/// Makes a call and waits for its answer.
async fn answer_to(request: Rc<Request>) -> Result<Vec<u8>, Reason> {
    let open = Open::one_more();
    let answer = prepared(&request).await;
    open.ended();
    answer.map(Response::into_bytes).map_err(|failure| reason(failure, &request))
}

/// The call as `ic-cdk` knows it.
fn prepared(request: &Request) -> Call<'_, '_> {
    let call = match request.wait {
        Wait::Bounded(wait) => Call::bounded_wait(request.callee, &request.method)
            // A part of a second is none to the system; rather wait a little longer than asked to.
            .change_timeout(u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)),
        Wait::Unbounded => Call::unbounded_wait(request.callee, &request.method),
    };
    call.with_raw_args(&request.argument).with_cycles(request.cycles)
}

fn reason(failure: CallFailed, request: &Request) -> Reason {
    match failure {
        // The system does not tell what it lacked; this can be found out, the number of free slots cannot.
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
