//! When a failed call is tried again.

use std::time::Duration;

use crate::Outcome;

/// How often a call is tried, and how long to wait between two attempts (exponential backoff).
///
/// A call is tried again if another attempt may help ([`ReasonKind::is_transient`](crate::ReasonKind::is_transient))
/// and cannot do harm:
///
/// - the call is [not done](Outcome::NotDone), or
/// - its outcome is [unknown](Outcome::Unknown), and the request is [idempotent](crate::Request::idempotent).
///
/// The delay doubles from attempt to attempt. An attempt is never made before its delay is over by the clock of the
/// network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts per call, the first one included. 0 counts as 1.
    pub attempts: u32,
    /// The delay before the second attempt.
    pub initial_delay: Duration,
    /// The longest delay between two attempts.
    pub max_delay: Duration,
}

impl Retry {
    /// One attempt per call.
    pub const NEVER: Self = Self::attempts(1);

    /// This many attempts per call. The delays are 1, 2, 4, 8, 16 and 32 seconds, and then always 60 seconds.
    pub const fn attempts(attempts: u32) -> Self {
        Self { attempts, initial_delay: Duration::from_secs(1), max_delay: Duration::from_secs(60) }
    }

    /// The delay after this many attempts.
    pub fn delay_after(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.initial_delay.saturating_mul(factor).min(self.max_delay)
    }

    /// Whether to try a call again whose attempt number `attempts`, counted from 1, had this outcome. `idempotent` is that
    /// of its [request](crate::Request::idempotent).
    pub fn should_retry<T>(&self, idempotent: bool, attempts: u32, outcome: &Outcome<T>) -> bool {
        attempts < self.attempts && is_repeatable(idempotent, outcome)
    }
}

/// Whether another attempt may help and cannot do harm.
pub(crate) fn is_repeatable<T>(idempotent: bool, outcome: &Outcome<T>) -> bool {
    match outcome {
        Outcome::Done(_) | Outcome::ReplyDropped { .. } => false,
        Outcome::NotDone(failure) => failure.reason.kind().is_transient(),
        Outcome::Unknown(failure) => idempotent && failure.reason.kind().is_transient(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reason, ReasonKind, reject_code};

    #[test]
    fn delays_double_up_to_the_longest() {
        let retry = Retry::attempts(100);
        let seconds: Vec<u64> =
            (1..=9).map(|attempts| retry.delay_after(attempts).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(retry.delay_after(u32::MAX), Duration::from_secs(60));
    }

    #[test]
    fn a_call_is_repeated_if_it_is_not_done_or_is_idempotent() {
        let reasons = [
            (Reason::QueueFull, true, true),
            (Reason::cycles(2, 1), true, true),
            (Reason::Stopping, false, false),
            (Reason::Cancelled, false, false),
            (Reason::rejected(reject_code::SYS_FATAL, String::new()), false, false),
            (Reason::rejected(reject_code::SYS_TRANSIENT, String::new()), true, true),
            (Reason::rejected(reject_code::DESTINATION_INVALID, String::new()), false, false),
            (Reason::rejected(reject_code::CANISTER_REJECT, String::new()), false, false),
            (Reason::rejected(reject_code::CANISTER_ERROR, String::new()), false, true),
            (Reason::rejected(reject_code::SYS_UNKNOWN, String::new()), false, true),
            (Reason::Undecodable(String::new()), false, false),
            (Reason::Interrupted, false, true),
            (Reason::Expired, false, false),
            (Reason::ClockStopped, false, false),
            (Reason::Declined(String::new()), false, false),
            (Reason::Unavailable(String::new()), true, true),
            (Reason::Unclear(String::new()), false, true),
        ];
        assert_eq!(reasons.len(), ReasonKind::ALL.len());
        for (reason, repeated, repeated_if_idempotent) in reasons {
            let outcome = Outcome::<()>::failed(reason);
            let retry = Retry::attempts(3);
            assert_eq!(retry.should_retry(false, 1, &outcome), repeated, "{outcome:?}");
            assert_eq!(
                retry.should_retry(true, 2, &outcome),
                repeated_if_idempotent,
                "{outcome:?}"
            );
            assert!(!retry.should_retry(true, 3, &outcome), "{outcome:?}");
        }
        assert!(!Retry::attempts(3).should_retry(true, 1, &Outcome::Done(())));
    }
}
