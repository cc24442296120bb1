//! The network: all subnets, the streams between them, and the time.

mod parallel;
mod profile;
mod round;
mod stream;
mod streams;

use crate::subnet::{BlockMakerError, BlockMakers, Subnet};
use crate::topology::RoutingTable;
use crate::trace::Trace;
use crate::types::{CanisterId, NextWork, SubnetId, Time};
pub use parallel::HostThreads;
use parallel::{HelperPolicy, Turn};
pub use profile::NetworkProfile;
use round::Round;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use streams::{Outbox, Peers, Streams};

/// The network. In each tick its subnets execute one round each. The results are as if they did so in the order of
/// their ids.
#[derive(Debug, Serialize, Deserialize)]
pub struct Network {
    profile: NetworkProfile,
    /// Each subnet is saved in a file of its own.
    #[serde(skip)]
    /// Boxed, because a map has room for eleven values even if it has only one.
    subnets: BTreeMap<SubnetId, Box<Subnet>>,
    streams: Streams,
    #[serde(with = "crate::types::encoding::shared")]
    routes: Arc<RoutingTable>,
    rounds: u64,
    time: Time,
    /// The time of the latest round.
    round_time: Time,
    #[serde(skip)]
    trace: Trace,
    /// Whether the slices of long executions after the first one are deferred.
    #[serde(skip)]
    defers_slices: bool,
    #[serde(skip)]
    helper_policy: HelperPolicy,
}

impl Network {
    /// A network of these subnets at the time `now`.
    pub fn new(profile: NetworkProfile, subnets: Vec<Subnet>, now: Time) -> Self {
        let mut routes = RoutingTable::default();
        for subnet in &subnets {
            add_routes(&mut routes, subnet);
        }
        Self {
            profile,
            subnets: subnets
                .into_iter()
                .map(|subnet| (subnet.config().id, subnet.into()))
                .collect(),
            streams: Streams::default(),
            routes: Arc::new(routes),
            rounds: 0,
            time: now,
            round_time: now,
            trace: Trace::default(),
            defers_slices: false,
            helper_policy: HelperPolicy::default(),
        }
    }

    /// The network's time: the earliest time of the next round.
    pub fn time(&self) -> Time {
        self.time
    }

    /// Where events are recorded.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Records all events from now on in this trace.
    pub fn set_trace(&mut self, trace: &Trace) {
        self.trace = trace.clone();
        for subnet in self.subnets.values_mut() {
            subnet.set_trace(&trace.apart());
        }
    }

    /// Chooses the threads that execute the rounds of a tick, from now on. The results are the same.
    pub fn set_host_threads(&mut self, threads: HostThreads) {
        self.helper_policy.threads = threads;
    }

    /// Defers the slices of long executions after the first one, from now on.
    pub fn defer_slices(&mut self) {
        self.defers_slices = true;
        self.subnets.values_mut().for_each(|subnet| subnet.defer_slices());
    }

    /// Sets the time.
    pub fn set_time(&mut self, time: Time) {
        self.time = time;
    }

    /// Sets the time, also for queries and certificates, as if a round without messages had been executed
    /// at that time.
    pub fn set_certified_time(&mut self, time: Time) {
        self.time = time;
        self.round_time = time;
        for subnet in self.subnets.values_mut() {
            subnet.set_time(time);
        }
    }

    /// Advances the time by this many nanoseconds without a round. Queries and certificates then have
    /// the time of the round without messages that would have ended by now.
    pub fn pass(&mut self, nanos: u64) {
        self.time = self.time.plus_nanos(nanos);
        let certified = self.time.minus_nanos(self.profile.round_length_nanos());
        if certified > self.round_time {
            self.round_time = certified;
            for subnet in self.subnets.values_mut() {
                subnet.set_time(certified);
            }
        }
    }

    /// When a round next has work to do. Until then, a round would only change the time.
    pub fn next_work(&self) -> NextWork {
        if self.streams.are_moving() {
            return NextWork::Now;
        }
        self.subnets().map(Subnet::next_work).min().unwrap_or(NextWork::Never)
    }

    /// The timing of the network.
    pub fn profile(&self) -> NetworkProfile {
        self.profile
    }

    /// Changes the timing of the network, from the next round on.
    pub fn set_profile(&mut self, profile: NetworkProfile) {
        self.profile = profile;
    }

    /// Makes a checkpoint on every subnet: see [`Subnet::checkpoint`].
    pub fn checkpoint(&mut self) {
        self.subnets.values_mut().for_each(|subnet| subnet.checkpoint());
    }

    /// The time of the latest round. Time cannot go back before it.
    pub fn round_time(&self) -> Time {
        self.round_time
    }

    /// The number of executed rounds.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// All subnets, in the order of their ids.
    pub fn subnets(&self) -> impl Iterator<Item = &Subnet> {
        self.subnets.values().map(Box::as_ref)
    }

    /// The subnet with this id.
    pub fn subnet_mut(&mut self, id: SubnetId) -> Option<&mut Subnet> {
        self.subnets.get_mut(&id).map(Box::as_mut)
    }

    /// The subnet with this id.
    pub fn subnet(&self, id: SubnetId) -> Option<&Subnet> {
        self.subnets.get(&id).map(Box::as_ref)
    }

    /// The subnet whose ranges contain a canister id, whether or not the canister exists.
    pub fn subnet_of(&self, canister: CanisterId) -> Option<SubnetId> {
        self.routes.subnet_of(canister)
    }

    /// Adds subnets of a saved network, whose other parts were decoded without them.
    pub fn restore_subnets(&mut self, subnets: impl IntoIterator<Item = Subnet>) {
        self.subnets.extend(subnets.into_iter().map(|subnet| (subnet.config().id, subnet.into())));
    }

    /// Takes all subnets, so that [`restore_subnets`](Self::restore_subnets) can return them one by one.
    pub fn take_subnets(&mut self) -> BTreeMap<SubnetId, Subnet> {
        let subnets = std::mem::take(&mut self.subnets);
        subnets.into_iter().map(|(id, subnet)| (id, *subnet)).collect()
    }

    /// Adds a subnet. Other subnets can send to it from their next round on.
    pub fn add_subnet(&mut self, mut subnet: Subnet) {
        subnet.set_trace(&self.trace.apart());
        if self.defers_slices {
            subnet.defer_slices();
        }
        add_routes(Arc::make_mut(&mut self.routes), &subnet);
        self.subnets.insert(subnet.config().id, subnet.into());
    }

    /// Removes a subnet, with all messages on their way to it and from it. Requests to its canisters are
    /// rejected from now on. Requests that it took in before never get a response.
    pub fn remove_subnet(&mut self, id: SubnetId) {
        self.subnets.remove(&id);
        self.streams.remove_subnet(id);
        Arc::make_mut(&mut self.routes).remove_subnet(id);
    }

    /// Advances the time by this many nanoseconds and executes a round, which ends at the new time.
    pub fn advance(&mut self, nanos: u64) {
        self.time = self.time.plus_nanos(nanos).minus_nanos(self.profile.round_length_nanos());
        self.tick();
    }

    /// Chooses the block makers of the next block on some subnets. If `makers` is invalid, nothing is
    /// chosen.
    ///
    /// # Errors
    ///
    /// See [`BlockMakerError`].
    pub fn choose_block_makers(&mut self, makers: &[BlockMakers]) -> Result<(), BlockMakerError> {
        let mut chosen = Vec::new();
        for of_subnet in makers {
            let id = of_subnet.subnet;
            let subnet = self.subnets.get(&id).ok_or(BlockMakerError::NoSuchSubnet(id))?;
            chosen.push((id, subnet.next_block(of_subnet)?));
        }
        for (id, next) in chosen {
            self.subnets.get_mut(&id).expect("it was just found").choose_block_makers(next);
        }
        Ok(())
    }

    /// Executes one round on every subnet, and advances the time.
    ///
    /// If the profile has no delay, messages that a subnet sends in this tick arrive in the same tick at
    /// subnets whose turn comes later, as in PocketIC.
    pub fn tick(&mut self) {
        self.rounds += 1;
        let block_time = self.profile.block_time(self.time, self.round_time);
        self.time = self.profile.round_time(self.time, self.round_time);
        self.round_time = self.time;
        let round = Round {
            time: self.time,
            block_time,
            visible_from_round: self.rounds + self.profile.rounds_per_hop,
            routes: self.routes.clone(),
            peers: Peers::of(self.subnets.values().map(|subnet| subnet.config())),
        };
        match self.profile.rounds_per_hop {
            0 => self.execute_in_turn(&round),
            _ => self.execute_with_delay(round),
        }
    }

    /// Executes one round on every subnet, one after the other.
    fn execute_in_turn(&mut self, round: &Round) {
        for (id, subnet) in &mut self.subnets {
            let incoming = self.streams.take_incoming(&round.peers, *id, self.rounds);
            let mut outbox = self.streams.take_outbox(*id);
            round.execute(subnet, incoming, &mut outbox);
            self.streams.put_outbox(*id, outbox);
        }
    }

    /// Executes one round on every subnet, on several threads if several subnets have work. What a subnet sends in
    /// this tick must be visible only in later ones.
    fn execute_with_delay(&mut self, round: Round) {
        let mut busy = 0;
        let mut turns = Vec::with_capacity(self.subnets.len());
        for (id, subnet) in std::mem::take(&mut self.subnets) {
            let incoming = self.streams.take_incoming(&round.peers, id, self.rounds);
            let is_busy = || !incoming.is_empty() || subnet.next_work() <= NextWork::At(round.time);
            busy += usize::from(busy < 2 && is_busy());
            turns.push(Turn { subnet, outbox: Outbox::default(), incoming: Some(incoming) });
        }
        // Only now: the signals that a subnet takes change the outbox of another one.
        for turn in &mut turns {
            turn.outbox = self.streams.take_outbox(turn.subnet.config().id);
        }
        let Self { subnets, streams, helper_policy, .. } = self;
        let mut take_back = |turn: Turn| {
            let Turn { subnet, outbox, .. } = turn;
            let id = subnet.config().id;
            streams.put_outbox(id, outbox);
            subnets.insert(id, subnet);
        };
        if helper_policy.threads == HostThreads::One || busy < 2 {
            for mut turn in turns {
                let incoming = turn.incoming.take().unwrap_or_default();
                round.execute(&mut turn.subnet, incoming, &mut turn.outbox);
                take_back(turn);
            }
            return;
        }
        turns.iter().for_each(|turn| turn.subnet.hold_trace());
        parallel::execute(round, turns, helper_policy, |turn| {
            turn.subnet.release_trace();
            take_back(turn);
        });
    }
}

/// Adds a subnet to the routing table.
fn add_routes(routes: &mut RoutingTable, subnet: &Subnet) {
    routes.add(subnet.routing_entries());
    // System subnets have the normal cost schedule, although they charge nothing.
    let config = subnet.config();
    routes.set_root(config.root_key.subnet_id());
    if config.free && !config.system {
        routes.set_free(config.id);
    }
}

#[cfg(test)]
mod tests;
