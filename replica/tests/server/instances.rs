//! Instances are independent of each other, repeatable, and gone when they are deleted.

use crate::http::{get, post, request};
use candid::Principal;
use embedded_replica::limits::CONNECTION_THREADS_MAX;
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use pocket_ic::common::rest::{RawCanisterCall, RawEffectivePrincipal};
use pocket_ic::{PocketIc, PocketIcBuilder};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use test_support::http::send;
use test_support::patience::in_one_of_ten;
use test_support::servers::embedded_server;

/// Counts up in its heap; `spin` takes about half a second. A query is executed at once, so its instance is busy all
/// the time.
const COUNTER: &str = r#"(module
    (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
    (import "ic0" "msg_reply" (func $reply))
    (memory 16)
    (func (export "canister_update count")
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (call $append (i32.const 0) (i32.const 4))
        (call $reply))
    (func (export "canister_query spin") (local $left i32)
        (local.set $left (i32.const 500000000))
        (loop $more
            (br_if $more
                (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (call $reply)))"#;

fn network(server: &EmbeddedServer) -> PocketIc {
    PocketIcBuilder::new()
        .with_server_url(server.url().parse().unwrap())
        .with_application_subnet()
        .build()
}

fn install(pic: &PocketIc) -> Principal {
    let canister = pic.create_canister();
    pic.install_canister(canister, wat::parse_str(COUNTER).unwrap(), vec![], None);
    canister
}

/// A request that keeps an instance busy for about half a second: its path and its body. Installs a canister that it
/// needs.
fn spin(pic: &PocketIc) -> (String, String) {
    let query = RawCanisterCall {
        sender: Principal::anonymous().as_slice().to_vec(),
        canister_id: install(pic).as_slice().to_vec(),
        effective_principal: RawEffectivePrincipal::None,
        method: "spin".into(),
        sender_info: None,
        payload: vec![],
    };
    let path = format!("/instances/{}/read/query", pic.instance_id());
    (path, serde_json::to_string(&query).unwrap())
}

/// Has an instance on the server at this port execute a canister for about half a second. When this function
/// returns, the instance executes. The thread returns what the server responds.
pub fn keep_busy(port: u16, pic: &PocketIc) -> JoinHandle<Vec<u8>> {
    // On a busy machine, this time may pass before this thread looks.
    in_one_of_ten(|| {
        let (path, body) = spin(pic);
        let busy = std::thread::spawn(move || send(port, "POST", &path, "", body.as_bytes()));
        while get(port, "/instances").body != serde_json::json!(["Busy"]) {
            if busy.is_finished() {
                return Err("it has ended already".to_owned());
            }
        }
        Ok(busy)
    })
}

fn update(pic: &PocketIc, canister: Principal, method: &str) -> Vec<u8> {
    pic.update_call(canister, Principal::anonymous(), method, vec![]).unwrap()
}

#[test]
fn instances_used_at_the_same_time_do_not_see_each_other() {
    let server = embedded_server();
    std::thread::scope(|scope| {
        for rounds in 1..=12u32 {
            let server = &server;
            scope.spawn(move || {
                let pic = network(server);
                let canister = install(&pic);
                for count in 1..=rounds {
                    assert_eq!(update(&pic, canister, "count"), count.to_le_bytes());
                }
            });
        }
    });
}

/// Checks that a server executes requests of an instance while others are busy: as many as the server has threads for
/// connections without threads of their own. `opened` are connections that stay open meanwhile.
fn no_other_waits_for_busy_instances(server: &EmbeddedServer, opened: &[TcpStream]) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let busy: Vec<_> = (0..threads).map(|_| network(server)).collect();
    let idle = network(server);
    let all_are_busy = || {
        let states = get(server.port(), "/instances").body;
        let states = states.as_array().unwrap();
        states.iter().filter(|state| **state == "Busy").count() == threads
    };
    in_one_of_ten(|| {
        let spins: Vec<_> = busy.iter().map(spin).collect();
        std::thread::scope(|scope| {
            let spin = |(path, body): (String, String)| {
                let port = server.port();
                scope.spawn(move || assert_eq!(post(port, &path, &body).status, 200))
            };
            let spins: Vec<_> = spins.into_iter().map(spin).collect();
            let mut executed = 0;
            while !spins.iter().all(|spin| spin.is_finished()) {
                if all_are_busy() {
                    idle.get_time();
                    idle.tick();
                    executed += 1;
                }
            }
            let few = || format!("{executed} requests were executed while others were busy");
            if executed > 20 { Ok(()) } else { Err(few()) }
        })
    });
    for connection in opened {
        let closed = connection.peek(&mut [0]).map_err(|error| error.kind());
        assert_ne!(closed, Ok(0), "a connection was closed");
    }
}

#[test]
fn an_instance_that_is_busy_for_long_keeps_no_other_waiting() {
    no_other_waits_for_busy_instances(&embedded_server(), &[]);
}

#[test]
fn an_instance_that_is_busy_for_long_keeps_no_connection_waiting_that_has_no_thread_of_its_own() {
    let server = embedded_server();
    // Each has a thread of its own, so that others have none.
    let open = |_| {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
        connection.write_all(b"GET /status HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        assert!(connection.read(&mut [0; 1 << 10]).unwrap() > 0);
        connection.set_nonblocking(true).unwrap();
        connection
    };
    let opened: Vec<_> = (0..CONNECTION_THREADS_MAX).map(open).collect();
    no_other_waits_for_busy_instances(&server, &opened);
}

#[test]
fn what_two_handles_of_a_client_end_twice_is_ended_once_without_an_error() {
    let server = embedded_server();
    let mut pic = network(&server);
    pic.make_live(None);
    let url = server.url().parse().unwrap();
    let mut other = PocketIc::new_from_existing_instance(url, pic.instance_id(), None);
    other.make_live(None);
    for _ in 0..2 {
        for number in 0..3 {
            let path = format!("/http_gateway/{number}/stop");
            let answer = post(server.port(), &path, "");
            assert_eq!((answer.status, answer.body), (200, serde_json::Value::Null));
        }
    }
    let id = pic.instance_id();
    for path in ["", "/"] {
        let answer = request(server.port(), "DELETE", &format!("/instances/{id}{path}"), b"");
        assert_eq!((answer.status, answer.body), (200, serde_json::Value::Null));
    }
    // Both handles have lost their gateway and their instance.
    pic.stop_live();
    other.stop_live();
    drop(pic);
}

#[test]
fn a_balance_ends_at_its_maximum_whatever_is_added() {
    let server = embedded_server();
    let pic = network(&server);
    let canister = install(&pic);
    for added in [u128::MAX, 1, u128::MAX] {
        assert_eq!(pic.add_cycles(canister, added), u128::MAX);
        assert_eq!(pic.cycle_balance(canister), u128::MAX);
    }
}

/// A module that takes a compiler a second or two. The engine keeps compiled modules on the disk, so no run gets
/// the module of another.
fn laborious() -> Vec<u8> {
    let count = 150;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let assignments: String = (0..count)
        .map(|local| {
            format!("(local.set {local} (i64.add (local.get {local}) (i64.const {})))", now >> 1)
        })
        .collect();
    let text = format!(
        "(module (func (local {}) {} {assignments} {}))",
        "i64 ".repeat(count),
        "(loop ".repeat(count),
        "(br_if 0 (i64.eqz (local.get 0))))".repeat(count)
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn an_instance_responds_while_a_module_is_compiled_for_its_next_round() {
    let server = embedded_server();
    let pic = network(&server);
    let canister = pic.create_canister();
    let path = format!("/instances/{}/read/get_time", pic.instance_id());
    in_one_of_ten(|| {
        let module = laborious();
        let started = Instant::now();
        let longest = std::thread::scope(|scope| {
            let installing = scope.spawn(|| pic.reinstall_canister(canister, module, vec![], None));
            let mut longest = Duration::ZERO;
            while !installing.is_finished() {
                let asked = Instant::now();
                assert_eq!(get(server.port(), &path).status, 200);
                longest = longest.max(asked.elapsed());
            }
            installing.join().unwrap().unwrap();
            longest
        });
        let all = started.elapsed();
        println!("{all:?} for the installation, {longest:?} for the slowest response");
        if longest < all / 4 { Ok(()) } else { Err(format!("{longest:?} of {all:?}")) }
    });
}

#[test]
fn a_refund_to_the_largest_possible_balance_does_no_harm() {
    let server = embedded_server();
    let pic = network(&server);
    let canister = install(&pic);
    let missing = u128::MAX - pic.cycle_balance(canister);
    assert_eq!(pic.add_cycles(canister, missing), u128::MAX);
    let message = pic.submit_call(canister, Principal::anonymous(), "count", vec![]).unwrap();
    let missing = u128::MAX - pic.cycle_balance(canister);
    pic.add_cycles(canister, missing);
    pic.await_call(message).unwrap();
    assert!(pic.cycle_balance(canister) > u128::MAX / 2);
}

#[test]
fn the_same_requests_give_the_same_ids_times_and_cycles() {
    let server = embedded_server();
    let run = || {
        let pic = network(&server);
        let canister = install(&pic);
        update(&pic, canister, "count");
        let submitted = pic.submit_call(canister, Principal::anonymous(), "count", vec![]).unwrap();
        pic.tick();
        let time = pic.get_time().as_nanos_since_unix_epoch();
        (pic.topology(), canister, submitted.message_id, time, pic.cycle_balance(canister))
    };
    assert_eq!(run(), run());
}

#[test]
fn under_the_mainnet_profile_a_round_lasts_half_a_second() {
    let config = ServerConfig { profile: NetworkProfile::MAINNET, ..ServerConfig::default() };
    let server = EmbeddedServer::start(config).unwrap();
    let pic = network(&server);
    let nanos = || pic.get_time().as_nanos_since_unix_epoch();
    let before = nanos();
    for _ in 0..3 {
        pic.tick();
    }
    assert_eq!(nanos() - before, 1_500_000_000);
}

#[test]
fn a_server_that_is_dropped_lets_go_of_its_port() {
    let server = embedded_server();
    let port = server.port();
    drop(server);
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("nobody listens there any more");
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let server = embedded_server();
    let config = ServerConfig { port: server.port(), ..ServerConfig::default() };
    let Err(error) = EmbeddedServer::start(config) else { panic!("two servers have one port") };
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn the_server_listens_on_the_loopback_interface_only() {
    let server = embedded_server();
    // All of 127.0.0.0/8 leads to this machine; a server on every interface would answer here.
    let elsewhere = (Ipv4Addr::new(127, 0, 0, 2), server.port());
    assert!(TcpStream::connect(elsewhere).is_err());
}

#[test]
fn a_blob_that_was_uploaded_can_be_fetched_by_its_name_and_no_other() {
    let server = embedded_server();
    let port = server.port();
    let exchange = |method: &str, path: &str, body: &[u8]| {
        let reply = test_support::http::exchange(port, method, path, "host: localhost\r\n", body);
        (reply.status, reply.text().into_owned())
    };
    let (_, name) = exchange("POST", "/blobstore", b"a blob");
    let fetched = exchange("GET", &format!("/blobstore/{name}"), b"");
    assert_eq!(fetched, (200, "a blob".into()));
    let other = name.replace(|digit: char| digit.is_ascii_digit(), "f");
    for (name, status) in [(other, 404), (name[1..].to_owned(), 400), ("blob".into(), 400)] {
        let (found, text) = exchange("GET", &format!("/blobstore/{name}"), b"");
        assert_eq!(found, status, "{name}");
        assert!(text.contains("message"), "{text}");
    }
}
