//! Callers with another interface, and servers with faults.

use std::fs;

use multi_subnet::interface::NumberType;
use tempfile::TempDir;

use crate::{
    binary::{Run, run_with},
    fake_server::{Behaviour, FakeServer},
};

/// Runs the benchmark with modules that say nothing about their interface.
fn run_with_empty_modules(args: &[&str], env: &[(&str, &str)]) -> Run {
    let folder = TempDir::new().expect("a temporary folder");
    let module = folder.path().join("empty.wasm");
    fs::write(&module, b"\0asm\x01\0\0\0").expect("a file");
    let module = module.to_str().expect("a plain name");
    run_with(args, &[&[("CALLER_WASM", module), ("CALLEE_WASM", module)], env].concat())
}

/// Runs five calls against the server.
fn measure(server: &FakeServer, args: &[&str]) -> Run {
    run_with_empty_modules(&[&["--server", &server.url, "--calls", "5"], args].concat(), &[])
}

#[test]
fn each_strategy_is_measured_and_the_instance_deleted() {
    let server = FakeServer::start(Behaviour { succeeded: 4, rounds: 3, ..Behaviour::default() });
    let report = measure(&server, &["--json"]).json();
    assert_eq!(report["server"], server.url.as_str());
    assert_eq!(report["profile"], "pocket-ic");
    assert_eq!(report["same_subnet"], false);
    assert_eq!(report["calls"], 5);
    let strategies = report["strategies"].as_array().expect("the report has a list of strategies");
    let names: Vec<_> = strategies.iter().map(|strategy| &strategy["name"]).collect();
    assert_eq!(names, ["sequential", "parallel"]);
    for strategy in strategies {
        assert_eq!(strategy["attempted"], 5);
        assert_eq!(strategy["succeeded"], 4);
        assert_eq!(strategy["failed"], 1);
        assert_eq!(strategy["rounds"], 3);
        assert_eq!(strategy["model_time_ms"], 4_000);
        assert!(strategy["host_time_ms"].as_f64().expect("a number") > 0.0);
        assert_eq!(strategy["cycles"], 1_000);
    }
    let seen = server.seen();
    // Three for each strategy, and one to see how long a round is.
    assert_eq!((seen.ticks, seen.deleted), (7, 1));
}

#[test]
fn a_message_is_awaited_again_after_each_hundred_rounds_and_all_its_rounds_are_counted() {
    // A request fails after its hundredth round, also if this round brought the response.
    for (rounds, awaits) in [(1, 1), (99, 1), (100, 2), (101, 2), (250, 3)] {
        let server = FakeServer::start(Behaviour { rounds, ..Behaviour::default() });
        let report = measure(&server, &["--json"]).json();
        for strategy in report["strategies"].as_array().expect("a list of strategies") {
            assert_eq!(strategy["rounds"], rounds);
        }
        let seen = server.seen();
        assert_eq!((seen.ticks, seen.awaits), (2 * rounds + 1, 2 * awaits), "{rounds} rounds");
    }
}

#[test]
fn an_error_while_a_message_is_awaited_is_passed_on() {
    let server = FakeServer::start(Behaviour {
        rounds: 250,
        breaks_in_round: Some(150),
        ..Behaviour::default()
    });
    let failed = measure(&server, &[]);
    assert!(failed.error(1).contains("out of order"), "{}", failed.stderr);
    assert_eq!(server.seen().deleted, 1);
}

#[test]
fn text_begins_with_one_line_per_strategy() {
    let server = FakeServer::start(Behaviour::default());
    let text = measure(&server, &[]).stdout;
    let mut lines = text.lines();
    for start in
        ["Sequential calls: 5/5 successful calls in ", "Parallel calls: 5/5 successful calls in "]
    {
        let line = lines.next().expect("a line");
        let time = line.strip_prefix(start).expect(line);
        assert!(
            time.ends_with('s') && time.starts_with(|digit: char| digit.is_ascii_digit()),
            "{line}"
        );
    }
    assert_eq!(lines.next(), Some(""));
}

#[test]
fn a_caller_that_takes_nat_is_found_out_by_asking() {
    let server = FakeServer::start(Behaviour { numbers: NumberType::Nat, ..Behaviour::default() });
    let report = measure(&server, &["--json"]).json();
    assert_eq!(report["strategies"][1]["succeeded"], 5);
}

#[test]
fn a_caller_without_setup_finds_its_callee_in_the_environment_variable() {
    let server = FakeServer::start(Behaviour { has_setup: false, ..Behaviour::default() });
    assert_eq!(measure(&server, &[]).code, 0);
    assert!(
        server.seen().methods.contains(&"update_settings".into()),
        "{:?}",
        server.seen().methods
    );

    let server = FakeServer::start(Behaviour::default());
    assert_eq!(measure(&server, &[]).code, 0);
    assert!(!server.seen().methods.contains(&"update_settings".into()));
}

#[test]
fn a_reject_of_the_caller_is_shown_with_its_codes_and_the_instance_deleted() {
    let reject = Some("at most 10 calls".into());
    let server = FakeServer::start(Behaviour { reject, ..Behaviour::default() });
    let failed = measure(&server, &["--json"]);
    let message = failed.error(1);
    for part in
        ["`sequential_calls`", "reject code 4", "CanisterRejectedMessage", "at most 10 calls"]
    {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(server.seen().deleted, 1);
}

#[test]
fn a_message_without_end_is_given_up() {
    let server = FakeServer::start(Behaviour { rounds: u64::MAX, ..Behaviour::default() });
    let failed = measure(&server, &[]);
    assert!(failed.error(1).contains("got no response within 1100 rounds"), "{}", failed.stderr);
}

#[test]
fn an_error_of_the_server_is_passed_on_without_a_panic() {
    let server = FakeServer::start(Behaviour { broken: true, ..Behaviour::default() });
    let failed = measure(&server, &[]);
    assert!(failed.error(1).contains("out of order"), "{}", failed.stderr);
    assert_eq!(server.seen().deleted, 1);
}

#[test]
fn more_successes_than_calls_are_not_believed() {
    let server = FakeServer::start(Behaviour { succeeded: 6, ..Behaviour::default() });
    assert!(measure(&server, &[]).error(1).contains("6 of 5"));
}

#[test]
fn a_server_that_is_not_there_is_an_error_with_code_1() {
    // Bound, so that nobody else takes the port, but not listening.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let url = format!("http://{}", socket.local_addr().expect("the socket is bound"));
    let failed = run_with_empty_modules(&["--server", &url], &[]);
    let message = failed.error(1);
    assert!(message.contains(&url) && message.contains("--server embedded"), "{message}");
}

#[cfg(unix)]
#[test]
fn what_a_server_prints_does_not_end_up_in_the_result() {
    let server = FakeServer::start(Behaviour::default());
    let port = server.url.trim_end_matches('/').rsplit(':').next().expect("a port");
    let noisy = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/noisy-pocket-ic");
    let folder = TempDir::new().expect("a temporary folder");
    let folder = folder.path().to_str().expect("a plain name");
    for (args, binary) in
        [(&["--server", noisy][..], ""), (&[], noisy), (&["--server", "pocket-ic"], noisy)]
    {
        let args = [&["--json", "--calls", "5"], args].concat();
        let env = [
            ("FAKE_PORT", port),
            ("TMPDIR", folder),
            ("POCKET_IC_MUTE_SERVER", ""),
            ("POCKET_IC_BIN", binary),
        ];
        let run = run_with_empty_modules(&args, &env);
        assert_eq!(run.json()["strategies"][0]["succeeded"], 5);
        assert!(run.stderr.contains("noise"), "it is not lost either");
    }
}

#[test]
fn something_else_at_the_url_is_an_error_with_code_1() {
    let mut elsewhere = FakeServer::start(Behaviour::default());
    elsewhere.url.push_str("elsewhere/");
    let failed = measure(&elsewhere, &[]);
    assert!(failed.error(1).contains("creating an instance"), "{}", failed.stderr);
}
