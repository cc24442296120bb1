//! A memory in pages, of which those that are all zero take no space and copies share the others.

use crate::limits::OS_PAGE_BYTES;
use std::sync::Arc;

/// One page.
pub type Page = [u8; OS_PAGE_BYTES];

static ZERO: Page = [0; OS_PAGE_BYTES];

/// The content of a memory. It has no size of its own: beyond what was written, all is zero.
#[derive(Clone, Default)]
pub struct Pages(Vec<Option<Arc<Page>>>);

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pages({} of {})", self.count(), self.0.len())
    }
}

impl Pages {
    /// How many pages were written to.
    pub fn count(&self) -> u64 {
        self.0.iter().flatten().count() as u64
    }

    /// The page of this number.
    pub fn get(&self, number: usize) -> &Page {
        self.0.get(number).and_then(Option::as_deref).unwrap_or(&ZERO)
    }

    /// Replaces a page.
    pub fn set(&mut self, number: usize, page: &Page) {
        match self.slot(number) {
            Some(own) => match Arc::get_mut(own) {
                Some(own) => *own = *page,
                None => *own = Arc::new(*page),
            },
            empty => *empty = Some(Arc::new(*page)),
        }
    }

    /// Fills `destination` with what stands from the address `start` on.
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

    /// MarkWriter `bytes` from the address `start` on.
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

    /// The pages that are not shared with `other`, with their numbers: all that differ, and perhaps
    /// some that do not.
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

    fn slot(&mut self, number: usize) -> &mut Option<Arc<Page>> {
        if self.0.len() <= number {
            self.0.resize(number + 1, None);
        }
        &mut self.0[number]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_written_is_zero() {
        let pages = Pages::default();
        assert_eq!(*pages.get(0), ZERO);
        assert_eq!(*pages.get(usize::MAX), ZERO);
    }

    #[test]
    fn bytes_are_written_across_the_ends_of_pages() {
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
    fn a_copy_keeps_what_it_had_and_shares_what_did_not_change() {
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
        // Seen from the copy, page 7 is one of zeros.
        let unshared: Vec<u8> = copy.unshared(&pages).map(|(_, page)| page[1]).collect();
        assert_eq!(unshared, [0, 0]);
    }
}
