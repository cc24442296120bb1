//! Instances that progress by themselves: real time passes in them, and rounds happen.
//!
//! With work to do, rounds follow one another, each as long as its pace. At rest nothing happens
//! until something is due or somebody has used the instance.

use crate::instance::Instance;
use crate::server::instances::Slot;
use crate::types::{NextWork, Time};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The task that has one instance progress.
#[derive(Debug)]
pub(super) struct Progress {
    task: JoinHandle<()>,
    clock: Clock,
}

/// Tells how much real time has passed since it was asked last.
#[derive(Clone, Debug)]
struct Clock(Arc<Mutex<(Instant, SystemTime)>>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), SystemTime::now()))))
    }

    fn elapsed_nanos(&self) -> u64 {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (Instant::now(), SystemTime::now());
        nanos(elapsed(std::mem::replace(&mut *latest, now), now))
    }
}

/// The time between two moments, each by a clock that never goes back and by the one on the wall. The
/// first stands still while a machine sleeps, the second may be set.
fn elapsed(before: (Instant, SystemTime), now: (Instant, SystemTime)) -> Duration {
    now.0.duration_since(before.0).max(now.1.duration_since(before.1).unwrap_or_default())
}

impl Progress {
    /// Sets the instance's time to the real one, unless it is later already.
    pub(super) fn begin(instance: &mut Instance) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // It fails when the instance's time is later, which makes no difference here.
        let _ = instance.set_certified_time(Time::from_nanos(nanos(since_epoch)));
    }

    /// Starts the task. A round takes `pace`; `used` tells that somebody has used the instance.
    pub(super) fn start(slot: Weak<Slot>, pace: Duration, used: Arc<Notify>) -> Self {
        let clock = Clock::new();
        let task = tokio::spawn(progress(slot, pace, used, clock.clone()));
        Self { task, clock }
    }

    /// Moves the instance's time on as the real one has moved.
    pub(super) fn pass_time(&self, instance: &mut Instance) {
        instance.pass(self.clock.elapsed_nanos());
    }

    /// Ends the task after the round it may be in.
    pub(super) async fn stop(self) {
        self.task.abort();
        // That it was aborted is what was asked for.
        let _ = self.task.await;
    }
}

/// Has rounds happen when there is something to do. Ends when the instance is gone or of no use.
async fn progress(slot: Weak<Slot>, pace: Duration, used: Arc<Notify>, clock: Clock) {
    let due_in = |instance: &mut Instance| {
        instance.pass(clock.elapsed_nanos());
        match instance.next_work() {
            NextWork::Now => Some(Duration::ZERO),
            NextWork::At(time) => Some(Duration::from_nanos(time.nanos_since(instance.time()))),
            NextWork::Never => None,
        }
    };
    let round = |instance: &mut Instance| {
        tokio::task::block_in_place(|| instance.advance(clock.elapsed_nanos()));
    };
    while let Some(alive) = slot.upgrade() {
        let Ok(due_in) = alive.access(due_in).await else { return };
        drop(alive);
        match due_in {
            Some(Duration::ZERO) => {
                if !pace.is_zero() {
                    tokio::time::sleep(pace).await;
                }
                let Some(alive) = slot.upgrade() else { return };
                if alive.access(round).await.is_err() {
                    return;
                }
            }
            Some(duration) => {
                // Whether it is time or somebody came: what is due is looked up again.
                let _ = tokio::time::timeout(duration, used.notified()).await;
            }
            None => used.notified().await,
        }
    }
}

fn nanos(duration: Duration) -> u64 {
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
