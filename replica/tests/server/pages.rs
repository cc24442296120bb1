//! Pages in a browser may send the requests of agents, and no others.

use crate::http::{instance, post};
use embedded_replica::server::{EmbeddedServer, LiveConfig, LiveNetwork, ServerConfig};
use test_support::http::exchange;
use test_support::servers::embedded_server;

const PAGE: &str = "origin: https://example.com\r\n";

/// Origins of pages that may be anybody's: elsewhere, at an address that is not this machine's, what a browser says
/// of a page without one, what no server of this machine sends, and the pages of canisters.
const ELSEWHERE: [&str; 13] = [
    "https://example.com",
    "http://192.0.2.7",
    "http://localhost.example.com:3000",
    "null",
    "http://127.0.0.1@example.com",
    "file://localhost",
    "chrome-extension://localhost",
    "moz-extension://127.0.0.1",
    "localhost",
    "http://rwlgt-iiaaa-aaaaa-aaaaa-cai.localhost:4943",
    "http://rwlgt-iiaaa-aaaaa-aaaaa-cai.raw.localhost:4943",
    "http://shop.local.localhost:4943",
    "http://app.localhost",
];

/// Origins of pages that programs of this machine serve: whoever made them can connect anyway.
const HERE: [&str; 4] =
    ["http://localhost", "http://LOCALHOST:3000", "http://127.0.0.1:5173", "https://[::1]:80"];

/// Sends a request. Returns the status, and whether pages of other origins may read the response.
fn ask(port: u16, method: &str, path: &str, lines: &str) -> (u16, bool) {
    let reply = exchange(port, method, path, lines, b"");
    (reply.status, reply.allows_every_origin())
}

fn calling(host: &str) -> String {
    format!("host: {host}\r\n")
}

/// Starts a gateway of an instance that is called by this name, too.
fn gateway(port: u16, instance: u64, domain: &str) -> u16 {
    let config = format!(
        r#"{{"forward_to":{{"PocketIcInstance":{instance}}},"domains":["{domain}"],
            "ip_addr":null,"port":null,"https_config":null,
            "domain_custom_provider_local_file":null}}"#
    );
    let answer = post(port, "/http_gateway", &config);
    answer.body["Created"]["port"].as_u64().expect("it starts").try_into().expect("a port")
}

#[test]
fn a_server_is_called_by_its_address_or_localhost_and_by_no_name_of_somebody_else() {
    let config = ServerConfig { domains: vec!["pic.test".into()], ..ServerConfig::default() };
    let server = EmbeddedServer::start(config).unwrap();
    let port = server.port();
    let id = instance(port);
    let network = LiveConfig { domains: vec!["net.test".into()], ..LiveConfig::default() };
    let network = LiveNetwork::start(network).unwrap();
    let gateway = gateway(port, id, "gate.test");
    let agents = format!("/instances/{id}/api/v2/status");
    let topology = format!("/instances/{id}/read/topology");
    for (port, path, own) in [
        (port, "/instances", "pic.test"),
        (port, &topology, "pic.test"),
        (port, &agents, "pic.test"),
        (gateway, "/_/topology", "gate.test"),
        (gateway, "/api/v2/status", "gate.test"),
        (network.port(), "/api/v2/status", "net.test"),
    ] {
        let status = |host: &str| ask(port, "GET", path, &calling(host)).0;
        for host in
            ["localhost", "x.localhost:4943", "127.0.0.1", "[::1]:80"].into_iter().chain([own])
        {
            assert_eq!(status(host), 200, "{path} as {host}");
        }
        for host in ["rebound.example", "127.0.0.1.rebound.example:80", "localhost.rebound.example"]
        {
            let rebound = ask(port, "GET", path, &calling(host));
            assert_eq!(rebound, (403, false), "{path} as {host}");
        }
    }
}

#[test]
fn pages_of_other_origins_use_the_interface_for_agents_and_nothing_else_of_any_port() {
    let server = embedded_server();
    let id = instance(server.port());
    let gateway = gateway(server.port(), id, "gate.test");
    let network = LiveNetwork::start(LiveConfig::default()).unwrap();
    let page = &format!("host: localhost\r\n{PAGE}");
    let preflight = &format!("{page}access-control-request-method: POST\r\n");
    for port in [gateway, network.port()] {
        assert_eq!(ask(port, "GET", "/api/v2/status", page), (200, true));
        let call = "/api/v4/canister/rwlgt-iiaaa-aaaaa-aaaaa-cai/call";
        assert_eq!(ask(port, "OPTIONS", call, preflight), (204, true));
    }
    assert_eq!(ask(gateway, "GET", "/_/topology", page), (403, false));
    assert_eq!(ask(gateway, "OPTIONS", "/_/topology", preflight), (403, false));
    for path in ["/instances", "/http_gateway"] {
        for method in ["GET", "POST"] {
            assert_eq!(ask(server.port(), method, path, page), (403, false), "{path}");
        }
        // Without leave by the answer to this, a browser does not send what it is about.
        assert_eq!(ask(server.port(), "OPTIONS", path, preflight), (405, false), "{path}");
    }
}

#[test]
fn pages_that_this_machine_serves_use_all_routes_and_those_from_elsewhere_do_not() {
    let server = embedded_server();
    let port = server.port();
    let gateway = gateway(port, instance(port), "gate.test");
    for (port, path) in [(port, "/instances"), (gateway, "/_/topology")] {
        let status = |origin: &str| {
            ask(port, "GET", path, &format!("host: localhost\r\norigin: {origin}\r\n")).0
        };
        for origin in HERE {
            assert_eq!(status(origin), 200, "{path} from {origin}");
        }
        for origin in ELSEWHERE {
            assert_eq!(status(origin), 403, "{path} from {origin}");
        }
    }
}
