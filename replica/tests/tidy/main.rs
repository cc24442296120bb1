//! Checks the structure of the sources by reading them as text: which module may use which, cycles
//! of files, and the length of files.
//!
//! The order of modules stands in two tables of `DESIGN.md`, one row per module. A module uses only
//! modules above it. To allow a new use, move the row, or move the code that is used.

mod sources;
mod tables;

use sources::{File, Use};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file may have, at most.
const LINES_MAX: usize = 400;

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

/// Fails with all violations of a rule, if there are some.
#[track_caller]
fn check(rule: &str, violations: &[String]) {
    let list: String = violations.iter().map(|violation| format!("\n  {violation}")).collect();
    assert!(violations.is_empty(), "{} of the rule: {rule}{list}\n", count(violations.len()));
}

fn count(violations: usize) -> String {
    if violations == 1 { "one violation".into() } else { format!("{violations} violations") }
}

/// The uses of modules that stand below the module that uses them.
fn upward_uses(
    files: &[File],
    order: &[String],
    exports: &BTreeMap<String, String>,
) -> Vec<String> {
    let place = |module: &str| order.iter().position(|known| known == module);
    let mut violations = Vec::new();
    for file in files {
        let Some(user) = file.module.first() else {
            continue;
        };
        let Some(own) = place(user) else { continue };
        for Use { line, path } in &file.uses {
            let Some(name) = path.first() else { continue };
            let used = exports.get(name).unwrap_or(name);
            match place(used) {
                Some(other) if other <= own => {}
                Some(_) => violations.push(format!(
                    "{}:{line}: `{user}` uses `{used}` (as `{}`), which stands below it",
                    file.name,
                    path.join("::")
                )),
                None => violations.push(format!(
                    "{}:{line}: `{}` belongs to no module of the table",
                    file.name,
                    path.join("::")
                )),
            }
        }
    }
    violations
}

/// What is wrong between the modules of a crate and the rows of its table.
fn differences(files: &[File], order: &[String]) -> Vec<String> {
    let modules: BTreeSet<&String> = files.iter().filter_map(|file| file.module.first()).collect();
    let rows: BTreeSet<&String> = order.iter().collect();
    let missing = modules.difference(&rows).map(|name| format!("`{name}` has no row in DESIGN.md"));
    let extra = rows.difference(&modules).map(|name| format!("there is no module `{name}`"));
    missing.chain(extra).collect()
}

#[track_caller]
fn check_layers(source: &str, heading: &str) {
    let design = fs::read_to_string(root().join("DESIGN.md")).expect("DESIGN.md can be read");
    let order = tables::modules(&design, heading);
    let files = sources::read(&root(), source);
    let exports = sources::exports(&root().join(source).join("lib.rs"));
    check(
        &format!("each module of {source} has one row below '{heading}'"),
        &differences(&files, &order),
    );
    check(
        &format!(
            "a module of {source} uses only modules above it in the table below '{heading}' in DESIGN.md"
        ),
        &upward_uses(&files, &order, &exports),
    );
}

#[test]
fn modules_of_the_replica_use_only_modules_above_them() {
    check_layers("replica/src", "## How the replica is built");
}

#[test]
fn modules_of_the_library_use_only_modules_above_them() {
    check_layers("src", "## How the fan-out library is built");
}

/// For each file of a folder, the other files of the folder that it uses, and the line of one use.
fn edges<'a>(files: &'a [File], folder: &str) -> BTreeMap<&'a str, BTreeMap<&'a str, usize>> {
    let inside: Vec<&File> = files.iter().filter(|file| file.module[0] == folder).collect();
    let mut edges: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for file in &inside {
        let used = edges.entry(&file.name).or_default();
        for Use { line, path } in &file.uses {
            let is_of = |other: &&&File| path.starts_with(&other.module);
            let found = inside.iter().filter(is_of).max_by_key(|other| other.module.len());
            if let Some(other) = found.filter(|other| other.name != file.name) {
                used.entry(&other.name).or_insert(*line);
            }
        }
    }
    edges
}

/// Whether `from` leads to `to` by the uses of files.
fn leads<'a>(edges: &BTreeMap<&'a str, BTreeMap<&'a str, usize>>, from: &'a str, to: &str) -> bool {
    let (mut waiting, mut seen) = (vec![from], BTreeSet::new());
    while let Some(file) = waiting.pop() {
        if file == to {
            return true;
        }
        if seen.insert(file) {
            waiting.extend(edges[file].keys());
        }
    }
    false
}

#[track_caller]
fn check_cycles(folder: &str) {
    let files = sources::read(&root(), "replica/src");
    let edges = edges(&files, folder);
    let uses = edges.iter().flat_map(|(user, used)| used.iter().map(move |use_| (user, use_)));
    let in_cycles = uses.filter(|(user, (used, _))| leads(&edges, used, user));
    let violations: Vec<String> = in_cycles
        .map(|(user, (used, line))| format!("{user}:{line}: uses {used}, which leads back"))
        .collect();
    check(&format!("the files of replica/src/{folder} use each other without cycles"), &violations);
}

#[test]
fn files_of_the_canister_module_have_no_cycles() {
    check_cycles("canister");
}

#[test]
fn files_of_the_server_module_have_no_cycles() {
    check_cycles("server");
}

#[test]
fn files_are_short() {
    let mut violations = Vec::new();
    for path in sources::rust_files(&root()) {
        let text = fs::read_to_string(&path).expect("sources can be read");
        let lines = text.lines().count();
        if lines >= LINES_MAX {
            let name = path.strip_prefix(root()).expect("it is in the workspace").display();
            violations.push(format!("{name}:{lines}: the file has {lines} lines"));
        }
    }
    check(&format!("a file has fewer than {LINES_MAX} lines"), &violations);
}

#[test]
fn the_canisters_are_written_with_the_ordinary_macros() {
    let words = ["manual_reply", "PhantomData"];
    let mut violations = Vec::new();
    for path in ["caller", "callee"].iter().flat_map(|name| sources::rust_files(&root().join(name)))
    {
        let text = fs::read_to_string(&path).expect("sources can be read");
        for (number, line) in (1..).zip(text.lines()) {
            let name = path.strip_prefix(root()).expect("it is in the workspace").display();
            let found = words.iter().filter(|word| line.contains(**word));
            violations.extend(found.map(|word| format!("{name}:{number}: `{word}`")));
        }
    }
    check("the caller and the callee use neither `manual_reply` nor `PhantomData`", &violations);
}
