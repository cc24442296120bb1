//! Golden files: committed texts that a test compares with.

use std::path::Path;
use std::{env, fs};

/// Asserts that a text equals a committed file. With `BLESS=1` in the environment, the file is written first: this
/// accepts the text as it is now.
#[track_caller]
pub fn assert_golden(file: &Path, actual: &str) {
    if env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::write(file, actual).expect("the golden file can be written");
    }
    let expected = fs::read_to_string(file).unwrap_or_default().replace("\r\n", "\n");
    let name = file.display();
    assert_eq!(
        actual, expected,
        "{name} has changed. If the change is intended, run this test once with BLESS=1"
    );
}
