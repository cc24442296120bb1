//! Candid text of strangers: checked before it is parsed, so that the work is bounded.
//!
//! `candid_parser` calls itself for each level of nesting and for each comment, and compares definitions with one
//! another. A text with a hundred thousand levels would overflow the stack. So a text has limits, and the work on it
//! has a stack of its own, which is large enough for these limits.

use candid_parser::{Error, IDLArgs, IDLProg, parse_idl_args};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Longest Candid text, in bytes. A module has at most 1 MiB of metadata. The longest interfaces of the mainnet have
/// less than 200 KiB.
pub(super) const TEXT_BYTES_MAX: usize = 512 << 10;
/// Largest nesting of brackets, `opt` and `vec`.
const NESTING_MAX: usize = 64;
/// Most comments that follow one another without anything else between them.
const COMMENTS_IN_A_ROW_MAX: usize = 2_000;
/// Most characters of a number. The time to read and to print a number grows with the square of its length.
pub(super) const NUMBER_CHARS_MAX: usize = 10_000;
/// The stack for the work on a text, in bytes. A path through all types of an interface needs a few hundred bytes for
/// each type. The memory is only used as far as the work needs it.
const STACK_BYTES: usize = 128 << 20;
/// Most characters of an error message.
const MESSAGE_CHARS_MAX: usize = 600;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextError {
    /// The line and the column, both from 1. `None` if the error belongs to no place in the text.
    pub at: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
}

impl TextError {
    /// An error that belongs to no place in the text.
    pub(super) fn new(message: impl AsRef<str>) -> Self {
        Self { at: None, message: shortened(message.as_ref()) }
    }

    /// An error at this byte of the text.
    pub(super) fn at(text: &str, byte: usize, message: impl AsRef<str>) -> Self {
        let before = &text[..text.floor_char_boundary(byte)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { at: Some((line, column)), ..Self::new(message) }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "line {line}, column {column}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A message without its end, if it is too long to be read.
fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// Runs work on the text or the bytes of strangers, on a stack that is large enough for the limits of this module. A
/// panic is an error.
///
/// # Errors
///
/// The error of the work, or that it panicked.
pub(super) fn bounded<T>(work: impl FnOnce() -> Result<T, TextError>) -> Result<T, TextError> {
    let caught = stacker::grow(STACK_BYTES, || catch_unwind(AssertUnwindSafe(work)));
    caught.unwrap_or_else(|_| Err(TextError::new("the Candid library cannot read this")))
}

/// Parses an interface (a `.did` file). Call it within [`bounded`].
///
/// # Errors
///
/// If the text is beyond the limits, or no interface.
pub(super) fn parse_interface(text: &str) -> Result<IDLProg, TextError> {
    check(text)?;
    text.parse().map_err(|error| located(text, &error))
}

/// Parses values, such as `(1, "two")`. Call it within [`bounded`].
///
/// # Errors
///
/// If the text is beyond the limits, or no list of values.
pub(super) fn parse_values(text: &str) -> Result<IDLArgs, TextError> {
    check(text)?;
    parse_idl_args(text).map_err(|error| located(text, &error))
}

/// An error of the parser, as a sentence.
fn located(text: &str, error: &Error) -> TextError {
    let report = error.report();
    let Some(label) = report.labels.first() else { return TextError::new(report.message) };
    let found = text.get(label.range.clone()).unwrap_or_default();
    let message = match label.message.as_str() {
        "Unexpected EOF" => "the text ends too early".to_owned(),
        "Unexpected token" | "Extra token" | "Invalid token" => format!("unexpected '{found}'"),
        // The parser repeats the place of this error as a range of bytes.
        message => message.to_owned(),
    };
    let expected = report.notes.first().map(|note| note.split_whitespace().collect::<Vec<_>>());
    // Long lists help nobody.
    let expected = expected.filter(|words| words.len() < 10).map(|words| words.join(" "));
    let expected = expected.map(|words| format!(" ({})", words.replacen("Expects", "expected", 1)));
    TextError::at(text, label.range.start, message + &expected.unwrap_or_default())
}

/// Checks that a text keeps to the limits.
fn check(text: &str) -> Result<(), TextError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(TextError::new(format!(
            "the text has {} bytes; the limit is {TEXT_BYTES_MAX} bytes",
            text.len()
        )));
    }
    Scan { text, at: 0, levels: Vec::new(), prefixes: 0, comments: 0 }.run()
}

/// Reads a text word by word, with the parser's rules for comments and strings.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// For each open bracket: how many levels it adds.
    levels: Vec<usize>,
    /// How many of `opt` and `vec` come directly before this place.
    prefixes: usize,
    /// How many comments come directly before this place.
    comments: usize,
}

impl Scan<'_> {
    fn run(mut self) -> Result<(), TextError> {
        while let Some(byte) = self.byte(0) {
            let from = self.at;
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {
                    self.at += 1;
                    continue;
                }
                b'/' if matches!(self.byte(1), Some(b'/' | b'*')) => {
                    self.comment();
                    self.comments += 1;
                    if self.comments > COMMENTS_IN_A_ROW_MAX {
                        let message =
                            format!("more than {COMMENTS_IN_A_ROW_MAX} comments in a row");
                        return Err(self.error(from, message));
                    }
                    continue;
                }
                b'"' => self.string(),
                b'(' | b'{' => {
                    self.levels.push(self.prefixes + 1);
                    self.at += 1;
                }
                b')' | b'}' => {
                    self.levels.pop();
                    self.at += 1;
                }
                b if b.is_ascii_alphanumeric() || b == b'_' => self.word()?,
                _ => self.at += 1,
            }
            self.comments = 0;
            let is_prefix = matches!(&self.text.as_bytes()[from..self.at], b"opt" | b"vec");
            let is_kind = matches!(
                &self.text.as_bytes()[from..self.at],
                b"record" | b"variant" | b"func" | b"service"
            );
            self.prefixes = match (is_prefix, is_kind) {
                (true, _) => self.prefixes + 1,
                (_, true) => self.prefixes,
                _ => 0,
            };
            if self.levels.iter().sum::<usize>() + self.prefixes > NESTING_MAX {
                return Err(self.error(from, format!("nested more than {NESTING_MAX} levels deep")));
            }
        }
        Ok(())
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn error(&self, at: usize, message: impl AsRef<str>) -> TextError {
        TextError::at(self.text, at, message)
    }

    /// Skips a string. The parser reports a string without an end.
    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.byte(0) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
        self.at = self.text.len();
    }

    /// Skips a comment. The parser reports a comment without an end.
    fn comment(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        if rest[1] == b'/' {
            self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            return;
        }
        let mut open = 0_usize;
        while let Some(byte) = self.byte(0) {
            match (byte, self.byte(1)) {
                (b'/', Some(b'*')) => (open, self.at) = (open + 1, self.at + 2),
                (b'*', Some(b'/')) => (open, self.at) = (open - 1, self.at + 2),
                _ => self.at += 1,
            }
            if open == 0 {
                return;
            }
        }
    }

    /// Skips a name, a keyword or a number.
    fn word(&mut self) -> Result<(), TextError> {
        let from = self.at;
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        while self.byte(0).is_some_and(is_part) {
            self.at += 1;
        }
        let word = &self.text[from..self.at];
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            // The parser panics on this prefix.
            if word.starts_with("0X") {
                return Err(self.error(from, "write the prefix 0x in lower case"));
            }
            if word.len() > NUMBER_CHARS_MAX {
                let message = format!("a number of more than {NUMBER_CHARS_MAX} digits");
                return Err(self.error(from, message));
            }
        }
        Ok(())
    }
}
