use std::path::Path;
use std::time::Duration;

use super::*;
use crate::args::Format;
use crate::sweep::{Crossover, CrossoverKind, Figure, Point, Wall};

fn measurement(name: &'static str, calls: u64, succeeded: u64, rounds: u64) -> Measurement {
    let failures = [("queue_full".to_owned(), calls - succeeded), ("cycles".to_owned(), 1)];
    Measurement {
        name,
        attempted: calls,
        succeeded,
        failed: calls - succeeded,
        failures: Some(failures.into_iter().filter(|_| calls > succeeded).collect()),
        rounds,
        model_time: Duration::from_secs(2 * (rounds - 1)),
        host_time: Duration::from_micros(1_500),
        cycles: u128::from(calls) * 5_400_000,
    }
}

fn sweep() -> Sweep {
    let point = |calls: u64| Point {
        calls,
        strategies: vec![
            measurement("sequential", calls, calls, calls + 1),
            measurement("parallel", calls, calls.min(500), 2),
        ],
    };
    let wall = Wall {
        strategy: "parallel",
        calls: 500,
        failed: 1,
        failures: Some([("queue_full".to_owned(), 1)].into()),
        text: "parallel: all calls succeed up to 500".into(),
    };
    let crossover = Crossover {
        calls: 501,
        winner: "sequential",
        loser: "parallel",
        kind: CrossoverKind::Overtakes,
        figure: Figure::Succeeded,
        text: "sequential overtakes parallel at 501 calls".into(),
    };
    let series = |same_subnet, walls, crossovers| Series {
        profile: "pocket-ic",
        same_subnet,
        caller_cycles: 100_000_000_000_000,
        points: vec![point(2), point(1_000)],
        walls,
        crossovers,
    };
    let series = vec![series(false, vec![wall], vec![crossover]), series(true, vec![], vec![])];
    Sweep { server: "embedded".into(), series }
}

/// Compares with a committed file in `tests/golden`.
fn assert_golden(name: &str, actual: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    test_support::assert_golden(&folder.join(name), actual);
}

#[test]
fn the_text_of_a_sweep_is_as_agreed() {
    assert_golden("sweep.txt", &sweep().to_string());
}

#[test]
fn the_markdown_of_a_sweep_is_as_agreed() {
    assert_golden("sweep.md", &sweep().to_markdown());
}

#[test]
fn the_csv_of_a_sweep_is_as_agreed() {
    assert_golden("sweep.csv", &sweep().to_csv());
}

#[test]
fn the_json_of_a_sweep_is_as_agreed() {
    assert_golden("sweep.json", &format!("{}\n", sweep().to_json()));
}

#[test]
fn each_form_is_chosen_by_its_option() {
    let sweep = sweep();
    for (format, text) in [
        (Format::Text, sweep.to_string()),
        (Format::Json, sweep.to_json()),
        (Format::Csv, sweep.to_csv()),
        (Format::Markdown, sweep.to_markdown()),
    ] {
        assert_eq!(sweep.to_text_in(format), text);
    }
}
