//! All instances of a server, with its blobs, its gateways and the time of its last request.

use crate::instance::Instance;
use crate::network::NetworkProfile;
use crate::server::api::ApiError;
use crate::server::blobs::Blobs;
use crate::server::connections::Shared;
use crate::server::gateways::Gateways;
use crate::server::hosted::{HostedInstance, unknown};
use crate::server::outcalls::{OutcallClient, OutcallDestinations};
use crate::server::page::Token;
use crate::server::states::InstanceRequest;
use crate::server::threads::run_long;
use crate::state_dir::StateDir;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// All instances of a server, by number, with their blobs and gateways. A number is never used twice.
#[derive(Debug)]
pub(super) struct Instances {
    profile: NetworkProfile,
    /// `None` is a deleted instance.
    hosted: Mutex<Vec<Option<Arc<HostedInstance>>>>,
    blobs: Mutex<Blobs>,
    unpacking: tokio::sync::Mutex<()>,
    gateways: Gateways,
    page_token: Option<Token>,
    outcall_client: Arc<OutcallClient>,
    shared: Shared,
    activity: Mutex<Activity>,
}

#[derive(Debug)]
struct Activity {
    open_requests: usize,
    last_request_end: Instant,
}

impl Instances {
    pub(super) fn new(profile: NetworkProfile, outcalls: OutcallDestinations) -> Self {
        Self {
            profile,
            hosted: Mutex::new(Vec::new()),
            blobs: Mutex::default(),
            unpacking: tokio::sync::Mutex::default(),
            gateways: Gateways::default(),
            page_token: None,
            outcall_client: Arc::new(OutcallClient::new(outcalls)),
            shared: Shared::default(),
            activity: Mutex::new(Activity { open_requests: 0, last_request_end: Instant::now() }),
        }
    }

    /// Has gateways serve pages, with this token, if there is one.
    pub(super) fn with_pages(self, page_token: Option<Token>) -> Self {
        Self { page_token, ..self }
    }

    /// The token of the pages that gateways serve. `None` if they serve none.
    pub(super) fn page_token(&self) -> Option<&Token> {
        self.page_token.as_ref()
    }

    /// The profile of new instances.
    pub(super) fn profile(&self) -> NetworkProfile {
        self.profile
    }

    /// Creates an instance. Returns the number of the instance and the result of `describe`.
    ///
    /// # Errors
    ///
    /// Fails for the same reasons as [`InstanceRequest::build`].
    pub(super) fn create<T>(
        &self,
        request: InstanceRequest,
        describe: impl FnOnce(&Instance) -> T,
    ) -> Result<(usize, T), String> {
        let (instance, state_dir) = run_long(|| request.build())?;
        let description = describe(&instance);
        Ok((self.add(instance, state_dir), description))
    }

    /// Adds an instance, which may have a state directory, and returns its number.
    pub(super) fn add(&self, instance: Instance, state_dir: Option<StateDir>) -> usize {
        let mut hosted = self.hosted.lock();
        let id = hosted.len();
        let client = self.outcall_client.clone();
        let instance = HostedInstance::new(id, instance, client, state_dir);
        hosted.push(Some(Arc::new(instance)));
        id
    }

    /// Deletes an instance and its gateways. The gateways are gone also if the instance cannot be saved. Requests
    /// that use the instance are completed first. An instance with a state directory is saved. Deleting an instance
    /// again has no effect.
    ///
    /// # Errors
    ///
    /// Fails if there was never an instance with this number, or if the instance cannot be saved. In the second
    /// case, the instance is still there, so that the client can make room and delete it again.
    pub(super) async fn delete(self: &Arc<Self>, id: usize) -> Result<(), ApiError> {
        let Some(instance) = self.find(id)? else { return Ok(()) };
        let instances = self.clone();
        // A task of its own is completed even if the client closes the connection. The instance stays on the
        // list meanwhile, so the end of the server waits for it.
        let close = tokio::spawn(async move {
            instances.gateways.stop_all_of(id).await;
            let closed = instance.close(Instance::checkpoint).await;
            if instance.is_gone() {
                instances.hosted.lock()[id] = None;
                // Those that were created while the instance was saved.
                instances.gateways.stop_all_of(id).await;
            }
            closed
        });
        close.await.map_err(|error| ApiError::internal(error.to_string()))?
    }

    /// Saves all instances with a state directory, at the end of the server. Their requests then get the
    /// response for a deleted instance.
    pub(super) async fn save_all(&self) {
        let all: Vec<_> = self.hosted.lock().iter().flatten().cloned().collect();
        for instance in all {
            if let Err(error) = instance.close(Instance::checkpoint).await {
                tracing::error!("an instance is not saved: {error}");
            }
        }
    }

    /// The state of every instance, by number: `Available`, `Busy` or `Deleted`, as PocketIC's clients
    /// expect it.
    pub(super) fn list(&self) -> Vec<String> {
        let state = |hosted: &Option<Arc<HostedInstance>>| match hosted {
            Some(instance) if instance.is_busy() => "Busy",
            Some(_) => "Available",
            None => "Deleted",
        };
        self.hosted.lock().iter().map(|hosted| state(hosted).to_owned()).collect()
    }

    /// The instance with this number.
    ///
    /// # Errors
    ///
    /// Fails if there is no such instance, or if it has been deleted.
    pub(super) fn get(&self, id: usize) -> Result<Arc<HostedInstance>, ApiError> {
        self.find(id)?.ok_or_else(|| unknown(id))
    }

    /// The instance with this number. `None` if the instance has been deleted.
    ///
    /// # Errors
    ///
    /// Fails if there was never such an instance.
    pub(super) fn find(&self, id: usize) -> Result<Option<Arc<HostedInstance>>, ApiError> {
        self.hosted.lock().get(id).cloned().ok_or_else(|| unknown(id))
    }

    /// Runs a short operation on an instance: see [`HostedInstance::with`].
    ///
    /// # Errors
    ///
    /// Fails if there is no such instance, or if it panics or has panicked.
    pub(super) async fn with<T>(
        &self,
        id: usize,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        self.get(id)?.with(operation).await
    }

    /// Runs an operation that executes canisters on an instance: see [`HostedInstance::execute`].
    ///
    /// # Errors
    ///
    /// Fails if there is no such instance, or if it panics or has panicked.
    pub(super) async fn execute<T>(
        &self,
        id: usize,
        operation: impl FnOnce(&mut Instance) -> T,
    ) -> Result<T, ApiError> {
        self.get(id)?.execute(operation).await
    }

    /// The gateways of all instances.
    pub(super) fn gateways(&self) -> &Gateways {
        &self.gateways
    }

    /// What the listeners of the server share.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The blobs that clients have uploaded.
    pub(super) fn blobs(&self) -> MutexGuard<'_, Blobs> {
        self.blobs.lock()
    }

    /// Held while a blob is decompressed.
    pub(super) fn unpacking(&self) -> &tokio::sync::Mutex<()> {
        &self.unpacking
    }

    /// Records that a request has begun. The request ends when the returned value is dropped.
    pub(super) fn begin_request(self: &Arc<Self>) -> OpenRequest {
        self.activity.lock().open_requests += 1;
        OpenRequest(self.clone())
    }

    /// The time since the last open request ended. Zero while a request is open.
    pub(super) fn idle_time(&self) -> Duration {
        let activity = self.activity.lock();
        match activity.open_requests {
            0 => activity.last_request_end.elapsed(),
            _ => Duration::ZERO,
        }
    }
}

/// A request that has begun and not ended.
#[derive(Debug)]
pub(super) struct OpenRequest(Arc<Instances>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut activity = self.0.activity.lock();
        activity.open_requests -= 1;
        activity.last_request_end = Instant::now();
    }
}

#[cfg(test)]
mod tests;
