//! The options for the form of the result.

use std::fmt::Display;

use clap::Args;
use serde::Serialize;

/// The form of the result: text unless one of these is given.
#[derive(Args, Clone, Copy, Debug)]
#[group(multiple = false)]
pub struct OutputArgs {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,

    /// Print a CSV file instead of text: a line for each strategy and number of calls
    #[arg(long)]
    pub csv: bool,

    /// Print markdown instead of text, for example for a comment on a pull request
    #[arg(long)]
    pub markdown: bool,
}

/// The form of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text for a terminal.
    Text,
    /// One JSON object.
    Json,
    /// Lines with values that are separated by commas.
    Csv,
    /// GitHub's markdown.
    Markdown,
}

/// A result that can be printed in each form. As text, it is displayed.
pub trait InEachForm: Display + Serialize {
    /// The result as a CSV file.
    fn to_csv(&self) -> String;

    /// The result in GitHub's markdown.
    fn to_markdown(&self) -> String;

    /// The result as one JSON object.
    fn to_json(&self) -> String {
        // Every field is a string or a number, which JSON can express.
        serde_json::to_string_pretty(self).expect("a result is representable in JSON")
    }

    /// The result in this form.
    fn to_text_in(&self, format: Format) -> String {
        match format {
            Format::Text => self.to_string(),
            Format::Json => self.to_json(),
            Format::Csv => self.to_csv(),
            Format::Markdown => self.to_markdown(),
        }
    }
}

impl OutputArgs {
    /// The chosen form.
    pub fn format(self) -> Format {
        match self {
            Self { json: true, .. } => Format::Json,
            Self { csv: true, .. } => Format::Csv,
            Self { markdown: true, .. } => Format::Markdown,
            _ => Format::Text,
        }
    }
}
