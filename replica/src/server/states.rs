//! Instances that are created from a saved state, or saved in a state directory.

use crate::instance::{Instance, InstanceConfig};
use crate::limits::{SAVE_INTERVAL, SAVE_PAUSE_FACTOR};
use crate::server::api::ApiError;
use crate::server::hosted::HostedInstance;
use crate::server::threads::run_long;
use crate::state_dir::{StateDir, StateDirError, load_subnet};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An instance that a client asks for.
#[derive(Debug)]
pub(super) struct InstanceRequest {
    /// The configuration of a new instance. Ignored if the state directory contains a state, except for
    /// the profile and a later time.
    pub config: InstanceConfig,
    /// The folders with the states of subnets, by the index of the subnet in the configuration.
    pub subnet_states: BTreeMap<usize, PathBuf>,
    /// The state directory, if the instance is to have one.
    pub state_dir: Option<StateDir>,
    /// Whether to restore a state that was not saved at the end of its instance.
    pub incomplete: bool,
}

impl From<InstanceConfig> for InstanceRequest {
    fn from(config: InstanceConfig) -> Self {
        Self { config, subnet_states: BTreeMap::new(), state_dir: None, incomplete: false }
    }
}

impl InstanceRequest {
    /// Creates or restores the instance. Saves it at once if it has a state directory.
    ///
    /// # Errors
    ///
    /// Fails if a state cannot be read or written, or for the reasons of
    /// [`Instance::with_saved_subnets`]. The message says what to do.
    pub(super) fn build(self) -> Result<(Instance, Option<StateDir>), String> {
        let Self { config, subnet_states, mut state_dir, incomplete } = self;
        let instance = match state_dir.as_mut().filter(|state_dir| state_dir.has_state()) {
            Some(state_dir) => restore(state_dir, &config, incomplete).map_err(text)?,
            None => {
                let saved = |(index, folder): (usize, PathBuf)| {
                    Ok((index, load_subnet(&folder, incomplete)?))
                };
                let saved = subnet_states.into_iter().map(saved).collect::<Result<_, _>>();
                Instance::with_saved_subnets(config, saved.map_err(text)?)
                    .map_err(|error| error.to_string())?
            }
        };
        if let Some(state_dir) = &mut state_dir {
            state_dir.save(&instance, true).map_err(text)?;
        }
        Ok((instance, state_dir))
    }
}

fn text(error: StateDirError) -> String {
    error.to_string()
}

/// Restores an instance, and executes its first rounds. The profile is that of the server, and the time is
/// not before the requested time.
fn restore(
    state_dir: &mut StateDir,
    config: &InstanceConfig,
    incomplete: bool,
) -> Result<Instance, StateDirError> {
    let mut instance = state_dir.restore(incomplete)?;
    instance.set_profile(config.profile);
    if config.initial_time > instance.time() {
        let set = instance.set_certified_time(config.initial_time);
        debug_assert!(set.is_ok(), "the time is later");
    }
    instance.resume();
    Ok(instance)
}

impl HostedInstance {
    /// Saves the instance, if it has a state directory. `in_use` says that it will be used on, and saved
    /// again only at its end. Returns how long encoding and writing took, without the time in which the save
    /// waited for the instance.
    ///
    /// # Errors
    ///
    /// Fails if the instance is gone, or if the state cannot be written.
    pub(super) async fn save(&self, in_use: bool) -> Result<Duration, ApiError> {
        let mut state_dir = self.state_dir.lock().await;
        let Some(state_dir) = state_dir.as_mut() else { return Ok(Duration::ZERO) };
        let (began, encoded) = loop {
            let ended = self.next_execution_end();
            // The results of all executions are part of the state.
            let encode = |instance: &Instance| {
                (!instance.is_executing())
                    .then(|| (Instant::now(), run_long(|| state_dir.encode(instance, in_use))))
            };
            match self.read(encode).await? {
                Some(encoded) => break encoded,
                None => ended.await,
            }
        };
        if let Some(save) = encoded.map_err(failed)? {
            run_long(|| state_dir.write(save)).map_err(failed)?;
        }
        Ok(began.elapsed())
    }

    /// Ends the instance: saves it, if it has a state directory, after the operation `last`. From then on,
    /// all requests get the response for a deleted instance. Requests that wait for the instance while it is
    /// saved get the same response, so the saved state has the effects of all requests that were executed.
    /// If the instance cannot be saved, the waiting requests are executed. An instance that is to be saved ends
    /// only after the threads that execute deferred slices. Ending an instance again has no effect.
    ///
    /// # Errors
    ///
    /// Fails if the instance has panicked and was to be saved, or if the state cannot be written.
    pub(super) async fn close(&self, last: impl Fn(&mut Instance)) -> Result<(), ApiError> {
        self.stop_auto_progress().await;
        let mut state_dir = self.state_dir.lock().await;
        loop {
            let ended = self.next_execution_end();
            let save = |instance: &mut Instance| {
                let Some(state_dir) = state_dir.as_mut() else { return Ok(()) };
                // The results of all executions are part of the state.
                if instance.is_executing() {
                    return Err(None);
                }
                last(instance);
                state_dir.save(instance, false).and_then(|()| state_dir.end_run()).map_err(Some)
            };
            match self.end(save).await {
                Ok(Ok(())) => break,
                Ok(Err(None)) => ended.await,
                Ok(Err(Some(error))) => return Err(failed(error)),
                Err(_) if state_dir.is_none() => break,
                Err(panicked) => return Err(panicked),
            }
        }
        // The directory can then be used by another instance.
        state_dir.take();
        Ok(())
    }
}

fn failed(error: StateDirError) -> ApiError {
    ApiError::internal(error.to_string())
}

/// Saves an instance again and again while it changes, so that a crash loses little.
pub(super) async fn save_changes(instance: Arc<HostedInstance>) {
    let mut pause = SAVE_INTERVAL;
    loop {
        tokio::time::sleep(pause).await;
        if !instance.take_changed() {
            continue;
        }
        let taken = instance.save(false).await.unwrap_or_else(|error| {
            tracing::error!("the network is not saved: {error}");
            instance.set_changed();
            Duration::ZERO
        });
        pause = SAVE_INTERVAL.max(taken * SAVE_PAUSE_FACTOR);
    }
}
