//! A call to be made.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use ic_principal::Principal;

use crate::limits::BOUNDED_WAIT_MAX;
use crate::{Retry, Verdict};

/// The Candid encoding of no arguments.
const NO_ARGUMENTS: &[u8] = b"DIDL\0\0";

/// A call to be made: who is called, with which argument, how long to wait, and what the reply means.
///
/// Equal calls can share one request in an [`Rc`]. This saves a copy per call.
///
/// ```
/// use ic_principal::Principal;
/// use parallel_calls::{Request, Wait};
/// use std::time::Duration;
///
/// let ledger = Principal::from_text("ryjl3-tyaaa-aaaaa-aaaba-cai")?;
/// let request = Request::new(ledger, "icrc1_fee")
///     .with_wait(Wait::Bounded(Duration::from_secs(10)))
///     .idempotent();
/// assert!(request.idempotent);
/// # Ok::<_, ic_principal::PrincipalError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a request makes no call by itself"]
pub struct Request {
    /// The canister to call.
    pub callee: Principal,
    /// The method of the canister.
    pub method: Cow<'static, str>,
    /// The argument as bytes. Most canisters expect a Candid encoding.
    pub argument: Cow<'static, [u8]>,
    /// Cycles to attach to the call. If the outcome of a call with a bounded wait is unknown, these cycles may be lost.
    pub cycles: u128,
    /// How long to wait for the response.
    pub wait: Wait,
    /// Whether making the call twice has the same effect as making it once. Only then is the call repeated when its
    /// outcome is [unknown](crate::Outcome::Unknown).
    pub idempotent: bool,
    /// How often the call is tried. `None`: as often as the function that makes the call says.
    pub retry: Option<Retry>,
    /// What a reply means. `None`: every reply counts as done.
    pub verdict: Option<fn(&[u8]) -> Verdict>,
}

/// How long a call waits for its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// At most this long, rounded up to whole seconds, and at most [`BOUNDED_WAIT_MAX`]. When the time is up, the
    /// outcome is unknown. A callee that never responds cannot prevent the caller from being stopped.
    ///
    /// `ic-cdk` calls this `Call::bounded_wait`. The interface specification calls it a "best-effort response".
    Bounded(Duration),
    /// Until the callee responds. There is always a response, but nothing else ends the wait: a callee that never
    /// responds prevents the caller from being stopped. The system reserves 2 MiB of memory for the response.
    ///
    /// `ic-cdk` calls this `Call::unbounded_wait`. The interface specification calls it a "guaranteed response".
    Unbounded,
}

impl Wait {
    /// The same wait, or one that is over after `longest`. An unbounded wait stays unbounded: to end it early would
    /// leave the outcome of the call unknown.
    pub fn at_most(self, longest: Duration) -> Self {
        match self {
            Self::Bounded(wait) => Self::Bounded(wait.min(longest)),
            Self::Unbounded => Self::Unbounded,
        }
    }
}

impl Request {
    /// A call of `method` without arguments and without cycles. It waits for [`BOUNDED_WAIT_MAX`].
    pub fn new(callee: Principal, method: impl Into<Cow<'static, str>>) -> Self {
        Self {
            callee,
            method: method.into(),
            argument: Cow::Borrowed(NO_ARGUMENTS),
            cycles: 0,
            wait: Wait::Bounded(BOUNDED_WAIT_MAX),
            idempotent: false,
            retry: None,
            verdict: None,
        }
    }

    /// Sets the argument, as bytes.
    pub fn with_argument(mut self, argument: impl Into<Cow<'static, [u8]>>) -> Self {
        self.argument = argument.into();
        self
    }

    /// Sets the cycles to attach.
    pub fn with_cycles(mut self, cycles: u128) -> Self {
        self.cycles = cycles;
        self
    }

    /// Sets how long to wait for the response.
    pub fn with_wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Marks the call as [`idempotent`](Self::idempotent): making it twice has the same effect as making it once.
    ///
    /// A transfer by an ICRC-1 ledger is idempotent if it has a `created_at_time`: for about a day, the ledger makes an
    /// equal transfer only once. For later attempts in another message, keep this time: with another one, it is another
    /// transfer.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Sets how often this call is tried, whatever function makes it.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Sets the function that says what a reply means.
    ///
    /// ```
    /// use candid::{CandidType, Nat, Principal, decode_one};
    /// use parallel_calls::{Request, Verdict};
    /// use serde::Deserialize;
    ///
    /// /// Why an ICRC-1 ledger made no transfer.
    /// #[derive(CandidType, Deserialize, Debug)]
    /// enum TransferError {
    ///     BadFee { expected_fee: Nat },
    ///     BadBurn { min_burn_amount: Nat },
    ///     InsufficientFunds { balance: Nat },
    ///     TooOld,
    ///     CreatedInFuture { ledger_time: u64 },
    ///     Duplicate { duplicate_of: Nat },
    ///     TemporarilyUnavailable,
    ///     GenericError { error_code: Nat, message: String },
    /// }
    ///
    /// fn transfer_verdict(reply: &[u8]) -> Verdict {
    ///     match decode_one::<Result<Nat, TransferError>>(reply) {
    ///         // A duplicate was transferred by an earlier attempt.
    ///         Ok(Ok(_) | Err(TransferError::Duplicate { .. })) => Verdict::Done,
    ///         Ok(Err(TransferError::TemporarilyUnavailable)) => {
    ///             Verdict::TryAgain("the ledger is unavailable for the moment".into())
    ///         }
    ///         Ok(Err(error)) => Verdict::NotDone(format!("{error:?}")),
    ///         Err(error) => Verdict::Unknown(format!("the reply cannot be decoded: {error}")),
    ///     }
    /// }
    ///
    /// # let ledger = Principal::anonymous();
    /// let request = Request::new(ledger, "icrc1_transfer").judged_by(transfer_verdict);
    /// # let reply = candid::encode_one(Err::<Nat, _>(TransferError::TemporarilyUnavailable)).unwrap();
    /// # assert!(matches!(request.verdict.unwrap()(&reply), Verdict::TryAgain(_)));
    /// ```
    pub fn judged_by(mut self, verdict: fn(&[u8]) -> Verdict) -> Self {
        self.verdict = Some(verdict);
        self
    }
}

/// Copies the request, its argument included. Share large requests in an [`Rc`] instead.
impl From<&Request> for Rc<Request> {
    fn from(request: &Request) -> Self {
        Self::new(request.clone())
    }
}
