//! How an execution is spread over rounds.

use crate::types::Instructions;

/// How an execution is spread over rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slices {
    /// How many there are, at least one.
    pub count: u64,
    /// Instructions of each but the last one.
    pub instructions_max: Instructions,
    /// Instructions of all of them.
    pub instructions: Instructions,
}

impl Slices {
    /// Instructions of a slice, when `before` have run.
    pub fn instructions_after(&self, before: u64) -> Instructions {
        let left = self.instructions.saturating_sub(before * self.instructions_max);
        if before + 1 < self.count { left.min(self.instructions_max) } else { left }
    }
}
