//! The network: all subnets, the streams between them, and the time.

mod profile;
mod stream;

use crate::limits::{SYSTEM_SUBNET_MESSAGES_MAX, XNET_BYTES_PER_BLOCK_MAX};
use crate::message::{Response, StreamMessage};
use crate::subnet::{BlockMakerError, BlockMakers, Incoming, Router, Subnet, SubnetConfig};
use crate::topology::RoutingTable;
use crate::trace::Trace;
use crate::types::{CanisterId, NextWork, SubnetId, Time};
pub use profile::NetworkProfile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
pub use stream::Stream;

/// The network. In each tick its subnets execute one round each, in the order of their ids.
#[derive(Debug, Serialize, Deserialize)]
pub struct Network {
    profile: NetworkProfile,
    /// Each subnet is saved in a file of its own.
    #[serde(skip)]
    /// Boxed, because a map has room for eleven values even if it has only one.
    subnets: BTreeMap<SubnetId, Box<Subnet>>,
    streams: BTreeMap<(SubnetId, SubnetId), Stream>,
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
            streams: BTreeMap::new(),
            routes: Arc::new(routes),
            rounds: 0,
            time: now,
            round_time: now,
            trace: Trace::default(),
            defers_slices: false,
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
            subnet.set_trace(trace);
        }
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
        if self.streams.values().any(Stream::is_moving) {
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
        subnet.set_trace(&self.trace);
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
        self.streams.retain(|(from, to), _| *from != id && *to != id);
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

    /// Executes one round on every subnet, one after the other, and advances the time.
    ///
    /// If the profile has no delay, messages that a subnet sends in this tick arrive in the same tick at
    /// subnets whose turn comes later, as in PocketIC.
    pub fn tick(&mut self) {
        self.rounds += 1;
        let block_time = self.profile.block_time(self.time, self.round_time);
        self.time = self.profile.round_time(self.time, self.round_time);
        self.round_time = self.time;
        let subnets: Vec<Peer> =
            self.subnets.values().map(|subnet| Peer::from(subnet.config())).collect();
        for (index, subnet) in self.subnets.values_mut().enumerate() {
            let to = subnets[index];
            let incoming = take_incoming(&mut self.streams, &subnets, to, self.rounds);
            let mut outgoing = Outgoing {
                from: to.id,
                visible_from_round: self.rounds + self.profile.rounds_per_hop,
                routes: &self.routes,
                subnets: &subnets,
                streams: &mut self.streams,
            };
            subnet.execute_round(self.time, block_time, incoming, &mut outgoing);
        }
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

/// The properties of a subnet that other subnets need.
#[derive(Clone, Copy)]
struct Peer {
    id: SubnetId,
    /// Whether the subnet is a system subnet. Streams to system subnets are throttled.
    system: bool,
    /// Whether the subnet is the root subnet: the NNS subnet, or the first subnet if there is no NNS
    /// subnet.
    root: bool,
}

impl From<&SubnetConfig> for Peer {
    fn from(config: &SubnetConfig) -> Self {
        let root = config.key.public_key_der() == config.root_key.public_key_der();
        Self { id: config.id, system: config.system, root }
    }
}

impl Peer {
    /// The most messages that this subnet takes from `source` in one round. `waiting` is the number of
    /// messages in the stream back to `source`. On system subnets, the two numbers together are limited,
    /// but not between two system subnets of which the taking one is not the root subnet
    /// (`xnet/payload_builder/src/lib.rs`, `get_msg_limit`).
    fn messages_max(self, source: Self, waiting: usize) -> usize {
        match self.system && (self.root || !source.system) {
            true => SYSTEM_SUBNET_MESSAGES_MAX.saturating_sub(waiting),
            false => usize::MAX,
        }
    }
}

/// Takes the signals and messages of other subnets for the subnet `to`. The signals discard messages
/// from the streams of `to`. Messages are taken until the block is full. The order of source subnets
/// rotates from round to round.
fn take_incoming(
    streams: &mut BTreeMap<(SubnetId, SubnetId), Stream>,
    subnets: &[Peer],
    to: Peer,
    round: u64,
) -> Incoming {
    let mut incoming = Incoming::default();
    // The limits count the messages in the streams of `to` as they were before this round: a block is made
    // from the state of the previous round.
    let limit = |source: &Peer| {
        let waiting = streams.get(&(to.id, source.id)).map_or(0, Stream::held);
        (source.id, to.messages_max(*source, waiting))
    };
    let limits: Vec<(SubnetId, usize)> = subnets.iter().map(limit).collect();
    for Peer { id: source, .. } in subnets {
        let Some(stream) = streams.get_mut(&(*source, to.id)) else { continue };
        let signals = stream.take_signals(round);
        if let Some(reverse) = streams.get_mut(&(to.id, *source)) {
            reverse.discard(signals.len());
        }
        incoming.rejects.extend(signals.into_iter().flatten());
    }
    let mut bytes_left = XNET_BYTES_PER_BLOCK_MAX;
    let (before, first) = limits.split_at(round as usize % subnets.len());
    for (source, count) in first.iter().chain(before) {
        let Some(stream) = streams.get_mut(&(*source, to.id)) else { continue };
        incoming.slices.push((*source, stream.take_visible(round, *count, &mut bytes_left)));
    }
    incoming.slices.sort_by_key(|(source, _)| *source);
    incoming
}

/// The outgoing streams of one subnet.
struct Outgoing<'a> {
    from: SubnetId,
    visible_from_round: u64,
    routes: &'a Arc<RoutingTable>,
    subnets: &'a [Peer],
    streams: &'a mut BTreeMap<(SubnetId, SubnetId), Stream>,
}

impl Router for Outgoing<'_> {
    fn routes(&self) -> &Arc<RoutingTable> {
        self.routes
    }

    fn has_room(&self, to: SubnetId) -> bool {
        let stream = self.streams.get(&(self.from, to));
        let system = self.subnets.iter().any(|peer| peer.id == to && peer.system);
        stream.is_none_or(|stream| stream.has_room_for_message(system))
    }

    fn has_room_for_refund(&self, to: SubnetId) -> bool {
        self.streams.get(&(self.from, to)).is_none_or(Stream::has_room_for_refund)
    }

    fn send(&mut self, to: SubnetId, message: StreamMessage) {
        let stream = self.streams.entry((self.from, to)).or_default();
        stream.push(message, self.visible_from_round);
    }

    fn signal(&mut self, to: SubnetId, reject: Option<Response>) {
        let stream = self.streams.entry((self.from, to)).or_default();
        stream.push_signal(reject, self.visible_from_round);
    }
}

#[cfg(test)]
mod tests;
