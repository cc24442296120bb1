//! Two hundred open pages beside two hundred agents.

use crate::calls::update;
use crate::dfx::{create, install};
use crate::identities::ed25519;
use crate::load::{Report, agents_at_work};
use crate::network::run;
use crate::program::Program;
use candid::Principal;
use embedded_replica::server::{LiveConfig, LiveNetwork};
use ic_utils::interfaces::management_canister::builders::CanisterInstallMode;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use test_support::counter;
use test_support::patience::wait_until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

const PAGES: usize = 200;

/// Resident memory that a process may keep for each page that was open, in KiB.
const KEPT_PER_PAGE_KIB: u64 = 20;

/// Time of each of the two parts of the test.
const PART: Duration = Duration::from_secs(30);

/// What pages have received.
#[derive(Default)]
struct Received {
    over: AtomicBool,
    bytes: AtomicU64,
    /// Pages that have received an event.
    pages: AtomicU64,
}

/// Opens the events of the page, and reads them until the test is over.
async fn read_events(port: u16, received: Arc<Received>) {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET /page/events HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let (mut part, mut begun) = ([0; 16_384], Vec::new());
    let mut has_event = false;
    while !received.over.load(Relaxed) {
        let read = tokio::time::timeout(Duration::from_secs(1), connection.read(&mut part));
        // At rest, nothing comes.
        let Ok(read) = read.await else { continue };
        let length = read.unwrap();
        assert!(length > 0, "the server has ended the events: {begun:?}");
        received.bytes.fetch_add(length as u64, Relaxed);
        if !has_event {
            begun.extend(&part[..length]);
            let text = String::from_utf8_lossy(&begun);
            assert!("HTTP/1.1 200".starts_with(text.get(..12).unwrap_or(&text)), "{text}");
            has_event = text.contains("event: state");
            received.pages.fetch_add(u64::from(has_event), Relaxed);
        }
    }
}

/// Open sockets of a process.
fn sockets(process: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let is_socket = |file: &fs::DirEntry| {
        fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket"))
    };
    files.filter_map(Result::ok).filter(is_socket).count()
}

/// Resident memory of a process, in KiB.
pub fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Installs two counters. Returns their ids.
async fn counters(program: &Program) -> [Principal; 2] {
    let agent = program.agent(ed25519(0)).await;
    let network = LiveNetwork::start(LiveConfig::default()).unwrap();
    let effective = network.default_effective_canister().principal();
    let mut counters = Vec::new();
    for _ in 0..2 {
        let counter_id = create(&agent, effective).await;
        install(&agent, counter_id, &counter(), CanisterInstallMode::Install).await;
        update(&agent, counter_id, "count").await.unwrap();
        counters.push(counter_id);
    }
    counters.try_into().unwrap()
}

/// Has two hundred agents call and query the counters for a while.
fn work(program: &Program, counters: [Principal; 2]) -> Report {
    let mut report = run(async {
        let mut agents = Vec::new();
        for number in 0..crate::load::AGENTS {
            agents.push(program.agent(ed25519(number)).await);
        }
        agents_at_work(agents, counters, |_, began: Instant| began.elapsed() > PART).await
    });
    assert_eq!(report.failures, Vec::<String>::new());
    report.print();
    report
}

#[test]
#[ignore = "takes a minute; `make soak` runs it"]
fn two_hundred_pages_beside_two_hundred_agents_get_their_events_and_leave_no_memory_behind() {
    let program = Program::start(&[]);
    let port = program.url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let process = program.process.id();
    let counters = run(counters(&program));
    // What the agents alone need.
    work(&program, counters);
    let without_agents = || sockets(process) < PAGES / 2;
    wait_until("the agents' connections are closed", without_agents);
    let before = resident_kib(process);

    let received = Arc::new(Received::default());
    let pages = tokio::runtime::Runtime::new().unwrap();
    let open: Vec<JoinHandle<()>> =
        (0..PAGES).map(|_| pages.spawn(read_events(port, received.clone()))).collect();
    wait_until("all pages have an event", || {
        assert!(!open.iter().any(JoinHandle::is_finished), "a page has failed");
        received.pages.load(Relaxed) == PAGES as u64
    });
    work(&program, counters);
    let during = resident_kib(process);
    assert!(!open.iter().any(JoinHandle::is_finished), "a page has failed");
    received.over.store(true, Relaxed);
    pages.block_on(async {
        let mut ended = JoinSet::new();
        open.into_iter().for_each(|page| drop(ended.spawn(page)));
        while let Some(page) = ended.join_next().await {
            page.unwrap().unwrap();
        }
    });
    wait_until("all connections are closed", without_agents);
    let bytes = received.bytes.load(Relaxed);
    println!("{PAGES} pages have received {} kB", bytes / 1_000);
    let limit = before + KEPT_PER_PAGE_KIB * PAGES as u64;
    let given_back = || resident_kib(process) <= limit;
    let figures = || {
        let after = resident_kib(process);
        format!("resident memory: {before} KiB before, {during} KiB during, {after} KiB after")
    };
    wait_until(&format!("the memory comes back ({})", figures()), given_back);
    println!("{}", figures());
    assert_eq!(program.interrupt(), "");
}
