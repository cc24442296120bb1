//! How much of an execution is executed.

/// How much of an execution is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Nothing of an execution that needs more instructions than one slice has.
    FirstSlice,
    /// The whole execution.
    Whole,
}
