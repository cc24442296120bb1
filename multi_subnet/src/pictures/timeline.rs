//! The timeline of a strategy: each call as a bar, from when it was sent to its callback.

use maud::{Markup, html};

use super::axis::{LEFT, Scale, time_axis};
use super::bands::{Band, Chart};
use super::items::Items;
use super::lanes::{LANE, LANE_GAP, lanes};
use super::svg::{Svg, hatched, px, rect, text};
use super::words::{count, grouped};
use crate::numbers::seconds;
use crate::recorded::{Recorded, RecordedStrategy};

/// The top of the rows.
pub(super) const TOP: f64 = 112.0;
/// The height of the rows together, if there are enough of them.
const ROWS_HEIGHT: f64 = 360.0;
/// The height of a row of a few calls.
const ROW_MAX: f64 = 14.0;

/// The timeline of a strategy.
pub fn timeline(recorded: &Recorded, strategy: &RecordedStrategy) -> Svg {
    let items = Items::of(recorded, strategy);
    let name = strategy.measurement.name;
    let id = format!("{name}-timeline");
    let scale = Scale::of_time(last_moment(strategy));
    let rows = items.rows().max(1) as f64;
    let row = (ROWS_HEIGHT / rows).min(ROW_MAX);
    let bottom = TOP + row * rows;
    let chart = Chart { id: &id, scale, row, per_band: items.calls_per_band() };
    let lanes_top = bottom + LANE_GAP * 2.0;
    let lanes_bottom = lanes_top + 3.0 * (LANE + LANE_GAP);
    let message = message(recorded, strategy, &items);
    let bands = chart.bands(&items);
    let body = html! {
        (legend(&id, &bands))
        (time_axis(scale, TOP, lanes_bottom))
        (chart.row_numbers(items.rows()))
        @for band in &bands { (chart.draw(band)) }
        (lanes(recorded, strategy, scale, lanes_top))
        @if items.calls_per_band() == 1 {
            (text("hint", (12.0, 66.0), "Point at a bar, or press the Tab key, to read the story of a call."))
        } @else {
            @let calls = count(items.rows(), "call");
            @let hint = format!("{calls}: each line stands for {}. Point at a line, or press the Tab key, to read its story.", count(items.calls_per_band(), "call"));
            (text("hint", (12.0, 66.0), &hint))
        }
    };
    let title = title(strategy);
    Svg::new(&id, (&title, &message), description(&message, &items), lanes_bottom + 44.0, body)
}

fn title(strategy: &RecordedStrategy) -> String {
    match strategy.measurement.name {
        "sequential" => "Sequential: one call after the other".into(),
        "parallel" => "Parallel: all calls at once".into(),
        "windowed" => "Windowed: a limited number of calls at a time".into(),
        other => other.into(),
    }
}

/// What the picture says, in one sentence.
fn message(recorded: &Recorded, strategy: &RecordedStrategy, items: &Items<'_>) -> String {
    let measurement = &strategy.measurement;
    let time = match measurement.model_time.is_zero() {
        true => "within one round".into(),
        false => format!("in {}", seconds(measurement.model_time)),
    };
    let done = format!(
        "{} of {} succeeded {time}",
        grouped(measurement.succeeded),
        count(measurement.attempted, "call")
    );
    let load = strategy.recording.load_by(recorded.caller);
    let most_open = load.iter().map(|load| load.open).max().unwrap_or(0) as u64;
    let failed = grouped(items.failed);
    let why = match (measurement.name, &items.reasons()[..]) {
        (_, [(reason, _)]) if items.failed > 0 => format!(" – {failed} failed: {reason}"),
        (_, [(reason, _), ..]) if items.failed > 0 => {
            format!(" – {failed} failed, most often: {reason}")
        }
        _ if items.repeated > 0 => {
            format!(" – {}", refused_and_repeated(items.repeated))
        }
        ("sequential", _) => " – each call waits for the response to the call before".into(),
        ("parallel", _) => " – one wait for all calls together".into(),
        ("windowed", _) => {
            format!(" – at most {} open; each response makes room for a call", grouped(most_open))
        }
        _ => String::new(),
    };
    done + &why
}

fn description(message: &str, items: &Items<'_>) -> String {
    let mut description = format!(
        "{message}. Each of {} is a bar over model time: the request travels, the callee executes it, the response \
         travels back. Calls that failed are hatched. Three lanes below show when the caller worked, when messages \
         travelled, and when the callee worked.",
        count(items.rows(), "call")
    );
    for (reason, calls) in items.reasons() {
        description += &format!(" {} failed: {reason}.", count(calls, "call"));
    }
    if items.repeated > 0 {
        description += &format!(" {}.", refused_and_repeated(items.repeated));
    }
    description
}

fn refused_and_repeated(attempts: u64) -> String {
    let verb = if attempts == 1 { "was" } else { "were" };
    format!("{} {verb} refused and made again later", count(attempts, "attempt"))
}

/// The end of the last call or execution.
pub(super) fn last_moment(strategy: &RecordedStrategy) -> u64 {
    let ends = strategy.recording.executions().iter().map(|execution| execution.end.nanos);
    ends.max().unwrap_or(0)
}

/// The classes that the bands have, with their names.
fn legend(id: &str, bands: &[Band<'_>]) -> Markup {
    let mut entries = Vec::new();
    if bands.iter().any(Band::shows_open) {
        entries.push(("open", "calls are open"));
    }
    if bands.is_empty() || bands.iter().any(Band::shows_ways) {
        entries.extend([
            ("out", "request on its way"),
            ("at-callee", "callee executes"),
            ("back", "response on its way"),
        ]);
    }
    if bands.iter().any(Band::has_failures) {
        entries.push(("bad", "failed"));
    }
    let mut x = LEFT;
    html! {
        @for (class, name) in entries {
            @let at = x;
            @let () = x += 36.0 + 7.0 * name.len() as f64;
            @if class == "bad" {
                rect class=(class) fill=(hatched(id)) x=(px(at)) y=(px(TOP - 29.0)) width="12" height="10" {}
            } @else {
                (rect(class, (at, TOP - 29.0), (12.0, 10.0)))
            }
            (text("label", (at + 18.0, TOP - 20.0), name))
        }
    }
}
