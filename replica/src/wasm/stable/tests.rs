//! Tests of stable memory.

mod against_model;

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

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

#[test]
fn a_read_beyond_the_limit_of_accessed_pages_copies_nothing() {
    let page = OS_PAGE_BYTES as u64;
    for (offset, size) in [(page, 1), (page, OS_PAGE_BYTES), (0, OS_PAGE_BYTES + 1)] {
        let mut memory = StableMemory::from_bytes(&[7; 2 * OS_PAGE_BYTES]).expect("it is small");
        let mut destination = [1; 2 * OS_PAGE_BYTES];
        assert_eq!(memory.access_and_read(0, &mut destination[..1], 1), Ok(()));
        assert_eq!(destination[0], 7);
        destination[0] = 1;
        let read = memory.access_and_read(offset, &mut destination[..size], 1);
        assert_eq!(read, Err(StableMemoryError::TooMuchAccessed));
        assert!(destination == [1; 2 * OS_PAGE_BYTES], "{size} bytes from {offset} were copied");
    }
}

proptest! {
    #[test]
    fn each_accessed_page_counts_once(
        accesses in proptest::collection::vec((0u64..2_000_000, 0u64..600_000), 0..12),
    ) {
        let mut memory = StableMemory::default();
        let mut model = BTreeSet::new();
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

#[test]
fn a_page_far_from_all_others_needs_little_space_and_does_not_make_copies_expensive() {
    let mut memory = StableMemory::default();
    memory.grow(STABLE_MEMORY_MAX / WASM_PAGE_BYTES);
    for offset in [0, STABLE_MEMORY_MAX - 1] {
        memory.write(offset, &[1]).expect("in bounds");
    }
    memory.commit();
    assert_eq!(memory.count(), 2);
    // Of 1 GiB each. All else is below the parts that exist.
    assert_eq!(memory.pages.parts(), STABLE_MEMORY_MAX >> 30);
    let copy = memory.clone();
    memory.write(0, &[2]).expect("in bounds");
    memory.commit();
    let shared = |page: u64| {
        let of = |memory: &StableMemory| {
            memory.pages.iter().find(|(number, _)| *number == page).map(|(_, page)| page.clone())
        };
        Arc::ptr_eq(&of(&memory).expect("it exists"), &of(&copy).expect("it exists"))
    };
    let last = STABLE_MEMORY_MAX / OS_PAGE_BYTES as u64 - 1;
    assert_eq!((shared(0), shared(last)), (false, true));
}
