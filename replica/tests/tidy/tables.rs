//! The tables of modules in `DESIGN.md`.

/// The modules in the table of modules below a heading, in order: the first cells of the rows that hold one
/// name in backticks and nothing else. The header of the table begins with `module of`.
///
/// # Panics
/// When the heading is missing, or no such row follows before the next heading of its rank.
pub fn modules(design: &str, heading: &str) -> Vec<String> {
    let mut lines = design.lines();
    assert!(lines.any(|line| line == heading), "DESIGN.md has no heading '{heading}'");
    let section = lines.take_while(|line| !line.starts_with("## "));
    let table = section.skip_while(|line| !line.starts_with("| module of"));
    let rows = table.take_while(|line| line.starts_with('|'));
    let modules: Vec<String> = rows.filter_map(module).map(str::to_owned).collect();
    assert!(!modules.is_empty(), "no row of modules below '{heading}' in DESIGN.md");
    modules
}

/// The module of a row, if it is the row of a module.
fn module(line: &str) -> Option<&str> {
    let (cell, _) = line.strip_prefix('|')?.split_once('|')?;
    let name = cell.trim().strip_prefix('`')?.strip_suffix('`')?;
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    Some(name).filter(|name| is_name(name))
}

#[test]
fn rows_with_one_name_are_modules() {
    let design = "## A\n| module of `src` | what |\n|---|---|\n| `one` | `x` |\n| `two`, `b` | |\n\
                  | `three` | |\n\n| text | what |\n| `four` | |\n## B\n| module of `b` | |\n| `five` | |";
    assert_eq!(modules(design, "## A"), ["one", "three"]);
    assert_eq!(modules(design, "## B"), ["five"]);
}
