//! Code that updates and checks the instruction counter: the global with the number of instructions
//! left.

use super::OUT_OF_INSTRUCTIONS;
use crate::types::Instructions;
use wasm_encoder::{BlockType, Encode, Instruction};

/// Appends code that subtracts `cost` from the counter.
pub(super) fn charge(counter: u32, cost: Instructions, code: &mut Vec<u8>) {
    for instruction in [
        Instruction::GlobalGet(counter),
        Instruction::I64Const(cost as i64),
        Instruction::I64Sub,
        Instruction::GlobalSet(counter),
    ] {
        instruction.encode(code);
    }
}

/// Appends code that stops the execution if the counter is negative.
pub(super) fn check(counter: u32, code: &mut Vec<u8>) {
    for instruction in [
        Instruction::GlobalGet(counter),
        Instruction::I64Const(0),
        Instruction::I64LtS,
        Instruction::If(BlockType::Empty),
    ] {
        instruction.encode(code);
    }
    for instruction in stop(counter) {
        instruction.encode(code);
    }
    Instruction::End.encode(code);
}

/// Code that stops the execution because no instructions are left.
pub(super) fn stop(counter: u32) -> [Instruction<'static>; 3] {
    [
        Instruction::I64Const(OUT_OF_INSTRUCTIONS),
        Instruction::GlobalSet(counter),
        Instruction::Unreachable,
    ]
}
