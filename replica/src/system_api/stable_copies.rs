//! The copies of stable memory pages in the added memory, which the code reads and writes without the replica.
//!
//! Format: `wasm/instrument/stable_copies.rs`. A page gets a copy when the replica has read or written it several times
//! in one execution. The replica keeps the pages and their copies equal: after each of its own writes, it renews the
//! copy; before each of its own accesses, and after the execution, it writes changed copies back.

use super::Host;
use crate::limits::OS_PAGE_BYTES;
use crate::wasm::{
    STABLE_COPIES, STABLE_COPIES_BYTES, STABLE_READ_TAGS, STABLE_WRITE_TAGS, StableMemory,
    TAG_BYTES,
};
use std::ops::Range;
use wasmtime::{AsContextMut, StoreContextMut};

/// A page gets a copy when the replica has accessed it this often without accessing another page of the same slot.
/// Making a copy takes as much time as a few accesses. A number of this project.
const ACCESSES_BEFORE_COPY: u8 = 4;

/// The pages that have copies.
#[derive(Default)]
pub(super) struct StableCopies {
    /// Whether the code of the module calls functions that use copies.
    is_used: bool,
    /// The slots, in groups. A group exists from the first access to a page of one of its slots.
    groups: Vec<Option<Box<[Slot; GROUP_SLOTS]>>>,
    /// The slots with copies.
    filled: Vec<usize>,
    /// The number of copies that the code may write to.
    writable: usize,
    /// The number of the execution. It can wrap around: a page then gets its copy earlier.
    execution: u32,
}

/// The number of slots in a group. Most canisters use few pages, which are near each other.
const GROUP_SLOTS: usize = 64;

/// A place for a copy.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// The tag of the page with a copy.
    copied: u64,
    /// The tag of the page that the replica accessed last, in which execution, and how often in succession.
    accessed: u64,
    execution: u32,
    accesses: u8,
    is_writable: bool,
}

/// The tag of a page.
const fn tag(page: u64) -> u64 {
    page + 1
}

fn slot_of(page: u64) -> usize {
    page as usize % STABLE_COPIES
}

/// The pages of a range. A range without bytes has none.
fn pages_of(offset: u64, size: u64) -> Range<u64> {
    let page = OS_PAGE_BYTES as u64;
    if size == 0 {
        return 0..0;
    }
    offset / page..offset.saturating_add(size).div_ceil(page)
}

impl StableCopies {
    /// Copies for a module whose code uses them, or for another module, which gets none.
    pub(super) fn new(is_used: bool) -> Self {
        Self { is_used, ..Self::default() }
    }

    /// Begins the next execution.
    pub(super) fn begin(&mut self) {
        self.execution = self.execution.wrapping_add(1);
    }

    /// Whether the code can have changed copies.
    #[inline]
    pub(super) fn can_be_changed(&self) -> bool {
        self.writable > 0
    }

    fn slot(&self, number: usize) -> Option<&Slot> {
        let group = self.groups.get(number / GROUP_SLOTS)?.as_ref()?;
        Some(&group[number % GROUP_SLOTS])
    }

    fn slot_mut(&mut self, number: usize) -> &mut Slot {
        let group = number / GROUP_SLOTS;
        if self.groups.len() <= group {
            self.groups.resize_with(group + 1, || None);
        }
        let slots = self.groups[group].get_or_insert_with(|| Box::new([Slot::default(); _]));
        &mut slots[number % GROUP_SLOTS]
    }

    fn has(&self, page: u64) -> bool {
        self.slot(slot_of(page)).is_some_and(|slot| slot.copied == tag(page))
    }

    /// Counts an access of the replica to a page without a copy. Returns whether the page should get a copy.
    fn count(&mut self, page: u64) -> bool {
        let (execution, slot) = (self.execution, self.slot_mut(slot_of(page)));
        if (slot.accessed, slot.execution) != (tag(page), execution) {
            (slot.accessed, slot.execution, slot.accesses) = (tag(page), execution, 0);
        }
        slot.accesses += 1;
        slot.accesses >= ACCESSES_BEFORE_COPY
    }

    /// The copied pages of a range, with their slots.
    fn copied(&self, pages: Range<u64>) -> Vec<(u64, usize)> {
        let found = |page: u64| self.has(page).then_some((page, slot_of(page)));
        if pages.end - pages.start <= self.filled.len() as u64 {
            return pages.filter_map(found).collect();
        }
        let filled = self.filled.iter().filter_map(|number| self.slot(*number));
        let pages_with = filled.map(|slot| slot.copied.saturating_sub(1));
        pages_with.filter(|page| pages.contains(page)).filter_map(found).collect()
    }
}

/// The copies' part of the added memory.
struct Part<'a>(&'a mut [u8]);

impl Part<'_> {
    fn set_tag(&mut self, tags: usize, slot: usize, tag: u64) {
        let at = tags + slot * TAG_BYTES;
        self.0[at..at + TAG_BYTES].copy_from_slice(&tag.to_le_bytes());
    }

    fn copy(&mut self, slot: usize) -> &mut [u8] {
        let at = STABLE_COPIES_BYTES + slot * OS_PAGE_BYTES;
        &mut self.0[at..at + OS_PAGE_BYTES]
    }
}

/// The copies' part of the added memory, and the host.
fn part<'a>(store: impl Into<StoreContextMut<'a, Host>>) -> (Part<'a>, &'a mut Host) {
    let store = store.into();
    let memory = store.data().added_memory();
    let (bytes, host) = memory.data_and_store_mut(store);
    (Part(&mut bytes[host.marks_end..]), host)
}

/// Writes a changed copy to its page.
fn write_back(stable: &mut StableMemory, page: u64, copy: &[u8]) {
    let is_dirty = stable.write_again(page * OS_PAGE_BYTES as u64, copy);
    debug_assert!(is_dirty, "page {page} has a copy that can be changed");
}

impl Host {
    /// Writes the copies of the pages of a range back, before the replica accesses the range.
    #[cold]
    pub(super) fn write_back_copies(
        store: &mut impl AsContextMut<Data = Self>,
        offset: u64,
        size: u64,
    ) {
        let copied = store.as_context().data().copies.copied(pages_of(offset, size));
        if copied.is_empty() {
            return;
        }
        let (mut part, host) = part(store.as_context_mut());
        for (page, slot) in copied {
            if host.copies.slot_mut(slot).is_writable {
                write_back(&mut host.stable, page, part.copy(slot));
            }
        }
    }

    /// Counts an access of the replica to a range. If the range is within a page that is accessed often, makes a copy
    /// of the page.
    #[inline]
    pub(super) fn count_access(store: &mut impl AsContextMut<Data = Self>, offset: u64, size: u64) {
        let pages = pages_of(offset, size);
        let mut store = store.as_context_mut();
        let copies = &mut store.data_mut().copies;
        if copies.is_used
            && pages.end == pages.start + 1
            && !copies.has(pages.start)
            && copies.count(pages.start)
        {
            Self::make_copy(store, pages.start);
        }
    }

    #[cold]
    fn make_copy(store: StoreContextMut<'_, Self>, page: u64) {
        let (mut part, host) = part(store);
        let number = slot_of(page);
        let copy = part.copy(number);
        let slot = host.copies.slot_mut(number);
        let (before, was_writable) = (slot.copied.checked_sub(1), slot.is_writable);
        let is_writable = host.stable.is_dirty(page);
        (slot.copied, slot.is_writable) = (tag(page), is_writable);
        host.copies.writable += usize::from(is_writable);
        host.copies.writable -= usize::from(was_writable);
        match before {
            Some(before) if was_writable => write_back(&mut host.stable, before, copy),
            Some(_) => {}
            None => host.copies.filled.push(number),
        }
        match host.stable.page(page) {
            Some(bytes) => copy.copy_from_slice(bytes),
            None => copy.fill(0),
        }
        part.set_tag(STABLE_READ_TAGS, number, tag(page));
        part.set_tag(STABLE_WRITE_TAGS, number, if is_writable { tag(page) } else { 0 });
    }

    /// Renews the copies of the pages of a range, after the replica has written the range.
    #[inline]
    pub(super) fn renew_copies(store: &mut impl AsContextMut<Data = Self>, offset: u64, size: u64) {
        if store.as_context().data().copies.filled.is_empty() {
            return;
        }
        let copied = store.as_context().data().copies.copied(pages_of(offset, size));
        if copied.is_empty() {
            return;
        }
        let (mut part, host) = part(store.as_context_mut());
        for (page, number) in copied {
            if let Some(bytes) = host.stable.page(page) {
                part.copy(number).copy_from_slice(bytes);
            }
            let was_writable =
                std::mem::replace(&mut host.copies.slot_mut(number).is_writable, true);
            host.copies.writable += usize::from(!was_writable);
            part.set_tag(STABLE_WRITE_TAGS, number, tag(page));
        }
    }

    /// Writes all changed copies back, and forgets all copies, after an execution.
    pub(crate) fn end_copies(store: impl AsContextMut<Data = Self>) {
        let mut store = store;
        if store.as_context().data().copies.filled.is_empty() {
            return;
        }
        let (mut part, host) = part(store.as_context_mut());
        for number in std::mem::take(&mut host.copies.filled) {
            let slot = std::mem::take(host.copies.slot_mut(number));
            if let (Some(page), true) = (slot.copied.checked_sub(1), slot.is_writable) {
                write_back(&mut host.stable, page, part.copy(number));
            }
            part.set_tag(STABLE_READ_TAGS, number, 0);
            part.set_tag(STABLE_WRITE_TAGS, number, 0);
        }
        host.copies.writable = 0;
    }
}
