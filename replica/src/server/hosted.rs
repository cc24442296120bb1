//! One instance of a server: used by one request at a time, and lost if it panics.

use crate::instance::Instance;
use crate::keys::SubnetKey;
use crate::server::api::ApiError;
use crate::server::clock::Stopwatch;
use crate::server::outcalls::OutcallClient;
use crate::state_dir::StateDir;
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::JoinHandle;

/// An instance that a server hosts.
#[derive(Debug)]
pub(super) struct HostedInstance {
    id: usize,
    instance: tokio::sync::Mutex<Result<Instance, Panicked>>,
    shared: SharedFacts,
    /// Makes the HTTP requests of outcalls, while auto-progress is on.
    pub(super) outcall_client: Arc<OutcallClient>,
    /// Where the instance is saved, if it is.
    pub(super) state_dir: tokio::sync::Mutex<Option<StateDir>>,
    /// The task that executes rounds, while auto-progress is on.
    pub(super) auto_progress: Mutex<Option<AutoProgress>>,
    /// Notified after each request that used the instance: the request may have added work.
    pub(super) used: Arc<Notify>,
    /// Notified after each round.
    rounds: Notify,
}

/// A running task that executes rounds of an instance as real time passes.
#[derive(Debug)]
pub(super) struct AutoProgress {
    pub(super) task: JoinHandle<()>,
    pub(super) stopwatch: Stopwatch,
}

/// Facts about an instance that can be read while a request uses the instance.
#[derive(Debug)]
struct SharedFacts {
    root_key: Arc<SubnetKey>,
    rounds: AtomicU64,
    has_panicked: AtomicBool,
    /// Whether the instance may have changed since the latest save.
    has_changed: AtomicBool,
}

/// Replaces an instance that panicked.
#[derive(Clone, Copy, Debug)]
struct Panicked;

impl HostedInstance {
    pub(super) fn new(
        id: usize,
        instance: Instance,
        outcall_client: Arc<OutcallClient>,
        state_dir: Option<StateDir>,
    ) -> Self {
        let shared = SharedFacts {
            root_key: instance.root_key().clone(),
            rounds: instance.network().rounds().into(),
            has_panicked: false.into(),
            has_changed: false.into(),
        };
        Self {
            id,
            shared,
            outcall_client,
            state_dir: tokio::sync::Mutex::new(state_dir),
            instance: tokio::sync::Mutex::new(Ok(instance)),
            auto_progress: Mutex::default(),
            used: Arc::default(),
            rounds: Notify::new(),
        }
    }

    /// Runs a short operation on the instance, once no other request uses it. While auto-progress is
    /// on, the instance's time is advanced to the real time first.
    ///
    /// # Errors
    ///
    /// Fails if the instance has panicked, or panics in this operation.
    pub(super) async fn with<T>(
        &self,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        let result = self.access(|instance| {
            if let Some(auto_progress) = self.auto_progress.lock().as_ref() {
                instance.pass(auto_progress.stopwatch.lap_nanos());
            }
            operation(instance)
        });
        let result = result.await;
        self.used.notify_one();
        result
    }

    /// Like [`Self::with`], for an operation that executes canisters and may take long. The runtime
    /// moves its other tasks to other threads meanwhile.
    ///
    /// # Errors
    ///
    /// Fails if the instance has panicked, or panics in this operation.
    pub(super) async fn execute<T>(
        &self,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        self.with(|instance| tokio::task::block_in_place(|| operation(instance))).await
    }

    /// Compiles the modules that wait for the next round. Other requests can use the instance meanwhile.
    ///
    /// # Errors
    ///
    /// Fails if the instance has panicked.
    pub(super) async fn compile_waiting_modules(&self) -> Result<(), ApiError> {
        for module in self.access(|instance| instance.waiting_modules()).await? {
            // An invalid module is refused again, and with a response, when it is installed. If the compiler panics,
            // it panics in the round, too, where the panic is reported.
            let compile = || catch_unwind(|| crate::wasm::compile(&module).is_ok());
            let _ = tokio::task::block_in_place(compile);
        }
        Ok(())
    }

    /// Whether the instance has panicked.
    pub(super) fn has_panicked(&self) -> bool {
        self.shared.has_panicked.load(Relaxed)
    }

    /// Runs an operation on the instance, once no other request uses it, at the instance's own time. A
    /// panic destroys this instance and no other.
    ///
    /// # Errors
    ///
    /// Fails if the instance has panicked, or panics in this operation.
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
            self.shared.has_panicked.store(true, Relaxed);
            self.rounds.notify_waiters();
            panicked(self.id)
        })?;
        self.shared.rounds.store(rounds, Relaxed);
        self.set_changed();
        drop(guard);
        if rounds != before {
            self.rounds.notify_waiters();
        }
        Ok(result)
    }

    /// Reads the instance, once no request uses it.
    ///
    /// # Errors
    ///
    /// Fails if the instance has panicked.
    pub(super) async fn read<T>(
        &self,
        operation: impl FnOnce(&Instance) -> T,
    ) -> Result<T, ApiError> {
        let guard = self.instance.lock().await;
        guard.as_ref().map(operation).map_err(|_| panicked(self.id))
    }

    /// Records that the instance may have changed.
    pub(super) fn set_changed(&self) {
        self.shared.has_changed.store(true, Relaxed);
    }

    /// Whether the instance may have changed since the previous call.
    pub(super) fn take_changed(&self) -> bool {
        self.shared.has_changed.swap(false, Relaxed)
    }

    /// Whether a request uses the instance right now.
    pub(super) fn is_busy(&self) -> bool {
        self.instance.try_lock().is_err()
    }

    /// The key that verifies all certificates. Does not wait for the instance.
    pub(super) fn root_key(&self) -> &Arc<SubnetKey> {
        &self.shared.root_key
    }

    /// The number of rounds so far. Does not wait for the instance.
    ///
    /// # Errors
    ///
    /// Fails if the instance has panicked.
    pub(super) fn height(&self) -> Result<u64, ApiError> {
        match self.has_panicked() {
            true => Err(panicked(self.id)),
            false => Ok(self.shared.rounds.load(Relaxed)),
        }
    }

    /// A future that waits for the next round. It counts rounds from this call on, not from when the
    /// future is first polled: so a caller that looks at the instance in between misses no round.
    pub(super) fn next_round(&self) -> Notified<'_> {
        self.rounds.notified()
    }
}

fn panicked(id: usize) -> ApiError {
    ApiError::internal(format!(
        "the replica panicked while it executed instance {id}, which cannot be used any more: create \
         a new one; other instances keep running"
    ))
}
