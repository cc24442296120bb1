//! The measurements of a series that exist so far.

use std::collections::BTreeMap;

use crate::report::Measurement;

/// The measurements of a series, by number of calls and strategy. A strategy is named by its index.
#[derive(Clone, Debug)]
pub struct Known {
    strategies: usize,
    points: BTreeMap<u64, Vec<Option<Measurement>>>,
}

impl Known {
    /// No measurements yet, of this many strategies.
    pub fn new(strategies: usize) -> Self {
        Self { strategies, points: BTreeMap::new() }
    }

    /// The number of strategies.
    pub fn strategies(&self) -> usize {
        self.strategies
    }

    /// Adds a measurement, whose number of calls is `attempted`.
    pub fn add(&mut self, strategy: usize, measurement: Measurement) {
        let none = || vec![None; self.strategies];
        let point = self.points.entry(measurement.attempted).or_insert_with(none);
        point[strategy] = Some(measurement);
    }

    /// The measurement of a strategy with this number of calls.
    pub fn get(&self, strategy: usize, calls: u64) -> Option<&Measurement> {
        self.points.get(&calls)?.get(strategy)?.as_ref()
    }

    /// All measurements with this number of calls. `None` unless all strategies have been measured.
    pub fn all(&self, calls: u64) -> Option<Vec<&Measurement>> {
        self.points.get(&calls)?.iter().map(Option::as_ref).collect()
    }

    /// The measurements of a strategy, by number of calls in ascending order.
    pub fn of(&self, strategy: usize) -> impl Iterator<Item = &Measurement> {
        self.points.values().filter_map(move |point| point[strategy].as_ref())
    }

    /// The measurements of two strategies with the same number of calls, in ascending order.
    pub fn of_both(&self, [one, other]: [usize; 2]) -> impl Iterator<Item = [&Measurement; 2]> {
        self.points
            .values()
            .filter_map(move |point| Some([point[one].as_ref()?, point[other].as_ref()?]))
    }

    /// All pairs of strategies.
    pub fn pairs(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let strategies = self.strategies;
        (0..strategies).flat_map(move |one| (one + 1..strategies).map(move |other| [one, other]))
    }
}
