//! A call to be made.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use ic_principal::Principal;

use crate::limits::BOUNDED_WAIT_MAX;

/// The Candid encoding of no arguments.
const NO_ARGUMENTS: &[u8] = b"DIDL\0\0";

/// A call to be made: who is called, with which argument, and how long to wait.
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }
}

/// Copies the request, its argument included. Share large requests in an [`Rc`] instead.
impl From<&Request> for Rc<Request> {
    fn from(request: &Request) -> Self {
        Self::new(request.clone())
    }
}
