//! Auto-progress: real time passes on an instance, and rounds happen without requests.
//!
//! While there is work, one round follows another, each after the round length. On an idle network
//! nothing happens until the next timer or heartbeat is due, or until a request has used the instance.

use crate::instance::Instance;
use crate::server::api::ApiError;
use crate::server::clock::{Stopwatch, nanos};
use crate::server::hosted::{AutoProgress, HostedInstance};
use crate::server::outcall_requests::OutcallRequests;
use crate::server::threads::run_long;
use crate::types::{NextWork, Time};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

impl HostedInstance {
    /// Starts auto-progress. Two rounds are at least `delay` apart. When this function returns, the
    /// instance has the real time, unless its time was later.
    ///
    /// # Errors
    ///
    /// Fails if auto-progress is already on, or if the instance has panicked.
    pub(super) async fn start_auto_progress(
        self: &Arc<Self>,
        delay: Duration,
    ) -> Result<(), ApiError> {
        if self.is_auto_progressing() {
            return Err(already_on());
        }
        let round = self.with(|instance| {
            set_real_time(instance);
            Duration::from_millis(instance.network().profile().round_length_ms)
        });
        let round_length = delay.max(round.await?);
        let mut auto_progress = self.auto_progress.lock();
        if auto_progress.is_some() {
            return Err(already_on());
        }
        let stopwatch = Stopwatch::start();
        let outcalls = OutcallRequests::new(self.outcall_client.clone(), Arc::downgrade(self));
        let rounds = execute_rounds(
            Arc::downgrade(self),
            round_length,
            self.used.clone(),
            stopwatch.clone(),
            outcalls,
        );
        *auto_progress = Some(AutoProgress { task: tokio::spawn(rounds), stopwatch });
        Ok(())
    }

    /// Whether auto-progress is on.
    pub(super) fn is_auto_progressing(&self) -> bool {
        self.auto_progress.lock().is_some()
    }

    /// Stops auto-progress, if it is on, and returns after the current round.
    pub(super) async fn stop_auto_progress(&self) {
        let stopped = self.auto_progress.lock().take();
        if let Some(AutoProgress { task, .. }) = stopped {
            task.abort();
            // The only possible error is that the task was aborted, which is the purpose.
            let _ = task.await;
        }
    }
}

fn already_on() -> ApiError {
    ApiError::bad_request("auto-progress is already on: stop it first to change its delay")
}

/// Sets the instance's time to the real time, unless the instance's time is later.
fn set_real_time(instance: &mut Instance) {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Setting the time fails only if the instance's time is later, and then it stays.
    let _ = instance.set_certified_time(Time::from_nanos(nanos(since_epoch)));
}

/// Executes a round, once no thread executes deferred slices. Until then, requests can use the instance.
///
/// # Errors
///
/// Fails if the instance has panicked, or panics in the round.
async fn execute_round(hosted: &HostedInstance, stopwatch: &Stopwatch) -> Result<(), ApiError> {
    let round = |instance: &mut Instance| {
        (!instance.is_executing()).then(|| run_long(|| instance.advance(stopwatch.lap_nanos())))
    };
    loop {
        hosted.compile_waiting_modules().await?;
        let ended = hosted.next_execution_end();
        if hosted.access(round).await?.is_some() {
            return Ok(());
        }
        ended.await;
    }
}

/// Executes a round whenever the instance has work, and makes the requests of HTTP outcalls. Ends when
/// the instance is deleted or has panicked.
async fn execute_rounds(
    instance: Weak<HostedInstance>,
    round_length: Duration,
    used: Arc<Notify>,
    stopwatch: Stopwatch,
    mut outcalls: OutcallRequests,
) {
    let time_to_work = |instance: &mut Instance| {
        instance.pass(stopwatch.lap_nanos());
        match instance.next_work() {
            NextWork::Now => Some(Duration::ZERO),
            NextWork::At(time) => Some(Duration::from_nanos(time.nanos_since(instance.time()))),
            NextWork::Never => None,
        }
    };
    // Between two rounds only a weak reference is held, so that the instance can be deleted.
    while let Some(hosted) = instance.upgrade() {
        let look = |instance: &mut Instance| (time_to_work(instance), outcalls.take_new(instance));
        let Ok((time_to_work, new_outcalls)) = hosted.access(look).await else { return };
        drop(hosted);
        outcalls.start(new_outcalls);
        match time_to_work {
            // The round that begins now ends when the work is due, or later.
            Some(duration) if duration <= round_length => {
                if !round_length.is_zero() {
                    tokio::time::sleep(round_length).await;
                }
                let Some(hosted) = instance.upgrade() else { return };
                if execute_round(&hosted, &stopwatch).await.is_err() {
                    return;
                }
            }
            Some(duration) => {
                // Both a timeout and a notification lead to the same: look again for work.
                let rest = duration - round_length;
                let _ = tokio::time::timeout(rest, used.notified()).await;
            }
            None => used.notified().await,
        }
    }
}
