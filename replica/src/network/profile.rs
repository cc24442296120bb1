//! When things arrive: how long a round lasts and how many of them a message travels.

use crate::limits::ROUND_TIME_INCREMENT_NANOS;
use crate::types::Time;

/// How rounds relate to time, and hops between subnets to rounds. A profile changes when a message
/// arrives, never what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkProfile {
    /// Its name.
    pub name: &'static str,
    /// How long a round lasts, in milliseconds. With 0, as in PocketIC, a round takes no time but
    /// the nanosecond that keeps times apart.
    pub round_length_ms: u64,
    /// Rounds from sending a message to another subnet until it executes there. With 0, as in
    /// PocketIC, it executes in the same tick if the other subnet's turn is still to come, and in
    /// the next one otherwise: a round trip takes exactly one tick more.
    pub rounds_per_hop: u64,
}

impl NetworkProfile {
    /// PocketIC's order of ticks, without any latency.
    pub const POCKET_IC: Self = Self { name: "pocket-ic", round_length_ms: 0, rounds_per_hop: 0 };

    /// The mainnet's latency: blocks every half second (measured block times of 0.48 s) and two
    /// consensus rounds from one subnet to another, which makes two seconds for a round trip
    /// (1.8 s measured in 2024, "about 2 s" in the official samples of 2026).
    pub const MAINNET: Self = Self { name: "mainnet", round_length_ms: 500, rounds_per_hop: 2 };

    /// A profile of one's own.
    pub const fn custom(round_length_ms: u64, rounds_per_hop: u64) -> Self {
        Self { name: "custom", round_length_ms, rounds_per_hop }
    }

    /// Nanoseconds by which a round moves the time on, whoever else does.
    pub const fn round_length_nanos(self) -> u64 {
        self.round_length_ms * 1_000_000
    }

    /// The time of a round, given the network's time and the time of the round before: later than
    /// that in any case.
    pub(crate) fn round_time(self, now: Time, last_round: Time) -> Time {
        match self.round_length_nanos() {
            0 if now > last_round => now,
            0 => last_round.plus_nanos(ROUND_TIME_INCREMENT_NANOS),
            nanos => now.max(last_round).plus_nanos(nanos),
        }
    }
}

impl Default for NetworkProfile {
    fn default() -> Self {
        Self::POCKET_IC
    }
}

impl std::str::FromStr for NetworkProfile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::POCKET_IC, Self::MAINNET]
            .into_iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| {
                format!("'{name}' is no network profile; there are pocket-ic and mainnet")
            })
    }
}
