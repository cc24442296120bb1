//! The links that `icp deploy` prints, opened as a browser opens them, and in a real browser.

use crate::project::Project;
use test_support::browser::PageScenario;
use test_support::canisters::rust_canister;
use test_support::http::{HttpReply, exchange};

/// A link: its text, and in it the host name, the port, and the path with the query string.
struct Link {
    text: String,
    host: String,
    port: u16,
    path: String,
}

impl Link {
    fn parse(text: &str) -> Self {
        let rest = text.strip_prefix("http://").unwrap_or_else(|| panic!("{text} is not a link"));
        let (server, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = server.split_once(':').unwrap_or_else(|| panic!("{text} has no port"));
        let port = port.parse().unwrap();
        Self { text: text.to_owned(), host: host.to_owned(), port, path: format!("/{path}") }
    }

    /// The link to this canister that a deployment printed.
    fn printed(output: &str, canister: &str) -> Self {
        let prefix = format!("{canister}: ");
        let link = output.lines().find_map(|line| line.trim().strip_prefix(&prefix));
        Self::parse(link.unwrap_or_else(|| panic!("there is no link to {canister} in {output}")))
    }

    /// The response to a browser that opens the link. All host names are this machine's.
    fn open(&self) -> HttpReply {
        let host = format!("host: {}:{}\r\n", self.host, self.port);
        let browser =
            "sec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\nsec-fetch-site: none\r\n";
        exchange(self.port, "GET", &self.path, &format!("{host}{browser}"), b"")
    }
}

/// Opens the link to a canister without pages. It leads to the page of the network, opened at this canister.
#[track_caller]
fn assert_opens_the_networks_page(link: &Link, canister: &str) {
    let sent = link.open();
    let lines = sent.head.lines();
    let location = lines.filter_map(|line| line.strip_prefix("location: ")).next();
    let expected = format!("http://localhost:{}/?id={canister}", link.port);
    assert_eq!((sent.status, location), (307, Some(expected.as_str())), "{}", sent.text());
    let page = Link::parse(&expected).open();
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("src=\"/page/"), "{}", page.text());
}

#[track_caller]
fn assert_opens_the_canisters_page(link: &Link) {
    let page = link.open();
    assert_eq!(page.status, 200, "{}: {}", link.host, page.text());
    assert!(page.text().contains("<h1>A page of a canister</h1>"), "{}", page.text());
}

#[test]
fn links_to_canisters_on_a_network_that_is_served_open() {
    let Some(mut project) = Project::new() else { return };
    project.serve(&[]);
    project.add_canister("website", &rust_canister("website"));
    let printed = project.ok("icp deploy -e live callee website");
    let callee = project.ok("icp canister status -e live callee --id-only");
    let candid = Link::printed(&printed, "callee");
    assert_opens_the_networks_page(&candid, callee.trim());
    let website = Link::printed(&printed, "website");
    assert_opens_the_canisters_page(&website);
    let parameters = [candid.text.as_str(), website.text.as_str()];
    let scenario = PageScenario { name: "links", link: project.page(), parameters: &parameters };
    scenario.run(|what| panic!("the scenario asks for something: {what}"));
    let tampered = Link { path: "/tampered".into(), ..website }.open();
    tampered.assert_error(503, "its certificate does not prove that the canister made it");
}

#[test]
fn links_to_canisters_on_a_network_that_the_tool_starts_open() {
    let Some(mut project) = Project::new() else { return };
    project.add_canister("website", &rust_canister("website"));
    project.assign(&format!("export ICP_CLI_NETWORK_LAUNCHER_PATH='{}'", crate::BINARY));
    project.ok("icp network start -d");
    let printed = project.ok("icp deploy callee website");
    let callee = project.ok("icp canister status callee --id-only");
    assert_opens_the_networks_page(&Link::printed(&printed, "callee"), callee.trim());
    let website = Link::printed(&printed, "website");
    assert_eq!(website.host, "website.local.localhost");
    assert_opens_the_canisters_page(&website);
    project.ok("icp network stop");
}
