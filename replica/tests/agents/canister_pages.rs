//! Pages that canisters serve, at host names and parameters that name the canister.

use crate::calls::update;
use crate::identities::anonymous;
use crate::network::{CounterNetwork, number, run};
use candid::Principal;
use embedded_replica::server::{LiveConfig, LiveNetwork};
use ic_agent::Agent;
use ic_utils::interfaces::ManagementCanister;
use pocket_ic::PocketIc;
use pocket_ic::common::rest::InstanceHttpGatewayConfig;
use std::fs;
use test_support::canisters::rust_canister;
use test_support::http::{HttpReply, exchange};
use test_support::{Server, counter, nothing};

/// A canister that serves pages, on a gateway of its instance.
pub struct Website {
    pub pic: PocketIc,
    pub port: u16,
    pub id: Principal,
}

impl Website {
    pub fn start() -> Self {
        let mut pic = Server::Embedded.instance(1);
        let id = pic.create_canister();
        pic.install_canister(id, module(), nothing(), None);
        let port = pic.make_live(None).port().unwrap();
        Self { pic, port, id }
    }

    /// The canister's page at this path.
    fn get(&self, path: &str) -> HttpReply {
        self.ask("GET", path, &format!("{}.localhost", self.id), "", b"")
    }

    /// The page that is not verified.
    fn raw(&self, method: &str, path: &str, body: &[u8]) -> HttpReply {
        self.ask(method, path, &format!("{}.raw.localhost", self.id), "", body)
    }

    /// The response to a request at this host name.
    pub fn ask(&self, method: &str, path: &str, host: &str, lines: &str, body: &[u8]) -> HttpReply {
        let host = format!("host: {host}:{}\r\n{lines}", self.port);
        exchange(self.port, method, path, &host, body)
    }

    /// The status and the body of a page, as a client that decodes them has it.
    fn page(&self, path: &str) -> (u16, Vec<u8>) {
        run(page(self.port, self.id, path))
    }
}

async fn page(port: u16, id: Principal, path: &str) -> (u16, Vec<u8>) {
    let host = format!("{id}.localhost");
    let here = ([127, 0, 0, 1], port).into();
    let client = reqwest::Client::builder().no_proxy().resolve(&host, here).build().unwrap();
    let response = client.get(format!("http://{host}:{port}{path}")).send().await.unwrap();
    (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
}

pub fn module() -> Vec<u8> {
    fs::read(rust_canister("website")).unwrap()
}

#[track_caller]
fn assert_page(reply: &HttpReply) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("<h1>A page of a canister</h1>"), "{}", reply.text());
}

/// A canister that says it is Candid UI, and responds to nothing.
fn candid_ui() -> Vec<u8> {
    wat::parse_str(r#"(module (func (export "canister_query did_to_js")))"#).unwrap()
}

#[test]
fn a_canister_serves_its_page_at_a_host_name_of_its_own() {
    let site = Website::start();
    let reply = site.get("/");
    assert_page(&reply);
    let head = reply.head.to_ascii_lowercase();
    assert!(head.contains("content-type: text/html\r\n"), "{head}");
    assert!(!head.contains("content-security-policy") && !reply.allows_every_origin(), "{head}");
    assert_page(&site.get("/?a=b&c"));
    let missing = site.raw("GET", "/missing", b"");
    assert_eq!((missing.status, missing.text().as_ref()), (404, "there is no page /missing"));
    let head = site.ask("HEAD", "/", &format!("{}.localhost", site.id), "", b"");
    assert_eq!((head.status, head.text().as_ref()), (200, ""), "{}", head.head);
}

#[test]
fn both_versions_of_certificates_are_accepted() {
    let site = Website::start();
    assert_page(&site.get("/"));
    let old = site.get("/v1");
    assert_eq!(old.status, 200, "{}", old.text());
    assert!(old.text().contains("version 1"), "{}", old.text());
}

#[test]
fn a_response_that_is_not_what_the_canister_certified_is_refused_except_at_the_raw_name() {
    let site = Website::start();
    for path in ["/tampered", "/uncertified"] {
        let refused = site.get(path);
        refused.assert_error(503, "its certificate does not prove that the canister made it");
        refused.assert_error(503, "put `.raw` behind the canister's id");
        assert!(!refused.text().contains("<h1>"), "{}", refused.text());
        assert!(refused.head.contains("text/plain"), "{}", refused.head);
        assert_page(&site.raw("GET", path, b""));
    }
}

#[test]
fn a_page_in_several_chunks_arrives_complete() {
    let site = Website::start();
    for (path, chunks) in [("/big", 3), ("/huge", 20)] {
        let (status, body) = site.page(path);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let text = String::from_utf8(body).unwrap();
        let (head, rest) = text.split_at(text.find("<0>").unwrap());
        assert!(head.ends_with("</h1>"), "{head}");
        assert_eq!(rest.len(), chunks * 500_000, "{path}");
        for number in 0..chunks {
            assert!(rest[number * 500_000..].starts_with(&format!("<{number}>")), "{number}");
        }
    }
}

#[test]
fn ranges_are_put_together_unless_the_client_asks_for_one() {
    let site = Website::start();
    let (status, body) = site.page("/ranged");
    assert_eq!((status, body.len()), (200, 3_000));
    assert!(body[2_000..].starts_with(b"<2>"));
    let host = format!("{}.localhost", site.id);
    let part = site.ask("GET", "/ranged", &host, "range: bytes=1000-\r\n", b"");
    assert_eq!((part.status, part.body.len()), (206, 1_000), "{}", part.text());
    assert!(part.head.contains("content-range: bytes 1000-1999/3000"), "{}", part.head);
    assert!(part.text().starts_with("<1>"));
}

#[test]
fn a_query_that_asks_for_it_is_repeated_as_an_update_call() {
    let site = Website::start();
    let host = format!("{}.localhost", site.id);
    for count in 1..=2 {
        let reply = site.ask("POST", "/count?a=b", &host, "", b"hello");
        let expected = format!("{count} /count?a=b hello");
        assert_eq!((reply.status, reply.text().into_owned()), (201, expected));
    }
}

#[test]
fn the_canister_gets_method_path_query_string_headers_and_body() {
    let site = Website::start();
    let expected = format!("PUT /echo?a=b%20c&d 5 {}.raw.localhost:{}", site.id, site.port);
    let reply = site.raw("PUT", "/echo?a=b%20c&d", b"12345");
    assert_eq!((reply.status, reply.text().into_owned()), (200, expected));
    site.raw("POST", "/echo", &vec![0; 2_200_000]).assert_error(413, "cannot be read");
}

#[test]
fn a_page_at_the_servers_own_name_gets_an_origin_of_its_own() {
    let site = Website::start();
    let path = format!("/?canisterId={}&a=b", site.id);
    for host in ["localhost", "127.0.0.1"] {
        let sent = site.ask("GET", &path, host, "sec-fetch-mode: navigate\r\n", b"");
        let expected = format!("location: http://{}.localhost:{}{path}", site.id, site.port);
        assert_eq!(sent.status, 307);
        assert!(sent.head.contains(&expected), "{}", sent.head);
    }
    for (host, lines) in [("localhost", ""), ("10.0.0.7", "sec-fetch-mode: navigate\r\n")] {
        let reply = site.ask("GET", &path, host, lines, b"");
        assert_page(&reply);
        assert!(reply.head.contains("content-security-policy: sandbox"), "{}", reply.head);
        assert!(!reply.head.contains("allow-same-origin"), "{}", reply.head);
        assert!(reply.head.contains("cache-control: no-store"), "{}", reply.head);
    }
}

#[test]
fn a_page_at_the_servers_own_name_loads_nothing_of_a_canister_from_there() {
    let site = Website::start();
    let own = |host: &str, path: &str, lines: &str| {
        let path = format!("{path}?canisterId={}", site.id);
        site.ask("GET", &path, host, &format!("sec-fetch-site: same-origin\r\n{lines}"), b"")
    };
    for dest in ["script", "style", "serviceworker", "worker", "empty"] {
        for (host, path) in [("localhost", "/"), ("127.0.0.1", "/page/main.js"), ("10.0.0.7", "/")]
        {
            for mode in ["no-cors", "cors", "same-origin"] {
                let lines = format!("sec-fetch-mode: {mode}\r\nsec-fetch-dest: {dest}\r\n");
                let refused = own(host, path, &lines);
                refused.assert_error(403, "put the canister's id in the host name");
            }
        }
    }
    let page = own("10.0.0.7", "/", "sec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n");
    assert_page(&page);
    // At the canister's own name, all is its own.
    let host = format!("{}.localhost", site.id);
    let lines = "sec-fetch-site: same-origin\r\nsec-fetch-mode: no-cors\r\n";
    assert_page(&site.ask("GET", "/", &host, lines, b""));
}

#[test]
fn agents_are_served_at_every_host_name() {
    let site = Website::start();
    for host in ["localhost".to_owned(), format!("{}.localhost", site.id), "shop.localhost".into()]
    {
        assert_eq!(site.ask("GET", "/api/v2/status", &host, "", b"").status, 200, "{host}");
    }
}

#[test]
fn a_gateway_finds_the_names_of_canisters_in_the_file_that_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("custom-domains.txt");
    let config = InstanceHttpGatewayConfig {
        ip_addr: None,
        port: None,
        domains: None,
        https_config: None,
        domain_custom_provider_local_file: Some(file.display().to_string()),
    };
    let network = CounterNetwork::still();
    let pic = pocket_ic::PocketIcBuilder::new()
        .with_server_url(network.pic.get_server_url())
        .with_application_subnet()
        .with_http_gateway(config)
        .build();
    pic.auto_progress();
    let id = pic.create_canister();
    pic.install_canister(id, module(), nothing(), None);
    let port = pic.url().unwrap().port().unwrap();
    let site = Website { pic, port, id };
    let get = || site.ask("GET", "/", "shop.local.localhost", "", b"");
    get().assert_error(400, "No canister has the name 'shop.local'");
    fs::write(file, format!("shop.local.localhost:{id}\n")).unwrap();
    assert_page(&get());
}

/// The response of a network to a browser that opens a page.
fn open(network: &LiveNetwork, host: &str, path: &str) -> HttpReply {
    let lines = format!("host: {host}:{}\r\nsec-fetch-mode: navigate\r\n", network.port());
    exchange(network.port(), "GET", path, &lines, b"")
}

pub async fn installed(agent: &Agent, network: &LiveNetwork, module: &[u8]) -> Principal {
    let management = ManagementCanister::create(agent);
    let effective = network.default_effective_canister().principal();
    let create = management
        .create_canister()
        .as_provisional_create_with_amount(None)
        .with_effective_canister_id(effective);
    let (id,) = create.call_and_wait().await.unwrap();
    management.install(&id, module).await.unwrap();
    id
}

#[test]
fn links_to_candid_ui_lead_to_the_networks_page_opened_at_the_canister() {
    let network = LiveNetwork::start(LiveConfig::default()).unwrap();
    let [own, website] = run(async {
        let agent = crate::dfx::agent(&network, anonymous()).await;
        let modules = [candid_ui(), module()];
        [
            installed(&agent, &network, &modules[0]).await,
            installed(&agent, &network, &modules[1]).await,
        ]
    });
    let mainnet = "a4gq6-oaaaa-aaaab-qaa4q-cai";
    let port = network.port();
    let location = format!("location: http://localhost:{port}/?id={website}\r\n");
    for (host, path) in [
        // `icp`, with a network that it did not start
        (format!("{mainnet}.localhost"), format!("/?id={website}")),
        // `icp` and `dfx`, which install Candid UI
        (format!("{own}.localhost"), format!("/?id={website}")),
        ("127.0.0.1".into(), format!("/?canisterId={own}&id={website}")),
    ] {
        let reply = open(&network, &host, &path);
        assert_eq!(reply.status, 307, "{}", reply.text());
        assert!(format!("{}\r\n", reply.head).contains(&location), "{}", reply.head);
    }
    let opened = open(&network, "localhost", &format!("/?id={website}"));
    assert_eq!(opened.status, 200);
    assert!(opened.text().contains("<html"), "{}", opened.text());
    assert_page(&open(&network, &format!("{website}.localhost"), &format!("/?id={own}")));
}

#[test]
fn fifty_clients_get_a_page_at_once_beside_agents() {
    const CLIENTS: usize = 50;
    let site = Website::start();
    let counting = site.pic.create_canister();
    site.pic.install_canister(counting, counter(), nothing(), None);
    let (port, id) = (site.port, site.id);
    run(async move {
        let pages: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(page(port, id, "/big"))).collect();
        let agent = Agent::builder().with_url(format!("http://127.0.0.1:{port}"));
        let agent = agent.with_arc_identity(anonymous().identity).build().unwrap();
        agent.fetch_root_key().await.unwrap();
        for count in 1..=10 {
            assert_eq!(number(&update(&agent, counting, "count").await.unwrap()), count);
        }
        for page in pages {
            let (status, body) = page.await.unwrap();
            assert_eq!((status, body.len() > 1_500_000), (200, true));
        }
    });
}
