//! Ingress messages: whether they are accepted, and their status.

use crate::canister::{Failure, inspect};
use crate::error::{ErrorCode, UserError};
use crate::limits::*;
use crate::message::Ingress;
use crate::subnet::{PendingCall, Subnet};
use crate::trace::{Fee, Notice, Trace};
use crate::types::*;
use candid::Principal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The state of an ingress message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IngressState {
    /// The message is in a block.
    Received,
    /// The message was executed and waits for the calls it made.
    Processing,
    /// The message has a result.
    Done(#[serde(with = "crate::types::encoding::call_result")] Result<Payload, Failure>),
}

impl From<Result<Payload, Failure>> for IngressState {
    fn from(result: Result<Payload, Failure>) -> Self {
        Self::Done(result)
    }
}

/// The history of ingress messages.
///
/// A result is kept for [`INGRESS_STATUS_LIFETIME_SECONDS`], and until the message expires, so that the same
/// message is not executed twice. A message without a result is kept until it has one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct IngressHistory {
    records: BTreeMap<MessageId, IngressRecord>,
    /// The messages with a result, by the time at which they are forgotten.
    done: BTreeSet<(Time, MessageId)>,
    /// For each first byte of message ids, the number of changes of those messages' records.
    changes: BTreeMap<u8, u64>,
    #[serde(skip)]
    pub(super) trace: Trace,
}

/// The record of an ingress message.
#[derive(Debug, Serialize, Deserialize)]
pub struct IngressRecord {
    /// The sender.
    pub sender: Principal,
    /// The canister that the message is for.
    pub receiver: CanisterId,
    /// The state of the message.
    pub state: IngressState,
    /// The expiry. Until then, the same message is not executed twice.
    expiry: Time,
}

impl IngressHistory {
    fn receive(&mut self, ingress: &Ingress) {
        let Ingress { sender, receiver, expiry, .. } = *ingress;
        let record = IngressRecord { sender, receiver, state: IngressState::Received, expiry };
        self.records.insert(ingress.id, record);
        self.trace.notify(|| {
            let (message, method) = (ingress.id, ingress.method.clone());
            [Notice::Ingress { message, sender, receiver, method }]
        });
        self.note_change(ingress.id);
    }

    fn note_change(&mut self, message: MessageId) {
        *self.changes.entry(message.0[0]).or_default() += 1;
    }

    pub(super) fn set(&mut self, message: MessageId, state: IngressState, now: Time) {
        let Some(record) = self.records.get_mut(&message) else { return };
        if let IngressState::Done(result) = &state {
            self.trace.notify(|| {
                let error = result.as_ref().err().cloned().map(UserError::from);
                [Notice::Answered { message, error }]
            });
            let end = now.plus_secs(INGRESS_STATUS_LIFETIME_SECONDS).max(record.expiry);
            self.done.insert((end, message));
        }
        record.state = state;
        self.note_change(message);
    }

    pub(super) fn forget_expired(&mut self, now: Time) {
        while let Some((end, message)) = self.done.first().copied()
            && end < now
        {
            self.done.remove(&(end, message));
            self.records.remove(&message);
            self.note_change(message);
        }
    }
}

impl Subnet {
    /// Accepts a message into the ingress pool at the time `now`. The next round takes it from there.
    ///
    /// # Errors
    ///
    /// The reason why the message is not accepted: its canister does not exist, is not running, has no
    /// code, cannot pay, or refuses the message in `canister_inspect_message`; or the caller may not call
    /// the management canister's method.
    pub fn submit(&mut self, ingress: Ingress, now: Time) -> Result<(), UserError> {
        self.check_ingress(&ingress)?;
        self.ingress_pool.push(ingress, now);
        Ok(())
    }

    /// The nonce for the next message of a client that is not an agent.
    pub fn next_nonce(&mut self) -> u64 {
        let nonce = self.nonces;
        self.nonces += 1;
        nonce
    }

    fn check_ingress(&mut self, ingress: &Ingress) -> Result<(), UserError> {
        if let Some(call) = &ingress.management {
            return self.check_management_ingress(ingress, call);
        }
        let round = self.round_input();
        let canister = self
            .canisters
            .get_mut(&ingress.receiver)
            .ok_or_else(|| UserError::canister_not_found(ingress.receiver))?;
        let fee = round.prices.ingress(ingress.envelope_bytes);
        canister.check_can_pay(fee, round.prices, ingress.sender)?;
        canister.check_running()?;
        if canister.module_hash().is_none() {
            return Err(crate::error::Trap::NoWasmModule.into_user_error(canister.id));
        }
        canister.check_no_composite_query(&ingress.method)?;
        inspect(canister, ingress, &round)
    }

    /// The record of a message.
    pub fn ingress_record(&self, message: MessageId) -> Option<&IngressRecord> {
        self.history.records.get(&message)
    }

    /// The records of all messages whose ids begin with this byte, in the order of their ids.
    pub fn ingress_records(&self, byte: u8) -> impl Iterator<Item = (MessageId, &IngressRecord)> {
        let [mut first, mut last] = [[0; 32], [u8::MAX; 32]];
        (first[0], last[0]) = (byte, byte);
        let records = self.history.records.range(MessageId(first)..=MessageId(last));
        records.map(|(message, record)| (*message, record))
    }

    /// For each first byte of message ids, how often the records of those messages have changed.
    pub fn ingress_changes(&self) -> impl Iterator<Item = (u8, u64)> {
        self.history.changes.iter().map(|(byte, changes)| (*byte, *changes))
    }

    /// Records the result, at the time `now`, of a message that was executed outside of the subnet.
    pub fn record_ingress_result(
        &mut self,
        ingress: &Ingress,
        result: Result<Payload, Failure>,
        now: Time,
    ) {
        self.history.receive(ingress);
        self.history.set(ingress.id, IngressState::Done(result), now);
    }

    /// Whether a message waits in the ingress pool.
    pub fn has_pooled(&self, message: MessageId) -> bool {
        self.ingress_pool.contains(message)
    }

    /// Whether the ingress pool is not full. Messages of PocketIC clients are accepted in any case.
    pub fn has_room_for_ingress(&self) -> bool {
        self.ingress_pool.has_room()
    }

    /// Takes the messages for a block from the ingress pool, as many as fit into the block. A message
    /// waits while its canister cannot take it. `now` is the time at which the block is made.
    pub(super) fn take_block(&mut self, now: Time) -> Vec<Ingress> {
        let mut pool = std::mem::take(&mut self.ingress_pool);
        let mut fees = BTreeMap::new();
        let block = pool.take_block(now, |ingress| self.is_valid_in_block(ingress, &mut fees));
        self.ingress_pool = pool;
        block
    }

    /// Whether a block can have a message now: the canister that is called runs, and the payer can pay for
    /// taking in the message beside the messages that were checked before, whose fees are in `fees`
    /// (`ingress_manager/src/ingress_selector.rs`, `validate_ingress`).
    fn is_valid_in_block(
        &self,
        ingress: &Ingress,
        fees: &mut BTreeMap<CanisterId, Cycles>,
    ) -> bool {
        let payer = match &ingress.management {
            Some(call) => self.payer(ingress, call),
            None => self.existing(ingress.receiver).and_then(|canister| {
                canister.check_running()?;
                Ok(Some(canister))
            }),
        };
        let Ok(payer) = payer else { return false };
        let Some(payer) = payer else { return true };
        let before = fees.entry(payer.id).or_default();
        let fee = *before + self.prices.ingress(ingress.envelope_bytes);
        if payer.check_can_pay(fee, self.prices, ingress.sender).is_err() {
            return false;
        }
        *before = fee;
        true
    }

    /// When a block can next have a message that waits in the ingress pool.
    pub(super) fn next_ingress(&self) -> NextWork {
        let next = |ingress: &Ingress| {
            let earliest =
                ingress.expiry.minus_nanos(INGRESS_LIFETIME_SECONDS_MAX * NANOS_PER_SECOND);
            match self.is_valid_in_block(ingress, &mut BTreeMap::new()) {
                true if earliest > self.time => NextWork::At(earliest),
                true => NextWork::Now,
                false => NextWork::Never,
            }
        };
        self.ingress_pool.iter().map(next).min().unwrap_or(NextWork::Never)
    }

    /// Takes in the messages of a block.
    pub(super) fn induct_ingress(&mut self, block: Vec<Ingress>) {
        for ingress in block {
            self.history.receive(&ingress);
            let id = ingress.id;
            if let Err(error) = self.induct_one(ingress) {
                let state = IngressState::Done(Err(Failure::Error(error)));
                self.history.set(id, state, self.time);
            }
        }
    }

    /// Charges for a message and puts it into its canister's queue.
    fn induct_one(&mut self, mut ingress: Ingress) -> Result<(), UserError> {
        if let Some(call) = ingress.management.take() {
            return self.induct_management_ingress(ingress, call);
        }
        self.existing(ingress.receiver)?.check_running()?;
        self.charge_ingress(ingress.receiver, ingress.id, ingress.sender, ingress.envelope_bytes)?;
        if let Some(canister) = self.canisters.get_mut(&ingress.receiver) {
            canister.queues.push_ingress(ingress);
        }
        Ok(())
    }

    /// Removes expired messages that wait for execution: from the queues of canisters, and management calls
    /// (`scheduler.rs`, `purge_expired_ingress_messages`). Their result is an error.
    pub(super) fn purge_expired_ingress(&mut self) {
        let (now, records) = (self.time, &self.history.records);
        let has_expired =
            |message: MessageId| records.get(&message).is_some_and(|record| record.expiry < now);
        let calls = self.management_calls.extract(|call| call.message().is_some_and(has_expired));
        let mut expired: Vec<MessageId> = calls.iter().filter_map(PendingCall::message).collect();
        self.canisters.for_each_awake(|canister| {
            let purged = canister.queues.purge_ingress(now);
            expired.extend(purged.into_iter().map(|ingress| ingress.id));
        });
        for message in expired {
            let state = IngressState::Done(Err(Failure::Error(timed_out())));
            self.history.set(message, state, now);
        }
    }

    /// Charges a canister for taking in a message of `sender` with this size.
    ///
    /// # Errors
    ///
    /// If the canister does not exist or has too few cycles.
    pub(super) fn charge_ingress(
        &mut self,
        payer: CanisterId,
        message: MessageId,
        sender: Principal,
        bytes: usize,
    ) -> Result<(), UserError> {
        let prices = self.prices;
        let fee = prices.ingress(bytes);
        let canister =
            self.canisters.get_mut(&payer).ok_or_else(|| UserError::canister_not_found(payer))?;
        canister.charge(Fee::Ingress(message), fee, prices, sender)
    }
}

fn timed_out() -> UserError {
    UserError::new(
        ErrorCode::IngressMessageTimeout,
        "The ingress message expired before it was executed: it timed out waiting for its turn",
    )
}
