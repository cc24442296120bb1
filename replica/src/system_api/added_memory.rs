//! The memory that instrumentation adds to a module: the instruction counter and the page marks. Its last part is for
//! copies of stable memory pages (see `stable_copies`).

use crate::limits::OS_PAGE_BYTES;
use crate::system_api::Host;
use crate::wasm::{COUNTER_ADDRESS, OUT_OF_INSTRUCTIONS, PAGE_MARKS_ADDRESS};
use std::ops::Range;
use wasmtime::{AsContext, AsContextMut, Memory};

impl Host {
    #[inline]
    pub(super) fn added_memory(&self) -> Memory {
        self.added_memory.expect("every instrumented module has this memory")
    }

    /// The added memory, and where its page marks end.
    #[inline]
    fn marks(&self) -> (Memory, usize) {
        (self.added_memory(), self.marks_end)
    }

    /// The value of the instruction counter. Negative if the execution used more than it had.
    pub(crate) fn instructions_left<C: AsContext<Data = Self>>(store: C) -> i64 {
        let store = store.as_context();
        let memory = store.data().added_memory().data(&store);
        i64::from_le_bytes(*memory[COUNTER_ADDRESS..].first_chunk().expect("the memory has a page"))
    }

    /// Sets the instruction counter. The host must be connected with its instance: before, there is no counter.
    pub(crate) fn set_instructions_left<C: AsContextMut<Data = Self>>(mut store: C, left: i64) {
        let mut store = store.as_context_mut();
        let memory = store.data().added_memory().data_mut(&mut store);
        *memory[COUNTER_ADDRESS..].first_chunk_mut().expect("the memory has a page") =
            left.to_le_bytes();
    }

    /// Subtracts `instructions` from the instruction counter, and marks the heap pages of the addresses `written` as
    /// written. Returns whether enough instructions were left. If not, the counter is [`OUT_OF_INSTRUCTIONS`].
    #[inline]
    pub(super) fn charge<C: AsContextMut<Data = Self>>(
        store: &mut C,
        instructions: u64,
        written: Range<u64>,
    ) -> bool {
        let (memory, end) = store.as_context().data().marks();
        // Looking for the memory takes longer than what follows, so both are done at once.
        let (counter, marks) = memory.data_mut(store)[..end].split_at_mut(PAGE_MARKS_ADDRESS);
        mark(marks, written);
        let counter = counter[COUNTER_ADDRESS..].first_chunk_mut();
        let counter = counter.expect("the memory has a page");
        let left = i64::from_le_bytes(*counter);
        let cost = i64::try_from(instructions).ok().filter(|cost| (0..=left).contains(cost));
        *counter = cost.map_or(OUT_OF_INSTRUCTIONS, |cost| left - cost).to_le_bytes();
        cost.is_some()
    }

    /// Marks the heap pages of these addresses as written. The addresses can be outside the heap.
    #[inline]
    pub(super) fn mark<C: AsContextMut<Data = Self>>(store: &mut C, written: Range<u64>) {
        let (memory, end) = store.as_context().data().marks();
        mark(&mut memory.data_mut(store)[PAGE_MARKS_ADDRESS..end], written);
    }

    /// The page marks of these heap pages: a byte for each page, not 0 if the page was written to.
    pub(crate) fn page_marks<C: AsContextMut<Data = Self>>(
        store: &mut C,
        pages: Range<usize>,
    ) -> &mut [u8] {
        let memory = store.as_context().data().added_memory();
        &mut memory.data_mut(store)[PAGE_MARKS_ADDRESS..][pages]
    }
}

/// Marks the heap pages of these addresses as written. Pages that have no marks are outside every heap. A mark of a
/// page after the end of the heap has no meaning.
#[inline]
fn mark(marks: &mut [u8], written: Range<u64>) {
    if written.is_empty() {
        return;
    }
    let page = |address: u64| address as usize / OS_PAGE_BYTES;
    match marks.get_mut(page(written.start)..=page(written.end - 1)) {
        // Most ranges are in one page.
        Some([mark]) => *mark = 1,
        Some(marks) => marks.fill(1),
        None => {}
    }
}
