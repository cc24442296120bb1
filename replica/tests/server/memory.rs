//! The memory of a server whose instances are created and deleted.

use crate::binary::ServerProcess;
use candid::Principal;
use pocket_ic::PocketIcBuilder;
use std::time::{Duration, Instant};

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

/// Resident memory of a process, in KiB.
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
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

/// A server's resident memory in KiB before and after `instances` came and went, when so many had done so that its own
/// memory is warm: caches, buffers, and what the allocator keeps for the next.
fn memory_around(warm_up: usize, instances: usize) -> (u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&folder.path().join("port"), &[]);
    let port = server.port();
    make_and_delete(port, warm_up);
    let before = resident_kib(server.process.id());
    make_and_delete(port, instances);
    let after = resident_kib(server.process.id());
    println!("resident memory: {before} KiB; {after} KiB after {instances} instances more");
    (before, after)
}

#[test]
fn instances_that_were_deleted_leave_no_memory_behind() {
    let instances = 100;
    let (before, after) = memory_around(100, instances);
    // Of what they had, not a tenth: the allocator may keep an arena more.
    let had = instances as u64 * HOARDED_KIB;
    assert!(after < before + had / 10, "{before} KiB before, {after} KiB after");
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
    // Some allocators return memory a moment later.
    let started = Instant::now();
    let mut after = written;
    while after > before + written_kib / 10 && started.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(100));
        after = resident_kib(server.process.id());
    }
    println!("resident memory: {before} KiB; {written} KiB written; {after} KiB after");
    assert!(after < before + written_kib / 10, "{before} KiB before, {after} KiB after");
}

#[test]
#[ignore = "takes a while; `make bench` runs it"]
fn a_thousand_instances_that_were_deleted_leave_no_memory_behind() {
    let (before, after) = memory_around(300, 1_000);
    assert!(after <= before + before / 10, "{before} KiB before, {after} KiB after");
}
