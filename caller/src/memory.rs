//! What is where in stable memory.

use std::cell::RefCell;

use ic_stable_structures::DefaultMemoryImpl;
use ic_stable_structures::memory_manager::{MemoryId, MemoryManager, VirtualMemory};

/// A part of the stable memory.
pub type Memory = VirtualMemory<DefaultMemoryImpl>;

/// The configured callee.
pub const CALLEE: MemoryId = MemoryId::new(0);
/// The jobs.
pub const JOBS: MemoryId = MemoryId::new(1);

/// Size in Wasm pages by which a part grows: the smallest, since all parts are small.
const BUCKET_PAGES: u16 = 1;

thread_local! {
    static PARTS: RefCell<MemoryManager<DefaultMemoryImpl>> = RefCell::new(
        MemoryManager::init_with_bucket_size(DefaultMemoryImpl::default(), BUCKET_PAGES),
    );
}

/// One part.
pub fn part(id: MemoryId) -> Memory {
    PARTS.with_borrow(|parts| parts.get(id))
}
