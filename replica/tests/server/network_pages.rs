//! The option `--pages` of the program: its gateways serve a page about their instance.

use crate::binary::BINARY;
use crate::http::get;
use pocket_ic::{PocketIc, PocketIcBuilder};
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use test_support::http::{HttpReply, exchange};
use test_support::patience::wait_until;
use test_support::{counter, nothing};

/// What the program logs about the page of a gateway, before the link.
const LOGGED: &str = "the page of this gateway's instance: ";

/// The program, killed if a test leaves it running, and what it has written to standard error.
struct Server {
    process: Child,
    port: u16,
    errors: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let port_file = folder.join("port");
        let mut server = Command::new(BINARY);
        server.arg("--port-file").arg(&port_file).args(arguments);
        let mut process = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = process.stderr.take().unwrap();
        let errors: Arc<Mutex<Vec<u8>>> = Arc::default();
        let written = errors.clone();
        let reader = std::thread::spawn(move || {
            let mut part = [0; 1_024];
            while let Ok(length @ 1..) = output.read(&mut part) {
                written.lock().unwrap().extend(&part[..length]);
            }
        });
        let mut port = None;
        wait_until("the server announces its port", || {
            let content = std::fs::read_to_string(&port_file).unwrap_or_default();
            port = content.strip_suffix('\n').map(|port| port.parse().unwrap());
            port.is_some()
        });
        Self { process, port: port.unwrap(), errors, reader: Some(reader) }
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.errors.lock().unwrap()).into_owned()
    }

    /// The token in the link to the page at this port, once the link is logged.
    fn token(&self, gateway: u16) -> String {
        let link = format!("{LOGGED}http://localhost:{gateway}/#token=");
        let mut token = None;
        wait_until("the link is logged", || {
            let said = self.said();
            let rest = said.split_once(&link).map(|(_, rest)| rest);
            token = rest.and_then(|rest| Some(rest.split_once('\n')?.0.trim().to_owned()));
            token.is_some()
        });
        token.unwrap()
    }

    /// An instance of this server with a counter, and the port of its gateway.
    fn instance(&self) -> (PocketIc, String, u16) {
        let url = format!("http://127.0.0.1:{}/", self.port).parse().unwrap();
        let builder = PocketIcBuilder::new().with_server_url(url).with_application_subnet();
        let mut pic = builder.build();
        let canister = pic.create_canister();
        pic.install_canister(canister, counter(), nothing(), None);
        let port = pic.make_live(None).port().unwrap();
        (pic, canister.to_text(), port)
    }

    /// Ends the program. Returns what it has written to standard error.
    fn end(mut self) -> String {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        self.said()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Counts with a call from the page.
fn count(port: u16, canister: &str, token: &str) -> HttpReply {
    let call = json!({
        "canister": canister, "method": "count", "arguments": "()", "sender": "2vxsx-fae", "query": false,
    });
    let lines = format!("host: localhost:{port}\r\nx-page-token: {token}\r\n");
    exchange(port, "POST", "/page/calls", &lines, call.to_string().as_bytes())
}

#[test]
fn the_program_serves_pages_at_gateways_with_the_option_and_prints_links_that_make_calls() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--pages"]);
    let instances = [server.instance(), server.instance()];
    let page = "host: localhost\r\n";
    let document = exchange(instances[0].2, "GET", "/", page, b"");
    assert!(document.text().contains("src=\"/page/main.js\""), "{}", document.text());
    for (number, (_, canister, port)) in instances.iter().enumerate() {
        let state = get(*port, "/page/state").body;
        // Each gateway shows its own instance.
        let ids: Vec<&Value> =
            state["canisters"].as_array().unwrap().iter().map(|canister| &canister["id"]).collect();
        assert_eq!(ids, [canister.as_str()], "instance {number}");
        let token = server.token(*port);
        let reply: Value = serde_json::from_slice(&count(*port, canister, &token).body).unwrap();
        assert!(reply["reply"].as_str().unwrap().starts_with("(1"), "{reply}");
        count(*port, canister, &token[1..]).assert_error(401, "token");
    }
    // The port of the server itself has no page.
    assert_eq!(exchange(server.port, "GET", "/", page, b"").status, 404);
    assert_eq!(get(server.port, "/page/state").status, 404);
    drop(instances);
    server.end();
}

#[test]
fn the_program_serves_no_page_at_gateways_without_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (pic, canister, port) = server.instance();
    for path in ["/", "/page/state", "/page/main.js", "/page/events"] {
        assert_eq!(get(port, path).status, 404, "{path}");
    }
    assert_eq!(count(port, &canister, "").status, 404);
    // It is a gateway nevertheless.
    assert_eq!(exchange(port, "GET", "/api/v2/status", "host: localhost\r\n", b"").status, 200);
    drop(pic);
    let said = server.end();
    assert!(!said.contains(LOGGED), "{said}");
}
