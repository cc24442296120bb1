//! The files that a run writes besides its result.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{run, run_with};

/// The path of a file in a folder, as an argument.
fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("a plain name").to_owned()
}

/// The lines of a result without the host times.
fn without_host_times(text: &str) -> Vec<String> {
    let words = text.split_whitespace().map(str::to_owned);
    words.filter(|word| !word.contains('.') || word.ends_with('.')).collect()
}

#[test]
fn a_trace_for_perfetto_shows_all_strategies_side_by_side() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = path(&folder, "trace.json");
    let plain = run(&["--calls", "7"]);
    let traced = run(&["--calls", "7", "--trace", &file]);
    assert_eq!(traced.code, 0, "{}", traced.stderr);
    assert_eq!(without_host_times(&traced.stdout), without_host_times(&plain.stdout));
    let trace: Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let named = events.iter().filter(|event| event["name"] == "process_name");
    let names: Vec<&str> = named.filter_map(|event| event["args"]["name"].as_str()).collect();
    for strategy in ["sequential", "parallel", "windowed"] {
        for subnet in ["subnet of the caller", "subnet of the callee"] {
            assert!(names.contains(&format!("{strategy}: {subnet}").as_str()), "{names:?}");
        }
    }
    let pings = events.iter().filter(|event| event["ph"] == "X" && event["name"] == "ping");
    assert_eq!(pings.count(), 3 * 7);
    assert_eq!(
        fs::read_dir(folder.path()).expect("a folder").count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn json_lines_have_the_names_that_the_user_gives() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = path(&folder, "trace.data");
    let ids = path(&folder, "ids.jsonl");
    let trace = ["--calls", "510", "--trace"];
    assert_eq!(run(&[&trace[..], &[ids.as_str()]].concat()).code, 0);
    let lines = |file: &str| -> Vec<Value> {
        let text = fs::read_to_string(file).expect("a file");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let first = lines(&ids).swap_remove(0);
    let names = first["names"].as_object().expect("names by id");
    let caller = names.iter().find(|(_, name)| *name == "caller").expect("it has a name").0;
    let named = format!("{caller}=the shop");
    let options = ["--trace-format", "jsonl", "--name", &named];
    assert_eq!(run(&[&trace[..], &[file.as_str()], &options[..]].concat()).code, 0);
    let lines = lines(&file);
    let of_event = |event: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["event"] == event).collect()
    };
    let titles: Vec<&Value> = of_event("trace").iter().map(|line| &line["title"]).collect();
    assert_eq!(titles, ["sequential", "parallel", "windowed"]);
    // 510 sequential calls, 500 parallel ones, 510 in windows.
    let sent = of_event("sent");
    assert_eq!(sent.len(), 510 + 500 + 510);
    assert!(sent.iter().all(|line| line["caller"] == "the shop" && line["callee"] == "callee"));
    let [refused] = of_event("refused")[..] else { panic!("parallel calls are refused once") };
    assert_eq!((&refused["limit"], &refused["calls"]), (&"queue_full".into(), &10.into()));
}

#[test]
fn a_trace_of_another_server_ends_with_code_2_before_anything_runs() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = path(&folder, "trace.json");
    let absent = [("CALLER_WASM", "absent.wasm")];
    for server in ["pocket-ic", "http://127.0.0.1:1/", "./a-server"] {
        let failed = run_with(&["--server", server, "--trace", &file], &absent);
        let message = failed.error(2);
        assert!(message.contains("--server embedded") && message.contains("--trace"), "{message}");
    }
    let failed = run_with(&["--trace", &file], &[("POCKET_IC_BIN", "./a-server")]);
    assert!(failed.error(2).contains("--server embedded"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_trace_that_cannot_be_written_ends_with_code_2_before_anything_runs() {
    let folder = TempDir::new().expect("a temporary folder");
    let absent = [("CALLER_WASM", "absent.wasm")];
    for (name, expected) in [
        ("trace", "--trace-format"),
        ("trace.txt", "--trace-format"),
        ("absent/trace.json", "folder"),
    ] {
        let failed = run_with(&["--trace", &path(&folder, name)], &absent);
        let message = failed.error(2);
        assert!(message.contains(expected), "{name}: {message}");
    }
    for wrong in ["caller", "x=caller", "aaaaa-aa="] {
        let failed = run(&["--trace", "trace.json", "--name", wrong]);
        assert!(failed.error(2).contains("--name"), "{wrong}");
    }
    assert!(run(&["--name", "aaaaa-aa=x"]).error(2).contains("--trace"));
}

#[test]
fn pictures_that_cannot_be_written_end_with_code_2_before_anything_runs() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = path(&folder, "file.json");
    fs::write(&file, "").expect("a file");
    let below = path(&folder, "file.json/sub");
    let absent = [("CALLER_WASM", "absent.wasm")];
    for svg in [&file, &below] {
        for more in [&[][..], &["--sweep", "1"]] {
            let failed = run_with(&[&["--svg", svg][..], more].concat(), &absent);
            let message = failed.error(2);
            assert!(message.contains("is not a folder"), "{message}");
        }
    }
}

#[test]
fn a_name_for_an_id_that_is_not_in_the_trace_is_a_warning() {
    let folder = TempDir::new().expect("a temporary folder");
    let trace = path(&folder, "trace.jsonl");
    let named = run(&["--calls", "1", "--trace", &trace, "--name", "aaaaa-aa=nobody"]);
    assert_eq!(named.code, 0, "{}", named.stderr);
    let warnings: Vec<_> = named.stderr.lines().filter(|line| line.contains("warning")).collect();
    let [warning] = warnings[..] else { panic!("{}", named.stderr) };
    assert!(warning.contains("--name aaaaa-aa=nobody"), "{warning}");
    // The first canister of the first application subnet is the caller.
    let text = fs::read_to_string(&trace).expect("a file");
    let first: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    for id in first["names"].as_object().expect("names by id").keys().filter(|id| *id != "aaaaa-aa")
    {
        let named = run(&["--calls", "1", "--trace", &trace, "--name", &format!("{id}=known")]);
        assert!(!named.stderr.contains("warning"), "{}", named.stderr);
    }
}

#[test]
fn a_mark_counts_one_refused_call_in_the_singular() {
    let folder = TempDir::new().expect("a temporary folder");
    for (calls, expected) in
        [("501", "1 call refused: queue_full"), ("502", "2 calls refused: queue_full")]
    {
        let file = path(&folder, "trace.json");
        let traced = run(&["--calls", calls, "--trace", &file]);
        assert_eq!(traced.code, 0, "{}", traced.stderr);
        let trace: Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
        let events = trace["traceEvents"].as_array().expect("a list");
        let mut marks = events.iter().filter(|event| event["ph"] == "i");
        assert!(marks.any(|mark| mark["name"] == expected), "{expected}");
    }
}
