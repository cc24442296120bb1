//! Counting: what a block of code costs is taken from the counter where the block begins.
//!
//! Source: `embedders/src/wasm_utils/instrumentation.rs`, `injections` and `inject_metering`, in the
//! replica's repository. A block ends after each instruction that branches or that a branch can lead
//! to. Functions and loops begin with a look at the counter too, so nothing runs for long with
//! nothing left. A block that costs nothing is left alone.

use super::counter::{charge, check};
use super::page_marks::MarkWriter;
use super::{AddedIndices, ModuleParts, mark_ranges};
use crate::types::Instructions;
use crate::wasm::instruction_costs::instruction_cost;
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

/// What entering a function costs.
const FUNCTION_ENTRY_COST: Instructions = 1;

/// Instructions by which the replica takes a block's cost from its counter.
const CHARGE_INSTRUCTIONS: Instructions = 4;

/// Instructions by which it checks_counter at the counter, where it does.
const CHECK_INSTRUCTIONS: Instructions = 6;

/// Instructions it adds before a bulk operation with a 32-bit size, and with a 64-bit one.
const BULK_CHARGE_INSTRUCTIONS: [Instructions; 2] = [3, 1];

/// Instructions it adds to `memory.grow`.
const MEMORY_GROW_INSTRUCTIONS: Instructions = 3;

/// Instructions of the functions it adds to every module, one that takes from the counter and one
/// that counts clean pages of stable memory.
const HELPER_INSTRUCTIONS: Instructions = 20 + 46;

/// Globals it adds to every module: the counter, dirty and accessed pages of stable memory.
const ADDED_GLOBALS: Instructions = 3;

/// What initialising a global counts for.
const GLOBAL_INSTRUCTIONS: Instructions = 2;

/// A function's code with the counting in it.
pub(super) struct MeteredBody {
    /// Locals and instructions.
    pub bytes: Vec<u8>,
    /// Wasm instructions the replica would compile for it.
    pub compiled_instructions: Instructions,
}

/// What the replica compiles besides the functions of the module.
pub(super) fn overhead(parts: &ModuleParts<'_>) -> Instructions {
    HELPER_INSTRUCTIONS + GLOBAL_INSTRUCTIONS * (ADDED_GLOBALS + Instructions::from(parts.globals))
}

/// Puts counting and marking into a function that has this many parameters.
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

/// Instructions the replica adds to this one.
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

/// MeteredCode being written.
struct MeteredCode {
    counter: u32,
    /// Blocks that are complete.
    done: Vec<u8>,
    /// The block that is not: its instructions, what they cost, and whether it begins with a look
    /// at the counter.
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

    /// Ends a block and begins the next one.
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
