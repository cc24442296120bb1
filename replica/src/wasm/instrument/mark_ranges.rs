//! Decides which stores need page marks of their own.
//!
//! Code often stores several times near one address: the fields of a record, the frame of a function.
//! A later store needs no mark if an earlier store marks for it. This is the case if the earlier store
//! is executed on every path to the later one, and if both together span at most the bytes of one page.
//! The earlier store then marks the pages of the first and of the last of these bytes, which are all
//! pages that the bytes can lie in.
//!
//! To know the distance between two addresses, the analysis follows locals and operands that are the sum
//! of an unknown value and a constant. Distances wrap around at the size of the address space, like
//! addresses.

use super::ModuleParts;
use crate::limits::OS_PAGE_BYTES;
use wasm_encoder::ValType;
use wasmparser::{
    BlockType, ContType, FrameKind, FuncType, ModuleArity, Operator, RefType, SubType,
};

/// The range of bytes that a store marks for, relative to the first byte that the store writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MarkedRange {
    /// The first byte. Negative if a later store writes to a lower address.
    pub first: i64,
    /// The last byte.
    pub last: i64,
}

impl MarkedRange {
    /// The smallest range that contains both ranges.
    fn with(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// The range that each store of a function marks for, in the order of the stores. `None` if an earlier
/// store marks for it.
pub(super) fn plan(
    operators: &[Operator<'_>],
    parts: &ModuleParts<'_>,
) -> Vec<Option<MarkedRange>> {
    let mut code =
        StoreAnalysis { last_assigned: last_assigned(operators), ..StoreAnalysis::new(parts) };
    for operator in operators {
        code.operator(operator);
        code.position += 1;
    }
    code.marks
}

/// For each local, the number of the last instruction that assigns it.
fn last_assigned(operators: &[Operator<'_>]) -> Vec<usize> {
    let mut last = Vec::new();
    for (position, operator) in operators.iter().enumerate() {
        if let Operator::LocalSet { local_index } | Operator::LocalTee { local_index } = operator {
            let local = *local_index as usize;
            if last.len() <= local {
                last.resize(local + 1, 0);
            }
            last[local] = position;
        }
    }
    last
}

/// The most operands, locals and marked stores that the analysis tracks. It bounds the time for a
/// function. A bound of this project.
const KNOWN_MAX: usize = 64;

/// The sum of an unknown value and a constant. `unknown` is the number of the unknown value.
#[derive(Clone, Copy, Debug)]
struct Value {
    unknown: u32,
    constant: u64,
}

/// An operand on the stack.
#[derive(Clone, Copy, Debug)]
enum Operand {
    Value(Value),
    Constant(u64),
    Other,
}

/// The known value of a local, and the number of the instruction since which it is known.
struct Local {
    index: u32,
    value: Value,
    since: usize,
}

/// A block that contains the current instruction.
struct Block {
    /// The number of the first instruction of the block.
    start: usize,
    /// The number of entries of `marked` at the start of the block.
    marked: usize,
}

/// The state of the analysis at one instruction.
struct StoreAnalysis<'a> {
    parts: &'a ModuleParts<'a>,
    last_assigned: Vec<usize>,
    /// The number of the current instruction.
    position: usize,
    /// The result for the stores up to the current instruction.
    marks: Vec<Option<MarkedRange>>,
    /// The number of the next unknown value.
    unknown: u32,
    locals: Vec<Local>,
    /// The topmost operands on the stack. The stack may have more operands below them.
    operands: Vec<Operand>,
    /// The marked stores on every path to the current instruction: their addresses and numbers.
    marked: Vec<(Value, usize)>,
    blocks: Vec<Block>,
}

impl<'a> StoreAnalysis<'a> {
    fn new(parts: &'a ModuleParts<'a>) -> Self {
        Self {
            parts,
            last_assigned: Vec::new(),
            position: 0,
            marks: Vec::new(),
            unknown: 0,
            locals: Vec::new(),
            operands: Vec::new(),
            marked: Vec::new(),
            blocks: Vec::new(),
        }
    }

    fn operator(&mut self, operator: &Operator<'_>) {
        let wasm64 = self.parts.wasm64;
        match operator {
            Operator::LocalGet { local_index } => {
                let value = self.local(*local_index);
                self.push(Operand::Value(value));
            }
            Operator::LocalSet { local_index } => drop(self.assign(*local_index)),
            Operator::LocalTee { local_index } => {
                let value = self.assign(*local_index);
                self.push(Operand::Value(value));
            }
            Operator::I32Const { value } => self.push(Operand::Constant(*value as u64)),
            Operator::I64Const { value } => self.push(Operand::Constant(*value as u64)),
            Operator::I32Add if !wasm64 => self.sum(u64::wrapping_add),
            Operator::I64Add if wasm64 => self.sum(u64::wrapping_add),
            Operator::I32Sub if !wasm64 => self.sum(u64::wrapping_sub),
            Operator::I64Sub if wasm64 => self.sum(u64::wrapping_sub),
            Operator::Block { .. } | Operator::If { .. } => self.begin(),
            Operator::Loop { .. } => {
                // Control can come back from the end of the loop, after all assignments in the loop.
                let (last, position) = (&self.last_assigned, self.position);
                self.locals.retain(|local| {
                    last.get(local.index as usize).is_none_or(|last| *last < position)
                });
                self.begin();
            }
            Operator::Else => self.meet(),
            Operator::End => {
                self.meet();
                self.blocks.pop();
            }
            Operator::BrIf { .. } => self.replace(1, 0),
            Operator::Call { function_index } => {
                let of = self.parts.function_types.get(*function_index as usize);
                self.call(of.copied(), 0);
            }
            Operator::CallIndirect { type_index, .. } => self.call(Some(*type_index), 1),
            _ => {
                if let Some((_, offset, bytes)) = stored(operator) {
                    self.store(offset, bytes);
                }
                match operator.operator_arity(&Plain) {
                    Some((taken, left)) => self.replace(taken, left),
                    None => self.operands.clear(),
                }
            }
        }
    }

    /// Enters a block.
    fn begin(&mut self) {
        self.operands.clear();
        self.blocks.push(Block { start: self.position, marked: self.marked.len() });
    }

    /// Handles an instruction that several paths through the innermost block lead to. Keeps only what
    /// was known before the block.
    fn meet(&mut self) {
        self.operands.clear();
        let (start, marked) =
            self.blocks.last().map_or((0, 0), |block| (block.start, block.marked));
        self.marked.truncate(marked);
        self.locals.retain(|local| local.since < start);
    }

    fn unknown(&mut self) -> Value {
        self.unknown += 1;
        Value { unknown: self.unknown, constant: 0 }
    }

    /// The value of a local.
    fn local(&mut self, index: u32) -> Value {
        if let Some(local) = self.locals.iter().find(|local| local.index == index) {
            return local.value;
        }
        let value = self.unknown();
        self.note(index, value)
    }

    /// Assigns the topmost operand to a local.
    fn assign(&mut self, index: u32) -> Value {
        let value = match self.operands.pop() {
            Some(Operand::Value(value)) => value,
            _ => self.unknown(),
        };
        self.locals.retain(|local| local.index != index);
        self.note(index, value)
    }

    fn note(&mut self, index: u32, value: Value) -> Value {
        if self.locals.len() == KNOWN_MAX {
            self.locals.remove(0);
        }
        self.locals.push(Local { index, value, since: self.position });
        value
    }

    fn push(&mut self, operand: Operand) {
        if self.operands.len() == KNOWN_MAX {
            self.operands.clear();
        }
        self.operands.push(operand);
    }

    /// Pops `taken` operands and pushes `left` operands with unknown values.
    fn replace(&mut self, taken: u32, left: u32) {
        self.operands.truncate(self.operands.len().saturating_sub(taken as usize));
        (0..left).for_each(|_| self.push(Operand::Other));
    }

    fn call(&mut self, of: Option<u32>, more: u32) {
        match of.and_then(|of| self.parts.arities.get(of as usize)) {
            Some((parameters, results)) => self.replace(parameters + more, *results),
            None => self.operands.clear(),
        }
    }

    /// Adds or subtracts the two topmost operands.
    fn sum(&mut self, sum: fn(u64, u64) -> u64) {
        let (right, left) = (self.operands.pop(), self.operands.pop());
        self.push(match (left, right) {
            (Some(Operand::Value(value)), Some(Operand::Constant(constant))) => {
                Operand::Value(Value { constant: sum(value.constant, constant), ..value })
            }
            _ => Operand::Other,
        });
    }

    /// Handles a store of `bytes` bytes. Its address and its value are on the stack.
    fn store(&mut self, offset: u64, bytes: u64) {
        let own = MarkedRange { first: 0, last: bytes as i64 - 1 };
        let address = self.operands.len().checked_sub(2).map(|address| self.operands[address]);
        let Some(Operand::Value(address)) = address else { return self.marks.push(Some(own)) };
        // The sum of address and offset does not wrap around in Wasm, but distances do. So the analysis
        // ignores stores with large offsets.
        if offset > i32::MAX as u64 {
            return self.marks.push(Some(own));
        }
        let at = Value { constant: address.constant.wrapping_add(offset), ..address };
        let covering = self.marked.iter().find_map(|(marked, number)| {
            let distance = self.distance(*marked, at)?;
            let own = MarkedRange { first: distance, last: distance + own.last };
            let both = self.marks[*number]?.with(own);
            (both.last - both.first < OS_PAGE_BYTES as i64).then_some((*number, both))
        });
        match covering {
            Some((number, both)) => {
                self.marks[number] = Some(both);
                self.marks.push(None);
            }
            None => {
                if self.marked.len() < KNOWN_MAX {
                    self.marked.push((at, self.marks.len()));
                }
                self.marks.push(Some(own));
            }
        }
    }

    /// The distance from one address to another, if both depend on the same unknown value.
    fn distance(&self, from: Value, to: Value) -> Option<i64> {
        let distance = to.constant.wrapping_sub(from.constant) as i64;
        match self.parts.wasm64 {
            _ if from.unknown != to.unknown => None,
            // An address below a valid 64-bit address may wrap around to one that has no mark.
            true => Some(distance).filter(|distance| *distance >= 0),
            false => Some((distance as i32).into()),
        }
    }
}

/// The type of the value that a store instruction writes, its offset, and the number of written bytes.
/// `None` for other instructions.
pub(super) fn stored(operator: &Operator<'_>) -> Option<(ValType, u64, u64)> {
    use Operator::*;
    let (of, memarg, bytes) = match operator {
        I32Store { memarg } => (ValType::I32, memarg, 4),
        I32Store8 { memarg } => (ValType::I32, memarg, 1),
        I32Store16 { memarg } => (ValType::I32, memarg, 2),
        I64Store { memarg } => (ValType::I64, memarg, 8),
        I64Store8 { memarg } => (ValType::I64, memarg, 1),
        I64Store16 { memarg } => (ValType::I64, memarg, 2),
        I64Store32 { memarg } => (ValType::I64, memarg, 4),
        F32Store { memarg } => (ValType::F32, memarg, 4),
        F64Store { memarg } => (ValType::F64, memarg, 8),
        V128Store { memarg } => (ValType::V128, memarg, 16),
        V128Store8Lane { memarg, .. } => (ValType::V128, memarg, 1),
        V128Store16Lane { memarg, .. } => (ValType::V128, memarg, 2),
        V128Store32Lane { memarg, .. } => (ValType::V128, memarg, 4),
        V128Store64Lane { memarg, .. } => (ValType::V128, memarg, 8),
        _ => return None,
    };
    Some((of, memarg.offset, bytes))
}

/// For the arity of instructions that do not depend on the module. The analysis handles the others
/// itself.
struct Plain;

impl ModuleArity for Plain {
    fn sub_type_at(&self, _: u32) -> Option<&SubType> {
        None
    }
    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }
    fn type_index_of_function(&self, _: u32) -> Option<u32> {
        None
    }
    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }
    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }
    fn control_stack_height(&self) -> u32 {
        0
    }
    fn label_block(&self, _: u32) -> Option<(BlockType, FrameKind)> {
        None
    }
}
