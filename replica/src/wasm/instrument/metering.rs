//! Metering: at its start, each block of code subtracts its cost from the instruction counter.
//!
//! A block ends after each instruction that branches, and after each instruction that a branch can
//! target. Each function and each loop also checks the counter at its start, so that code cannot run
//! for long after the counter has become negative. A block without cost is not changed.
//!
//! Source: `embedders/src/wasm_utils/instrumentation.rs`, `injections` and `inject_metering`, in the
//! replica's repository. The numbers of added instructions are the replica's: a canister is charged for
//! compiling the module as the replica instruments it.

use super::counter::{charge, check};
use super::page_marks::MarkWriter;
use super::{AddedIndices, ModuleParts, mark_ranges};
use crate::types::Instructions;
use crate::wasm::instruction_costs::instruction_cost;
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

/// Cost of entering a function, in instructions.
const FUNCTION_ENTRY_COST: Instructions = 1;

/// Instructions that the replica adds to subtract the cost of a block.
const CHARGE_INSTRUCTIONS: Instructions = 4;

/// Instructions that the replica adds to check the counter.
const CHECK_INSTRUCTIONS: Instructions = 6;

/// Instructions that the replica adds before a bulk operation: with a 32-bit size, with a 64-bit size.
const BULK_CHARGE_INSTRUCTIONS: [Instructions; 2] = [3, 1];

/// Instructions that the replica adds to `memory.grow`.
const MEMORY_GROW_INSTRUCTIONS: Instructions = 3;

/// Instructions of the two functions that the replica adds to every module: one subtracts from the
/// counter, the other counts clean pages of stable memory.
const HELPER_INSTRUCTIONS: Instructions = 20 + 46;

/// Globals that the replica adds to every module: the instruction counter, and the numbers of dirty and
/// of accessed stable memory pages.
const ADDED_GLOBALS: Instructions = 3;

/// Instructions that initialising a global counts for.
const GLOBAL_INSTRUCTIONS: Instructions = 2;

/// The functions of the system API that the replica replaces with code in the module, and the
/// instructions of that code (`embedders/src/wasm_utils/system_api_replacements.rs`). Here, the host
/// executes these functions.
const REPLACED_FUNCTIONS: [(&str, Instructions); 8] = [
    ("stable_size", 10),
    ("stable_grow", 24),
    ("stable_read", 106),
    ("stable_write", 91),
    ("stable64_size", 2),
    ("stable64_grow", 21),
    ("stable64_read", 119),
    ("stable64_write", 107),
];

/// The instrumented body of a function.
pub(super) struct MeteredBody {
    /// The encoded locals and instructions.
    pub bytes: Vec<u8>,
    /// The number of Wasm instructions that the replica would compile for the function.
    pub compiled_instructions: Instructions,
}

/// The number of instructions that the replica compiles in addition to the functions of the module.
pub(super) fn overhead(parts: &ModuleParts<'_>) -> Instructions {
    let globals = ADDED_GLOBALS + Instructions::from(parts.globals);
    let replaced = REPLACED_FUNCTIONS.iter().filter(|(name, _)| parts.imports.contains(name));
    HELPER_INSTRUCTIONS
        + GLOBAL_INSTRUCTIONS * globals
        + replaced.map(|(_, instructions)| instructions).sum::<Instructions>()
}

/// Adds metering and page marks to the body of a function with this number of parameters.
pub(super) fn meter(
    body: &FunctionBody<'_>,
    parameters: u32,
    added: &AddedIndices,
    parts: &ModuleParts<'_>,
) -> Result<MeteredBody, BinaryReaderError> {
    let source = body.as_bytes();
    let start = body.range().start;
    let mut reader = body.get_operators_reader()?;
    let mut from = reader.original_position() - start;
    let (mut operators, mut ends) = (Vec::new(), Vec::new());
    while !reader.eof() {
        operators.push(reader.read()?);
        ends.push(reader.original_position() - start);
    }
    let mut code = MeteredCode::new(source.len(), added);
    let mut writes =
        MarkWriter::new(body, parameters, added, mark_ranges::plan(&operators, parts))?;
    for (operator, to) in operators.iter().zip(ends) {
        code.cost += instruction_cost(operator, added.wasm64);
        code.compiled += 1 + added_instructions(operator, added.wasm64);
        if !writes.rewrite(operator, &source[from..to], parts, &mut code.block) {
            code.block.extend_from_slice(&source[from..to]);
        }
        match operator {
            Operator::Loop { .. } => code.end_block(true),
            Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => code.end_block(false),
            _ => {}
        }
        from = to;
    }
    let mut bytes = writes.locals()?;
    bytes.append(&mut code.done);
    Ok(MeteredBody { bytes, compiled_instructions: code.compiled })
}

/// The number of instructions that the replica adds to `operator`, apart from those of a block.
fn added_instructions(operator: &Operator<'_>, wasm64: bool) -> Instructions {
    match operator {
        Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } => {
            BULK_CHARGE_INSTRUCTIONS[usize::from(wasm64)]
        }
        Operator::MemoryInit { .. } => BULK_CHARGE_INSTRUCTIONS[0],
        Operator::MemoryGrow { .. } => MEMORY_GROW_INSTRUCTIONS,
        _ => 0,
    }
}

/// The instrumented code of a function, up to the current instruction.
struct MeteredCode {
    counter: u32,
    /// The complete blocks.
    done: Vec<u8>,
    /// The current block: its instructions, their cost, and whether it starts with a check of the
    /// counter.
    block: Vec<u8>,
    cost: Instructions,
    checks_counter: bool,
    compiled: Instructions,
}

impl MeteredCode {
    fn new(size: usize, added: &AddedIndices) -> Self {
        Self {
            counter: added.counter,
            done: Vec::with_capacity(2 * size),
            block: Vec::new(),
            cost: FUNCTION_ENTRY_COST,
            checks_counter: true,
            compiled: 0,
        }
    }

    /// Ends the current block and begins the next one.
    fn end_block(&mut self, next_checks_counter: bool) {
        if self.checks_counter || self.cost > 0 {
            charge(self.counter, self.cost, &mut self.done);
            self.compiled += CHARGE_INSTRUCTIONS;
        }
        if self.checks_counter {
            check(self.counter, &mut self.done);
            self.compiled += CHECK_INSTRUCTIONS;
        }
        self.done.append(&mut self.block);
        self.cost = 0;
        self.checks_counter = next_checks_counter;
    }
}
