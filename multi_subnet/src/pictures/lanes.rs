//! Three lanes below a timeline: when the caller executed, when messages travelled, when the callee executed.

use embedded_replica::trace::Execution;
use embedded_replica::types::Callee;
use maud::{Markup, html};

use super::axis::{LEFT, RIGHT, Scale};
use super::bands::BAR_MIN;
use super::svg::{WIDTH, rect, text};
use crate::recorded::{Recorded, RecordedStrategy};

/// The height of a lane, in pixels.
pub(super) const LANE: f64 = 14.0;
/// The space between two lanes, in pixels.
pub(super) const LANE_GAP: f64 = 5.0;
/// Marks that touch are paler if less than this share of the time is filled.
const SPARSE: f64 = 0.5;

/// The lanes of a strategy.
pub(super) fn lanes(
    recorded: &Recorded,
    strategy: &RecordedStrategy,
    scale: Scale,
    top: f64,
) -> Markup {
    let recording = &strategy.recording;
    let executions = |canister: Callee| {
        let own = recording.executions().iter().filter(move |done| done.canister == canister);
        own.map(|Execution { start, end, .. }| (start.nanos, end.nanos)).collect::<Vec<_>>()
    };
    let mut travels = Vec::new();
    for call in recording.calls().iter().filter(|call| call.caller() == recorded.caller) {
        travels.extend(call.executed.map(|executed| (call.sent.nanos, executed.nanos)));
        let response = call.responded.zip(call.ended);
        travels.extend(response.map(|(sent, ended)| (sent.nanos, ended.nanos)));
    }
    let lanes = [
        ("caller", "at-caller", executions(recorded.caller.into())),
        ("on the way", "back", travels),
        ("callee", "at-callee", executions(recorded.callee.into())),
    ];
    html! {
        @for (index, (name, class, spans)) in lanes.into_iter().enumerate() {
            @let y = top + index as f64 * (LANE + LANE_GAP);
            (rect("lane", (LEFT, y), (WIDTH - LEFT - RIGHT, LANE)))
            (text("tick end", (LEFT - 6.0, y + LANE - 3.0), name))
            @for mark in marks(spans, scale) {
                @let class = if mark.is_sparse(scale) { format!("{class} sparse") } else { class.into() };
                (rect(&class, (mark.from, y), (mark.to - mark.from, LANE)))
            }
        }
    }
}

/// A filled part of a lane. It can be wider than what it shows, so that it can be seen.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The left end, in pixels.
    from: f64,
    /// The right end, in pixels.
    to: f64,
    /// The time that it shows, in nanoseconds.
    busy: u64,
    /// The latest time that it shows, in nanoseconds.
    until: u64,
}

impl Mark {
    /// Whether several marks are one that looks busier than the canister was.
    fn is_sparse(&self, scale: Scale) -> bool {
        let width = self.to - self.from;
        let shown = self.busy as f64 / scale.max * (scale.to - scale.from);
        width > 3.0 * BAR_MIN && shown < SPARSE * width
    }
}

/// Spans of time as marks. Marks that touch are one.
fn marks(mut spans: Vec<(u64, u64)>, scale: Scale) -> Vec<Mark> {
    spans.sort_unstable();
    let mut marks: Vec<Mark> = Vec::new();
    for (start, end) in spans {
        let from = scale.at(start as f64).min(scale.to - BAR_MIN);
        let to = scale.at(end as f64).max(from + BAR_MIN);
        match marks.last_mut().filter(|last| from <= last.to + 0.3) {
            Some(last) => {
                last.busy += end.saturating_sub(start.max(last.until));
                last.until = last.until.max(end);
                last.to = last.to.max(to);
            }
            None => marks.push(Mark { from, to, busy: end - start, until: end }),
        }
    }
    marks
}
