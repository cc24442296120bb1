//! The commands for the benchmark in the documents: these tests run the commands, and compare what the documents say
//! that the benchmark prints with what it prints.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use embedded_replica::server::{EmbeddedServer, ServerConfig};
use multi_subnet::canisters::workspace_modules;
use serde_json::Value;
use tempfile::TempDir;
use test_support::documents::{Block, blocks, command_and_comment, inline_commands};

use crate::binary::run;

/// The checkout.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in the workspace")
}

/// A folder in which the commands of the documents find what they name: `cargo`, which runs the built program, two
/// modules, a PocketIC server, and an old one.
struct Folder {
    folder: TempDir,
    server: EmbeddedServer,
}

impl Folder {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let modules = workspace_modules().expect("the canisters build");
        fs::copy(modules.caller, folder.path().join("my_caller.wasm")).expect("a module");
        fs::copy(modules.callee, folder.path().join("my_callee.wasm")).expect("a module");
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        for (program, fixture) in [
            ("cargo", "documented-cargo"),
            ("pocket-ic", "documented-pocket-ic"),
            ("old", "old-pocket-ic"),
        ] {
            let to = folder.path().join(program);
            fs::copy(fixtures.join(fixture), to).expect("a program");
        }
        let server = EmbeddedServer::start(ServerConfig::default()).expect("a free port");
        Self { folder, server }
    }

    /// Runs a command that succeeds, and returns what it prints to standard output. Of a command for `make`, runs what
    /// `make` runs, unless that is the tests.
    fn succeeds(&self, command: &str) -> String {
        let command = match command.split_once("make ") {
            Some((environment, target)) if !command.contains("cargo") => {
                match benchmark_by_make(target) {
                    Some(run) => format!("{environment}{run}"),
                    None => return String::new(),
                }
            }
            _ => command.to_owned(),
        };
        let command = command.replace("http://127.0.0.1:8080", &self.server.url());
        let output = self.run(&command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs a command that fails, and returns its message.
    fn fails(&self, command: &str) -> String {
        // Bound, so that nobody else takes the port, but not listening.
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = socket.local_addr().expect("it is bound").to_string();
        let output = self.run(&command.replace("127.0.0.1:8081", &address));
        let errors = String::from_utf8(output.stderr).expect("text");
        assert!(!output.status.success(), "{command} succeeds");
        let start = errors.find("error: ").unwrap_or_else(|| panic!("{command}: {errors}"));
        errors[start..].replace(&address, "127.0.0.1:8081")
    }

    fn run(&self, command: &str) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        let folder = self.folder.path().to_str().expect("a plain name");
        let port = self.server.url();
        let port = port.trim_end_matches('/').rsplit(':').next().expect("a URL with a port");
        Command::new("sh")
            .args(["-c", command])
            .current_dir(folder)
            .env("PATH", format!("{folder}:{path}"))
            .env("BENCHMARK", env!("CARGO_BIN_EXE_multi_subnet"))
            // The server that the `pocket-ic` crate finds: it would download another one.
            .env("POCKET_IC_BIN", if command.contains("--server") { "./pocket-ic" } else { "" })
            .env("SERVER_PORT", port)
            .env("TMPDIR", folder)
            .output()
            .expect("there is a shell")
    }
}

/// The command by which `make` runs the benchmark for this target; nothing if the target does something else.
fn benchmark_by_make(target: &str) -> Option<String> {
    let run = Command::new("sh")
        .args(["-c", &format!("make --dry-run {target}")])
        .current_dir(workspace())
        .env_remove("MAKEFLAGS")
        .output()
        .expect("there is a shell");
    assert!(run.status.success(), "make {target}: {}", String::from_utf8_lossy(&run.stderr));
    let recipe = String::from_utf8(run.stdout).expect("text");
    recipe.lines().find(|line| line.starts_with("cargo run --locked -- ")).map(str::to_owned)
}

/// Whether two lines of the report say the same but for what depends on the machine.
fn same_line(documented: &str, printed: &str) -> bool {
    let [documented, printed] =
        [documented, printed].map(|line| line.split_whitespace().collect::<Vec<_>>());
    let is_strategy = |word: &str| ["sequential", "parallel", "windowed"].contains(&word);
    let is_number = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
    if documented.len() != printed.len() {
        return false;
    }
    // What is not compared: the last words, which are the host time; or what is compared roughly: the cycles.
    let (compared, cycles) = match documented[..] {
        // Ends with the host time in two words, and the cycles.
        [first, calls, _, ..] if is_strategy(first) && is_number(calls) => {
            (documented.len() - 3, Some(documented.len() - 1))
        }
        // A line of a sweep: the model time is two words, and the reasons come after the cycles.
        [_, strategy, _, _, _, _, "s", _, ..] if is_strategy(strategy) => (7, Some(7)),
        // Ends with the host time.
        [..] if documented.contains(&"successful") => (documented.len() - 1, None),
        [..] => (documented.len(), None),
    };
    let rest = cycles.map_or(documented.len(), |cycles| cycles + 1);
    let similar_cycles =
        |cycles: usize| similar(amount(documented[cycles]), amount(printed[cycles]));
    documented[..compared] == printed[..compared]
        && documented[rest..] == printed[rest..]
        && cycles.is_none_or(similar_cycles)
}

fn amount(word: &str) -> f64 {
    let digits = word.replace(',', "");
    digits.parse().unwrap_or_else(|_| panic!("{digits} is a number"))
}

/// Whether two amounts of cycles differ by less than other compilers make them differ.
fn similar(documented: f64, printed: f64) -> bool {
    (documented - printed).abs() <= 0.02 * documented
}

/// Whether two values are the same but for what depends on the machine.
fn same_value(documented: &Value, printed: &Value) -> bool {
    let amount = |value: &Value| value.as_f64().expect("a number");
    match (documented, printed) {
        (Value::Object(one), Value::Object(other)) => {
            one.keys().eq(other.keys())
                && one.iter().all(|(key, value)| match key.as_str() {
                    "host_time_ms" => other[key].is_number(),
                    "cycles" => similar(amount(value), amount(&other[key])),
                    _ => same_value(value, &other[key]),
                })
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| same_value(one, other))
        }
        _ => documented == printed,
    }
}

#[track_caller]
fn assert_same(block: &Block, printed: &str) {
    let documented = block.lines.join("\n");
    let place = block.place();
    if block.language == "json" {
        let [documented, printed] =
            [&documented, printed].map(|text| serde_json::from_str(text).expect("JSON"));
        assert!(same_value(&documented, &printed), "{place} is not what is printed:\n{printed}");
    } else {
        let same = documented.lines().count() == printed.lines().count()
            && documented.lines().zip(printed.lines()).all(|(one, other)| same_line(one, other));
        assert!(same, "{place} is not what is printed:\n{printed}");
    }
}

/// The text without what differs between machines and compilers: the number of a system's error, and long numbers.
fn without_details(text: &str) -> String {
    let without_error = text.split(" (os error").next().unwrap_or_default().to_owned();
    let rest = text.split_once("(os error").and_then(|(_, rest)| rest.split_once(')'));
    let text = without_error + rest.map_or("", |(_, rest)| rest);
    let words = text.split_whitespace().map(|word| {
        if word.len() > 9 && word.bytes().all(|byte| byte.is_ascii_digit()) {
            "(number)"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_benchmark_runs_and_prints_as_the_documents_say() {
    let folder = Folder::new();
    let mut printed = String::new();
    let (mut run, mut compared) = (0, 0);
    for block in blocks() {
        let mut commands = block.lines.iter().map(|line| command_and_comment(line).0);
        match (block.marked("run"), block.marked("output")) {
            (Some("benchmark"), _) => {
                let mut outputs = commands.map(|command| folder.succeeds(command));
                // What is shown is what the first command of a block prints.
                printed = outputs.next().expect("a command");
                run += 1 + outputs.count();
            }
            (Some("failing benchmark"), _) => {
                printed = folder.fails(commands.next().expect("a command"));
                assert_eq!(commands.next(), None, "{}: one command", block.place());
                run += 1;
            }
            (_, Some("benchmark")) => {
                assert_same(&block, &printed);
                compared += 1;
            }
            (_, Some("benchmark lines")) => {
                for documented in &block.lines {
                    let found = printed.lines().any(|printed| same_line(documented, printed));
                    assert!(found, "{}: not in\n{printed}", block.place());
                }
                compared += 1;
            }
            (_, Some("failing benchmark")) => {
                let documented = block.lines.join("\n");
                let [documented, printed] =
                    [&documented, &printed].map(|text| without_details(text));
                assert_eq!(documented, printed, "{}", block.place());
                compared += 1;
            }
            _ => {}
        }
    }
    assert!(run >= 15 && compared >= 8, "{run} commands run, {compared} outputs compared");
}

/// The command of a workflow's step that runs the benchmark: the lines that YAML folds into one.
fn folded_command(block: &Block) -> String {
    let mut lines = block.lines.iter().map(|line| line.trim());
    lines.find(|line| line.ends_with("run: >-")).expect("a step with a folded command");
    lines.take_while(|line| *line != "env:").collect::<Vec<_>>().join(" ")
}

#[test]
fn the_workflow_of_the_documents_compares_with_a_baseline() {
    let is_workflow = |block: &Block| block.marked("run") == Some("benchmark workflow");
    let workflows: Vec<Block> = blocks().into_iter().filter(is_workflow).collect();
    let [workflow] = &workflows[..] else { panic!("{} workflows", workflows.len()) };
    let folder = Folder::new();
    let command = folded_command(workflow);
    let environment =
        "CALLER_WASM=my_caller.wasm CALLEE_WASM=my_callee.wasm GITHUB_STEP_SUMMARY=summary.md";
    let in_environment = |command: &str| format!("export {environment}; {command}");
    folder.succeeds(&in_environment(&command.replace("--markdown", "--persist")));
    folder.succeeds(&in_environment(&command));
    let summary = fs::read_to_string(folder.folder.path().join("summary.md")).expect("written");
    let expected = "No figure is worse or better than the baseline: 20 without change.";
    assert!(summary.contains(expected), "{summary}");
}

/// What a strategy did in this run, as the table in README says it: "500 of 2,000 in 2 rounds", perhaps with the time.
fn cell(strategy: &Value, with_time: bool) -> String {
    let number = |key: &str| strategy[key].as_u64().expect("a whole number");
    let rounds = number("rounds");
    let plural = if rounds == 1 { "" } else { "s" };
    let [succeeded, attempted, rounds] =
        [number("succeeded"), number("attempted"), rounds].map(with_commas);
    let time = number("model_time_ms") / 1_000;
    let time = if with_time { format!(", {time} s") } else { String::new() };
    format!("{succeeded} of {attempted} in {rounds} round{plural}{time}")
}

fn with_commas(number: u64) -> String {
    match (number / 1_000, number % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{},{rest:03}", with_commas(thousands)),
    }
}

#[test]
fn the_table_of_options_has_the_results_of_these_options() {
    let is_table = |block: &Block| block.marked("output") == Some("benchmark table");
    let tables: Vec<Block> = blocks().into_iter().filter(is_table).collect();
    let [table] = &tables[..] else { panic!("{} tables", tables.len()) };
    assert!(table.lines.len() > 2, "it has rows");
    for row in &table.lines[2..] {
        let cells: Vec<String> =
            row.trim_matches('|').split('|').map(|cell| cell.trim().replace("**", "")).collect();
        let options = cells[0].trim_matches('`').replace("(none)", "");
        let arguments: Vec<&str> = options.split_whitespace().chain(["--json"]).collect();
        let report = run(&arguments).json();
        for (index, documented) in cells[1..].iter().enumerate() {
            let found = cell(&report["strategies"][index], documented.ends_with(" s"));
            assert_eq!(*documented, found, "{}: {options}", table.place());
        }
    }
}

#[test]
fn commands_within_sentences_can_be_typed_as_they_stand() {
    let make = inline_commands("make");
    for (place, command) in &make {
        println!("{place}: {command}");
        benchmark_by_make(command.strip_prefix("make ").expect("no variables"));
    }
    let folder = Folder::new();
    let cargo = inline_commands("cargo");
    let (benchmark, others): (Vec<_>, Vec<_>) =
        cargo.iter().partition(|(_, command)| command.contains("cargo run"));
    for (place, command) in &benchmark {
        println!("{place}: {command}");
        folder.succeeds(command);
    }
    for (place, command) in others {
        let known = [
            "cargo test",
            "cargo check",
            "cargo doc --open -p parallel_calls",
            "cargo install --locked cargo-semver-checks",
            "cargo login",
            "cargo package --list -p CRATE",
        ];
        assert!(known.contains(&command.as_str()), "{place}: {command}");
    }
    assert!(make.len() > 5 && benchmark.len() > 1, "{} and {}", make.len(), benchmark.len());
}
