//! The simplest instrumentation that counts: each block of code calls a function that subtracts its cost from the
//! counter in memory. It marks no pages.

use crate::types::Instructions;
use crate::wasm::instruction_costs::instruction_cost;
use crate::wasm::instrument::counter::{Place, load, stop, store};
use crate::wasm::instrument::{Added, CounterStores, ModuleParts, assemble};
use wasm_encoder::{
    BlockType, BranchHints, CodeSection, Encode, Function, FunctionSection, Instruction,
    TypeSection, ValType,
};
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

/// The positions of the added functions.
const CHARGE: u32 = 0;
const CHARGE_AND_CHECK: u32 = 1;
const CHARGE_SIZE: u32 = 2;

/// Instruments a valid module with a 32-bit memory.
pub fn instrument(parts: &ModuleParts<'_>) -> Result<Vec<u8>, BinaryReaderError> {
    let (mut types, mut functions, mut code) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    for body in &parts.bodies {
        code.raw(&counted(body, parts)?);
    }
    let size = (vec![ValType::I32], vec![ValType::I32]);
    let cost = (vec![ValType::I64], vec![]);
    for (number, (parameters, results)) in (0..).zip([cost.clone(), cost, size]) {
        types.ty().function(parameters, results);
        functions.function(parts.arities.len() as u32 + number);
    }
    code.function(&charge(parts.memories, false));
    code.function(&charge(parts.memories, true));
    code.function(&charge_size(parts.memories));
    let counter = Place { memory: parts.memories, global: None };
    let added = Added {
        wasm64: parts.wasm64,
        stores: CounterStores::AtCalls,
        counter,
        functions: None,
        replaced: Vec::new(),
        replacements: 0,
        entries: None,
    };
    assemble(parts, &added, &types, &functions, &BranchHints::new(), &code)
}

fn append(code: &mut Function, instructions: &[Instruction<'_>]) {
    for instruction in instructions {
        code.instruction(instruction);
    }
}

/// A function that subtracts its parameter from the counter.
fn charge(memory: u32, checks: bool) -> Function {
    use Instruction::*;
    let mut code = Function::new([]);
    code.instruction(&I32Const(0));
    append(&mut code, &load(memory));
    code.instruction(&LocalGet(0)).instruction(&I64Sub).instruction(&store(memory));
    if checks {
        append(&mut code, &load(memory));
        code.instruction(&I64Const(0)).instruction(&I64LtS).instruction(&If(BlockType::Empty));
        append(&mut code, &stop(memory));
        code.instruction(&End);
    }
    code.instruction(&End);
    code
}

/// A function that subtracts its parameter, a size in bytes, from the counter, stops the execution if the counter is
/// negative, and returns the size.
fn charge_size(memory: u32) -> Function {
    use Instruction::*;
    let mut code = Function::new([]);
    code.instruction(&I32Const(0));
    append(&mut code, &load(memory));
    code.instruction(&LocalGet(0)).instruction(&I64ExtendI32U).instruction(&I64Sub);
    code.instruction(&store(memory));
    append(&mut code, &load(memory));
    code.instruction(&I64Const(0)).instruction(&I64LtS).instruction(&If(BlockType::Empty));
    append(&mut code, &stop(memory));
    code.instruction(&End).instruction(&LocalGet(0)).instruction(&End);
    code
}

/// The body of a function that calls [`charge`] at the start of each block of code.
fn counted(body: &FunctionBody<'_>, parts: &ModuleParts<'_>) -> Result<Vec<u8>, BinaryReaderError> {
    let added = parts.function_types.len() as u32;
    let start = body.range().start;
    let mut reader = body.get_operators_reader()?;
    let mut from = reader.original_position() - start;
    let mut done = body.as_bytes()[..from].to_vec();
    let (mut block, mut cost, mut checks) = (Vec::new(), 1, true);
    while !reader.eof() {
        let operator = reader.read()?;
        let to = reader.original_position() - start;
        cost += instruction_cost(&operator, false);
        if matches!(
            operator,
            Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } | Operator::MemoryInit { .. }
        ) {
            Instruction::Call(added + CHARGE_SIZE).encode(&mut block);
        }
        block.extend_from_slice(&body.as_bytes()[from..to]);
        from = to;
        if ends_block(&operator) {
            begin(cost, if checks { CHARGE_AND_CHECK } else { CHARGE } + added, &mut done);
            done.append(&mut block);
            (cost, checks) = (0, matches!(operator, Operator::Loop { .. }));
        }
    }
    Ok(done)
}

fn begin(cost: Instructions, function: u32, code: &mut Vec<u8>) {
    Instruction::I64Const(cost as i64).encode(code);
    Instruction::Call(function).encode(code);
}

/// Whether an instruction branches, or can be the target of a branch.
fn ends_block(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        Loop { .. }
            | If { .. }
            | Else
            | End
            | Br { .. }
            | BrIf { .. }
            | BrTable { .. }
            | Return
            | Unreachable
            | ReturnCall { .. }
            | ReturnCallIndirect { .. }
    )
}
