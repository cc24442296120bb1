//! The functions that replace the bulk memory operations, except small copies (see `page_marks`). They subtract the
//! size from the instruction counter, execute the operation, and mark all written pages.

use super::counter::encoded;
use super::{Added, Helper, ModuleParts, PAGE_MARKS_ADDRESS, PAGE_SHIFT};
use wasm_encoder::{BlockType, Function, Instruction, MemArg, ValType};
use wasmparser::Operator;

/// The positions of the functions in the result of [`functions`].
const FILL: u32 = 0;
const COPY: u32 = 1;
const FIRST_INIT: u32 = 2;

/// The functions that are added to a module with memory: one for `memory.fill`, one for `memory.copy`, and one for
/// `memory.init` with each segment of `memory_init_segments`.
pub(super) fn functions(added: &Added, memory_init_segments: &[u32]) -> Vec<Helper> {
    let address = added.address_type();
    let fill = Instruction::MemoryFill(0);
    let copy = Instruction::MemoryCopy { src_mem: 0, dst_mem: 0 };
    let mut helpers = vec![
        bulk(added, vec![address, ValType::I32, address], fill),
        bulk(added, vec![address, address, address], copy),
    ];
    helpers.extend(memory_init_segments.iter().map(|segment| {
        let init = Instruction::MemoryInit { mem: 0, data_index: *segment };
        bulk(added, vec![address, ValType::I32, ValType::I32], init)
    }));
    helpers
}

/// The position of the function that replaces `operator` in the result of [`functions`], if one does.
pub(super) fn position(operator: &Operator<'_>, parts: &ModuleParts<'_>) -> Option<u32> {
    match operator {
        Operator::MemoryFill { .. } => Some(FILL),
        Operator::MemoryCopy { .. } => Some(COPY),
        Operator::MemoryInit { data_index, .. } => {
            let position = parts.memory_init_segments.binary_search(data_index);
            Some(FIRST_INIT + position.expect("`ModuleScan` has collected all segments") as u32)
        }
        _ => None,
    }
}

/// A function that charges one instruction for each byte, executes the operation, and marks the written pages.
fn bulk(added: &Added, parameters: Vec<ValType>, operation: Instruction<'static>) -> Helper {
    use Instruction::*;
    const TO: u32 = 0;
    const SIZE: u32 = 2;
    let size_type = parameters[SIZE as usize];
    // Locals: the counter before and after the charge, the first and the last written page.
    let [before, after, first, last] = [3, 4, 5, 6];
    let mut code = Function::new([(2, ValType::I64), (2, ValType::I32)]);
    let size = |code: &mut Function| {
        code.instruction(&LocalGet(SIZE));
        if size_type == ValType::I32 {
            code.instruction(&I64ExtendI32U);
        }
    };
    let page = |code: &mut Function| {
        code.instruction(&I64Const(PAGE_SHIFT)).instruction(&I64ShrU).instruction(&I32WrapI64);
    };
    let to = |code: &mut Function| {
        code.instruction(&LocalGet(TO));
        if !added.wasm64 {
            code.instruction(&I64ExtendI32U);
        }
    };
    code.raw(encoded(|code| added.counter.load(code)));
    code.instruction(&LocalTee(before));
    size(&mut code);
    code.instruction(&I64Sub).instruction(&LocalSet(after));
    code.raw(encoded(|code| added.counter.store(after, code)));
    // Stop if the counter is negative, or if the subtraction wrapped around.
    code.instruction(&LocalGet(after)).instruction(&I64Const(0)).instruction(&I64LtS);
    code.instruction(&LocalGet(after)).instruction(&LocalGet(before));
    code.instruction(&I64GtS).instruction(&I32Or).instruction(&If(BlockType::Empty));
    code.raw(encoded(|code| added.counter.stop(code)));
    code.instruction(&End);
    for operand in 0..=SIZE {
        code.instruction(&LocalGet(operand));
    }
    code.instruction(&operation);
    size(&mut code);
    code.instruction(&I64Eqz).instruction(&If(BlockType::Empty));
    code.instruction(&Return).instruction(&End);
    to(&mut code);
    page(&mut code);
    code.instruction(&LocalSet(first));
    to(&mut code);
    size(&mut code);
    code.instruction(&I64Add).instruction(&I64Const(1)).instruction(&I64Sub);
    page(&mut code);
    code.instruction(&LocalSet(last));
    for page in [first, last] {
        code.instruction(&LocalGet(page)).instruction(&I32Const(1));
        let offset = PAGE_MARKS_ADDRESS as u64;
        let to = MemArg { offset, align: 0, memory_index: added.counter.memory };
        code.instruction(&I32Store8(to));
    }
    // Most operations write to one or two pages, and `memory.fill` calls the engine.
    code.instruction(&LocalGet(last)).instruction(&LocalGet(first)).instruction(&I32Sub);
    code.instruction(&I32Const(1)).instruction(&I32GtU).instruction(&If(BlockType::Empty));
    code.instruction(&LocalGet(first)).instruction(&I32Const(PAGE_MARKS_ADDRESS as i32));
    code.instruction(&I32Add).instruction(&I32Const(1));
    code.instruction(&LocalGet(last)).instruction(&LocalGet(first)).instruction(&I32Sub);
    code.instruction(&MemoryFill(added.counter.memory)).instruction(&End);
    code.instruction(&End);
    Helper { parameters, code }
}
