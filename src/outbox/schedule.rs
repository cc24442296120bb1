//! Which entry is sent next. Pure: it reads no memory and makes no calls.
//!
//! The schedule holds the entries that the driver has loaded from stable memory and that have no outcome yet. After an
//! upgrade, it begins empty, and the driver loads the entries again.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use ic_principal::Principal;

use super::blocks::Block;
use crate::Slots;
use crate::slots::SlotShare;

/// Delayed entries, and lines that were full, that are looked at in one step, at most.
const DUE_PER_STEP_MAX: usize = 64;

/// An entry in the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    pub number: u64,
    pub block: Block,
    /// Entries with the same key are sent one after the other.
    pub order: Option<u64>,
    /// Index of the line of its callee.
    line: usize,
}

/// The entries for one callee.
struct Line {
    callee: Principal,
    share: SlotShare,
    /// Open calls that the outbox may have to the callee.
    window: u32,
    /// Entries that can be sent when a slot is free.
    waiting: VecDeque<Item>,
    /// Entries that have no outcome, wherever they are.
    unsettled: usize,
    /// Whether the system refused a call because no slot was free. Then none is sent until one of our responses
    /// arrives, or until the time in [`Schedule::held`].
    is_full: bool,
    /// Whether the line is in [`Schedule::held`].
    is_held: bool,
    /// Whether the line is in [`Schedule::turns`].
    has_turn: bool,
}

impl Line {
    /// Claims as many slots as the line can use. A paused outbox, or one with few entries, leaves slots to the
    /// windows of the canister.
    fn claim(&mut self, is_paused: bool) {
        let usable = u32::try_from(self.unsettled).unwrap_or(u32::MAX).min(self.window);
        self.share.want(if is_paused { self.share.open() } else { usable });
    }
}

/// The entries that are loaded and have no outcome.
#[derive(Default)]
pub struct Schedule {
    lines: Vec<Option<Line>>,
    indices: HashMap<Principal, usize>,
    unused: Vec<usize>,
    /// Lines that have an entry to send and, as far as is known, a slot. Served in turn.
    turns: VecDeque<usize>,
    /// Entries that wait for a point in time.
    delayed: BinaryHeap<Reverse<(Duration, Item)>>,
    /// Lines whose slots others occupy, and when to try again.
    held: BinaryHeap<Reverse<(Duration, usize)>>,
    /// For each order key with an entry before them, the entries that wait for it.
    orders: HashMap<u64, VecDeque<Item>>,
    unsettled: usize,
    is_paused: bool,
}

impl Schedule {
    /// Entries in the schedule.
    pub fn len(&self) -> usize {
        self.unsettled
    }

    /// Adds an entry that was loaded. Entries come in the order of their numbers.
    pub fn add(
        &mut self,
        (number, block): (u64, Block),
        callee: Principal,
        order: Option<u64>,
        due: Duration,
        new_share: impl FnOnce() -> (Rc<Slots>, u32),
    ) {
        let line = self.line(callee, new_share);
        self.change_unsettled(line, 1);
        let item = Item { number, block, order, line };
        if let Some(key) = order {
            if let Some(followers) = self.orders.get_mut(&key) {
                return followers.push_back(item);
            }
            self.orders.insert(key, VecDeque::new());
        }
        if due.is_zero() {
            self.push(item);
        } else {
            self.delay(item, due);
        }
    }

    fn line(&mut self, callee: Principal, new_share: impl FnOnce() -> (Rc<Slots>, u32)) -> usize {
        if let Some(index) = self.indices.get(&callee) {
            return *index;
        }
        let (slots, window) = new_share();
        let line = Some(Line {
            callee,
            share: SlotShare::new(slots, 1),
            window,
            waiting: VecDeque::new(),
            unsettled: 0,
            is_full: false,
            is_held: false,
            has_turn: false,
        });
        let index = match self.unused.pop() {
            Some(index) => {
                self.lines[index] = line;
                index
            }
            None => {
                self.lines.push(line);
                self.lines.len() - 1
            }
        };
        self.indices.insert(callee, index);
        index
    }

    /// Notes that no entry is sent from now on, or that entries are sent again.
    pub fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
        self.lines.iter_mut().flatten().for_each(|line| line.claim(is_paused));
    }

    /// Changes the number of entries of a line that have no outcome. Returns the new one.
    fn change_unsettled(&mut self, line: usize, by: isize) -> usize {
        self.unsettled = self.unsettled.saturating_add_signed(by);
        let is_paused = self.is_paused;
        let line = self.get(line);
        line.unsettled = line.unsettled.saturating_add_signed(by);
        line.claim(is_paused);
        line.unsettled
    }

    fn get(&mut self, line: usize) -> &mut Line {
        self.lines[line].as_mut().expect("an entry without an outcome has a line")
    }

    /// The next entry that is due and has a slot.
    pub fn next(&mut self, now: Duration) -> Option<Item> {
        self.release_held(now);
        for _ in 0..DUE_PER_STEP_MAX {
            let Some(Reverse((due, _))) = self.delayed.peek() else { break };
            if *due > now {
                break;
            }
            let Some(Reverse((_, item))) = self.delayed.pop() else { break };
            if self.has_slot(item.line) {
                return Some(item);
            }
            self.push(item);
        }
        while let Some(index) = self.turns.pop_front() {
            // The line may have been removed since.
            let Some(line) = self.lines[index].as_mut() else { continue };
            line.has_turn = false;
            if !self.has_slot(index) {
                continue;
            }
            if let Some(item) = self.get(index).waiting.pop_front() {
                self.give_turn(index);
                return Some(item);
            }
        }
        None
    }

    /// Any entry that is not open, whether or not it could be sent. `None` if there is none, apart from entries that
    /// wait for the outcome of an open one.
    pub fn take_any(&mut self) -> Option<Item> {
        if let Some(Reverse((_, item))) = self.delayed.pop() {
            return Some(item);
        }
        // Every line with waiting entries is in one of these three.
        while let Some(index) = self.turns.front().copied() {
            if let Some(item) = self.lines[index].as_mut().and_then(|line| line.waiting.pop_front())
            {
                return Some(item);
            }
            self.turns.pop_front();
            if let Some(line) = &mut self.lines[index] {
                line.has_turn = false;
            }
        }
        let mut lines = self.lines.iter_mut().flatten();
        lines.find_map(|line| line.waiting.pop_front())
    }

    /// Puts back an entry that was not sent because no slot was free. The callee is tried again when an open call of
    /// ours frees a slot, and at the time `retry_at`: others may free slots earlier than we do.
    pub fn put_back_full(&mut self, item: Item, retry_at: Duration) {
        let line = self.get(item.line);
        line.is_full = true;
        line.waiting.push_front(item);
        if !std::mem::replace(&mut line.is_held, true) {
            self.held.push(Reverse((retry_at, item.line)));
        }
    }

    /// Puts back an entry that was not sent for another reason.
    pub fn put_back(&mut self, item: Item) {
        self.get(item.line).waiting.push_front(item);
        self.give_turn(item.line);
    }

    /// Keeps an entry until this time.
    pub fn delay(&mut self, item: Item, due: Duration) {
        self.delayed.push(Reverse((due, item)));
    }

    pub fn note_sent(&mut self, item: Item) {
        self.get(item.line).share.note_sent();
    }

    pub fn note_response(&mut self, item: Item) {
        let is_paused = self.is_paused;
        let line = self.get(item.line);
        line.share.note_response();
        if is_paused {
            line.claim(true);
        }
        self.unblock(item.line);
    }

    /// Removes an entry that has its outcome. The next entry with the same order key can be sent then.
    pub fn remove(&mut self, item: Item) {
        if let Some(key) = item.order {
            match self.orders.get_mut(&key).and_then(VecDeque::pop_front) {
                Some(follower) => self.push(follower),
                None => {
                    self.orders.remove(&key);
                }
            }
        }
        if self.change_unsettled(item.line, -1) == 0 {
            let callee = self.get(item.line).callee;
            self.indices.remove(&callee);
            self.lines[item.line] = None;
            self.unused.push(item.line);
        }
    }

    /// When an entry can be sent at the earliest, as far as this depends on the time alone.
    pub fn next_due(&self) -> Option<Duration> {
        let delayed = self.delayed.peek().map(|Reverse((due, _))| *due);
        let held = self.held.peek().map(|Reverse((due, _))| *due);
        delayed.into_iter().chain(held).min()
    }

    /// Whether entries wait for slots that others occupy.
    pub fn is_held(&self) -> bool {
        !self.held.is_empty()
    }

    fn release_held(&mut self, now: Duration) {
        for _ in 0..DUE_PER_STEP_MAX {
            let Some(Reverse((due, index))) = self.held.peek().copied() else { break };
            if due > now {
                break;
            }
            self.held.pop();
            // The line may have been removed since.
            if let Some(line) = &mut self.lines[index] {
                line.is_held = false;
                self.unblock(index);
            }
        }
    }

    fn unblock(&mut self, line: usize) {
        self.get(line).is_full = false;
        self.give_turn(line);
    }

    fn push(&mut self, item: Item) {
        self.get(item.line).waiting.push_back(item);
        self.give_turn(item.line);
    }

    fn give_turn(&mut self, index: usize) {
        let has_slot = self.has_slot(index);
        let line = self.get(index);
        if has_slot && !line.has_turn && !line.waiting.is_empty() {
            line.has_turn = true;
            self.turns.push_back(index);
        }
    }

    fn has_slot(&mut self, index: usize) -> bool {
        let line = self.get(index);
        line.share.has_slot() && !line.is_full
    }
}
