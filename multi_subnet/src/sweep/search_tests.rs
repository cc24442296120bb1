use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::report::Measurement;
use crate::sweep::crossover::{Crossover, CrossoverKind, Figure, crossovers};
use crate::sweep::wall::{Wall, walls};

/// A strategy of a model: what happens to this many calls.
type Model = fn(u64) -> Measurement;

fn measurement(
    name: &'static str,
    calls: u64,
    succeeded: u64,
    steps: u64,
    cycles: u64,
) -> Measurement {
    let failures = match calls - succeeded {
        0 => BTreeMap::new(),
        failed => BTreeMap::from([("queue_full".to_owned(), failed)]),
    };
    Measurement {
        name,
        attempted: calls,
        succeeded,
        failed: calls - succeeded,
        failures: Some(failures),
        rounds: steps + 1,
        model_time: Duration::from_secs(2 * steps),
        host_time: Duration::ZERO,
        cycles: cycles.into(),
    }
}

fn sequential(calls: u64) -> Measurement {
    measurement("sequential", calls, calls, calls, 1_000 * calls)
}

fn parallel(calls: u64) -> Measurement {
    measurement("parallel", calls, calls.min(500), 1, 1_000 * calls + 5)
}

fn windowed(calls: u64) -> Measurement {
    measurement("windowed", calls, calls, calls.div_ceil(450), 900 * calls + 6_000)
}

/// Measures a model at these numbers of calls, and searches. Returns everything known and the number of probes.
fn search(models: &[Model], counts: &[u64]) -> (Known, usize) {
    let mut known = Known::new(models.len());
    for &calls in counts {
        for (strategy, model) in models.iter().enumerate() {
            known.add(strategy, model(calls));
        }
    }
    let mut probes = 0;
    while let Some(Probe { strategy, calls }) = next_probe(&known) {
        assert!(known.get(strategy, calls).is_none(), "{calls} was measured twice");
        known.add(strategy, models[strategy](calls));
        probes += 1;
    }
    (known, probes)
}

fn found(known: &Known) -> (Vec<Wall>, Vec<Crossover>) {
    (walls(known, 100_000_000_000_000), crossovers(known))
}

#[test]
fn a_wall_and_all_crossovers_are_found_to_the_call() {
    let (known, probes) =
        search(&[sequential, parallel, windowed], &[1, 10, 100, 200, 500, 1_000, 5_000]);
    let (walls, crossovers) = found(&known);
    let texts: Vec<_> = walls.iter().map(|wall| wall.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "parallel: all calls succeed up to 500; of 501 calls 1 fails because of a full queue: at most 500 calls \
             may be open from one canister to another"
        ]
    );
    let texts: Vec<_> = crossovers.iter().map(|crossover| crossover.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "parallel overtakes sequential at 2 calls: it takes 2.0 s of model time instead of 4.0 s",
            "windowed overtakes sequential at 2 calls: it takes 2.0 s of model time instead of 4.0 s",
            "windowed becomes about as cheap as sequential at 55 calls: it takes 55,500 cycles, sequential 55,000",
            "windowed becomes about as cheap as parallel at 55 calls: it takes 55,500 cycles, parallel 55,005",
            "windowed becomes cheaper than sequential at 67 calls: it takes 66,300 cycles instead of 67,000",
            "windowed becomes cheaper than parallel at 67 calls: it takes 66,300 cycles instead of 67,005",
            "parallel overtakes windowed at 451 calls: it takes 2.0 s of model time instead of 4.0 s",
            "sequential overtakes parallel at 501 calls: it makes all calls, parallel makes 500",
            "windowed overtakes parallel at 501 calls: it makes all calls, parallel makes 500",
        ]
    );
    assert!(probes < 100, "{probes} probes");
}

#[test]
fn costs_that_differ_by_less_than_one_percent_decide_nothing() {
    let (known, _) = search(&[sequential, parallel], &[1, 100, 500]);
    let (_, crossovers) = found(&known);
    assert!(
        crossovers.iter().all(|crossover| crossover.figure != Figure::Cycles),
        "{crossovers:?}"
    );
}

#[test]
fn of_two_strategies_the_only_one_that_makes_all_calls_is_named_so() {
    let (known, _) = search(&[sequential, parallel], &[100, 1_000]);
    let (_, crossovers) = found(&known);
    let texts: Vec<_> = crossovers.iter().map(|crossover| crossover.text.as_str()).collect();
    assert_eq!(
        texts,
        ["sequential overtakes parallel at 501 calls: it is the only one that makes all calls"]
    );
    let Crossover { calls, winner, loser, kind, figure, .. } = crossovers[0];
    assert_eq!((calls, winner, loser), (501, "sequential", "parallel"));
    assert_eq!((kind, figure), (CrossoverKind::Overtakes, Figure::Succeeded));
}

#[test]
fn a_wall_below_the_smallest_number_of_calls_is_found_too() {
    let (known, _) = search(&[sequential, parallel], &[1_000, 2_000]);
    let (walls, crossovers) = found(&known);
    assert_eq!(walls.iter().map(|wall| wall.calls).collect::<Vec<_>>(), [500]);
    // The crossover at 501 is outside of the sweep.
    assert_eq!(crossovers, []);
}

#[test]
fn a_strategy_whose_only_call_fails_has_its_wall_at_zero() {
    let hopeless = |calls: u64| measurement("sequential", calls, 0, calls, 1_000);
    let (known, _) = search(&[hopeless as Model, parallel], &[1, 100]);
    let (walls, _) = found(&known);
    assert_eq!(walls[0].calls, 0);
    assert!(walls[0].text.starts_with("sequential: even of 1 call 1 fails"), "{}", walls[0].text);
}

#[test]
fn a_caller_without_reasons_gets_the_most_likely_one() {
    let silent = |calls: u64| Measurement { failures: None, ..parallel(calls) };
    let (known, _) = search(&[silent as Model], &[1, 1_000]);
    let text = &found(&known).0[0].text;
    assert!(text.contains("most likely because of a full queue"), "{text}");
}

#[test]
fn one_measurement_needs_no_search() {
    let (known, probes) = search(&[sequential, parallel, windowed], &[90]);
    assert_eq!((found(&known), probes), ((vec![], vec![]), 0));
}

#[test]
fn a_crossover_at_a_wall_costs_two_measurements_more() {
    let (_, alone) = search(&[parallel], &[500, 5_000]);
    let (_, both) = search(&[sequential, parallel], &[500, 5_000]);
    // Sequential calls are measured at 501 only: with 500, they have been measured already.
    assert_eq!(both, alone + 1);
}
