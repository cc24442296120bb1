//! The model time of events.
//!
//! Model time is the time that the mainnet would take. Where the rounds of a network take time (the profile `mainnet`,
//! a live network, or a test that advances the time), model time is that time. Where a round takes no time, as in
//! PocketIC, a tick with several subnets counts as one round trip between subnets, because that is what a tick can do:
//! the subnets take their turns at equal distances. A tick of a single subnet counts as one round.
//!
//! Within a round, executions follow one another. An execution takes the time of its instructions
//! ([`INSTRUCTIONS_PER_SECOND`]); executions that would take longer than a round share the round.

use super::Event;
use crate::limits::*;
use crate::types::*;
use std::collections::{BTreeMap, BTreeSet};

/// A shorter time between two rounds counts as none, in nanoseconds.
const SHORTEST_ROUND_NANOS: u64 = 1_000_000;

/// The shortest execution in model time, in instructions: a microsecond, so that it can be seen.
pub(super) const SHORTEST_EXECUTION: Instructions = INSTRUCTIONS_PER_SECOND / 1_000_000;

/// A point in a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// The round. The first round of the recording has number 1. All subnets have the same numbers.
    pub round: u64,
    /// The model time since the first execution of the recording, in nanoseconds.
    pub nanos: u64,
}

/// An event with its time and place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamped<'a> {
    pub event: &'a Event,
    /// When it began. Only executions and slices have a length.
    pub start: Moment,
    /// When it was complete. The calls of an execution leave at its end.
    pub end: Moment,
    /// The subnet whose round it is. `None` before the first round of the recording.
    pub subnet: Option<SubnetId>,
}

impl Stamped<'_> {
    /// The length in nanoseconds.
    pub fn nanos(&self) -> u64 {
        self.end.nanos - self.start.nanos
    }
}

/// One round of one subnet.
#[derive(Debug)]
struct Section {
    subnet: SubnetId,
    tick: usize,
    /// The instructions of the round, as far as they count for model time.
    total: u128,
}

/// The times of all events.
#[derive(Debug, Default)]
struct Clock {
    sections: Vec<Section>,
    /// The network's time of each tick.
    ticks: Vec<Time>,
    subnets: BTreeSet<SubnetId>,
}

/// Adds times and places to events.
pub(super) fn stamp(events: &[Event]) -> Vec<Stamped<'_>> {
    let weights = weights(events);
    let clock = Clock::new(events, &weights);
    let starts = clock.starts();
    let rooms = clock.rooms(&starts);
    let first = first_execution(events, &starts);
    let mut stamped = Vec::with_capacity(events.len());
    // The number of sections that have begun, and the instructions of the current one so far.
    let (mut begun, mut done) = (0_usize, 0_u128);
    let mut next_execution = 0;
    for (index, event) in events.iter().enumerate() {
        if let Event::Round { .. } = event {
            (begun, done) = (begun + 1, 0);
        }
        let Some(section) = begun.checked_sub(1).map(|number| &clock.sections[number]) else {
            let (start, end) = (Moment::default(), Moment::default());
            stamped.push(Stamped { event, start, end, subnet: None });
            continue;
        };
        let at = |instructions| Moment {
            round: section.tick as u64 + 1,
            nanos: (starts[begun - 1]
                + within_round(instructions, section.total, rooms[begun - 1]))
            .saturating_sub(first),
        };
        let mut start = at(done);
        if let Event::Sent { .. } | Event::Refused { .. } = event {
            next_execution = next_execution.max(index);
            while next_execution < events.len() && weights[next_execution] == 0 {
                next_execution += 1;
            }
            start = at(done + weights.get(next_execution).copied().unwrap_or(0));
        }
        done += weights[index];
        let end = if weights[index] == 0 { start } else { at(done) };
        stamped.push(Stamped { event, start, end, subnet: Some(section.subnet) });
    }
    stamped
}

/// The instructions that each event counts for: those of the round in which it happened.
fn weights(events: &[Event]) -> Vec<u128> {
    let mut sliced: BTreeMap<CanisterId, u64> = BTreeMap::new();
    let weight = |event: &Event| match event {
        Event::Slice { canister, number, .. } => {
            sliced.insert(*canister, *number);
            SLICE_INSTRUCTIONS_MAX
        }
        Event::Executed { canister, instructions, .. } => {
            let slices = sliced.remove(&canister.as_canister()).unwrap_or(0);
            instructions
                .saturating_sub(slices.saturating_mul(SLICE_INSTRUCTIONS_MAX))
                .max(SHORTEST_EXECUTION)
        }
        _ => 0,
    };
    events.iter().map(weight).map(u128::from).collect()
}

/// The time of a part of the instructions of a round, in nanoseconds since the start of the round. The round has
/// `total` instructions and takes `room` nanoseconds.
pub(super) fn within_round(instructions: u128, total: u128, room: u64) -> u64 {
    let nanos = |instructions: u128| {
        instructions * u128::from(NANOS_PER_SECOND) / u128::from(INSTRUCTIONS_PER_SECOND)
    };
    let (part, whole, room) = (nanos(instructions), nanos(total), u128::from(room));
    let shared = if whole > room { part * room / whole } else { part };
    u64::try_from(shared).unwrap_or(u64::MAX)
}

/// The start of the round with the first execution. Model time begins there.
fn first_execution(events: &[Event], starts: &[u64]) -> u64 {
    let is_executed = |event: &Event| matches!(event, Event::Executed { .. } | Event::Slice { .. });
    let executed = events.iter().position(is_executed);
    let before = &events[..executed.unwrap_or(0)];
    let rounds = before.iter().filter(|event| matches!(event, Event::Round { .. })).count();
    rounds.checked_sub(1).map_or(0, |section| starts[section])
}

impl Clock {
    fn new(events: &[Event], weights: &[u128]) -> Self {
        let mut clock = Self::default();
        let mut in_tick = BTreeSet::new();
        for (event, weight) in events.iter().zip(weights) {
            if let Event::Round { subnet, time } = event {
                if clock.ticks.last() != Some(time) || in_tick.contains(subnet) {
                    clock.ticks.push(*time);
                    in_tick.clear();
                }
                in_tick.insert(*subnet);
                clock.subnets.insert(*subnet);
                let tick = clock.ticks.len() - 1;
                clock.sections.push(Section { subnet: *subnet, tick, total: 0 });
            } else if let Some(section) = clock.sections.last_mut() {
                section.total += weight;
            }
        }
        clock
    }

    /// The start of each section, in nanoseconds since the first tick.
    fn starts(&self) -> Vec<u64> {
        let tick = model_tick_nanos(self.subnets.len());
        let mut starts = Vec::new();
        let mut tick_start = 0;
        let mut is_model = true;
        let mut previous = None;
        for Section { subnet, tick: number, .. } in &self.sections {
            if previous.replace(*number) != Some(*number) {
                if let Some(before) = number.checked_sub(1) {
                    tick_start += self.measured(before).unwrap_or(tick);
                }
                // The last tick is like the one before it.
                is_model = match *number + 1 < self.ticks.len() {
                    true => self.measured(*number).is_none(),
                    false => is_model,
                };
            }
            let turn = self.subnets.iter().position(|id| id == subnet).unwrap_or(0);
            let offset = if is_model { turn_nanos(self.subnets.len(), turn) } else { 0 };
            starts.push(tick_start + offset);
        }
        starts
    }

    /// The time that each section has before the next one of the same subnet, at most a round, in nanoseconds.
    fn rooms(&self, starts: &[u64]) -> Vec<u64> {
        let mut next: BTreeMap<SubnetId, u64> = BTreeMap::new();
        let mut rooms = vec![0; starts.len()];
        for (index, section) in self.sections.iter().enumerate().rev() {
            let until_next = next.insert(section.subnet, starts[index]);
            let room = until_next.map_or(u64::MAX, |next| next.saturating_sub(starts[index]));
            rooms[index] = room.min(MAINNET_ROUND_MS * 1_000_000);
        }
        rooms
    }

    /// The nanoseconds from a tick to the next one, if rounds take time.
    fn measured(&self, tick: usize) -> Option<u64> {
        let (this, next) = (self.ticks.get(tick)?, self.ticks.get(tick + 1)?);
        Some(next.nanos_since(*this)).filter(|nanos| *nanos >= SHORTEST_ROUND_NANOS)
    }
}

/// The nanoseconds that the mainnet would take for a tick of this number of subnets, if the tick has no length.
pub(super) fn model_tick_nanos(subnets: usize) -> u64 {
    // A round trip has two hops.
    let rounds = if subnets > 1 { 2 * MAINNET_ROUNDS_PER_HOP } else { 1 };
    rounds * MAINNET_ROUND_MS * 1_000_000
}

/// The part of such a tick after which each of these subnets has its turn, in nanoseconds.
pub(super) fn turn_nanos(subnets: usize, turn: usize) -> u64 {
    match subnets as u64 {
        0 => 0,
        count => model_tick_nanos(subnets) / count * turn as u64,
    }
}
