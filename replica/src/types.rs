//! Types that all layers share: identifiers, cycles, instructions and time.

use serde::{Deserialize, Serialize};
use std::fmt;

pub mod encoding;
mod ids;

pub use ids::{Callee, CanisterId, SubnetId};

/// An amount of cycles.
pub type Cycles = u128;

/// A number of metered Wasm instructions.
pub type Instructions = u64;

/// The argument or the reply of a call, as bytes. By convention, the bytes are Candid.
pub type Payload = Vec<u8>;

/// A point in the network's time, in nanoseconds since the Unix epoch.
///
/// The network's time is independent of the real time: it advances with rounds, and when a client sets
/// it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Time(u64);

impl Time {
    /// The initial time of an instance, unless its configuration says otherwise: 2021-05-06 19:17:10
    /// UTC, as in PocketIC.
    pub const GENESIS: Self = Self(1_620_328_630_000_000_000);

    /// The time `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time `nanos` nanoseconds later, or the largest `Time` if the result exceeds the range.
    pub const fn plus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The time `seconds` seconds later, or the largest `Time` if the result exceeds the range.
    pub const fn plus_secs(self, seconds: u64) -> Self {
        self.plus_nanos(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// The time `nanos` nanoseconds earlier, or the Unix epoch if the result would be before it.
    pub const fn minus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_sub(nanos))
    }

    /// The nanoseconds from `earlier` to this time. 0 if `earlier` is after this time.
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time, rounded down to whole seconds. Deadlines are whole seconds.
    pub const fn floor_to_seconds(self) -> Self {
        Self(self.0 / NANOS_PER_SECOND * NANOS_PER_SECOND)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09} s", self.0 / NANOS_PER_SECOND, self.0 % NANOS_PER_SECOND)
    }
}

/// When a round next has work to do. Values are ordered by time: `Now` is the smallest, `Never` the
/// largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextWork {
    /// In the next round: messages wait, or are on their way.
    Now,
    /// At this time, for a timer, a deadline or a charge. New messages can cause work earlier.
    At(Time),
    /// Not before a client sends a request.
    Never,
}

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds in a day.
pub const NANOS_PER_DAY: u64 = 24 * 60 * 60 * NANOS_PER_SECOND;

/// The id of a call context, unique within one canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallContextId(pub u64);

/// The id of a callback, unique within one canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallbackId(pub u64);

/// The id of an ingress message, unique within the network. The id of an agent's call is the request id.
/// The instance chooses the ids of other calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub [u8; 32]);

/// Combines the two 64-bit halves in which the system API passes an amount of cycles.
pub const fn cycles_from_halves(high: u64, low: u64) -> Cycles {
    ((high as u128) << 64) | low as u128
}
