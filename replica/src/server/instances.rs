//! The instances of a server, each used by one request at a time.

use crate::instance::{Instance, InstanceConfig, InstanceError};
use crate::network::NetworkProfile;
use crate::server::api::ApiError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// All instances, by number. A number is never used twice.
#[derive(Debug)]
pub struct Instances {
    profile: NetworkProfile,
    slots: Mutex<Vec<Option<Slot>>>,
    activity: Mutex<Activity>,
}

/// An instance, or what is left of one that panicked.
type Slot = Arc<tokio::sync::Mutex<Result<Instance, Panicked>>>;

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
        let instance = Instance::new(config)?;
        let description = describe(&instance);
        let mut slots = lock(&self.slots);
        slots.push(Some(Arc::new(tokio::sync::Mutex::new(Ok(instance)))));
        Ok((slots.len() - 1, description))
    }

    /// Deletes an instance. What a request is still doing with it is finished first.
    pub(super) fn delete(&self, id: usize) -> Result<(), ApiError> {
        let deleted = lock(&self.slots).get_mut(id).and_then(Option::take);
        match deleted {
            // Freeing a large instance takes a moment, which belongs outside the lock.
            Some(slot) => tokio::task::block_in_place(|| {
                drop(slot);
                Ok(())
            }),
            None => Err(unknown(id)),
        }
    }

    /// A line for each number given out.
    pub(super) fn list(&self) -> Vec<String> {
        let slots = lock(&self.slots);
        let word = |slot: &Option<Slot>| match slot {
            Some(slot) if slot.try_lock().is_err() => "Busy",
            Some(_) => "Available",
            None => "Deleted",
        };
        slots.iter().map(|slot| word(slot).to_owned()).collect()
    }

    /// Does something short with an instance, once it is this request's turn. A panic ends the
    /// instance, and only it.
    pub(super) async fn with<T>(
        &self,
        id: usize,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        let slot = lock(&self.slots).get(id).cloned().flatten().ok_or_else(|| unknown(id))?;
        let mut guard = slot.lock().await;
        let Ok(instance) = guard.as_mut() else { return Err(panicked(id)) };
        catch_unwind(AssertUnwindSafe(|| operation(instance))).map_err(|_| {
            *guard = Err(Panicked);
            panicked(id)
        })
    }

    /// Does something with an instance that executes canisters and may take as long as they do.
    /// Meanwhile another thread takes over what else this one had to do.
    pub(super) async fn execute<T>(
        &self,
        id: usize,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        self.with(id, |instance| tokio::task::block_in_place(|| operation(instance))).await
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

fn unknown(id: usize) -> ApiError {
    ApiError::not_found(format!("there is no instance {id}: create one, or it was deleted"))
}

fn panicked(id: usize) -> ApiError {
    ApiError::internal(format!(
        "instance {id} ran into an error of the replica itself and cannot be used any more; \
         other instances are not affected"
    ))
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
