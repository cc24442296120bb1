//! The program as a process among others: standard streams, the port file, signals, and its end.

use crate::binary::{BINARY, ServerProcess, run};
use crate::http::{get, instance};
use crate::instances::keep_busy;
use candid::Principal;
use pocket_ic::{PocketIc, PocketIcBuilder};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use test_support::http::exchange;
use test_support::patience::{in_one_of_ten, wait_until};
use test_support::servers::embedded_server;

/// Prints a hundred lines of a thousand bytes in each call.
const PRINTER: &str = r#"(module
    (import "ic0" "debug_print" (func $print (param i32 i32)))
    (import "ic0" "msg_reply" (func $reply))
    (memory 1)
    (func (export "canister_update print") (local $left i32)
        (memory.fill (i32.const 0) (i32.const 97) (i32.const 1000))
        (local.set $left (i32.const 100))
        (loop $more
            (call $print (i32.const 0) (i32.const 1000))
            (br_if $more
                (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (call $reply)))"#;

/// A network on a server at this port.
fn network(port: u16) -> PocketIc {
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    PocketIcBuilder::new().with_server_url(url).with_application_subnet().build()
}

fn print(port: u16) {
    let pic = network(port);
    let canister = pic.create_canister();
    pic.install_canister(canister, wat::parse_str(PRINTER).unwrap(), vec![], None);
    for _ in 0..3 {
        pic.update_call(canister, Principal::anonymous(), "print", vec![]).unwrap();
    }
}

/// Starts a server with these streams.
fn start(port_file: &Path, stdout: Stdio, stderr: Stdio) -> ServerProcess {
    let mut command = Command::new(BINARY);
    command.arg("--port-file").arg(port_file).stdout(stdout).stderr(stderr);
    ServerProcess { process: command.spawn().unwrap(), port_file: port_file.to_owned() }
}

#[test]
fn a_canister_that_prints_waits_for_no_reader_of_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(&folder.path().join("port"), Stdio::null(), Stdio::piped());
    let unread = server.process.stderr.take();
    print(server.port());
    drop(unread);
    print(server.port());
}

#[test]
fn a_reader_of_standard_error_gets_all_that_canisters_print() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(&folder.path().join("port"), Stdio::null(), Stdio::piped());
    let mut stderr = server.process.stderr.take().unwrap();
    // The server waits for a reader half a second only, so the reader reads all the time.
    let reader = std::thread::spawn(move || {
        let mut printed = String::new();
        stderr.read_to_string(&mut printed).map(|_| printed)
    });
    print(server.port());
    server.signal("-TERM");
    let printed = reader.join().unwrap().unwrap();
    let lines = printed.lines().filter(|line| line.contains(&"a".repeat(1_000)));
    assert_eq!(lines.count(), 300);
    assert!(server.ended_well());
}

#[cfg(target_os = "linux")]
#[test]
fn streams_that_cannot_be_written_to_harm_no_server_and_a_version_that_is_not_printed_is_an_error()
{
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(&folder.path().join("port"), full(), full());
    print(server.port());
    server.signal("-TERM");
    assert!(server.ended_well());

    let version = Command::new(BINARY).arg("--version").stdout(full()).output().unwrap();
    assert_eq!(version.status.code(), Some(1));
    let error = String::from_utf8(version.stderr).unwrap();
    assert!(error.contains("standard output") && !error.contains("panicked"), "{error}");

    let mut serve = Command::new(BINARY);
    serve.args(["serve", "--port", "0"]).stdout(full()).stderr(full());
    let mut network = serve.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(network.try_wait().unwrap(), None, "it runs");
    network.kill().unwrap();
    network.wait().unwrap();
}

/// The error of a server that cannot have this port file.
fn refused(path: &Path) -> String {
    let output = run(&["--port-file", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", path.display());
    String::from_utf8(output.stderr).unwrap()
}

#[cfg(unix)]
#[test]
fn a_port_file_that_is_no_regular_file_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let dangling = folder.path().join("dangling");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &dangling).unwrap();
    for path in [folder.path(), Path::new("/dev/null"), &dangling] {
        let error = refused(path);
        assert!(error.contains("not a regular file"), "{error}");
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
    assert!(fs::symlink_metadata(dangling).is_ok(), "the link is still there");
}

#[cfg(unix)]
#[test]
fn a_file_with_other_content_than_a_port_is_no_port_file_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("text", "[package]\n"), ("number", "123456"), ("long", "1234567890")] {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let error = refused(&path);
        assert!(error.contains("choose another --port-file"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[cfg(unix)]
#[test]
fn a_port_file_that_a_killed_server_has_left_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("port");
    let mut killed = ServerProcess::start(&path, &[]);
    let before = killed.port();
    killed.process.kill().unwrap();
    killed.process.wait().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}\n"));
    let mut next = ServerProcess::start(&path, &[]);
    wait_until("it writes its port", || {
        assert_eq!(next.process.try_wait().unwrap(), None, "it ends");
        fs::read_to_string(&path).unwrap() != format!("{before}\n")
    });
    instance(next.port());
}

#[cfg(unix)]
#[test]
fn a_port_file_of_a_server_of_another_kind_that_runs_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("port");
    // It has no lock on the file.
    let other = embedded_server();
    let content = format!("{}\n", other.port());
    fs::write(&path, &content).unwrap();
    assert!(ServerProcess::start(&path, &[]).ended_well());
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
}

#[cfg(unix)]
#[test]
fn a_server_removes_no_port_file_but_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("port");
    let mut server = ServerProcess::start(&path, &[]);
    server.port();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "1234\n").unwrap();
    server.signal("-TERM");
    assert!(server.ended_well());
    assert_eq!(fs::read_to_string(&path).unwrap(), "1234\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_under_nohup_outlives_its_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("port");
    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" --port-file \"$1\"", BINARY]).arg(&path);
    nohup.stdout(Stdio::null()).stderr(Stdio::null());
    let server = ServerProcess { process: nohup.spawn().unwrap(), port_file: path };
    let port = server.port();
    server.signal("-HUP");
    std::thread::sleep(Duration::from_millis(300));
    instance(port);
}

#[cfg(unix)]
#[test]
fn a_signal_lets_open_requests_get_their_responses() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::start(&folder.path().join("port"), &[]);
    let port = server.port();
    let pic = network(port);
    let busy = keep_busy(port, &pic);
    let path = format!("/instances/{}/read/get_time", pic.instance_id());
    let head = format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n");
    let open: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
            connection.write_all(head.as_bytes()).unwrap();
            connection
        })
        .collect();
    server.signal("-TERM");
    for mut connection in open {
        let mut response = String::new();
        connection.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    }
    assert!(busy.join().unwrap().starts_with(b"HTTP/1.1 200"));
    assert!(server.ended_well());
    std::mem::forget(pic);
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_a_server_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("port");
    let mut server = ServerProcess::start(&path, &[]);
    let port = server.port();
    // The body never comes.
    let mut open = TcpStream::connect(("127.0.0.1", port)).unwrap();
    open.write_all(b"POST /blobstore HTTP/1.1\r\ncontent-length: 9\r\n\r\n").unwrap();
    while get(port, "/instances").status != 200 {}
    server.signal("-TERM");
    while path.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    wait_until("it ends", || {
        server.signal("-TERM");
        server.process.try_wait().unwrap().is_some()
    });
    assert!(!server.process.wait().unwrap().success(), "it has waited for the body");
}

#[test]
fn a_download_that_lasts_longer_than_the_time_to_live_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let blob = vec![7; 64 << 20];
    // On a busy machine, the test may leave the server alone for a second before the download begins.
    let (mut server, mut download) = in_one_of_ten(|| {
        let mut server = ServerProcess::start(&folder.path().join("port"), &["--ttl", "1"]);
        let port = server.port_if_it_runs().ok_or("it has ended before it was used")?;
        let failed = |error: std::io::Error| error.to_string();
        TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
        let id = exchange(port, "POST", "/blobstore", "host: localhost\r\n", &blob);
        assert_eq!(id.status, 200);
        let mut download = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
        let id = id.text();
        let head = format!("GET /blobstore/{id} HTTP/1.1\r\nconnection: close\r\n\r\n");
        download.write_all(head.as_bytes()).map_err(failed)?;
        download.read_exact(&mut vec![0; 1 << 20]).map_err(failed)?;
        Ok((server, download))
    });
    let mut received = vec![0; 1 << 20];
    std::thread::sleep(Duration::from_millis(2_500));
    download.read_to_end(&mut received).unwrap();
    assert!(received.len() > blob.len(), "{} bytes", received.len());
    assert!(server.ended_well());
}
