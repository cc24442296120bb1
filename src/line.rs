//! Who is next: the calls that wait, by callee, and the slots that are free for them.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::iter::Enumerate;
use std::rc::Rc;
use std::time::Duration;

use ic_principal::Principal;

use crate::{Kind, Reason, Request, Window};

/// A call that waits or is open.
#[derive(Debug)]
pub struct Item {
    /// Its place in the source.
    pub number: u64,
    /// What is called.
    pub request: Rc<Request>,
    /// How often it was tried, not counting the times it went back because others held the slots.
    pub attempts: u32,
    /// Why it is unknown whether an earlier try was done, if it is.
    pub doubt: Option<Reason>,
}

/// The calls that are still to be made, and the slots they need.
#[derive(Debug)]
pub struct Line<I: Iterator<Item = Rc<Request>>> {
    source: Enumerate<I>,
    window: Window,
    /// One for each callee that has a call open or waiting.
    lanes: Vec<Lane>,
    /// Where the search for the next call begins: behind the callee that came last, so that all get their turn.
    turn: usize,
    /// Calls that wait for a slot.
    waiting: usize,
    /// Calls that wait for a moment, the earliest first.
    later: BinaryHeap<Reverse<Later>>,
    /// Open calls.
    open: u32,
    /// Whether cycles were short, so that nothing is tried until an answer brings some back.
    short_of_cycles: bool,
}

/// The calls to one callee.
#[derive(Debug)]
struct Lane {
    callee: Principal,
    open: u32,
    waiting: VecDeque<Item>,
    /// Whether the queue was found full, so that nothing is tried until an answer frees a slot.
    full: bool,
}

impl<I: Iterator<Item = Rc<Request>>> Line<I> {
    /// All calls of `source`, in its order for each callee.
    pub fn new(source: I, window: Window) -> Self {
        Self {
            source: source.enumerate(),
            window,
            lanes: Vec::new(),
            turn: 0,
            waiting: 0,
            later: BinaryHeap::new(),
            open: 0,
            short_of_cycles: false,
        }
    }

    /// Open calls.
    pub fn open(&self) -> u32 {
        self.open
    }

    /// Whether the window has room for another call.
    pub fn has_room(&self) -> bool {
        self.open < self.window.total && !self.short_of_cycles
    }

    /// When the first of the calls that wait for a moment is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.later.peek().map(|Reverse(first)| first.due)
    }

    /// The next call that has a slot now. The time is only asked for where it matters, since the answer has its price.
    pub fn next(&mut self, now: impl Fn() -> Duration) -> Option<Item> {
        while self.next_due().is_some_and(|due| due <= now()) {
            if let Some(Reverse(Later { item, .. })) = self.later.pop() {
                self.short_of_cycles = false;
                self.lane(item.request.callee).full = false;
                self.wait_in_front(item);
            }
        }
        if !self.has_room() {
            return None;
        }
        self.waiting_with_a_slot().or_else(|| self.fresh_with_a_slot())
    }

    fn waiting_with_a_slot(&mut self) -> Option<Item> {
        if self.waiting == 0 {
            return None;
        }
        let lanes = self.lanes.len();
        let mut in_turn = (0..lanes).map(|step| (self.turn + step) % lanes);
        let next = in_turn.find(|&lane| {
            let lane = &self.lanes[lane];
            !lane.waiting.is_empty() && lane.has_slot(self.window)
        })?;
        self.turn = next + 1;
        self.waiting -= 1;
        self.lanes[next].waiting.pop_front()
    }

    fn fresh_with_a_slot(&mut self) -> Option<Item> {
        while self.waiting < self.window.look_ahead {
            let item = self.fresh()?;
            let window = self.window;
            let lane = self.lane(item.request.callee);
            if lane.has_slot(window) {
                return Some(item);
            }
            lane.waiting.push_back(item);
            self.waiting += 1;
        }
        None
    }

    fn fresh(&mut self) -> Option<Item> {
        let (number, request) = self.source.next()?;
        Some(Item { number: number as u64, request, attempts: 0, doubt: None })
    }

    /// Any call that is not open, whether or not it could be made now.
    pub fn give_up_next(&mut self) -> Option<Item> {
        if let Some(Reverse(Later { item, .. })) = self.later.pop() {
            return Some(item);
        }
        match self.lanes.iter_mut().find_map(|lane| lane.waiting.pop_front()) {
            Some(item) => {
                self.waiting -= 1;
                Some(item)
            }
            None => self.fresh(),
        }
    }

    /// Notes that a call was sent.
    pub fn opened(&mut self, callee: Principal) {
        self.open += 1;
        self.lane(callee).open += 1;
    }

    /// Notes that a call was answered.
    pub fn closed(&mut self, callee: Principal) {
        self.open -= 1;
        self.short_of_cycles = false;
        let lane = self.lane(callee);
        lane.open -= 1;
        lane.full = false;
        self.forget_if_empty(callee);
    }

    /// Takes back a call that was not sent, if the answer to an open one will bring what it lacks.
    pub fn take_back(&mut self, item: Item, lacks: Kind) -> Result<(), Item> {
        let callee = item.request.callee;
        if lacks == Kind::QueueFull && self.lane(callee).open > 0 {
            self.lane(callee).full = true;
        } else if lacks == Kind::Cycles && self.open > 0 {
            self.short_of_cycles = true;
        } else {
            self.forget_if_empty(callee);
            return Err(item);
        }
        self.wait_in_front(item);
        Ok(())
    }

    /// Tries no call that would lack the same, until one that is [kept](Self::keep_until) is due.
    pub fn hold_back(&mut self, callee: Principal, lacks: Kind) {
        if lacks == Kind::QueueFull {
            self.lane(callee).full = true;
        } else {
            self.short_of_cycles = true;
        }
    }

    /// Keeps a call until some moment.
    pub fn keep_until(&mut self, due: Duration, item: Item) {
        self.later.push(Reverse(Later { due, item }));
    }

    fn wait_in_front(&mut self, item: Item) {
        self.lane(item.request.callee).waiting.push_front(item);
        self.waiting += 1;
    }

    fn lane(&mut self, callee: Principal) -> &mut Lane {
        let lane = self.lanes.iter().position(|lane| lane.callee == callee).unwrap_or_else(|| {
            self.lanes.push(Lane { callee, open: 0, waiting: VecDeque::new(), full: false });
            self.lanes.len() - 1
        });
        &mut self.lanes[lane]
    }

    fn forget_if_empty(&mut self, callee: Principal) {
        let is_empty =
            |lane: &Lane| lane.callee == callee && lane.open == 0 && lane.waiting.is_empty();
        if let Some(lane) = self.lanes.iter().position(is_empty) {
            self.lanes.swap_remove(lane);
        }
    }
}

impl Lane {
    fn has_slot(&self, window: Window) -> bool {
        self.open < window.per_callee && !self.full
    }
}

/// A call that waits for a moment.
#[derive(Debug)]
struct Later {
    due: Duration,
    item: Item,
}

impl Later {
    fn place(&self) -> (Duration, u64) {
        (self.due, self.item.number)
    }
}

impl Ord for Later {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Later {}
