//! A sweep: each strategy makes several numbers of calls, and a search finds the exact numbers at which calls begin to
//! fail ([`Wall`]) and at which one strategy overtakes another ([`Crossover`]).
//!
//! Each strategy makes each number of calls on new canisters. A measurement therefore does not depend on the
//! measurements before it.

mod crossover;
mod known;
mod measure;
mod output;
mod search;
mod wall;

use serde::Serialize;

use crate::report::Measurement;
pub use crossover::{Crossover, CrossoverKind, EQUAL_COST_PERCENT, Figure};
pub use known::Known;
pub use measure::run;
pub use search::{Probe, next_probe};
pub use wall::Wall;

/// The result of a sweep. Charts need nothing else.
#[derive(Clone, Debug, Serialize)]
pub struct Sweep {
    /// The server that executed the canisters.
    pub server: String,
    /// One series for each placement, profile and number of cycles.
    pub series: Vec<Series>,
}

/// All measurements with one placement, one profile and one number of cycles.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// The profile of the network.
    pub profile: &'static str,
    /// Whether caller and callee were on one subnet.
    pub same_subnet: bool,
    /// Cycles that the caller started with.
    pub caller_cycles: u128,
    /// The measurements, by number of calls in ascending order.
    pub points: Vec<Point>,
    /// Where calls begin to fail, at most one wall for each strategy.
    pub walls: Vec<Wall>,
    /// Where one strategy overtakes another, by number of calls in ascending order.
    pub crossovers: Vec<Crossover>,
}

/// The measurements with one number of calls.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The number of calls.
    pub calls: u64,
    /// One measurement for each strategy.
    pub strategies: Vec<Measurement>,
}
