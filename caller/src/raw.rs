//! Calls of any methods, with arguments and replies as bytes.

use std::time::Duration;

use candid::{CandidType, Principal};
use ic_cdk_macros::update;
use parallel_calls::canister::Canister;
use parallel_calls::{Failure, Outcome, Reply, Request, Retry, Wait, windowed};
use serde::Deserialize;
use serde_bytes::ByteBuf;

use crate::guards;
use crate::window::{plan_window, planned_window};

/// The largest number of bytes of replies that this canister passes on. Its own reply may have 2 MiB. The rest is for
/// the other parts of the outcomes.
const REPLIES_BYTES_MAX: usize = 1_500_000;

/// The largest length of an error message in bytes, so that the outcomes of all calls fit into one reply.
const MESSAGE_BYTES_MAX: usize = 200;

/// The largest number of calls per message, so that the outcomes of all calls fit into one reply.
const CALLS_MAX: u64 = 1_000;

/// A call to make.
#[derive(CandidType, Deserialize)]
pub struct RawRequest {
    pub canister: Principal,
    pub method: String,
    pub arg: ByteBuf,
    pub cycles: Option<u128>,
    pub wait: Option<RawWait>,
    pub idempotent: Option<bool>,
}

/// How long a call waits for its response.
#[derive(CandidType, Deserialize)]
pub enum RawWait {
    /// At most so many seconds.
    Bounded(u32),
    /// Until the callee responds.
    Unbounded,
}

/// The outcome of a call.
#[derive(CandidType, Clone)]
pub enum RawOutcome {
    /// The callee replied.
    Done(ByteBuf),
    /// The callee replied, but its reply of this many bytes does not fit into the reply of this canister.
    TooLong(u64),
    /// The call had no effect.
    NotDone(RawReason),
    /// The call may have had an effect.
    Unknown(RawReason),
}

/// Why there is no reply.
#[derive(CandidType, Clone)]
pub struct RawReason {
    pub kind: String,
    pub message: String,
}

/// Makes all calls, with one attempt per call, as many at a time as slots and cycles allow. Returns the outcomes in the
/// order of the requests.
#[update(guard = "guards::controllers_only", guard = "requests_allowed")]
async fn fan_out(requests: Vec<RawRequest>) -> Vec<RawOutcome> {
    let requests: Vec<Request> = requests.into_iter().map(RawRequest::into).collect();
    let Some(largest) = requests.iter().max_by_key(|request| request.argument.len()) else {
        return Vec::new();
    };
    let window = planned_window(largest, requests.len() as u64);

    let mut outcomes = vec![None; requests.len()];
    let mut bytes_left = REPLIES_BYTES_MAX;
    windowed(&Canister, requests, window, Retry::NEVER, |number, outcome| {
        outcomes[number as usize] = Some(shortened(outcome, &mut bytes_left));
    })
    .await;
    // `windowed` reports an outcome for each request.
    outcomes.into_iter().flatten().collect()
}

/// Guard: rejects too many calls, and calls for which this canister has too few cycles. Plans as if every call were as
/// large as the largest one.
fn requests_allowed() -> Result<(), String> {
    guards::with_arguments(|(requests,): (Vec<RawRequest>,)| {
        let n = requests.len() as u64;
        guards::at_most(n, CALLS_MAX)?;
        match requests.into_iter().max_by_key(|request| request.arg.len()) {
            Some(largest) => plan_window(&largest.into(), n).map(drop),
            None => Ok(()),
        }
    })
}

/// The outcome, without a reply that does not fit into the bytes that are left.
pub fn shortened(outcome: Outcome<Reply>, bytes_left: &mut usize) -> RawOutcome {
    match outcome {
        Outcome::Done(Reply { bytes, .. }) => match bytes_left.checked_sub(bytes.len()) {
            Some(left) => {
                *bytes_left = left;
                RawOutcome::Done(bytes.into())
            }
            None => RawOutcome::TooLong(bytes.len() as u64),
        },
        Outcome::ReplyDropped { bytes, .. } => RawOutcome::TooLong(bytes as u64),
        Outcome::NotDone(failure) => RawOutcome::NotDone(failure.into()),
        Outcome::Unknown(failure) => RawOutcome::Unknown(failure.into()),
    }
}

impl From<RawRequest> for Request {
    fn from(raw: RawRequest) -> Self {
        let mut request = Self::new(raw.canister, raw.method).with_argument(raw.arg.into_vec());
        request.cycles = raw.cycles.unwrap_or(0);
        request.idempotent = raw.idempotent.unwrap_or(false);
        match raw.wait {
            Some(RawWait::Bounded(seconds)) => {
                request.wait = Wait::Bounded(Duration::from_secs(seconds.into()));
            }
            Some(RawWait::Unbounded) => request.wait = Wait::Unbounded,
            None => {}
        }
        request
    }
}

impl From<Failure> for RawReason {
    fn from(Failure { reason, .. }: Failure) -> Self {
        let mut message = reason.to_string();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        Self { kind: reason.kind().label().into(), message }
    }
}
