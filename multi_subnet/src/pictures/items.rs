//! The calls of a strategy as rows of a picture.

use std::cmp::Reverse;

use embedded_replica::trace::{Call, Moment, Outcome, Refusal, Refused};

use crate::recorded::{Recorded, RecordedStrategy};
use crate::report::Measurement;

/// More rows than this are drawn in bands: a band stands for several calls.
pub(super) const ROWS_MAX: u64 = 200;
/// About how many bands a picture has.
const BANDS: u64 = 150;

const QUEUE_FULL: &str = "only 500 can be open to one canister";
const TOO_FEW_CYCLES: &str = "too few cycles to set aside";

/// Calls in the order in which they were made, or would have been made.
#[derive(Debug)]
pub(super) enum Item<'a> {
    /// A call that was made.
    Call(&'a Call),
    /// Calls that the system refused at once, or that the caller did not make because it knew that the system would.
    Missing(Missing),
}

/// Calls that were not made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    /// When they would have been made.
    pub at: Moment,
    /// How many calls.
    pub calls: u64,
    /// Why, in a few words.
    pub reason: &'static str,
}

/// The calls of one strategy.
#[derive(Debug)]
pub(super) struct Items<'a> {
    pub list: Vec<Item<'a>>,
    /// How many calls were not made.
    pub missing: u64,
    /// How many attempts were refused and made again later.
    pub repeated: u64,
    /// How many calls failed, as the caller says.
    pub failed: u64,
}

impl Item<'_> {
    /// How many calls it stands for.
    pub(super) fn rows(&self) -> u64 {
        match self {
            Self::Call(_) => 1,
            Self::Missing(missing) => missing.calls,
        }
    }

    fn moment(&self) -> Moment {
        match self {
            Self::Call(call) => call.sent,
            Self::Missing(missing) => missing.at,
        }
    }
}

impl From<&Refused> for Missing {
    fn from(refused: &Refused) -> Self {
        let reason = match refused.limit {
            Refusal::QueueFull => QUEUE_FULL,
            Refusal::Callbacks => "no callback was free",
            Refusal::MessageMemory => "no memory for messages was free",
            Refusal::Cycles => TOO_FEW_CYCLES,
        };
        Self { at: refused.at, calls: refused.calls, reason }
    }
}

/// Why the caller did not make calls: the reason that it returns.
fn why_not_made(measurement: &Measurement) -> &'static str {
    let reasons = measurement.failures.as_ref();
    let has = |reason| reasons.is_some_and(|reasons| reasons.contains_key(reason));
    match (has("cycles"), has("queue_full")) {
        (true, _) => TOO_FEW_CYCLES,
        (false, true) => QUEUE_FULL,
        (false, false) => "the caller did not make them",
    }
}

/// The last ones of the refused attempts, as many as calls were never made. A caller can make a refused call again.
/// Then more attempts were refused than calls failed, and the last attempt of a call decides.
fn last_of(refused: Vec<Missing>, never_made: u64) -> Vec<Missing> {
    let mut left = never_made;
    let mut last = Vec::new();
    for attempts in refused.into_iter().rev() {
        let calls = attempts.calls.min(left);
        left -= calls;
        if calls > 0 {
            last.push(Missing { calls, ..attempts });
        }
    }
    last.reverse();
    last
}

impl<'a> Items<'a> {
    pub(super) fn of(recorded: &Recorded, strategy: &'a RecordedStrategy) -> Self {
        let (recording, measurement) = (&strategy.recording, &strategy.measurement);
        let calls = recording.calls().iter().filter(|call| call.caller() == recorded.caller);
        let mut list: Vec<Item<'a>> = calls.map(Item::Call).collect();
        let refused =
            recording.refused().iter().filter(|refused| refused.caller == recorded.caller);
        let refused: Vec<Missing> = refused.map(Missing::from).collect();
        let attempts: u64 = refused.iter().map(|refused| refused.calls).sum();
        let failed_later =
            list.iter().filter(|item| matches!(item, Item::Call(call) if has_failed(call)));
        let never_made = measurement.failed.saturating_sub(failed_later.count() as u64);
        let mut missing = last_of(refused, never_made);
        let seen: u64 = missing.iter().map(|missing| missing.calls).sum();
        if never_made > seen {
            // The caller did not even try.
            let at = list.last().map_or_else(Moment::default, |item| item.moment());
            let reason = why_not_made(measurement);
            missing.push(Missing { at, calls: never_made - seen, reason });
        }
        list.extend(missing.iter().copied().map(Item::Missing));
        list.sort_by_key(|item| item.moment().nanos);
        let missing = missing.iter().map(|missing| missing.calls).sum();
        let repeated = attempts.saturating_sub(never_made);
        Self { list, missing, repeated, failed: measurement.failed }
    }

    /// Why calls failed, and how many for each reason. The most frequent reason is the first.
    pub(super) fn reasons(&self) -> Vec<(String, u64)> {
        reasons(self.list.iter().map(|item| match item {
            Item::Call(call) => (call.failure(), 1),
            Item::Missing(missing) => (Some(missing.reason.to_owned()), missing.calls),
        }))
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.list.iter().map(Item::rows).sum()
    }

    /// How many calls a band stands for: 1 if every call has a row of its own.
    pub(super) fn calls_per_band(&self) -> u64 {
        match self.rows() {
            0..=ROWS_MAX => 1,
            rows => rows.div_ceil(BANDS),
        }
    }
}

/// Whether the call got a reject.
pub(super) fn has_failed(call: &Call) -> bool {
    matches!(call.outcome, Outcome::Rejected { .. })
}

/// Numbers of failed calls by reason, the most frequent reason first. Calls without a reason did not fail.
pub(super) fn reasons(calls: impl Iterator<Item = (Option<String>, u64)>) -> Vec<(String, u64)> {
    let mut reasons: Vec<(String, u64)> = Vec::new();
    for (reason, calls) in calls {
        let Some(reason) = reason else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += calls,
            None => reasons.push((reason, calls)),
        }
    }
    // Stable: of reasons that are as frequent, the earlier one stays first.
    reasons.sort_by_key(|(_, calls)| Reverse(*calls));
    reasons
}
