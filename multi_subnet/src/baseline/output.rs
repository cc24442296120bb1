//! A comparison as text and as markdown.

use clap::builder::styling::{AnsiColor, Style};

use serde::Serialize;

use super::compare::{Change, Comparison, Verdict};
use crate::args::{Format, InEachForm};
use crate::escape::{markdown_code, one_line};
use crate::numbers::grouped;
use crate::report::BenchmarkReport;
use crate::table::Table;

const HEADINGS: [&str; 5] = ["figure of", "figure", "baseline", "now", "change"];

/// A report with a comparison, as JSON.
#[derive(Serialize)]
struct Compared<'a> {
    #[serde(flatten)]
    report: &'a BenchmarkReport,
    baseline: &'a Comparison,
}

impl Comparison {
    /// A report and then this comparison. `colours` matter for text only.
    pub fn after_report(&self, report: &BenchmarkReport, format: Format, colours: bool) -> String {
        match format {
            Format::Text => format!("{report}\n{}", self.to_text(colours)),
            Format::Json => {
                // Every field is a string or a number, which JSON can express.
                serde_json::to_string_pretty(&Compared { report, baseline: self })
                    .expect("a comparison is representable in JSON")
            }
            // The command line does not allow it together with a comparison.
            Format::Csv => report.to_csv(),
            Format::Markdown => format!("{}\n{}", report.to_markdown(), self.to_markdown()),
        }
    }

    /// The comparison as text for a terminal. With `colours`, worse figures are red and better ones green.
    pub fn to_text(&self, colours: bool) -> String {
        let mut table = Table::new(&HEADINGS, &[0, 1, 4]);
        for change in &self.changes {
            let mut cells = cells(change);
            if let Some(style) = style(change.verdict).filter(|_| colours) {
                cells[4] = format!("{style}{}{style:#}", cells[4]);
            }
            table.push(cells);
        }
        format!("Compared with {}:\n\n{table}\n{}\n", one_line(&self.file), self.summary())
    }

    /// The comparison in GitHub's markdown: the figures that have changed, and all others folded away.
    pub fn to_markdown(&self) -> String {
        let is_same =
            |change: &&Change| matches!(change.verdict, Verdict::NoChange | Verdict::Tolerated(_));
        let (same, changed): (Vec<_>, Vec<_>) = self.changes.iter().partition(is_same);
        let table = |changes: &[&Change]| {
            let mut table = Table::new(&HEADINGS, &[0, 1, 4]);
            for change in changes {
                table.push(cells(change));
                if change.verdict.is_worse() {
                    table.emphasise(4);
                }
            }
            table.markdown()
        };
        let mut text =
            format!("### Compared with {}\n\n{}\n", markdown_code(&self.file), self.summary());
        if !changed.is_empty() {
            text += &format!("\n{}", table(&changed));
        }
        if !same.is_empty() {
            let number = same.len();
            text += &format!(
                "\n<details><summary>{number} figures without a change that counts</summary>\n\n{}\n</details>\n",
                table(&same)
            );
        }
        text
    }

    /// The comparison in one line.
    fn summary(&self) -> String {
        let number = |count: usize, word: &str| format!("{count} {word}");
        let worse = self.count(Verdict::is_worse);
        let better = self.count(Verdict::is_better);
        let new = self.count(|verdict| verdict == Verdict::New);
        let tolerated = self.count(|verdict| matches!(verdict, Verdict::Tolerated(_)));
        let same = self.count(|verdict| verdict == Verdict::NoChange);
        let tolerance = self.tolerance_percent;
        let within = format!("changed within the tolerance of {tolerance} %");
        let counts = [
            (worse, "worse"),
            (better, "better"),
            (new, "new"),
            (tolerated, within.as_str()),
            (same, "without change"),
        ];
        let parts: Vec<_> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| number(count, word))
            .collect();
        let verdict = match (worse, better) {
            (0, 0) => "No figure is worse or better than the baseline",
            (0, _) => "No figure is worse than the baseline",
            (1, _) => "A figure is worse than the baseline",
            _ => "Figures are worse than the baseline",
        };
        format!("{verdict}: {}.", parts.join(", "))
    }
}

fn style(verdict: Verdict) -> Option<Style> {
    let colour = match verdict {
        Verdict::Worse(_) | Verdict::Missing => AnsiColor::Red,
        Verdict::Better(_) => AnsiColor::Green,
        Verdict::New => AnsiColor::Blue,
        Verdict::NoChange | Verdict::Tolerated(_) => return None,
    };
    Some(Style::new().fg_color(Some(colour.into())).bold())
}

fn cells(change: &Change) -> [String; 5] {
    let number = |number: Option<u128>| number.map_or_else(|| "none".into(), grouped);
    [
        one_line(&change.subject),
        change.figure.name().into(),
        number(change.before),
        number(change.now),
        words(change.verdict),
    ]
}

/// What a comparison says about a figure, in words.
fn words(verdict: Verdict) -> String {
    let by = |percent: Option<f64>| match percent {
        Some(percent) => format!("by {:.2} %", percent.abs()),
        None => "from 0".into(),
    };
    match verdict {
        Verdict::NoChange => "no change".into(),
        Verdict::Tolerated(percent) => format!("{percent:+.2} %, within the tolerance"),
        Verdict::Better(percent) => format!("better {}", by(percent)),
        Verdict::Worse(percent) => format!("worse {}", by(percent)),
        Verdict::New => "new".into(),
        Verdict::Missing => "worse: no longer measured".into(),
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
