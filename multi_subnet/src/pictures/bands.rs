//! The rows of a timeline: a call, several calls, or calls that were not made, each with its story.

use embedded_replica::trace::{Call, Moment, Outcome};
use maud::{Markup, html};

use super::axis::{LEFT, Scale};
use super::items::{Item, Items, Missing, has_failed, reasons};
use super::svg::{WIDTH, hatched, line, px, rect, text};
use super::timeline::TOP;
use super::words::{count, duration, grouped, short};

/// The width of the mark for calls that were not made.
const MISSING_WIDTH: f64 = 22.0;
/// The least width of the mark for calls of a band that failed. The mark ends at the time of the last failure.
const FAILED_WIDTH: f64 = 6.0;
/// Bars are at least as wide as this, so that they can be seen.
pub(super) const BAR_MIN: f64 = 1.2;
/// The same for executions at the callee, as long as the call itself is not narrower.
const CALLEE_MIN: f64 = 3.0;
/// Calls that were sent at times farther apart than this are in different bands, in pixels.
const APART: f64 = 4.0;
/// A band whose calls were sent at times farther apart than this does not look like one call, in pixels.
const WIDE: f64 = 2.0;

/// Successive calls that are drawn together.
#[derive(Debug)]
pub(super) struct Band<'a> {
    content: Content<'a>,
    /// The number of the first call, from 1.
    first: u64,
    /// The top, in pixels.
    y: f64,
    /// Whether the calls were sent at times that the picture shows apart.
    is_wide: bool,
}

#[derive(Debug)]
enum Content<'a> {
    /// At least one call.
    Calls(Vec<&'a Call>),
    Missing(Missing),
}

impl Band<'_> {
    /// Whether the band shows that calls were open, and not where each call was.
    pub(super) fn shows_open(&self) -> bool {
        self.is_wide
            || matches!(&self.content, Content::Calls(calls) if calls.len() > 1 && has_failures(calls))
    }

    /// Whether the band shows the way of a request and of its response.
    pub(super) fn shows_ways(&self) -> bool {
        let replied = |calls: &[&Call]| calls.iter().any(|call| !has_failed(call));
        !self.is_wide && matches!(&self.content, Content::Calls(calls) if replied(calls))
    }

    /// Whether calls of the band failed.
    pub(super) fn has_failures(&self) -> bool {
        match &self.content {
            Content::Calls(calls) => has_failures(calls),
            Content::Missing(_) => true,
        }
    }
}

fn has_failures(calls: &[&Call]) -> bool {
    calls.iter().any(|call| has_failed(call))
}

/// The rows of a timeline.
pub(super) struct Chart<'a> {
    pub id: &'a str,
    pub scale: Scale,
    /// The height of a row.
    pub row: f64,
    /// How many calls a band has at most.
    pub per_band: u64,
}

impl Chart<'_> {
    /// The numbers of the calls, left of the rows.
    pub(super) fn row_numbers(&self, rows: u64) -> Markup {
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

    /// The calls of a strategy in bands, from top to bottom.
    pub(super) fn bands<'b>(&self, items: &Items<'b>) -> Vec<Band<'b>> {
        let mut bands: Vec<Band<'b>> = Vec::new();
        let mut number = 1;
        for item in &items.list {
            let content = match item {
                Item::Call(call) => match bands.last_mut().and_then(|band| self.room(band, call)) {
                    Some(calls) => {
                        calls.push(call);
                        None
                    }
                    None => Some(Content::Calls(vec![*call])),
                },
                Item::Missing(missing) => Some(Content::Missing(*missing)),
            };
            let y = TOP + self.row * (number - 1) as f64;
            bands.extend(content.map(|content| Band { content, first: number, y, is_wide: false }));
            number += item.rows();
        }
        for band in &mut bands {
            if let Content::Calls(calls) = &band.content
                && let [first, .., last] = calls[..]
            {
                band.is_wide = self.distance(first, last) >= WIDE;
            }
        }
        bands
    }

    /// The calls of a band, if the next call belongs to them.
    fn room<'b, 'c>(&self, band: &'b mut Band<'c>, next: &Call) -> Option<&'b mut Vec<&'c Call>> {
        let Content::Calls(calls) = &mut band.content else { return None };
        let is_near = calls.last().is_some_and(|last| self.distance(last, next) <= APART);
        (is_near && (calls.len() as u64) < self.per_band).then_some(calls)
    }

    /// How far apart two calls were sent, in pixels.
    fn distance(&self, one: &Call, next: &Call) -> f64 {
        let [one, next] = [one, next].map(|call| self.scale.at(call.sent.nanos as f64));
        next - one
    }

    /// A band with its story.
    pub(super) fn draw(&self, band: &Band<'_>) -> Markup {
        match &band.content {
            Content::Calls(calls) => match calls[..] {
                [call] => self.call(call, band.first, band.y),
                _ => self.calls(band, calls),
            },
            Content::Missing(missing) => self.missing(*missing, band.y),
        }
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

    /// Several calls in a row. Calls that were sent together look like one call. Below them are those that failed:
    /// hatched at the times at which they failed.
    fn calls(&self, band: &Band<'_>, calls: &[&Call]) -> Markup {
        let (failed, others): (Vec<&Call>, Vec<&Call>) =
            calls.iter().partition(|call| has_failed(call));
        let (y, height) = (band.y, self.row * calls.len() as f64);
        let others_height = height * 0.9 * others.len() as f64 / calls.len() as f64;
        let failed_height = height * 0.9 - others_height;
        let [sent, last_sent] =
            [calls[0], calls[calls.len() - 1]].map(|call| self.scale.at(call.sent.nanos as f64));
        let ends = |calls: &[&Call]| {
            let ends = calls.iter().map(|call| self.end(call));
            ends.fold((f64::INFINITY, last_sent), |(first, last), end| {
                (first.min(end), last.max(end))
            })
        };
        let end = ends(calls).1;
        let story = story_of_several(calls, band.first);
        let reasons = reasons(calls.iter().map(|call| (call.failure(), 1)));
        let reasons: Vec<String> = reasons
            .into_iter()
            .map(|(reason, calls)| format!("; {} failed: {reason}", grouped(calls)))
            .collect();
        html! {
            g class="call" tabindex="0" role="img" {
                title { (story) (reasons.concat()) }
                @if let [first, ..] = others[..] {
                    @if band.is_wide {
                        (rect("open", (sent, y), (ends(&others).1 - sent, others_height)))
                    } @else {
                        (self.bar(first, y, others_height))
                    }
                }
                @if !failed.is_empty() {
                    @let (first, last) = ends(&failed);
                    @let from = first.min(last - FAILED_WIDTH).max(sent);
                    @let y = y + others_height;
                    (rect("open", (sent, y), (from - sent, failed_height)))
                    rect class="bad" fill=(hatched(self.id)) x=(px(from)) y=(px(y))
                        width=(px((last - from).max(BAR_MIN))) height=(px(failed_height)) {}
                }
                (rect("reach", (sent - 1.0, y), ((end - sent).max(BAR_MIN) + 2.0, height)))
                (text("story", (12.0, 66.0), &story))
            }
        }
    }

    /// Where a call ends, in pixels.
    fn end(&self, call: &Call) -> f64 {
        call.ended.map_or(self.scale.to, |ended| self.scale.at(ended.nanos as f64))
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

/// What happened to several calls, in one line:
/// `Calls 1 to 14: sent from 0 s to 26.0 s, callbacks from 2.0 s to 28.0 s; 14 succeeded`.
fn story_of_several(calls: &[&Call], first: u64) -> String {
    let last = first + calls.len() as u64 - 1;
    let times = |moments: Vec<Moment>| {
        let [first, last] = [moments.iter().min(), moments.iter().max()]
            .map(|moment| moment.map_or(String::new(), |moment| duration(moment.nanos)));
        if first == last { format!("at {first}") } else { format!("from {first} to {last}") }
    };
    let sent = times(calls.iter().map(|call| call.sent).collect());
    let mut story = format!("Calls {} to {}: sent {sent}", grouped(first), grouped(last));
    let ended: Vec<Moment> = calls.iter().filter_map(|call| call.ended).collect();
    if !ended.is_empty() {
        story += &format!(", callbacks {}", times(ended));
    }
    let number = |is: fn(&Call) -> bool| calls.iter().filter(|call| is(call)).count() as u64;
    let outcomes = [
        (number(|call| call.outcome == Outcome::Replied), "succeeded"),
        (number(has_failed), "failed"),
        (number(|call| call.outcome == Outcome::Open), "without a response yet"),
    ];
    let outcomes = outcomes.into_iter().filter(|(calls, _)| *calls > 0);
    let outcomes: Vec<String> =
        outcomes.map(|(calls, word)| format!("{} {word}", grouped(calls))).collect();
    format!("{story}; {}", outcomes.join(", "))
}
