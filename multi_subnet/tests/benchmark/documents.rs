//! The commands and the code in the documents: each is run by a test, or says why not. What the documents say that the
//! benchmark prints is compared with what it prints.

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
fn workspace() -> &'static Path {
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
    let strategies = ["sequential", "parallel", "windowed"];
    let (compared, cycles) = match documented.first() {
        // Ends with the host time in two words, and the cycles.
        Some(first) if strategies.contains(first) => (documented.len() - 3, true),
        // Ends with the host time.
        Some(_) if documented.contains(&"successful") => (documented.len() - 1, false),
        _ => (documented.len(), false),
    };
    documented.len() == printed.len()
        && documented[..compared] == printed[..compared]
        && (!cycles || similar(amount(documented.last()), amount(printed.last())))
}

fn amount(word: Option<&&str>) -> f64 {
    let digits = word.expect("a word").replace(',', "");
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

/// The file in the workspace.
fn read(file: &str) -> String {
    fs::read_to_string(workspace().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

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
    if let Some(file) = block.marked("message") {
        return has_messages_of(block, &read(file));
    }
    let language = block.language.split(',').next().unwrap_or_default();
    match (language, block.marked("run"), block.marked("output")) {
        ("rust", None, None) if block.language.contains("ignore") => {
            Err("rustdoc ignores it: say where it is from, or why it is not run".into())
        }
        ("rust", None, None) => {
            let include = format!("/{}\")]", block.document);
            is_run_by("src/lib.rs", &include).or(is_run_by("replica/src/lib.rs", &include))
        }
        ("toml", None, None) => has_dependencies_of_the_workspace(block),
        ("sh", Some("benchmark" | "failing benchmark"), None)
        | ("text" | "json", None, Some("benchmark" | "benchmark lines" | "failing benchmark"))
        | ("table", None, Some("benchmark table")) => Ok(()),
        ("sh", Some(name), None) => {
            let name = name.strip_prefix("walk-through ").ok_or("no test knows its marker")?;
            is_run_by("replica/tests/clients/walk_through.rs", &format!("run(\"{name}\")"))
        }
        _ => Err("put a marker in front of it (see `documents` in the test support)".into()),
    }
}

/// Whether the lines of the block stand in this text, in this order, however they are indented.
fn is_quoted_from(block: &Block, text: &str) -> Result<(), String> {
    let mut lines = text.lines().map(str::trim);
    for quoted in block.lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()) {
        lines.find(|line| *line == quoted).ok_or_else(|| format!("there is no `{quoted}`"))?;
    }
    Ok(())
}

/// Whether each line of the block is one that this source can print.
fn has_messages_of(block: &Block, source: &str) -> Result<(), String> {
    let literals = literals(source);
    let lines = block.lines.iter();
    let unknown =
        lines.filter(|line| !literals.iter().any(|literal| is_printed_from(literal, line)));
    match unknown.into_iter().next() {
        Some(line) => Err(format!("no text in the source prints `{line}`")),
        None => Ok(()),
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
        let known = ["cargo test", "cargo doc --open -p parallel_calls"];
        assert!(known.contains(&command.as_str()), "{place}: {command}");
    }
    assert!(make.len() > 5 && benchmark.len() > 1, "{} and {}", make.len(), benchmark.len());
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
