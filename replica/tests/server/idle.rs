//! The processor time that an idle network takes.

use crate::binary::{BINARY, ServerProcess};
use crate::http::get;
use pocket_ic::PocketIcBuilder;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use test_support::patience::in_one_of_ten;

/// Seconds of CPU that a process has used.
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The second field, a name in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<u64>().unwrap();
    // What Linux counts in here has been hundredths of seconds on every machine for long.
    (ticks(11) + ticks(12)) as f64 / 100.0
}

/// Seconds of rest over which the CPU is measured.
const REST: Duration = Duration::from_secs(5);

#[test]
fn a_network_that_progresses_by_itself_costs_next_to_nothing_at_rest() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&folder.path().join("port"), &[]);
    let url = format!("http://127.0.0.1:{}/", server.port());
    let pic = PocketIcBuilder::new()
        .with_server_url(url.parse().unwrap())
        .with_application_subnet()
        .with_application_subnet()
        .build();
    for subnet in pic.topology().get_app_subnets() {
        pic.create_canister_on_subnet(None, None, subnet);
    }
    pic.auto_progress();
    // On a slow machine, the first rounds are part of the first measurements.
    in_one_of_ten(|| {
        let before = cpu_seconds(server.process.id());
        std::thread::sleep(REST);
        let used = cpu_seconds(server.process.id()) - before;
        println!("{used:.2} s of CPU in {} s of rest", REST.as_secs());
        let much = || format!("{used} s of CPU in {REST:?}");
        if used < 0.01 * REST.as_secs_f64() { Ok(()) } else { Err(much()) }
    });
    assert_eq!(get(server.port(), "/instances").status, 200, "it is still there");
}

/// A process that is killed at the end of a test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Seconds of rest over which the CPU is measured while a page is open.
const REST_WITH_PAGE: Duration = Duration::from_secs(10);

#[test]
#[ignore = "measures CPU time; `make bench` runs it"]
fn an_open_page_costs_next_to_nothing_at_rest() {
    let mut serve = Command::new(BINARY);
    serve.args(["serve", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut network = Killed(serve.spawn().unwrap());
    let mut lines = BufReader::new(network.0.stdout.take().unwrap()).lines();
    let url = lines.find_map(|line| Some(line.unwrap().strip_prefix("URL")?.trim().to_owned()));
    std::thread::spawn(move || lines.for_each(drop));
    let url = url.unwrap();
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut page = TcpStream::connect(host).unwrap();
    write!(page, "GET /page/events HTTP/1.1\r\nhost: {host}\r\n\r\n").unwrap();
    let mut events = BufReader::new(page.try_clone().unwrap()).lines();
    assert!(events.any(|line| line.unwrap() == "event: state"), "the page gets the state");
    std::thread::spawn(move || events.for_each(drop));
    in_one_of_ten(|| {
        let before = cpu_seconds(network.0.id());
        std::thread::sleep(REST_WITH_PAGE);
        let used = cpu_seconds(network.0.id()) - before;
        println!("{used:.2} s of CPU in {} s with an open page", REST_WITH_PAGE.as_secs());
        let much = || format!("{used} s of CPU in {REST_WITH_PAGE:?}");
        if used < 0.01 * REST_WITH_PAGE.as_secs_f64() { Ok(()) } else { Err(much()) }
    });
    assert_eq!(network.0.try_wait().unwrap(), None, "it is still there");
    drop(page);
}
