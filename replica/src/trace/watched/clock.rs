//! The model time of notices, given as they come.

use super::Place;
use crate::limits::*;
use crate::trace::clock::{SHORTEST_EXECUTION, model_tick_nanos, turn_nanos, within_round};
use crate::trace::{Event, Moment, Notice};
use crate::types::*;
use std::collections::BTreeSet;

/// The model time of the latest round.
#[derive(Debug, Default)]
pub(super) struct WatchedClock {
    /// The number of the tick, and the network's time in it. No tick has number 0.
    tick: u64,
    time: Time,
    /// The subnets that have had their turn in this tick.
    in_tick: BTreeSet<SubnetId>,
    /// The model time at which the tick began, and the one at which the round of the subnet began, in nanoseconds.
    tick_start: u64,
    start: u64,
    /// The nanoseconds that the executions of the round share.
    room: u64,
    /// The instructions of the round, and those of executions up to now.
    total: u128,
    done: u128,
}

impl WatchedClock {
    /// A subnet begins a round.
    pub(super) fn begin(&mut self, subnet: SubnetId, time: Time, place: &Place) {
        let tick = if place.is_instant { model_tick_nanos(place.subnets.len()) } else { 0 };
        if self.tick == 0 || self.time != time || self.in_tick.contains(&subnet) {
            if self.tick > 0 {
                self.tick_start += time.nanos_since(self.time).max(tick);
            }
            self.tick += 1;
            self.time = time;
            self.in_tick.clear();
        }
        self.in_tick.insert(subnet);
        let turn = place.subnets.iter().position(|id| *id == subnet).unwrap_or(0);
        let offset = if place.is_instant { turn_nanos(place.subnets.len(), turn) } else { 0 };
        self.start = self.tick_start + offset;
        self.room = MAINNET_ROUND_MS * 1_000_000;
        (self.total, self.done) = (0, 0);
    }

    /// These notices belong to the round.
    pub(super) fn expect<'a>(&mut self, notices: impl Iterator<Item = &'a Notice>) {
        let instructions = notices.map(|notice| match notice {
            Notice::Event(Event::Executed { instructions, .. }) => weight(*instructions),
            _ => 0,
        });
        self.total += instructions.sum::<u128>();
    }

    /// The present.
    pub(super) fn now(&self) -> Moment {
        let nanos = self.start + within_round(self.done, self.total, self.room);
        Moment { round: self.tick, nanos }
    }

    /// An execution of this number of instructions. Returns its start and its end.
    pub(super) fn execute(&mut self, instructions: Instructions) -> (Moment, Moment) {
        let start = self.now();
        self.done += weight(instructions);
        (start, self.now())
    }
}

/// The instructions that an execution counts for.
fn weight(instructions: Instructions) -> u128 {
    instructions.max(SHORTEST_EXECUTION).into()
}
