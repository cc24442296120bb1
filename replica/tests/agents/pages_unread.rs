//! Pages that never read their events.

use crate::calls::update;
use crate::dfx::{create, install};
use crate::identities::ed25519;
use crate::network::run;
use crate::page_load::resident_kib;
use crate::program::Program;
use candid::Principal;
use embedded_replica::server::{LiveConfig, LiveNetwork};
use ic_utils::interfaces::management_canister::builders::CanisterInstallMode;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use test_support::patience::PATIENCE;
use tokio::net::TcpSocket;

/// Pages that never read.
const SILENT: usize = 20;

/// Resident memory by which the program may grow meanwhile, in KiB. If it kept what the silent pages do not read, it
/// would grow by more than 100 MiB.
const GROWTH_KIB_MAX: u64 = 60 << 10;

/// Canisters that log.
const LOGGERS: usize = 8;

/// A module that logs in each heartbeat as much as the log of a canister keeps of one execution: 4 kB. There are ten
/// heartbeats per second, however busy the machine is with the calls of the test.
fn logger() -> Vec<u8> {
    wat::parse_str(
        r#"(module
            (import "ic0" "debug_print" (func $print (param i32 i32)))
            (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
            (import "ic0" "msg_reply" (func $reply))
            (memory 1)
            (data (i32.const 5000) "DIDL\00\00")
            (func (export "canister_init") (memory.fill (i32.const 0) (i32.const 0x78) (i32.const 4000)))
            (func (export "canister_heartbeat") (call $print (i32.const 0) (i32.const 3990)))
            (func (export "canister_update call")
                (call $append (i32.const 5000) (i32.const 6))
                (call $reply)))"#,
    )
    .unwrap()
}

/// Opens the events of the page on a connection that keeps few bytes for the client.
async fn open(port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let connection = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
    let mut connection = connection.into_std().unwrap();
    connection.set_nonblocking(false).unwrap();
    let request = format!("GET /page/events HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    connection
}

/// Whether the server has closed a connection from which nobody reads. Then it refuses what the client sends: an empty
/// line, which a server skips before a request.
fn is_cut_off(connection: &mut TcpStream) -> bool {
    connection.write_all(b"\r\n").is_err_and(|error| {
        let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        assert!(kinds.contains(&error.kind()), "{error}");
        true
    })
}

/// Reads the events of a page until they end, and counts those about logs.
fn read(connection: TcpStream, logs: &AtomicU64) -> io::Result<()> {
    for line in BufReader::new(connection).lines() {
        logs.fetch_add(u64::from(line? == "event: log"), Relaxed);
    }
    Ok(())
}

#[test]
fn pages_that_never_read_their_events_are_cut_off_while_others_go_on_and_memory_is_bounded() {
    let program = Program::start(&[]);
    let port = program.url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let process = program.process.id();
    let network = LiveNetwork::start(LiveConfig::default()).unwrap();
    let effective: Principal = network.default_effective_canister().principal();
    let logs = Arc::new(AtomicU64::new(0));
    run(async {
        let agent = program.agent(ed25519(0)).await;
        let mut id = effective;
        for _ in 0..LOGGERS {
            id = create(&agent, effective).await;
            install(&agent, id, &logger(), CanisterInstallMode::Install).await;
        }
        let (page, count) = (open(port).await, logs.clone());
        let reader = std::thread::spawn(move || read(page, &count));
        update(&agent, id, "call").await.unwrap();
        let before = resident_kib(process);
        let mut silent = Vec::new();
        for _ in 0..SILENT {
            silent.push(open(port).await);
        }
        let mut cut_off = Vec::new();
        let (started, mut most) = (Instant::now(), before);
        while !silent.is_empty() {
            update(&agent, id, "call").await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            cut_off.extend(silent.extract_if(.., is_cut_off));
            most = most.max(resident_kib(process));
            assert!(!reader.is_finished(), "the page that reads is cut off, too");
            assert!(started.elapsed() < PATIENCE, "{} pages are not cut off", silent.len());
        }
        println!(
            "{:?}: resident memory: {before} KiB before, at most {most} KiB",
            started.elapsed()
        );
        assert!(most < before + GROWTH_KIB_MAX, "{before} KiB before, {most} KiB");
        // What the server had sent before has an end.
        for mut page in cut_off {
            let _ = page.read_to_end(&mut Vec::new());
        }
        let told = logs.load(Relaxed);
        while logs.load(Relaxed) == told {
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert!(started.elapsed() < PATIENCE, "the page that reads is told no more");
        }
        assert!(!reader.is_finished());
    });
    assert_eq!(program.interrupt(), "");
}
