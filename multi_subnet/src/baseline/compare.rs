//! The comparison of new results with a baseline, figure by figure.

use serde::Serialize;

use super::results::{Results, StrategyResult};

/// A figure of a strategy or of the modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Calls that got a reply.
    Succeeded,
    /// Rounds until the caller replied.
    Rounds,
    /// Cycles that the caller spent.
    Cycles,
    /// Instructions that the caller executed.
    CallerInstructions,
    /// Instructions that the callee executed.
    CalleeInstructions,
    /// The most cycles that were set aside for open calls at the same time.
    PeakCyclesSetAside,
    /// The size of the caller's module.
    CallerBytes,
    /// The size of the callee's module.
    CalleeBytes,
}

impl Figure {
    /// The figures of a strategy.
    const OF_STRATEGIES: [Self; 6] = [
        Self::Succeeded,
        Self::Rounds,
        Self::Cycles,
        Self::CallerInstructions,
        Self::CalleeInstructions,
        Self::PeakCyclesSetAside,
    ];

    /// The figures of the modules.
    const OF_MODULES: [Self; 2] = [Self::CallerBytes, Self::CalleeBytes];

    /// The name for users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "successful calls",
            Self::Rounds => "rounds",
            Self::Cycles => "caller's cycles",
            Self::CallerInstructions => "caller's instructions",
            Self::CalleeInstructions => "callee's instructions",
            Self::PeakCyclesSetAside => "most cycles set aside",
            Self::CallerBytes => "bytes of the caller",
            Self::CalleeBytes => "bytes of the callee",
        }
    }

    /// Whether the tolerance applies. Rounds and successful calls are small numbers that no compiler changes.
    fn is_tolerated(self) -> bool {
        !matches!(self, Self::Succeeded | Self::Rounds)
    }

    fn of_strategy(self, result: &StrategyResult) -> Option<u128> {
        match self {
            Self::Succeeded => Some(result.succeeded.into()),
            Self::Rounds => Some(result.rounds.into()),
            Self::Cycles => Some(result.cycles),
            Self::CallerInstructions => result.caller_instructions.map(u128::from),
            Self::CalleeInstructions => result.callee_instructions.map(u128::from),
            Self::PeakCyclesSetAside => result.peak_cycles_set_aside,
            Self::CallerBytes | Self::CalleeBytes => None,
        }
    }

    fn of_modules(self, results: &Results) -> Option<u128> {
        match self {
            Self::CallerBytes => Some(results.modules.caller.bytes.into()),
            Self::CalleeBytes => Some(results.modules.callee.bytes.into()),
            _ => None,
        }
    }
}

/// What a comparison says about a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "percent")]
pub enum Verdict {
    /// The figure is the same.
    NoChange,
    /// The figure has changed by this many percent, which is not more than the tolerance.
    Tolerated(f64),
    /// The figure is better: it has changed by this many percent. `None` if it was 0.
    Better(Option<f64>),
    /// The figure is worse: it has changed by this many percent. `None` if it was 0.
    Worse(Option<f64>),
    /// The baseline does not have the figure.
    New,
    /// The baseline has the figure, and the new results do not. This counts as worse.
    Missing,
}

/// A figure in the baseline and now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The strategy. `modules` for the figures of the modules.
    pub subject: String,
    /// The figure.
    pub figure: Figure,
    /// The figure in the baseline.
    pub before: Option<u128>,
    /// The figure now.
    pub now: Option<u128>,
    /// What this means.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// A comparison of new results with a baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The file with the baseline.
    pub file: String,
    /// How much worse a figure may be, in percent.
    pub tolerance_percent: f64,
    /// Whether a figure is worse.
    pub is_worse: bool,
    /// All figures.
    pub changes: Vec<Change>,
}

impl Comparison {
    /// Compares new results with a baseline. Without a baseline, every figure is new.
    pub fn new(
        file: String,
        before: Option<&Results>,
        now: &Results,
        tolerance_percent: f64,
    ) -> Self {
        let mut changes = Vec::new();
        let mut push = |subject: &str, figure: Figure, before, now| {
            if let Some(verdict) = verdict(figure, before, now, tolerance_percent) {
                changes.push(Change { subject: subject.into(), figure, before, now, verdict });
            }
        };
        let strategies = |results: &Results| -> Vec<String> {
            results.strategies.iter().map(|strategy| strategy.name.clone()).collect()
        };
        let mut names = strategies(now);
        let gone = before.map(strategies).unwrap_or_default();
        names.extend(gone.into_iter().filter(|name| now.strategy(name).is_none()));
        for name in &names {
            for figure in Figure::OF_STRATEGIES {
                let value = |results: &Results| figure.of_strategy(results.strategy(name)?);
                push(name, figure, before.and_then(value), value(now));
            }
        }
        for figure in Figure::OF_MODULES {
            let value = |results: &Results| figure.of_modules(results);
            push("modules", figure, before.and_then(value), value(now));
        }
        let is_worse = changes.iter().any(|change| change.verdict.is_worse());
        Self { file, tolerance_percent, is_worse, changes }
    }

    /// The number of figures for which this holds.
    pub fn count(&self, is_counted: impl Fn(Verdict) -> bool) -> usize {
        self.changes.iter().filter(|change| is_counted(change.verdict)).count()
    }
}

impl Results {
    /// The result of the strategy with this name.
    fn strategy(&self, name: &str) -> Option<&StrategyResult> {
        self.strategies.iter().find(|strategy| strategy.name == name)
    }
}

impl Verdict {
    /// Whether the figure is worse.
    pub fn is_worse(self) -> bool {
        matches!(self, Self::Worse(_) | Self::Missing)
    }

    /// Whether the figure is better.
    pub fn is_better(self) -> bool {
        matches!(self, Self::Better(_))
    }
}

/// What a comparison says about a figure. `None` if neither side has it.
fn verdict(
    figure: Figure,
    before: Option<u128>,
    now: Option<u128>,
    tolerance_percent: f64,
) -> Option<Verdict> {
    let (before, now) = match (before, now) {
        (None, None) => return None,
        (None, Some(_)) => return Some(Verdict::New),
        (Some(_), None) => return Some(Verdict::Missing),
        (Some(before), Some(now)) => (before, now),
    };
    // More successful calls are better; of everything else, less is better.
    let is_worse = if figure == Figure::Succeeded { now < before } else { now > before };
    let percent = (before > 0).then(|| (now as f64 - before as f64) * 100.0 / before as f64);
    let is_small = || now.abs_diff(before) <= tolerated_difference(before, tolerance_percent);
    Some(match percent {
        _ if now == before => Verdict::NoChange,
        Some(percent) if figure.is_tolerated() && is_small() => Verdict::Tolerated(percent),
        percent if is_worse => Verdict::Worse(percent),
        percent => Verdict::Better(percent),
    })
}

/// The largest difference from a figure that the tolerance allows. Counts the tolerance in ten-millionths of a percent:
/// quotients of floating-point numbers are a little too large or too small just where a change is as large as the
/// tolerance.
fn tolerated_difference(before: u128, tolerance_percent: f64) -> u128 {
    const PARTS_PER_PERCENT: f64 = 1e7;
    const PARTS: u128 = 1_000_000_000;
    // A conversion from a number that is too large gives the largest integer, which tolerates everything.
    let parts = (tolerance_percent * PARTS_PER_PERCENT).round() as u128;
    let whole = (before / PARTS).saturating_mul(parts);
    whole.saturating_add((before % PARTS).saturating_mul(parts) / PARTS)
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
