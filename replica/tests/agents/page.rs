//! The page of a network: who may use it, and what it is told.

use crate::dfx::{agent, create, install};
use crate::identities::ed25519;
use crate::network::run;
use candid::Principal;
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{EmbeddedServer, LiveConfig, LiveNetwork, ServerConfig};
use ic_utils::interfaces::management_canister::builders::CanisterInstallMode;
use pocket_ic::{CanisterSettings, EnvironmentVariable};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use test_support::counter;
use test_support::http::{HttpReply, exchange};
use test_support::servers::network_on;

/// Paths that every page reads, and what they are.
const DATA: [&str; 2] = ["/page/state", "/page/moon.js"];

/// A network that has another name, too.
fn network() -> LiveNetwork {
    let domains = vec!["net.test".into()];
    LiveNetwork::start(LiveConfig { domains, ..LiveConfig::default() }).unwrap()
}

fn get(port: u16, path: &str, lines: &str) -> HttpReply {
    exchange(port, "GET", path, lines, b"")
}

fn token(link: &str) -> &str {
    link.split_once("/#token=").unwrap().1
}

#[test]
fn the_page_and_its_data_are_served_with_headers_that_protect_them() {
    let network = network();
    for host in ["localhost", "127.0.0.1", "10.0.0.7", "[::1]", "NET.test"] {
        let host = format!("host: {host}:{}\r\n", network.port());
        let page = get(network.port(), "/", &host);
        assert_eq!(page.status, 200, "{}", page.text());
        let state = get(network.port(), "/page/state", &host);
        let state: Value = serde_json::from_slice(&state.body).unwrap();
        assert_eq!(state["profile"], "pocket-ic");
        assert_eq!(state["subnets"].as_array().unwrap().len(), 3);
        // The registry.
        let canisters = state["canisters"].as_array().unwrap();
        let fake =
            canisters.iter().find(|canister| canister["id"] == "rwlgt-iiaaa-aaaaa-aaaaa-cai");
        assert_eq!(fake.unwrap()["fake"], true, "{state}");
    }
    for path in ["/", DATA[0], "/page/main.js"] {
        let reply = get(network.port(), path, "host: localhost\r\n");
        assert_eq!(reply.status, 200, "{path}");
        assert!(!reply.allows_every_origin(), "{path}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'",
            "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
            "cross-origin-opener-policy: same-origin",
        ] {
            assert!(reply.head.contains(header), "{path}: {header} is not in {}", reply.head);
        }
        // Browsers may keep the files of the page, if they ask whether they have changed.
        let cached = if path == DATA[0] { "no-store" } else { "no-cache" };
        assert!(reply.head.contains(&format!("cache-control: {cached}\r\n")), "{}", reply.head);
    }
}

#[test]
fn other_hosts_and_the_subdomains_of_canisters_get_nothing_of_the_page() {
    let network = network();
    for host in ["", "evil.example", "net.test.evil.example", "localhost.evil.example", "a b"] {
        for path in ["/", DATA[0], DATA[1]] {
            let reply = get(network.port(), path, &format!("host: {host}\r\n"));
            assert_eq!(reply.status, 403, "{host} {path}: {}", reply.text());
        }
    }
    // Pages of canisters, which anybody may have written.
    let canister = network.default_effective_canister();
    for host in [format!("{canister}.localhost"), "x.localhost".into(), "x.net.test".into()] {
        for path in ["/", DATA[0], "/page/events"] {
            let reply = get(network.port(), path, &format!("host: {host}\r\n"));
            assert_ne!(reply.status, 200, "{host} {path}");
            assert!(!reply.text().contains("subnets"), "{host} {path}: {}", reply.text());
        }
    }
    get(network.port(), DATA[0], "").assert_error(403, "Host");
    get(network.port(), DATA[0], "host: localhost\r\nhost: localhost\r\n")
        .assert_error(403, "Host");
}

#[test]
fn pages_of_other_origins_and_sites_get_nothing_of_the_page() {
    let network = network();
    let port = network.port();
    let own = |lines: &str| format!("host: localhost:{port}\r\n{lines}\r\n");
    let same = format!("origin: http://localhost:{port}");
    for lines in [&same[..], "sec-fetch-site: same-origin", "sec-fetch-site: none"] {
        assert_eq!(get(port, DATA[0], &own(lines)).status, 200, "{lines}");
    }
    for origin in [
        "https://example.com",
        "null",
        "http://localhost",
        "http://localhost:1",
        "http://x.localhost",
        "file://localhost",
        "localhost",
    ] {
        for path in ["/", DATA[0], DATA[1], "/page/events"] {
            let reply = get(port, path, &own(&format!("origin: {origin}")));
            reply.assert_error(403, "other origins");
        }
    }
    for site in ["cross-site", "same-site", "moon"] {
        for path in ["/", DATA[0], DATA[1], "/page/events"] {
            get(port, path, &own(&format!("sec-fetch-site: {site}")))
                .assert_error(403, "other sites");
        }
    }
    // A link opens the page; a frame, a script or a request does not.
    let link = "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document";
    assert_eq!(get(port, "/", &own(link)).status, 200);
    assert_eq!(get(port, DATA[0], &own(link)).status, 403);
    let frame = link.replace("document", "iframe");
    assert_eq!(get(port, "/", &own(&frame)).status, 403);
}

#[test]
fn what_changes_something_needs_the_token_of_the_link() {
    let [network, other] = [network(), network()];
    let post = |lines: &str| {
        let lines = format!("host: localhost\r\n{lines}");
        exchange(network.port(), "POST", DATA[0], &lines, b"{}")
    };
    let (own, foreign) = (network.page_url(), other.page_url());
    let (own, foreign) = (token(&own), token(&foreign));
    assert_ne!(own, foreign);
    for wrong in [foreign, "", &own[1..], &format!("{own}0")] {
        post(&format!("x-page-token: {wrong}\r\n")).assert_error(401, "token");
    }
    post("").assert_error(401, "token");
    post(&format!("x-page-token: {own}\r\nx-page-token: {own}\r\n")).assert_error(401, "token");
    // With the token, only the method is wrong.
    assert_eq!(post(&format!("x-page-token: {own}\r\n")).status, 405);
}

#[test]
fn every_route_of_the_page_refuses_others_even_with_the_token() {
    let network = network();
    let port = network.port();
    let url = network.page_url();
    let token = format!("x-page-token: {}\r\n", token(&url));
    let canister = network.default_effective_canister();
    let interface = format!("/page/canisters/{canister}/interface");
    let gets = ["/", DATA[0], DATA[1], "/page/events", &interface[..]].map(|path| ("GET", path));
    for (method, path) in gets.into_iter().chain([("POST", "/page/calls")]) {
        let send = |lines: &str| exchange(port, method, path, &format!("{token}{lines}"), b"{}");
        send("host: evil.example\r\n").assert_error(403, "evil.example");
        for (lines, reason) in [
            ("host: localhost\r\norigin: https://example.com\r\n", "other origins"),
            ("host: localhost\r\norigin: null\r\n", "other origins"),
            ("host: localhost\r\nsec-fetch-site: cross-site\r\n", "other sites"),
            ("host: localhost\r\nsec-fetch-site: same-site\r\n", "other sites"),
            ("host: localhost\r\nembedded-replica-outcall: 1\r\n", "outcalls"),
        ] {
            let reply = send(lines);
            reply.assert_error(403, reason);
            assert!(reply.head.contains("cache-control: no-store\r\n"), "{path}: {}", reply.head);
        }
    }
    // Calls need the token, and with the token only their body is wrong.
    let call = |lines: &str| exchange(port, "POST", "/page/calls", lines, b"{}");
    call("host: localhost\r\n").assert_error(401, "token");
    assert!((400..=422).contains(&call(&format!("host: localhost\r\n{token}")).status));
    let none = get(port, &interface, "host: localhost\r\n");
    none.assert_error(404, "canister");
    assert!(none.head.contains("cache-control: no-store\r\n"), "{}", none.head);
}

#[test]
fn outcalls_of_canisters_get_nothing_of_the_page() {
    let network = network();
    let url = network.page_url();
    let lines = format!(
        "host: localhost\r\nx-page-token: {}\r\nembedded-replica-outcall: 1\r\n",
        token(&url)
    );
    for path in ["/", DATA[0], "/page/events"] {
        get(network.port(), path, &lines).assert_error(403, "outcalls");
    }
    let api = get(network.port(), "/api/v2/status", &lines);
    assert_eq!(api.status, 200);
}

/// The events of a page, as they come.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(port: u16) -> Self {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!("GET /page/events HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n");
        connection.write_all(head.as_bytes()).unwrap();
        Self(BufReader::new(connection))
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        assert!(self.0.read_until(b'\n', &mut line).unwrap() > 0, "the events have ended");
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// The data of the next event with this name that `is_it`.
    fn next(&mut self, name: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let head = format!("event: {name}");
        loop {
            while self.line() != head {}
            let line = self.line();
            let data = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
            if is_it(&data) {
                return data;
            }
        }
    }
}

fn any(_: &Value) -> bool {
    true
}

#[test]
fn an_open_page_is_told_of_calls_and_canisters_as_they_come_and_a_later_one_of_the_past() {
    let network = network();
    let mut events = Events::open(network.port());
    let before = events.next("state", any);
    let id = run(async {
        let agent = agent(&network, ed25519(1)).await;
        let id = create(&agent, network.default_effective_canister().principal()).await;
        install(&agent, id, &counter(), CanisterInstallMode::Install).await;
        crate::calls::update(&agent, id, "count").await.unwrap();
        id.to_text()
    });
    let is_count = |call: &&Value| call["method"] == "count" && call["outcome"] == "replied";
    let has_count =
        |data: &Value| data["calls"].as_array().unwrap().iter().any(|call| is_count(&call));
    let find =
        |data: &Value| data["calls"].as_array().unwrap().iter().find(is_count).unwrap().clone();
    let call = find(&events.next("calls", has_count));
    assert_eq!((&call["callee"], &call["ingress"]), (&id.clone().into(), &true.into()));
    assert_eq!(call["message"], call["id"]);
    let [sent, executed, ended] =
        ["sent", "executed", "ended"].map(|at| call[at].as_f64().unwrap());
    assert!(sent <= executed && executed <= ended, "{call}");
    let has_code = |data: &Value| {
        let canisters = data["canisters"].as_array().unwrap();
        canisters.iter().any(|canister| canister["id"] == id && canister["module_hash"].is_string())
    };
    assert!(!has_code(&before));
    let mut later = Events::open(network.port());
    assert!(has_code(&later.next("state", any)));
    assert_eq!(find(&later.next("calls", any)), call);
    later.next("log", any);
}

#[test]
fn a_network_ends_at_once_although_a_page_is_open() {
    let network = network();
    let mut events = Events::open(network.port());
    events.next("state", any);
    let started = std::time::Instant::now();
    network.stop().unwrap();
    // The time that open requests have to end is ten seconds.
    assert!(started.elapsed() < embedded_replica::limits::SERVER_DRAIN_TIMEOUT);
}

#[test]
fn gateways_serve_the_page_of_their_instance_if_the_server_is_asked_to() {
    for pages in [true, false] {
        let config = ServerConfig { pages, ..ServerConfig::default() };
        let server = EmbeddedServer::start(config).unwrap();
        let mut pic = network_on(&server).with_application_subnet().build();
        let url = pic.make_live(None);
        let port = url.port().unwrap();
        let state = get(port, DATA[0], "host: localhost\r\n");
        if !pages {
            assert_eq!(state.status, 404);
            continue;
        }
        let state: Value = serde_json::from_slice(&state.body).unwrap();
        assert_eq!(state["profile"], NetworkProfile::POCKET_IC.name);
        assert_eq!(state["canisters"].as_array().unwrap().len(), 0);
        get(port, DATA[0], "host: localhost\r\norigin: https://example.com\r\n")
            .assert_error(403, "other origins");
        exchange(port, "POST", DATA[0], "host: localhost\r\n", b"").assert_error(401, "token");
        Events::open(port).next("state", any);
        assert_eq!(get(server.port(), DATA[0], "host: localhost\r\n").status, 404);
    }
}

#[test]
fn canisters_are_named_only_by_canisters_with_a_common_controller() {
    let server = EmbeddedServer::start(ServerConfig { pages: true, ..ServerConfig::default() });
    let server = server.unwrap();
    let mut pic = network_on(&server).with_application_subnet().build();
    let port = pic.make_live(None).port().unwrap();
    let [owner, stranger] = [[1; 29], [2; 29]].map(|bytes| Principal::from_slice(&bytes));
    let create = |controllers: &[Principal], variable: Option<(&str, String)>| {
        let variable = variable
            .map(|(name, value)| vec![EnvironmentVariable { name: name.to_owned(), value }]);
        let settings = CanisterSettings {
            controllers: Some(controllers.to_vec()),
            environment_variables: variable,
            ..CanisterSettings::default()
        };
        pic.create_canister_with_settings(None, Some(settings))
    };
    let [named, other] = [&[owner][..], &[owner]].map(|controllers| create(controllers, None));
    create(&[owner, stranger], Some(("PUBLIC_CANISTER_ID:mine", named.to_text())));
    create(&[stranger], Some(("PUBLIC_CANISTER_ID:ledger", named.to_text())));
    create(&[stranger], Some(("PUBLIC_CANISTER_ID:ledger", other.to_text())));
    let state = get(port, DATA[0], "host: localhost\r\n");
    let state: Value = serde_json::from_slice(&state.body).unwrap();
    let name = |id: Principal| {
        let canisters = state["canisters"].as_array().unwrap();
        canisters.iter().find(|canister| canister["id"] == id.to_text()).unwrap()["name"].clone()
    };
    assert_eq!((name(named), name(other)), ("mine".into(), Value::Null));
}
