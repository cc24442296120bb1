//! Instances that progress by themselves: real time passes in them, and rounds happen.

use crate::limits::PROGRESS_INTERVAL_MIN_MS;
use crate::server::instances::Slot;
use crate::types::Time;
use std::sync::Weak;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The task that has one instance progress.
#[derive(Debug)]
pub(super) struct Progress(JoinHandle<()>);

impl Progress {
    /// Starts the task, and says how to learn that the instance has the real time.
    pub(super) fn start(slot: Weak<Slot>, delay: Duration) -> (Self, oneshot::Receiver<()>) {
        let (begun, has_begun) = oneshot::channel();
        (Self(tokio::spawn(progress(slot, delay, begun))), has_begun)
    }

    /// Ends the task after the round it may be in.
    pub(super) async fn stop(self) {
        self.0.abort();
        // That it was aborted is what was asked for.
        let _ = self.0.await;
    }
}

/// Sets the instance's time to the real one, unless it is later already, and from then on moves it
/// as the real one moves, with a round after each step. Ends when the instance is gone or of no use.
async fn progress(slot: Weak<Slot>, delay: Duration, begun: oneshot::Sender<()>) {
    let delay = delay.max(Duration::from_millis(PROGRESS_INTERVAL_MIN_MS));
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut latest = Instant::now();
    let now = Time::from_nanos(nanos(since_epoch));
    let Some(alive) = slot.upgrade() else { return };
    // It fails when the instance's time is later, which makes no difference here.
    if alive.with(|instance| instance.set_certified_time(now).is_ok()).await.is_err() {
        return;
    }
    drop(alive);
    // Whoever asked for it may have gone away.
    let _ = begun.send(());
    while let Some(alive) = slot.upgrade() {
        let before = std::mem::replace(&mut latest, Instant::now());
        let elapsed = nanos(latest.duration_since(before));
        if alive.execute(|instance| instance.advance(elapsed)).await.is_err() {
            return;
        }
        drop(alive);
        tokio::time::sleep(delay).await;
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
