//! All streams of a network: for each subnet its outbox, and which streams are moving.

use super::stream::Stream;
use crate::limits::{SYSTEM_SUBNET_MESSAGES_MAX, XNET_BYTES_PER_BLOCK_MAX};
use crate::message::{Response, StreamMessage};
use crate::subnet::{Incoming, SubnetConfig};
use crate::types::SubnetId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// The properties of a subnet that other subnets need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
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

/// The subnets that take part in a tick, in the order of their ids.
#[derive(Debug)]
pub(super) struct Peers(Vec<Peer>);

impl Peers {
    /// These subnets. They must be in the order of their ids.
    pub fn of<'a>(configs: impl Iterator<Item = &'a SubnetConfig>) -> Self {
        Self(configs.map(Peer::from).collect())
    }

    fn get(&self, id: SubnetId) -> Option<Peer> {
        self.0.binary_search_by_key(&id, |peer| peer.id).ok().map(|index| self.0[index])
    }

    /// Whether the subnet takes part, and is a system subnet.
    pub fn is_system(&self, id: SubnetId) -> bool {
        self.get(id).is_some_and(|peer| peer.system)
    }
}

/// The streams of one subnet to other subnets.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    streams: BTreeMap<SubnetId, Stream>,
    /// The receivers of streams that were still before something was sent.
    started: Vec<SubnetId>,
}

impl Outbox {
    /// The stream to another subnet. `None` if nothing was ever sent there.
    pub fn stream(&self, to: SubnetId) -> Option<&Stream> {
        self.streams.get(&to)
    }

    /// Sends a message, which is visible from a certain round on.
    ///
    /// # Panics
    ///
    /// If the stream is full: the caller checks that first.
    pub fn send(&mut self, to: SubnetId, message: StreamMessage, visible_from_round: u64) {
        self.moving(to).push(message, visible_from_round);
    }

    /// Sends the signal for the next message of another subnet.
    pub fn signal(&mut self, to: SubnetId, reject: Option<Response>, visible_from_round: u64) {
        self.moving(to).push_signal(reject, visible_from_round);
    }

    fn moving(&mut self, to: SubnetId) -> &mut Stream {
        let stream = self.streams.entry(to).or_default();
        if !stream.is_moving() {
            self.started.push(to);
        }
        stream
    }
}

/// The streams of a network. A round looks only at moving streams: those with messages or signals that were
/// not taken yet.
#[derive(Debug, Default)]
pub(super) struct Streams {
    outboxes: BTreeMap<SubnetId, Outbox>,
    /// By receiver, the subnets from which a stream is moving.
    sources: BTreeMap<SubnetId, BTreeSet<SubnetId>>,
}

impl Streams {
    /// Whether any message or signal is on its way.
    pub fn are_moving(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Removes all streams from and to a subnet.
    pub fn remove_subnet(&mut self, id: SubnetId) {
        self.outboxes.remove(&id);
        self.outboxes.values_mut().for_each(|outbox| _ = outbox.streams.remove(&id));
        self.sources.remove(&id);
        self.sources.values_mut().for_each(|sources| _ = sources.remove(&id));
        self.sources.retain(|_, sources| !sources.is_empty());
    }

    /// Takes the outbox of a subnet, for its round. [`put_outbox`](Self::put_outbox) returns it.
    pub fn take_outbox(&mut self, from: SubnetId) -> Outbox {
        self.outboxes.get_mut(&from).map(std::mem::take).unwrap_or_default()
    }

    /// Returns the outbox of a subnet after its round.
    pub fn put_outbox(&mut self, from: SubnetId, mut outbox: Outbox) {
        for to in outbox.started.drain(..) {
            self.sources.entry(to).or_default().insert(from);
        }
        if !outbox.streams.is_empty() {
            self.outboxes.insert(from, outbox);
        }
    }

    fn stream_mut(&mut self, from: SubnetId, to: SubnetId) -> Option<&mut Stream> {
        self.outboxes.get_mut(&from)?.streams.get_mut(&to)
    }

    /// Takes the signals and messages of other subnets for the subnet `to`. The signals discard messages
    /// from the streams of `to`. Messages are taken until the block is full. The order of source subnets
    /// rotates from round to round. Only the `peers` take part.
    pub fn take_incoming(&mut self, peers: &Peers, to: SubnetId, round: u64) -> Incoming {
        let mut incoming = Incoming::default();
        let Some(receiver) = peers.get(to) else { return incoming };
        let Some(sources) = self.sources.get(&to) else { return incoming };
        let sources: Vec<Peer> = sources.iter().filter_map(|source| peers.get(*source)).collect();
        // The limits count the messages in the streams of `to` as they were before this round: a block is made
        // from the state of the previous round.
        let waiting = |source: &Peer| {
            self.outboxes
                .get(&to)
                .and_then(|outbox| outbox.stream(source.id))
                .map_or(0, Stream::held)
        };
        let limit = |source: &Peer| (source.id, receiver.messages_max(*source, waiting(source)));
        let limits: Vec<(SubnetId, usize)> = sources.iter().map(limit).collect();
        for (source, _) in &limits {
            let Some(stream) = self.stream_mut(*source, to) else { continue };
            let signals = stream.take_signals(round);
            if let Some(reverse) = self.stream_mut(to, *source) {
                reverse.discard(signals.len());
            }
            incoming.rejects.extend(signals.into_iter().flatten());
        }
        let mut bytes_left = XNET_BYTES_PER_BLOCK_MAX;
        let first = peers.0[round as usize % peers.0.len()].id;
        let (before, first) =
            limits.split_at(limits.partition_point(|(source, _)| *source < first));
        for (source, count) in first.iter().chain(before) {
            let Some(stream) = self.stream_mut(*source, to) else { continue };
            incoming.slices.push((*source, stream.take_visible(round, *count, &mut bytes_left)));
        }
        incoming.slices.sort_by_key(|(source, _)| *source);
        self.forget_still(to);
        incoming
    }

    /// Forgets the sources whose streams to `to` are no longer moving.
    fn forget_still(&mut self, to: SubnetId) {
        let Self { outboxes, sources } = self;
        let Some(of_receiver) = sources.get_mut(&to) else { return };
        of_receiver.retain(|source| {
            outboxes.get(source).and_then(|outbox| outbox.stream(to)).is_some_and(Stream::is_moving)
        });
        if of_receiver.is_empty() {
            sources.remove(&to);
        }
    }
}

impl Serialize for Streams {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let all = self.outboxes.iter().flat_map(|(from, outbox)| {
            outbox.streams.iter().map(move |(to, stream)| ((from, to), stream))
        });
        all.collect::<BTreeMap<_, _>>().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Streams {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut streams = Self::default();
        for ((from, to), stream) in BTreeMap::<(SubnetId, SubnetId), Stream>::deserialize(from)? {
            if stream.is_moving() {
                streams.sources.entry(to).or_default().insert(from);
            }
            streams.outboxes.entry(from).or_default().streams.insert(to, stream);
        }
        Ok(streams)
    }
}
