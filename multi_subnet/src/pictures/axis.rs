//! Scales: from times and numbers to positions, with round ticks.

use maud::{Markup, html};

use super::svg::{WIDTH, line, px, text};
use super::words::grouped;

/// The space left of a chart, for the numbers of its axis.
pub(super) const LEFT: f64 = 84.0;
/// The space right of a chart.
pub(super) const RIGHT: f64 = 20.0;

/// A scale for numbers from 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// The position of 0, in pixels.
    pub from: f64,
    /// The position of the largest number.
    pub to: f64,
    /// The largest number.
    pub max: f64,
}

impl Scale {
    /// The scale of model time, over the width of a chart.
    pub(super) fn of_time(nanos: u64) -> Self {
        // A chart without a length would have no scale.
        Self { from: LEFT, to: WIDTH - RIGHT, max: nanos.max(1_000) as f64 }
    }

    /// The position of a number.
    pub(super) fn at(self, number: f64) -> f64 {
        self.from + (self.to - self.from) * (number / self.max).clamp(0.0, 1.0)
    }

    /// Round numbers on the scale, at most `count` of them besides 0.
    pub(super) fn ticks(self, count: f64) -> Vec<f64> {
        let step = round_step(self.max / count);
        let ticks = (0..).map(|index| f64::from(index) * step);
        ticks.take_while(|tick| *tick <= self.max * 1.000_001).collect()
    }
}

/// The smallest of 1, 2, 5, 10, 20, 50, … that is not below this number.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= least * 0.999_999).unwrap_or(power * 10.0)
}

/// The axis of model time below a chart, with lines through the chart between `top` and `bottom`.
pub(super) fn time_axis(scale: Scale, top: f64, bottom: f64) -> Markup {
    let (unit, name) = match scale.max {
        max if max >= 1e9 => (1e9, "s"),
        max if max >= 1e6 => (1e6, "ms"),
        _ => (1e3, "us"),
    };
    let in_units = Scale { max: scale.max / unit, ..scale };
    html! {
        @for tick in in_units.ticks(8.0) {
            @let x = in_units.at(tick);
            (line("grid", (x, top), (x, bottom)))
            (text("tick middle", (x, bottom + 16.0), &number(tick)))
        }
        (line("axis", (scale.from, bottom), (scale.to, bottom)))
        (text("tick end", (scale.to, bottom + 32.0), &format!("model time (mainnet) in {name}")))
    }
}

/// The axis of numbers left of a chart.
pub(super) fn number_axis(scale: Scale, unit: f64, right: f64) -> Markup {
    let in_units = Scale { max: scale.max / unit, ..scale };
    html! {
        @for tick in in_units.ticks(4.0) {
            @let y = in_units.at(tick);
            (line("grid", (LEFT, y), (right, y)))
            (text("tick end", (LEFT - 8.0, y + 4.0), &number(tick)))
        }
    }
}

/// A number of a tick, without decimals that say nothing.
fn number(tick: f64) -> String {
    if tick.fract().abs() < 1e-9 && tick >= 1_000.0 { grouped(tick as u128) } else { px(tick) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_not_too_many() {
        let ticks = |max| Scale { from: 0.0, to: 100.0, max }.ticks(8.0);
        assert_eq!(ticks(180.0), [0.0, 50.0, 100.0, 150.0]);
        assert_eq!(ticks(2.0), [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(ticks(8.0).len(), 9);
        assert_eq!(ticks(0.3).len(), 7);
    }

    #[test]
    fn what_is_beyond_a_scale_stays_at_its_end() {
        let scale = Scale { from: 10.0, to: 110.0, max: 4.0 };
        assert_eq!(
            [-1.0, 0.0, 1.0, 4.0, 9.0].map(|number| scale.at(number)),
            [10.0, 10.0, 35.0, 110.0, 110.0]
        );
    }
}
