//! What README tells people to type, command by command.

use crate::project::{Project, workspace};
use std::process::Command;
use std::time::Duration;

/// What stands in README before commands that are run here.
const MARK: &str = "<!-- walk-through -->";

/// The commands after each mark: an indented block.
fn walk_throughs() -> Vec<Vec<String>> {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let block = |text: &str| {
        let lines = text.lines().skip_while(|line| line.is_empty());
        lines.map_while(|line| Some(line.strip_prefix("    ")?.to_owned())).collect()
    };
    readme.split(MARK).skip(1).map(block).collect()
}

/// A command, and what it is said to print.
fn parts(line: &str) -> (&str, Option<&str>) {
    match line.split_once("  # ").or_else(|| line.split_once(" # ")) {
        Some((command, expected)) => (command.trim(), Some(expected.trim())),
        None => (line.trim(), None),
    }
}

/// The arguments with which `make` starts the replica.
fn arguments_by_make(command: &str) -> Vec<String> {
    let dry = command.replacen("make", "make --dry-run", 1);
    let run = Command::new("sh").args(["-c", &dry]).current_dir(workspace()).output().unwrap();
    let recipe = String::from_utf8(run.stdout).unwrap();
    let cargo = "cargo run --locked --bin embedded-replica -- serve";
    let arguments = recipe.lines().find_map(|line| line.strip_prefix(cargo));
    let arguments = arguments.unwrap_or_else(|| panic!("`{command}` does not serve: {recipe}"));
    arguments.split_whitespace().map(str::to_owned).collect()
}

/// Runs the commands, and returns how long those took that are timed.
fn walk_through(project: &mut Project, lines: &[String]) -> Vec<Duration> {
    let mut timed = Vec::new();
    for line in lines {
        let (command, expected) = parts(line);
        if command.starts_with("make serve") {
            let arguments = arguments_by_make(command);
            project.serve(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        } else if command == "cargo build --locked --bin embedded-replica" {
            // As it was for this test.
        } else if command.starts_with("export ") || command.contains("=$(") {
            project.assign(command);
        } else {
            let outcome = project.run(command.strip_prefix("time ").unwrap_or(command));
            assert!(outcome.succeeded, "{command}:\n{}\n{}", outcome.output, outcome.errors);
            if let Some(expected) = expected {
                assert_eq!(outcome.output, expected, "{command}");
            }
            if command.starts_with("time ") {
                timed.push(outcome.took);
            }
        }
    }
    timed
}

/// Runs the walk-through of this number.
fn run(number: usize) -> Vec<Duration> {
    let all = walk_throughs();
    assert_eq!(all.len(), 3, "README has one walk-through for each test here");
    assert!(all[number].len() > 4, "{:?}", all[number]);
    match Project::new() {
        Some(mut project) => walk_through(&mut project, &all[number]),
        None => Vec::new(),
    }
}

#[test]
fn the_pair_is_deployed_and_called_as_readme_says() {
    run(0);
}

#[test]
fn sequential_calls_to_another_subnet_take_far_longer_than_parallel_ones_as_readme_says() {
    if let [sequential, parallel] = run(1)[..] {
        assert!(sequential > Duration::from_secs(10), "{sequential:?}");
        assert!(sequential > 2 * parallel, "{sequential:?}, {parallel:?}");
    }
}

#[test]
fn the_tools_own_network_runs_on_the_replica_as_readme_says() {
    run(2);
}
