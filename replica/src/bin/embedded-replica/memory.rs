//! The allocator of the program.
//!
//! Canisters write many pages, and deleted instances free them. The allocators of operating systems keep most of
//! this memory. This one returns pages that have been free for a second.

use mimalloc::MiMalloc;
use std::hint::black_box;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Time between two occasions for the allocator to return memory.
const INTERVAL: Duration = Duration::from_secs(1);

/// Size of a block that makes the allocator look for memory to return, in bytes. Nothing is written to it.
const BLOCK_BYTES: usize = 1 << 20;

/// Gives the allocator occasions to return memory: it does so only when somebody takes or frees a large block,
/// and the last such block of an instance is freed with the instance.
pub struct MemoryReturn {
    last: Instant,
}

impl MemoryReturn {
    pub fn new() -> Self {
        Self { last: Instant::now() }
    }

    /// Returns memory, unless that was tried just now.
    pub fn try_now(&mut self) {
        if self.last.elapsed() >= INTERVAL {
            self.last = Instant::now();
            drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)));
        }
    }
}
