//! Metering: at its start, each block of code subtracts its cost from the instruction counter, or more or less if other
//! blocks make up for the difference (see `charges`).
//!
//! The subtraction changes the copy of the counter in a local. The block stores the copy if the counter can be read
//! before the next block does so: if one of its instructions is a call, or if the function returns. With
//! [`CounterStores::AtTraps`], also if one of its instructions can trap.
//!
//! A block ends after each instruction that branches, and after each instruction that a branch can
//! target (see `blocks`). Each function and each loop also checks the counter at its start, so that code cannot run
//! for long after the counter has become negative.
//!
//! Source: `embedders/src/wasm_utils/instrumentation.rs`, `injections` and `inject_metering`, in the
//! replica's repository. The numbers of added instructions are the replica's: a canister is charged for
//! compiling the module as the replica instruments it.
//!
//! [`CounterStores::AtTraps`]: super::CounterStores::AtTraps

use super::blocks::{Leaves, MeteredBlock, blocks, ends_block, leaves};
use super::counter::Counter;
use super::page_marks::MarkWriter;
use super::{Added, ModuleParts, mark_ranges};
use crate::types::Instructions;
use wasm_encoder::{Encode, Instruction};
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

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
/// instructions of that code (`embedders/src/wasm_utils/system_api_replacements.rs`). This project keeps the imported
/// functions, and adds code of its own for some of them (see `stable_copies`). It counts the replica's instructions.
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
    /// The positions in `bytes` of branches that are hardly ever taken.
    pub unlikely: Vec<usize>,
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
    added: &Added,
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
    let mut writes =
        MarkWriter::new(body, parameters, added, mark_ranges::plan(&operators, parts))?;
    let counter = Counter { place: added.counter, local: writes.counter() };
    let blocks = blocks(&operators, added.wasm64, added.stores);
    let mut code = MeteredCode::new(source.len(), counter, blocks);
    let mut previous = None;
    for (operator, to) in operators.iter().zip(ends) {
        code.compiled += 1 + added_instructions(operator, added.wasm64);
        code.before(operator);
        let asks_host = asks_host(operator, parts);
        if asks_host {
            added.counter.give(&mut code.block);
        }
        if let Some(bytes) = writes.small_copy(operator, previous) {
            code.charge_copy(bytes);
            writes.copy(bytes, &source[from..to], &mut code.block);
        } else if !code.branch(operator)
            && !writes.rewrite(operator, &source[from..to], parts, &mut code.block)
        {
            code.block.extend_from_slice(&source[from..to]);
        }
        if asks_host {
            added.counter.take(&mut code.block);
        }
        code.after(operator);
        (previous, from) = (Some(operator), to);
    }
    let mut bytes = writes.locals()?;
    let unlikely = code.checks.iter().map(|position| bytes.len() + position).collect();
    bytes.append(&mut code.done);
    Ok(MeteredBody { bytes, unlikely, compiled_instructions: code.compiled })
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
    counter: Counter,
    /// The number of Wasm blocks of the original code that contain the current instruction.
    depth: u32,
    /// The complete blocks.
    done: Vec<u8>,
    /// The positions of the checks in `done`.
    checks: Vec<usize>,
    /// The instructions of the current block.
    block: Vec<u8>,
    /// The current block and those after it.
    blocks: std::vec::IntoIter<MeteredBlock>,
    /// The number of Wasm blocks that contain the start of the current block.
    block_depth: u32,
    /// Whether a block changes the counter and does not store it.
    has_unstored: bool,
    /// Whether a call may have changed the counter since the local was loaded.
    is_stale: bool,
    compiled: Instructions,
}

impl MeteredCode {
    fn new(size: usize, counter: Counter, blocks: Vec<MeteredBlock>) -> Self {
        let mut done = Vec::with_capacity(2 * size);
        counter.load(&mut done);
        counter.begin(&mut done);
        Self {
            counter,
            depth: 0,
            done,
            checks: Vec::new(),
            block: Vec::new(),
            has_unstored: blocks.iter().any(|block| {
                (block.charge != 0 && !block.stores_counter) || block.charge_at_end != 0
            }),
            blocks: blocks.into_iter(),
            block_depth: 0,
            is_stale: false,
            compiled: 0,
        }
    }

    /// Prepares for an instruction, before it is appended to the current block.
    fn before(&mut self, operator: &Operator<'_>) {
        if ends_block(operator) {
            if self.is_stale && leaves(operator, self.depth) != Leaves::Always {
                self.counter.load(&mut self.block);
            }
            self.is_stale = false;
            let block = self.blocks.as_slice().first().copied().unwrap_or_default();
            if block.charge_at_end != 0 {
                self.counter.charge(block.charge_at_end, &mut self.block);
            }
        }
        self.is_stale |= matches!(
            operator,
            Operator::Call { .. }
                | Operator::CallIndirect { .. }
                | Operator::MemoryFill { .. }
                | Operator::MemoryCopy { .. }
                | Operator::MemoryInit { .. }
        );
    }

    /// Appends a branch that leaves the function, or the end of the function. Both are now within one more Wasm block.
    /// Returns false for other instructions; then nothing is appended.
    fn branch(&mut self, operator: &Operator<'_>) -> bool {
        let to = |depth: u32| depth + u32::from(depth == self.depth);
        match operator {
            _ if leaves(operator, self.depth) == Leaves::Never => return false,
            Operator::Br { relative_depth } => {
                Instruction::Br(to(*relative_depth)).encode(&mut self.block);
            }
            Operator::BrIf { relative_depth } => {
                Instruction::BrIf(to(*relative_depth)).encode(&mut self.block);
            }
            Operator::BrTable { targets } => {
                let others = targets.targets().flatten().map(to).collect();
                Instruction::BrTable(others, to(targets.default())).encode(&mut self.block);
            }
            Operator::End => self.counter.end(&mut self.block),
            _ => return false,
        }
        true
    }

    /// Appends code that charges for copying this number of bytes, and stops the execution if it exhausts the counter.
    fn charge_copy(&mut self, bytes: u32) {
        // An earlier call in the block may have changed the counter since the local was loaded.
        self.counter.load(&mut self.block);
        self.counter.charge(bytes.into(), &mut self.block);
        self.counter.store(&mut self.block);
        self.counter.check(0, self.depth, &mut self.block);
    }

    /// Ends the current block if `operator`, its last instruction up to now, ends it.
    fn after(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.depth += 1,
            Operator::End => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if ends_block(operator) {
            self.end_block();
        }
    }

    /// Ends the current block and begins the next one.
    fn end_block(&mut self) {
        let block = self.blocks.next().unwrap_or_default();
        if block.checks_counter || block.cost > 0 {
            self.compiled += CHARGE_INSTRUCTIONS;
        }
        // The check comes first. So the engine need not keep two numbers for what follows: it would compute each
        // later number from the one before the subtraction.
        if block.checks_counter {
            let least = block.charge + block.ahead;
            self.checks.push(self.counter.check(least, self.block_depth, &mut self.done));
            self.compiled += CHECK_INSTRUCTIONS;
        }
        if block.charge != 0 {
            self.counter.charge(block.charge, &mut self.done);
        }
        if block.stores_counter && (block.charge != 0 || self.has_unstored) {
            self.counter.store(&mut self.done);
        }
        self.done.append(&mut self.block);
        self.block_depth = self.depth;
    }
}

/// Whether the host executes a part of the instruction.
fn asks_host(operator: &Operator<'_>, parts: &ModuleParts<'_>) -> bool {
    match operator {
        Operator::Call { function_index } => *function_index < parts.imported_functions,
        Operator::MemoryGrow { .. } => true,
        _ => false,
    }
}
