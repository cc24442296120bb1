//! The server binary, as the `pocket-ic` crate starts it.

use crate::http::instance;
use crate::instances::keep_busy;
use pocket_ic::PocketIcBuilder;
use std::ffi::OsStr;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use test_support::http::{exchange, send};
use test_support::patience::{in_one_of_ten, wait_until};

pub const BINARY: &str = env!("CARGO_BIN_EXE_embedded-replica");

pub fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().unwrap()
}

/// A server process with a port file, killed if a test leaves it running.
pub struct ServerProcess {
    pub process: Child,
    pub port_file: PathBuf,
}

impl ServerProcess {
    pub fn start(port_file: &Path, arguments: &[&str]) -> Self {
        Self::start_with(port_file, arguments, &[])
    }

    /// Starts a server with these environment variables.
    pub fn start_with(
        port_file: &Path,
        arguments: &[&str],
        environment: &[(&str, &OsStr)],
    ) -> Self {
        let process = Command::new(BINARY)
            .envs(environment.iter().copied())
            .arg("--port-file")
            .arg(port_file)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, port_file: port_file.to_owned() }
    }

    /// The port, once it is announced: with a line end, as clients wait for it.
    pub fn port(&self) -> u16 {
        let mut port = None;
        wait_until("the server announces its port", || {
            port = self.announced();
            port.is_some()
        });
        port.unwrap()
    }

    /// The port, once it is announced. `None` if the server ends before.
    pub fn port_if_it_runs(&mut self) -> Option<u16> {
        let mut port = None;
        wait_until("the server announces its port or ends", || {
            port = self.announced();
            port.is_some() || self.process.try_wait().unwrap().is_some()
        });
        port
    }

    fn announced(&self) -> Option<u16> {
        let content = std::fs::read_to_string(&self.port_file).unwrap_or_default();
        Some(content.strip_suffix('\n')?.parse().unwrap())
    }

    /// Waits until it has ended, and returns whether it ended well.
    pub fn ended_well(&mut self) -> bool {
        wait_until("the server ends", || self.process.try_wait().unwrap().is_some());
        self.process.wait().unwrap().success()
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_version_line_is_the_one_that_clients_check() {
    let output = run(&["--version"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "pocket-ic-server 16.1.0\n");
}

#[cfg(unix)]
#[test]
fn the_version_in_the_name_of_a_link_is_the_version_that_the_program_prints() {
    let folder = tempfile::tempdir().unwrap();
    for (name, version) in [
        ("pocket-ic-server-13.0.0", "13.0.0"),
        ("pocket-ic-10.2.3", "10.2.3"),
        // Clients of version 9 would start the program, but could not use it.
        ("pocket-ic-9.0.3", "16.1.0"),
        ("pocket-ic-server", "16.1.0"),
        ("pocket-ic-server-13", "16.1.0"),
        ("pocket-ic-server-13.0.x", "16.1.0"),
        ("pocket-ic-server-13.0.0.1", "16.1.0"),
        ("replica-13.0.0", "16.1.0"),
    ] {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink(BINARY, &link).unwrap();
        let output = Command::new(&link).arg("--version").output().unwrap();
        assert!(output.status.success(), "{name}");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, format!("pocket-ic-server {version}\n"), "{name}");
    }
}

#[test]
fn the_help_says_that_the_server_is_not_pocketic_and_names_every_option() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    assert!(help.contains("not DFINITY's PocketIC server"), "{help}");
    for option in [
        "--ip-addr",
        "--port",
        "--port-file",
        "--ttl",
        "--hard-ttl",
        "--log-levels",
        "--domain",
        "--allow-outcalls",
        "--profile",
        "--version",
    ] {
        assert!(help.contains(option), "{option} is missing in {help}");
    }
}

#[test]
fn wrong_arguments_are_refused_with_exit_code_2() {
    for arguments in [
        &["--ttl", "soon"][..],
        &["--no-such"],
        &["--profile", "moon"],
        &["--ip-addr", "here"],
        &["--log-levels", "loud=very"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn the_client_starts_the_server_and_uses_it() {
    let pic = PocketIcBuilder::new()
        .with_server_binary(BINARY.into())
        .with_application_subnet()
        .with_application_subnet()
        .build();
    let canister = pic.create_canister();
    assert_eq!(pic.cycle_balance(canister), 100_000_000_000_000);
    assert_eq!(pic.topology().get_app_subnets().len(), 2);
}

#[test]
fn the_server_logs_at_the_level_on_its_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let port_file = folder.path().join("port");
    let logged = |levels: &[&str]| {
        let path = port_file.to_str().unwrap();
        let output = run(&[&["--ttl", "0", "--port-file", path], levels].concat());
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(logged(&[]), "");
    let levels = ["--log-levels", "warn,embedded_replica=debug"];
    assert!(logged(&levels).contains("listening on"), "{}", logged(&levels));
}

// Elsewhere the loopback interface has one address.
#[cfg(target_os = "linux")]
#[test]
fn the_server_listens_at_the_address_on_its_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--ip-addr", "127.0.0.2"];
    let server = ServerProcess::start(&folder.path().join("port"), &arguments);
    let port = server.port();
    assert!(std::net::TcpStream::connect(("127.0.0.2", port)).is_ok());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn the_server_is_reached_by_the_domains_on_its_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--domain", "one.test", "--domain", "other.test"];
    let server = ServerProcess::start(&folder.path().join("port"), &arguments);
    for (name, status) in [("one.test", 200), ("other.test", 200), ("third.test", 403)] {
        let host = format!("host: {name}\r\n");
        let reply = exchange(server.port(), "GET", "/instances", &host, b"");
        assert_eq!(reply.status, status, "{name}: {reply:?}");
    }
}

#[test]
fn a_second_server_with_the_same_port_file_leaves_the_first_alone() {
    let folder = tempfile::tempdir().unwrap();
    let port_file = folder.path().join("port");
    let first = ServerProcess::start(&port_file, &[]);
    let port = first.port();
    let mut second = ServerProcess::start(&port_file, &[]);
    assert!(second.ended_well());
    assert_eq!(first.port(), port);
    instance(port);
}

#[cfg(unix)]
#[test]
fn the_server_removes_its_port_file_when_a_signal_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let ignored = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    // A process inherits that SIGHUP, the first signal, is ignored, for example from `nohup`.
    let hangup = mask.is_some_and(|mask| mask & 1 == 0).then_some("-HUP");
    for signal in ["-TERM", "-INT", "-QUIT"].into_iter().chain(hangup) {
        let port_file = folder.path().join(signal);
        let mut server = ServerProcess::start(&port_file, &[]);
        instance(server.port());
        server.signal(signal);
        assert!(server.ended_well(), "{signal}");
        assert!(!port_file.exists(), "{signal}");
    }
}

#[cfg(unix)]
#[test]
fn the_server_removes_its_port_file_before_it_closes_the_port_while_an_instance_executes() {
    let folder = tempfile::tempdir().unwrap();
    let port_file = folder.path().join("port");
    let mut server = ServerProcess::start(&port_file, &[]);
    let port = server.port();
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let pic = PocketIcBuilder::new().with_server_url(url).with_application_subnet().build();
    // The end of the server cuts off the connection, so there may be no reply.
    let busy = keep_busy(port, &pic);
    server.signal("-TERM");
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(!port_file.exists(), "clients would find a port at which nobody listens");
    assert!(server.ended_well());
    busy.join().unwrap();
    std::mem::forget(pic);
}

#[test]
fn the_server_ends_by_itself_when_nobody_uses_it() {
    let folder = tempfile::tempdir().unwrap();
    let port_file = folder.path().join("port");
    // On a busy machine, the test may leave the server alone for two seconds.
    let mut server = in_one_of_ten(|| {
        let mut server = ServerProcess::start(&port_file, &["--ttl", "2"]);
        let port = server.port_if_it_runs().ok_or("it has ended before it was used")?;
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(2_500) {
            TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
            if !send(port, "GET", "/instances", "", b"").starts_with(b"HTTP/1.1 200") {
                return Err("it has ended while it was used".to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    });
    assert!(server.ended_well());
    assert!(!port_file.exists());
}

#[test]
fn the_server_ends_at_its_hard_time_limit_even_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::start(&folder.path().join("port"), &["--hard-ttl", "1"]);
    let port = server.port_if_it_runs();
    wait_until("it ends", || {
        // It may end in the middle of a request, so use it without looking at the answer.
        port.iter().for_each(|port| drop(TcpStream::connect(("127.0.0.1", *port))));
        server.process.try_wait().unwrap().is_some()
    });
    assert!(server.ended_well());
}

#[test]
fn a_port_file_that_cannot_be_created_is_an_error() {
    let output = run(&["--port-file", "/no/such/folder/port"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("/no/such/folder/port"), "{error}");
}
