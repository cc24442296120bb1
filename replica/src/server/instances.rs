//! The instances of a server, each used by one request at a time.

use crate::instance::{Instance, InstanceConfig, InstanceError};
use crate::keys::SubnetKey;
use crate::network::NetworkProfile;
use crate::server::api::ApiError;
use crate::server::blobs::Blobs;
use crate::server::gateways::Gateways;
use crate::server::progress::Progress;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// All instances, by number. A number is never used twice.
#[derive(Debug)]
pub struct Instances {
    profile: NetworkProfile,
    slots: Mutex<Vec<Option<Arc<Slot>>>>,
    blobs: Mutex<Blobs>,
    gateways: Gateways,
    activity: Mutex<Activity>,
}

/// The place of one instance.
#[derive(Debug)]
pub(super) struct Slot {
    id: usize,
    instance: tokio::sync::Mutex<Result<Instance, Panicked>>,
    vitals: Vitals,
    progress: Mutex<Option<Progress>>,
    /// Notified when somebody has used the instance, who may have given it something to do.
    used: Arc<Notify>,
    /// Notified after each round.
    rounds: Notify,
}

/// What is known of an instance even while it is used.
#[derive(Debug)]
struct Vitals {
    root_key: Arc<SubnetKey>,
    rounds: AtomicU64,
    has_panicked: AtomicBool,
}

/// What is left of an instance that panicked.
#[derive(Clone, Copy, Debug)]
struct Panicked;

#[derive(Debug)]
struct Activity {
    under_way: usize,
    latest: Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Instances {
    pub(super) fn new(profile: NetworkProfile) -> Self {
        Self {
            profile,
            slots: Mutex::new(Vec::new()),
            blobs: Mutex::default(),
            gateways: Gateways::default(),
            activity: Mutex::new(Activity { under_way: 0, latest: Instant::now() }),
        }
    }

    /// How rounds relate to time in new instances.
    pub(super) fn profile(&self) -> NetworkProfile {
        self.profile
    }

    /// Makes an instance and returns its number and what `describe` says of it.
    pub(super) fn create<T>(
        &self,
        config: InstanceConfig,
        describe: impl FnOnce(&Instance) -> T,
    ) -> Result<(usize, T), InstanceError> {
        let instance = tokio::task::block_in_place(|| Instance::new(config))?;
        let description = describe(&instance);
        Ok((self.add(instance), description))
    }

    /// Takes an instance in and returns its number.
    pub(super) fn add(&self, instance: Instance) -> usize {
        let mut slots = lock(&self.slots);
        let id = slots.len();
        slots.push(Some(Arc::new(Slot::new(id, instance))));
        id
    }

    /// Deletes an instance and its gateways. What is still being done with it is finished first.
    pub(super) async fn delete(&self, id: usize) -> Result<(), ApiError> {
        let deleted = lock(&self.slots).get_mut(id).and_then(Option::take);
        let slot = deleted.ok_or_else(|| unknown(id))?;
        self.gateways.stop_all_of(id).await;
        slot.stop_progress().await;
        // Freeing a large instance takes a moment, which belongs outside the lock.
        tokio::task::block_in_place(|| drop(slot));
        Ok(())
    }

    /// A line for each number given out.
    pub(super) fn list(&self) -> Vec<String> {
        let slots = lock(&self.slots);
        let word = |slot: &Option<Arc<Slot>>| match slot {
            Some(slot) if slot.instance.try_lock().is_err() => "Busy",
            Some(_) => "Available",
            None => "Deleted",
        };
        slots.iter().map(|slot| word(slot).to_owned()).collect()
    }

    /// The place of an instance.
    pub(super) fn slot(&self, id: usize) -> Result<Arc<Slot>, ApiError> {
        lock(&self.slots).get(id).cloned().flatten().ok_or_else(|| unknown(id))
    }

    /// Does something short with an instance, once it is this request's turn.
    pub(super) async fn with<T>(
        &self,
        id: usize,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        self.slot(id)?.with(operation).await
    }

    /// Does something with an instance that executes canisters.
    pub(super) async fn execute<T>(
        &self,
        id: usize,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        self.slot(id)?.execute(operation).await
    }

    /// The gateways.
    pub(super) fn gateways(&self) -> &Gateways {
        &self.gateways
    }

    /// The blobs that clients have uploaded.
    pub(super) fn blobs(&self) -> MutexGuard<'_, Blobs> {
        lock(&self.blobs)
    }

    /// Notes that a request has begun; it has ended when the value is dropped.
    pub(super) fn request(self: &Arc<Self>) -> UnderWay {
        lock(&self.activity).under_way += 1;
        UnderWay(self.clone())
    }

    pub(super) fn idle_time(&self) -> Duration {
        let activity = lock(&self.activity);
        match activity.under_way {
            0 => activity.latest.elapsed(),
            _ => Duration::ZERO,
        }
    }
}

impl Slot {
    fn new(id: usize, instance: Instance) -> Self {
        let vitals = Vitals {
            root_key: instance.root_key().clone(),
            rounds: instance.network().rounds().into(),
            has_panicked: false.into(),
        };
        Self {
            id,
            vitals,
            instance: tokio::sync::Mutex::new(Ok(instance)),
            progress: Mutex::default(),
            used: Arc::default(),
            rounds: Notify::new(),
        }
    }

    /// Does something short with the instance, once it is this caller's turn. Where the instance
    /// progresses by itself, it is as late there as it really is.
    pub(super) async fn with<T>(
        &self,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        let result = self.access(|instance| {
            if let Some(progress) = lock(&self.progress).as_ref() {
                progress.pass_time(instance);
            }
            operation(instance)
        });
        let result = result.await;
        self.used.notify_one();
        result
    }

    /// Does something with the instance that executes canisters and may take as long as they do.
    /// Meanwhile another thread takes over what else this one had to do.
    pub(super) async fn execute<T>(
        &self,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        self.with(|instance| tokio::task::block_in_place(|| operation(instance))).await
    }

    /// Does something with the instance, once it is this caller's turn. A panic ends the instance,
    /// and only it.
    pub(super) async fn access<T>(
        &self,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        let mut guard = self.instance.lock().await;
        let Ok(instance) = guard.as_mut() else { return Err(panicked(self.id)) };
        let before = instance.network().rounds();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let result = operation(instance);
            (result, instance.network().rounds())
        }));
        let (result, rounds) = result.map_err(|_| {
            *guard = Err(Panicked);
            self.vitals.has_panicked.store(true, Relaxed);
            self.rounds.notify_waiters();
            panicked(self.id)
        })?;
        self.vitals.rounds.store(rounds, Relaxed);
        drop(guard);
        if rounds != before {
            self.rounds.notify_waiters();
        }
        Ok(result)
    }

    /// The key that all certificates can be checked with. The instance need not be free for this.
    pub(super) fn root_key(&self) -> &Arc<SubnetKey> {
        &self.vitals.root_key
    }

    /// How many rounds there have been, if the instance is of use. It need not be free for this.
    pub(super) fn height(&self) -> Result<u64, ApiError> {
        match self.vitals.has_panicked.load(Relaxed) {
            true => Err(panicked(self.id)),
            false => Ok(self.vitals.rounds.load(Relaxed)),
        }
    }

    /// Waits for a round, counted from the call and not from when the answer is awaited first: so
    /// whoever looks in between misses none.
    pub(super) fn next_round(&self) -> Notified<'_> {
        self.rounds.notified()
    }

    /// Has the instance progress by itself, with rounds that take at least `delay`, and returns once
    /// it has the real time. Fails when it does already.
    pub(super) async fn start_progress(self: &Arc<Self>, delay: Duration) -> Result<(), ApiError> {
        let already = || {
            ApiError::bad_request(
                "automatic progress has been enabled already: stop it first to change its delay",
            )
        };
        if self.progresses() {
            return Err(already());
        }
        let round = self.with(|instance| {
            Progress::begin(instance);
            Duration::from_millis(instance.network().profile().round_length_ms)
        });
        let pace = delay.max(round.await?);
        let mut progress = lock(&self.progress);
        if progress.is_some() {
            return Err(already());
        }
        *progress = Some(Progress::start(Arc::downgrade(self), pace, self.used.clone()));
        Ok(())
    }

    /// Whether the instance progresses by itself.
    pub(super) fn progresses(&self) -> bool {
        lock(&self.progress).is_some()
    }

    /// Has the instance progress no more, and returns when it does not.
    pub(super) async fn stop_progress(&self) {
        let progress = lock(&self.progress).take();
        if let Some(progress) = progress {
            progress.stop().await;
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Instances>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut activity = lock(&self.0.activity);
        activity.under_way -= 1;
        activity.latest = Instant::now();
    }
}

fn unknown(id: usize) -> ApiError {
    ApiError::not_found(format!("there is no instance {id}: create one, or it was deleted"))
}

fn panicked(id: usize) -> ApiError {
    ApiError::internal(format!(
        "instance {id} ran into an error of the replica itself and cannot be used any more; \
         other instances are not affected"
    ))
}

#[cfg(test)]
mod tests;
