//! Page marks: after each store, the module marks the written page.
//!
//! A store, and several stores with one mark, can cross the end of the page. The next page is not marked then. So a
//! search for dirty pages must also compare the first [`MARK_REACH_BYTES`] bytes after each marked page; in a 32-bit
//! memory of 4 GiB, the first page comes after the last one. A mark comes after its store, so a store out of bounds
//! marks nothing. Added functions replace the bulk operations, except small copies (see `bulk_operations`).

use super::mark_ranges::{MarkedRange, stored};
use super::{
    Added, BinaryReaderError, CounterStores, FunctionBody, ModuleParts, PAGE_MARKS_ADDRESS,
    PAGE_SHIFT, bulk_operations,
};
use wasm_encoder::{Encode, Instruction, MemArg, ValType};
use wasmparser::{BinaryReader, Operator};

/// The number of bytes from the marked address on that one mark stands for. At least the 16 bytes that one store can
/// write. More bytes need fewer marks, but a longer search. A number of this project: the frames of most functions and
/// most records are smaller.
pub(crate) const MARK_REACH_BYTES: usize = 256;

/// The most bytes of a copy for which a function calls no added function. The engine compiles a copy of a constant
/// number of bytes, up to this one, to loads and stores. At most [`MARK_REACH_BYTES`].
const SMALL_COPY_BYTES_MAX: u32 = 128;

/// Rewrites the stores, bulk operations and replaced calls of one function. Adds the locals that the marks need.
pub(super) struct MarkWriter<'a> {
    added: &'a Added,
    /// The ranges that the remaining stores mark for.
    marks: std::vec::IntoIter<Option<MarkedRange>>,
    /// The number of groups of the original locals.
    groups: u32,
    /// The encoded groups of the original locals.
    encoded: &'a [u8],
    /// The index of the added local for the instruction counter.
    counter: u32,
    /// The index of the next added local.
    next: u32,
    /// The added local for addresses.
    address: Option<u32>,
    /// The added locals for values, by type.
    values: Vec<(ValType, u32)>,
}

impl<'a> MarkWriter<'a> {
    pub fn new(
        body: &FunctionBody<'a>,
        parameters: u32,
        added: &'a Added,
        marks: Vec<Option<MarkedRange>>,
    ) -> Result<Self, BinaryReaderError> {
        let mut locals = body.get_locals_reader()?;
        let mut next = parameters;
        for _ in 0..locals.get_count() {
            next += locals.read()?.0;
        }
        let end = locals.original_position() - body.range().start;
        let mut encoded = BinaryReader::new(&body.as_bytes()[..end], 0);
        let groups = encoded.read_var_u32()?;
        let encoded = encoded.read_bytes(encoded.bytes_remaining())?;
        Ok(Self {
            added,
            marks: marks.into_iter(),
            groups,
            encoded,
            counter: next,
            next: next + 1,
            address: None,
            values: Vec::new(),
        })
    }

    /// The index of the local for the instruction counter.
    pub fn counter(&self) -> u32 {
        self.counter
    }

    /// The encoded locals: the original ones, followed by the added ones.
    pub fn locals(&self) -> Result<Vec<u8>, BinaryReaderError> {
        let mut ours: Vec<(u32, ValType)> =
            self.values.iter().map(|(of, index)| (*index, *of)).collect();
        ours.push((self.counter, ValType::I64));
        ours.extend(self.address.map(|index| (index, self.added.address_type())));
        ours.sort_by_key(|(index, _)| *index);
        let mut bytes = Vec::new();
        (self.groups + ours.len() as u32).encode(&mut bytes);
        bytes.extend_from_slice(self.encoded);
        for (_, of) in ours {
            1u32.encode(&mut bytes);
            of.encode(&mut bytes);
        }
        Ok(bytes)
    }

    /// Appends the replacement of `operator` to `code`. Returns false if the instruction needs no
    /// replacement; then nothing is appended.
    pub fn rewrite(
        &mut self,
        operator: &Operator<'_>,
        raw: &[u8],
        parts: &ModuleParts<'_>,
        code: &mut Vec<u8>,
    ) -> bool {
        let Some(functions) = self.added.functions else { return false };
        let call = match operator {
            Operator::Call { function_index } => {
                self.added.replacement(*function_index).map(Instruction::Call)
            }
            Operator::ReturnCall { function_index } => {
                self.added.replacement(*function_index).map(Instruction::ReturnCall)
            }
            _ => bulk_operations::position(operator, parts)
                .map(|position| Instruction::Call(functions + position)),
        };
        if let Some(call) = call {
            call.encode(code);
            return true;
        }
        let Some((of, offset, _)) = stored(operator) else { return false };
        let Some(reach) = self.marks.next().flatten() else { return false };
        self.store(of, offset as i64, reach, raw, code);
        true
    }

    /// The number of bytes that `operator` copies, if it is a copy without a function of its own. `previous` is the
    /// instruction before it.
    pub fn small_copy(
        &self,
        operator: &Operator<'_>,
        previous: Option<&Operator<'_>>,
    ) -> Option<u32> {
        let bytes = match previous? {
            Operator::I32Const { value } => u32::try_from(*value).ok()?,
            Operator::I64Const { value } => u32::try_from(*value).ok()?,
            _ => return None,
        };
        // The added function stores the counter before the copy can trap.
        let is_small = self.added.stores == CounterStores::AtCalls
            && (1..=SMALL_COPY_BYTES_MAX).contains(&bytes);
        (is_small && matches!(operator, Operator::MemoryCopy { .. })).then_some(bytes)
    }

    /// Appends a [small copy](Self::small_copy) and its mark.
    pub fn copy(&mut self, bytes: u32, raw: &[u8], code: &mut Vec<u8>) {
        use Instruction::*;
        let of = self.added.address_type();
        let (from, to) = (self.value(of), self.address());
        Drop.encode(code);
        LocalSet(from).encode(code);
        LocalTee(to).encode(code);
        LocalGet(from).encode(code);
        match of {
            ValType::I64 => I64Const(bytes.into()).encode(code),
            _ => I32Const(bytes as i32).encode(code),
        }
        code.extend_from_slice(raw);
        self.mark(to, 0, 0, code);
    }

    /// Appends a store and its marks. Locals keep the address and the value for the marks.
    fn store(
        &mut self,
        of: ValType,
        offset: i64,
        reach: MarkedRange,
        raw: &[u8],
        code: &mut Vec<u8>,
    ) {
        use Instruction::*;
        let value = self.value(of);
        let address = self.address();
        LocalSet(value).encode(code);
        LocalTee(address).encode(code);
        LocalGet(value).encode(code);
        code.extend_from_slice(raw);
        let (first, last) = (offset.wrapping_add(reach.first), offset.wrapping_add(reach.last));
        // A mark can be for a page before the written bytes if they are within its reach: then no addition is needed.
        let page = first >> PAGE_SHIFT;
        let is_near = (0..=i32::MAX.into()).contains(&first);
        if is_near && last - (page << PAGE_SHIFT) < MARK_REACH_BYTES as i64 {
            return self.mark(address, 0, page as u64, code);
        }
        self.mark(address, first, 0, code);
        // An address below the operand can wrap around to the end of the address space. Then the second mark is the one
        // for this store.
        if first < 0 || reach.last - reach.first >= MARK_REACH_BYTES as i64 {
            self.mark(address, last, 0, code);
        }
    }

    /// Appends code that marks a page: that at the address in a local plus `distance`, or the one this number of
    /// `pages` after it.
    fn mark(&self, address: u32, distance: i64, pages: u64, code: &mut Vec<u8>) {
        use Instruction::*;
        LocalGet(address).encode(code);
        if self.added.wasm64 {
            if distance != 0 {
                I64Const(distance).encode(code);
                I64Add.encode(code);
            }
            I64Const(PAGE_SHIFT).encode(code);
            I64ShrU.encode(code);
            I32WrapI64.encode(code);
        } else {
            if distance != 0 {
                I32Const(distance as i32).encode(code);
                I32Add.encode(code);
            }
            I32Const(PAGE_SHIFT as i32).encode(code);
            I32ShrU.encode(code);
        }
        I32Const(1).encode(code);
        let offset = PAGE_MARKS_ADDRESS as u64 + pages;
        I32Store8(MemArg { offset, align: 0, memory_index: self.added.counter.memory })
            .encode(code);
    }

    fn address(&mut self) -> u32 {
        if let Some(index) = self.address {
            return index;
        }
        let index = self.next();
        *self.address.insert(index)
    }

    fn value(&mut self, of: ValType) -> u32 {
        if let Some((_, index)) = self.values.iter().find(|(known, _)| *known == of) {
            return *index;
        }
        let index = self.next();
        self.values.push((of, index));
        index
    }

    fn next(&mut self) -> u32 {
        let index = self.next;
        self.next += 1;
        index
    }
}
