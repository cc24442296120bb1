//! Where cycles and instructions went: bars with figures.

use embedded_replica::cycles::CALL_BASE_FEE;
use embedded_replica::trace::{Event, Fee, Recording, Work};
use embedded_replica::types::{Callee, CanisterId};
use maud::{Markup, html};

use super::axis::Scale;
use super::svg::{Svg, WIDTH, rect, text};
use super::words::{grouped, short};
use crate::recorded::{Recorded, RecordedStrategy};

const NAMES: f64 = 220.0;
const TOP: f64 = 100.0;
const BAR: f64 = 13.0;
const GROUP_GAP: f64 = 12.0;
/// The space right of the longest bar, for its figure.
const FIGURES: f64 = 190.0;
/// The classes of the strategies, in order.
const CLASSES: [&str; 3] = ["good", "second", "third"];

/// What a strategy cost, in cycles, and what was executed, in instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Cycles of the caller: the base fees of its calls.
    pub base_fees: u128,
    /// Cycles of the caller: the bytes of its requests and of their responses.
    pub bytes: u128,
    /// Cycles of the caller: the executions of its callbacks.
    pub callbacks: u128,
    /// Cycles of the caller: all other executions, and the message that starts the calls.
    pub message: u128,
    /// Cycles of the caller: memory and other charges.
    pub other: u128,
    /// Cycles of the callee.
    pub callee: u128,
    /// Instructions of the caller outside of callbacks.
    pub message_instructions: u128,
    /// Instructions of the callbacks.
    pub callback_instructions: u128,
    /// Instructions of the callee.
    pub callee_instructions: u128,
}

impl Costs {
    /// The costs of a strategy, on subnets of 13 nodes.
    pub fn of(recording: &Recording, caller: CanisterId, callee: CanisterId) -> Self {
        let mut costs = Self::default();
        let is = |done: Callee, canister: CanisterId| done == Callee::from(canister);
        for done in recording.executions() {
            let (fee, instructions) = (done.fee, u128::from(done.instructions));
            match done.work {
                Work::Response { .. } if is(done.canister, caller) => {
                    costs.callbacks += fee;
                    costs.callback_instructions += instructions;
                }
                _ if is(done.canister, caller) => {
                    costs.message += fee;
                    costs.message_instructions += instructions;
                }
                _ if is(done.canister, callee) => {
                    costs.callee += fee;
                    costs.callee_instructions += instructions;
                }
                _ => {}
            }
        }
        let calls = recording.calls().iter().filter(|call| call.caller() == caller);
        let (mut spent, mut count) = (0, 0);
        for call in calls {
            spent += call.set_aside - call.unspent;
            count += 1;
        }
        costs.base_fees = CALL_BASE_FEE * count;
        costs.bytes = spent.saturating_sub(costs.base_fees + costs.callbacks);
        for event in recording.events() {
            let Event::Charged { canister, fee, cycles } = event else { continue };
            match fee {
                Fee::Ingress(_) if *canister == caller => {
                    costs.message += cycles;
                }
                _ if *canister == caller => costs.other += cycles,
                _ if *canister == callee => costs.callee += cycles,
                _ => {}
            }
        }
        costs
    }

    /// All cycles that the caller paid.
    pub fn caller_total(&self) -> u128 {
        self.base_fees + self.bytes + self.callbacks + self.message + self.other
    }
}

/// A figure of each strategy.
type Row = (&'static str, fn(&Costs) -> u128);

const CYCLES: [Row; 6] = [
    ("callbacks of the caller", |costs| costs.callbacks),
    ("calls: base fee", |costs| costs.base_fees),
    ("calls: bytes", |costs| costs.bytes),
    ("message that starts the calls", |costs| costs.message),
    ("memory and other charges", |costs| costs.other),
    ("callee (pays for itself)", |costs| costs.callee),
];

const INSTRUCTIONS: [Row; 3] = [
    ("callbacks of the caller", |costs| costs.callback_instructions),
    ("message that starts the calls", |costs| costs.message_instructions),
    ("callee", |costs| costs.callee_instructions),
];

/// Where cycles and instructions went, for each strategy.
pub fn costs(recorded: &Recorded) -> Svg {
    let of = |strategy: &RecordedStrategy| {
        Costs::of(&strategy.recording, recorded.caller, recorded.callee)
    };
    let all: Vec<Costs> = recorded.strategies.iter().map(of).collect();
    let title = "Where cycles and instructions went";
    let names: Vec<&str> =
        recorded.strategies.iter().map(|strategy| strategy.measurement.name).collect();
    let totals = all.iter().zip(&recorded.strategies).map(|(costs, strategy)| {
        format!("{} {}", strategy.measurement.name, short(costs.caller_total()))
    });
    let message = format!("The caller paid, in cycles: {}.", totals.collect::<Vec<_>>().join(", "));
    let (cycles, middle) = group("cycles", &CYCLES, &all, TOP);
    let (instructions, bottom) = group("instructions", &INSTRUCTIONS, &all, middle + 34.0);
    let body = html! {
        (legend(&names))
        (cycles)
        (instructions)
    };
    let calls = recorded.strategies.iter().zip(&all).map(|(strategy, costs)| {
        format!(
            "{}: the caller paid {} cycles, {} of them for callbacks; the callee executed {} instructions.",
            strategy.measurement.name,
            grouped(costs.caller_total()),
            grouped(costs.callbacks),
            grouped(costs.callee_instructions)
        )
    });
    Svg::new("costs", (title, &message), calls.collect::<Vec<_>>().join(" "), bottom + 8.0, body)
}

fn legend(names: &[&str]) -> Markup {
    html! {
        @for (index, (name, class)) in names.iter().zip(CLASSES).enumerate() {
            @let x = NAMES + 110.0 * index as f64;
            (rect(class, (x, 58.0), (12.0, 10.0)))
            (text("label", (x + 18.0, 67.0), name))
        }
    }
}

/// The rows of one unit, and where they end.
fn group(unit: &str, rows: &[Row], all: &[Costs], top: f64) -> (Markup, f64) {
    // Charges that nobody paid are left out.
    let rows: Vec<&Row> =
        rows.iter().filter(|(_, figure)| all.iter().any(|costs| figure(costs) > 0)).collect();
    let figures = rows.iter().flat_map(|(_, figure)| all.iter().map(figure));
    let max = figures.max().unwrap_or(0).max(1) as f64;
    let scale = Scale { from: NAMES, to: WIDTH - FIGURES, max };
    let height = all.len() as f64 * BAR;
    let markup = html! {
        (text("label strong", (12.0, top), unit))
        @for (index, (name, figure)) in rows.iter().enumerate() {
            @let y = top + 12.0 + index as f64 * (height + GROUP_GAP);
            (text("end", (NAMES - 10.0, y + height / 2.0 + 4.0), name))
            @for (bar, (costs, class)) in all.iter().zip(CLASSES).enumerate() {
                @let value = figure(costs);
                @let (y, end) = (y + bar as f64 * BAR, scale.at(value as f64));
                (rect(class, (NAMES, y), (end - NAMES, BAR - 2.0)))
                (text("label", (end + 6.0, y + BAR - 3.0), &grouped(value)))
            }
        }
    };
    (markup, top + 12.0 + rows.len() as f64 * (height + GROUP_GAP))
}
