//! The memory of a server whose instances are created and deleted.

use crate::binary::ServerProcess;
use candid::Principal;
use flate2::Compression;
use flate2::write::GzEncoder;
use pocket_ic::PocketIcBuilder;
use pocket_ic::common::rest::{BlobCompression, RawCanisterId};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use test_support::patience::PATIENCE;

/// A module with this code, and with the functions of the system that it calls.
fn module(code: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
    (import "ic0" "msg_reply" (func $reply))
    (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
    (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
    {code})"#
    );
    wat::parse_str(text).unwrap()
}

/// Makes a megabyte of its heap and one of its stable memory its own.
const HOARDER: &str = r#"
    (memory 16)
    (func (export "canister_update hoard")
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 1000000))
        (drop (call $grow (i64.const 16)))
        (call $write (i64.const 0) (i64.const 0) (i64.const 1000000))
        (call $reply))"#;

/// A number of KiB from the status of a process.
fn status_kib(process: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).expect("the process still runs");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Resident memory of a process, in KiB.
fn resident_kib(process: u32) -> u64 {
    status_kib(process, "VmRSS:")
}

/// The largest resident memory that a process ever had, in KiB.
fn peak_kib(process: u32) -> u64 {
    status_kib(process, "VmHWM:")
}

/// Waits until a process has at most this much resident memory, in KiB. Some allocators return memory a moment
/// later.
fn wait_for_resident_kib(process: u32, limit: u64, patience: Duration) {
    let started = Instant::now();
    while resident_kib(process) > limit {
        let resident = resident_kib(process);
        assert!(started.elapsed() < patience, "{resident} KiB are still there, not {limit}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn make_and_delete(port: u16, instances: usize) {
    let module = module(HOARDER);
    for _ in 0..instances {
        let pic = PocketIcBuilder::new()
            .with_server_url(format!("http://127.0.0.1:{port}/").parse().unwrap())
            .with_application_subnet()
            .with_application_subnet()
            .build();
        let canister = pic.create_canister();
        pic.install_canister(canister, module.clone(), vec![], None);
        pic.update_call(canister, Principal::anonymous(), "hoard", vec![]).unwrap();
    }
}

/// What each instance makes its own, in KiB: a megabyte of heap, as much stable memory.
const HOARDED_KIB: u64 = 2_000_000 / 1_024;

/// A server's resident memory in KiB after so many instances came and went that its own memory is warm: caches,
/// buffers, and what the allocator keeps for the next.
fn warm(server: &ServerProcess, instances: usize) -> u64 {
    make_and_delete(server.port(), instances);
    resident_kib(server.process.id())
}

#[test]
fn instances_that_were_deleted_leave_no_memory_behind() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&folder.path().join("port"), &[]);
    let (instances, before) = (100, warm(&server, 100));
    make_and_delete(server.port(), instances);
    // Of what they had, not a tenth: the allocator may keep an arena more.
    let had = instances as u64 * HOARDED_KIB;
    wait_for_resident_kib(server.process.id(), before + had / 10, PATIENCE);
}

/// Writes 8 MiB of stable memory with each call.
const WRITER: &str = r#"
    (memory 128)
    (func (export "canister_update write")
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 8388608))
        (call $write
            (i64.mul (call $grow (i64.const 128)) (i64.const 65536)) (i64.const 0) (i64.const 8388608))
        (call $reply))"#;

#[test]
fn stable_memory_of_a_deleted_instance_returns_to_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&folder.path().join("port"), &[]);
    let port = server.port();
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let pic = PocketIcBuilder::new().with_server_url(url).with_application_subnet().build();
    let canister = pic.create_canister();
    pic.install_canister(canister, module(WRITER), vec![], None);
    let before = resident_kib(server.process.id());
    let written_kib = 40 * 8 * 1_024;
    for _ in 0..40 {
        pic.update_call(canister, Principal::anonymous(), "write", vec![]).unwrap();
    }
    let written = resident_kib(server.process.id());
    assert!(written > before + written_kib, "{before} KiB before, {written} KiB written");
    drop(pic);
    println!("resident memory: {before} KiB; {written} KiB written");
    let limit = before + written_kib / 10;
    wait_for_resident_kib(server.process.id(), limit, PATIENCE);
}

/// Opens a connection and sends a request, without reading the response.
fn open(port: u16, path: &str, lines: &str, body: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{lines}content-length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(&[head.as_bytes(), body].concat()).unwrap();
    connection
}

/// The status of a response, of which nothing else is read.
fn status(connection: &mut TcpStream) -> String {
    let mut line = [0; 12];
    connection.read_exact(&mut line).unwrap();
    String::from_utf8_lossy(&line[9..]).into_owned()
}

#[test]
fn responses_that_nobody_reads_need_their_own_size_and_give_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&folder.path().join("port"), &[]);
    let (port, process) = (server.port(), server.process.id());
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let pic = PocketIcBuilder::new().with_server_url(url).with_application_subnet().build();
    let canister = pic.create_canister();
    pic.install_canister(canister, module(WRITER), vec![], None);
    // In base64, these are 27 MB.
    pic.set_stable_memory(canister, vec![7; 20_250_000], BlobCompression::NoCompression);
    let before = resident_kib(process);
    let path = format!("/instances/{}/read/get_stable_memory", pic.instance_id());
    let body = serde_json::to_vec(&RawCanisterId::from(canister)).unwrap();
    // Some systems keep megabytes of a response for a connection. No client reads more than the status.
    let mut unread = Vec::new();
    for _ in 0..60 {
        let mut connection = open(port, &path, "", &body);
        assert_eq!(status(&mut connection), "200");
        unread.push(connection);
    }
    let (peak, response_kib) = (peak_kib(process), 27_000_000 / 1_024);
    println!("resident memory: {before} KiB; {peak} KiB with unread responses");
    // Besides the responses, there are copies from which the latest ones are made.
    assert!(peak < before + 75 * response_kib, "{before} KiB before, {peak} KiB");
    // Tests of the server's connections show that it also gives up on clients that stay.
    drop(unread);
    wait_for_resident_kib(process, before + 6 * response_kib, PATIENCE);
}

#[test]
fn six_blobs_that_are_unpacked_at_once_need_the_memory_of_few_and_give_it_back() {
    let folder = tempfile::tempdir().unwrap();
    // The server must not end for want of requests while the test waits.
    let server = ServerProcess::start(&folder.path().join("port"), &["--ttl", "600"]);
    let (port, process) = (server.port(), server.process.id());
    let unpacked = 200_000_000;
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::copy(&mut std::io::repeat(7).take(unpacked), &mut packed).unwrap();
    let mut packed = packed.finish().unwrap();
    // The checksum is wrong, so the server keeps none of the blobs.
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    let before = resident_kib(process);
    let blob = || open(port, "/blobstore", "content-encoding: gzip\r\n", &packed);
    let mut blobs: Vec<TcpStream> = (0..6).map(|_| blob()).collect();
    assert!(blobs.iter_mut().all(|blob| status(blob) == "400"));
    let (peak, unpacked_kib) = (peak_kib(process), unpacked / 1_024);
    println!("resident memory: {before} KiB; {peak} KiB at most");
    assert!(peak < before + 4 * unpacked_kib, "{before} KiB before, {peak} KiB at most");
    // The connections are still open. Their threads kept up to 60 MB until new threads took their place. A server that
    // has served requests keeps 7 MB more than a new one, by measurement.
    wait_for_resident_kib(process, before + unpacked_kib / 8, PATIENCE);
}

#[test]
#[ignore = "takes a while; `make bench` runs it"]
fn a_thousand_instances_that_were_deleted_leave_no_memory_behind() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&folder.path().join("port"), &[]);
    let before = warm(&server, 300);
    let after = warm(&server, 1_000);
    println!("resident memory: {before} KiB; {after} KiB after 1,000 instances more");
    assert!(after <= before + before / 10, "{before} KiB before, {after} KiB after");
}
