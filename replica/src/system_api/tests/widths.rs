//! Modules of which there is a version for each pointer width.

use crate::canister::Canister;
use crate::canister::harness::installed;

/// The text of a module with 32-bit pointers and with 64-bit ones: `ptr` stands for the type of
/// addresses and sizes, `ptrs` for the type of a memory with such addresses.
pub(super) fn both_widths(text: &str) -> [String; 2] {
    [("", "i32"), ("i64", "i64")]
        .map(|(memory, pointer)| text.replace("ptrs", memory).replace("ptr", pointer))
}

/// Does the same with a canister of either width.
#[track_caller]
pub(super) fn in_both_widths(text: &str, check: impl Fn(&mut Canister)) {
    for text in both_widths(text) {
        check(&mut installed(&text));
    }
}
