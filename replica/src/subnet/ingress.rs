//! Messages from users: whether they are let in, and what has become of them.

use crate::canister::{Failure, inspect};
use crate::error::{ErrorCode, UserError};
use crate::limits::*;
use crate::message::Ingress;
use crate::subnet::Subnet;
use crate::trace::Fee;
use crate::types::{CanisterId, MessageId, Payload, Time};
use candid::Principal;
use std::collections::{BTreeMap, BTreeSet};

/// What has become of a user's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IngressState {
    /// It is in a block.
    Received,
    /// It was executed and waits for calls it made.
    Processing,
    /// It was answered.
    Done(Result<Payload, Failure>),
}

impl From<Result<Payload, Failure>> for IngressState {
    fn from(result: Result<Payload, Failure>) -> Self {
        Self::Done(result)
    }
}

/// What has become of all messages users sent. An answer is kept for [`INGRESS_LIFETIME_SECONDS`]
/// from when it was given, and for as long as the same message may be sent once more; what is not
/// answered yet is kept, however long that takes.
#[derive(Debug, Default)]
pub(super) struct IngressHistory {
    records: BTreeMap<MessageId, Record>,
    /// The answered messages, by the time they are forgotten.
    answered: BTreeSet<(Time, MessageId)>,
    /// How many changes there were of messages whose ids begin with a byte.
    changes: BTreeMap<u8, u64>,
}

/// What is known of a user's message.
#[derive(Debug)]
pub struct Record {
    /// Who sent it.
    pub sender: Principal,
    /// Who is called.
    pub receiver: CanisterId,
    /// What has become of it.
    pub state: IngressState,
    /// Until when it may come again, and has to be known.
    expiry: Time,
}

impl IngressHistory {
    fn receive(&mut self, ingress: &Ingress) {
        let Ingress { sender, receiver, expiry, .. } = *ingress;
        let record = Record { sender, receiver, state: IngressState::Received, expiry };
        self.records.insert(ingress.id, record);
        self.note_change(ingress.id);
    }

    fn note_change(&mut self, message: MessageId) {
        *self.changes.entry(message.0[0]).or_default() += 1;
    }

    pub(super) fn set(&mut self, message: MessageId, state: IngressState, now: Time) {
        let Some(record) = self.records.get_mut(&message) else { return };
        if matches!(state, IngressState::Done(_)) {
            let end = now.plus_secs(INGRESS_LIFETIME_SECONDS).max(record.expiry);
            self.answered.insert((end, message));
        }
        record.state = state;
        self.note_change(message);
    }

    pub(super) fn forget_expired(&mut self, now: Time) {
        while let Some((end, message)) = self.answered.first().copied()
            && end < now
        {
            self.answered.remove(&(end, message));
            self.records.remove(&message);
            self.note_change(message);
        }
    }
}

impl Subnet {
    /// Lets a message into the pool, from which the next round takes it; or says why not.
    pub fn submit(&mut self, ingress: Ingress) -> Result<(), UserError> {
        self.check_ingress(&ingress)?;
        self.ingress_pool.push(ingress);
        Ok(())
    }

    fn check_ingress(&mut self, ingress: &Ingress) -> Result<(), UserError> {
        if ingress.receiver.is_management() {
            return self.check_management_ingress(ingress);
        }
        let round = self.round_context();
        let canister = self
            .canisters
            .get_mut(&ingress.receiver)
            .ok_or_else(|| UserError::canister_not_found(ingress.receiver))?;
        canister.check_running()?;
        if canister.module_hash().is_none() {
            return Err(crate::error::Trap::NoWasmModule.into_user_error(canister.id));
        }
        let fee = round.prices.ingress(ingress.envelope_bytes());
        canister.check_can_pay(fee, round.prices)?;
        inspect(canister, ingress, &round)
    }

    /// What is known of a message.
    pub fn ingress_record(&self, message: MessageId) -> Option<&Record> {
        self.history.records.get(&message)
    }

    /// The messages of which something is known and whose ids begin with this byte, in order.
    pub fn ingress_records(&self, byte: u8) -> impl Iterator<Item = (MessageId, &Record)> {
        let [mut first, mut last] = [[0; 32], [u8::MAX; 32]];
        (first[0], last[0]) = (byte, byte);
        let records = self.history.records.range(MessageId(first)..=MessageId(last));
        records.map(|(message, record)| (*message, record))
    }

    /// With which bytes the ids of messages begin, and how often what is known of those has changed.
    pub fn ingress_changes(&self) -> impl Iterator<Item = (u8, u64)> {
        self.history.changes.iter().map(|(byte, changes)| (*byte, *changes))
    }

    /// Writes down the answer, given at `now`, to a message that was not for one of its canisters.
    pub fn answer_ingress(
        &mut self,
        ingress: &Ingress,
        result: Result<Payload, Failure>,
        now: Time,
    ) {
        self.history.receive(ingress);
        self.history.set(ingress.id, IngressState::Done(result), now);
    }

    /// Whether a message waits for the next round.
    pub fn has_pooled(&self, message: MessageId) -> bool {
        self.ingress_pool.contains(message)
    }

    /// Whether there is room for messages of users. PocketIC's clients need none.
    pub fn has_room_for_ingress(&self) -> bool {
        self.ingress_pool.has_room()
    }

    /// Takes the pool's messages in, as many as fit into a block.
    pub(super) fn induct_ingress(&mut self) {
        for ingress in self.ingress_pool.take_block() {
            self.history.receive(&ingress);
            let id = ingress.id;
            if let Err(error) = self.induct_one(ingress) {
                let state = IngressState::Done(Err(Failure::Error(error)));
                self.history.set(id, state, self.time);
            }
        }
    }

    /// Charges for a message and puts it in its canister's queue.
    fn induct_one(&mut self, ingress: Ingress) -> Result<(), UserError> {
        if ingress.expiry < self.time {
            return Err(timed_out());
        }
        if ingress.receiver.is_management() {
            return self.induct_management_ingress(ingress);
        }
        self.existing(ingress.receiver)?.check_running()?;
        self.charge_ingress(ingress.receiver, ingress.id, ingress.envelope_bytes())?;
        if let Some(canister) = self.canisters.get_mut(&ingress.receiver) {
            canister.queues.push_ingress(ingress);
        }
        Ok(())
    }

    /// Fails the messages that waited in their canisters' queues for too long.
    pub(super) fn purge_expired_ingress(&mut self) {
        for canister in self.canisters.values_mut() {
            for ingress in canister.queues.purge_ingress(self.time) {
                let state = IngressState::Done(Err(Failure::Error(timed_out())));
                self.history.set(ingress.id, state, self.time);
            }
        }
    }

    /// Has a canister pay for taking in a message of this size.
    pub(super) fn charge_ingress(
        &mut self,
        payer: CanisterId,
        message: MessageId,
        bytes: usize,
    ) -> Result<(), UserError> {
        let prices = self.prices;
        let fee = prices.ingress(bytes);
        let canister =
            self.canisters.get_mut(&payer).ok_or_else(|| UserError::canister_not_found(payer))?;
        canister.charge(Fee::Ingress(message), fee, prices)
    }
}

fn timed_out() -> UserError {
    UserError::new(
        ErrorCode::IngressMessageTimeout,
        "The ingress message expired before it was executed: it timed out waiting for its turn",
    )
}
