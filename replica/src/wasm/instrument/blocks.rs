//! Divides the code of a function into blocks, and finds out from which points to which points they lead.
//!
//! A block ends after each instruction that branches, and before each instruction that a branch can target.

use super::charges::{Block, EXACT, Points};
use super::{CounterStores, charges};
use crate::types::Instructions;
use crate::wasm::instruction_costs::instruction_cost;
use wasmparser::Operator;

/// Cost of entering a function, in instructions.
const FUNCTION_ENTRY_COST: Instructions = 1;

/// The heat of a block that ends in a trap, and the heat that each loop adds to a block.
const TRAP_HEAT: i32 = -2;
const LOOP_HEAT: i32 = 2;

/// A block with what metering adds to it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MeteredBlock {
    /// The cost of the instructions of the block.
    pub cost: Instructions,
    /// What the block subtracts from the counter. Differs from the cost where other blocks subtract more or less.
    pub charge: i64,
    /// How much the counter is ahead of the exact one after the subtraction.
    pub ahead: i64,
    /// What the block subtracts again at its end.
    pub charge_at_end: i64,
    /// Whether the block checks the counter.
    pub checks_counter: bool,
    /// Whether the block stores the counter.
    pub stores_counter: bool,
    /// Whether the block may subtract again at its end.
    charges_at_end: bool,
}

/// A Wasm block, loop or `if` that contains the current instruction.
struct Frame {
    /// The point that branches to its label lead to.
    label: usize,
    is_loop: bool,
    /// Whether a path leads to its start.
    is_reachable: bool,
    /// The point before an `if` without `else`.
    without_else: Option<usize>,
}

/// The state of the division at one instruction.
struct Division {
    points: Points,
    frames: Vec<Frame>,
    blocks: Vec<Block>,
    metered: Vec<MeteredBlock>,
    /// The point at the start of the current block.
    from: usize,
    current: MeteredBlock,
    /// The number of loops that contain the current instruction.
    loops: i32,
    is_reachable: bool,
}

/// The blocks of a function.
pub(super) fn blocks(
    operators: &[Operator<'_>],
    wasm64: bool,
    stores: CounterStores,
) -> Vec<MeteredBlock> {
    let mut division = Division {
        points: Points::new(),
        frames: Vec::new(),
        blocks: Vec::new(),
        metered: Vec::new(),
        from: EXACT,
        current: MeteredBlock {
            cost: FUNCTION_ENTRY_COST,
            checks_counter: true,
            ..MeteredBlock::default()
        },
        loops: 0,
        is_reachable: true,
    };
    for operator in operators {
        division.operator(operator, wasm64, stores);
    }
    let Division { mut points, blocks, mut metered, .. } = division;
    if stores == CounterStores::AtCalls {
        let mut charges = charges::charges(&blocks, &mut points).into_iter();
        for block in &mut metered {
            let Some(charge) = charges.next() else { break };
            (block.charge, block.ahead) = (charge.subtracted, charge.ahead);
            if block.charges_at_end {
                block.charge_at_end = charges.next().map_or(0, |charge| charge.subtracted);
            }
        }
    }
    metered
}

impl Division {
    fn operator(&mut self, operator: &Operator<'_>, wasm64: bool, stores: CounterStores) {
        let depth = self.frames.len() as u32;
        self.current.cost += instruction_cost(operator, wasm64);
        self.current.stores_counter |= leaves(operator, depth) != Leaves::Never
            || match stores {
                CounterStores::AtCalls => calls(operator),
                CounterStores::AtTraps => !cannot_trap(operator),
            };
        if ends_block(operator) {
            let to = self.end_block(operator);
            self.branch(operator, to);
        } else if let Operator::Block { .. } = operator {
            let label = self.points.add();
            self.open(label, false, None);
        }
    }

    /// Ends the current block and begins the next one. Returns the point at the end of the block.
    fn end_block(&mut self, operator: &Operator<'_>) -> usize {
        let block = std::mem::take(&mut self.current);
        let mut to = if block.stores_counter { EXACT } else { self.points.add() };
        let heat = match operator {
            Operator::Unreachable => TRAP_HEAT,
            _ => self.loops * LOOP_HEAT,
        };
        let cost = block.cost as i64;
        self.blocks.push(Block { cost, heat, from: self.from, to });
        // The subtraction for the code after a loop: if that code subtracted from what the loop has left, the engine
        // would subtract all from what the loop began with, and the loop would have to keep both numbers.
        let charges_at_end = block.stores_counter && matches!(operator, Operator::Loop { .. });
        if charges_at_end {
            to = self.points.add();
            self.blocks.push(Block { cost: 0, heat: heat - 1, from: EXACT, to });
        }
        self.metered.push(MeteredBlock { charge: cost, charges_at_end, ..block });
        self.from = to;
        to
    }

    fn open(&mut self, label: usize, is_loop: bool, without_else: Option<usize>) {
        let is_reachable = self.is_reachable;
        self.loops += i32::from(is_loop);
        self.frames.push(Frame { label, is_loop, is_reachable, without_else });
    }

    /// Handles the instruction that has ended a block. `to` is the point at the end of the block.
    fn branch(&mut self, operator: &Operator<'_>, to: usize) {
        match operator {
            Operator::Loop { .. } => {
                self.open(to, true, None);
                self.current.checks_counter = true;
            }
            Operator::If { .. } => {
                let label = self.points.add();
                self.open(label, false, Some(to));
            }
            Operator::Else => {
                self.lead(to, 0);
                let Some(frame) = self.frames.last_mut() else { return };
                self.from = frame.without_else.take().unwrap_or(to);
                self.is_reachable = frame.is_reachable;
            }
            Operator::End => self.close(to),
            Operator::BrIf { relative_depth } => self.lead(to, *relative_depth),
            Operator::Br { relative_depth } => {
                self.lead(to, *relative_depth);
                self.stop();
            }
            Operator::BrTable { targets } => {
                let all = targets.targets().flatten().chain([targets.default()]);
                all.for_each(|target| self.lead(to, target));
                self.stop();
            }
            _ => self.stop(),
        }
    }

    /// Handles the end of a Wasm block.
    fn close(&mut self, to: usize) {
        let Some(frame) = self.frames.last() else { return };
        // A branch to the label of a loop leads to its start.
        if frame.is_loop {
            self.loops -= 1;
        } else {
            let (label, is_reachable) = (frame.label, frame.is_reachable);
            if let Some(point) = frame.without_else.filter(|_| is_reachable) {
                self.points.join(point, label);
            }
            self.lead(to, 0);
            self.from = label;
            self.is_reachable = is_reachable;
        }
        self.frames.pop();
    }

    /// Notes that a branch to a label leads from a point to the start of the block there. A branch that leaves the
    /// function leads from [`EXACT`].
    fn lead(&mut self, from: usize, depth: u32) {
        let place = self.frames.len().checked_sub(depth as usize + 1);
        if let Some(place) = place.filter(|_| self.is_reachable) {
            self.points.join(from, self.frames[place].label);
        }
    }

    /// Begins code that no path leads to.
    fn stop(&mut self) {
        self.from = self.points.add();
        self.is_reachable = false;
    }
}

/// Whether an instruction ends a block of code.
pub(super) fn ends_block(operator: &Operator<'_>) -> bool {
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
pub(super) enum Leaves {
    Always,
    Sometimes,
    Never,
}

/// How an instruction within `depth` Wasm blocks leaves the function.
pub(super) fn leaves(operator: &Operator<'_>, depth: u32) -> Leaves {
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
