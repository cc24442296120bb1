//! Network profiles: how long a round lasts, and how many rounds a message travels.

use crate::limits::*;
use crate::types::Time;
use serde::{Deserialize, Serialize};

/// The timing of a network. The profile determines when a message arrives, never what the message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NetworkProfile {
    /// The profile's name.
    pub name: &'static str,
    /// The length of a round in milliseconds. With 0, as in PocketIC, time advances by one nanosecond per
    /// round, so that no two rounds have the same time.
    pub round_length_ms: u64,
    /// The number of rounds from sending a message to another subnet until it executes there. With 0, as
    /// in PocketIC, the message executes in the same tick if the turn of the other subnet comes later in
    /// the tick, and in the next tick otherwise. A round trip then takes exactly one more tick.
    pub rounds_per_hop: u64,
}

impl NetworkProfile {
    /// PocketIC's timing, without any latency.
    pub const POCKET_IC: Self = Self { name: "pocket-ic", round_length_ms: 0, rounds_per_hop: 0 };

    /// The mainnet's timing: see [`MAINNET_ROUND_MS`] and [`MAINNET_ROUNDS_PER_HOP`].
    pub const MAINNET: Self = Self {
        name: "mainnet",
        round_length_ms: MAINNET_ROUND_MS,
        rounds_per_hop: MAINNET_ROUNDS_PER_HOP,
    };

    /// A custom profile.
    pub const fn custom(round_length_ms: u64, rounds_per_hop: u64) -> Self {
        Self { name: "custom", round_length_ms, rounds_per_hop }
    }

    /// The length of a round in nanoseconds.
    pub const fn round_length_nanos(self) -> u64 {
        self.round_length_ms * 1_000_000
    }

    /// The time of the next round, given the network's time and the time of the previous round. It is
    /// always later than the previous round.
    pub(crate) fn round_time(self, now: Time, last_round: Time) -> Time {
        match self.round_length_nanos() {
            0 if now > last_round => now,
            0 => last_round.plus_nanos(ROUND_TIME_INCREMENT_NANOS),
            nanos => now.max(last_round).plus_nanos(nanos),
        }
    }

    /// The time at which the block of the next round is made: the time of the round, except that PocketIC
    /// makes the block before it advances the time by [`ROUND_TIME_INCREMENT_NANOS`]
    /// (`state_machine_tests/src/lib.rs`, `do_execute_round`).
    pub(crate) fn block_time(self, now: Time, last_round: Time) -> Time {
        match self.round_length_nanos() {
            0 => now,
            _ => self.round_time(now, last_round),
        }
    }
}

impl Default for NetworkProfile {
    fn default() -> Self {
        Self::POCKET_IC
    }
}

impl<'de> Deserialize<'de> for NetworkProfile {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Saved {
            name: String,
            round_length_ms: u64,
            rounds_per_hop: u64,
        }
        let Saved { name, round_length_ms, rounds_per_hop } = Saved::deserialize(from)?;
        let named = [Self::POCKET_IC, Self::MAINNET].into_iter().find(|known| known.name == name);
        let name = named.map_or("custom", |known| known.name);
        Ok(Self { name, round_length_ms, rounds_per_hop })
    }
}

impl std::str::FromStr for NetworkProfile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::POCKET_IC, Self::MAINNET]
            .into_iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| format!("'{name}' is not a network profile: use pocket-ic or mainnet"))
    }
}
