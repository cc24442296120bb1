//! The program as a live network: started by a user, and started by `icp network start`.

use crate::binary::{BINARY, run};
use crate::http::request;
use embedded_replica::limits::PAGE_TOKEN_BYTES;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use test_support::http::exchange;
use test_support::patience::wait_until;

/// The replica as a network, killed if a test leaves it running.
struct Network {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Network {
    fn start(arguments: &[&str]) -> Self {
        let mut process =
            Command::new(BINARY).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// What it says until it waits.
    fn description(&mut self) -> String {
        let mut text = String::new();
        while !text.contains("parallel_calls") {
            assert!(self.output.read_line(&mut text).unwrap() > 0, "it ends with {text}");
        }
        text
    }

    /// Sends a signal, and returns whether it then ends well.
    #[cfg(unix)]
    fn ends_well_on(&mut self, signal: &str) -> bool {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        wait_until("it ends", || self.process.try_wait().unwrap().is_some());
        self.process.wait().unwrap().success()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What stands behind a name at the beginning of a line.
fn value<'a>(description: &'a str, name: &str) -> &'a str {
    let line = description.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {description}")).trim()
}

fn port(url: &str) -> u16 {
    url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap()
}

fn error(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The root key of the network `live` in the workspace's `icp.yaml`.
fn committed_root_key() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../icp.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("root-key:"));
    line.unwrap().trim().to_owned()
}

#[test]
fn a_live_network_prints_its_address_and_has_the_committed_root_key() {
    for subnets in [&[][..], &["--subnet", "system", "--subnet", "fiduciary"]] {
        let mut network = Network::start(&[&["serve", "--port", "0"], subnets].concat());
        let description = network.description();
        assert_eq!(value(&description, "root key"), committed_root_key());
        let status = request(port(value(&description, "URL")), "GET", "/moon", b"");
        assert_eq!(status.status, 404);
        let link = value(&description, "page");
        let (page, token) = link.split_once("/#token=").unwrap();
        assert_eq!(page, format!("http://localhost:{}", port(value(&description, "URL"))));
        assert_eq!(token.len(), 2 * PAGE_TOKEN_BYTES);
        let page = exchange(port(page), "GET", "/", "host: localhost\r\n", b"");
        assert_eq!(page.status, 200);
        assert!(status.message().contains("/api"), "{}", status.body);
        let kinds = |kind| description.lines().filter(|line| line.ends_with(kind)).count();
        assert_eq!(kinds("  nns") + kinds("  ii"), 2, "{description}");
        let application = if subnets.is_empty() { 2 } else { 0 };
        assert_eq!(kinds("  application"), application, "{description}");
        assert_eq!(kinds("  system") + kinds("  fiduciary"), 2 - application, "{description}");
    }
}

#[test]
fn the_help_of_serve_says_that_ledgers_are_fake_and_keys_are_public() {
    let help = String::from_utf8(run(&["serve", "--help"]).stdout).unwrap();
    for text in ["Fake canisters", "known to everybody", "--subnet", "--port", "--profile"] {
        assert!(help.contains(text), "{text} is missing in {help}");
    }
    for option in ["--ip-addr", "--domain", "--allow-outcalls", "--state"] {
        assert!(help.contains(option), "{option} is missing in {help}");
    }
}

#[test]
fn a_live_network_accepts_the_host_names_on_its_command_line() {
    let arguments = ["serve", "--port", "0", "--domain", "one.test", "--domain", "other.test"];
    let mut network = Network::start(&arguments);
    let port = port(value(&network.description(), "URL"));
    for (name, status) in [("one.test", 200), ("a.other.test", 200), ("third.test", 403)] {
        let host = format!("host: {name}\r\n");
        let reply = exchange(port, "GET", "/api/v2/status", &host, b"");
        assert_eq!(reply.status, status, "{name}: {reply:?}");
    }
    let scheme = error(&run(&["serve", "--port", "0", "--domain", "http://one.test"]));
    assert!(scheme.contains("without scheme"), "{scheme}");
}

// Elsewhere the loopback interface has one address.
#[cfg(target_os = "linux")]
#[test]
fn a_live_network_listens_at_the_address_on_its_command_line() {
    let mut network = Network::start(&["serve", "--port", "0", "--ip-addr", "127.0.0.2"]);
    let description = network.description();
    let url = value(&description, "URL");
    assert!(url.starts_with("http://127.0.0.2:"), "{url}");
    assert!(std::net::TcpStream::connect(("127.0.0.2", port(url))).is_ok());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port(url))).is_err());
}

#[cfg(unix)]
#[test]
fn a_live_network_ends_without_an_error_on_a_signal() {
    for signal in ["-INT", "-TERM"] {
        let mut network = Network::start(&["serve", "--port", "0"]);
        let port = port(value(&network.description(), "URL"));
        assert!(network.ends_well_on(signal));
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}

#[test]
fn a_port_that_is_taken_and_subnets_it_cannot_have_are_errors_that_say_what_to_do() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let message = error(&run(&["serve", "--port", &port]));
    assert!(message.contains(&port) && message.contains("choose another port"), "{message}");
    let bitcoin = error(&run(&["serve", "--port", "0", "--subnet", "bitcoin"]));
    assert!(bitcoin.contains("no bitcoin subnet"), "{bitcoin}");
    let moon = error(&run(&["serve", "--subnet", "moon"]));
    assert!(moon.contains("verified-application"), "{moon}");
    let twice = error(&run(&["serve", "--port", "0", "--subnet", "sns", "--subnet", "sns"]));
    assert!(twice.contains("only one"), "{twice}");
}

/// The arguments that `icp` 1.5 has for its launcher in any case.
fn launch<'a>(status: &'a str, state: &'a str) -> Vec<&'a str> {
    let contract = ["--interface-version", "1.1.0", "--state-dir", state, "--bind", "127.0.0.1"];
    [&contract[..], &["--status-dir", status, "--domain=localhost"]].concat()
}

#[cfg(unix)]
#[test]
fn the_launcher_writes_its_status_once_it_listens_and_ends_on_an_interrupt() {
    let folder = tempfile::tempdir().unwrap();
    let [status, state] = ["status", "state"].map(|name| folder.path().join(name));
    let [status_text, state_text] = [&status, &state].map(|path| path.to_str().unwrap());
    let options =
        ["--verbose", "--artificial-delay-ms=1", "--subnet=application", "--subnet=system"];
    let mut network = Network::start(&[&launch(status_text, state_text)[..], &options].concat());
    let file = status.join("status.json");
    wait_until("there is a status", || file.exists());
    let line = std::fs::read_to_string(file).unwrap();
    // Written as a whole: there is no moment in which the line end is missing.
    let report: Value = serde_json::from_str(line.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(report["v"], "1");
    assert_eq!(report["root_key"], committed_root_key());
    let port = u16::try_from(report["gateway_port"].as_u64().unwrap()).unwrap();
    assert_eq!(request(port, "GET", "/moon", b"").status, 404, "it listens");
    assert!(network.ends_well_on("-INT"));
    let mut printed = String::new();
    network.output.read_to_string(&mut printed).unwrap();
    assert_eq!(printed, "");
}

#[test]
fn the_launcher_refuses_a_feature_that_the_replica_lacks_and_names_the_feature() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let refused = |more: &[&str]| error(&run(&[&launch(folder, folder)[..], more].concat()));
    for (option, name) in [
        ("--ii", "Internet Identity"),
        ("--nns", "NNS canisters"),
        ("--bitcoind-addr=127.0.0.1:18444", "bitcoin"),
        ("--dogecoind-addr=127.0.0.1:18444", "dogecoin"),
        ("--subnet=bitcoin", "no bitcoin subnet"),
        ("--subnet=moon", "'moon' is not a kind"),
    ] {
        let message = refused(&[option]);
        assert!(message.contains(name), "{message}");
    }
    let newer = error(&run(&["--interface-version=2.0.0", "--status-dir", folder]));
    assert!(newer.contains("version 1"), "{newer}");
}
