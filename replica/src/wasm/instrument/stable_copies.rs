//! Copies of stable memory pages in the added memory, and the added functions that use them.
//!
//! Most calls of `stable64_read` and `stable64_write` are for a few bytes of a page that the execution has used shortly
//! before. Leaving the code for the replica takes longer than copying these bytes. So the replica puts copies of such
//! pages into the added memory, and where the code of the module calls one of the two imported functions, it calls an
//! added function instead. An added function uses the copy if there is one and if nothing else is to be done.
//! Otherwise, it calls the imported function. So it does exactly what the imported function would do. The replica
//! writes changed copies back after the execution at the latest.
//!
//! The page with the number `n` can have its copy in slot `n` modulo [`STABLE_COPIES`] only. For each slot, the added
//! memory has two tags and the bytes of the page. A tag is the number of the page plus 1, or 0. The first tag is for
//! reading. The second one is for writing: it is set if the execution has written to the page before.

use super::{Added, COUNTER_ADDRESS, Helper, ModuleParts, PAGE_MARKS_ADDRESS, PAGE_SHIFT};
use crate::limits::{OS_PAGE_BYTES, WASM_PAGE_BYTES};
use wasm_encoder::{BlockType, Function, Instruction, MemArg, ValType};

/// The number of pages that can have copies, a power of two. All copies together take 16 MiB. A canister that uses
/// fewer pages often takes less. A number of this project.
pub(crate) const STABLE_COPIES: usize = 4096;

/// The positions of the tags for reading, the tags for writing, and the copies. They count from the start of the
/// copies' part of the added memory.
pub(crate) const STABLE_READ_TAGS: usize = 0;
pub(crate) const STABLE_WRITE_TAGS: usize = TAG_BYTES * STABLE_COPIES;
pub(crate) const STABLE_COPIES_BYTES: usize = 2 * TAG_BYTES * STABLE_COPIES;

/// The size of a tag.
pub(crate) const TAG_BYTES: usize = size_of::<u64>();

/// The size of the copies' part, which is the last one, of the added memory. In Wasm pages, and in bytes.
pub(super) const PART_WASM_PAGES: u64 =
    ((STABLE_COPIES_BYTES + STABLE_COPIES * OS_PAGE_BYTES) as u64).div_ceil(WASM_PAGE_BYTES);
pub(crate) const STABLE_COPIES_PART_BYTES: usize = (PART_WASM_PAGES * WASM_PAGE_BYTES) as usize;

/// Instructions that a call of `stable64_read` or `stable64_write` costs, without those for the bytes. Each byte costs
/// another one (`embedders/src/wasmtime_embedder/system_api_complexity.rs` in the replica's repository).
pub(crate) const STABLE_CALL_INSTRUCTIONS: i64 = 20;

/// Copying more bytes than this takes less time with `memory.copy`.
const BYTES_IN_LOOP_MAX: i64 = 64;

/// Whether a function reads or writes stable memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

/// The index of each imported function that is replaced, and what it does. Calls through a table are not replaced. So a
/// module without any other calls of these functions has no use for copies.
pub(super) fn replaced(parts: &ModuleParts<'_>) -> Vec<(u32, Direction)> {
    if parts.memories == 0 {
        return Vec::new();
    }
    let imports = (0..).zip(parts.import_names.iter().zip(&parts.function_types));
    let replaced = imports.filter_map(|(index, (name, of_type))| {
        // The replica refuses to link functions of other types.
        let is_called = parts.called_imports.contains(&index);
        let direction = direction(name)?;
        (is_called && parts.stable_types.contains(of_type)).then_some((index, direction))
    });
    replaced.collect()
}

fn direction(import: &str) -> Option<Direction> {
    match import {
        "stable64_read" => Some(Direction::Read),
        "stable64_write" => Some(Direction::Write),
        _ => None,
    }
}

/// The added functions, one for each replaced function, in the same order. The copies' part of the added memory begins
/// at `part`.
pub(super) fn functions(added: &Added, part: u64) -> Vec<Helper> {
    let function = |(import, direction): &(u32, Direction)| {
        Writer { added, part, direction: *direction, code: Function::new(LOCALS) }.function(*import)
    };
    added.replaced.iter().map(function).collect()
}

/// The position of the size among the parameters, and the locals: the number of the page, the size of the heap in
/// bytes, the instruction counter after the call, the slot of the page, and the addresses in the added memory and in
/// the heap.
const SIZE: u32 = 2;
const PAGE: u32 = 3;
const HEAP_BYTES: u32 = 4;
const LEFT: u32 = 5;
const SLOT: u32 = 6;
const COPY: u32 = 7;
const HEAP32: u32 = 8;
const HEAP64: u32 = 9;
const LOCALS: [(u32, ValType); 3] = [(3, ValType::I64), (3, ValType::I32), (1, ValType::I64)];

/// Writes one added function.
struct Writer<'a> {
    added: &'a Added,
    part: u64,
    direction: Direction,
    code: Function,
}

impl Writer<'_> {
    fn function(mut self, import: u32) -> Helper {
        use Instruction::*;
        self.all([Block(BlockType::Empty)]);
        self.checks();
        self.all([I32Const(0), LocalGet(LEFT), I64Store(self.at(COUNTER_ADDRESS as u64, 3))]);
        if self.direction == Direction::Read {
            self.mark();
        }
        self.addresses();
        self.copy();
        self.all([Return, End]);
        self.all([LocalGet(0), LocalGet(1), LocalGet(SIZE), Call(import), End]);
        Helper { parameters: vec![ValType::I64; 3], code: self.code }
    }

    fn all<const N: usize>(&mut self, instructions: [Instruction<'_>; N]) {
        for instruction in instructions {
            self.code.instruction(&instruction);
        }
    }

    /// The parameters with the address in the heap, and with the offset in stable memory.
    fn address(&self) -> u32 {
        if self.direction == Direction::Read { 0 } else { 1 }
    }
    fn offset(&self) -> u32 {
        1 - self.address()
    }

    /// A place in the added memory. `align` is the exponent of the alignment.
    fn at(&self, offset: u64, align: u32) -> MemArg {
        MemArg { offset, align, memory_index: self.added.counter.memory }
    }

    /// Leaves the outermost block if the function must call the imported function. Otherwise sets the locals for the
    /// page, its slot, and the counter after the call.
    fn checks(&mut self) {
        use Instruction::*;
        let page = OS_PAGE_BYTES as i64;
        let (address, offset) = (self.address(), self.offset());
        // The bytes are in one page.
        self.all([LocalGet(SIZE), I64Const(1), I64Sub, I64Const(page), I64GeU, BrIf(0)]);
        self.all([LocalGet(offset), I64Const(page - 1), I64And, LocalGet(SIZE), I64Add]);
        self.all([I64Const(page), I64GtU, BrIf(0)]);
        // The page has a copy.
        let tags = match self.direction {
            Direction::Read => STABLE_READ_TAGS,
            Direction::Write => STABLE_WRITE_TAGS,
        };
        self.all([LocalGet(offset), I64Const(PAGE_SHIFT), I64ShrU, LocalTee(PAGE), I32WrapI64]);
        self.all([I32Const(STABLE_COPIES as i32 - 1), I32And, LocalTee(SLOT), I32Const(3), I32Shl]);
        self.all([I64Load(self.at(self.part + tags as u64, 3))]);
        self.all([LocalGet(PAGE), I64Const(1), I64Add, I64Ne, BrIf(0)]);
        // The bytes are in the heap.
        self.heap_bytes();
        self.all([LocalTee(HEAP_BYTES), LocalGet(address), I64LeU, BrIf(0)]);
        self.all([LocalGet(HEAP_BYTES), LocalGet(address), I64Sub]);
        self.all([LocalGet(SIZE), I64LtU, BrIf(0)]);
        // Enough instructions are left.
        self.all([I32Const(0), I64Load(self.at(COUNTER_ADDRESS as u64, 3)), LocalTee(LEFT)]);
        self.all([LocalGet(SIZE), I64Const(STABLE_CALL_INSTRUCTIONS), I64Add, I64LtS, BrIf(0)]);
        self.all([LocalGet(LEFT), LocalGet(SIZE), I64Const(STABLE_CALL_INSTRUCTIONS), I64Add]);
        self.all([I64Sub, LocalSet(LEFT)]);
    }

    /// Leaves the size of the heap in bytes on the stack.
    fn heap_bytes(&mut self) {
        use Instruction::*;
        self.all([MemorySize(0)]);
        if !self.added.wasm64 {
            self.all([I64ExtendI32U]);
        }
        self.all([I64Const(WASM_PAGE_BYTES.trailing_zeros().into()), I64Shl]);
    }

    /// Marks the heap pages of the first and the last byte.
    fn mark(&mut self) {
        use Instruction::*;
        let mark = self.at(PAGE_MARKS_ADDRESS as u64, 0);
        self.all([LocalGet(0), I64Const(PAGE_SHIFT), I64ShrU, I32WrapI64]);
        self.all([I32Const(1), I32Store8(mark)]);
        self.all([LocalGet(0), LocalGet(SIZE), I64Add, I64Const(1), I64Sub]);
        self.all([I64Const(PAGE_SHIFT), I64ShrU, I32WrapI64, I32Const(1), I32Store8(mark)]);
    }

    /// Sets the locals for the addresses.
    fn addresses(&mut self) {
        use Instruction::*;
        let copies = self.part as i64 + STABLE_COPIES_BYTES as i64;
        self.all([LocalGet(SLOT), I32Const(PAGE_SHIFT as i32), I32Shl]);
        self.all([LocalGet(self.offset()), I32WrapI64, I32Const(OS_PAGE_BYTES as i32 - 1), I32And]);
        self.all([I32Add, I32Const(copies as i32), I32Add, LocalSet(COPY)]);
        self.all([LocalGet(self.address())]);
        match self.added.wasm64 {
            true => self.all([LocalSet(HEAP64)]),
            false => self.all([I32WrapI64, LocalSet(HEAP32)]),
        }
    }

    fn heap(&self) -> u32 {
        if self.added.wasm64 { HEAP64 } else { HEAP32 }
    }

    /// The locals with the addresses to copy to and from, and the indices of their memories.
    fn ends(&self) -> ((u32, u32), (u32, u32)) {
        let (copy, heap) = ((COPY, self.added.counter.memory), (self.heap(), 0));
        if self.direction == Direction::Read { (heap, copy) } else { (copy, heap) }
    }

    /// Copies the bytes.
    fn copy(&mut self) {
        use Instruction::*;
        let ((to, dst_mem), (from, src_mem)) = self.ends();
        self.all([LocalGet(SIZE), I64Const(BYTES_IN_LOOP_MAX), I64GtU, If(BlockType::Empty)]);
        self.all([LocalGet(to), LocalGet(from), LocalGet(SIZE), I32WrapI64]);
        self.all([MemoryCopy { src_mem, dst_mem }, Return, End]);
        self.all([Block(BlockType::Empty), Loop(BlockType::Empty)]);
        self.all([LocalGet(SIZE), I64Const(8), I64LtU, BrIf(1)]);
        self.copy_bytes(8);
        self.all([LocalGet(SIZE), I64Const(8), I64Sub, LocalSet(SIZE), Br(0), End, End]);
        for bytes in [4, 2, 1] {
            self.all([LocalGet(SIZE), I64Const(bytes), I64And, I32WrapI64, If(BlockType::Empty)]);
            self.copy_bytes(bytes);
            self.all([End]);
        }
    }

    /// Copies 1, 2, 4 or 8 bytes, and moves both addresses behind them.
    fn copy_bytes(&mut self, bytes: i64) {
        use Instruction::*;
        let ((to, to_memory), (from, from_memory)) = self.ends();
        let at = |memory_index| MemArg { offset: 0, align: 0, memory_index };
        let (load, store) = match bytes {
            8 => (I64Load(at(from_memory)), I64Store(at(to_memory))),
            4 => (I64Load32U(at(from_memory)), I64Store32(at(to_memory))),
            2 => (I64Load16U(at(from_memory)), I64Store16(at(to_memory))),
            _ => (I64Load8U(at(from_memory)), I64Store8(at(to_memory))),
        };
        self.all([LocalGet(to), LocalGet(from), load, store]);
        self.all([LocalGet(COPY), I32Const(bytes as i32), I32Add, LocalSet(COPY)]);
        match self.added.wasm64 {
            true => self.all([LocalGet(HEAP64), I64Const(bytes), I64Add, LocalSet(HEAP64)]),
            false => self.all([LocalGet(HEAP32), I32Const(bytes as i32), I32Add, LocalSet(HEAP32)]),
        }
    }
}
