//! Counting: what a block of code costs is taken from the counter where the block begins.
//!
//! Source: `embedders/src/wasm_utils/instrumentation.rs`, `injections` and `inject_metering`, in the
//! replica's repository. A block ends after each instruction that branches or that a branch can lead
//! to. Functions and loops begin with a look at the counter too, so nothing runs for long with
//! nothing left. A block that costs nothing is left alone.

use super::counter::{look, take};
use super::writes::Writes;
use super::{Added, Parts, stores};
use crate::types::Instructions;
use crate::wasm::weights::weight;
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

/// What entering a function costs.
const ENTRY: Instructions = 1;

/// Instructions by which the replica takes a block's cost from its counter.
const TAKING: Instructions = 4;

/// Instructions by which it looks at the counter, where it does.
const LOOKING: Instructions = 6;

/// Instructions it adds before a bulk operation with a 32-bit size, and with a 64-bit one.
const SIZING: [Instructions; 2] = [3, 1];

/// Instructions it adds to `memory.grow`.
const GROWING: Instructions = 3;

/// Instructions of the functions it adds to every module, one that takes from the counter and one
/// that counts clean pages of stable memory.
const HELPING: Instructions = 20 + 46;

/// Globals it adds to every module: the counter, dirty and accessed pages of stable memory.
const GLOBALS: Instructions = 3;

/// What initialising a global counts for.
const GLOBAL_INITIALISER: Instructions = 2;

/// A function's code with the counting in it.
pub(super) struct Metered {
    /// Locals and instructions.
    pub bytes: Vec<u8>,
    /// Wasm instructions the replica would compile for it.
    pub compiled: Instructions,
}

/// What the replica compiles besides the functions of the module.
pub(super) fn overhead(parts: &Parts<'_>) -> Instructions {
    HELPING + GLOBAL_INITIALISER * (GLOBALS + Instructions::from(parts.globals))
}

/// Puts counting and marking into a function that has this many parameters.
pub(super) fn metered(
    body: &FunctionBody<'_>,
    parameters: u32,
    added: &Added,
    parts: &Parts<'_>,
) -> Result<Metered, BinaryReaderError> {
    let source = body.as_bytes();
    let start = body.range().start;
    let mut reader = body.get_operators_reader()?;
    let mut from = reader.original_position() - start;
    let (mut operators, mut ends) = (Vec::new(), Vec::new());
    while !reader.eof() {
        operators.push(reader.read()?);
        ends.push(reader.original_position() - start);
    }
    let mut code = Code::new(source.len(), added);
    let mut writes = Writes::new(body, parameters, added, stores::marks(&operators, parts))?;
    for (operator, to) in operators.iter().zip(ends) {
        code.cost += weight(operator, added.wasm64);
        code.compiled += 1 + beside(operator, added.wasm64);
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
    Ok(Metered { bytes, compiled: code.compiled })
}

/// Instructions the replica adds to this one.
fn beside(operator: &Operator<'_>, wasm64: bool) -> Instructions {
    match operator {
        Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } => SIZING[usize::from(wasm64)],
        Operator::MemoryInit { .. } => SIZING[0],
        Operator::MemoryGrow { .. } => GROWING,
        _ => 0,
    }
}

/// Code being written.
struct Code {
    counter: u32,
    /// Blocks that are complete.
    done: Vec<u8>,
    /// The block that is not: its instructions, what they cost, and whether it begins with a look
    /// at the counter.
    block: Vec<u8>,
    cost: Instructions,
    looks: bool,
    compiled: Instructions,
}

impl Code {
    fn new(size: usize, added: &Added) -> Self {
        Self {
            counter: added.counter,
            done: Vec::with_capacity(2 * size),
            block: Vec::new(),
            cost: ENTRY,
            looks: true,
            compiled: 0,
        }
    }

    /// Ends a block and begins the next one.
    fn end_block(&mut self, next_looks: bool) {
        if self.looks || self.cost > 0 {
            take(self.counter, self.cost, &mut self.done);
            self.compiled += TAKING;
        }
        if self.looks {
            look(self.counter, &mut self.done);
            self.compiled += LOOKING;
        }
        self.done.append(&mut self.block);
        self.cost = 0;
        self.looks = next_looks;
    }
}
