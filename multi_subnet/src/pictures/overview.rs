//! The strategies side by side: how long they take, and how many calls succeed.

use maud::html;

use super::axis::Scale;
use super::svg::{Svg, hatched, px, rect, text};
use super::words::{calls_fail, count, duration, grouped};
use crate::numbers::seconds;
use crate::recorded::{Recorded, RecordedStrategy};
use crate::report::Measurement;

const ID: &str = "overview";
/// The space for the names of the strategies.
const NAMES: f64 = 100.0;
/// The chart of times ends here, and the chart of calls begins.
const TIMES_END: f64 = 350.0;
const CALLS_START: f64 = 450.0;
const CALLS_END: f64 = 640.0;
const TOP: f64 = 96.0;
const ROW: f64 = 44.0;
const BAR: f64 = 24.0;

/// The strategies side by side.
pub fn overview(recorded: &Recorded) -> Svg {
    let strategies = &recorded.strategies;
    let nanos = |strategy: &RecordedStrategy| {
        u64::try_from(strategy.measurement.model_time.as_nanos()).unwrap_or(u64::MAX)
    };
    let longest = strategies.iter().map(nanos).max().unwrap_or(0).max(1) as f64;
    let attempted =
        strategies.iter().map(|strategy| strategy.measurement.attempted).max().unwrap_or(0);
    let times = Scale { from: NAMES, to: TIMES_END, max: longest };
    let calls = Scale { from: CALLS_START, to: CALLS_END, max: attempted.max(1) as f64 };
    let title = format!("{}, in {} ways", count(attempted, "call"), strategies.len());
    let message = message(recorded);
    let body = html! {
        (text("label strong", (NAMES, TOP - 12.0), "model time on the mainnet"))
        (text("label strong", (CALLS_START, TOP - 12.0), "calls that succeeded"))
        @for (index, strategy) in strategies.iter().enumerate() {
            @let measurement = &strategy.measurement;
            @let y = TOP + index as f64 * ROW;
            @let time_end = times.at(nanos(strategy) as f64).max(times.from + 2.0);
            @let succeeded = calls.at(measurement.succeeded as f64);
            @let attempted = calls.at(measurement.attempted as f64);
            (text("strong", (12.0, y + 17.0), measurement.name))
            (rect("good", (times.from, y), (time_end - times.from, BAR)))
            (text("", (time_end + 8.0, y + 17.0), &duration(nanos(strategy))))
            (rect("good", (calls.from, y), (succeeded - calls.from, BAR)))
            @if measurement.failed > 0 {
                rect class="bad" fill=(hatched(ID)) x=(px(succeeded)) y=(px(y))
                    width=(px(attempted - succeeded)) height=(px(BAR)) {}
            }
            @let class = if measurement.failed > 0 { "bad-text" } else { "" };
            (text(class, (attempted + 8.0, y + 17.0), &outcome(strategy)))
        }
    };
    let sentences = strategies.iter().map(|strategy| {
        format!(
            "{}: {} in {}, {} cycles.",
            strategy.measurement.name,
            outcome(strategy),
            duration(nanos(strategy)),
            grouped(strategy.measurement.cycles)
        )
    });
    let description = sentences.collect::<Vec<_>>().join(" ");
    Svg::new(ID, (&title, &message), description, TOP + ROW * strategies.len() as f64 + 4.0, body)
}

fn outcome(strategy: &RecordedStrategy) -> String {
    let measurement = &strategy.measurement;
    match measurement.failed {
        0 => format!("all {}", grouped(measurement.succeeded)),
        _ => format!("{} of {}", grouped(measurement.succeeded), grouped(measurement.attempted)),
    }
}

/// What the picture says: how much faster than sequential calls the others are, and which of them fail.
fn message(recorded: &Recorded) -> String {
    let find = |name: &str| {
        let mut all = recorded.strategies.iter().map(|strategy| &strategy.measurement);
        all.find(|measurement| measurement.name == name)
    };
    let Some((sequential, parallel)) = find("sequential").zip(find("parallel")) else {
        return "Short bars on the left are fast. What is hatched on the right has failed.".into();
    };
    let windowed = find("windowed").filter(|windowed| windowed.failed == 0);
    match (parallel.failed, windowed) {
        (0, _) => match speed(sequential, parallel) {
            Some(speed) => format!("Parallel: {speed}."),
            None => format!("Parallel: all succeed, {}.", time(parallel)),
        },
        (_, None) => format!("Parallel: {}.", calls_fail(parallel.failed)),
        (_, Some(windowed)) => {
            let speed = match speed(sequential, windowed) {
                Some(speed) if windowed.model_time.is_zero() => speed,
                Some(speed) => format!("{}, {speed}", time(windowed)),
                None => time(windowed),
            };
            format!("Parallel: {}. Windowed: all succeed, {speed}.", calls_fail(parallel.failed))
        }
    }
}

fn time(measurement: &Measurement) -> String {
    match measurement.model_time.is_zero() {
        true => "within one round".into(),
        false => format!("in {}", seconds(measurement.model_time)),
    }
}

/// How fast a strategy is, compared with sequential calls. `None` if calls failed: speeds are compared only if all
/// calls succeed.
fn speed(sequential: &Measurement, measurement: &Measurement) -> Option<String> {
    if sequential.failed + measurement.failed > 0 {
        return None;
    }
    let [slow, fast] = [sequential, measurement].map(|one| one.model_time.as_millis());
    Some(match (slow * 10).checked_div(fast) {
        _ if slow == fast => "as fast as sequential".into(),
        None => format!("within one round instead of {}", seconds(sequential.model_time)),
        _ if slow < fast => "slower than sequential".into(),
        Some(10) => "a little faster than sequential".into(),
        Some(tenths @ ..20) => format!("1.{} times as fast as sequential", tenths % 10),
        Some(tenths) => format!("{} times as fast as sequential", grouped(tenths / 10)),
    })
}
