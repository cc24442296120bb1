//! A whole network as one value, [`Instance`]: the in-process interface of the replica.
//!
//! Every operation of a client goes through an instance, whether it comes over HTTP or from the same
//! process. Nothing happens by itself: only these functions advance the time and execute rounds.

mod agents;
mod calls;
mod canisters;
mod destination;
mod envelope;
mod error;
mod fake_canisters;
mod outcalls;
mod saved;
mod setup;

use crate::canister::DeferredExecution;
use crate::certification::Certification;
use crate::fake_canisters::FakeCanisters;
use crate::keys::SubnetKey;
use crate::limits::INSTANCE_SUBNETS_MAX;
use crate::network::{HostThreads, Network, NetworkProfile};
pub use crate::subnet::BlockMakers;
use crate::subnet::{RelaxedLimits, Subnet};
pub use crate::topology::SubnetInfo;
use crate::topology::{SubnetKind, SubnetRequest, first_free, mainnet_subnet};
use crate::trace::{Event, Notice, Trace};
use crate::types::*;
pub use agents::QueryResult;
pub use calls::{CanisterCall, Submission};
pub use destination::{EffectivePrincipal, RequestKind};
pub use envelope::Authentication;
pub use error::InstanceError;
pub use saved::SavedSubnet;
use serde::{Deserialize, Serialize};
use setup::subnet_config;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// The configuration of a network.
#[derive(Clone, Debug)]
pub struct InstanceConfig {
    /// The subnets; at least one.
    pub subnets: Vec<SubnetRequest>,
    /// How rounds relate to time.
    pub profile: NetworkProfile,
    /// The initial time; not before [`Time::GENESIS`].
    pub initial_time: Time,
    /// Whether the network has [fake canisters](crate::fake_canisters). Each exists only if the network has
    /// the subnet that hosts the original on the mainnet.
    pub fake_canisters: bool,
    /// The limits that do not apply.
    pub relaxed: RelaxedLimits,
}

impl InstanceConfig {
    /// A network of this many application subnets, with PocketIC's profile and initial time.
    pub fn with_application_subnets(count: usize) -> Self {
        Self {
            subnets: vec![SubnetRequest::of(SubnetKind::Application); count],
            profile: NetworkProfile::POCKET_IC,
            initial_time: Time::GENESIS,
            fake_canisters: false,
            relaxed: RelaxedLimits::default(),
        }
    }
}

/// A network: subnets with their canisters, and the time.
///
/// ```
/// use embedded_replica::instance::{Instance, InstanceConfig};
///
/// let mut instance = Instance::new(InstanceConfig::with_application_subnets(2))?;
/// let before = instance.time();
/// instance.tick();
/// assert_eq!(instance.time().nanos_since(before), 1);
/// # Ok::<(), embedded_replica::instance::InstanceError>(())
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub struct Instance {
    network: Network,
    subnets: Vec<SubnetInfo>,
    /// The number of the next range for new canisters: how many subnets have been created, including those
    /// that have been deleted since.
    subnets_created: u64,
    /// The key that certifies the keys of all subnets.
    #[serde(with = "crate::keys::by_seed")]
    root_key: Arc<SubnetKey>,
    default_canister: CanisterId,
    relaxed: RelaxedLimits,
    fake_canisters: Option<FakeCanisters>,
    /// Only caches.
    #[serde(skip)]
    certification: Certification,
}

impl Instance {
    /// Creates a network. With each subnet that is created, all subnets execute a round. So the network's time
    /// is later than the initial time.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::NoSubnets`] if the configuration has no subnet.
    /// - [`InstanceError::TooManySubnets`] if it has more than [`INSTANCE_SUBNETS_MAX`] subnets.
    /// - [`InstanceError::SubnetTwice`] if it has two subnets of a kind that can exist only once.
    /// - [`InstanceError::InitialTimeTooEarly`] if the initial time is before [`Time::GENESIS`].
    pub fn new(config: InstanceConfig) -> Result<Self, InstanceError> {
        Self::with_saved_subnets(config, BTreeMap::new())
    }

    /// The subnets, in the order of the configuration.
    pub fn subnets(&self) -> &[SubnetInfo] {
        &self.subnets
    }

    /// Whether the network has [fake canisters](crate::fake_canisters).
    pub fn has_fake_canisters(&self) -> bool {
        self.fake_canisters.is_some()
    }

    /// The canister id that selects the default subnet: the one where a canister is created unless the
    /// caller selects another. The id does not change when that subnet is deleted.
    pub fn default_effective_canister(&self) -> CanisterId {
        self.default_canister
    }

    /// A subnet's public key in DER form.
    ///
    /// # Errors
    ///
    /// [`InstanceError::NoSuchSubnet`] if there is no such subnet.
    pub fn public_key(&self, subnet: SubnetId) -> Result<Vec<u8>, InstanceError> {
        Ok(self.subnet_info(subnet)?.place.key().public_key_der().to_vec())
    }

    /// Creates the subnet that hosts a canister on the mainnet (`pocket_ic_server/src/pocket_ic.rs`,
    /// `route`).
    fn add_subnet_hosting(&mut self, canister: CanisterId) -> Result<(), InstanceError> {
        let ranges = self.subnets.iter().flat_map(|info| info.place.canister_ranges.clone());
        let number = first_free(self.subnets_created, &ranges.collect::<Vec<_>>());
        let subnet = mainnet_subnet(canister, number);
        let (kind, place) = subnet.ok_or(InstanceError::NotOnMainnet(canister))?;
        if matches!(kind, SubnetKind::NetworkNervousSystem | SubnetKind::InternetIdentity) {
            return Err(InstanceError::SubnetMissing { canister, kind });
        }
        check_count(self.subnets.len() + 1)?;
        let info = SubnetInfo { request: SubnetRequest::of(kind), place };
        self.answer_for_fake_canisters();
        let config = subnet_config(&info, self.root_key.clone(), self.relaxed);
        let subnet = Subnet::new(config, self.network.time());
        add_subnet(&mut self.network, subnet);
        self.subnets.push(info);
        self.certification.reset();
        self.subnets_created = number + 1;
        Ok(())
    }

    /// Deletes a subnet with all its canisters. Calls to these canisters that have no response yet never
    /// get one.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::NoSuchSubnet`] if there is no such subnet.
    /// - [`InstanceError::SubnetCannotBeDeleted`] if a network has at most one subnet of its kind.
    pub fn delete_subnet(&mut self, subnet: SubnetId) -> Result<(), InstanceError> {
        let kind = self.subnet_info(subnet)?.request.kind;
        if kind.is_named() {
            return Err(InstanceError::SubnetCannotBeDeleted(kind));
        }
        self.network.remove_subnet(subnet);
        self.subnets.retain(|info| info.place.id != subnet);
        self.certification.reset();
        Ok(())
    }

    fn subnet_info(&self, subnet: SubnetId) -> Result<&SubnetInfo, InstanceError> {
        let info = self.subnets.iter().find(|info| info.place.id == subnet);
        info.ok_or(InstanceError::NoSuchSubnet(subnet))
    }

    /// Starts to record events (see [`trace`](crate::trace)). The receiver gets every event from now on. An instance
    /// that [defers slices](Self::defer_slices) then waits within the round for long executions, because events
    /// contain the number of slices.
    pub fn listen(&mut self) -> Receiver<Event> {
        self.change_trace(Trace::listen)
    }

    /// Starts to watch the instance (see [`Notice`]). The receiver gets every notice from now on. An instance has one
    /// watcher, beside its listener: a later call takes the place of an earlier one. To watch changes nothing, and
    /// waits for nothing.
    pub fn watch(&mut self) -> Receiver<Notice> {
        self.change_trace(Trace::watch)
    }

    /// Ends what [`watch`](Self::watch) began.
    pub fn end_watch(&mut self) {
        self.change_trace(Trace::end_watch);
    }

    /// Whether the instance is watched.
    pub fn is_watched(&self) -> bool {
        self.network.trace().is_watched()
    }

    fn change_trace<T>(&mut self, change: impl FnOnce(&mut Trace) -> T) -> T {
        let mut trace = self.network.trace().clone();
        let result = change(&mut trace);
        self.network.set_trace(&trace);
        result
    }

    /// The network, for inspection.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The current time of the network.
    pub fn time(&self) -> Time {
        self.network.time()
    }

    /// Sets the time.
    ///
    /// # Errors
    ///
    /// [`InstanceError::TimeInPast`] if that is before the current time.
    pub fn set_time(&mut self, time: Time) -> Result<(), InstanceError> {
        check_time(self.network.time(), time)?;
        self.network.set_time(time);
        Ok(())
    }

    /// Sets the time, and the time of the certified state and of the state for queries, too.
    ///
    /// # Errors
    ///
    /// [`InstanceError::TimeInPast`] if that is before the current time.
    pub fn set_certified_time(&mut self, time: Time) -> Result<(), InstanceError> {
        check_time(self.network.time(), time)?;
        if time > self.network.time() {
            self.network.set_certified_time(time);
            self.certification.reset();
        }
        Ok(())
    }

    /// Advances the time by this many nanoseconds and executes one round on every subnet.
    pub fn advance(&mut self, nanos: u64) {
        self.answer_for_fake_canisters();
        self.network.advance(nanos);
    }

    /// Advances the time by this many nanoseconds without a round.
    pub fn pass(&mut self, nanos: u64) {
        self.network.pass(nanos);
    }

    /// When a round next has work to do. Until then, a round would only change the time.
    pub fn next_work(&self) -> NextWork {
        match &self.fake_canisters {
            Some(fake_canisters) if fake_canisters.have_work() => NextWork::Now,
            _ => self.network.next_work(),
        }
    }

    /// The modules that calls install which wait for the next round. To compile them before
    /// ([`compile`](crate::wasm::compile)) makes the round shorter, and changes nothing else.
    pub fn waiting_modules(&self) -> Vec<Vec<u8>> {
        self.network.subnets().flat_map(Subnet::waiting_modules).collect()
    }

    /// From now on, a round executes only the first slice of a long execution. The other slices are executed
    /// in the next round, or before that by [`DeferredExecution::execute`], which needs no instance. The results
    /// are the same, but the round is shorter, and the first slice of a message or task is executed twice.
    ///
    /// [`DeferredExecution::execute`]: crate::canister::DeferredExecution
    pub fn defer_slices(&mut self) {
        self.network.defer_slices();
    }

    /// Chooses the threads of the host that execute the rounds of a [tick](Self::tick), from now on. The results are
    /// the same.
    pub fn set_host_threads(&mut self, threads: HostThreads) {
        self.network.set_host_threads(threads);
    }

    /// The executions whose slices are deferred and have not been executed.
    pub fn deferred_executions(&self) -> impl Iterator<Item = &DeferredExecution> {
        self.network.subnets().flat_map(Subnet::deferred_executions)
    }

    /// Whether a thread executes deferred slices. The next round would wait for it.
    pub fn is_executing(&self) -> bool {
        self.deferred_executions().any(DeferredExecution::is_running)
    }

    /// Executes one round on every subnet.
    pub fn tick(&mut self) {
        self.answer_for_fake_canisters();
        self.network.tick();
    }

    /// Executes one round on every subnet, and then makes a checkpoint: paused executions begin again.
    pub fn checkpoint(&mut self) {
        self.tick();
        self.network.checkpoint();
    }

    /// Changes the timing of the network, from the next round on.
    pub fn set_profile(&mut self, profile: NetworkProfile) {
        self.network.set_profile(profile);
    }

    /// Executes one round on every subnet, with these block makers. If `makers` is invalid, no round is
    /// executed.
    ///
    /// # Errors
    ///
    /// [`InstanceError::BlockMakers`], which says what to change.
    pub fn tick_with(&mut self, makers: &[BlockMakers]) -> Result<(), InstanceError> {
        self.network.choose_block_makers(makers)?;
        self.tick();
        Ok(())
    }
}

/// Adds a subnet to a network and executes a round on all subnets (`pocket_ic_server/src/pocket_ic.rs`,
/// `create_subnet`).
fn add_subnet(network: &mut Network, subnet: Subnet) {
    network.add_subnet(subnet);
    network.tick();
}

fn check_count(subnets: usize) -> Result<(), InstanceError> {
    match subnets {
        0..=INSTANCE_SUBNETS_MAX => Ok(()),
        _ => Err(InstanceError::TooManySubnets(subnets)),
    }
}

fn check_time(now: Time, asked: Time) -> Result<(), InstanceError> {
    if asked < now { Err(InstanceError::TimeInPast { now, asked }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
