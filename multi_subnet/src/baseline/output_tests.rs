use std::path::Path;

use super::*;
use crate::baseline::fixtures::{later_results, results};

fn comparison() -> Comparison {
    Comparison::new("baseline.json".into(), Some(&results()), &later_results(), 1.0)
}

/// Compares with a committed file in `tests/golden`.
fn assert_golden(name: &str, actual: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    test_support::assert_golden(&folder.join(name), actual);
}

#[test]
fn the_text_of_a_comparison_is_as_agreed() {
    assert_golden("comparison.txt", &comparison().to_text(false));
}

#[test]
fn the_markdown_of_a_comparison_is_as_agreed() {
    assert_golden("comparison.md", &comparison().to_markdown());
}

#[test]
fn the_json_of_a_comparison_is_as_agreed() {
    let json = serde_json::to_string_pretty(&comparison()).expect("it is JSON");
    assert_golden("comparison.json", &format!("{json}\n"));
}

#[test]
fn a_file_name_cannot_break_out_of_its_line() {
    let named = Comparison { file: "a`<b>`\nc.json".into(), ..comparison() };
    let first = |text: String| text.lines().next().expect("a line").to_owned();
    assert_eq!(first(named.to_markdown()), "### Compared with `` a`<b>` c.json ``");
    assert_eq!(first(named.to_text(false)), "Compared with a`<b>` c.json:");
}

#[test]
fn worse_figures_are_red_and_better_ones_green() {
    let text = comparison().to_text(true);
    let line = |figure: &str, strategy: &str| {
        let mut lines = text.lines().filter(|line| line.starts_with(strategy));
        lines.find(|line| line.contains(figure)).expect("a line").to_owned()
    };
    assert!(line("rounds", "windowed").contains("\x1b[31m"));
    assert!(line("cycles", "parallel").contains("\x1b[32m"));
    assert!(!line("rounds", "sequential").contains('\x1b'));
    assert!(!comparison().to_text(false).contains('\x1b'));
}

#[test]
fn without_a_change_the_summary_says_so() {
    let same = Comparison::new("baseline.json".into(), Some(&results()), &results(), 1.0);
    let text = same.to_text(false);
    assert!(
        text.ends_with("No figure is worse or better than the baseline: 20 without change.\n"),
        "{text}"
    );
}
