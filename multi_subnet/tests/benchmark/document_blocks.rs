//! Whether each block of the documents is run by a test or says why not, whether quoted messages and code are those
//! of the sources, and whether links lead somewhere.

use std::fs;
use std::path::Path;

use test_support::documents::{Block, blocks, documents};

use crate::documents::workspace;

/// The file in the workspace.
fn read(file: &str) -> String {
    fs::read_to_string(workspace().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The library for the document tests of what stands outside of the crates.
const TEST_SUPPORT: &str = "tests/support/src/lib.rs";
/// The libraries that include documents as documentation tests, and the folder whose documents each names by a path
/// without this folder.
const LIBRARIES: [(&str, &str); 3] =
    [("src/lib.rs", ""), ("replica/src/lib.rs", "replica/"), (TEST_SUPPORT, "")];

/// Why no test runs or compares this block, if that is so.
fn unchecked(block: &Block) -> Result<(), String> {
    let is_run_by = |file: &str, by: &str| match read(file).contains(by) {
        true => Ok(()),
        false => Err(format!("{file} has no {by}")),
    };
    if let Some(reason) = block.marked("not run") {
        return if reason.is_empty() { Err("it does not say why".into()) } else { Ok(()) };
    }
    if let Some(file) = block.marked("from") {
        return is_quoted_from(block, &read(file));
    }
    if let Some(source) = block.marked("message") {
        return has_messages_of(block, &workspace().join(source));
    }
    let language = block.language.split(',').next().unwrap_or_default();
    match (language, block.marked("run"), block.marked("output")) {
        ("rust", None, None) if block.language.contains("ignore") => {
            Err("rustdoc ignores it: say where it is from, or why it is not run".into())
        }
        ("rust", None, None) => {
            let is_compiled_by = |(library, folder): &(&str, &str)| {
                let path = block.document.strip_prefix(folder).unwrap_or(&block.document);
                let up = if *library == TEST_SUPPORT { "../../../" } else { "../" };
                // The attribute can depend on a feature: `cfg_attr(feature, doc = include_str!(…))]`.
                [")]", "))]"].iter().any(|end| {
                    is_run_by(library, &format!("include_str!(\"{up}{path}\"{end}")).is_ok()
                })
            };
            let is_compiled = LIBRARIES.iter().any(is_compiled_by);
            is_compiled.then_some(()).ok_or_else(|| "no crate includes this document".into())
        }
        ("toml", None, None) => has_dependencies_of_the_workspace(block),
        ("sh", Some("benchmark" | "failing benchmark"), None)
        | ("text" | "json", None, Some("benchmark" | "benchmark lines" | "failing benchmark"))
        | ("yaml", Some("benchmark workflow"), None)
        | ("table", None, Some("benchmark table")) => Ok(()),
        ("sh", Some(name), None) => {
            let name = name.strip_prefix("walk-through ").ok_or("no test knows its marker")?;
            is_run_by("replica/tests/clients/walk_through.rs", &format!("run(\"{name}\")"))
        }
        _ => Err("put a marker in front of it (see `documents` in the test support)".into()),
    }
}

/// Whether the lines of the block stand in this text, in this order, however they are indented.
pub fn is_quoted_from(block: &Block, text: &str) -> Result<(), String> {
    let mut lines = text.lines().map(str::trim);
    for quoted in block.lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()) {
        lines.find(|line| *line == quoted).ok_or_else(|| format!("there is no `{quoted}`"))?;
    }
    Ok(())
}

/// Whether each line of the block is one that this source can print: a file, or all files in a folder.
fn has_messages_of(block: &Block, source: &Path) -> Result<(), String> {
    let mut texts = Vec::new();
    read_all(source, &mut texts);
    let literals: Vec<String> = texts.iter().flat_map(|text| literals(text)).collect();
    let is_known = |line: &&String| literals.iter().any(|literal| is_printed_from(literal, line));
    match block.lines.iter().find(|line| !is_known(line)) {
        Some(line) => Err(format!("no text in the source prints `{line}`")),
        None => Ok(()),
    }
}

/// The text of a file, or of all files in a folder and in those below it.
fn read_all(path: &Path, texts: &mut Vec<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            read_all(&entry.expect("an entry").path(), texts);
        }
    } else {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        // Quotes that neither begin nor end a text.
        let text = text.replace("'\"'", "''");
        let is_comment = |line: &&str| line.trim_start().starts_with("//");
        texts.push(text.lines().filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n"));
    }
}

/// The texts between quotes in a source in Rust or for a shell.
fn literals(source: &str) -> Vec<String> {
    let mut literals = vec![String::new()];
    let mut inside = false;
    let mut characters = source.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                inside = !inside;
                literals.push(String::new());
            }
            '\\' if inside => match characters.next() {
                // A line that goes on in the next one.
                Some('\n') => while characters.next_if(|next| next.is_whitespace()).is_some() {},
                // The end of a line, which is not part of the lines of a document.
                Some('n') => {}
                Some(escaped) => literals.last_mut().expect("there is one").push(escaped),
                None => {}
            },
            _ if inside => literals.last_mut().expect("there is one").push(character),
            _ => {}
        }
    }
    literals
}

/// Whether a line of a message can come from this text, in which `{…}` and `$…` stand for something else.
fn is_printed_from(literal: &str, line: &str) -> bool {
    let mut pieces = Vec::new();
    let mut rest = literal.split("$(echo").next().unwrap_or_default();
    while let Some(start) = rest.find(['{', '$']).filter(|start| !rest[*start..].starts_with("$("))
    {
        pieces.push(&rest[..start]);
        let word = |character: char| character.is_alphanumeric() || character == '_';
        let variable = &rest[start + 1..];
        rest = match rest[start..].starts_with('{') {
            true => variable.split_once('}').map_or("", |(_, rest)| rest),
            false => variable.trim_start_matches(word),
        };
    }
    pieces.push(rest);
    let mut unread = line;
    let in_order = pieces.iter().all(|piece| match unread.split_once(piece) {
        Some((_, rest)) => {
            unread = rest;
            true
        }
        None => false,
    });
    in_order && pieces.iter().map(|piece| piece.len()).sum::<usize>() >= 20
}

/// Whether the dependencies in the block have the versions that the workspace builds with.
fn has_dependencies_of_the_workspace(block: &Block) -> Result<(), String> {
    let manifest = read("Cargo.toml");
    let (_, dependencies) =
        manifest.split_once("[workspace.dependencies]").expect("the workspace has dependencies");
    let is_section = |line: &&String| line.starts_with('[');
    let sections: Vec<&String> = block.lines.iter().filter(is_section).collect();
    let version = |line: &str| {
        let (name, rest) = line.split_once(" = ")?;
        let version = rest.split('"').nth(1)?;
        Some((name.to_owned(), version.to_owned()))
    };
    for (name, documented) in block.lines.iter().filter_map(|line| version(line)) {
        if documented.starts_with("../") {
            continue;
        }
        let line = dependencies.lines().find(|line| line.starts_with(&format!("{name} = ")));
        let line = line.ok_or_else(|| format!("the workspace does not use {name}"))?;
        let used =
            if line.contains("version") { line.split("version = ").nth(1) } else { Some(line) };
        if !used.is_some_and(|line| line.contains(&format!("\"{documented}\""))) {
            return Err(format!("the workspace uses {line}"));
        }
    }
    if sections.is_empty() { Err("it has no section".into()) } else { Ok(()) }
}

#[test]
fn every_block_of_the_documents_is_run_or_says_why_not() {
    let blocks = blocks();
    assert!(blocks.len() > 20, "{} blocks", blocks.len());
    let mistakes: Vec<String> = blocks
        .iter()
        .filter_map(|block| Some(format!("{}: {}", block.place(), unchecked(block).err()?)))
        .collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

/// The anchors of the headings in a document, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|character| if character == ' ' { '-' } else { character }).collect()
    };
    headings.map(anchor).collect()
}

/// What is wrong with a link in this document, if anything is.
fn broken(document: &str, link: &str) -> Option<String> {
    if link.starts_with("http") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = workspace().join(document);
    let target = match path {
        "" => folder,
        path => folder.parent().expect("a document is in a folder").join(path),
    };
    if !target.exists() {
        return Some(format!("{document}: {link} leads to no file"));
    }
    let known =
        || anchors(&fs::read_to_string(&target).expect("text")).contains(&anchor.to_owned());
    (!anchor.is_empty() && !known()).then(|| format!("{document}: {link} leads to no heading"))
}

#[test]
fn every_link_between_documents_leads_to_a_file_and_a_heading() {
    let mut links = 0;
    let mut mistakes = Vec::new();
    for document in documents().into_iter().chain(["DESIGN.md".into(), "CHANGELOG.md".into()]) {
        let text = read(&document);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in targets {
            links += 1;
            mistakes.extend(broken(&document, link));
        }
    }
    assert!(links > 20, "{links} links");
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}
