//! The processor time that an idle network takes.

use crate::binary::ServerProcess;
use crate::http::get;
use pocket_ic::PocketIcBuilder;
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
