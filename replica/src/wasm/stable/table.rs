//! A table of pages. Clones share all parts that neither of them has changed.

use crate::limits::{OS_PAGE_BYTES, STABLE_MEMORY_MAX};
use crate::pieces::{Page, pages};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// The number of pages in a region, and of parts in each other part of the table.
pub const REGION_PAGES: usize = 64;

/// Neighbouring pages. A page that was never written has no entry.
pub type Region = [Option<Arc<Page>>; REGION_PAGES];

/// A part of the table with smaller parts.
type Node<T> = [Option<Arc<T>>; REGION_PAGES];

/// Pages by their number. A page needs space only if it was written; a single page far from all others needs
/// space for one part of each size, 1.5 KiB together.
#[derive(Clone, Default)]
pub struct PageTable {
    /// Parts of 1 GiB, which consist of parts of 16 MiB, which consist of regions of 256 KiB.
    parts: Vec<Option<Arc<Node<Node<Region>>>>>,
    count: u64,
}

impl std::fmt::Debug for PageTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PageTable({} pages)", self.count)
    }
}

impl PageTable {
    /// The number of pages that were ever written.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The number of the largest parts, existing or not.
    #[cfg(test)]
    pub fn parts(&self) -> u64 {
        self.parts.len() as u64
    }

    /// The region with this number. `None` if none of its pages was written.
    pub fn region(&self, number: u64) -> Option<&Arc<Region>> {
        let (first, second, third) = path(number);
        self.parts.get(first)?.as_ref()?[second].as_ref()?[third].as_ref()
    }

    /// Replaces pages of one region. Each page has its position in the region.
    pub fn set(&mut self, region: u64, pages: impl IntoIterator<Item = (usize, Arc<Page>)>) {
        let (first, second, third) = path(region);
        if self.parts.len() <= first {
            self.parts.resize(first + 1, None);
        }
        let region = own(&mut own(&mut own(&mut self.parts[first])[second])[third]);
        for (position, page) in pages {
            self.count += u64::from(region[position].replace(page).is_none());
        }
    }

    /// The pages, with their numbers, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Arc<Page>)> {
        present(&self.parts, 0)
            .flat_map(|(number, parts)| present(&parts[..], number))
            .flat_map(|(number, parts)| present(&parts[..], number))
            .flat_map(|(number, parts)| present(&parts[..], number))
    }
}

/// The positions of a region in the parts that contain the region.
pub fn path(region: u64) -> (usize, usize, usize) {
    let region = region as usize;
    let within = REGION_PAGES * REGION_PAGES;
    (region / within, region / REGION_PAGES % REGION_PAGES, region % REGION_PAGES)
}

/// The part at this place, for changes: a new one if there is none, and a copy if others share the part.
fn own<T: Clone>(place: &mut Option<Arc<Node<T>>>) -> &mut Node<T> {
    Arc::make_mut(place.get_or_insert_with(|| Arc::new([const { None }; REGION_PAGES])))
}

/// The parts that exist, with their numbers, of the part with the number `parent`.
fn present<T>(parts: &[Option<Arc<T>>], parent: u64) -> impl Iterator<Item = (u64, &Arc<T>)> {
    let first = parent * REGION_PAGES as u64;
    (first..).zip(parts).filter_map(|(number, part)| Some((number, part.as_ref()?)))
}

impl Serialize for PageTable {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        pages::serialize(self.iter(), to)
    }
}

impl<'de> Deserialize<'de> for PageTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut table = Self::default();
        for (number, page) in pages::deserialize(from, STABLE_MEMORY_MAX / OS_PAGE_BYTES as u64)? {
            let pages = REGION_PAGES as u64;
            table.set(number / pages, [((number % pages) as usize, page)]);
        }
        Ok(table)
    }
}
