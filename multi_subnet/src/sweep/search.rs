//! The search for walls and crossovers: which measurement is needed next.

use super::crossover::{Criterion, changes};
use super::known::Known;
use super::wall;

/// A measurement to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The index of the strategy.
    pub strategy: usize,
    /// The number of calls.
    pub calls: u64,
}

/// The measurement that brings the search for walls and crossovers on. `None` if all are found.
///
/// The search halves the interval between two measurements until the numbers of calls are successive. If the order of
/// two strategies changes several times between two measurements, the search finds one of these changes.
pub fn next_probe(known: &Known) -> Option<Probe> {
    // Walls first: at a wall the order of two strategies often changes, too.
    let of_walls = (0..known.strategies()).filter_map(|strategy| {
        let (complete, failing) = wall::bounds(known, strategy)?;
        let calls = complete + (failing - complete) / 2;
        (calls > complete).then_some(Probe { strategy, calls })
    });
    let of_crossovers = Criterion::ALL.into_iter().flat_map(|criterion| {
        known.pairs().filter_map(move |pair| {
            let changes = changes(known, pair, criterion);
            changes.iter().find_map(|change| between(known, pair, change.bounds()))
        })
    });
    of_walls.chain(of_crossovers).next()
}

/// The measurement that halves an interval in which the order of two strategies changes. `None` if there is no number
/// between the bounds.
///
/// If one of the two strategies has already been measured with two successive numbers in the interval, its calls begin
/// to fail there. The order most likely changes at the same place, so the other strategy is measured there.
fn between(known: &Known, pair: [usize; 2], (low, high): (u64, u64)) -> Option<Probe> {
    if high - low < 2 {
        return None;
    }
    let [one, other] = pair;
    let at_wall = [[one, other], [other, one]].into_iter().find_map(|[measured, missing]| {
        let (complete, failing) = wall::bounds(known, measured)?;
        let is_new =
            |calls: &u64| low < *calls && *calls < high && known.get(missing, *calls).is_none();
        let calls = [complete, failing].into_iter().find(is_new)?;
        known.get(measured, calls).map(|_| Probe { strategy: missing, calls })
    });
    let halving = || {
        let calls = low + (high - low) / 2;
        let strategy = pair.into_iter().find(|&strategy| known.get(strategy, calls).is_none())?;
        Some(Probe { strategy, calls })
    };
    at_wall.or_else(halving)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
