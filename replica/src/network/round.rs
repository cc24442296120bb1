//! One round of one subnet, as a part of a tick.

use super::stream::Stream;
use super::streams::{Outbox, Peers};
use crate::message::{Response, StreamMessage};
use crate::subnet::{Incoming, Router, Subnet};
use crate::topology::RoutingTable;
use crate::types::{SubnetId, Time};
use std::sync::Arc;

/// What the rounds of all subnets in a tick have in common.
#[derive(Debug)]
pub(super) struct Round {
    /// The time of the round.
    pub time: Time,
    /// The time at which blocks of ingress messages are made.
    pub block_time: Time,
    /// The number of the first tick in which another subnet can take what is sent in this tick.
    pub visible_from_round: u64,
    pub routes: Arc<RoutingTable>,
    pub peers: Peers,
}

impl Round {
    /// Executes the round of one subnet, with what it takes from other subnets.
    pub fn execute(&self, subnet: &mut Subnet, incoming: Incoming, outbox: &mut Outbox) {
        let mut outgoing = Outgoing { round: self, outbox };
        subnet.execute_round(self.time, self.block_time, incoming, &mut outgoing);
    }
}

/// The outgoing streams of one subnet.
struct Outgoing<'a> {
    round: &'a Round,
    outbox: &'a mut Outbox,
}

impl Router for Outgoing<'_> {
    fn routes(&self) -> &Arc<RoutingTable> {
        &self.round.routes
    }

    fn has_room(&self, to: SubnetId) -> bool {
        let has_room =
            |stream: &Stream| stream.has_room_for_message(self.round.peers.is_system(to));
        self.outbox.stream(to).is_none_or(has_room)
    }

    fn has_room_for_refund(&self, to: SubnetId) -> bool {
        self.outbox.stream(to).is_none_or(Stream::has_room_for_refund)
    }

    fn send(&mut self, to: SubnetId, message: StreamMessage) {
        self.outbox.send(to, message, self.round.visible_from_round);
    }

    fn signal(&mut self, to: SubnetId, reject: Option<Response>) {
        self.outbox.signal(to, reject, self.round.visible_from_round);
    }
}
