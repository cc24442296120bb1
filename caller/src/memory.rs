//! The layout of stable memory: one virtual memory for each stable structure.

use std::cell::RefCell;

use ic_stable_structures::DefaultMemoryImpl;
use ic_stable_structures::memory_manager::{MemoryId, MemoryManager, VirtualMemory};

/// The virtual memory of one stable structure.
pub type Memory = VirtualMemory<DefaultMemoryImpl>;

/// The configured callee.
pub const CALLEE: MemoryId = MemoryId::new(0);
/// The jobs.
pub const JOBS: MemoryId = MemoryId::new(1);

/// The outbox.
pub const OUTBOX: MemoryId = MemoryId::new(2);

/// Wasm pages by which a virtual memory grows: the smallest number, because most virtual memories are small.
const BUCKET_PAGES: u16 = 1;

thread_local! {
    static MEMORIES: RefCell<MemoryManager<DefaultMemoryImpl>> = RefCell::new(
        MemoryManager::init_with_bucket_size(DefaultMemoryImpl::default(), BUCKET_PAGES),
    );
}

/// The virtual memory with this id.
pub fn get(id: MemoryId) -> Memory {
    MEMORIES.with_borrow(|memories| memories.get(id))
}
