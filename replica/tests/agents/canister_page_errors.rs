//! What a person reads who opens the page of a canister that cannot show it: what is wrong, and what to do.

use crate::canister_pages::{Website, installed, module};
use crate::identities::anonymous;
use crate::network::run;
use candid::Principal;
use embedded_replica::server::{LiveConfig, LiveNetwork};
use pocket_ic::CanisterSettings;
use test_support::http::{HttpReply, exchange};
use test_support::{counter, nothing};

impl Website {
    /// Another canister of the network, with this code.
    fn canister(&self, module: Option<Vec<u8>>) -> Principal {
        let id = self.pic.create_canister();
        self.pic.add_cycles(id, 1_000_000_000_000);
        if let Some(module) = module {
            self.pic.install_canister(id, module, nothing(), None);
        }
        id
    }

    fn open(&self, name: &str, path: &str) -> HttpReply {
        self.ask("GET", path, &format!("{name}.localhost"), "", b"")
    }
}

#[test]
fn a_page_that_cannot_be_shown_is_a_text_that_says_what_is_wrong_and_what_to_do() {
    let site = Website::start();
    let [stopped, deleted, frozen] = [(); 3].map(|()| site.canister(Some(module())));
    let [plain, empty] = [site.canister(Some(counter())), site.canister(None)];
    site.pic.stop_canister(stopped, None).unwrap();
    site.pic.stop_canister(deleted, None).unwrap();
    site.pic.delete_canister(deleted, None).unwrap();
    let settings = CanisterSettings {
        freezing_threshold: Some(1_000_000_000_000_000_u64.into()),
        ..CanisterSettings::default()
    };
    site.pic.update_canister_settings(frozen, None, settings).unwrap();
    // An id that no subnet hosts.
    let missing = Principal::from_slice(&[0, 0, 0, 0, 0, 0x70, 0, 0, 1, 1]);
    let anonymous = Principal::anonymous();
    for (name, path, status, wrong, advice) in [
        (stopped.to_text(), "/", 503, "is stopped", "`icp canister start NAME`"),
        (empty.to_text(), "/", 503, "has no code", "`icp deploy`"),
        (frozen.to_text(), "/", 503, "is frozen", "`icp canister top-up NAME --amount 1t`"),
        (
            deleted.to_text(),
            "/",
            404,
            "404 - canister not found\n\nThis network has no canister",
            "`icp deploy`",
        ),
        (missing.to_text(), "/", 404, "This network has no canister", "`icp deploy`"),
        (anonymous.to_text(), "/", 404, "This network has no canister", "`icp deploy`"),
        ("aaaaa-aa".into(), "/", 404, "the management canister", "has no pages"),
        (plain.to_text(), "/", 503, "has no pages", "has this method"),
        (
            site.id.to_text(),
            "/trap",
            503,
            "the website fell over",
            "The canister's log may say more",
        ),
        (
            site.id.to_text(),
            "/tampered",
            503,
            "The response from the canister failed verification and cannot be trusted.",
            "put `.raw` behind",
        ),
        ("shop".into(), "/", 400, "No canister has the name 'shop'", "Deploy the canister"),
    ] {
        let reply = site.open(&name, path);
        for words in [&*name, wrong, advice] {
            reply.assert_error(status, words);
        }
        for header in ["text/plain", "nosniff", "cache-control: no-store"] {
            assert!(reply.head.contains(header), "{}", reply.head);
        }
        // A gateway without a page of the network.
        assert!(!reply.text().contains("page of the network"), "{}", reply.text());
    }
    let reply = site.ask("GET", "/?canisterId=shop", "localhost", "", b"");
    reply.assert_error(400, "'shop' is not a canister id. `icp canister status NAME --id-only`");
    site.pic.start_canister(stopped, None).unwrap();
    assert_eq!(site.open(&stopped.to_text(), "/").status, 200);
}

#[test]
fn a_canister_without_pages_is_found_on_the_page_of_the_network_by_the_link_in_the_text() {
    let network = LiveNetwork::start(LiveConfig::default()).unwrap();
    let port = network.port();
    let id = run(async {
        let agent = crate::dfx::agent(&network, anonymous()).await;
        installed(&agent, &network, &counter()).await.to_text()
    });
    let get = |host: &str, path: &str| {
        exchange(port, "GET", path, &format!("host: {host}:{port}\r\n"), b"")
    };
    for id in [&*id, "rwlgt-iiaaa-aaaaa-aaaaa-cai"] {
        let reply = get(&format!("{id}.localhost"), "/");
        reply.assert_error(503, "has no pages");
        let text = reply.text();
        let link = text.split_once("page of the network: ").expect("there is a link").1.trim();
        assert_eq!(link, format!("http://localhost:{port}/?id={id}"));
        assert_eq!(get("localhost", &format!("/?id={id}")).status, 200);
    }
}
