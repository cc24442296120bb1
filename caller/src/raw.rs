//! Any calls, as bytes.

use candid::{CandidType, Principal};
use parallel_calls::canister::Canister;
use parallel_calls::{Outcome, Reason, Request, Retry, windowed};

use crate::run::planned_window;

/// Bytes of replies that fit into ours, which may have 2 MiB: the rest is for the outcomes around them.
const REPLIES_BYTES_MAX: usize = 1_500_000;

/// Bytes of an error message that are passed on, so that as many as there may be calls fit into our reply.
const MESSAGE_BYTES_MAX: usize = 200;

/// The most calls of one message, so that the outcomes fit into our reply.
const CALLS_MAX: usize = 1_000;

wire::record! {
    /// A call.
    #[derive(CandidType)]
    pub struct RawRequest {
        pub canister: Principal,
        pub method: String,
        pub arg: Vec<u8>,
    }
}

wire::variant! {
    /// What became of it.
    #[derive(CandidType, Clone)]
    pub enum RawOutcome {
        /// The callee replied.
        Done(Vec<u8>),
        /// The callee replied, but its reply of so many bytes does not fit into this one.
        TooLong(u64),
        /// The callee surely did nothing.
        NotDone(RawReason),
        /// The callee may have done it.
        Unknown(RawReason),
    }
}

wire::record! {
    /// Why there is no reply.
    #[derive(CandidType, Clone)]
    pub struct RawReason {
        pub kind: String,
        pub message: String,
    }
}

/// Makes all calls, each once.
pub async fn fan_out(requests: Vec<RawRequest>) -> Result<Vec<RawOutcome>, String> {
    if requests.len() > CALLS_MAX {
        return Err(format!("{} calls are too many: the maximum is {CALLS_MAX}", requests.len()));
    }
    let requests: Vec<Request> = requests.into_iter().map(RawRequest::into).collect();
    let Some(largest) = requests.iter().max_by_key(|request| request.argument.len()) else {
        return Ok(Vec::new());
    };
    let window = planned_window(largest, requests.len() as u64)?;

    let mut outcomes = vec![None; requests.len()];
    let mut room = REPLIES_BYTES_MAX;
    windowed(&Canister, requests, window, Retry::NEVER, |number, outcome| {
        outcomes[number as usize] = Some(shortened(outcome, &mut room));
    })
    .await;
    // Each call has been settled.
    Ok(outcomes.into_iter().flatten().collect())
}

/// The outcome, without a reply that finds no room in ours.
fn shortened(outcome: Outcome<Vec<u8>>, room: &mut usize) -> RawOutcome {
    match outcome {
        Outcome::Done(reply) => match room.checked_sub(reply.len()) {
            Some(left) => {
                *room = left;
                RawOutcome::Done(reply)
            }
            None => RawOutcome::TooLong(reply.len() as u64),
        },
        Outcome::NotDone(reason) => RawOutcome::NotDone(reason.into()),
        Outcome::Unknown(reason) => RawOutcome::Unknown(reason.into()),
    }
}

impl From<RawRequest> for Request {
    fn from(RawRequest { canister, method, arg }: RawRequest) -> Self {
        Self::new(canister, method).with_argument(arg)
    }
}

impl From<Reason> for RawReason {
    fn from(reason: Reason) -> Self {
        let mut message = reason.to_string();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        Self { kind: reason.kind().label().into(), message }
    }
}
