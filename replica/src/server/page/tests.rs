//! All routes of the page, and what others than the page may send to them.

use super::*;
use crate::instance::{Instance, InstanceConfig};
use crate::network::NetworkProfile;
use crate::server::instances::Instances;
use crate::server::outcalls::OutcallDestinations;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

/// All methods that browsers send, and others.
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PROPFIND"];

/// The id of a fake canister.
const CANISTER: &str = "rwlgt-iiaaa-aaaaa-aaaaa-cai";

/// The `host` header of the page itself.
const HOST: (&str, &str) = ("host", "localhost:4943");

type Headers<'a> = &'a [(&'a str, &'a str)];

/// What the page, and programs on this machine, may send.
const OWN: &[Headers] = &[
    &[HOST],
    &[HOST, ("origin", "http://localhost:4943")],
    &[HOST, ("origin", "https://localhost:4943")],
    &[HOST, ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")],
    &[HOST, ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
    &[HOST, ("cookie", "session=1")],
    // No proxy is in front of the server, so these say nothing.
    &[HOST, ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")],
    &[("host", "LOCALHOST:4943"), ("origin", "http://localhost:4943")],
    &[("host", "localhost.:4943"), ("origin", "http://localhost.:4943")],
    &[("host", "127.0.0.1:4943"), ("origin", "http://127.0.0.1:4943")],
    &[("host", "[::1]:4943"), ("origin", "http://[::1]:4943")],
    &[("host", "10.0.0.7:4943"), ("origin", "http://10.0.0.7:4943")],
    &[("host", "Net.test:4943"), ("origin", "http://net.test:4943")],
];

/// What others may send, and the words of the refusal.
const FOREIGN: &[(Headers, &str)] = &[
    // Other host names: no name, two names, names that lead to this machine by rebinding, and pages of canisters.
    (&[], "one Host header"),
    (&[HOST, HOST], "one Host header"),
    (&[HOST, ("host", "evil.example")], "one Host header"),
    (&[("host", "")], "host names of the server only"),
    (&[("host", "evil.example:4943")], "host names of the server only"),
    (
        &[("host", "evil.example"), ("x-forwarded-host", "localhost")],
        "host names of the server only",
    ),
    (&[("host", "evil.example"), ("forwarded", "host=localhost")], "host names of the server only"),
    (&[("host", "localhost.evil.example")], "host names of the server only"),
    (&[("host", "127.0.0.1.evil.example")], "host names of the server only"),
    (&[("host", "net.test.evil.example")], "host names of the server only"),
    (&[("host", "rwlgt-iiaaa-aaaaa-aaaaa-cai.localhost:4943")], "host names of the server only"),
    (&[("host", "rwlgt-iiaaa-aaaaa-aaaaa-cai.raw.localhost")], "host names of the server only"),
    (&[("host", "shop.local.localhost.")], "host names of the server only"),
    (&[("host", "x.net.test")], "host names of the server only"),
    (&[("host", "evil.example@localhost:4943")], "host names of the server only"),
    (&[("host", "localhost:4943/evil")], "host names of the server only"),
    (&[("host", "localhost, evil.example")], "host names of the server only"),
    (&[("host", "%6cocalhost")], "host names of the server only"),
    // Other origins: elsewhere, another port or host name of this machine, pages of canisters, pages without origin.
    (&[HOST, ("origin", "https://evil.example")], "other origins"),
    (&[HOST, ("origin", "http://localhost")], "other origins"),
    (&[HOST, ("origin", "http://localhost:3000")], "other origins"),
    (&[HOST, ("origin", "http://127.0.0.1:4943")], "other origins"),
    (&[HOST, ("origin", "http://[::1]:4943")], "other origins"),
    (&[HOST, ("origin", "http://localhost.:4943")], "other origins"),
    (&[HOST, ("origin", "http://rwlgt-iiaaa-aaaaa-aaaaa-cai.localhost:4943")], "other origins"),
    (&[HOST, ("origin", "null")], "other origins"),
    (&[HOST, ("origin", "")], "other origins"),
    (&[HOST, ("origin", "localhost:4943")], "other origins"),
    (&[HOST, ("origin", "file://localhost:4943")], "other origins"),
    (&[HOST, ("origin", "http://user@localhost:4943")], "other origins"),
    (&[HOST, ("origin", "http://localhost:4943, http://evil.example")], "other origins"),
    (
        &[HOST, ("origin", "http://localhost:4943"), ("origin", "https://evil.example")],
        "other origins",
    ),
    // The question before a request of another origin, an event stream, a WebSocket, a form.
    (
        &[
            HOST,
            ("origin", "https://evil.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-page-token"),
            ("access-control-request-private-network", "true"),
        ],
        "other origins",
    ),
    (&[HOST, ("origin", "https://evil.example"), ("accept", "text/event-stream")], "other origins"),
    (
        &[
            HOST,
            ("origin", "http://shop.localhost:4943"),
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
        "other origins",
    ),
    (&[HOST, ("origin", "null"), ("content-type", "text/plain")], "other origins"),
    // Images, scripts, styles, workers, frames and prefetches of other sites, for which browsers send no origin.
    (&[HOST, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], "other sites"),
    (&[HOST, ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")], "other sites"),
    (&[HOST, ("sec-fetch-site", "same-site"), ("service-worker", "script")], "other sites"),
    (
        &[
            HOST,
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "iframe"),
        ],
        "other sites",
    ),
    (&[HOST, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], "other sites"),
    (&[HOST, ("sec-fetch-site", "")], "other sites"),
    (&[HOST, ("sec-fetch-site", "Same-Origin")], "other sites"),
    (&[HOST, (crate::server::outcalls::OUTCALL_HEADER, "1")], "outcalls"),
];

/// The page of a network, and its token.
struct Page {
    routes: Router,
    token: String,
}

impl Page {
    fn new() -> Self {
        let instances = Instances::new(NetworkProfile::POCKET_IC, OutcallDestinations::default());
        let config =
            InstanceConfig { fake_canisters: true, ..InstanceConfig::with_application_subnets(1) };
        let id = instances.add(Instance::new(config).expect("one"), None);
        let hosted = instances.get(id).expect("it is there");
        let token = Token::random().expect("random numbers");
        let link = token.link(([127, 0, 0, 1], 4943).into());
        let names = Names::with(&["net.test".into()]);
        Self {
            routes: routes(names, token, StopSignal::default()).layer(Extension(hosted)),
            token: link.rsplit('=').next().expect("the end of the link").into(),
        }
    }

    /// The status, the headers and, of a refusal, the text of a response.
    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: Headers<'_>,
        token: Option<&str>,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers.iter().copied().chain(token.map(|it| ("x-page-token", it))) {
            request = request.header(name, value);
        }
        let request = request.body(Body::from("{}")).expect("it is valid");
        let service = TowerToHyperService::new(self.routes.clone());
        let (head, body) = service.call(request).await.expect("it responds").into_parts();
        let is_refused = [StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED].contains(&head.status);
        // The events of the page have no end.
        let text = match is_refused && method != "HEAD" {
            true => axum::body::to_bytes(body, 10_000).await.expect("a sentence").to_vec(),
            false => Vec::new(),
        };
        (head.status, head.headers, String::from_utf8(text).expect("text"))
    }
}

/// A path of each route.
fn paths() -> Vec<String> {
    let path = |path: &str| path.replace("{name}", "main.js").replace("{id}", CANISTER);
    route_list::<()>().iter().map(|(route, _)| path(route)).collect()
}

#[track_caller]
fn assert_protected(headers: &HeaderMap, what: &str) {
    for name in [
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "cross-origin-resource-policy",
        "cross-origin-opener-policy",
        "cache-control",
    ] {
        assert!(headers.contains_key(name), "{what}: {name} is not in {headers:?}");
    }
    let is_permission = |name: &&header::HeaderName| name.as_str().starts_with("access-control-");
    assert_eq!(headers.keys().find(is_permission), None, "{what}");
    assert!(!headers.contains_key(header::SET_COOKIE), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_and_method_refuses_what_others_than_the_page_send_even_with_the_token() {
    let page = Page::new();
    for path in paths() {
        for method in METHODS {
            for (foreign, words) in FOREIGN {
                let what = format!("{method} {path} {foreign:?}");
                let token = Some(&*page.token);
                let (status, headers, text) = page.send(method, &path, foreign, token).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{what}: {text}");
                assert!(method == "HEAD" || text.contains(words), "{what}: {text}");
                assert_eq!(headers["content-type"], "text/plain; charset=utf-8", "{what}");
                assert_eq!(headers["cache-control"], "no-store", "{what}");
                assert_protected(&headers, &what);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_serves_the_page_itself_and_what_may_change_something_needs_the_token() {
    let page = Page::new();
    let wrong = [None, Some(""), Some("00000000000000000000000000000000"), Some(&page.token[1..])];
    for path in paths() {
        for method in METHODS {
            let reads = matches!(method, "GET" | "HEAD");
            for own in OWN {
                let what = format!("{method} {path} {own:?}");
                let token = Some(&*page.token);
                let (status, headers, text) = page.send(method, &path, own, token).await;
                let is_refused =
                    [StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED].contains(&status);
                assert!(!is_refused && !status.is_server_error(), "{what}: {status} {text}");
                assert_protected(&headers, &what);
                for wrong in wrong {
                    let (status, headers, text) = page.send(method, &path, own, wrong).await;
                    let is_refused = status == StatusCode::UNAUTHORIZED;
                    assert_eq!(is_refused, !reads, "{what} with token {wrong:?}: {status} {text}");
                    assert_protected(&headers, &what);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_another_site_opens_the_page_and_nothing_else_of_it() {
    let page = Page::new();
    let link = [
        HOST,
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    for path in paths() {
        for method in METHODS {
            let (status, ..) = page.send(method, &path, &link, Some(&page.token)).await;
            let opens = (method, path.as_str()) == ("GET", "/");
            let expected = if opens { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(status, expected, "{method} {path}");
        }
    }
}
