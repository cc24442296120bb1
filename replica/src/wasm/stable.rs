//! Stable memory: memory that survives upgrades. The changes of one execution can be rolled back.

use crate::limits::{OS_PAGE_BYTES, STABLE_MEMORY_MAX, WASM_PAGE_BYTES};
use crate::wasm::pages::Page;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A canister's stable memory.
///
/// Pages that were never written need no space. Writes change the memory in place and keep the
/// replaced pages until [`commit`](Self::commit) or [`roll_back`](Self::roll_back).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StableMemory {
    wasm_pages: u64,
    #[serde(with = "saved_pages")]
    pages: BTreeMap<u64, Arc<Page>>,
    /// Empty after a commit or a rollback, so never saved.
    #[serde(skip)]
    undo: Undo,
    /// Empty after a commit or a rollback, so never saved.
    #[serde(skip)]
    accessed: PageSet,
}

#[derive(Clone, Debug, Default)]
struct Undo {
    wasm_pages: Option<u64>,
    /// The pages that this execution has written to, with their content before. `None` for a page that
    /// had never been written.
    pages: BTreeMap<u64, Option<Arc<Page>>>,
}

/// The changes of one execution.
#[derive(Debug, Serialize, Deserialize)]
pub struct StableChanges {
    wasm_pages: u64,
    #[serde(with = "saved_pages")]
    pages: BTreeMap<u64, Arc<Page>>,
}

/// Why an access to stable memory fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StableMemoryError {
    /// The range exceeds the size of stable memory.
    #[error("stable memory out of bounds")]
    OutOfBounds,
    /// The execution accesses more pages than one message may.
    #[error("the message accesses more stable memory than the limit of one message")]
    TooMuchAccessed,
}

impl StableMemory {
    /// Creates a stable memory with the content `bytes`, filled with zeros to the end of the last Wasm
    /// page. Returns `None` if `bytes` exceeds [`STABLE_MEMORY_MAX`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut stable = Self::default();
        stable.grow((bytes.len() as u64).div_ceil(WASM_PAGE_BYTES))?;
        for (number, content) in (0..).zip(bytes.chunks(OS_PAGE_BYTES)) {
            if content.iter().any(|byte| *byte != 0) {
                let mut page = [0; OS_PAGE_BYTES];
                page[..content.len()].copy_from_slice(content);
                stable.pages.insert(number, Arc::new(page));
            }
        }
        stable.commit();
        Some(stable)
    }

    /// The size in Wasm pages of 64 KiB.
    pub fn size_pages(&self) -> u64 {
        self.wasm_pages
    }

    /// The size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.wasm_pages * WASM_PAGE_BYTES
    }

    /// The size in bytes at the last commit.
    pub fn committed_bytes(&self) -> u64 {
        self.undo.wasm_pages.unwrap_or(self.wasm_pages) * WASM_PAGE_BYTES
    }

    /// Whether stable memory can grow by `additional` Wasm pages within [`STABLE_MEMORY_MAX`].
    pub fn can_grow(&self, additional: u64) -> bool {
        let after = self.wasm_pages.checked_add(additional);
        after.is_some_and(|pages| pages <= STABLE_MEMORY_MAX / WASM_PAGE_BYTES)
    }

    /// Grows by `additional` Wasm pages. Returns the size before, in Wasm pages, or `None` if the new
    /// size would exceed [`STABLE_MEMORY_MAX`].
    pub fn grow(&mut self, additional: u64) -> Option<u64> {
        let before = self.wasm_pages;
        if !self.can_grow(additional) {
            return None;
        }
        self.undo.wasm_pages.get_or_insert(before);
        self.wasm_pages = before + additional;
        Some(before)
    }

    /// Checks that the `size` bytes from `offset` are within stable memory.
    ///
    /// # Errors
    ///
    /// [`StableMemoryError::OutOfBounds`] if the range exceeds the size of stable memory.
    pub fn check_range(&self, offset: u64, size: u64) -> Result<(), StableMemoryError> {
        match offset.checked_add(size) {
            Some(end) if end <= self.size_bytes() => Ok(()),
            _ => Err(StableMemoryError::OutOfBounds),
        }
    }

    /// Reads from `offset` until `destination` is full.
    ///
    /// # Errors
    ///
    /// [`StableMemoryError::OutOfBounds`] if the range exceeds the size of stable memory.
    pub fn read(&self, offset: u64, destination: &mut [u8]) -> Result<(), StableMemoryError> {
        self.check_range(offset, destination.len() as u64)?;
        for (page, start, chunk) in chunks(offset, destination.len()) {
            let destination = &mut destination[chunk.clone()];
            match self.pages.get(&page) {
                Some(bytes) => destination.copy_from_slice(&bytes[start..start + chunk.len()]),
                None => destination.fill(0),
            }
        }
        Ok(())
    }

    /// Counts an access to the `size` bytes from `offset`. The range must be within stable memory.
    ///
    /// # Errors
    ///
    /// [`StableMemoryError::TooMuchAccessed`] if this execution has now accessed more than `pages_max`
    /// pages of 4 KiB.
    pub fn access(
        &mut self,
        offset: u64,
        size: u64,
        pages_max: u64,
    ) -> Result<(), StableMemoryError> {
        if size > 0 {
            let page = |at| at / OS_PAGE_BYTES as u64;
            self.accessed.insert(page(offset), page(offset + size - 1));
        }
        match self.accessed.count > pages_max {
            true => Err(StableMemoryError::TooMuchAccessed),
            false => Ok(()),
        }
    }

    /// The number of pages that writing `size` bytes at `offset` would make dirty and that are not dirty
    /// yet.
    pub fn newly_dirty(&self, offset: u64, size: usize) -> u64 {
        chunks(offset, size).filter(|(page, ..)| !self.undo.pages.contains_key(page)).count() as u64
    }

    /// The number of pages that were ever written to.
    pub fn count(&self) -> u64 {
        self.pages.len() as u64
    }

    /// The number of pages that were written to since the last commit.
    pub fn dirty_pages(&self) -> u64 {
        self.undo.pages.len() as u64
    }

    /// Writes `source` to `offset`.
    ///
    /// # Errors
    ///
    /// [`StableMemoryError::OutOfBounds`] if the range exceeds the size of stable memory. Then nothing is
    /// written.
    pub fn write(&mut self, offset: u64, source: &[u8]) -> Result<(), StableMemoryError> {
        self.check_range(offset, source.len() as u64)?;
        for (page, start, chunk) in chunks(offset, source.len()) {
            let before = || self.pages.get(&page).cloned();
            self.undo.pages.entry(page).or_insert_with(before);
            let bytes = self.pages.entry(page).or_insert_with(|| Arc::new([0; OS_PAGE_BYTES]));
            Arc::make_mut(bytes)[start..start + chunk.len()].copy_from_slice(&source[chunk]);
        }
        Ok(())
    }

    /// Makes all changes since the last commit permanent.
    pub fn commit(&mut self) {
        self.undo = Undo::default();
        self.accessed = PageSet::default();
    }

    /// Returns all changes since the last commit.
    pub fn changes(&self) -> StableChanges {
        let current = |page: &u64| (*page, self.pages[page].clone());
        StableChanges {
            wasm_pages: self.wasm_pages,
            pages: self.undo.pages.keys().map(current).collect(),
        }
    }

    /// Applies and commits changes that were rolled back before.
    pub fn apply(&mut self, changes: StableChanges) {
        self.wasm_pages = changes.wasm_pages;
        self.pages.extend(changes.pages);
    }

    /// Undoes all changes since the last commit.
    pub fn roll_back(&mut self) {
        let undo = std::mem::take(&mut self.undo);
        self.accessed = PageSet::default();
        for (page, before) in undo.pages {
            match before {
                Some(bytes) => self.pages.insert(page, bytes),
                None => self.pages.remove(&page),
            };
        }
        if let Some(wasm_pages) = undo.wasm_pages {
            self.wasm_pages = wasm_pages;
        }
    }
}

/// Encodes the pages of stable memory in a saved state.
mod saved_pages {
    use super::{Arc, BTreeMap, OS_PAGE_BYTES, Page, STABLE_MEMORY_MAX};
    use crate::pieces::pages;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        written: &BTreeMap<u64, Arc<Page>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        pages::serialize(written.iter().map(|(number, page)| (*number, page)), to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<u64, Arc<Page>>, D::Error> {
        let pages = pages::deserialize(from, STABLE_MEMORY_MAX / OS_PAGE_BYTES as u64)?;
        Ok(pages.into_iter().collect())
    }
}

/// A set of page numbers. The set is compact if most pages are neighbours.
#[derive(Clone, Debug, Default)]
struct PageSet {
    /// One bit for each page. The key of a word is the number of its first page, divided by 64.
    words: BTreeMap<u64, u64>,
    count: u64,
}

impl PageSet {
    /// Inserts the pages from `first` to `last`.
    fn insert(&mut self, first: u64, last: u64) {
        for word in first / 64..=last / 64 {
            let low = first.saturating_sub(word * 64);
            let high = (last - word * 64).min(63);
            let added = (u64::MAX << low) & (u64::MAX >> (63 - high));
            let bits = self.words.entry(word).or_default();
            self.count += u64::from((added & !*bits).count_ones());
            *bits |= added;
        }
    }
}

/// Splits the `length` bytes from `offset` at page boundaries. Each chunk is the number of the page, the
/// position of the first byte in the page, and the range of the chunk within the `length` bytes.
fn chunks(
    offset: u64,
    length: usize,
) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let page_bytes = OS_PAGE_BYTES as u64;
    let mut done = 0;
    std::iter::from_fn(move || {
        (done < length).then(|| {
            let at = offset + done as u64;
            let start = (at % page_bytes) as usize;
            let taken = (OS_PAGE_BYTES - start).min(length - done);
            done += taken;
            (at / page_bytes, start, done - taken..done)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn access_beyond_the_end_fails() {
        let mut memory = StableMemory::default();
        assert_eq!(memory.write(0, &[1]), Err(StableMemoryError::OutOfBounds));
        assert_eq!(memory.grow(1), Some(0));
        assert_eq!(memory.write(WASM_PAGE_BYTES - 1, &[1]), Ok(()));
        assert_eq!(memory.write(WASM_PAGE_BYTES - 1, &[1, 2]), Err(StableMemoryError::OutOfBounds));
        assert_eq!(memory.read(u64::MAX, &mut [0]), Err(StableMemoryError::OutOfBounds));
    }

    #[test]
    fn growing_beyond_the_largest_size_fails_and_changes_nothing() {
        let mut memory = StableMemory::default();
        assert_eq!(memory.grow(u64::MAX), None);
        assert_eq!(memory.grow(STABLE_MEMORY_MAX / WASM_PAGE_BYTES + 1), None);
        assert_eq!(memory.size_pages(), 0);
    }

    #[test]
    fn a_page_becomes_dirty_once_per_execution() {
        let page = OS_PAGE_BYTES as u64;
        let mut memory = StableMemory::default();
        memory.grow(1);
        memory.commit();
        let write = |memory: &mut StableMemory, offset, size| {
            let dirty = memory.newly_dirty(offset, size);
            memory.write(offset, &vec![1; size]).expect("in bounds");
            dirty
        };
        assert_eq!(write(&mut memory, page - 1, 2), 2);
        assert_eq!(write(&mut memory, 0, 2 * OS_PAGE_BYTES), 0);
        assert_eq!(write(&mut memory, 0, 0), 0);
        assert_eq!(write(&mut memory, page, 3 * OS_PAGE_BYTES), 2);
        memory.commit();
        assert_eq!(write(&mut memory, 0, 1), 1);
        memory.roll_back();
        assert_eq!(write(&mut memory, 0, 1), 1);
    }

    proptest! {
        #[test]
        fn each_accessed_page_counts_once(
            accesses in proptest::collection::vec((0u64..2_000_000, 0u64..600_000), 0..12),
        ) {
            let mut memory = StableMemory::default();
            let mut model = std::collections::BTreeSet::new();
            for (offset, size) in accesses {
                let page = |at| at / OS_PAGE_BYTES as u64;
                model.extend((offset..offset + size).step_by(OS_PAGE_BYTES).map(page));
                model.extend((size > 0).then(|| page(offset + size - 1)));
                let count = model.len() as u64;
                prop_assert_eq!(memory.clone().access(offset, size, count), Ok(()));
                let too_many = Err(StableMemoryError::TooMuchAccessed);
                if count > 0 {
                    prop_assert_eq!(memory.clone().access(offset, size, count - 1), too_many);
                }
                let _ = memory.access(offset, size, count);
            }
            memory.commit();
            prop_assert_eq!(memory.access(0, 1, 1), Ok(()));
        }

        #[test]
        fn stable_memory_behaves_like_an_array_with_rollback(
            rounds in proptest::collection::vec(
                (proptest::collection::vec((0u64..130_000, 0usize..9_000, any::<u8>()), 0..6), any::<bool>()),
                0..8,
            )
        ) {
            let mut memory = StableMemory::default();
            memory.grow(2);
            memory.commit();
            let mut model = vec![0u8; 2 * WASM_PAGE_BYTES as usize];
            for (writes, keep) in rounds {
                let before = model.clone();
                for (offset, length, byte) in writes {
                    let written = memory.write(offset, &vec![byte; length]);
                    let range = offset as usize..offset as usize + length;
                    prop_assert_eq!(written.is_ok(), range.end <= model.len());
                    if written.is_ok() {
                        model[range].fill(byte);
                    }
                }
                if keep {
                    memory.commit();
                } else {
                    memory.roll_back();
                    model = before;
                }
                let mut content = vec![0u8; model.len()];
                memory.read(0, &mut content).expect("in bounds");
                prop_assert!(content == model);
            }
        }
    }
}
