//! The words every layer shares: identifiers, cycles, instructions and time.

use std::fmt;

mod ids;

pub use ids::{Callee, CanisterId, SubnetId};

/// An amount of cycles.
pub type Cycles = u128;

/// A number of metered Wasm instructions.
pub type Instructions = u64;

/// What a message carries, and what it is answered with: bytes, by convention Candid.
pub type Payload = Vec<u8>;

/// A point in the network's own time, in nanoseconds since the Unix epoch.
///
/// The replica never reads a wall clock: time moves with rounds, and when a client sets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The network's first moment, 2021-05-06 19:17:10 UTC, at which an instance starts unless it is
    /// told otherwise (PocketIC's default).
    pub const GENESIS: Self = Self(1_620_328_630_000_000_000);

    /// The time that lies `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This time moved on by `nanos`; stays at the last representable moment instead of overflowing.
    pub const fn plus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// This time moved on by whole seconds.
    pub const fn plus_secs(self, seconds: u64) -> Self {
        self.plus_nanos(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// This time moved back by `nanos`.
    pub const fn minus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_sub(nanos))
    }

    /// The nanoseconds from `earlier` to this time; none when `earlier` is later.
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time without its fraction of a second, the form in which deadlines are kept.
    pub const fn floor_to_seconds(self) -> Self {
        Self(self.0 / NANOS_PER_SECOND * NANOS_PER_SECOND)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09} s", self.0 / NANOS_PER_SECOND, self.0 % NANOS_PER_SECOND)
    }
}

/// When a round has something to do next. What comes sooner is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextWork {
    /// At once: messages wait, or are on their way.
    Now,
    /// At this time, if nothing comes before: a timer, a deadline, a charge.
    At(Time),
    /// When somebody comes.
    Never,
}

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds in a day.
pub const NANOS_PER_DAY: u64 = 24 * 60 * 60 * NANOS_PER_SECOND;

/// Identifies a call context of one canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallContextId(pub u64);

/// Identifies an open callback of one canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallbackId(pub u64);

/// Identifies an ingress message: a hash of all that distinguishes it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub [u8; 32]);

/// A pair `(high, low)` of 64-bit halves, as the system interface passes amounts of cycles.
pub const fn cycles_from_halves(high: u64, low: u64) -> Cycles {
    ((high as u128) << 64) | low as u128
}
