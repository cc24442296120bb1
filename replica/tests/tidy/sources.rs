//! Reads source files: which module each of them is, and which paths it uses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file that is not only for tests.
#[derive(Debug)]
pub struct File {
    /// Its path within the workspace.
    pub name: String,
    /// The path of the module that it is, from the root of its crate.
    pub module: Vec<String>,
    /// What it uses of its own crate.
    pub uses: Vec<Use>,
}

/// A path that a file uses.
#[derive(Debug, PartialEq, Eq)]
pub struct Use {
    /// The line on which it begins.
    pub line: usize,
    /// The path, from the root of the crate.
    pub path: Vec<String>,
}

/// All files of a folder with this ending, with those of the folders in it. What is built or fetched
/// (`target`, hidden folders) is left out.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    for entry in entries {
        let path = entry.expect("folders can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                files.extend(rust_files(&path));
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The files of the library crate whose sources are in `source`: without `lib.rs`, binaries and tests.
pub fn read(root: &Path, source: &str) -> Vec<File> {
    let folder = root.join(source);
    let mut files = Vec::new();
    let tests = tests_of(&fs::read_to_string(folder.join("lib.rs")).expect("there is a library"));
    for path in rust_files(&folder) {
        let within = path.strip_prefix(&folder).expect("it is in the folder");
        let module = module_of(within);
        let is_for_tests = |name: &String| {
            name == "tests" || name.ends_with("_tests") || name == "harness" || tests.contains(name)
        };
        match module.first() {
            Some(first) if first != "bin" && !module.iter().any(is_for_tests) => {}
            _ => continue,
        }
        let text = fs::read_to_string(&path).expect("sources can be read");
        let name = Path::new(source).join(within).display().to_string();
        let uses = uses(&text, &module);
        files.push(File { name, module, uses });
    }
    assert!(!files.is_empty(), "there are no sources in {source}");
    files
}

/// The modules that a file declares for tests alone.
fn tests_of(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let declared = lines.windows(2).filter(|pair| pair[0].trim() == "#[cfg(test)]");
    let name = |line: &str| Some(line.trim().rsplit(' ').next()?.strip_suffix(';')?.to_owned());
    declared.filter_map(|pair| name(pair[1])).collect()
}

/// The module that a file is, by its path within `src`; of `lib.rs` the root, which has no name.
fn module_of(within: &Path) -> Vec<String> {
    let parts = within.with_extension("");
    let mut parts: Vec<String> =
        parts.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    parts.pop_if(|last| matches!(last.as_str(), "mod" | "lib"));
    parts
}

/// The modules from which the root of a crate exports names, by name.
pub fn exports(library: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(library).expect("there is a library");
    let mut exports = BTreeMap::new();
    for (start, _) in text.match_indices("pub use ") {
        let mut paths = Vec::new();
        expand(&text[start + "pub use ".len()..], Vec::new(), &mut paths);
        for path in paths.iter().filter(|path| path.len() > 1) {
            exports.insert(path[path.len() - 1].clone(), path[0].clone());
        }
    }
    exports
}

/// What a file, which is `module`, uses of its crate.
fn uses(text: &str, module: &[String]) -> Vec<Use> {
    let text = without_tests(text);
    let mut uses = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (position, _) in text.match_indices(start) {
            // Of `super::super::` the first `super` counts.
            if !begins_path(&text[..position]) {
                continue;
            }
            let line = line_of(&text, position);
            let mut paths = Vec::new();
            expand(&text[position..], Vec::new(), &mut paths);
            uses.extend(paths.into_iter().map(|path| Use { line, path: resolve(path, module) }));
        }
    }
    for child in children(&text) {
        for (position, _) in text.match_indices(&format!("{child}::")) {
            if begins_path(&text[..position]) {
                let mut paths = Vec::new();
                expand(&text[position..], module.to_vec(), &mut paths);
                let line = line_of(&text, position);
                uses.extend(paths.into_iter().map(|path| Use { line, path }));
            }
        }
    }
    uses
}

/// The modules that a file declares.
fn children(text: &str) -> impl Iterator<Item = &str> {
    let declared = text.lines().filter_map(|line| line.trim().strip_suffix(';'));
    declared.filter_map(|line| Some(line.rsplit_once("mod ")?.1))
}

/// Whether a path can begin after this text: not in the middle of a name or of another path.
fn begins_path(before: &str) -> bool {
    let last = before.chars().next_back();
    // `pub(in path)` uses nothing.
    !before.ends_with("pub(in ")
        && last.is_none_or(|last| !(last.is_alphanumeric() || "_:$".contains(last)))
}

/// The number of the line at a position.
fn line_of(text: &str, position: usize) -> usize {
    text[..position].matches('\n').count() + 1
}

/// A path from the root of the crate, for one that begins with `crate`, `super` or `self`.
fn resolve(path: Vec<String>, module: &[String]) -> Vec<String> {
    let mut absolute = module.to_vec();
    let mut rest = path.into_iter().peekable();
    while let Some(first) = rest.next_if(|part| ["crate", "super", "self"].contains(&part.as_str()))
    {
        match first.as_str() {
            "crate" => absolute.clear(),
            "super" => drop(absolute.pop()),
            _ => {}
        }
    }
    absolute.extend(rest);
    absolute
}

/// The paths that a text begins with, of which there are several if there is a group in braces.
/// Returns the rest of the text.
fn expand<'a>(text: &'a str, mut path: Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a str {
    let mut rest = text;
    loop {
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
        let end = rest.find(|letter: char| !is_part(letter)).unwrap_or(rest.len());
        if end > 0 {
            path.push(rest[..end].to_owned());
            rest = &rest[end..];
            match rest.strip_prefix("::") {
                Some(next) => rest = next,
                None => break,
            }
        } else {
            break;
        }
    }
    let Some(mut group) = rest.strip_prefix('{') else {
        paths.push(path);
        return rest;
    };
    loop {
        group = group.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
        match group.strip_prefix('}') {
            Some(rest) => return rest,
            None if group.is_empty() => return group,
            None => {}
        }
        let before = group.len();
        group = expand(group, path.clone(), paths);
        // What follows a name in the group, such as `as other`, says nothing more.
        let end = group.find([',', '}']).unwrap_or(group.len());
        group = &group[end..];
        assert!(group.len() < before, "a group of names that cannot be read: {before}");
    }
}

/// A text with its comments and with what is for tests alone taken out; its lines keep their numbers.
fn without_tests(text: &str) -> String {
    let mut lines = text.lines();
    let mut kept = String::new();
    while let Some(line) = lines.next() {
        let code = match line.find("//") {
            Some(start) => &line[..start],
            None => line,
        };
        if code.trim() != "#[cfg(test)]" {
            kept += code;
            kept += "\n";
            continue;
        }
        kept += "\n";
        let indentation = line.len() - line.trim_start().len();
        let closing = format!("{}}}", &line[..indentation]);
        // An item ends with its first line, or where its braces are closed.
        let mut is_first = true;
        for line in lines.by_ref() {
            kept += "\n";
            if is_first && line.ends_with(';') || line == closing {
                break;
            }
            is_first = false;
        }
    }
    kept
}

#[test]
fn paths_are_found_and_resolved() {
    let text = "use crate::a::{B, c::D as E};\n// use crate::no;\npub(in crate::no) fn f() { super::g(crate::h()) }\n\
                #[cfg(test)]\nmod tests {\n    use a;\n    use crate::no;\n}\nmod child;\n\
                use child::Y;\nuse super::super::x::*;\n";
    let module = ["m".to_owned(), "n".to_owned()];
    let mut found: Vec<(usize, String)> =
        uses(text, &module).into_iter().map(|used| (used.line, used.path.join("::"))).collect();
    found.sort();
    let expected =
        [(1, "a::B"), (1, "a::c::D"), (3, "h"), (3, "m::g"), (10, "m::n::child::Y"), (11, "x")];
    assert_eq!(found, expected.map(|(line, path)| (line, path.to_owned())));
}

#[test]
fn names_that_the_root_exports_belong_to_their_modules() {
    let folder = std::env::temp_dir().join(format!("tidy-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is room for a file");
    let library = folder.join("lib.rs");
    fs::write(&library, "mod a;\npub use a::{B, C};\npub use d::e;\n").expect("it can be written");
    let exports = exports(&library);
    fs::remove_dir_all(&folder).expect("it can be removed");
    let names = ["B", "C", "e"].map(|name| exports[name].as_str());
    assert_eq!(names, ["a", "a", "d"]);
}
