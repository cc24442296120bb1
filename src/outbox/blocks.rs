//! Stable memory as blocks of equal size. Each piece of data is a chain of blocks.

use ic_stable_structures::Memory;

/// Bytes of a block. An ICRC-1 transfer fits into one.
pub const BLOCK_BYTES: u64 = 512;

/// Bytes of a block that hold data. The first four hold the number of the next block of the chain.
pub const DATA_BYTES: usize = BLOCK_BYTES as usize - LINK_BYTES;

const LINK_BYTES: usize = 4;

/// Bytes before the first block.
pub const HEADER_BYTES: u64 = 1_024;

/// Bytes of a page of memory, by which it grows.
const PAGE_BYTES: u64 = 65_536;

/// The number of a block, counted from 1. 0 stands for none.
pub type Block = u32;

/// Which blocks are in use. Part of the header in stable memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    /// Blocks that exist.
    pub existing: u32,
    /// The first free block. Free blocks form a chain.
    pub free: Block,
    /// Blocks that are in use.
    pub used: u32,
}

/// The blocks of a stable memory.
pub struct Blocks<M> {
    memory: M,
    pub allocation: Allocation,
}

/// The number of blocks that this many bytes need.
pub fn blocks_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(DATA_BYTES).max(1)).unwrap_or(u32::MAX)
}

fn place(block: Block) -> u64 {
    HEADER_BYTES + u64::from(block - 1) * BLOCK_BYTES
}

impl<M: Memory> Blocks<M> {
    pub fn new(memory: M) -> Self {
        Self { memory, allocation: Allocation::default() }
    }

    /// Whether the memory was never written to.
    pub fn is_empty(&self) -> bool {
        self.memory.size() == 0
    }

    pub fn read_header(&self, bytes: &mut [u8]) {
        self.memory.read(0, bytes);
    }

    pub fn write_header(&self, bytes: &[u8]) {
        self.memory.write(0, bytes);
    }

    /// Makes room for the header and for this many further blocks. Returns `false` if the memory cannot grow.
    pub fn reserve(&self, blocks: u32) -> bool {
        let Allocation { existing, used, .. } = self.allocation;
        let Some(needed) = blocks
            .checked_sub(existing - used)
            .map_or(Some(existing), |new| existing.checked_add(new))
        else {
            return false;
        };
        let pages = (HEADER_BYTES + u64::from(needed) * BLOCK_BYTES).div_ceil(PAGE_BYTES);
        let missing = pages.saturating_sub(self.memory.size());
        missing == 0 || self.memory.grow(missing) >= 0
    }

    /// Writes data to new blocks, and returns the first one. Call [`Self::reserve`] before.
    pub fn add(&mut self, data: &[u8]) -> Block {
        let first = self.allocate();
        self.write_chain(first, data);
        first
    }

    /// Replaces the data of a chain, which had `old_bytes`. The first block stays the same. Call [`Self::reserve`]
    /// before.
    pub fn replace(&mut self, first: Block, old_bytes: usize, data: &[u8]) {
        if blocks_of(old_bytes) > 1 {
            self.release(self.next(first), old_bytes - DATA_BYTES);
        }
        self.write_chain(first, data);
    }

    /// Overwrites the first bytes of a chain. They are in the first block.
    pub fn overwrite(&self, first: Block, start: &[u8]) {
        debug_assert!(start.len() <= DATA_BYTES);
        self.memory.write(place(first) + LINK_BYTES as u64, start);
    }

    /// Reads the first bytes of a chain, as far as they are in the first block.
    pub fn read_start(&self, first: Block, bytes: &mut [u8]) {
        debug_assert!(bytes.len() <= DATA_BYTES);
        self.memory.read(place(first) + LINK_BYTES as u64, bytes);
    }

    /// Reads this many bytes of a chain.
    pub fn read(&self, first: Block, bytes: usize) -> Vec<u8> {
        let mut data = vec![0; bytes];
        let mut block = first;
        let mut parts = data.chunks_mut(DATA_BYTES).peekable();
        while let Some(part) = parts.next() {
            self.memory.read(place(block) + LINK_BYTES as u64, part);
            if parts.peek().is_some() {
                block = self.next(block);
            }
        }
        data
    }

    /// Frees the blocks of a chain, which has this many bytes.
    pub fn release(&mut self, first: Block, bytes: usize) {
        let blocks = blocks_of(bytes);
        let last = (1..blocks).fold(first, |block, _| self.next(block));
        self.memory.write(place(last), &self.allocation.free.to_le_bytes());
        self.allocation.free = first;
        self.allocation.used -= blocks;
    }

    fn write_chain(&mut self, first: Block, data: &[u8]) {
        let mut block = first;
        let mut parts = data.chunks(DATA_BYTES).peekable();
        while let Some(part) = parts.next() {
            let next = if parts.peek().is_some() { self.allocate() } else { 0 };
            let mut bytes = [0; BLOCK_BYTES as usize];
            bytes[..LINK_BYTES].copy_from_slice(&next.to_le_bytes());
            bytes[LINK_BYTES..][..part.len()].copy_from_slice(part);
            self.memory.write(place(block), &bytes[..LINK_BYTES + part.len()]);
            block = next;
        }
    }

    fn next(&self, block: Block) -> Block {
        let mut link = [0; LINK_BYTES];
        self.memory.read(place(block), &mut link);
        Block::from_le_bytes(link)
    }

    /// Takes a free block, or a new one.
    fn allocate(&mut self) -> Block {
        self.allocation.used += 1;
        match self.allocation.free {
            0 => {
                self.allocation.existing += 1;
                self.allocation.existing
            }
            free => {
                self.allocation.free = self.next(free);
                free
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ic_stable_structures::VectorMemory;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chains_keep_their_data_and_freed_blocks_are_used_again(
            steps in vec((any::<u16>(), 1_usize..3_000, 0_u8..3), 1..60),
        ) {
            let mut blocks = Blocks::new(VectorMemory::default());
            let mut chains: Vec<(Block, Vec<u8>)> = Vec::new();
            let mut most = 0;
            for (number, (choice, length, step)) in steps.into_iter().enumerate() {
                let data = vec![number as u8; length];
                prop_assert!(blocks.reserve(blocks_of(length)));
                let place = usize::from(choice) % chains.len().max(1);
                match step {
                    1 if !chains.is_empty() => {
                        let (block, old) = &mut chains[place];
                        blocks.replace(*block, old.len(), &data);
                        *old = data;
                    }
                    2 if !chains.is_empty() => {
                        let (block, old) = chains.swap_remove(place);
                        blocks.release(block, old.len());
                    }
                    _ => chains.push((blocks.add(&data), data)),
                }
                let used = chains.iter().map(|(_, data)| blocks_of(data.len())).sum();
                prop_assert_eq!(blocks.allocation.used, used);
                most = most.max(used);
                for (block, data) in &chains {
                    prop_assert_eq!(&blocks.read(*block, data.len()), data);
                }
            }
            prop_assert!(blocks.allocation.existing <= most);
        }
    }
}
