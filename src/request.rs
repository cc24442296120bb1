//! What is to be called.

use std::borrow::Cow;
use std::time::Duration;

use ic_principal::Principal;

/// The longest a bounded wait may last; a longer one is cut down to it (`MAX_CALL_TIMEOUT_SECONDS` in the replica).
pub const BOUNDED_WAIT_MAX: Duration = Duration::from_secs(300);

/// Candid's message of no arguments.
const NO_ARGUMENTS: &[u8] = b"DIDL\0\0";

/// One call.
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
    /// The canister that is called.
    pub callee: Principal,
    /// Its method.
    pub method: Cow<'static, str>,
    /// The argument as it is sent: for most canisters, a Candid message.
    pub argument: Cow<'static, [u8]>,
    /// Cycles attached. A bounded wait whose outcome stays unknown may lose them.
    pub cycles: u128,
    /// How long to wait for the answer.
    pub wait: Wait,
    /// Whether making the call twice is no worse than making it once. Only then is a call repeated whose outcome is
    /// [unknown](crate::Outcome::Unknown).
    pub idempotent: bool,
}

/// How long a call waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// At most this long, in whole seconds and up to [`BOUNDED_WAIT_MAX`]; then the outcome is unknown. A callee that
    /// never answers cannot keep the caller from being stopped.
    Bounded(Duration),
    /// Until the callee answers, whenever that is. There is always an answer, but nothing else can end the wait, and
    /// memory is set aside for it.
    Unbounded,
}

impl Request {
    /// A call of `method` without arguments and cycles, which waits as long as a bounded wait may.
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

    /// The same call with this argument.
    pub fn with_argument(mut self, argument: impl Into<Cow<'static, [u8]>>) -> Self {
        self.argument = argument.into();
        self
    }

    /// The same call with these cycles attached.
    pub fn with_cycles(mut self, cycles: u128) -> Self {
        self.cycles = cycles;
        self
    }

    /// The same call, waiting this long.
    pub fn with_wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// The same call, marked as one that may be made twice.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }
}
