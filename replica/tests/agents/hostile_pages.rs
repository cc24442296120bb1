//! Requests of pages that want to use the page of a network: of other sites, and of canisters.

use crate::canister_pages::{installed, module};
use crate::identities::anonymous;
use crate::network::run;
use candid::Principal;
use embedded_replica::server::{EmbeddedServer, LiveConfig, LiveNetwork, ServerConfig};
use pocket_ic::PocketIc;
use std::io::{Read, Write};
use std::net::TcpStream;
use test_support::http::{exchange, send};
use test_support::nothing;
use test_support::servers::network_on;

/// Servers of the page of a network, each with a canister that has pages.
struct Servers {
    network: LiveNetwork,
    _server: EmbeddedServer,
    _pic: PocketIc,
    /// Ports, canisters and the token of the first.
    served: [(u16, Principal); 2],
    token: String,
}

impl Servers {
    fn start() -> Self {
        let network = LiveNetwork::start(LiveConfig::default()).unwrap();
        let website = run(async {
            let agent = crate::dfx::agent(&network, anonymous()).await;
            installed(&agent, &network, &module()).await
        });
        let server = EmbeddedServer::start(ServerConfig { pages: true, ..ServerConfig::default() });
        let server = server.unwrap();
        let mut pic = network_on(&server).with_application_subnet().build();
        let id = pic.create_canister();
        pic.install_canister(id, module(), nothing(), None);
        let gateway = pic.make_live(None).port().unwrap();
        let token = network.page_url().rsplit('=').next().unwrap().to_owned();
        let served = [(network.port(), website), (gateway, id)];
        Self { network, _server: server, _pic: pic, served, token }
    }
}

/// Words of the state of a network, of its document and of its scripts.
const CONTENT: [&str; 3] = ["\"subnets\"", "Live network", "EventSource"];

#[track_caller]
fn assert_nothing_of_the_page(reply: &str, what: &str) {
    for words in CONTENT {
        assert!(!reply.contains(words), "{what}: {reply}");
    }
}

/// Forms of the paths of the page.
fn paths(port: u16) -> Vec<String> {
    let mut paths: Vec<String> = [
        "/",
        "/page/state",
        "/page/main.js",
        "/page/connection.js",
        "/page/%73tate",
        "/%70age/state",
        "//page/state",
        "/./page/state",
        "/x/../page/state",
        "/page/../page/state",
        "/page%2fstate",
        "/page/state/",
        "/page/state;x",
        "/page/state%00",
        "/page/state%20",
        "/PAGE/STATE",
        "/page/state?x=/api/",
        "/page/state#/api/",
        "/api/../page/state",
        "/api/..%2fpage/state",
        "/api/v2/../../page/state",
        "/_/../page/state",
        "/page/canisters/aaaaa-aa/interface",
    ]
    .map(str::to_owned)
    .into();
    // The form of requests to proxies, with the server's own name.
    paths.extend(["/", "/page/state"].map(|path| format!("http://localhost:{port}{path}")));
    paths
}

#[test]
fn no_form_of_a_path_shows_the_page_at_the_name_of_a_canister_or_to_another_origin() {
    let servers = Servers::start();
    for (port, canister) in servers.served {
        let own = format!("localhost:{port}");
        for path in paths(port) {
            for lines in [
                format!("host: {canister}.localhost:{port}\r\n"),
                format!("host: {canister}.raw.localhost:{port}\r\nx-forwarded-host: {own}\r\n"),
                format!("host: {canister}.LOCALHOST.:{port}\r\nforwarded: host={own}\r\n"),
                format!("host: {canister}.localhost:{port}\r\nhost: {own}\r\n"),
                format!("host: x.localhost:{port}\r\n"),
                format!("host: evil.example@{own}\r\n"),
                format!("host: {own}\r\norigin: http://{canister}.localhost:{port}\r\n"),
                format!("host: {own}\r\norigin: null\r\n"),
                format!("host: {own}\r\nsec-fetch-site: same-site\r\nsec-fetch-mode: no-cors\r\n"),
            ] {
                for method in ["GET", "POST", "OPTIONS"] {
                    let reply = send(port, method, &path, &lines, b"");
                    let what = format!("{method} {path} {lines}");
                    assert_nothing_of_the_page(&String::from_utf8_lossy(&reply), &what);
                }
            }
        }
    }
}

#[test]
fn requests_without_a_path_get_an_error() {
    let servers = Servers::start();
    for (port, _) in servers.served {
        let host = format!("host: localhost:{port}\r\n");
        for (method, target) in [("OPTIONS", "*"), ("CONNECT", &*format!("localhost:{port}"))] {
            let reply = String::from_utf8(send(port, method, target, &host, b"")).unwrap();
            let status = reply.split(' ').nth(1).unwrap();
            assert!(status.starts_with('4'), "{method} {target}: {reply}");
            assert_nothing_of_the_page(&reply, method);
        }
    }
}

/// The bytes that a server sends to a connection on which a client sends `parts`, each after the response to the one
/// before has begun.
fn conversation(port: u16, parts: &[String]) -> String {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut replies = vec![0; 10];
    for (number, part) in parts.iter().enumerate() {
        // The server may have closed the connection.
        let _ = connection.write_all(part.as_bytes());
        if number == 0 {
            connection.read_exact(&mut replies).unwrap();
        }
    }
    let _ = connection.shutdown(std::net::Shutdown::Write);
    let _ = connection.read_to_end(&mut replies);
    String::from_utf8_lossy(&replies).into_owned()
}

#[test]
fn the_body_of_a_refused_request_is_never_a_request_of_its_own() {
    let servers = Servers::start();
    for (port, canister) in servers.served {
        let own = format!("localhost:{port}");
        let hidden = format!("GET /page/state HTTP/1.1\r\nhost: {own}\r\n\r\n");
        for (host, path) in [
            (own.clone(), "/page/calls"),
            (own.clone(), "/page/state"),
            (own.clone(), "/nothing"),
            (own.clone(), "/_/topology"),
            ("evil.example".into(), "/"),
            (format!("{canister}.localhost:{port}"), "/missing"),
            (format!("x.localhost:{port}"), "/"),
        ] {
            for length in [hidden.len(), hidden.len() + 100_000] {
                let head = format!(
                    "POST {path} HTTP/1.1\r\nhost: {host}\r\norigin: https://evil.example\r\n\
                     content-length: {length}\r\n\r\n"
                );
                let body = format!("{hidden}{}", "\n".repeat(length - hidden.len()));
                // At once, and after the response to the head.
                let at_once = vec![format!("{head}{body}")];
                let waits = host.contains(&canister.to_text());
                let late = if waits { at_once.clone() } else { vec![head.clone(), body] };
                for parts in [at_once, late] {
                    let replies = conversation(port, &parts);
                    let what = format!("{head}: {replies}");
                    assert_eq!(replies.matches("HTTP/1.1 ").count(), 1, "{what}");
                    assert_nothing_of_the_page(&replies, &what);
                }
            }
        }
    }
}

#[test]
fn large_bodies_are_refused_and_without_the_token_before_they_are_read() {
    let servers = Servers::start();
    let port = servers.network.port();
    let host = format!("host: localhost:{port}\r\n");
    // Nobody waits for a body that need not be read.
    let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head =
        format!("POST /page/calls HTTP/1.1\r\n{host}content-length: 1000000000000\r\n\r\n{{");
    connection.write_all(head.as_bytes()).unwrap();
    let mut begin = vec![0; 12];
    connection.read_exact(&mut begin).unwrap();
    assert_eq!(String::from_utf8(begin).unwrap(), "HTTP/1.1 401");
    let token = format!("{host}x-page-token: {}\r\n", servers.token);
    let large = vec![b' '; 2_200_000];
    exchange(port, "POST", "/page/calls", &token, &large).assert_error(413, "cannot be read");
}
