//! What one execution does with stable memory: the pages that it accesses, and the new content of the pages that
//! it writes to.

use super::StableMemoryError;
use super::table::{PageTable, REGION_PAGES, Region, path};
use crate::limits::OS_PAGE_BYTES;
use crate::pieces::Page;
use std::sync::Arc;

/// For each region, its position in [`Execution::regions`], plus 1. 0 if the execution has not used the region.
type Positions = [u32; REGION_PAGES];

/// The positions of neighbouring tables of regions. `None` if the execution has used no region of a table.
type PositionTables = [Option<Box<Positions>>; REGION_PAGES];

/// The use of stable memory by one execution.
#[derive(Clone, Debug, Default)]
pub struct Execution {
    /// The used regions, in the order of their first use.
    regions: Vec<UsedRegion>,
    /// Where the used regions are, in the shape of a [`PageTable`].
    positions: Vec<Option<Box<PositionTables>>>,
    /// The position of the region that was used last. Most accesses are to the same region again.
    last: usize,
    accessed: u64,
    dirty: u64,
}

/// A region that the execution uses.
#[derive(Clone, Debug)]
struct UsedRegion {
    number: u64,
    /// One bit for each page: whether the execution has accessed the page.
    accessed: u64,
    /// One bit for each page: whether the execution has written to the page.
    dirty: u64,
    /// The pages before the execution.
    before: Option<Arc<Region>>,
    /// The pages that the execution has written to.
    after: Option<Box<Region>>,
}

impl Execution {
    /// Whether the execution has used no page.
    pub fn is_unused(&self) -> bool {
        self.regions.is_empty()
    }

    /// Checks that the execution has accessed at most `pages_max` pages.
    ///
    /// # Errors
    ///
    /// [`StableMemoryError::TooMuchAccessed`] if it has accessed more.
    pub fn check_accessed(&self, pages_max: u64) -> Result<(), StableMemoryError> {
        match self.accessed > pages_max {
            true => Err(StableMemoryError::TooMuchAccessed),
            false => Ok(()),
        }
    }

    /// The number of pages that the execution has written to.
    pub fn dirty(&self) -> u64 {
        self.dirty
    }

    /// The number of pages that the execution has written to as the first one.
    pub fn first_written(&self) -> u64 {
        let written = |region: &UsedRegion| {
            let before = |at: usize| region.before.as_ref().and_then(|pages| pages[at].as_ref());
            let first = |at: &usize| region.dirty >> at & 1 != 0 && before(*at).is_none();
            (0..REGION_PAGES).filter(first).count() as u64
        };
        self.regions.iter().map(written).sum()
    }

    /// Counts an access to the pages from `first` to `last`. Returns early if the execution has accessed more than
    /// `pages_max` pages.
    pub fn access(&mut self, table: &PageTable, first: u64, last: u64, pages_max: u64) {
        for (number, bits) in regions(first, last) {
            let region = self.region(table, number);
            let added = bits & !region.accessed;
            region.accessed |= added;
            self.accessed += u64::from(added.count_ones());
            if self.accessed > pages_max {
                return;
            }
        }
    }

    /// Counts an access to one page. Returns its current content, or `None` if the page was never written.
    ///
    /// # Errors
    ///
    /// [`StableMemoryError::TooMuchAccessed`] if the execution has now accessed more than `pages_max` pages.
    #[inline]
    pub fn access_page(
        &mut self,
        table: &PageTable,
        page: u64,
        pages_max: u64,
    ) -> Result<Option<&Page>, StableMemoryError> {
        let (number, position) = place(page);
        let at = self.position_of(table, number);
        let region = &mut self.regions[at];
        let bit = 1 << position;
        self.accessed += u64::from(region.accessed & bit == 0);
        region.accessed |= bit;
        self.check_accessed(pages_max)?;
        Ok(self.regions[at].page(position).map(|page| &**page))
    }

    /// Writes `source` to a page, from the byte `start`, if the execution has written to the page before. Returns
    /// whether it has. The bytes must fit.
    #[inline]
    pub fn write_again(&mut self, page: u64, start: usize, source: &[u8]) -> bool {
        let (number, position) = place(page);
        let Some(at) = self.known_position(number) else { return false };
        self.last = at;
        let after = self.regions[at].after.as_mut();
        match after.and_then(|pages| pages[position].as_mut()) {
            Some(page) => {
                Arc::make_mut(page)[start..start + source.len()].copy_from_slice(source);
                true
            }
            None => false,
        }
    }

    /// How many of the pages from `first` to `last` the execution has not written to.
    pub fn clean(&self, first: u64, last: u64) -> u64 {
        let clean = |(number, bits): (u64, u64)| {
            let dirty = self.find(number).map_or(0, |region| region.dirty);
            u64::from((bits & !dirty).count_ones())
        };
        regions(first, last).map(clean).sum()
    }

    /// The current content of a page. `None` if the page was never written.
    pub fn page<'a>(&'a self, table: &'a PageTable, page: u64) -> Option<&'a Arc<Page>> {
        let (number, position) = place(page);
        match self.find(number) {
            Some(region) => region.page(position),
            None => table.region(number)?[position].as_ref(),
        }
    }

    /// Writes `source` to a page, from the byte `start`. The bytes must fit.
    pub fn write(&mut self, table: &PageTable, page: u64, start: usize, source: &[u8]) {
        let (number, position) = place(page);
        let added = self.region(table, number).write(position, start, source);
        self.dirty += u64::from(added);
    }

    /// The pages that the execution has written to, by region, in ascending order.
    pub fn into_written(self) -> impl Iterator<Item = (u64, Vec<(usize, Arc<Page>)>)> {
        let mut regions = self.regions;
        regions.retain(|region| region.dirty != 0);
        regions.sort_unstable_by_key(|region| region.number);
        regions.into_iter().map(|region| {
            let after = region.after.into_iter().flat_map(|pages| (0..).zip(*pages));
            (region.number, after.filter_map(|(at, page)| Some((at, page?))).collect())
        })
    }

    fn find(&self, number: u64) -> Option<&UsedRegion> {
        Some(&self.regions[self.known_position(number)?])
    }

    #[inline]
    fn region(&mut self, table: &PageTable, number: u64) -> &mut UsedRegion {
        let at = self.position_of(table, number);
        &mut self.regions[at]
    }

    /// The position of a region. The region is added if the execution has not used it yet.
    #[inline]
    fn position_of(&mut self, table: &PageTable, number: u64) -> usize {
        let is_last = self.regions.get(self.last).is_some_and(|region| region.number == number);
        if !is_last {
            self.last = self.position(table, number);
        }
        self.last
    }

    /// The position of a region. `None` if the execution has not used the region yet.
    #[inline]
    fn known_position(&self, number: u64) -> Option<usize> {
        if self.regions.get(self.last).is_some_and(|region| region.number == number) {
            return Some(self.last);
        }
        let (first, second, third) = path(number);
        let position = self.positions.get(first)?.as_ref()?[second].as_ref()?[third];
        (position as usize).checked_sub(1)
    }

    /// Looks for a region in the tables, and adds it if the execution has not used it yet.
    fn position(&mut self, table: &PageTable, number: u64) -> usize {
        let (first, second, third) = path(number);
        if self.positions.len() <= first {
            self.positions.resize_with(first + 1, || None);
        }
        let part =
            self.positions[first].get_or_insert_with(|| Box::new([const { None }; REGION_PAGES]));
        let positions = part[second].get_or_insert_with(|| Box::new([0; REGION_PAGES]));
        let position = &mut positions[third];
        if *position == 0 {
            self.regions.push(UsedRegion::new(number, table.region(number).cloned()));
            *position = self.regions.len() as u32;
        }
        *position as usize - 1
    }
}

impl UsedRegion {
    fn new(number: u64, before: Option<Arc<Region>>) -> Self {
        Self { number, accessed: 0, dirty: 0, before, after: None }
    }

    fn page(&self, position: usize) -> Option<&Arc<Page>> {
        match self.dirty >> position & 1 {
            0 => self.before.as_ref()?[position].as_ref(),
            _ => self.after.as_ref()?[position].as_ref(),
        }
    }

    /// Writes to a page. Returns whether the page was clean.
    fn write(&mut self, position: usize, start: usize, source: &[u8]) -> bool {
        let after = self.after.get_or_insert_with(|| Box::new([const { None }; REGION_PAGES]));
        if let Some(page) = &mut after[position] {
            Arc::make_mut(page)[start..start + source.len()].copy_from_slice(source);
            return false;
        }
        let before = self.before.as_ref().and_then(|region| region[position].as_deref());
        let mut page = match before {
            Some(before) if source.len() < OS_PAGE_BYTES => Arc::new(*before),
            _ => Arc::new([0; OS_PAGE_BYTES]),
        };
        Arc::make_mut(&mut page)[start..start + source.len()].copy_from_slice(source);
        after[position] = Some(page);
        self.dirty |= 1 << position;
        true
    }
}

/// The region of a page, and the position of the page in the region.
fn place(page: u64) -> (u64, usize) {
    (page / REGION_PAGES as u64, (page % REGION_PAGES as u64) as usize)
}

/// The regions of the pages from `first` to `last`, each with one bit for each of these pages in the region.
fn regions(first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> {
    let pages = REGION_PAGES as u64;
    (first / pages..=last / pages).map(move |number| {
        let low = first.saturating_sub(number * pages);
        let high = (last - number * pages).min(pages - 1);
        (number, (u64::MAX << low) & (u64::MAX >> (pages - 1 - high)))
    })
}
