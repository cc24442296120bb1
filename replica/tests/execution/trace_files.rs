//! The files of a recording: JSON lines that can be read again, and the Trace Event Format by its rules.

use crate::patterns::{parallel_calls, pong, sequential_calls};
use crate::recordings::Recorded;
use candid::Principal;
use embedded_replica::network::NetworkProfile;
use embedded_replica::trace::json_lines::{self, Line, VERSION};
use embedded_replica::trace::{Names, Recording, perfetto};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use test_support::script::Script;
use test_support::script::{call, script};
use test_support::{ScriptedNetwork, assert_golden};

/// Three kinds of recordings with names: calls that succeed, calls that fail, and an execution of several rounds.
fn recordings(profile: NetworkProfile) -> (Vec<(&'static str, Recording)>, Names) {
    let recorded = Recorded::on_two_subnets(profile);
    let ScriptedNetwork { a, b, .. } = recorded.network;
    let failing = script()
        .call(call(b).running(script().trap("no")).on_reject(script()))
        .append_all(parallel_calls(pong(b), 505));
    let recordings = vec![
        ("sequential", recorded.run(a, sequential_calls(b, 5))),
        ("failing", recorded.run(a, failing)),
        ("long", recorded.run(a, script().append_all(five_billions()).call(pong(b)))),
    ];
    (recordings, Names::new().with(a, "caller").with(b, "callee"))
}

/// Moves ten megabytes at fifty instructions a byte, ten times.
fn five_billions() -> Script {
    script().repeat(10, script().prepare(call(Principal::anonymous()).zeros(10_000_000)))
}

#[test]
fn json_lines_are_read_as_they_were_written() {
    let (recordings, names) = recordings(NetworkProfile::MAINNET);
    for (title, recording) in &recordings {
        let mut written = Vec::new();
        json_lines::write(&mut written, title, recording, &names).expect("memory takes everything");
        let text = String::from_utf8(written).expect("text");
        let lines: Vec<Line> = text
            .lines()
            .map(|line| {
                let read: Line = serde_json::from_str(line).expect(line);
                assert_eq!(serde_json::to_string(&read).expect("JSON"), line);
                read
            })
            .collect();
        assert_eq!(lines, json_lines::lines(title, recording, &names).collect::<Vec<_>>());
        assert_eq!(lines.len(), recording.events().len() + 1);
        let Line::Trace { version, title: read, names } = &lines[0] else { panic!("{text}") };
        assert_eq!((*version, read.as_str()), (VERSION, *title));
        assert_eq!(names.values().collect::<Vec<_>>(), ["caller", "callee"]);
        assert!(text.contains(r#""caller":"caller","callee":"callee","method":"run""#), "{text}");
    }
}

/// The events of a file by phase.
struct File(Vec<Value>);

impl File {
    fn of(recordings: &[(&str, Recording)], names: &Names) -> Self {
        let parts: Vec<_> =
            recordings.iter().map(|(title, recording)| (*title, recording)).collect();
        let mut written = Vec::new();
        perfetto::write(&mut written, &parts, names).expect("memory takes everything");
        let file: Value = serde_json::from_slice(&written).expect("one JSON object");
        Self(file["traceEvents"].as_array().expect("a list of events").clone())
    }

    fn phase(&self, phase: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |event| event["ph"] == phase)
    }

    /// The slices of each thread, as start and end in nanoseconds.
    fn slices(&self) -> BTreeMap<(u64, u64), Vec<(u64, u64)>> {
        let mut threads: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for slice in self.phase("X") {
            let start = nanos(&slice["ts"]);
            threads.entry(place(slice)).or_default().push((start, start + nanos(&slice["dur"])));
        }
        threads
    }
}

fn nanos(micros: &Value) -> u64 {
    (micros.as_f64().expect("a number of microseconds") * 1_000.0).round() as u64
}

fn place(event: &Value) -> (u64, u64) {
    let number = |key: &str| event[key].as_u64().expect("a whole number");
    (number("pid"), number("tid"))
}

fn files() -> Vec<File> {
    [NetworkProfile::POCKET_IC, NetworkProfile::MAINNET]
        .map(|profile| {
            let (recordings, names) = recordings(profile);
            File::of(&recordings, &names)
        })
        .into()
}

#[test]
fn the_slices_of_a_thread_follow_one_another_or_are_nested() {
    for file in files() {
        let threads = file.slices();
        assert!(threads.len() >= 3 * 4, "two subnets with a canister and rounds, three times");
        for (thread, mut slices) in threads {
            slices.sort_by_key(|(start, end)| (*start, u64::MAX - end));
            let mut open: Vec<u64> = Vec::new();
            for (start, end) in slices {
                assert!(start < end, "{thread:?}: a slice without a length at {start}");
                open.retain(|until| *until > start);
                let fits = open.iter().all(|until| end <= *until);
                assert!(fits, "{thread:?}: a slice from {start} to {end} is within {open:?}");
                open.push(end);
            }
        }
    }
}

#[test]
fn each_flow_has_two_ends_that_lie_in_slices() {
    for file in files() {
        let slices = file.slices();
        let mut flows: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
        for end in file.phase("s").chain(file.phase("f")) {
            flows.entry(end["id"].as_u64().expect("an id")).or_default().push(end);
            let at = nanos(&end["ts"]);
            let lies_in = slices[&place(end)].iter().any(|(from, to)| (*from..*to).contains(&at));
            assert!(lies_in, "no slice around {end}");
        }
        assert!(flows.len() > 1_000, "two for each call: {}", flows.len());
        for (id, ends) in flows {
            let [start, end] = ends[..] else { panic!("{id}: {ends:?}") };
            assert_eq!(
                (&start["ph"], &end["ph"], &end["bp"]),
                (&"s".into(), &"f".into(), &"e".into())
            );
            assert_eq!((&start["name"], &start["cat"]), (&end["name"], &end["cat"]));
            assert!(nanos(&start["ts"]) <= nanos(&end["ts"]), "{start} to {end}");
        }
    }
}

#[test]
fn counters_never_go_back_in_time_and_end_at_zero() {
    for file in files() {
        let mut latest: BTreeMap<(u64, &str), (u64, u64)> = BTreeMap::new();
        for counter in file.phase("C") {
            let process = counter["pid"].as_u64().expect("a process");
            let name = counter["name"].as_str().expect("a name");
            let values = counter["args"].as_object().expect("values");
            let value = values.values().next().and_then(Value::as_u64).expect("a number");
            let now = nanos(&counter["ts"]);
            let (before, _) = latest.insert((process, name), (now, value)).unwrap_or_default();
            assert!(before <= now, "{counter}");
        }
        assert_eq!(latest.len(), 3 * 2, "{latest:?}");
        assert!(latest.values().all(|(_, value)| *value == 0), "{latest:?}");
    }
}

#[test]
fn every_process_and_thread_has_a_name() {
    for file in files() {
        let named = |kind: &str| -> BTreeMap<(u64, u64), String> {
            let names = file.phase("M").filter(|event| event["name"] == kind);
            let name = |event: &Value| event["args"]["name"].as_str().expect("a name").to_owned();
            let thread = |event: &Value| event["tid"].as_u64().unwrap_or(0);
            names
                .map(|event| {
                    ((event["pid"].as_u64().expect("a process"), thread(event)), name(event))
                })
                .collect()
        };
        let (processes, threads) = (named("process_name"), named("thread_name"));
        for event in file.0.iter().filter(|event| event["ph"] != "M") {
            let process = event["pid"].as_u64().expect("a process");
            assert!(processes.contains_key(&(process, 0)), "{event}");
            if let Some(thread) = event["tid"].as_u64() {
                assert!(threads.contains_key(&(process, thread)), "{event}");
            }
        }
        let names: BTreeSet<&str> = threads.values().map(String::as_str).collect();
        assert!(
            ["rounds", "caller", "callee"].iter().all(|name| names.contains(name)),
            "{names:?}"
        );
        assert_eq!(processes.values().filter(|name| name.starts_with("failing: ")).count(), 2);
    }
}

#[test]
fn refused_calls_and_failures_can_be_seen() {
    for file in files() {
        let refused: Vec<_> = file.phase("i").map(|event| event["name"].as_str()).collect();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].is_some_and(|name| name.ends_with("calls refused: queue_full")));
        let trapped = |slice: &&Value| slice["args"]["error"] == "CanisterCalledTrap";
        assert_eq!(file.phase("X").filter(trapped).count(), 1);
        let slices = file.phase("X").filter(|slice| slice["name"] == "slice 1 of 3");
        assert_eq!(slices.count(), 1);
    }
}

#[test]
fn the_files_of_two_calls_are_as_agreed() {
    let recorded = Recorded::on_two_subnets(NetworkProfile::POCKET_IC);
    let ScriptedNetwork { a, b, .. } = recorded.network;
    let failing = script().call(call(b).running(script().trap("no")));
    let recordings = [
        ("two calls", recorded.run(a, parallel_calls(pong(b), 2))),
        ("a trap", recorded.run(a, failing)),
    ];
    let names = Names::new().with(a, "caller").with(b, "callee");
    let [mut lines, mut trace] = [Vec::new(), Vec::new()];
    for (title, recording) in &recordings {
        json_lines::write(&mut lines, title, recording, &names).expect("memory takes everything");
    }
    let parts = recordings.each_ref().map(|(title, recording)| (*title, recording));
    perfetto::write(&mut trace, &parts, &names).expect("memory takes everything");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (name, written) in [("trace.jsonl", lines), ("trace.json", trace)] {
        assert_golden(&folder.join(name), &String::from_utf8(written).expect("text"));
    }
}
