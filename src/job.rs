//! Progress of a fan-out that is too large for one message.
//!
//! A [`Job`] is the many equal calls still to be made, as numbers: small enough to be written down after every step, so
//! that nothing is lost or counted twice when the canister is stopped or upgraded in between. It goes through its calls
//! in passes. The first tries every call once; each further one tries again what failed in the one before and may be
//! repeated, after a pause.

use std::time::Duration;

use crate::retry::is_repeatable;
use crate::{Kind, Outcome, Reason, Retry, Summary};

/// How long a job waits for slots or cycles to become free that calls of others hold.
const HOLD: Duration = Duration::from_secs(10);

/// A large number of equal calls and how far they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The most calls that may be open at once, or as many as there is room for.
    pub window: Option<u32>,
    /// How often each call is tried, the first time included.
    pub attempts: u32,
    /// Whether making a call twice is no worse than making it once.
    pub idempotent: bool,
    /// What became of the calls that are through.
    pub summary: Summary,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// What the last call lacked that could not be sent.
    pub lacks: Option<Kind>,
    /// Calls of this pass that are still to be made.
    waiting: u64,
    /// Calls that are open.
    open: u64,
    /// Calls of this pass that the next one will try again.
    again: u64,
    /// Passes done before this one.
    passes: u32,
    /// Whether a call that is tried again may have been done before.
    doubtful: bool,
    /// When this pass may begin, since the same moment as the time given to the methods.
    not_before: Duration,
}

impl Job {
    /// So many calls, none of them made.
    pub fn new(calls: u64, window: Option<u32>, attempts: u32, idempotent: bool) -> Self {
        Self {
            window: window.map(|calls| calls.max(1)),
            attempts: attempts.max(1),
            idempotent,
            summary: Summary::default(),
            cancelled: false,
            lacks: None,
            waiting: calls,
            open: 0,
            again: 0,
            passes: 0,
            doubtful: false,
            not_before: Duration::ZERO,
        }
    }

    /// All calls of the job.
    pub fn calls(&self) -> u64 {
        self.summary.attempted() + self.remaining()
    }

    /// Calls of which the outcome is not settled.
    pub fn remaining(&self) -> u64 {
        self.waiting + self.open + self.again
    }

    /// Calls that are open.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// Whether every call is settled.
    pub fn is_finished(&self) -> bool {
        self.remaining() == 0
    }

    /// How long until a call may be made; none when all are made.
    pub fn pause(&self, now: Duration) -> Option<Duration> {
        (self.waiting > 0).then(|| self.not_before.saturating_sub(now))
    }

    /// Takes the next call of this pass, which is open from now on.
    pub fn start(&mut self, now: Duration) -> bool {
        if self.waiting == 0 || now < self.not_before {
            return false;
        }
        self.waiting -= 1;
        self.open += 1;
        self.summary.widen(u32::try_from(self.open).unwrap_or(u32::MAX));
        self.lacks = None;
        true
    }

    /// Settles an open call, or keeps it for the next pass. A call that was not sent is not tried: it waits on, and
    /// everything with it for a while.
    pub fn conclude<T>(&mut self, outcome: &Outcome<T>, now: Duration) {
        self.open = self.open.saturating_sub(1);
        let unsent = outcome.reason().map(Reason::kind).filter(|kind| kind.is_unsent());
        if let Some(kind) = unsent.filter(|_| !self.cancelled) {
            self.waiting += 1;
            self.hold(kind, now);
        } else if self.has_another_pass() && is_repeatable(self.idempotent, outcome) {
            self.again += 1;
            self.doubtful |= matches!(outcome, Outcome::Unknown(_));
        } else {
            match outcome.reason() {
                None => self.summary.count(outcome),
                Some(reason) => self.fail(reason.kind(), 1, self.passes > 0),
            }
        }
        self.begin_next_pass(now);
    }

    /// Makes no call for a while, for want of something.
    pub fn hold(&mut self, lacks: Kind, now: Duration) {
        if lacks != Kind::Stopping {
            self.lacks = Some(lacks);
            self.not_before = now + HOLD;
        }
    }

    /// Accounts for the calls whose answers can no longer arrive since the canister was upgraded meanwhile.
    pub fn interrupt(&mut self, now: Duration) {
        for _ in 0..std::mem::take(&mut self.open) {
            let outcome = Outcome::<()>::failed(Reason::Interrupted);
            if self.has_another_pass() && is_repeatable(self.idempotent, &outcome) {
                self.again += 1;
                self.doubtful = true;
            } else {
                self.summary.count(&outcome);
            }
        }
        self.begin_next_pass(now);
    }

    /// Gives up every call that is not open.
    pub fn cancel(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.fail(Kind::Cancelled, waiting, self.passes > 0);
        let again = std::mem::take(&mut self.again);
        self.fail(Kind::Cancelled, again, true);
        self.cancelled = true;
        self.lacks = None;
    }

    /// Counts calls that failed. Where some were tried before and may have been done, it is not known which; so none of
    /// those that were tried before is said to be surely not done.
    fn fail(&mut self, kind: Kind, calls: u64, tried_before: bool) {
        let open = tried_before && self.doubtful && kind.is_clean();
        self.summary.add(if open { Kind::Interrupted } else { kind }, calls);
    }

    fn has_another_pass(&self) -> bool {
        !self.cancelled && self.passes + 1 < self.attempts
    }

    fn begin_next_pass(&mut self, now: Duration) {
        if self.waiting == 0 && self.open == 0 && self.again > 0 {
            self.waiting = std::mem::take(&mut self.again);
            self.passes += 1;
            self.not_before = now + Retry::attempts(self.attempts).pause(self.passes);
        }
    }
}

mod bytes;
#[cfg(test)]
mod tests;
