use std::path::Path;

use super::*;

fn measurement(
    name: &'static str,
    succeeded: u64,
    rounds: u64,
    host_nanos: u64,
    cycles: u128,
) -> Measurement {
    Measurement {
        name,
        attempted: 2_000,
        succeeded,
        failed: 2_000 - succeeded,
        failures: None,
        rounds,
        model_time: Duration::from_secs(2 * (rounds - 1)),
        host_time: Duration::from_nanos(host_nanos),
        cycles,
    }
}

fn report(parallel_succeeded: u64) -> BenchmarkReport {
    BenchmarkReport {
        server: "embedded".into(),
        profile: "pocket-ic",
        same_subnet: false,
        calls: 2_000,
        caller_cycles: 100_000_000_000_000,
        modules: ModuleSizes::default(),
        strategies: vec![
            measurement("sequential", 2_000, 2_001, 599_863_583, 10_596_145_633),
            measurement("parallel", parallel_succeeded, 2, 296_402_000, 2_678_905_405),
        ],
    }
}

/// The report of a caller that returns the reasons of failed calls.
fn report_with_reasons() -> BenchmarkReport {
    let mut report = report(500);
    report.strategies.push(measurement("windowed", 2_000, 5, 301_000_000, 10_716_000_111));
    for strategy in &mut report.strategies {
        strategy.failures = Some(BTreeMap::new());
    }
    let reasons = [("queue_full".into(), 1_400), ("cycles".into(), 99), ("deadline".into(), 1)];
    report.strategies[1].failures = Some(reasons.into());
    report
}

/// Compares with a committed file in `tests/golden`.
fn assert_golden(name: &str, actual: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    test_support::assert_golden(&folder.join(name), actual);
}

#[test]
fn the_text_is_as_agreed() {
    assert_golden("report.txt", &report_with_reasons().to_string());
    assert_golden("report_of_two.txt", &report(500).to_string());
}

#[test]
fn failures_are_explained_by_what_most_likely_caused_them() {
    let slots = report(500).to_string();
    assert!(slots.contains("at most 500 calls may be open"), "{slots}");
    let poor = BenchmarkReport { caller_cycles: 2_000_000_000_000, ..report(46) }.to_string();
    assert!(poor.contains("Use --caller-cycles 21_100_000_000_000,"), "{poor}");
    for unexplained in [report(46), BenchmarkReport { caller_cycles: 1, ..report(0) }] {
        let text = unexplained.to_string();
        assert!(
            text.contains("does not return the reasons") && !text.contains("--caller-cycles"),
            "{text}"
        );
    }
    assert!(!report(2_000).to_string().contains("failed because"));
}

#[test]
fn the_json_is_as_agreed() {
    assert_golden("report.json", &format!("{}\n", report_with_reasons().to_json()));
    assert_golden("report_of_two.json", &format!("{}\n", report(500).to_json()));
}

#[test]
fn the_markdown_and_the_csv_are_as_agreed() {
    assert_golden("report.md", &report_with_reasons().to_markdown());
    assert_golden("report.csv", &report_with_reasons().to_csv());
}

#[test]
fn the_first_two_lines_have_the_form_of_the_original_demo() {
    let text = report(2_000).to_string();
    let lines: Vec<_> = text.lines().take(2).collect();
    assert_eq!(
        lines,
        [
            "Sequential calls: 2000/2000 successful calls in 599.863583ms",
            "Parallel calls: 2000/2000 successful calls in 296.402ms"
        ]
    );
}

#[test]
fn json_carries_balances_beyond_64_bits() {
    let mut report = report(500);
    report.strategies[0].cycles = u128::MAX;
    assert!(report.to_json().contains(&u128::MAX.to_string()));
}

#[test]
fn the_heading_of_one_call_is_in_the_singular() {
    let one = BenchmarkReport { calls: 1, ..report(500) };
    assert!(one.to_markdown().starts_with("## 1 call, caller and callee on two subnets"));
}
