//! The content of a memory as copy-on-write pages. Pages of zeros need no space, and clones share
//! their pages.

use crate::limits::{OS_PAGE_BYTES, WASM64_MEMORY_MAX};
pub use crate::pieces::Page;
use crate::pieces::pages;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

static ZERO: Page = [0; OS_PAGE_BYTES];

/// The size of a part of a page in bytes.
const PART_BYTES: usize = OS_PAGE_BYTES / u8::BITS as usize;

/// Some of the eight parts of a page: bit `n` stands for part `n`. Most messages change a page in one or two places.
/// Copying these parts alone takes less time than copying the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageParts(u8);

impl PageParts {
    const NONE: Self = Self(0);
    const ALL: Self = Self(u8::MAX);

    /// Whether these are no parts.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    fn contains(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }
}

/// The content of a memory. The content has no size: every byte that was not written is zero.
#[derive(Clone, Default)]
pub struct Pages(Vec<Option<Arc<Page>>>);

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pages({} of {})", self.count(), self.0.len())
    }
}

impl Pages {
    /// The number of pages that were written to.
    pub fn count(&self) -> u64 {
        self.0.iter().flatten().count() as u64
    }

    /// The page with this number.
    pub fn get(&self, number: usize) -> &Page {
        self.0.get(number).and_then(Option::as_deref).unwrap_or(&ZERO)
    }

    /// The parts in which the first `bytes` bytes of a page differ from those of the page with this number. If the first
    /// two parts differ, all parts: then mostly the whole page is new, and comparing the rest would take longer than
    /// copying it. The same for a page that was never written to, because it is copied as a whole.
    pub fn differing(&self, number: usize, page: &Page, bytes: usize) -> PageParts {
        let Some(Some(own)) = self.0.get(number) else {
            return if page[..bytes] == ZERO[..bytes] { PageParts::NONE } else { PageParts::ALL };
        };
        let (page, own) = (page[..bytes].chunks(PART_BYTES), own[..bytes].chunks(PART_BYTES));
        let mut parts = 0;
        for (number, (part, own)) in page.zip(own).enumerate() {
            parts |= u8::from(part != own) << number;
            if parts == 0b11 {
                return PageParts::ALL;
            }
        }
        PageParts(parts)
    }

    /// Replaces `parts` of the page with this number. The other parts of `page` are the same already.
    pub fn set_parts(&mut self, number: usize, page: &Page, parts: PageParts) {
        let own = self.slot(number).as_mut().and_then(Arc::get_mut);
        let Some(own) = own.filter(|_| parts != PageParts::ALL) else {
            return self.set(number, page);
        };
        let (own, page) = (own.chunks_mut(PART_BYTES), page.chunks(PART_BYTES));
        for (_, (own, part)) in own.zip(page).enumerate().filter(|(part, _)| parts.contains(*part))
        {
            own.copy_from_slice(part);
        }
    }

    /// Replaces the page with this number.
    pub fn set(&mut self, number: usize, page: &Page) {
        match self.slot(number) {
            Some(own) => match Arc::get_mut(own) {
                Some(own) => *own = *page,
                None => *own = Arc::new(*page),
            },
            empty => *empty = Some(Arc::new(*page)),
        }
    }

    /// The number after that of the last page that was written to.
    pub fn end(&self) -> usize {
        self.0.len()
    }

    /// Reads from the address `start` until `destination` is full.
    pub fn read(&self, start: usize, destination: &mut [u8]) {
        let mut done = 0;
        while done < destination.len() {
            let at = start + done;
            let within = at % OS_PAGE_BYTES;
            let taken = (OS_PAGE_BYTES - within).min(destination.len() - done);
            let page = self.get(at / OS_PAGE_BYTES);
            destination[done..done + taken].copy_from_slice(&page[within..within + taken]);
            done += taken;
        }
    }

    /// Writes `bytes` to the address `start`.
    pub fn write(&mut self, start: usize, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let at = start + done;
            let within = at % OS_PAGE_BYTES;
            let taken = (OS_PAGE_BYTES - within).min(bytes.len() - done);
            let page = self.slot(at / OS_PAGE_BYTES).get_or_insert_with(|| Arc::new(ZERO));
            Arc::make_mut(page)[within..within + taken].copy_from_slice(&bytes[done..done + taken]);
            done += taken;
        }
    }

    /// The pages that `self` does not share with `other`, with their numbers. These are all pages that
    /// differ, and possibly some equal ones.
    pub fn unshared<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (usize, &'a Page)> {
        let count = self.0.len().max(other.0.len());
        (0..count).filter_map(move |number| {
            let of = |pages: &'a Self| pages.0.get(number).and_then(Option::as_ref);
            let shared = match (of(self), of(other)) {
                (Some(own), Some(other)) => Arc::ptr_eq(own, other),
                (None, None) => true,
                _ => false,
            };
            (!shared).then(|| (number, self.get(number)))
        })
    }

    /// Shares the pages that have the same content as those of `other`.
    pub fn share_equal(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            if let (Some(own), Some(other)) = (own, other)
                && **own == **other
            {
                *own = other.clone();
            }
        }
    }

    fn slot(&mut self, number: usize) -> &mut Option<Arc<Page>> {
        if self.0.len() <= number {
            self.0.resize(number + 1, None);
        }
        &mut self.0[number]
    }
}

impl Serialize for Pages {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let written =
            (0..).zip(&self.0).filter_map(|(number, page)| Some((number, page.as_ref()?)));
        pages::serialize(written, to)
    }
}

impl<'de> Deserialize<'de> for Pages {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut pages = Self::default();
        for (number, page) in pages::deserialize(from, WASM64_MEMORY_MAX / OS_PAGE_BYTES as u64)? {
            *pages.slot(number as usize) = Some(page);
        }
        Ok(pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_were_not_written_are_zero() {
        let pages = Pages::default();
        assert_eq!(*pages.get(0), ZERO);
        assert_eq!(*pages.get(usize::MAX), ZERO);
    }

    #[test]
    fn reads_and_writes_cross_page_boundaries() {
        let mut pages = Pages::default();
        let bytes: Vec<u8> = (0..2 * OS_PAGE_BYTES).map(|n| (n % 251) as u8).collect();
        pages.write(OS_PAGE_BYTES - 10, &bytes);
        let content: Vec<u8> = (0..4).flat_map(|number| *pages.get(number)).collect();
        assert!(content[..OS_PAGE_BYTES - 10].iter().all(|byte| *byte == 0));
        assert_eq!(content[OS_PAGE_BYTES - 10..][..bytes.len()], bytes);
        let mut read = vec![1; content.len() - 7];
        pages.read(7, &mut read);
        assert_eq!(read, content[7..]);
        assert!(content[OS_PAGE_BYTES - 10 + bytes.len()..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn the_parts_that_differ_are_replaced_and_no_others() {
        let mut pages = Pages::default();
        pages.write(OS_PAGE_BYTES, &[1; OS_PAGE_BYTES]);
        let mut page = *pages.get(1);
        for changed in [0, 2 * PART_BYTES, OS_PAGE_BYTES - 1] {
            page[changed] = 2;
        }
        let parts = pages.differing(1, &page, OS_PAGE_BYTES);
        assert_eq!(parts, PageParts(0b1000_0101));
        assert_eq!(pages.differing(1, &page, PART_BYTES), PageParts(1));
        assert_eq!(pages.differing(1, &[2; OS_PAGE_BYTES], OS_PAGE_BYTES), PageParts::ALL);
        assert!(pages.differing(1, &[1; OS_PAGE_BYTES], OS_PAGE_BYTES).is_empty());
        // No page was written to.
        assert_eq!(pages.differing(5, &page, OS_PAGE_BYTES), PageParts::ALL);
        assert!(pages.differing(5, &ZERO, OS_PAGE_BYTES).is_empty());
        pages.set_parts(1, &[3; OS_PAGE_BYTES], PageParts(0b1000_0001));
        let expected = [[3; PART_BYTES], [1; PART_BYTES], [3; PART_BYTES]];
        assert_eq!(pages.get(1)[..2 * PART_BYTES], expected[..2].concat());
        assert_eq!(pages.get(1)[7 * PART_BYTES..], expected[2]);
        // A page that is shared, or that has only zeros, is replaced as a whole.
        let copy = pages.clone();
        pages.set_parts(1, &page, parts);
        pages.set_parts(5, &page, parts);
        assert_eq!((pages.get(1), pages.get(5)), (&page, &page));
        assert_eq!(copy.get(1)[..PART_BYTES], expected[0]);
    }

    #[test]
    fn a_clone_keeps_its_content_and_shares_unchanged_pages() {
        let mut pages = Pages::default();
        pages.write(0, &[1]);
        pages.write(5 * OS_PAGE_BYTES, &[5]);
        let copy = pages.clone();
        assert_eq!(pages.unshared(&copy).count(), 0);
        pages.set(5, &[9; OS_PAGE_BYTES]);
        pages.write(7 * OS_PAGE_BYTES + 1, &[7]);
        assert_eq!((copy.get(5)[0], pages.get(5)[0]), (5, 9));
        let unshared: Vec<usize> = pages.unshared(&copy).map(|(number, _)| number).collect();
        assert_eq!(unshared, [5, 7]);
        // In the clone, page 7 is a page of zeros.
        let unshared: Vec<u8> = copy.unshared(&pages).map(|(_, page)| page[1]).collect();
        assert_eq!(unshared, [0, 0]);
    }
}
