//! The slots for calls to a callee, which the fan-outs of a canister share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use ic_principal::Principal;

use crate::limits::QUEUE_SLOTS;

/// Slots to one callee that several windows of a canister use together, at most. The other slots are left for calls
/// that belong to no window, such as [`call`](crate::call) and [`Leg`](crate::Leg).
pub const SHARED_SLOTS: u32 = QUEUE_SLOTS - QUEUE_SLOTS / 10;

/// The slots for calls of this canister to one callee: how many are occupied, and how many each window may occupy.
///
/// A canister can have several windows that call the same callee at the same time, for instance when two messages
/// make calls, or a message and a [`Job`](crate::Job). As long as all of these windows together fit into 450 slots
/// ([`SHARED_SLOTS`]), each is as large as it was planned. Otherwise each window gets the same share of the 450
/// slots; what a small window does not need, the others share. A window that has more open calls than its share sends
/// no further call until it is below its share.
///
/// A window wants as many slots as it can use: one if it is [in order](crate::FanOut::in_order), at most its
/// [total](crate::Window::total), and when no further requests are left, at most as many as it has calls to the callee.
#[derive(Debug)]
pub struct Slots {
    /// Open calls of this canister to the callee.
    open: Cell<u32>,
    /// The open calls that belong to windows.
    open_in_windows: Cell<u32>,
    /// Open calls that each window may have.
    share: Cell<u32>,
    /// What the windows with calls for the callee want.
    claims: RefCell<Claims>,
}

/// What the windows with calls for one callee want.
#[derive(Debug, Default)]
struct Claims {
    /// Numbers of open calls, the smallest first, each with the number of windows that want so many. No number is
    /// larger than [`SHARED_SLOTS`], so there are few of them, however many windows there are.
    sizes: Vec<(u32, u32)>,
    windows: u32,
    /// What all windows together want.
    slots: u64,
}

impl Claims {
    /// The open calls that each window may have: the largest number with which all windows together fit.
    fn share(&self) -> u32 {
        if self.windows <= 1 || self.slots <= u64::from(SHARED_SLOTS) {
            return u32::MAX;
        }
        let (mut windows, mut slots) = (self.windows, SHARED_SLOTS);
        for &(wanted, windows_of_this_size) in &self.sizes {
            #[cfg(test)]
            tests::STEPS.set(tests::STEPS.get() + 1);
            let share = slots / windows;
            if wanted > share {
                return share.max(1);
            }
            // A window that wants less than the share leaves slots to the larger ones.
            windows -= windows_of_this_size;
            slots -= wanted * windows_of_this_size;
        }
        u32::MAX
    }

    fn add(&mut self, wanted: u32) {
        let wanted = wanted.min(SHARED_SLOTS);
        match self.sizes.binary_search_by_key(&wanted, |size| size.0) {
            Ok(place) => self.sizes[place].1 += 1,
            Err(place) => self.sizes.insert(place, (wanted, 1)),
        }
        self.windows += 1;
        self.slots += u64::from(wanted);
    }

    fn remove(&mut self, wanted: u32) {
        let wanted = wanted.min(SHARED_SLOTS);
        let Ok(place) = self.sizes.binary_search_by_key(&wanted, |size| size.0) else { return };
        self.sizes[place].1 -= 1;
        if self.sizes[place].1 == 0 {
            self.sizes.remove(place);
        }
        self.windows -= 1;
        self.slots -= u64::from(wanted);
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            open: Cell::new(0),
            open_in_windows: Cell::new(0),
            share: Cell::new(u32::MAX),
            claims: RefCell::default(),
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

    /// Keeps a share of the slots for a fan-out that is made later, for instance by the task of a timer. Until the
    /// claim is dropped, the windows of other messages leave this share free, as if a window with so many `calls`
    /// were running. Drop the claim before the fan-out starts: the fan-out claims its own share.
    pub fn claim(self: &Rc<Self>, calls: u32) -> SlotClaim {
        SlotClaim { _share: SlotShare::new(self.clone(), calls) }
    }

    /// Replaces what a window wants. 0 stands for no window.
    fn change_claim(&self, before: u32, wanted: u32) {
        let mut claims = self.claims.borrow_mut();
        if before > 0 {
            claims.remove(before);
        }
        if wanted > 0 {
            claims.add(wanted);
        }
        self.share.set(claims.share());
    }
}

/// A share of the slots to a callee that is kept for a later fan-out. See [`Slots::claim`].
#[derive(Debug)]
#[must_use = "dropping a claim gives the share back"]
pub struct SlotClaim {
    _share: SlotShare,
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
    /// The part of a window that wants at most this many open calls to the callee. 0 counts as 1.
    pub fn new(slots: Rc<Slots>, wanted: u32) -> Self {
        let wanted = wanted.max(1);
        slots.change_claim(0, wanted);
        Self { slots, wanted, open: 0 }
    }

    /// Open calls that the window wants.
    pub fn wanted(&self) -> u32 {
        self.wanted
    }

    /// Changes how many open calls the window wants. 0 counts as 1.
    pub fn want(&mut self, wanted: u32) {
        let wanted = wanted.max(1);
        let before = std::mem::replace(&mut self.wanted, wanted);
        if before != wanted {
            self.slots.change_claim(before, wanted);
        }
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
        self.slots.change_claim(self.wanted, 0);
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

    thread_local! {
        /// Steps of all calculations of shares.
        pub static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    fn shares(wanted: &[u32]) -> Vec<u32> {
        let slots = Rc::new(Slots::default());
        let shares: Vec<SlotShare> =
            wanted.iter().map(|wanted| SlotShare::new(slots.clone(), *wanted)).collect();
        let of_one = |share: &SlotShare| share.wanted.min(share.slots.share.get());
        let shared = shares.iter().map(of_one).collect();
        drop(shares);
        let claims = slots.claims.borrow();
        assert_eq!((slots.share.get(), claims.windows, claims.slots), (u32::MAX, 0, 0));
        assert_eq!(claims.sizes, []);
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

    /// The share with which the windows fit, found by trying all.
    fn largest_share(wanted: &[u32]) -> Vec<u32> {
        let shared =
            |share: u32| wanted.iter().map(|wanted| *wanted.min(&share)).collect::<Vec<_>>();
        let fits = |share: &u32| shared(*share).iter().sum::<u32>() <= SHARED_SLOTS;
        let largest = (1..=1_000).filter(fits).max().unwrap_or(1);
        if wanted.len() == 1 { wanted.to_vec() } else { shared(largest) }
    }

    proptest::proptest! {
        #[test]
        fn the_share_is_the_largest_with_which_all_windows_fit(
            wanted in proptest::collection::vec(1_u32..600, 1..20),
        ) {
            proptest::prop_assert_eq!(shares(&wanted), largest_share(&wanted));
        }
    }

    #[test]
    fn a_window_that_wants_less_gives_the_rest_back() {
        let slots = Rc::new(Slots::default());
        let mut first = SlotShare::new(slots.clone(), 450);
        let second = SlotShare::new(slots.clone(), 450);
        assert_eq!(slots.share.get(), 225);
        first.want(10);
        assert_eq!(slots.share.get(), 440);
        let claim = slots.claim(450);
        assert_eq!(slots.share.get(), 220);
        drop((first, claim));
        assert_eq!(slots.share.get(), u32::MAX);
        drop(second);
    }

    #[test]
    fn the_work_of_sharing_does_not_grow_with_the_number_of_windows() {
        let steps_per_window = |windows: u32| {
            STEPS.set(0);
            let slots = Rc::new(Slots::default());
            let shares: Vec<SlotShare> =
                (0..windows).map(|number| SlotShare::new(slots.clone(), 1 + number % 3)).collect();
            drop(shares);
            STEPS.get() / u64::from(windows)
        };
        for windows in [1_000, 10_000, 100_000] {
            assert!(steps_per_window(windows) <= 4, "{}", steps_per_window(windows));
        }
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
