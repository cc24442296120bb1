//! The lines that canisters log, for people: with the time, the canister, and nothing that a terminal would take for
//! a command.

use crate::stderr;
use crate::utc::utc;
use std::fmt::{self, Debug, Write as _};
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// The target of the events with the lines of canisters.
pub const TARGET: &str = "canister";

/// Writes the lines of canisters to standard error.
pub struct CanisterLines;

impl<S: Subscriber> Layer<S> for CanisterLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        stderr::add(format!("{} {line}\n", utc(SystemTime::now())).into_bytes());
    }
}

/// A line that a canister logs.
#[derive(Default)]
struct Line {
    canister: String,
    name: Option<String>,
    text: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        match field.name() {
            "canister" => self.canister = value,
            "name" => self.name = Some(value),
            "message" => self.text = value,
            _ => {}
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({}): ", Escaped(name), self.canister)?,
            None => write!(f, "{}: ", self.canister)?,
        }
        // A line of the terminal that is not indented is therefore never a canister's.
        for (number, line) in self.text.lines().enumerate() {
            if number > 0 {
                f.write_str("\n    ")?;
            }
            write!(f, "{}", Escaped(line))?;
        }
        Ok(())
    }
}

/// Text with escapes in the place of characters that control a terminal, or that nobody sees.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const READABLE: [char; 4] = ['"', '\'', '\\', '\t'];
        for part in self.0.split_inclusive(READABLE) {
            let text = part.trim_end_matches(READABLE);
            write!(f, "{}", text.escape_debug())?;
            part[text.len()..].chars().try_for_each(|character| f.write_char(character))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: Option<&str>, text: &str) -> String {
        let canister = "aaaaa-aa".into();
        Line { canister, name: name.map(str::to_owned), text: text.into() }.to_string()
    }

    #[test]
    fn a_line_names_the_canister_and_keeps_what_people_read() {
        let text = "größer: {\"a\": '\\'} 日本\tत्रि";
        assert_eq!(shown(None, text), format!("aaaaa-aa: {text}"));
        assert_eq!(shown(Some("caller"), "hello"), "caller (aaaaa-aa): hello");
    }

    #[test]
    fn a_line_and_a_name_cannot_control_the_terminal_or_look_like_another_line() {
        let line = shown(Some("a\u{1b}[2J"), "\u{1b}]0;title\u{7}\rover\u{9b}31m\u{202e}");
        let escaped = "a\\u{1b}[2J (aaaaa-aa): \\u{1b}]0;title\\u{7}\\rover\\u{9b}31m\\u{202e}";
        assert_eq!(line, escaped);
        assert_eq!(shown(None, "one\n2026 other: two"), "aaaaa-aa: one\n    2026 other: two");
    }
}
