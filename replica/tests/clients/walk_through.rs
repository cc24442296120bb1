//! What the documents tell people to type in a terminal, command by command.

use crate::project::{Project, workspace};
use std::process::Command;
use std::time::Duration;
use test_support::documents::{blocks, command_and_comment, inline_commands};
use test_support::http::exchange;

/// The commands of the walk-through of this name.
fn commands(name: &str) -> Vec<String> {
    let marker = format!("walk-through {name}");
    let mut found = blocks().into_iter().filter(|block| block.marked("run") == Some(&marker));
    let block = found.next().unwrap_or_else(|| panic!("the documents have no {marker}"));
    assert!(found.next().is_none(), "the documents have one {marker}");
    block.lines
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
        let (command, expected) = command_and_comment(line);
        if command.starts_with("make serve") {
            // The network before, if there is one, ends as with Ctrl-C.
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

/// What is left of a walk-through: the project, and how long those commands took that are timed.
struct Walked {
    project: Project,
    timed: Vec<Duration>,
}

/// Runs the walk-through of this name. Nothing where the tool cannot be had.
fn run(name: &str) -> Option<Walked> {
    let commands = commands(name);
    assert!(commands.len() > 4, "{commands:?}");
    let mut project = Project::new()?;
    let timed = walk_through(&mut project, &commands);
    Some(Walked { project, timed })
}

#[test]
fn the_pair_is_deployed_and_called_as_documented() {
    run("icp");
}

#[test]
fn the_page_shows_the_pair_of_a_network_that_was_started_again_as_documented() {
    let Some(Walked { project, .. }) = run("page") else { return };
    assert_page_shows_the_pair(&project);
}

#[test]
fn the_pair_is_deployed_and_watched_on_the_page_as_the_readme_says() {
    let Some(Walked { project, .. }) = run("start") else { return };
    assert_page_shows_the_pair(&project);
}

/// Fails unless the link of the network opens its page, and the page shows the pair.
fn assert_page_shows_the_pair(project: &Project) {
    let (page, token) = project.page().split_once("#token=").expect("a link with a secret");
    assert!(token.len() >= 32, "{token}");
    let port = page.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let host = format!("host: localhost:{port}\r\n");
    assert_eq!(exchange(port, "GET", "/", &host, b"").status, 200);
    let state = exchange(port, "GET", "/page/state", &host, b"");
    let state = state.text();
    for name in [r#""name":"caller""#, r#""name":"callee""#] {
        assert!(state.contains(name), "{name} is missing in {state}");
    }
}

#[test]
fn sequential_calls_to_another_subnet_take_far_longer_than_parallel_ones_as_documented() {
    let Some(Walked { timed, .. }) = run("latency") else { return };
    let [sequential, parallel] = timed[..] else { panic!("two commands are timed: {timed:?}") };
    assert!(sequential > Duration::from_secs(10), "{sequential:?}");
    assert!(sequential > 2 * parallel, "{sequential:?}, {parallel:?}");
}

#[test]
fn the_tools_own_network_runs_on_the_replica_as_documented() {
    run("launcher");
}

#[test]
fn a_portfolio_and_a_job_are_asked_for_as_documented() {
    run("portfolio");
}

/// The words of a command before its options and its arguments.
fn subcommand(command: &str) -> String {
    let is_word =
        |word: &&str| word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
    let is_name = |word: &&str| *word == "caller" || *word == "callee";
    let words = command
        .split(' ')
        .take_while(|word| is_word(word) && !is_name(word) && !word.starts_with('-'));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn commands_within_sentences_are_known_to_their_programs() {
    let programs = inline_commands("embedded-replica");
    for (place, command) in &programs {
        let options = command.split(' ').filter(|word| word.starts_with("--"));
        let serve = if command.contains(" serve") { &["serve", "--help"][..] } else { &["--help"] };
        let help = Command::new(crate::BINARY).args(serve).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        for option in options {
            assert!(help.contains(option), "{place}: {option} is not in the help of {command}");
        }
    }
    assert!(!programs.is_empty());
    let Some(project) = Project::new() else { return };
    for (place, command) in inline_commands("icp") {
        let subcommand = subcommand(&command);
        let help = project.ok(&format!("{subcommand} --help"));
        for option in command.split(' ').filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{place}: {option} is not in the help of {subcommand}");
        }
    }
}
