//! What pages in a browser can do here: what agents can, and no more.

use crate::http::{exchange, instance, post, server};
use embedded_replica::server::{LiveConfig, LiveNetwork};

const PAGE: &str = "origin: https://example.com\r\n";

/// Asks, and returns the status and whether pages of other origins may read the answer.
fn ask(port: u16, method: &str, path: &str, lines: &str) -> (String, bool) {
    let answer = exchange(port, method, path, lines, b"");
    let status = answer.split(' ').nth(1).expect("an answer has a status").to_owned();
    (status, answer.to_ascii_lowercase().contains("access-control-allow-origin: *"))
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
    let server = server();
    let port = server.port();
    let id = instance(port);
    let network = LiveConfig { domains: vec!["net.test".into()], ..LiveConfig::default() };
    let network = LiveNetwork::start(network).unwrap();
    let gateway = gateway(port, id, "gate.test");
    let agents = format!("/instances/{id}/api/v2/status");
    let topology = format!("/instances/{id}/read/topology");
    for (port, path, own) in [
        (port, "/instances", None),
        (port, &topology, None),
        (port, &agents, None),
        (gateway, "/_/topology", Some("gate.test")),
        (gateway, "/api/v2/status", Some("gate.test")),
        (network.port(), "/api/v2/status", Some("net.test")),
    ] {
        let status = |host: &str| ask(port, "GET", path, &calling(host)).0;
        for host in
            ["localhost", "x.localhost:4943", "127.0.0.1", "[::1]:80"].into_iter().chain(own)
        {
            assert_eq!(status(host), "200", "{path} as {host}");
        }
        for host in ["rebound.example", "127.0.0.1.rebound.example:80", "localhost.rebound.example"]
        {
            let rebound = ask(port, "GET", path, &calling(host));
            assert_eq!(rebound, ("403".into(), false), "{path} as {host}");
        }
    }
}

#[test]
fn pages_of_other_origins_use_the_interface_for_agents_and_nothing_else_of_any_port() {
    let server = server();
    let id = instance(server.port());
    let gateway = gateway(server.port(), id, "gate.test");
    let network = LiveNetwork::start(LiveConfig::default()).unwrap();
    let page = &format!("host: localhost\r\n{PAGE}");
    let preflight = &format!("{page}access-control-request-method: POST\r\n");
    for port in [gateway, network.port()] {
        assert_eq!(ask(port, "GET", "/api/v2/status", page), ("200".into(), true));
        let call = "/api/v4/canister/rwlgt-iiaaa-aaaaa-aaaaa-cai/call";
        assert_eq!(ask(port, "OPTIONS", call, preflight), ("204".into(), true));
    }
    assert_eq!(ask(gateway, "GET", "/_/topology", page), ("403".into(), false));
    assert_eq!(ask(gateway, "OPTIONS", "/_/topology", preflight), ("403".into(), false));
    for path in ["/instances", "/http_gateway"] {
        for method in ["GET", "POST"] {
            assert_eq!(ask(server.port(), method, path, page), ("403".into(), false), "{path}");
        }
        // Without leave by the answer to this, a browser does not send what it is about.
        assert_eq!(ask(server.port(), "OPTIONS", path, preflight), ("405".into(), false), "{path}");
    }
}
