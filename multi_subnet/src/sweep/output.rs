//! A sweep as text, markdown, CSV and JSON.

use std::fmt::{self, Write};

use embedded_replica::network::NetworkProfile;

use super::{Series, Sweep};
use crate::args::InEachForm;
use crate::csv::{Conditions, csv, failures};
use crate::escape::markdown;
use crate::numbers::{grouped, seconds};
use crate::report::Measurement;
use crate::table::Table;

const HEADINGS: [&str; 8] = [
    "calls",
    "strategy",
    "succeeded",
    "failed",
    "rounds",
    "model time (mainnet)",
    "caller's cycles",
    "failures by reason",
];

impl InEachForm for Sweep {
    /// The measurements as a CSV file: one line for each series, number of calls and strategy.
    fn to_csv(&self) -> String {
        csv(self.series.iter().flat_map(|series| {
            let conditions = Conditions {
                profile: series.profile,
                same_subnet: series.same_subnet,
                caller_cycles: series.caller_cycles,
            };
            let measurements = series.points.iter().flat_map(|point| &point.strategies);
            measurements.map(move |measurement| (conditions, measurement))
        }))
    }

    /// The sweep in GitHub's markdown.
    fn to_markdown(&self) -> String {
        let mut text = String::from("## Sweep of calls\n");
        for series in &self.series {
            // Writing to a string does not fail.
            let (heading, table) = (markdown(&self.heading(series)), series.table().markdown());
            let _ = write!(text, "\n### {heading}\n\n{table}");
            for (title, lines) in series.findings() {
                let items: Vec<_> =
                    lines.iter().map(|line| format!("- {}\n", markdown(line))).collect();
                let _ = write!(text, "\n**{title}**\n\n{}", items.concat());
            }
        }
        text + "\n" + &model_time_note() + "\n"
    }
}

impl Sweep {
    /// What a series is about, in one line.
    pub(crate) fn heading(&self, series: &Series) -> String {
        let placement = if series.same_subnet { "one subnet" } else { "two subnets" };
        format!(
            "Caller and callee on {placement}; server {}, profile {}, {} cycles at the start",
            self.server,
            series.profile,
            grouped(series.caller_cycles)
        )
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for series in &self.series {
            writeln!(f, "{}:\n\n{}", self.heading(series), series.table())?;
            for (title, lines) in series.findings() {
                writeln!(f, "{title}:")?;
                lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
                writeln!(f)?;
            }
        }
        writeln!(f, "{}", model_time_note())
    }
}

fn model_time_note() -> String {
    let NetworkProfile { round_length_ms, rounds_per_hop, .. } = NetworkProfile::MAINNET;
    format!(
        "Model time: the time of these rounds on the mainnet, {round_length_ms} ms for each, {rounds_per_hop} rounds \
         per hop between subnets."
    )
}

impl Series {
    fn table(&self) -> Table {
        let mut table = Table::new(&HEADINGS, &[1, 7]);
        let measurements = self.points.iter().flat_map(|point| &point.strategies);
        measurements.for_each(|measurement| table.push(cells(measurement)));
        table
    }

    /// The walls and the crossovers as sentences, each list with its title. Empty lists are left out.
    fn findings(&self) -> impl Iterator<Item = (&'static str, Vec<&str>)> {
        let walls: Vec<_> = self.walls.iter().map(|wall| wall.text.as_str()).collect();
        let crossovers = self.crossovers.iter().map(|crossover| crossover.text.as_str()).collect();
        let findings = [("Where calls fail", walls), ("Where the order changes", crossovers)];
        findings.into_iter().filter(|(_, lines)| !lines.is_empty())
    }
}

fn cells(measurement: &Measurement) -> [String; 8] {
    let Measurement { name, attempted, succeeded, failed, rounds, model_time, cycles, .. } =
        measurement;
    let number = |number: &u64| grouped((*number).into());
    [
        number(attempted),
        (*name).into(),
        number(succeeded),
        number(failed),
        number(rounds),
        seconds(*model_time),
        grouped(*cycles),
        failures(measurement, |calls| number(&calls)),
    ]
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
