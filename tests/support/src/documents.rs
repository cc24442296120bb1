//! The documents of this workspace, as tests read them: code blocks and tables, and the marker in front of each.
//!
//! A marker is an HTML comment in the line before a block (an empty line may follow it):
//!
//! - `<!-- run: NAME -->`: a test runs the commands of this block;
//! - `<!-- output: NAME -->`: a test compares this block, or this table, with what commands print;
//! - `<!-- message: FILE -->`: a test looks for the texts of this message in the source file;
//! - `<!-- from: FILE -->`: the lines of this block stand in this file, in this order;
//! - `<!-- not run: REASON -->`: no test runs this block.
//!
//! Blocks in Rust without a marker are documentation tests of the crate that includes the document.

use std::fs;

use crate::checkout;

/// A block of a document: what stands between fences, or a table that has a marker.
#[derive(Clone, Debug)]
pub struct Block {
    /// The document, by its path in the checkout.
    pub document: String,
    /// The number of the first line: that of the fence or of the table's head.
    pub line: usize,
    /// The word after the opening fence; `table` for a table.
    pub language: String,
    /// The marker in front of it, without the comment's brackets.
    pub marker: Option<String>,
    /// What stands between the fences, or the rows of the table.
    pub lines: Vec<String>,
}

impl Block {
    /// What follows this word in the marker, if the marker begins with it: the name after `run:`, for example.
    pub fn marked(&self, word: &str) -> Option<&str> {
        self.marker.as_deref()?.strip_prefix(word)?.strip_prefix(": ")
    }

    /// The document and the line, for messages.
    pub fn place(&self) -> String {
        format!("{}:{}", self.document, self.line)
    }
}

/// Splits a line of a command block into the command and the comment behind it.
pub fn command_and_comment(line: &str) -> (&str, Option<&str>) {
    match line.split_once(" # ") {
        Some((command, comment)) => (command.trim(), Some(comment.trim())),
        None => (line.trim(), None),
    }
}

/// The documents outside of the folder `docs` whose blocks are checked.
const OTHERS: [&str; 9] = [
    "README.md",
    "TROUBLESHOOTING.md",
    "examples/README.md",
    "examples/payout/README.md",
    "examples/portfolio/README.md",
    "examples/swap/README.md",
    "multi_subnet/README.md",
    "replica/README.md",
    "src/README.md",
];

/// The paths of the documents whose blocks are checked: those of the project, the READMEs of the packages and
/// examples, and all in `docs`.
pub fn documents() -> Vec<String> {
    let folder = fs::read_dir(checkout().join("docs")).expect("there is a folder `docs`");
    let mut documents: Vec<String> = folder
        .map(|entry| entry.expect("its entries can be read").file_name())
        .map(|name| format!("docs/{}", name.to_str().expect("a plain name")))
        // There is a folder with pictures, too.
        .filter(|name| name.ends_with(".md"))
        .chain(OTHERS.map(str::to_owned))
        .collect();
    documents.sort();
    documents
}

/// All blocks of all documents, in their order.
pub fn blocks() -> Vec<Block> {
    let read = |document: String| {
        let text = fs::read_to_string(checkout().join(&document)).expect("a document is text");
        blocks_of(&document, &text)
    };
    documents().into_iter().flat_map(read).collect()
}

/// The commands of this program that stand within sentences and tables of the documents, as in `make run`, each with
/// its document and line. Variables may stand before the program.
pub fn inline_commands(program: &str) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(checkout().join(&document)).expect("a document is text");
        let mut fenced = false;
        for (line, text) in (1..).zip(text.lines()) {
            fenced ^= text.starts_with("```");
            if fenced || text.starts_with("```") {
                continue;
            }
            // Every second piece stands between backticks.
            let spans = text.split('`').skip(1).step_by(2);
            let is_command = |span: &&str| {
                let mut words = span.split(' ').skip_while(|word| word.contains('='));
                words.next() == Some(program) && words.next().is_some()
            };
            let place = format!("{document}:{line}");
            commands.extend(spans.filter(is_command).map(|span| (place.clone(), span.to_owned())));
        }
    }
    commands
}

/// The blocks of one document.
///
/// # Panics
///
/// If a block is indented instead of fenced, or a fence or a marker has no end or no block.
fn blocks_of(document: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut marker: Option<String> = None;
    let mut after_empty = true;
    let mut lines = (1..).zip(text.lines());
    while let Some((line, text)) = lines.next() {
        let block = |language: &str, marker, lines| Block {
            document: document.to_owned(),
            line,
            language: language.to_owned(),
            marker,
            lines,
        };
        if let Some(comment) = text.strip_prefix("<!-- ") {
            let comment = comment.strip_suffix(" -->");
            let comment = comment.unwrap_or_else(|| panic!("{document}:{line}: no ` -->`"));
            marker = Some(comment.to_owned());
        } else if let Some(language) = text.strip_prefix("```") {
            let content = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let content = content.map(str::to_owned).collect();
            blocks.push(block(language, marker.take(), content));
        } else if text.starts_with('|') && marker.is_some() {
            let rest =
                lines.by_ref().map(|(_, line)| line).take_while(|line| line.starts_with('|'));
            let rows = std::iter::once(text).chain(rest).map(str::to_owned).collect();
            blocks.push(block("table", marker.take(), rows));
        } else {
            assert!(
                !(after_empty && text.starts_with("    ")),
                "{document}:{line}: put the block between fences (```) instead of indenting it"
            );
            assert!(
                marker.is_none() || text.is_empty(),
                "{document}:{line}: no block follows the marker {marker:?}"
            );
        }
        after_empty = text.is_empty();
    }
    assert_eq!(marker, None, "{document}: no block follows the marker");
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_their_language_marker_and_lines() {
        let text = "Text\n\n<!-- run: a test -->\n\n```sh\nls  # files\n\npwd\n```\n\n```text\nno\n```\n\n\
                    | a |\n\n<!-- output: table -->\n| b |\n|---|\n| c |\n\nend\n";
        let blocks = blocks_of("a.md", text);
        let found: Vec<_> = blocks
            .iter()
            .map(|block| (block.line, block.language.as_str(), block.marker.as_deref()))
            .collect();
        let expected = [
            (5, "sh", Some("run: a test")),
            (11, "text", None),
            (18, "table", Some("output: table")),
        ];
        assert_eq!(found, expected);
        assert_eq!(blocks[0].lines, ["ls  # files", "", "pwd"]);
        assert_eq!(blocks[2].lines, ["| b |", "|---|", "| c |"]);
        assert_eq!(blocks[0].marked("run"), Some("a test"));
        assert_eq!(blocks[0].marked("output"), None);
        assert_eq!(blocks[0].place(), "a.md:5");
        assert_eq!(command_and_comment(&blocks[0].lines[0]), ("ls", Some("files")));
    }

    #[test]
    fn indented_blocks_and_markers_without_a_block_are_mistakes() {
        for text in ["Text\n\n    ls\n", "<!-- run: a test -->\nText\n", "<!-- run: a test -->\n"] {
            assert!(std::panic::catch_unwind(|| blocks_of("a.md", text)).is_err(), "{text:?}");
        }
        assert_eq!(blocks_of("a.md", "- item\n    continued\n").len(), 0);
    }
}
