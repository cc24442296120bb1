//! Stable memory: memory that survives upgrades. The changes of one execution can be rolled back.
//!
//! `table` has the pages as of the last commit. `execution` has what the current execution accesses and writes.

mod execution;
mod table;

use crate::limits::{OS_PAGE_BYTES, STABLE_MEMORY_MAX, WASM_PAGE_BYTES};
use crate::pieces::pages;
use crate::wasm::pages::Page;
use execution::Execution;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;
use table::{PageTable, REGION_PAGES};

/// A canister's stable memory.
///
/// Pages that were never written need no space. Clones share all pages. Writes are kept apart from the pages of the
/// last commit until [`commit`](Self::commit) or [`roll_back`](Self::roll_back).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StableMemory {
    wasm_pages: u64,
    pages: PageTable,
    /// The size before the first growth since the last commit. `None` after a commit or a rollback, so never saved.
    #[serde(skip)]
    wasm_pages_before: Option<u64>,
    /// Empty after a commit or a rollback, so never saved.
    #[serde(skip)]
    execution: Execution,
}

/// The changes of one execution.
#[derive(Debug, Serialize, Deserialize)]
pub struct StableChanges {
    wasm_pages: u64,
    #[serde(serialize_with = "write_pages", deserialize_with = "read_pages")]
    pages: Vec<(u64, Arc<Page>)>,
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
                stable.execution.write(&stable.pages, number, 0, content);
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
        self.wasm_pages_before.unwrap_or(self.wasm_pages) * WASM_PAGE_BYTES
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
        self.wasm_pages_before.get_or_insert(before);
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
            match self.execution.page(&self.pages, page) {
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
        if let Some((first, last)) = pages_of(offset, size) {
            self.execution.access(&self.pages, first, last, pages_max);
        }
        self.execution.check_accessed(pages_max)
    }

    /// Counts an access to the bytes from `offset` like [`access`](Self::access), and reads them until `destination` is
    /// full.
    ///
    /// # Errors
    ///
    /// Those of [`check_range`](Self::check_range) and of [`access`](Self::access). Then `destination` is unchanged.
    pub fn access_and_read(
        &mut self,
        offset: u64,
        destination: &mut [u8],
        pages_max: u64,
    ) -> Result<(), StableMemoryError> {
        self.check_range(offset, destination.len() as u64)?;
        let Some((page, start)) = within_page(offset, destination.len()) else {
            self.access(offset, destination.len() as u64, pages_max)?;
            return self.read(offset, destination);
        };
        match self.execution.access_page(&self.pages, page, pages_max)? {
            Some(bytes) => destination.copy_from_slice(&bytes[start..start + destination.len()]),
            None => destination.fill(0),
        }
        Ok(())
    }

    /// The number of pages that writing `size` bytes at `offset` would make dirty and that are not dirty
    /// yet.
    pub fn newly_dirty(&self, offset: u64, size: usize) -> u64 {
        let pages = pages_of(offset, size as u64);
        pages.map_or(0, |(first, last)| self.execution.clean(first, last))
    }

    /// The number of pages that were ever written to.
    pub fn count(&self) -> u64 {
        self.pages.count() + self.execution.first_written()
    }

    /// The number of pages that were written to since the last commit.
    pub fn dirty_pages(&self) -> u64 {
        self.execution.dirty()
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
            self.execution.write(&self.pages, page, start, &source[chunk]);
        }
        Ok(())
    }

    /// Writes `source` to `offset` if all of these bytes are in one page that is dirty already. Such a write is no new
    /// access. Returns false, and writes nothing, if they are not.
    pub fn write_again(&mut self, offset: u64, source: &[u8]) -> bool {
        let Some((page, start)) = within_page(offset, source.len()) else { return false };
        self.execution.write_again(page, start, source)
    }

    /// The current content of a page. `None` if the page was never written.
    pub fn page(&self, page: u64) -> Option<&Page> {
        self.execution.page(&self.pages, page).map(|page| &**page)
    }

    /// Whether a page was written to since the last commit.
    pub fn is_dirty(&self, page: u64) -> bool {
        self.execution.clean(page, page) == 0
    }

    /// Makes all changes since the last commit permanent.
    pub fn commit(&mut self) {
        self.wasm_pages_before = None;
        if self.execution.is_unused() {
            return;
        }
        for (region, pages) in std::mem::take(&mut self.execution).into_written() {
            self.pages.set(region, pages);
        }
    }

    /// Undoes all changes since the last commit, and returns them for [`apply`](Self::apply).
    pub fn take_changes(&mut self) -> StableChanges {
        let wasm_pages = self.wasm_pages;
        let regions = std::mem::take(&mut self.execution).into_written();
        self.roll_back();
        let pages = regions.flat_map(|(region, pages)| {
            let first = region * REGION_PAGES as u64;
            pages.into_iter().map(move |(position, page)| (first + position as u64, page))
        });
        StableChanges { wasm_pages, pages: pages.collect() }
    }

    /// Applies and commits changes that were rolled back before.
    pub fn apply(&mut self, changes: StableChanges) {
        self.wasm_pages = changes.wasm_pages;
        let pages = REGION_PAGES as u64;
        for (number, page) in changes.pages {
            self.pages.set(number / pages, [((number % pages) as usize, page)]);
        }
    }

    /// Undoes all changes since the last commit.
    pub fn roll_back(&mut self) {
        if !self.execution.is_unused() {
            self.execution = Execution::default();
        }
        if let Some(wasm_pages) = self.wasm_pages_before.take() {
            self.wasm_pages = wasm_pages;
        }
    }
}

/// Encodes the changed pages in a saved state.
fn write_pages<S: Serializer>(changed: &[(u64, Arc<Page>)], to: S) -> Result<S::Ok, S::Error> {
    pages::serialize(changed.iter().map(|(number, page)| (*number, page)), to)
}

/// Decodes the changed pages in a saved state.
fn read_pages<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(u64, Arc<Page>)>, D::Error> {
    pages::deserialize(from, STABLE_MEMORY_MAX / OS_PAGE_BYTES as u64)
}

/// The number of the page that has all of the `length` bytes from `offset`, and the position of the first byte in the
/// page. `None` if there is no such page.
#[inline]
fn within_page(offset: u64, length: usize) -> Option<(u64, usize)> {
    let start = (offset % OS_PAGE_BYTES as u64) as usize;
    let fits = length > 0 && length <= OS_PAGE_BYTES - start;
    fits.then_some((offset / OS_PAGE_BYTES as u64, start))
}

/// The numbers of the first and the last page of the `size` bytes from `offset`. `None` for no bytes.
fn pages_of(offset: u64, size: u64) -> Option<(u64, u64)> {
    let last = size.checked_sub(1)? + offset;
    Some((offset / OS_PAGE_BYTES as u64, last / OS_PAGE_BYTES as u64))
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
mod tests;
