//! Refunds: the cycles of dropped messages, which go back to their callers in messages of their own.
//!
//! Rules: `replicated_state/src/canister_state/queues/refunds.rs` and `stream_builder.rs`,
//! `route_refunds`, in the replica's repository.

use crate::message::{Refund, StreamMessage};
use crate::subnet::{Router, Subnet};
use crate::trace::Event;
use crate::types::{CanisterId, Cycles};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The refunds that have not left the subnet yet, one per canister.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct RefundPool(BTreeMap<CanisterId, Cycles>);

impl RefundPool {
    /// Adds a refund to the one that the canister already has. The sum saturates, like a balance.
    pub(super) fn add(&mut self, recipient: CanisterId, cycles: Cycles) {
        if cycles > 0 {
            let sum = self.0.entry(recipient).or_default();
            *sum = sum.saturating_add(cycles);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes all refunds, the largest first.
    fn take(&mut self) -> Vec<Refund> {
        let refund = |(recipient, cycles)| Refund { recipient, cycles };
        let mut refunds: Vec<Refund> =
            std::mem::take(&mut self.0).into_iter().map(refund).collect();
        refunds.sort_by_key(|refund| (Reverse(refund.cycles), refund.recipient));
        refunds
    }
}

impl Subnet {
    /// Moves refunds into streams, before other messages. Refunds that do not fit stay in the pool.
    pub(super) fn route_refunds(&mut self, router: &mut impl Router) {
        for refund in self.refunds.take() {
            match self.routes.subnet_of(refund.recipient) {
                Some(subnet) if subnet == self.config.id => {
                    self.loopback.push_back(StreamMessage::Refund(refund));
                }
                Some(subnet) if router.has_room_for_refund(subnet) => {
                    router.send(subnet, StreamMessage::Refund(refund));
                }
                Some(_) => self.refunds.add(refund.recipient, refund.cycles),
                None => self.record_refund(refund, false),
            }
        }
    }

    /// Credits a refund to its canister. If the canister is deleted, the cycles are lost.
    pub(super) fn induct_refund(&mut self, refund: Refund) {
        let recipient = self.canisters.get_mut(&refund.recipient);
        let arrived = recipient.map(|canister| canister.credit(refund.cycles)).is_some();
        self.record_refund(refund, arrived);
    }

    fn record_refund(&self, refund: Refund, arrived: bool) {
        let Refund { recipient, cycles } = refund;
        self.trace.record(|| Event::Refunded { canister: recipient, cycles, arrived });
    }
}

#[cfg(test)]
mod tests;
