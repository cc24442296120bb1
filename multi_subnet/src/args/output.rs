//! The options for the form of the result.

use clap::Args;

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
