//! One instance of a server: used by one request at a time, and lost if it panics.

use crate::instance::Instance;
use crate::keys::SubnetKey;
use crate::server::api::ApiError;
use crate::server::clock::Stopwatch;
use crate::server::outcalls::OutcallClient;
use crate::server::threads::run_long;
use crate::server::watch::Watch;
use crate::state_dir::{StateDir, new_network_id};
use crate::subnet::Subnet;
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
    /// Distinguishes the network from all others, also from those before at the same address. The id stays the same
    /// when a saved network continues.
    pub(super) network_id: String,
    instance: tokio::sync::Mutex<Result<Instance, Gone>>,
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
    /// Notified when a thread has executed the deferred slices of an execution.
    pub(super) executions: Arc<Notify>,
    /// What pages get to know of the instance.
    pub(super) watch: Watch,
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
    /// What the instance had done at the end of its latest round.
    activity: Mutex<Activity>,
    /// Why the instance cannot be used any more. `None` while it can.
    gone: Mutex<Option<Gone>>,
    /// Whether the instance may have changed since the latest save.
    has_changed: AtomicBool,
}

/// What a network has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// The number of executed rounds.
    pub rounds: u64,
    /// Messages, tasks and management calls that all subnets have executed.
    pub messages: u64,
    /// The number of canisters on all subnets.
    pub canisters: u64,
}

impl Activity {
    fn of(instance: &Instance) -> Self {
        let rounds = instance.network().rounds();
        let nothing = Self { rounds, ..Self::default() };
        let metrics = instance.network().subnets().map(Subnet::metrics);
        metrics.fold(nothing, |sum, metrics| Self {
            messages: sum.messages + metrics.transactions,
            canisters: sum.canisters + metrics.canisters,
            ..sum
        })
    }
}

/// Why an instance cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Panicked,
    Deleted,
}

impl HostedInstance {
    pub(super) fn new(
        id: usize,
        mut instance: Instance,
        outcall_client: Arc<OutcallClient>,
        state_dir: Option<StateDir>,
    ) -> Self {
        instance.defer_slices();
        let shared = SharedFacts {
            root_key: instance.root_key().clone(),
            rounds: instance.network().rounds().into(),
            activity: Activity::of(&instance).into(),
            gone: Mutex::default(),
            has_changed: false.into(),
        };
        let network_id = state_dir.as_ref().map(|saved| saved.network_id().to_owned());
        Self {
            id,
            network_id: network_id.unwrap_or_else(new_network_id),
            shared,
            outcall_client,
            state_dir: tokio::sync::Mutex::new(state_dir),
            instance: tokio::sync::Mutex::new(Ok(instance)),
            auto_progress: Mutex::default(),
            used: Arc::default(),
            rounds: Notify::new(),
            executions: Arc::default(),
            watch: Watch::default(),
        }
    }

    /// Runs a short operation on the instance, once no other request uses it. While auto-progress is
    /// on, the instance's time is advanced to the real time first.
    ///
    /// # Errors
    ///
    /// Fails if the instance is gone, or panics in this operation.
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
    /// Fails if the instance is gone, or panics in this operation.
    pub(super) async fn execute<T>(
        &self,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        self.with(|instance| run_long(|| operation(instance))).await
    }

    /// Compiles the modules that wait for the next round. Other requests can use the instance meanwhile.
    ///
    /// # Errors
    ///
    /// Fails if the instance is gone.
    pub(super) async fn compile_waiting_modules(&self) -> Result<(), ApiError> {
        for module in self.access(|instance| instance.waiting_modules()).await? {
            // An invalid module is refused again, and with a response, when it is installed. If the compiler panics,
            // it panics in the round, too, where the panic is reported.
            let compile = || catch_unwind(|| crate::wasm::compile(&module).is_ok());
            let _ = run_long(compile);
        }
        Ok(())
    }

    /// Whether the instance cannot be used any more: it was deleted, or it has panicked.
    pub(super) fn is_gone(&self) -> bool {
        self.shared.gone.lock().is_some()
    }

    /// Runs an operation on the instance, once no other request uses it, at the instance's own time. A
    /// panic destroys this instance and no other.
    ///
    /// # Errors
    ///
    /// Fails if the instance is gone, or panics in this operation.
    pub(super) async fn access<T>(
        &self,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        let mut guard = self.instance.lock().await;
        self.run(&mut guard, operation)
    }

    /// Runs the last operation on the instance, which is then deleted, unless the operation fails. Requests
    /// that wait for the instance meanwhile find it deleted. An instance that is already deleted stays so,
    /// without the operation.
    ///
    /// # Errors
    ///
    /// Fails if the instance has panicked, or panics in this operation. The inner error is that of the
    /// operation.
    pub(super) async fn end<E>(
        &self,
        operation: impl FnOnce(&mut Instance) -> Result<(), E>,
    ) -> Result<Result<(), E>, ApiError> {
        let mut guard = self.instance.lock().await;
        if matches!(*guard, Err(Gone::Deleted)) {
            return Ok(Ok(()));
        }
        let done = self.run(&mut guard, |instance| run_long(|| operation(instance)))?;
        if done.is_ok() {
            let deleted = self.lose(&mut guard, Gone::Deleted);
            // Freeing the memory of a large instance takes long.
            run_long(|| drop(deleted));
        }
        Ok(done)
    }

    fn run<T>(
        &self,
        instance: &mut Result<Instance, Gone>,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        let used = instance.as_mut().map_err(|gone| gone.error(self.id))?;
        let before = used.network().rounds();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let result = operation(used);
            self.watch.read(used);
            let rounds = used.network().rounds();
            if rounds != before {
                *self.shared.activity.lock() = Activity::of(used);
                used.deferred_executions().for_each(|deferred| self.start(deferred.clone()));
            }
            (result, rounds)
        }));
        let Ok((result, rounds)) = result else {
            drop(self.lose(instance, Gone::Panicked));
            return Err(Gone::Panicked.error(self.id));
        };
        self.shared.rounds.store(rounds, Relaxed);
        self.set_changed();
        if rounds != before {
            self.rounds.notify_waiters();
        }
        Ok(result)
    }

    /// Replaces the instance by the reason why it cannot be used any more. Returns the instance.
    fn lose(&self, instance: &mut Result<Instance, Gone>, gone: Gone) -> Result<Instance, Gone> {
        *self.shared.gone.lock() = Some(gone);
        self.rounds.notify_waiters();
        self.executions.notify_waiters();
        self.watch.wake();
        // Auto-progress ends.
        self.used.notify_one();
        std::mem::replace(instance, Err(gone))
    }

    /// Reads the instance, once no request uses it. A panic does not harm the instance, which does not change.
    ///
    /// # Errors
    ///
    /// Fails if the instance is gone, or if the operation panics.
    pub(super) async fn read<T>(
        &self,
        operation: impl FnOnce(&Instance) -> T,
    ) -> Result<T, ApiError> {
        let guard = self.instance.lock().await;
        let instance = guard.as_ref().map_err(|gone| gone.error(self.id))?;
        catch_unwind(AssertUnwindSafe(|| operation(instance))).map_err(|_| {
            ApiError::internal(format!(
                "the replica panicked while it read instance {}: the panic message above says why; the \
                 instance itself has not changed",
                self.id
            ))
        })
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
    /// Fails if the instance is gone.
    pub(super) fn height(&self) -> Result<u64, ApiError> {
        match *self.shared.gone.lock() {
            Some(gone) => Err(gone.error(self.id)),
            None => Ok(self.shared.rounds.load(Relaxed)),
        }
    }

    /// What the instance has done. Does not wait for the instance.
    pub(super) fn activity(&self) -> Activity {
        *self.shared.activity.lock()
    }

    /// A future that waits for the next round. It counts rounds from this call on, not from when the
    /// future is first polled: so a caller that looks at the instance in between misses no round.
    pub(super) fn next_round(&self) -> Notified<'_> {
        self.rounds.notified()
    }
}

impl Gone {
    /// The response to a request that uses the instance.
    fn error(self, id: usize) -> ApiError {
        match self {
            Self::Panicked => ApiError::internal(format!(
                "the replica panicked while it executed instance {id}, which cannot be used any more: create \
                 a new one; other instances keep running"
            )),
            Self::Deleted => unknown(id),
        }
    }
}

/// The response to a request for an instance that does not exist.
pub(super) fn unknown(id: usize) -> ApiError {
    ApiError::not_found(format!(
        "Instance not found: there is no instance {id}. It was never created, or it has been deleted"
    ))
}
