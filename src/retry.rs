//! When a call is made again.

use std::time::Duration;

use crate::{Outcome, Request};

/// How often a call is tried, and how long to wait in between.
///
/// Made again is what may end differently a little later and was surely not done; and, of requests marked as
/// [idempotent](Request::idempotent), what is unknown. The wait doubles from try to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries per call, the first one included; none counts as one.
    pub attempts: u32,
    /// The wait before the second try.
    pub first_pause: Duration,
    /// The longest wait between two tries.
    pub longest_pause: Duration,
}

impl Retry {
    /// One try per call.
    pub const NEVER: Self = Self::attempts(1);

    /// So many tries per call, with waits of 1, 2, 4, … up to 60 seconds.
    pub const fn attempts(attempts: u32) -> Self {
        Self {
            attempts,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }

    /// How long to wait after so many tries.
    pub fn pause(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first_pause.saturating_mul(factor).min(self.longest_pause)
    }

    /// Whether a call is worth another try after so many.
    pub fn is_due<T>(&self, request: &Request, attempts: u32, outcome: &Outcome<T>) -> bool {
        attempts < self.attempts && is_repeatable(request.idempotent, outcome)
    }
}

/// Whether making the call again may help and cannot harm.
pub(crate) fn is_repeatable<T>(idempotent: bool, outcome: &Outcome<T>) -> bool {
    match outcome {
        Outcome::Done(_) => false,
        Outcome::NotDone(reason) => reason.kind().is_transient(),
        Outcome::Unknown(reason) => idempotent && reason.kind().is_transient(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Reason, reject_code};
    use ic_principal::Principal;

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = Retry::attempts(100);
        let seconds: Vec<u64> = (1..=9).map(|attempts| retry.pause(attempts).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(retry.pause(u32::MAX), Duration::from_secs(60));
    }

    #[test]
    fn only_what_surely_was_not_done_or_may_be_done_twice_is_repeated() {
        let reasons = [
            (Reason::QueueFull, true, true),
            (Reason::Cycles { required: 2, available: 1 }, true, true),
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
        ];
        assert_eq!(reasons.len(), Kind::ALL.len());
        let once = Request::new(Principal::anonymous(), "pay");
        let often = once.clone().idempotent();
        for (reason, repeated, repeated_if_idempotent) in reasons {
            let outcome = Outcome::<()>::failed(reason);
            let retry = Retry::attempts(3);
            assert_eq!(retry.is_due(&once, 1, &outcome), repeated, "{outcome:?}");
            assert_eq!(retry.is_due(&often, 2, &outcome), repeated_if_idempotent, "{outcome:?}");
            assert!(!retry.is_due(&often, 3, &outcome), "{outcome:?}");
        }
        assert!(!Retry::attempts(3).is_due(&often, 1, &Outcome::Done(())));
    }
}
