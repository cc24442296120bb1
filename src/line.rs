//! Who is next: the calls that wait, by callee, and the slots that are free for them.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use ic_principal::Principal;

use crate::{Kind, Reason, Request, Window};

/// Calls that may wait for another try before no further ones are begun. Bounds the memory, whatever fails.
const RETRIES_MAX: usize = 1_000;

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
    /// The place of the callee's lane.
    lane: usize,
}

/// The calls that are still to be made, and the slots they need.
///
/// The work for a call does not grow with the number of calls or of callees, but for finding out which pause ends next.
pub struct Line<'s> {
    source: &'s mut dyn Iterator<Item = Rc<Request>>,
    /// Calls taken out of the source.
    taken: u64,
    window: Window,
    lanes: Lanes,
    /// Lanes in which a call waits that has a slot, as far as is known, in the order in which they get their turn.
    turns: VecDeque<usize>,
    /// Calls that wait for a slot.
    waiting: usize,
    /// Calls that wait for a moment, the earliest first.
    later: BinaryHeap<Reverse<Later>>,
    /// Open calls.
    open: u32,
    /// Whether cycles were short, so that nothing is tried until an answer brings some back.
    short_of_cycles: bool,
}

impl<'s> Line<'s> {
    /// All calls of `source`, in its order for each callee.
    pub fn new(source: &'s mut dyn Iterator<Item = Rc<Request>>, window: Window) -> Self {
        Self {
            source,
            taken: 0,
            window,
            lanes: Lanes::default(),
            turns: VecDeque::new(),
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
        let is_due = |line: &Self| line.next_due().is_some_and(|due| due <= now());
        if self.short_of_cycles && is_due(self) {
            self.short_of_cycles = false;
        }
        if !self.has_room() {
            return None;
        }
        while is_due(self) {
            let item = self.give_up_later()?;
            if self.has_slot(item.lane) {
                return Some(item);
            }
            self.wait_behind(item);
        }
        self.waiting_with_a_slot().or_else(|| self.fresh_with_a_slot())
    }

    fn waiting_with_a_slot(&mut self) -> Option<Item> {
        while let Some(place) = self.turns.pop_front() {
            let has_slot = self.has_slot(place);
            let lane = self.lanes.at(place);
            lane.in_turn = false;
            if has_slot && let Some(item) = lane.waiting.pop_front() {
                self.waiting -= 1;
                self.offer(place);
                return Some(item);
            }
        }
        None
    }

    fn fresh_with_a_slot(&mut self) -> Option<Item> {
        while self.waiting < self.window.look_ahead && self.later.len() < RETRIES_MAX {
            let item = self.fresh()?;
            if self.has_slot(item.lane) {
                return Some(item);
            }
            self.wait_behind(item);
        }
        None
    }

    /// The next call that was never tried, whether or not it could be made now.
    pub fn fresh(&mut self) -> Option<Item> {
        let request = self.source.next()?;
        let number = self.taken;
        self.taken += 1;
        let lane = self.lanes.enter(request.callee);
        Some(Item { number, request, attempts: 0, doubt: None, lane })
    }

    /// The first of the calls that wait for a moment. What was held back until then waits no longer.
    pub fn give_up_later(&mut self) -> Option<Item> {
        let Reverse(Later { item, .. }) = self.later.pop()?;
        self.short_of_cycles = false;
        self.lanes.at(item.lane).full = false;
        self.offer(item.lane);
        Some(item)
    }

    /// All calls that wait for a slot, in the order of the source.
    pub fn give_up_waiting(&mut self) -> Vec<Item> {
        self.turns.clear();
        self.waiting = 0;
        let mut items: Vec<Item> = self.lanes.all.iter_mut().flat_map(Lane::give_up).collect();
        items.sort_unstable_by_key(|item| item.number);
        items
    }

    /// Notes that a call was sent.
    pub fn opened(&mut self, item: &Item) {
        self.open += 1;
        self.lanes.at(item.lane).open += 1;
    }

    /// Notes that a call was answered.
    pub fn closed(&mut self, item: &Item) {
        self.open -= 1;
        self.short_of_cycles = false;
        let lane = self.lanes.at(item.lane);
        lane.open -= 1;
        lane.full = false;
        self.offer(item.lane);
    }

    /// Notes that a call is over.
    pub fn settled(&mut self, item: &Item) {
        self.lanes.leave(item.lane);
    }

    /// Takes back a call that was not sent, if the answer to an open one will bring what it lacks.
    pub fn take_back(&mut self, item: Item, lacks: Kind) -> Result<(), Item> {
        let place = item.lane;
        let lane = self.lanes.at(place);
        if lacks == Kind::QueueFull && lane.open > 0 {
            lane.full = true;
        } else if lacks == Kind::Cycles && self.open > 0 {
            self.short_of_cycles = true;
        } else {
            return Err(item);
        }
        lane.waiting.push_front(item);
        self.waiting += 1;
        self.offer(place);
        Ok(())
    }

    /// Tries no call that would lack the same, until one that is [kept](Self::keep_until) is due.
    pub fn hold_back(&mut self, item: &Item, lacks: Kind) {
        if lacks == Kind::QueueFull {
            self.lanes.at(item.lane).full = true;
        } else {
            self.short_of_cycles = true;
        }
    }

    /// Keeps a call until some moment.
    pub fn keep_until(&mut self, due: Duration, item: Item) {
        self.later.push(Reverse(Later { due, item }));
    }

    fn wait_behind(&mut self, item: Item) {
        let place = item.lane;
        self.lanes.at(place).waiting.push_back(item);
        self.waiting += 1;
        self.offer(place);
    }

    /// Gives a lane its turn if a call waits there and has a slot.
    fn offer(&mut self, place: usize) {
        let has_slot = self.has_slot(place);
        let lane = self.lanes.at(place);
        if has_slot && !lane.in_turn && !lane.waiting.is_empty() {
            lane.in_turn = true;
            self.turns.push_back(place);
        }
    }

    fn has_slot(&mut self, place: usize) -> bool {
        let lane = self.lanes.at(place);
        lane.open < self.window.per_callee && !lane.full
    }
}

/// A lane for each callee of which a call is not over. A lane keeps its place for as long as that.
#[derive(Debug, Default)]
struct Lanes {
    all: Vec<Lane>,
    places: HashMap<Principal, usize>,
    /// Places without a lane.
    free: Vec<usize>,
    /// Where the latest call belongs: mostly the next one, too.
    latest: usize,
}

/// The calls to one callee.
#[derive(Debug)]
struct Lane {
    callee: Principal,
    /// Calls that are not over.
    calls: usize,
    open: u32,
    waiting: VecDeque<Item>,
    /// Whether the queue was found full, so that nothing is tried until an answer frees a slot.
    full: bool,
    /// Whether it has a place among the turns.
    in_turn: bool,
}

impl Lanes {
    fn at(&mut self, place: usize) -> &mut Lane {
        &mut self.all[place]
    }

    /// The place for one more call.
    fn enter(&mut self, callee: Principal) -> usize {
        let is_latest = |lane: &Lane| lane.calls > 0 && lane.callee == callee;
        if !self.all.get(self.latest).is_some_and(is_latest) {
            self.latest = *self.places.entry(callee).or_insert_with(|| {
                let lane = Lane::new(callee);
                match self.free.pop() {
                    Some(place) => {
                        self.all[place] = lane;
                        place
                    }
                    None => {
                        self.all.push(lane);
                        self.all.len() - 1
                    }
                }
            });
        }
        self.all[self.latest].calls += 1;
        self.latest
    }

    /// Ends a call; with the last one, the lane.
    fn leave(&mut self, place: usize) {
        let lane = &mut self.all[place];
        lane.calls -= 1;
        if lane.calls == 0 {
            self.places.remove(&lane.callee);
            self.free.push(place);
        }
    }
}

impl Lane {
    fn new(callee: Principal) -> Self {
        Self { callee, calls: 0, open: 0, waiting: VecDeque::new(), full: false, in_turn: false }
    }

    fn give_up(&mut self) -> impl Iterator<Item = Item> {
        self.in_turn = false;
        self.waiting.drain(..)
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
