//! Crossovers: the number of calls at which one strategy overtakes another.

use std::cmp::Ordering;

use serde::Serialize;

use super::known::Known;
use crate::numbers::{grouped, seconds};
use crate::report::Measurement;

/// Cycles that differ by less than this share count as equal, in percent. The cost of a call is nearly all fees, so
/// smaller differences decide nothing.
pub const EQUAL_COST_PERCENT: u128 = 1;

/// A number of calls at which the order of two strategies changes. With one call less, the order is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Crossover {
    /// The number of calls.
    pub calls: u64,
    /// The strategy that is better than before.
    pub winner: &'static str,
    /// The strategy that the winner overtakes or catches up with.
    pub loser: &'static str,
    /// Whether the winner is better than the loser, or as good.
    pub kind: CrossoverKind,
    /// The figure in which the strategies differ from this number of calls on, or in which they did before.
    pub figure: Figure,
    /// The crossover as a sentence.
    pub text: String,
}

/// What happens at a crossover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CrossoverKind {
    /// From here on, the winner is better than the loser.
    Overtakes,
    /// From here on, both are equal. Before, the loser was better.
    CatchesUp,
}

/// A figure by which strategies are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// The number of successful calls; more is better.
    Succeeded,
    /// The model time; less is better. It counts only if as many calls succeed.
    ModelTime,
    /// The cycles that the caller pays; fewer is better. They count only if all calls succeed, and if they differ by
    /// [`EQUAL_COST_PERCENT`] or more.
    Cycles,
}

/// How two strategies are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Criterion {
    /// By [`Figure::Succeeded`], then by [`Figure::ModelTime`].
    Speed,
    /// By [`Figure::Cycles`].
    Cost,
}

impl Criterion {
    pub(super) const ALL: [Self; 2] = [Self::Speed, Self::Cost];

    /// `Less` if the first one is better. `None` if the two cannot be compared.
    pub(super) fn compare(self, [one, other]: [&Measurement; 2]) -> Option<Ordering> {
        match self {
            Self::Speed => {
                let key = |measurement: &Measurement| (measurement.failed, measurement.model_time);
                Some(key(one).cmp(&key(other)))
            }
            Self::Cost if one.failed + other.failed > 0 => None,
            Self::Cost => {
                let difference = one.cycles.abs_diff(other.cycles);
                let most = one.cycles.max(other.cycles).saturating_mul(EQUAL_COST_PERCENT) / 100;
                Some(if difference < most {
                    Ordering::Equal
                } else {
                    one.cycles.cmp(&other.cycles)
                })
            }
        }
    }

    /// The figure that decides between the two.
    fn figure(self, [one, other]: [&Measurement; 2]) -> Figure {
        match self {
            Self::Speed if one.succeeded != other.succeeded => Figure::Succeeded,
            Self::Speed => Figure::ModelTime,
            Self::Cost => Figure::Cycles,
        }
    }
}

/// Two successive measurements of two strategies between which the order changes.
pub(super) struct Change<'a> {
    before: [&'a Measurement; 2],
    after: [&'a Measurement; 2],
    order_before: Ordering,
    order_after: Ordering,
    criterion: Criterion,
}

impl Change<'_> {
    /// The two numbers of calls.
    pub(super) fn bounds(&self) -> (u64, u64) {
        (self.before[0].attempted, self.after[0].attempted)
    }

    fn crossover(&self, known: &Known) -> Crossover {
        let kind = match self.order_after {
            Ordering::Equal => CrossoverKind::CatchesUp,
            _ => CrossoverKind::Overtakes,
        };
        let first_wins = match kind {
            CrossoverKind::Overtakes => self.order_after.is_lt(),
            CrossoverKind::CatchesUp => self.order_before.is_gt(),
        };
        let [one, other] = self.after;
        let [winner, loser] = if first_wins { [one, other] } else { [other, one] };
        let deciding = if kind == CrossoverKind::Overtakes { self.after } else { self.before };
        let figure = self.criterion.figure(deciding);
        let text = text(winner, loser, kind, figure, is_only_complete(known, winner));
        let (winner, loser) = (winner.name, loser.name);
        Crossover { calls: one.attempted, winner, loser, kind, figure, text }
    }
}

/// The changes of the order of two strategies, by number of calls in ascending order.
pub(super) fn changes<'a>(
    known: &'a Known,
    pair: [usize; 2],
    criterion: Criterion,
) -> Vec<Change<'a>> {
    let measurements: Vec<_> = known.of_both(pair).collect();
    let change = |window: &[[&'a Measurement; 2]]| {
        let [before, after] = [window[0], window[1]];
        let [order_before, order_after] = [criterion.compare(before)?, criterion.compare(after)?];
        let change = Change { before, after, order_before, order_after, criterion };
        (order_before != order_after).then_some(change)
    };
    measurements.windows(2).filter_map(change).collect()
}

/// The crossovers that have been found: the changes between successive numbers of calls.
pub(super) fn crossovers(known: &Known) -> Vec<Crossover> {
    let mut crossovers = Vec::new();
    for criterion in Criterion::ALL {
        for pair in known.pairs() {
            let changes = changes(known, pair, criterion).into_iter();
            let found = changes.filter(|change| change.bounds().0 + 1 == change.bounds().1);
            crossovers.extend(found.map(|change| change.crossover(known)));
        }
    }
    // Stable: with the same number of calls, speed stays before cost.
    crossovers.sort_by_key(|crossover| crossover.calls);
    crossovers
}

/// Whether all strategies have been measured with this number of calls, and only this one makes all calls.
fn is_only_complete(known: &Known, measurement: &Measurement) -> bool {
    let complete = |all: Vec<&Measurement>| all.iter().filter(|one| one.failed == 0).count();
    measurement.failed == 0 && known.all(measurement.attempted).map(complete) == Some(1)
}

fn text(
    winner: &Measurement,
    loser: &Measurement,
    kind: CrossoverKind,
    figure: Figure,
    is_only_complete: bool,
) -> String {
    let [calls, succeeded] =
        [winner.attempted, winner.succeeded].map(|number| grouped(number.into()));
    let verb = match (kind, figure) {
        (CrossoverKind::CatchesUp, Figure::Cycles) => "becomes about as cheap as",
        (CrossoverKind::CatchesUp, _) => "catches up with",
        (CrossoverKind::Overtakes, Figure::Cycles) => "becomes cheaper than",
        (CrossoverKind::Overtakes, _) => "overtakes",
    };
    let value = |measurement: &Measurement| match figure {
        Figure::Succeeded => grouped(measurement.succeeded.into()),
        Figure::ModelTime => seconds(measurement.model_time),
        Figure::Cycles => grouped(measurement.cycles),
    };
    let [won, lost] = [winner, loser].map(value);
    let unit = match figure {
        Figure::Succeeded => "",
        Figure::ModelTime => " of model time",
        Figure::Cycles => " cycles",
    };
    let why = match (kind, figure) {
        (CrossoverKind::CatchesUp, Figure::Succeeded) => format!("both make {succeeded} calls"),
        (CrossoverKind::CatchesUp, Figure::ModelTime) => format!("both take {won}{unit}"),
        (CrossoverKind::CatchesUp, Figure::Cycles) => {
            format!("it takes {won}{unit}, {} {lost}", loser.name)
        }
        (_, Figure::Succeeded) if is_only_complete => {
            "it is the only one that makes all calls".into()
        }
        (_, Figure::Succeeded) if winner.failed == 0 => {
            format!("it makes all calls, {} makes {lost}", loser.name)
        }
        (_, Figure::Succeeded) => {
            format!("it makes {won} of the calls, {} makes {lost}", loser.name)
        }
        _ => format!("it takes {won}{unit} instead of {lost}"),
    };
    let noun = if winner.attempted == 1 { "call" } else { "calls" };
    format!("{} {verb} {} at {calls} {noun}: {why}", winner.name, loser.name)
}
