//! Metering: at its start, each block of code subtracts its cost from the instruction counter.
//!
//! The subtraction changes the copy of the counter in a local. The block stores the copy if the counter can be read
//! before the next block does so: if one of its instructions is a call, or if the function returns. With
//! [`CounterStores::AtTraps`], also if one of its instructions can trap.
//!
//! A block ends after each instruction that branches, and after each instruction that a branch can
//! target. Each function and each loop also checks the counter at its start, so that code cannot run
//! for long after the counter has become negative. A block without cost is not changed.
//!
//! Source: `embedders/src/wasm_utils/instrumentation.rs`, `injections` and `inject_metering`, in the
//! replica's repository. The numbers of added instructions are the replica's: a canister is charged for
//! compiling the module as the replica instruments it.

use super::counter::Counter;
use super::page_marks::MarkWriter;
use super::{Added, CounterStores, ModuleParts, mark_ranges};
use crate::types::Instructions;
use crate::wasm::instruction_costs::instruction_cost;
use wasm_encoder::{Encode, Instruction};
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
    let mut code = MeteredCode::new(source.len(), counter, added.stores);
    for (operator, to) in operators.iter().zip(ends) {
        code.cost += instruction_cost(operator, added.wasm64);
        code.compiled += 1 + added_instructions(operator, added.wasm64);
        code.before(operator);
        let asks_host = asks_host(operator, parts);
        if asks_host {
            added.counter.give(&mut code.block);
        }
        if !code.branch(operator)
            && !writes.rewrite(operator, &source[from..to], parts, &mut code.block)
        {
            code.block.extend_from_slice(&source[from..to]);
        }
        if asks_host {
            added.counter.take(&mut code.block);
        }
        code.after(operator);
        from = to;
    }
    let mut bytes = writes.locals()?;
    let unlikely = code.checks.iter().map(|position| bytes.len() + position).collect();
    bytes.append(&mut code.done);
    Ok(MeteredBody { bytes, unlikely, compiled_instructions: code.compiled })
}

/// Whether an instruction ends a block of code.
fn ends_block(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
    )
}

/// How an instruction leaves the function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Always,
    Sometimes,
    Never,
}

/// How an instruction within `depth` Wasm blocks leaves the function.
fn leaves(operator: &Operator<'_>, depth: u32) -> Leaves {
    let sometimes = |leaves| if leaves { Leaves::Sometimes } else { Leaves::Never };
    match operator {
        Operator::Return
        | Operator::Unreachable
        | Operator::ReturnCall { .. }
        | Operator::ReturnCallIndirect { .. } => Leaves::Always,
        Operator::End if depth == 0 => Leaves::Always,
        Operator::Br { relative_depth } if *relative_depth == depth => Leaves::Always,
        Operator::BrIf { relative_depth } => sometimes(*relative_depth == depth),
        Operator::BrTable { targets } => {
            let mut all = targets.targets().chain([Ok(targets.default())]);
            sometimes(all.any(|target| target.is_ok_and(|target| target == depth)))
        }
        _ => Leaves::Never,
    }
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
    stores: CounterStores,
    /// The number of Wasm blocks of the original code that contain the current instruction.
    depth: u32,
    /// The complete blocks.
    done: Vec<u8>,
    /// The positions of the checks in `done`.
    checks: Vec<usize>,
    /// The current block: its instructions, their cost, whether it starts with a check of the counter, and whether it
    /// stores the counter.
    block: Vec<u8>,
    cost: Instructions,
    checks_counter: bool,
    stores_counter: bool,
    /// The number of Wasm blocks that contain the start of the current block.
    block_depth: u32,
    /// Whether a block before the current one does not store the counter.
    has_unstored: bool,
    /// Whether a call may have changed the counter since the local was loaded.
    is_stale: bool,
    compiled: Instructions,
}

impl MeteredCode {
    fn new(size: usize, counter: Counter, stores: CounterStores) -> Self {
        let mut done = Vec::with_capacity(2 * size);
        counter.load(&mut done);
        counter.begin(&mut done);
        Self {
            counter,
            stores,
            depth: 0,
            done,
            checks: Vec::new(),
            block: Vec::new(),
            cost: FUNCTION_ENTRY_COST,
            checks_counter: true,
            stores_counter: false,
            block_depth: 0,
            has_unstored: false,
            is_stale: false,
            compiled: 0,
        }
    }

    /// Prepares for an instruction, before it is appended to the current block.
    fn before(&mut self, operator: &Operator<'_>) {
        let leaves = leaves(operator, self.depth);
        self.stores_counter |= leaves != Leaves::Never
            || match self.stores {
                CounterStores::AtCalls => calls(operator),
                CounterStores::AtTraps => !cannot_trap(operator),
            };
        if self.is_stale && ends_block(operator) {
            if leaves != Leaves::Always {
                self.counter.load(&mut self.block);
            }
            self.is_stale = false;
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

    /// Ends the current block if `operator`, its last instruction up to now, ends it.
    fn after(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.depth += 1,
            Operator::End => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if ends_block(operator) {
            self.end_block(matches!(operator, Operator::Loop { .. }));
        }
    }

    /// Ends the current block and begins the next one.
    fn end_block(&mut self, next_checks_counter: bool) {
        let is_charged = self.checks_counter || self.cost > 0;
        if is_charged {
            self.counter.charge(self.cost, &mut self.done);
            self.compiled += CHARGE_INSTRUCTIONS;
        }
        // A block without cost has only the end of the function that needs the counter. The block is the last one.
        if self.stores_counter && (is_charged || self.has_unstored) {
            self.counter.store(&mut self.done);
        }
        self.has_unstored |= is_charged && !self.stores_counter;
        if self.checks_counter {
            self.checks.push(self.counter.check(self.block_depth, &mut self.done));
            self.compiled += CHECK_INSTRUCTIONS;
        }
        self.done.append(&mut self.block);
        self.cost = 0;
        self.checks_counter = next_checks_counter;
        self.stores_counter = false;
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

/// Whether the host or another function can read the counter while the instruction is executed, or the instruction
/// always traps. `memory.grow` and `table.grow` ask the host.
fn calls(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        Call { .. }
            | CallIndirect { .. }
            | ReturnCall { .. }
            | ReturnCallIndirect { .. }
            | MemoryGrow { .. }
            | MemoryFill { .. }
            | MemoryCopy { .. }
            | MemoryInit { .. }
            | TableGrow { .. }
            | Unreachable
    )
}

/// Whether an instruction can neither trap nor call a function. False for some that cannot, too.
fn cannot_trap(operator: &Operator<'_>) -> bool {
    macro_rules! is_one_of {
        ($($name:ident)+) => { matches!(operator, $(Operator::$name { .. })|+) };
    }
    is_one_of!(
        Nop Block Loop If Else End Br BrIf BrTable Return Drop Select
        LocalGet LocalSet LocalTee GlobalGet GlobalSet I32Const I64Const F32Const F64Const
        I32Eqz I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU
        I64Eqz I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU
        F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F64Eq F64Ne F64Lt F64Gt F64Le F64Ge
        I32Clz I32Ctz I32Popcnt I32Add I32Sub I32Mul I32And I32Or I32Xor I32Shl I32ShrS I32ShrU I32Rotl I32Rotr
        I64Clz I64Ctz I64Popcnt I64Add I64Sub I64Mul I64And I64Or I64Xor I64Shl I64ShrS I64ShrU I64Rotl I64Rotr
        F32Abs F32Neg F32Add F32Sub F32Mul F32Div F32Sqrt F64Abs F64Neg F64Add F64Sub F64Mul F64Div F64Sqrt
        I32WrapI64 I64ExtendI32S I64ExtendI32U I32Extend8S I32Extend16S I64Extend8S I64Extend16S I64Extend32S
        F32ConvertI32S F32ConvertI32U F32ConvertI64S F32ConvertI64U F32DemoteF64
        F64ConvertI32S F64ConvertI32U F64ConvertI64S F64ConvertI64U F64PromoteF32
        I32ReinterpretF32 I64ReinterpretF64 F32ReinterpretI32 F64ReinterpretI64
    )
}
