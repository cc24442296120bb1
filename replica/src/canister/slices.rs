//! Slices: the parts of an execution, each executed in one round.

use crate::types::Instructions;
use serde::{Deserialize, Serialize};

/// The slices of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slices {
    /// The number of slices, at least 1.
    pub count: u64,
    /// Instructions of each slice but the last one.
    pub instructions_max: Instructions,
    /// Instructions of all slices together.
    pub instructions: Instructions,
}

impl Slices {
    /// Instructions of the slice that follows `before` executed slices.
    pub fn instructions_after(&self, before: u64) -> Instructions {
        let left = self.instructions.saturating_sub(before * self.instructions_max);
        if before + 1 < self.count { left.min(self.instructions_max) } else { left }
    }
}
