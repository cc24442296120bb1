//! The byte layout of entries and results in stable memory. Numbers are little-endian.
//!
//! The first byte of each record is the version of its layout ([`LAYOUT`]). A later version of this crate can read
//! records of this layout.

use std::borrow::Cow;
use std::time::Duration;

use ic_principal::Principal;

use super::Entry;
use crate::{
    Failure, Outcome, Reason, ReasonKind, Reply, Request, Retry, Shortage, Wait, reject_code,
};

/// The version of the layouts in this file.
pub const LAYOUT: u8 = 1;

/// Bytes of an encoded [`Record`].
pub const RECORD_BYTES: usize = 52;

/// The state of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The call is to be made, for the first time or again.
    Waiting = 1,
    /// The call was sent, and its response has not arrived.
    Open = 2,
    /// The call has its final outcome. The outcome is there instead of the call.
    Settled = 3,
}

/// What changes while a call is made. The call itself, or its outcome, follows behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// First block of the next record. 0: there is none.
    pub next: u32,
    pub number: u64,
    pub state: State,
    /// Attempts that were sent.
    pub attempts: u32,
    /// No attempt is made before this time.
    pub due: Duration,
    /// Cycles that came back from earlier attempts.
    pub refunded: u128,
    /// Why the outcome of an earlier attempt is unknown.
    pub unknown: Option<ReasonKind>,
    /// Bytes behind this record.
    pub body_bytes: u32,
}

/// Stands for no kind of reason.
const NONE: u8 = u8::MAX;

impl Record {
    pub fn to_bytes(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let mut writer = Writer(Vec::with_capacity(RECORD_BYTES));
        writer.u8(LAYOUT);
        writer.u8(self.state as u8);
        writer.u8(self.unknown.map_or(NONE, |kind| kind as u8));
        writer.u32(self.next);
        writer.u64(self.number);
        writer.u32(self.attempts);
        writer.duration(self.due);
        writer.u128(self.refunded);
        writer.u32(self.body_bytes);
        bytes[..writer.0.len()].copy_from_slice(&writer.0);
        bytes
    }

    /// # Panics
    ///
    /// Panics if these bytes are no record, or one of a later version of this crate with a state that this version
    /// does not know.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut reader = Reader(bytes);
        assert_eq!(reader.u8(), LAYOUT, "stable memory holds an outbox of an unknown layout");
        let state = match reader.u8() {
            1 => State::Waiting,
            2 => State::Open,
            3 => State::Settled,
            state => {
                panic!("stable memory holds an entry of an outbox in the unknown state {state}")
            }
        };
        let unknown = match reader.u8() {
            NONE => None,
            kind => Some(decode_kind(kind)),
        };
        Self {
            state,
            unknown,
            next: reader.u32(),
            number: reader.u64(),
            attempts: reader.u32(),
            due: reader.duration(),
            refunded: reader.u128(),
            body_bytes: reader.u32(),
        }
    }

    /// Bytes of the record and of what follows.
    pub fn all_bytes(&self) -> usize {
        RECORD_BYTES + self.body_bytes as usize
    }
}

/// Bytes of an encoded call before its method: these are always in the first block.
pub const CALL_HEAD_BYTES: usize = 1 + 8 + 16 + 20 + 8 + 1 + Principal::MAX_LENGTH_IN_BYTES;

const IDEMPOTENT: u8 = 1;
const UNBOUNDED: u8 = 2;
const RETRY: u8 = 4;
const ORDERED: u8 = 8;

/// Encodes a call behind a record.
pub fn encode_call(entry: &Entry) -> Vec<u8> {
    let Entry { request, order } = entry;
    let mut flags = 0;
    let mut flag = |flag, is_set| flags |= if is_set { flag } else { 0 };
    flag(IDEMPOTENT, request.idempotent);
    flag(UNBOUNDED, request.wait == Wait::Unbounded);
    flag(RETRY, request.retry.is_some());
    flag(ORDERED, order.is_some());
    let retry = request.retry.unwrap_or(Retry::NEVER);
    let callee = request.callee.as_slice();
    let mut writer = Writer(Vec::with_capacity(
        CALL_HEAD_BYTES + 4 + request.method.len() + request.argument.len(),
    ));
    writer.u8(flags);
    writer.duration(match request.wait {
        Wait::Bounded(wait) => wait,
        Wait::Unbounded => Duration::ZERO,
    });
    writer.u128(request.cycles);
    writer.u32(retry.attempts);
    writer.duration(retry.initial_delay);
    writer.duration(retry.max_delay);
    writer.u64(order.unwrap_or_default());
    writer.u8(callee.len() as u8);
    writer.0.extend_from_slice(callee);
    writer.0.resize(CALL_HEAD_BYTES, 0);
    writer.u32(request.method.len() as u32);
    writer.0.extend_from_slice(request.method.as_bytes());
    writer.0.extend_from_slice(&request.argument);
    writer.0
}

/// Decodes a call without its method and its argument, from the first [`CALL_HEAD_BYTES`] bytes.
pub fn decode_call_head(bytes: &[u8]) -> Entry {
    let mut reader = Reader(bytes);
    let flags = reader.u8();
    let is_set = |flag| flags & flag != 0;
    let wait = reader.duration();
    let cycles = reader.u128();
    let retry = Retry {
        attempts: reader.u32(),
        initial_delay: reader.duration(),
        max_delay: reader.duration(),
    };
    let order = reader.u64();
    let callee_bytes = usize::from(reader.u8());
    let request = Request {
        cycles,
        wait: if is_set(UNBOUNDED) { Wait::Unbounded } else { Wait::Bounded(wait) },
        idempotent: is_set(IDEMPOTENT),
        retry: is_set(RETRY).then_some(retry),
        ..Request::new(Principal::from_slice(reader.bytes(callee_bytes)), "")
    };
    Entry { request, order: is_set(ORDERED).then_some(order) }
}

/// Decodes a whole call.
pub fn decode_call(bytes: &[u8]) -> Entry {
    let mut entry = decode_call_head(bytes);
    let mut reader = Reader(&bytes[CALL_HEAD_BYTES..]);
    let method_bytes = reader.u32() as usize;
    entry.request.method = Cow::Owned(reader.text(method_bytes));
    entry.request.argument = Cow::Owned(reader.0.to_vec());
    entry
}

const DONE: u8 = 0;
const DROPPED: u8 = 1;
const FAILED: u8 = 2;

/// Encodes an outcome behind a record. Of texts, keeps at most `text_bytes`.
pub fn encode_outcome(outcome: &Outcome<Reply>, text_bytes: usize) -> Vec<u8> {
    let mut writer = Writer(Vec::new());
    let tag = match outcome {
        Outcome::Done(_) => DONE,
        Outcome::ReplyDropped { .. } => DROPPED,
        Outcome::NotDone(_) | Outcome::Unknown(_) => FAILED,
    };
    writer.u8(tag);
    writer.u128(outcome.refunded());
    match outcome {
        Outcome::Done(reply) => writer.0.extend_from_slice(&reply.bytes),
        Outcome::ReplyDropped { bytes, .. } => writer.u64(*bytes as u64),
        Outcome::NotDone(failure) | Outcome::Unknown(failure) => {
            encode_reason(&mut writer, &failure.reason, text_bytes);
        }
    }
    writer.0
}

fn encode_reason(writer: &mut Writer, reason: &Reason, text_bytes: usize) {
    writer.u8(reason.kind() as u8);
    let text = match reason {
        Reason::Cycles(shortage) => {
            writer.u128(shortage.required);
            writer.u128(shortage.available);
            return;
        }
        Reason::Rejected { code, message } => {
            writer.u32(*code);
            message
        }
        Reason::Deadline(text)
        | Reason::Undecodable(text)
        | Reason::Declined(text)
        | Reason::Unavailable(text)
        | Reason::Unclear(text) => text,
        Reason::QueueFull
        | Reason::Stopping
        | Reason::Cancelled
        | Reason::Expired
        | Reason::ClockStopped
        | Reason::Interrupted => return,
    };
    writer.0.extend_from_slice(&text.as_bytes()[..text.floor_char_boundary(text_bytes)]);
}

/// Decodes an outcome.
pub fn decode_outcome(bytes: &[u8]) -> Outcome<Reply> {
    let mut reader = Reader(bytes);
    let tag = reader.u8();
    let refunded = reader.u128();
    match tag {
        DONE => Outcome::Done(Reply { bytes: reader.0.to_vec(), refunded }),
        DROPPED => Outcome::ReplyDropped { bytes: reader.u64() as usize, refunded },
        _ => Outcome::failed(Failure { reason: decode_reason(&mut reader), refunded }),
    }
}

/// The kind with this number. A later version of this crate can have written a kind that this version does not know.
/// Such an outcome counts as unknown, so that nobody takes the call for one that was not made.
fn decode_kind(number: u8) -> ReasonKind {
    ReasonKind::ALL.get(usize::from(number)).copied().unwrap_or(ReasonKind::Interrupted)
}

fn decode_reason(reader: &mut Reader) -> Reason {
    let kind = decode_kind(reader.u8());
    match kind {
        ReasonKind::Cycles => {
            let shortage = Shortage { required: reader.u128(), available: reader.u128() };
            Reason::Cycles(Box::new(shortage))
        }
        ReasonKind::SysFatal
        | ReasonKind::SysTransient
        | ReasonKind::DestinationInvalid
        | ReasonKind::CanisterReject
        | ReasonKind::CanisterError => {
            let code = reader.u32();
            Reason::Rejected { code, message: reader.rest() }
        }
        _ => reason_of(kind, reader.rest()),
    }
}

/// The reason of this kind, with this text if it has one.
pub fn reason_of(kind: ReasonKind, text: String) -> Reason {
    let rejected = |code| Reason::Rejected { code, message: text.clone() };
    match kind {
        ReasonKind::QueueFull => Reason::QueueFull,
        ReasonKind::Cycles => Reason::cycles(0, 0),
        ReasonKind::Stopping => Reason::Stopping,
        ReasonKind::Cancelled => Reason::Cancelled,
        ReasonKind::Expired => Reason::Expired,
        ReasonKind::ClockStopped => Reason::ClockStopped,
        ReasonKind::SysFatal => rejected(reject_code::SYS_FATAL),
        ReasonKind::SysTransient => rejected(reject_code::SYS_TRANSIENT),
        ReasonKind::DestinationInvalid => rejected(reject_code::DESTINATION_INVALID),
        ReasonKind::CanisterReject => rejected(reject_code::CANISTER_REJECT),
        ReasonKind::CanisterError => rejected(reject_code::CANISTER_ERROR),
        ReasonKind::Deadline => Reason::Deadline(text),
        ReasonKind::Undecodable => Reason::Undecodable(text),
        ReasonKind::Interrupted => Reason::Interrupted,
        ReasonKind::Declined => Reason::Declined(text),
        ReasonKind::Unavailable => Reason::Unavailable(text),
        ReasonKind::Unclear => Reason::Unclear(text),
    }
}

/// Writes numbers one after the other.
pub struct Writer(pub Vec<u8>);

impl Writer {
    pub fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub fn u64(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub fn u128(&mut self, number: u128) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// Nanoseconds.
    pub fn duration(&mut self, duration: Duration) {
        self.u64(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Reads numbers one after the other.
///
/// # Panics
///
/// The methods panic if the bytes end too early: then something else has written to the memory of the outbox.
pub struct Reader<'b>(pub &'b [u8]);

impl<'b> Reader<'b> {
    pub fn bytes(&mut self, bytes: usize) -> &'b [u8] {
        let (bytes, rest) =
            self.0.split_at_checked(bytes).expect("the memory of the outbox holds a whole record");
        self.0 = rest;
        bytes
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N));
        array
    }

    pub fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub fn u128(&mut self) -> u128 {
        u128::from_le_bytes(self.array())
    }

    pub fn duration(&mut self) -> Duration {
        Duration::from_nanos(self.u64())
    }

    fn text(&mut self, bytes: usize) -> String {
        String::from_utf8_lossy(self.bytes(bytes)).into_owned()
    }

    fn rest(&mut self) -> String {
        self.text(self.0.len())
    }
}

#[cfg(test)]
mod tests;
