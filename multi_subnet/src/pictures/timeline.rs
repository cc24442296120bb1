//! The timeline of a strategy: each call as a bar, from when it was sent to its callback.

use embedded_replica::trace::{Call, Moment};
use maud::{Markup, html};

use super::axis::{LEFT, Scale, time_axis};
use super::items::{Item, Items, Missing, has_failed};
use super::lanes::{LANE, LANE_GAP, lanes};
use super::svg::{Svg, WIDTH, hatched, heading, line, px, rect, text};
use super::words::{count, duration, grouped, short};
use crate::numbers::seconds;
use crate::recorded::{Recorded, RecordedStrategy};

/// The top of the rows.
const TOP: f64 = 112.0;
/// The height of the rows together, if there are enough of them.
const ROWS_HEIGHT: f64 = 360.0;
/// The height of a row of a few calls.
const ROW_MAX: f64 = 14.0;
/// The width of the mark for calls that were not made.
const MISSING_WIDTH: f64 = 22.0;
/// Bars are at least as wide as this, so that they can be seen.
pub(super) const BAR_MIN: f64 = 1.2;
/// The same for executions at the callee, as long as the call itself is not narrower.
const CALLEE_MIN: f64 = 3.0;
/// Calls that were sent at times farther apart than this are in different bands, in pixels.
const APART: f64 = 4.0;

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
    let message = message(strategy, &items);
    let body = html! {
        (heading(&title(strategy), &message))
        (legend(&id, &items))
        (time_axis(scale, TOP, lanes_bottom))
        (chart.row_numbers(items.rows()))
        (chart.items(&items))
        (lanes(recorded, strategy, scale, lanes_top))
        @if items.calls_per_band() == 1 {
            (text("hint", (12.0, 66.0), "Point at a bar, or press the Tab key, to read the story of a call."))
        } @else {
            @let one = format!("{} in all: each line stands for {}.", count(items.rows(), "call"), count(items.calls_per_band(), "call"));
            (text("hint", (12.0, 66.0), &one))
        }
    };
    Svg::new(&id, title(strategy), description(&message, &items), lanes_bottom + 44.0, body)
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
fn message(strategy: &RecordedStrategy, items: &Items<'_>) -> String {
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
    let most_open = grouped(strategy.recording.most_open() as u64);
    let why = match measurement.name {
        _ if items.missing > 0 => {
            let reason = items.list.iter().find_map(|item| match item {
                Item::Missing(missing) => Some(missing.reason),
                Item::Call(_) => None,
            });
            format!(" – {} failed: {}", grouped(items.missing), reason.unwrap_or_default())
        }
        "sequential" => " – each call waits for the response to the call before".into(),
        "parallel" => " – one wait for all calls together".into(),
        "windowed" => {
            format!(" – at most {most_open} open; each response makes room for a call")
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
    if items.repeated > 0 {
        description +=
            &format!(" {} were refused and made again later.", count(items.repeated, "attempt"));
    }
    description
}

/// The end of the last call or execution.
pub(super) fn last_moment(strategy: &RecordedStrategy) -> u64 {
    let ends = strategy.recording.executions().iter().map(|execution| execution.end.nanos);
    ends.max().unwrap_or(0)
}

fn legend(id: &str, items: &Items<'_>) -> Markup {
    let failed = items.missing > 0
        || items.list.iter().any(|item| matches!(item, Item::Call(call) if has_failed(call)));
    let mut entries = vec![
        ("out", "request on its way"),
        ("at-callee", "callee executes"),
        ("back", "response on its way"),
    ];
    if failed {
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

/// The rows of a timeline.
struct Chart<'a> {
    id: &'a str,
    scale: Scale,
    /// The height of a row.
    row: f64,
    per_band: u64,
}

impl Chart<'_> {
    /// The numbers of the calls, left of the rows.
    fn row_numbers(&self, rows: u64) -> Markup {
        let y = |number: u64| TOP + self.row * (number as f64 - 0.5) + 4.0;
        let step = (rows / 4).max(1);
        let mut numbers: Vec<u64> = (1..rows).step_by(usize::try_from(step).unwrap_or(1)).collect();
        numbers.retain(|number| y(rows) - y(*number) > 14.0);
        numbers.push(rows);
        html! {
            @for number in numbers.into_iter().filter(|number| *number > 0) {
                (text("tick end", (LEFT - 8.0, y(number)), &grouped(number)))
            }
            (text("label", (12.0, TOP - 6.0), "call no."))
        }
    }

    fn items(&self, items: &Items<'_>) -> Markup {
        let mut y = TOP;
        let mut number = 1;
        let mut band: Vec<&Call> = Vec::new();
        let mut drawn = Vec::new();
        for item in &items.list {
            match item {
                Item::Call(call) if self.per_band == 1 => {
                    drawn.push(self.call(call, number, y));
                    y += self.row;
                }
                Item::Call(call) => {
                    let is_full = band.len() as u64 == self.per_band;
                    if is_full || band.last().is_some_and(|last| self.is_apart(last, call)) {
                        drawn.push(self.band(&band, y));
                        y += self.row * band.len() as f64;
                        band.clear();
                    }
                    band.push(call);
                }
                Item::Missing(missing) => {
                    drawn.push(self.band(&band, y));
                    y += self.row * band.len() as f64;
                    band.clear();
                    drawn.push(self.missing(*missing, y));
                    y += self.row * missing.calls as f64;
                }
            }
            number += item.rows();
        }
        drawn.push(self.band(&band, y));
        html! { @for item in drawn { (item) } }
    }

    /// Whether two calls were sent at different times that can be told apart in the picture.
    fn is_apart(&self, one: &Call, next: &Call) -> bool {
        let [one, next] = [one, next].map(|call| self.scale.at(call.sent.nanos as f64));
        next - one > APART
    }

    /// One call with its story.
    fn call(&self, call: &Call, number: u64, y: f64) -> Markup {
        let height = self.row * if self.row > 3.0 { 0.75 } else { 0.9 };
        let end = call.ended.map_or(self.scale.max, |ended| ended.nanos as f64);
        let (from, to) = (self.scale.at(call.sent.nanos as f64), self.scale.at(end));
        let story = story(call, number);
        html! {
            g class="call" tabindex="0" role="img" aria-label=(story) {
                title { (story) }
                (self.bar(call, y, height))
                (rect("reach", (from - 1.0, y), ((to - from).max(BAR_MIN) + 2.0, self.row)))
                (text("story", (12.0, 66.0), &story))
            }
        }
    }

    /// The parts of a bar.
    fn bar(&self, call: &Call, y: f64, height: f64) -> Markup {
        let at = |nanos: u64| self.scale.at(nanos as f64);
        let sent = at(call.sent.nanos);
        let ended = call.ended.map_or(self.scale.to, |ended| at(ended.nanos));
        if has_failed(call) {
            let width = (ended - sent).max(BAR_MIN);
            let size = (height / 2.0).clamp(2.0, 4.0);
            let middle = y + height / 2.0;
            return html! {
                rect class="bad" fill=(hatched(self.id)) x=(px(sent)) y=(px(y)) width=(px(width)) height=(px(height)) {}
                (line("cross", (ended - size, middle - size), (ended + size, middle + size)))
                (line("cross", (ended - size, middle + size), (ended + size, middle - size)))
            };
        }
        let executed = call.executed.map_or(ended, |executed| at(executed.nanos));
        let responded = call.responded.map_or(ended, |responded| at(responded.nanos));
        let callee = (responded - executed).max(CALLEE_MIN.min((ended - sent) / 3.0));
        html! {
            (rect("out", (sent, y), ((executed - sent).max(BAR_MIN), height)))
            (rect("back", (responded, y), ((ended - responded).max(BAR_MIN), height)))
            (rect("at-callee", (executed - callee / 2.0, y), (callee, height)))
        }
    }

    /// Several calls in a row. Calls that were sent and ended together look like one call.
    fn band(&self, calls: &[&Call], y: f64) -> Markup {
        let [first, .., last] = calls else {
            return html! { @for call in calls { (self.bar(call, y, self.row * 0.9)) } };
        };
        let height = self.row * calls.len() as f64;
        let failed =
            calls.iter().filter(|call| has_failed(call)).count() as f64 / calls.len() as f64;
        let at = |nanos: u64| self.scale.at(nanos as f64);
        let end = |call: &Call| call.ended.map_or(self.scale.to, |ended| at(ended.nanos));
        let is_narrow = at(last.sent.nanos) - at(first.sent.nanos) < 2.0;
        html! {
            @if is_narrow {
                (self.bar(first, y, height * 0.9))
            } @else {
                (rect("out", (at(first.sent.nanos), y), (end(last) - at(first.sent.nanos), height * 0.9)))
            }
            @if failed > 0.0 && !(is_narrow && has_failed(first)) {
                @let part = height * 0.9 * failed;
                rect class="bad" fill=(hatched(self.id)) x=(px(at(first.sent.nanos))) y=(px(y + height * 0.9 - part))
                    width=(px((end(last) - at(first.sent.nanos)).max(BAR_MIN))) height=(px(part)) {}
            }
        }
    }

    /// Calls that were not made: a hatched block at this time, with the reason.
    fn missing(&self, missing: Missing, y: f64) -> Markup {
        let Missing { at, calls, reason } = missing;
        let x = self.scale.at(at.nanos as f64);
        let height = (self.row * calls as f64).max(3.0);
        let words = format!("{} failed at {}: {reason}", count(calls, "call"), duration(at.nanos));
        // Late failures have their text on the left.
        let (class, text_at) = match x > WIDTH / 2.0 {
            true => ("bad-text end", x - 8.0),
            false => ("bad-text", x + MISSING_WIDTH + 8.0),
        };
        html! {
            g class="call" tabindex="0" role="img" aria-label=(words) {
                title { (words) }
                rect class="bad" fill=(hatched(self.id)) x=(px(x)) y=(px(y)) width=(px(MISSING_WIDTH)) height=(px(height)) {}
                (text(class, (text_at, y + height / 2.0 + 4.0), &words))
            }
        }
    }
}

/// What happened to a call, in one line.
fn story(call: &Call, number: u64) -> String {
    let at = |moment: Option<Moment>| moment.map(|moment| duration(moment.nanos));
    let mut story = format!("Call {}: sent at {}", grouped(number), duration(call.sent.nanos));
    if let Some(executed) = at(call.executed) {
        story += &format!(", executed at {executed}");
    }
    match (call.failure(), at(call.ended)) {
        (Some(reason), Some(ended)) => story += &format!(", failed at {ended}: {reason}"),
        (_, Some(ended)) => story += &format!(", callback at {ended}"),
        (_, None) => story += ", no response yet",
    }
    story + &format!("; {} cycles", short(call.set_aside - call.unspent))
}
