//! The effort to compile a module.
//!
//! The network bounds it by the complexity of each function, and compiles in a process of its own. Here, an
//! instance and its clients wait, so this project adds bounds for modules.
//!
//! Where branches meet, a compiler merges the values of all locals that were assigned since they parted. So
//! nested loops merge as many values as there are loops times locals. The time to compile a function grows with
//! the square of this number.

use super::{InvalidModule, invalid};
use crate::limits::*;
use wasmparser::{BlockType, Operator};

/// Most locals of a function. The validator refuses a function with more.
const LOCALS_MAX: usize = 50_000;

/// The numbers of parameters and results of the functions and function types of a module.
#[derive(Clone, Copy)]
pub(super) struct Arities<'a> {
    /// Of each function type.
    pub types: &'a [(u32, u32)],
    /// The type of each function.
    pub functions: &'a [u32],
}

impl Arities<'_> {
    /// Of a function type. The validator refuses a module without this type.
    pub fn of_type(self, index: u32) -> (u32, u32) {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    fn of_function(self, index: u32) -> (u32, u32) {
        self.functions.get(index as usize).map_or((0, 0), |index| self.of_type(*index))
    }

    fn of_block(self, block: BlockType) -> (u32, u32) {
        match block {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => self.of_type(index),
        }
    }
}

/// The effort to compile a function, or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effort {
    /// The square of the number of values that a function merges or passes.
    pub merged_squared: u64,
    /// The merged values, once for each branch; and the locals.
    pub branched: u64,
    /// The number of blocks and branches, times the number of locals.
    pub live: u64,
    /// The targets of branch tables.
    pub targets: u64,
}

impl Effort {
    /// Adds the effort for another function of the module.
    ///
    /// # Errors
    ///
    /// [`InvalidModule`] if the effort for the module is too large. `number` is the number of the function.
    pub fn add(&mut self, function: Self, number: usize) -> Result<(), InvalidModule> {
        let sums = [
            (
                &mut self.merged_squared,
                function.merged_squared,
                COMPILE_MERGED_SQUARED_MAX,
                "locals",
            ),
            (&mut self.branched, function.branched, COMPILE_BRANCHED_MAX, "locals and branches"),
            (&mut self.live, function.live, COMPILE_LIVE_MAX, "locals and blocks"),
            (&mut self.targets, function.targets, BRANCH_TABLE_TARGETS_MAX, "branch table targets"),
        ];
        for (sum, added, max, what) in sums {
            *sum = sum.saturating_add(added);
            if *sum > max {
                return invalid(format!(
                    "up to function {number}, the module has so many {what} that compiling it takes too long \
                     (effort {sum}, at most {max} in the embedded replica); split large functions into \
                     smaller ones"
                ));
            }
        }
        Ok(())
    }
}

/// Counts the effort to compile one function.
pub(super) struct EffortCounter<'a> {
    arities: Arities<'a>,
    locals: u64,
    /// The number of assignments and of opened blocks so far.
    time: u32,
    /// For each local, when it was last assigned. Empty before the first assignment.
    assigned: Vec<u32>,
    /// The open blocks. The first one is the function itself.
    open: Vec<OpenBlock>,
    /// Values that are merged or passed.
    merged: u64,
    effort: Effort,
}

/// An open block, loop or `if`.
#[derive(Default)]
struct OpenBlock {
    since: u32,
    /// The number of locals assigned in it.
    assigned: u32,
    /// The number of branches to it.
    branches: u32,
    /// The number of its parameters and results.
    operands: u32,
}

impl<'a> EffortCounter<'a> {
    /// The effort for a function with this number of locals, parameters included, and this number of results.
    pub fn new(arities: Arities<'a>, locals: u64, results: u32) -> Self {
        let function = OpenBlock { operands: results, ..OpenBlock::default() };
        let effort = Effort { branched: locals, ..Effort::default() };
        let (open, assigned) = (vec![function], Vec::new());
        Self { arities, locals, time: 0, assigned, open, merged: 0, effort }
    }

    /// Counts the next instruction. Does nothing once the effort is too large, because counting takes time, too.
    pub fn count(&mut self, operator: &Operator<'_>) {
        let is_too_large = self.effort.branched > COMPILE_BRANCHED_MAX
            || self.effort.live > COMPILE_LIVE_MAX
            || self.merged * self.merged > COMPILE_MERGED_SQUARED_MAX;
        if is_too_large {
            return;
        }
        match *operator {
            Operator::Block { blockty } | Operator::If { blockty } | Operator::Loop { blockty } => {
                self.begin(blockty);
            }
            Operator::Else => self.branch(0),
            Operator::End => self.end(),
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                self.branch(relative_depth);
            }
            Operator::BrTable { ref targets } => {
                self.effort.targets += u64::from(targets.len());
                self.branch(targets.default());
                targets.targets().flatten().for_each(|target| self.add_branch(target));
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.assign(local_index);
            }
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.pass(self.arities.of_function(function_index));
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. } => {
                self.pass(self.arities.of_type(type_index));
            }
            _ => {}
        }
    }

    /// The effort for the whole function.
    pub fn finish(self) -> Effort {
        Effort { merged_squared: self.merged.saturating_mul(self.merged), ..self.effort }
    }

    fn begin(&mut self, block: BlockType) {
        self.effort.live += self.locals;
        self.time += 1;
        let (parameters, results) = self.arities.of_block(block);
        let operands = parameters.saturating_add(results);
        self.open.push(OpenBlock { since: self.time, operands, ..OpenBlock::default() });
    }

    /// Ends a block: each branch to it, and the way without a branch, brings values to merge.
    fn end(&mut self) {
        let Some(block) = self.open.pop() else { return };
        // After the end of the function, no local has a value.
        let locals = if self.open.is_empty() { 0 } else { block.assigned };
        let merged = u64::from(locals) + u64::from(block.operands);
        self.merged += merged;
        self.effort.branched += (u64::from(block.branches) + 1) * merged;
    }

    fn branch(&mut self, depth: u32) {
        self.effort.live += self.locals;
        self.add_branch(depth);
    }

    fn add_branch(&mut self, depth: u32) {
        if let Some(place) = self.open.len().checked_sub(depth as usize + 1) {
            self.open[place].branches += 1;
        }
    }

    /// Counts an assignment in all blocks in which the local was not assigned before.
    fn assign(&mut self, local: u32) {
        if self.assigned.is_empty() {
            let locals = usize::try_from(self.locals).unwrap_or(usize::MAX);
            self.assigned = vec![0; locals.min(LOCALS_MAX)];
        }
        let Some(last) = self.assigned.get_mut(local as usize) else { return };
        for block in self.open.iter_mut().rev().take_while(|block| block.since > *last) {
            block.assigned += 1;
        }
        self.time += 1;
        *last = self.time;
    }

    fn pass(&mut self, (parameters, results): (u32, u32)) {
        let passed = u64::from(parameters) + u64::from(results);
        self.merged += passed;
        self.effort.branched += passed;
    }
}
