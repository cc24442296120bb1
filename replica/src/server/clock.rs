//! The real time that passes while an instance auto-progresses.

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Measures the real time between two readings. Clones share the time of the last reading.
#[derive(Clone, Debug)]
pub(super) struct Stopwatch(Arc<Mutex<(Instant, SystemTime)>>);

impl Stopwatch {
    /// A stopwatch that starts now.
    pub(super) fn start() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), SystemTime::now()))))
    }

    /// Nanoseconds since the last reading, or since the start.
    pub(super) fn lap_nanos(&self) -> u64 {
        let mut last = self.0.lock();
        let now = (Instant::now(), SystemTime::now());
        nanos(elapsed(std::mem::replace(&mut *last, now), now))
    }
}

/// The time between two moments, each given by the monotonic clock and by the wall clock. The longer of
/// the two differences counts: the monotonic clock stands still while the machine sleeps, and the wall
/// clock may be set back.
fn elapsed(before: (Instant, SystemTime), now: (Instant, SystemTime)) -> Duration {
    now.0.duration_since(before.0).max(now.1.duration_since(before.1).unwrap_or_default())
}

/// A duration in nanoseconds; [`u64::MAX`] if it is longer.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_while_a_machine_sleeps_and_when_its_clock_is_set_back() {
        let (instant, wall) = (Instant::now(), SystemTime::now());
        let [second, hour] = [1, 3_600].map(Duration::from_secs);
        let before = (instant, wall);
        assert_eq!(elapsed(before, (instant + second, wall + second)), second);
        assert_eq!(elapsed(before, (instant + second, wall + hour)), hour);
        assert_eq!(elapsed(before, (instant + second, wall - hour)), second);
    }
}
