//! Open calls over time, with the walls; and the cycles that are set aside for them, against the balance.

use embedded_replica::trace::Load;
use maud::{Markup, html};

use super::axis::{LEFT, RIGHT, Scale, number_axis, time_axis};
use super::items::{Item, Items};
use super::svg::{Svg, WIDTH, line, px, text};
use super::timeline::last_moment;
use super::walls::{Wall, walls};
use super::words::{calls_fail, count, grouped, short};
use crate::recorded::{Recorded, RecordedStrategy};

/// The upper chart: open calls.
const CALLS: (f64, f64) = (108.0, 260.0);
/// The lower chart: cycles.
const CYCLES: (f64, f64) = (308.0, 384.0);
/// The height of the picture.
const HEIGHT: f64 = 432.0;

/// Open calls over time, and the cycles set aside.
pub fn open_calls(recorded: &Recorded, strategy: &RecordedStrategy) -> Svg {
    let name = strategy.measurement.name;
    let load = strategy.recording.load_by(recorded.caller);
    let most_open = load.iter().map(|load| load.open).max().unwrap_or(0) as u64;
    let most_set_aside = load.iter().map(|load| load.set_aside).max().unwrap_or(0);
    let walls = walls(recorded, strategy);
    let lowest = walls.first().map_or(1, |wall| wall.calls);
    let scale = Scale::of_time(last_moment(strategy));
    let items = Items::of(recorded, strategy);
    let title = format!("Open calls: {name}");
    let open = grouped(most_open);
    let set_aside = format!("{} cycles were set aside at most.", short(most_set_aside));
    let repeated = repeated(items.repeated);
    let message = match (items.missing, items.repeated) {
        (0, 0) => format!(
            "At most {open} open; the first wall stands at {}. {set_aside}",
            grouped(lowest)
        ),
        (0, _) => format!("{open} open, then a wall: {repeated}. {set_aside}"),
        (missing, 0) => format!("{open} open, then a wall: {}. {set_aside}", calls_fail(missing)),
        // The lower chart shows the cycles.
        (missing, _) => format!("{open} open, then a wall: {}. {repeated}.", calls_fail(missing)),
    };
    let body = html! {
        (calls_chart(&load, &walls, scale, most_open, &items))
        (cycles_chart(&load, strategy.balance, scale, most_set_aside))
    };
    let names: Vec<&str> = walls.iter().map(|wall| wall.name.as_str()).collect();
    let description = format!("{message} The walls: {}.", names.join("; "));
    Svg::new(&format!("{name}-open-calls"), (&title, &message), description, HEIGHT, body)
}

/// That the caller made refused calls again.
fn repeated(attempts: u64) -> String {
    let verb = if attempts == 1 { "was" } else { "were" };
    format!("{} {verb} repeated", count(attempts, "refused attempt"))
}

fn calls_chart(
    load: &[Load],
    walls: &[Wall],
    time: Scale,
    most_open: u64,
    items: &Items<'_>,
) -> Markup {
    let (top, bottom) = CALLS;
    let lowest = walls.first().map_or(1, |wall| wall.calls);
    let max = (lowest.max(most_open).max(1) as f64) * 1.15;
    let scale = Scale { from: bottom, to: top, max };
    let (drawn, far): (Vec<&Wall>, Vec<&Wall>) =
        walls.iter().partition(|wall| wall.calls as f64 <= max);
    let far: Vec<&str> = far.iter().map(|wall| wall.name.as_str()).collect();
    html! {
        (text("label strong", (12.0, top - 12.0), "open calls"))
        @if !far.is_empty() {
            (text("label", (12.0, 64.0), &format!("Higher walls, not reached: {}.", far.join("; "))))
        }
        (number_axis(scale, 1.0, WIDTH - RIGHT))
        (time_axis_lines(time, top, bottom))
        (curve(load, time, scale, |load| load.open as f64))
        @for wall in drawn {
            @let y = scale.at(wall.calls as f64);
            (line("wall", (LEFT, y), (WIDTH - RIGHT, y)))
            (text("wall-name end", (WIDTH - RIGHT, y - 6.0), &format!("wall: {}", wall.name)))
        }
        @for item in &items.list {
            @if let Item::Missing(missing) = item {
                @let (x, y) = (time.at(missing.at.nanos as f64), scale.at(most_open as f64));
                (line("cross", (x - 6.0, y - 6.0), (x + 6.0, y + 6.0)))
                (line("cross", (x - 6.0, y + 6.0), (x + 6.0, y - 6.0)))
                (text("bad-text", (x + 14.0, y + 18.0), &format!("{} here", calls_fail(missing.calls))))
            }
        }
    }
}

fn cycles_chart(load: &[Load], balance: u128, time: Scale, most: u128) -> Markup {
    let (top, bottom) = CYCLES;
    let is_near = most as f64 * 4.0 > balance as f64;
    // A balance far above would press the curve to the ground.
    let max = (if is_near { balance.max(most) } else { most }.max(1) as f64) * 1.15;
    let scale = Scale { from: bottom, to: top, max };
    let (unit, name) = match max {
        max if max >= 1e12 => (1e12, "T"),
        max if max >= 1e9 => (1e9, "B"),
        _ => (1e6, "M"),
    };
    html! {
        (text("label strong", (12.0, top - 12.0), &format!("cycles set aside, in {name}")))
        (number_axis(scale, unit, WIDTH - RIGHT))
        (time_axis(time, top, bottom))
        (curve(load, time, scale, |load| load.set_aside as f64))
        @if is_near {
            @let y = scale.at(balance as f64);
            (line("wall", (LEFT, y), (WIDTH - RIGHT, y)))
            (text("wall-name end", (WIDTH - RIGHT, y - 6.0), &format!("balance: {} cycles", short(balance))))
        } @else {
            (text("label end", (WIDTH - RIGHT, top - 12.0), &format!("the balance is far above: {} cycles", short(balance))))
        }
    }
}

/// The vertical lines of the time axis, without its numbers.
fn time_axis_lines(scale: Scale, top: f64, bottom: f64) -> Markup {
    html! {
        @for tick in scale.ticks(8.0) {
            (line("grid", (scale.at(tick), top), (scale.at(tick), bottom)))
        }
        (line("axis", (LEFT, bottom), (WIDTH - RIGHT, bottom)))
    }
}

/// A number over time as an area with a line above it. Of all values within a pixel, the largest counts.
fn curve(load: &[Load], time: Scale, scale: Scale, value: impl Fn(&Load) -> f64) -> Markup {
    let mut points: Vec<(f64, f64)> = vec![(time.from, scale.at(0.0))];
    let mut now = 0.0;
    let mut index = 0;
    let mut x = time.from;
    while x <= time.to {
        let mut most: f64 = now;
        while let Some(step) =
            load.get(index).filter(|step| time.at(step.at.nanos as f64) < x + 1.0)
        {
            now = value(step);
            most = most.max(now);
            index += 1;
        }
        let y = scale.at(most);
        match points.last() {
            Some((_, before)) if (before - y).abs() < 0.005 => {}
            Some((_, before)) => {
                points.push((x, *before));
                points.push((x, y));
            }
            None => {}
        }
        x += 1.0;
    }
    let last = points.last().map_or(scale.at(0.0), |(_, y)| *y);
    points.push((time.to, last));
    let line: Vec<String> = points.iter().map(|(x, y)| format!("{} {}", px(*x), px(*y))).collect();
    let line = format!("M{}", line.join("L"));
    let ground = px(scale.at(0.0));
    let area = format!("{line}L{} {ground}L{} {ground}Z", px(time.to), px(time.from));
    html! {
        path class="area" d=(area) {}
        path class="curve" d=(line) {}
    }
}
