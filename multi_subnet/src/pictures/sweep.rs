//! Charts of a sweep: model time, rounds, successes and cycles against the number of calls.

use maud::{Markup, html};

use super::svg::{Svg, WIDTH, line, px, rect, text};
use super::words::{grouped, short};
use crate::report::Measurement;
use crate::sweep::{Series, Sweep};

/// The charts: their columns and their size, in pixels.
const COLUMNS: [f64; 2] = [64.0, 446.0];
const CHART_WIDTH: f64 = 294.0;
const CHART_HEIGHT: f64 = 170.0;
/// The top of the first row, and the distance to the second one.
const TOP: f64 = 118.0;
const ROW: f64 = 246.0;
/// The distance of two lines of text.
const LINE: f64 = 18.0;
/// Letters of a line of text that fit into the picture.
const LETTERS: usize = 100;
/// The classes of the strategies, in order.
const CLASSES: [&str; 3] = ["good", "second", "third"];

/// A chart: its title, and its figure.
type Chart = (&'static str, fn(&Measurement) -> f64, fn(f64) -> String);

const CHARTS: [Chart; 4] = [
    ("model time on the mainnet, in seconds", |of| of.model_time.as_secs_f64(), number),
    ("calls that succeeded", |of| of.succeeded as f64, number),
    ("rounds", |of| of.rounds as f64, number),
    ("cycles of the caller", |of| of.cycles as f64, |cycles| short(cycles as u128)),
];

/// The charts of one series of a sweep. `number` is that of the series, from 1.
pub fn sweep(sweep: &Sweep, series: &Series, number: usize) -> Svg {
    let id = format!("sweep-{number}");
    let title = format!("From {} to {} calls", first(series), last(series));
    let names: Vec<&str> = series
        .points
        .first()
        .map_or(Vec::new(), |point| point.strategies.iter().map(|of| of.name).collect());
    let findings = findings(series);
    let charts_end = TOP + ROW + CHART_HEIGHT + 58.0;
    let body = html! {
        (legend(&names))
        @for (index, chart) in CHARTS.iter().enumerate() {
            @let place = (COLUMNS[index % 2], TOP + ROW * (index / 2) as f64);
            (draw(chart, series, place))
        }
        @for (index, (class, words)) in findings.iter().enumerate() {
            (text(class, (12.0, charts_end + LINE * index as f64), words))
        }
    };
    let sentences: Vec<&str> = findings.iter().map(|(_, words)| words.as_str()).collect();
    let description = format!("{}. {}", sweep.heading(series), sentences.join(" "));
    Svg::new(
        &id,
        (&title, &sweep.heading(series)),
        description,
        charts_end + LINE * findings.len() as f64 + 4.0,
        body,
    )
}

fn first(series: &Series) -> String {
    grouped(series.points.first().map_or(0, |point| point.calls))
}

fn last(series: &Series) -> String {
    grouped(series.points.last().map_or(0, |point| point.calls))
}

/// The walls and the crossovers, as lines that fit into the picture.
fn findings(series: &Series) -> Vec<(&'static str, String)> {
    let walls = series.walls.iter().map(|wall| ("bad-text", wall.text.as_str()));
    let crossovers = series.crossovers.iter().map(|crossover| ("label", crossover.text.as_str()));
    let lines = walls
        .chain(crossovers)
        .flat_map(|(class, words)| wrapped(words).into_iter().map(move |line| (class, line)));
    lines.collect()
}

/// A text as lines of at most [`LETTERS`] letters. All but the first one are indented.
fn wrapped(words: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        // There is always a line.
        let line = lines.last().map_or(0, String::len);
        if line + word.len() >= LETTERS {
            // A picture keeps spaces that do not break.
            lines.push("\u{a0}\u{a0}".into());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn legend(names: &[&str]) -> Markup {
    html! {
        @for (index, name) in names.iter().enumerate() {
            @let x = 64.0 + 120.0 * index as f64;
            (mark(index, (x, 72.0)))
            (text("label", (x + 12.0, 76.0), name))
        }
        @let x = 64.0 + 120.0 * names.len() as f64;
        (line("wall", (x - 8.0, 72.0), (x + 14.0, 72.0)))
        (text("label", (x + 22.0, 76.0), "beyond this number, calls fail"))
    }
}

/// A logarithmic scale.
#[derive(Clone, Copy, Debug)]
struct Log {
    from: f64,
    to: f64,
    min: f64,
    max: f64,
}

impl Log {
    /// A scale for these numbers, of which 0 has its place at the lower end.
    fn of(numbers: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let least = numbers.clone().filter(|number| *number > 0.0).fold(f64::INFINITY, f64::min);
        let most = numbers.fold(0.0, f64::max);
        let (min, max) = if least.is_finite() { (least, most) } else { (1.0, 1.0) };
        // A scale without a length would have no positions.
        Self { from, to, min, max: if max > min { max } else { min * 10.0 } }
    }

    fn at(self, number: f64) -> f64 {
        let share = (number.max(self.min) / self.min).log10() / (self.max / self.min).log10();
        self.from + (self.to - self.from) * share.min(1.0)
    }

    /// Whether a number is on the scale.
    fn has(self, number: f64) -> bool {
        (self.min..=self.max).contains(&number)
    }

    /// The powers of ten on the scale, or its ends if there are less than two.
    fn ticks(self) -> Vec<f64> {
        let (first, last) = (self.min.log10().ceil() as i32, self.max.log10().floor() as i32);
        match last - first {
            ..1 => vec![self.min, self.max],
            _ => (first..=last).map(|power| 10_f64.powi(power)).collect(),
        }
    }
}

fn draw((title, figure, words): &Chart, series: &Series, (left, top): (f64, f64)) -> Markup {
    let bottom = top + CHART_HEIGHT;
    let calls = series.points.iter().map(|point| point.calls as f64);
    let x = Log::of(calls, left, left + CHART_WIDTH);
    let all = series.points.iter().flat_map(|point| &point.strategies).map(figure);
    let y = Log::of(all, bottom, top);
    let strategies = series.points.first().map_or(0, |point| point.strategies.len());
    html! {
        (text("label strong", (left - 52.0, top - 16.0), title))
        @for tick in x.ticks() {
            (line("grid", (x.at(tick), top), (x.at(tick), bottom)))
            (text("tick middle", (x.at(tick), bottom + 16.0), &number(tick)))
        }
        @for tick in y.ticks() {
            (line("grid", (left, y.at(tick)), (left + CHART_WIDTH, y.at(tick))))
            (text("tick end", (left - 6.0, y.at(tick) + 4.0), &words(tick)))
        }
        (line("axis", (left, bottom), (left + CHART_WIDTH, bottom)))
        (text("tick end", (left + CHART_WIDTH, bottom + 32.0), "calls"))
        @for (index, wall) in series.walls.iter().filter(|wall| x.has(wall.calls as f64)).enumerate() {
            @let at = x.at(wall.calls as f64);
            (line("wall", (at, top), (at, bottom)))
            // The name stands where there is more room, and below the names of the walls before.
            @let is_right = at > left + CHART_WIDTH / 2.0;
            @let (class, name_at) = if is_right { ("wall-name end", at - 6.0) } else { ("wall-name", at + 6.0) };
            (text(class, (name_at, top + 10.0 + LINE * index as f64), &format!("{}: {}", wall.strategy, grouped(wall.calls))))
        }
        @for index in 0..strategies {
            @let of = |point: &crate::sweep::Point| point.strategies.get(index).map(|of| (x.at(point.calls as f64), y.at(figure(of))));
            @let points: Vec<(f64, f64)> = series.points.iter().filter_map(of).collect();
            @let path: Vec<String> = points.iter().map(|(x, y)| format!("{} {}", px(*x), px(*y))).collect();
            path class=(format!("series {}", CLASSES[index % 3])) d=(format!("M{}", path.join("L"))) {}
            @for point in points { (mark(index, point)) }
        }
    }
}

/// The mark of a strategy: a circle, a square or a triangle, so that its colour is not needed.
fn mark(strategy: usize, (x, y): (f64, f64)) -> Markup {
    let class = CLASSES[strategy % 3];
    match strategy % 3 {
        0 => html! { circle class=(class) cx=(px(x)) cy=(px(y)) r="4" {} },
        1 => rect(class, (x - 3.5, y - 3.5), (7.0, 7.0)),
        _ => {
            let corners = [(x - 4.5, y + 3.5), (x + 4.5, y + 3.5), (x, y - 4.5)];
            let path = corners.map(|(x, y)| format!("{} {}", px(x), px(y))).join("L");
            html! { path class=(class) d=(format!("M{path}Z")) {} }
        }
    }
}

/// A number of a tick, with a unit if it is large.
fn number(tick: f64) -> String {
    if tick >= 1_000.0 { grouped(tick as u64) } else { px(tick) }
}

const _: () = assert!(COLUMNS[1] + CHART_WIDTH < WIDTH);
