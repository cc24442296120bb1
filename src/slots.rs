//! The slots for calls to a callee, which the fan-outs of a canister share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use ic_principal::Principal;

use crate::limits::QUEUE_SLOTS;

/// Slots to one callee that several windows of a canister use together, at most. The other slots are left for calls that
/// belong to no window, such as [`call`](crate::call) and [`Leg`](crate::Leg).
pub const SHARED_SLOTS: u32 = QUEUE_SLOTS - QUEUE_SLOTS / 10;

/// The slots for calls of this canister to one callee: how many are occupied, and how many each window may occupy.
///
/// A canister can have several windows that call the same callee at the same time, for instance when two messages make
/// calls, or a message and a [`Job`](crate::Job). As long as all of these windows together fit into 450 slots
/// ([`SHARED_SLOTS`]), each is as large as it was planned. Otherwise each window gets the same share of the 450 slots; what
/// a small window does not need, the others share. A window that has more open calls than its share sends no further call
/// until it is below its share.
#[derive(Debug)]
pub struct Slots {
    /// Open calls of this canister to the callee.
    open: Cell<u32>,
    /// The open calls that belong to windows.
    open_in_windows: Cell<u32>,
    /// Open calls that each window may have.
    share: Cell<u32>,
    /// For each window that has calls for the callee: open calls that the window wants, at most.
    wanted: RefCell<Vec<u32>>,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            open: Cell::new(0),
            open_in_windows: Cell::new(0),
            share: Cell::new(u32::MAX),
            wanted: RefCell::default(),
        }
    }
}

impl Slots {
    /// Open calls of this canister to the callee.
    pub fn open(&self) -> u32 {
        self.open.get()
    }

    /// Slots that a new window can use: all slots without those that are occupied by calls that belong to no window.
    /// Windows share their slots, so the new window gets its part of theirs.
    pub fn available(&self) -> u32 {
        let others = self.open.get().saturating_sub(self.open_in_windows.get());
        QUEUE_SLOTS.saturating_sub(others)
    }

    /// Notes that a call was sent. Transports call this.
    pub fn note_sent(&self) {
        self.open.set(self.open.get() + 1);
    }

    /// Notes that an open call got its response. Transports call this.
    pub fn note_response(&self) {
        self.open.set(self.open.get().saturating_sub(1));
    }

    /// Calculates the share of each window: the largest number with which all windows together fit.
    fn share_out(&self) {
        let wanted = self.wanted.borrow();
        let mut share = 0;
        // Windows that want less than the share leave slots to the others, whose share grows. Few steps are enough.
        let share = loop {
            let small = wanted.iter().filter(|wanted| **wanted <= share);
            let (windows, slots) =
                small.fold((0, 0), |(windows, slots), wanted| (windows + 1, slots + wanted));
            let large = wanted.len() as u32 - windows;
            if large == 0 || wanted.len() == 1 {
                break u32::MAX;
            }
            let next = (SHARED_SLOTS - slots) / large;
            if next <= share {
                break share.max(1);
            }
            share = next;
        };
        self.share.set(share);
    }
}

/// The part of a window in the slots to one callee.
#[derive(Debug)]
pub(crate) struct SlotShare {
    slots: Rc<Slots>,
    wanted: u32,
    /// Open calls of the window to the callee.
    open: u32,
}

impl SlotShare {
    /// The part of a window that wants at most this many open calls to the callee.
    pub fn new(slots: Rc<Slots>, wanted: u32) -> Self {
        slots.wanted.borrow_mut().push(wanted);
        slots.share_out();
        Self { slots, wanted, open: 0 }
    }

    /// Whether the window may have a further open call.
    pub fn has_slot(&self) -> bool {
        self.open < self.wanted.min(self.slots.share.get())
    }

    /// Open calls of the window.
    pub fn open(&self) -> u32 {
        self.open
    }

    /// Open calls of this canister to the callee that do not belong to the window.
    pub fn open_elsewhere(&self) -> u32 {
        self.slots.open().saturating_sub(self.open)
    }

    pub fn note_sent(&mut self) {
        self.open += 1;
        self.slots.open_in_windows.set(self.slots.open_in_windows.get() + 1);
    }

    pub fn note_response(&mut self) {
        self.open -= 1;
        self.leave_slots(1);
    }

    fn leave_slots(&self, calls: u32) {
        self.slots.open_in_windows.set(self.slots.open_in_windows.get().saturating_sub(calls));
    }
}

impl Drop for SlotShare {
    fn drop(&mut self) {
        self.leave_slots(self.open);
        let mut wanted = self.slots.wanted.borrow_mut();
        if let Some(place) = wanted.iter().position(|wanted| *wanted == self.wanted) {
            wanted.swap_remove(place);
        }
        drop(wanted);
        self.slots.share_out();
    }
}

/// Entries that a table may have before it forgets unused ones.
const UNUSED_ENTRIES_MAX: usize = 64;

/// The slots to all callees, for transports. An entry is kept while somebody uses it.
#[derive(Debug, Default)]
pub struct SlotTable {
    slots: HashMap<Principal, Rc<Slots>>,
    /// The latest entry. The next call often goes to the same callee.
    latest: Option<(Principal, Rc<Slots>)>,
    /// Number of entries with which the table was last searched for unused ones.
    searched_with: usize,
}

impl SlotTable {
    /// The slots to this callee.
    pub fn of(&mut self, callee: Principal) -> Rc<Slots> {
        match &self.latest {
            Some((latest, slots)) if *latest == callee => slots.clone(),
            _ => self.find(callee),
        }
    }

    fn find(&mut self, callee: Principal) -> Rc<Slots> {
        if self.slots.len() >= UNUSED_ENTRIES_MAX.max(2 * self.searched_with) {
            self.latest = None;
            self.slots.retain(|_, slots| Rc::strong_count(slots) > 1);
            self.searched_with = self.slots.len();
        }
        let slots = self.slots.entry(callee).or_default().clone();
        self.latest = Some((callee, slots.clone()));
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(wanted: &[u32]) -> Vec<u32> {
        let slots = Rc::new(Slots::default());
        let shares: Vec<SlotShare> =
            wanted.iter().map(|wanted| SlotShare::new(slots.clone(), *wanted)).collect();
        let of_one = |share: &SlotShare| share.wanted.min(share.slots.share.get());
        let shared = shares.iter().map(of_one).collect();
        drop(shares);
        assert_eq!((slots.share.get(), slots.wanted.borrow().len()), (u32::MAX, 0));
        shared
    }

    #[test]
    fn windows_share_450_slots_and_a_small_window_leaves_what_it_does_not_need() {
        assert_eq!(shares(&[500]), [500], "a window on its own is as large as its author wants");
        assert_eq!(shares(&[450, 450]), [225, 225]);
        assert_eq!(shares(&[500, 3]), [447, 3]);
        assert_eq!(shares(&[100, 200]), [100, 200]);
        assert_eq!(shares(&[450, 450, 100, 1]), [174, 174, 100, 1]);
        assert_eq!(shares(&vec![450; 600]), vec![1; 600], "each window can make progress");
    }

    #[test]
    fn calls_outside_of_windows_are_subtracted_from_the_slots_that_are_available() {
        let slots = Rc::new(Slots::default());
        let mut share = SlotShare::new(slots.clone(), 450);
        for _ in 0..490 {
            slots.note_sent();
        }
        assert_eq!(slots.available(), 10);
        for _ in 0..7 {
            slots.note_sent();
            share.note_sent();
        }
        assert_eq!((slots.open(), slots.available(), share.open_elsewhere()), (497, 10, 490));
        slots.note_response();
        share.note_response();
        assert_eq!((slots.open(), slots.available(), share.open()), (496, 10, 6));
        // The responses to these six calls are still missing.
        drop(share);
        assert_eq!((slots.open(), slots.available()), (496, 4));
    }

    #[test]
    fn a_table_keeps_the_slots_that_are_used_and_forgets_others() {
        let callee = |number: u32| Principal::from_slice(&number.to_le_bytes());
        let mut table = SlotTable::default();
        let used = table.of(callee(0));
        used.note_sent();
        for number in 1..10_000 {
            table.of(callee(number));
        }
        assert!(table.slots.len() <= 2 * UNUSED_ENTRIES_MAX, "{}", table.slots.len());
        assert_eq!(table.of(callee(0)).open(), 1);
    }
}
