//! Modules in a 32-bit version and a 64-bit version.

use crate::canister::Canister;
use crate::canister::harness::installed;

/// The text of a module with 32-bit pointers and with 64-bit pointers. In `text`, `ptr` stands for the
/// type of pointers and sizes, and `ptrs` for the type of the memory.
pub(super) fn both_widths(text: &str) -> [String; 2] {
    [("", "i32"), ("i64", "i64")]
        .map(|(memory, pointer)| text.replace("ptrs", memory).replace("ptr", pointer))
}

/// Runs the same check with a 32-bit canister and with a 64-bit canister.
#[track_caller]
pub(super) fn in_both_widths(text: &str, check: impl Fn(&mut Canister)) {
    for text in both_widths(text) {
        check(&mut installed(&text));
    }
}
