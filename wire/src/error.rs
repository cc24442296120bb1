//! Why a message could not be read.

use std::fmt;

/// Why a message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// It does not begin as Candid messages do.
    NotCandid,
    /// It ends before its last value does.
    Truncated,
    /// It goes on after its last value.
    Trailing,
    /// Its description of types makes no sense.
    BadTypes,
    /// A value's bytes make no sense for its type.
    BadValue,
    /// A number does not fit where it belongs.
    TooLarge,
    /// It would take more work or memory than its length justifies.
    TooMuch,
    /// Its types are not the expected ones, nor such as can be read in their place.
    WrongType,
}

impl WireError {
    /// One short sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotCandid => "the message is not Candid",
            Self::Truncated => "the message ends too early",
            Self::Trailing => "the message goes on after its last value",
            Self::BadTypes => "the message describes its types wrongly",
            Self::BadValue => "the message contains a malformed value",
            Self::TooLarge => "the message contains a number that is too large",
            Self::TooMuch => "the message contains too many values without content",
            Self::WrongType => "the message does not have the expected type",
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for WireError {}
