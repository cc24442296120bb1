//! A recording in a few numbers.

use super::*;
use std::collections::BTreeMap;
use std::fmt;

/// The calls of a recording in numbers. Two recordings can be compared by their summaries, and a summary reads well in
/// an assertion:
///
/// ```text
/// 2,000 calls: 500 replied, 1,500 failed (1,500 queue_full); at most 500 open, 21,062,560,000,000 cycles set aside; 2 rounds
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The calls that a canister made or wanted to make.
    pub calls: u64,
    /// The calls that got a reply.
    pub replied: u64,
    /// The calls that failed, by reason: see [`Recording::failures`].
    pub failures: BTreeMap<String, u64>,
    /// The calls without a response at the end of the recording.
    pub open: u64,
    /// The largest number of calls that were open at the same time.
    pub most_open: usize,
    /// The most cycles that were set aside at the same time.
    pub most_set_aside: Cycles,
    /// The number of rounds that each subnet executed.
    pub rounds: u64,
}

impl Summary {
    pub(super) fn of(recording: &Recording) -> Self {
        let count = |outcome| recording.calls.iter().filter(|call| call.outcome == outcome).count();
        let refused: u64 = recording.refused.iter().map(|refused| refused.calls).sum();
        Self {
            calls: recording.calls.len() as u64 + refused,
            replied: count(Outcome::Replied) as u64,
            failures: recording.failures(),
            open: count(Outcome::Open) as u64,
            most_open: recording.most_open(),
            most_set_aside: recording.most_set_aside(),
            rounds: recording.rounds.iter().map(|round| round.at.round).max().unwrap_or(0),
        }
    }

    /// The number of calls that failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, replied, failures, open, most_open, most_set_aside, rounds } = self;
        let rounds_word = if *rounds == 1 { "round" } else { "rounds" };
        if *calls == 0 {
            return write!(f, "no calls; {} {rounds_word}", grouped(*rounds));
        }
        let calls_word = if *calls == 1 { "call" } else { "calls" };
        write!(f, "{} {calls_word}: {} replied", grouped(*calls), grouped(*replied))?;
        if !failures.is_empty() {
            let reasons: Vec<String> = failures
                .iter()
                .map(|(reason, calls)| format!("{} {reason}", grouped(*calls)))
                .collect();
            write!(f, ", {} failed ({})", grouped(self.failed()), reasons.join(", "))?;
        }
        if *open > 0 {
            write!(f, ", {} without a response", grouped(*open))?;
        }
        write!(f, "; at most {} open, ", grouped(*most_open as u64))?;
        write!(f, "{} cycles set aside; ", grouped(*most_set_aside))?;
        write!(f, "{} {rounds_word}", grouped(*rounds))
    }
}

/// A number with a comma between each three digits.
fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
