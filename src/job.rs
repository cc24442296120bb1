//! The progress of many equal calls, too many for one message.

use std::time::Duration;

use crate::retry::is_repeatable;
use crate::{Outcome, Reason, ReasonKind, Retry, Summary};

/// How long a job waits after the system refused a call because slots or cycles were missing. Other messages of the
/// canister use them at that moment.
const POSTPONE_DELAY: Duration = Duration::from_secs(10);

/// The progress of many equal calls that are made by several messages, for instance by the tasks of a timer.
///
/// A job makes no calls. It counts them, and says when the next call may start. A call is *settled* when it has its
/// final outcome.
///
/// A job consists of numbers only ([`Job::BYTES`] bytes). Write it to stable memory after every step. Then no call is
/// lost or counted twice when the canister is stopped or upgraded in between.
///
/// A job makes its calls in passes. The first pass tries every call once. Each further pass tries the calls again that
/// failed in the pass before and may be repeated (see [`Retry`]). There is a delay between two passes.
///
/// All times are durations since one fixed point in time, as [`Transport::now`](crate::Transport::now) returns them.
///
/// ```
/// use parallel_calls::{Job, Outcome};
/// use std::time::Duration;
///
/// let now = Duration::from_secs(1_000);
/// let mut job = Job::new(2, None, 3, false);
/// while job.start_call(now) {
///     // Make the call here, await its outcome, and keep `job.to_bytes()`.
///     job.finish_call(&Outcome::Done(()), now);
/// }
/// assert!(job.is_finished());
/// assert_eq!(job.summary.succeeded, 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Calls that may be open at the same time. `None`: as many as a [`Plan`](crate::Plan) allows.
    pub window: Option<u32>,
    /// Attempts per call, the first one included.
    pub attempts: u32,
    /// Whether making a call twice has the same effect as making it once.
    pub idempotent: bool,
    /// The outcomes of the settled calls.
    pub summary: Summary,
    /// Whether the job was cancelled.
    pub cancelled: bool,
    /// What the job waits for, if the system refused the latest call: a free slot ([`ReasonKind::QueueFull`]) or cycles
    /// ([`ReasonKind::Cycles`]).
    pub waiting_for: Option<ReasonKind>,
    /// Calls of this pass that are not sent yet.
    waiting: u64,
    /// Open calls.
    open: u64,
    /// Calls of this pass that the next pass tries again.
    to_retry: u64,
    /// Passes before this one.
    passes: u32,
    /// Whether a call that is tried again has an earlier attempt whose outcome is unknown.
    has_unknown_attempts: bool,
    /// No call is started before this time.
    not_before: Duration,
}

impl Job {
    /// A job of `calls` calls, none of them made. A window of 0 counts as 1, and so do 0 attempts.
    pub fn new(calls: u64, window: Option<u32>, attempts: u32, idempotent: bool) -> Self {
        Self {
            window: window.map(|calls| calls.max(1)),
            attempts: attempts.max(1),
            idempotent,
            summary: Summary::default(),
            cancelled: false,
            waiting_for: None,
            waiting: calls,
            open: 0,
            to_retry: 0,
            passes: 0,
            has_unknown_attempts: false,
            not_before: Duration::ZERO,
        }
    }

    /// The number of calls of the job.
    pub fn calls(&self) -> u64 {
        self.summary.attempted() + self.remaining()
    }

    /// Calls that are not settled.
    pub fn remaining(&self) -> u64 {
        self.waiting + self.open + self.to_retry
    }

    /// Open calls.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// Whether all calls are settled.
    pub fn is_finished(&self) -> bool {
        self.remaining() == 0
    }

    /// How long until the next call may be started. `None` if no call waits to be started.
    pub fn next_call_in(&self, now: Duration) -> Option<Duration> {
        (self.waiting > 0).then(|| self.not_before.saturating_sub(now))
    }

    /// Counts the next call of this pass as open: make this call now. Returns `false` if no call may be started now.
    pub fn start_call(&mut self, now: Duration) -> bool {
        if self.waiting == 0 || now < self.not_before {
            return false;
        }
        self.waiting -= 1;
        self.open += 1;
        self.summary.record_in_flight(u32::try_from(self.open).unwrap_or(u32::MAX));
        self.waiting_for = None;
        true
    }

    /// Takes the outcome of an open call, and settles the call or keeps it for the next pass. If the call was not sent,
    /// it waits again, and the job starts no call for a while ([`Self::postpone`]).
    pub fn finish_call<T>(&mut self, outcome: &Outcome<T>, now: Duration) {
        self.open = self.open.saturating_sub(1);
        let unsent = outcome.reason().map(Reason::kind).filter(|kind| kind.is_unsent());
        if let Some(kind) = unsent.filter(|_| !self.cancelled) {
            self.waiting += 1;
            self.postpone(kind, now);
        } else if self.has_another_pass() && is_repeatable(self.idempotent, outcome) {
            self.to_retry += 1;
            self.has_unknown_attempts |= matches!(outcome, Outcome::Unknown(_));
        } else {
            match outcome.reason() {
                None => self.summary.count(outcome),
                Some(reason) => self.fail(reason.kind(), 1, self.passes > 0),
            }
        }
        self.begin_next_pass(now);
    }

    /// Starts no call for 10 seconds, because a slot ([`ReasonKind::QueueFull`]) or cycles ([`ReasonKind::Cycles`]) are
    /// missing. Does nothing for other kinds, for instance [`ReasonKind::Stopping`].
    pub fn postpone(&mut self, waiting_for: ReasonKind, now: Duration) {
        if matches!(waiting_for, ReasonKind::QueueFull | ReasonKind::Cycles) {
            self.waiting_for = Some(waiting_for);
            self.not_before = now + POSTPONE_DELAY;
        }
    }

    /// Ends all open calls as [interrupted](Reason::Interrupted). Call this after an upgrade: the responses to these
    /// calls cannot arrive any more.
    pub fn interrupt(&mut self, now: Duration) {
        for _ in 0..std::mem::take(&mut self.open) {
            let outcome = Outcome::<()>::failed(Reason::Interrupted);
            if self.has_another_pass() && is_repeatable(self.idempotent, &outcome) {
                self.to_retry += 1;
                self.has_unknown_attempts = true;
            } else {
                self.summary.count(&outcome);
            }
        }
        self.begin_next_pass(now);
    }

    /// Settles all calls that are not open as [cancelled](Reason::Cancelled).
    pub fn cancel(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.fail(ReasonKind::Cancelled, waiting, self.passes > 0);
        let to_retry = std::mem::take(&mut self.to_retry);
        self.fail(ReasonKind::Cancelled, to_retry, true);
        self.cancelled = true;
        self.waiting_for = None;
    }

    /// Counts calls that failed. A job does not know which of its calls have an earlier attempt whose outcome is
    /// unknown. If there are any, no call with an earlier attempt is counted as not done.
    fn fail(&mut self, kind: ReasonKind, calls: u64, tried_before: bool) {
        let is_unknown = tried_before && self.has_unknown_attempts && kind.is_clean();
        self.summary.add(if is_unknown { ReasonKind::Interrupted } else { kind }, calls);
    }

    fn has_another_pass(&self) -> bool {
        !self.cancelled && self.passes + 1 < self.attempts
    }

    fn begin_next_pass(&mut self, now: Duration) {
        if self.waiting == 0 && self.open == 0 && self.to_retry > 0 {
            self.waiting = std::mem::take(&mut self.to_retry);
            self.passes += 1;
            self.not_before = now + Retry::attempts(self.attempts).delay_after(self.passes);
        }
    }
}

mod bytes;
#[cfg(test)]
mod tests;
