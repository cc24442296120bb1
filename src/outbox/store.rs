//! The entries and the results in stable memory, and what becomes of an entry. Each step is constant work.

use std::time::Duration;

use ic_stable_structures::Memory;

use super::blocks::{Allocation, BLOCK_BYTES, Block, Blocks, DATA_BYTES, blocks_of};
use super::layout::{
    CALL_HEAD_BYTES, LAYOUT, RECORD_BYTES, Reader, Record, State, Writer, decode_call,
    decode_call_head, decode_outcome, encode_call, encode_outcome,
};
use super::{Entry, OutboxError, OutboxResult};
use crate::limits::VERDICT_TEXT_BYTES_MAX;
use crate::{Outcome, ReasonKind, Reply, Request, Summary};

/// The first bytes of the memory of an outbox.
const MAGIC: u32 = u32::from_le_bytes(*b"OUTB");

/// Counts of failed calls by [`ReasonKind`]. Most are unused: a new kind must not change the layout.
const COUNTS: usize = 50;

/// Bytes of the header that are used.
const HEADER_BYTES: usize = 4 + 2 + 3 * 4 + 2 * 4 + 5 * 8 + 4 + 8 + COUNTS * 8;

const _: () = assert!(HEADER_BYTES as u64 <= super::blocks::HEADER_BYTES);
const _: () = assert!(ReasonKind::ALL.len() <= COUNTS);
const _: () = assert!(RECORD_BYTES + CALL_HEAD_BYTES <= DATA_BYTES);

/// All entries and results, in the order of their numbers, as a chain of records.
pub struct Store<M> {
    blocks: Blocks<M>,
    pub header: Header,
    /// Bytes of blocks that may be in use.
    pub bytes_max: u64,
}

/// What the store knows of all records together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub paused: bool,
    /// First block of the record with the lowest number. 0: there is no record.
    pub first: Block,
    last: Block,
    /// The number of the next entry.
    pub next_number: u64,
    /// Entries with a lower number are cancelled, unless they have an outcome.
    pub cancelled_before: u64,
    pub waiting: u64,
    pub open: u64,
    /// Results that are kept.
    pub results: u64,
    /// The outcomes of all settled entries.
    pub summary: Summary,
}

impl<M: Memory> Store<M> {
    /// Reads what is in this memory, or begins an empty store.
    ///
    /// # Panics
    ///
    /// Panics if something else is in the memory.
    pub fn init(memory: M) -> Self {
        let blocks = Blocks::new(memory);
        let mut store = Self { blocks, header: Header::default(), bytes_max: u64::MAX };
        if store.blocks.is_empty() {
            assert!(store.blocks.reserve(1), "stable memory has no room for an outbox");
            store.write_header();
        } else {
            store.read_header();
        }
        store
    }

    /// Bytes of memory that entries and results occupy.
    pub fn bytes(&self) -> u64 {
        u64::from(self.blocks.allocation.used) * BLOCK_BYTES
    }

    /// Appends all of these entries or, after an error, none. Returns the first block of the first one.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Block, OutboxError> {
        let bodies: Vec<Vec<u8>> = entries.iter().map(encode_call).collect();
        let blocks = |body: &Vec<u8>| u64::from(blocks_of(RECORD_BYTES + body.len()));
        let bytes = bodies.iter().map(blocks).sum::<u64>() * BLOCK_BYTES;
        let kept = self.bytes();
        if kept.saturating_add(bytes) > self.bytes_max {
            return Err(OutboxError::Full { bytes, kept, max: self.bytes_max });
        }
        if !u32::try_from(bytes / BLOCK_BYTES).is_ok_and(|blocks| self.blocks.reserve(blocks)) {
            return Err(OutboxError::StableMemory { bytes });
        }
        let mut first = 0;
        for body in bodies {
            let record = Record {
                next: 0,
                number: self.header.next_number,
                state: State::Waiting,
                attempts: 0,
                due: Duration::ZERO,
                refunded: 0,
                unknown: None,
                body_bytes: body.len() as u32,
            };
            let block = self.blocks.add(&[&record.to_bytes()[..], &body].concat());
            if self.header.last == 0 {
                self.header.first = block;
            } else {
                let mut last = self.record(self.header.last);
                last.next = block;
                self.blocks.overwrite(self.header.last, &last.to_bytes());
            }
            self.header.last = block;
            self.header.next_number += 1;
            self.header.waiting += 1;
            first = if first == 0 { block } else { first };
        }
        self.write_header();
        Ok(first)
    }

    /// Reads the record at this block.
    pub fn record(&self, block: Block) -> Record {
        let mut bytes = [0; RECORD_BYTES];
        self.blocks.read_start(block, &mut bytes);
        Record::from_bytes(&bytes)
    }

    /// Reads a call without its method and its argument.
    pub fn call_head(&self, block: Block) -> Entry {
        let mut bytes = [0; RECORD_BYTES + CALL_HEAD_BYTES];
        self.blocks.read_start(block, &mut bytes);
        decode_call_head(&bytes[RECORD_BYTES..])
    }

    /// Reads a call.
    pub fn request(&self, block: Block) -> Request {
        let bytes = self.blocks.read(block, self.record(block).all_bytes());
        decode_call(&bytes[RECORD_BYTES..]).request
    }

    /// Notes that the call of a waiting entry was sent. Now `open` calls are open.
    pub fn note_sent(&mut self, block: Block, open: u32) {
        let mut record = self.record(block);
        record.state = State::Open;
        record.attempts += 1;
        self.header.waiting -= 1;
        self.header.open += 1;
        self.header.summary.record_in_flight(open);
        self.blocks.overwrite(block, &record.to_bytes());
        self.write_header();
    }

    /// Lets an open entry wait for another attempt. `record` says since when, and what is kept of the earlier attempts.
    pub fn wait_again(&mut self, block: Block, mut record: Record) {
        record.state = State::Waiting;
        self.header.open -= 1;
        self.header.waiting += 1;
        self.blocks.overwrite(block, &record.to_bytes());
        self.write_header();
    }

    /// Puts the outcome of an entry in the place of its call. If the memory is full, keeps as much of the outcome as
    /// has room in the place of the call.
    pub fn settle(&mut self, block: Block, mut record: Record, outcome: Outcome<Reply>) {
        match record.state {
            State::Waiting => self.header.waiting -= 1,
            State::Open => self.header.open -= 1,
            State::Settled => return,
        }
        self.header.results += 1;
        self.header.summary.count(&outcome);
        let old_bytes = record.all_bytes();
        let mut body = encode_outcome(&outcome, VERDICT_TEXT_BYTES_MAX);
        if !self.has_room(old_bytes, RECORD_BYTES + body.len()) {
            let outcome = match outcome {
                Outcome::Done(Reply { bytes, refunded }) => {
                    Outcome::ReplyDropped { bytes: bytes.len(), refunded }
                }
                failed => failed,
            };
            body = encode_outcome(&outcome, DATA_BYTES / 2);
        }
        record.state = State::Settled;
        record.body_bytes = body.len() as u32;
        self.blocks.replace(block, old_bytes, &[&record.to_bytes()[..], &body].concat());
        self.write_header();
    }

    fn has_room(&self, old_bytes: usize, new_bytes: usize) -> bool {
        let more = blocks_of(new_bytes).saturating_sub(blocks_of(old_bytes));
        let bytes = u64::from(more) * BLOCK_BYTES;
        more == 0 || (self.bytes() + bytes <= self.bytes_max && self.blocks.reserve(more))
    }

    /// The first results, up to the first entry without an outcome, at most `max`.
    pub fn results(&self, max: usize) -> Vec<OutboxResult> {
        let mut results = Vec::new();
        let mut block = self.header.first;
        while block != 0 && results.len() < max {
            let record = self.record(block);
            if record.state != State::Settled {
                break;
            }
            let bytes = self.blocks.read(block, record.all_bytes());
            let outcome = decode_outcome(&bytes[RECORD_BYTES..]);
            results.push(OutboxResult {
                number: record.number,
                outcome,
                attempts: record.attempts,
                earlier_unknown: record.unknown,
            });
            block = record.next;
        }
        results
    }

    /// Removes the first record, if it is a result with a number below `before`. Returns its block and the next one.
    pub fn remove_first(&mut self, before: u64) -> Option<(Block, Block)> {
        let block = self.header.first;
        if block == 0 {
            return None;
        }
        let record = self.record(block);
        if record.state != State::Settled || record.number >= before {
            return None;
        }
        self.blocks.release(block, record.all_bytes());
        self.header.first = record.next;
        if record.next == 0 {
            self.header.last = 0;
        }
        self.header.results -= 1;
        Some((block, record.next))
    }

    /// Changes the header, and writes it.
    pub fn change(&mut self, change: impl FnOnce(&mut Header)) {
        change(&mut self.header);
        self.write_header();
    }

    pub fn write_header(&self) {
        let Header { summary, .. } = &self.header;
        let Allocation { existing, free, used } = self.blocks.allocation;
        let mut writer = Writer(Vec::with_capacity(HEADER_BYTES));
        writer.u32(MAGIC);
        writer.u8(LAYOUT);
        writer.u8(u8::from(self.header.paused));
        [existing, free, used, self.header.first, self.header.last]
            .into_iter()
            .for_each(|number| writer.u32(number));
        let Header { next_number, cancelled_before, waiting, open, results, .. } = self.header;
        [next_number, cancelled_before, waiting, open, results]
            .into_iter()
            .for_each(|number| writer.u64(number));
        writer.u32(summary.max_in_flight);
        writer.u64(summary.succeeded);
        summary.failed.into_iter().for_each(|number| writer.u64(number));
        self.blocks.write_header(&writer.0);
    }

    fn read_header(&mut self) {
        let mut bytes = [0; HEADER_BYTES];
        self.blocks.read_header(&mut bytes);
        let mut reader = Reader(&bytes);
        assert_eq!(reader.u32(), MAGIC, "this memory holds something else than an outbox");
        let layout = reader.u8();
        assert_eq!(layout, LAYOUT, "stable memory holds an outbox of the unknown layout {layout}");
        let header = &mut self.header;
        header.paused = reader.u8() != 0;
        self.blocks.allocation =
            Allocation { existing: reader.u32(), free: reader.u32(), used: reader.u32() };
        (header.first, header.last) = (reader.u32(), reader.u32());
        header.next_number = reader.u64();
        header.cancelled_before = reader.u64();
        (header.waiting, header.open, header.results) = (reader.u64(), reader.u64(), reader.u64());
        header.summary.max_in_flight = reader.u32();
        header.summary.succeeded = reader.u64();
        header.summary.failed = std::array::from_fn(|_| reader.u64());
    }
}
