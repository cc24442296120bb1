use super::*;
use crate::baseline::fixtures::{later_results, results};

fn compare(before: Option<&Results>, now: &Results, tolerance: f64) -> Comparison {
    Comparison::new("baseline.json".into(), before, now, tolerance)
}

/// The verdict on one figure.
fn verdict_of(comparison: &Comparison, subject: &str, figure: Figure) -> Verdict {
    let mut changes = comparison.changes.iter();
    let change = changes.find(|change| change.subject == subject && change.figure == figure);
    change.expect("the figure is compared").verdict
}

#[test]
fn the_same_results_have_no_change_in_any_figure() {
    let comparison = compare(Some(&results()), &results(), 0.0);
    assert!(!comparison.is_worse);
    assert_eq!(comparison.count(|verdict| verdict == Verdict::NoChange), 3 * 6 + 2);
    assert_eq!(comparison.changes.len(), 3 * 6 + 2);
}

#[test]
fn figures_may_be_worse_by_the_tolerance_but_rounds_and_successes_may_not() {
    let comparison = compare(Some(&results()), &later_results(), 1.0);
    assert!(comparison.is_worse);
    let verdict = |subject, figure| verdict_of(&comparison, subject, figure);
    assert!(
        matches!(verdict("sequential", Figure::Cycles), Verdict::Tolerated(percent) if percent > 0.04)
    );
    assert_eq!(verdict("sequential", Figure::CallerInstructions), Verdict::Worse(Some(2.0)));
    assert!(verdict("parallel", Figure::Cycles).is_better());
    assert!(matches!(verdict("windowed", Figure::Rounds), Verdict::Worse(Some(_))));
    assert!(verdict("modules", Figure::CallerBytes).is_worse());
    assert_eq!(comparison.count(Verdict::is_worse), 3);

    let tolerant = compare(Some(&results()), &later_results(), 50.0);
    assert_eq!(tolerant.count(Verdict::is_worse), 1, "a round more is always worse");
    let mut fewer = results();
    fewer.strategies[1].succeeded = 499;
    assert!(compare(Some(&results()), &fewer, 50.0).is_worse);
    let more = compare(Some(&fewer), &results(), 0.0);
    assert!(verdict_of(&more, "parallel", Figure::Succeeded).is_better() && !more.is_worse);
}

#[test]
fn a_change_of_exactly_the_tolerance_is_tolerated() {
    let mut now = results();
    now.strategies[0].caller_instructions = Some(30_300_000);
    assert!(!compare(Some(&results()), &now, 1.0).is_worse);
    assert!(compare(Some(&results()), &now, 0.99).is_worse);
}

#[test]
fn every_change_of_exactly_a_whole_tolerance_is_tolerated_and_one_more_is_not() {
    for before in [100_u64, 1_700, 4_611_686_018_427_387_900] {
        for percent in 0..=100 {
            let with = |instructions| {
                let mut results = results();
                results.strategies[0].caller_instructions = Some(instructions);
                results
            };
            let difference = before / 100 * percent;
            for now in [before - difference, before + difference] {
                let comparison = compare(Some(&with(before)), &with(now), percent as f64);
                assert!(!comparison.is_worse, "{before} {percent} {now}");
                assert_eq!(comparison.count(Verdict::is_better), 0, "{before} {percent} {now}");
            }
            let more = compare(Some(&with(before)), &with(before + difference + 1), percent as f64);
            assert!(more.is_worse, "{before} {percent}");
        }
    }
    let (before, mut now) = (results(), results());
    now.strategies[0].cycles = u128::MAX;
    assert!(compare(Some(&before), &now, 1e20).is_worse);
    assert!(!compare(Some(&before), &now, f64::MAX).is_worse);
}

#[test]
fn a_figure_that_was_zero_is_worse_once_it_is_not() {
    let mut before = results();
    before.strategies[0].callee_instructions = Some(0);
    let comparison = compare(Some(&before), &results(), 1.0);
    let verdict = verdict_of(&comparison, "sequential", Figure::CalleeInstructions);
    assert_eq!(verdict, Verdict::Worse(None));
}

#[test]
fn without_a_baseline_every_figure_is_new() {
    let comparison = compare(None, &results(), 1.0);
    assert!(!comparison.is_worse);
    assert!(comparison.changes.iter().all(|change| change.verdict == Verdict::New));
}

#[test]
fn a_strategy_that_is_gone_is_worse_and_one_that_is_new_is_not() {
    let mut two = results();
    two.strategies.pop();
    let gone = compare(Some(&results()), &two, 1.0);
    assert_eq!(verdict_of(&gone, "windowed", Figure::Rounds), Verdict::Missing);
    assert!(gone.is_worse);
    let added = compare(Some(&two), &results(), 1.0);
    assert_eq!(verdict_of(&added, "windowed", Figure::Rounds), Verdict::New);
    assert!(!added.is_worse);
}

#[test]
fn figures_that_neither_side_has_are_left_out() {
    let mut results = results();
    for strategy in &mut results.strategies {
        strategy.caller_instructions = None;
        strategy.callee_instructions = None;
        strategy.peak_cycles_set_aside = None;
        strategy.failures = None;
    }
    assert_eq!(compare(Some(&results), &results, 1.0).changes.len(), 3 * 3 + 2);
}
