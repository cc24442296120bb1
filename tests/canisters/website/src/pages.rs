//! The pages, and their certificates of both versions.

use crate::protocol::{Callback, Response, Strategy, Stream, Token};
use ic_certification::{HashTree, fork, labeled, leaf, pruned};
use ic_http_certification::{
    CERTIFICATE_EXPRESSION_HEADER_NAME, CERTIFICATE_HEADER_NAME, DefaultCelBuilder,
    DefaultResponseCertification, HttpCertification, HttpCertificationPath, HttpCertificationTree,
    HttpCertificationTreeEntry, HttpResponse, StatusCode,
    utils::{build_v2_certificate_header_value, cbor_encode_to_base64},
};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

/// Bytes of a chunk of a streamed page.
pub const CHUNK_BYTES: usize = 500_000;

/// Bytes of a part of the page that is sent in ranges.
const RANGE_BYTES: usize = 1_000;

const RANGES: usize = 3;

const VERSION_1_BODY: &str = "certified as version 1 of the protocol has it";

pub struct Page {
    pub path: &'static str,
    content_type: &'static str,
    body: &'static str,
    /// Chunks, each of [`CHUNK_BYTES`] bytes, that follow the body.
    pub chunks: usize,
    /// What is certified in place of the body.
    certified: Option<&'static str>,
    is_certified: bool,
}

const PAGE: Page = Page {
    path: "/",
    content_type: "text/html",
    body: "<!doctype html><title>A website</title><h1>A page of a canister</h1>",
    chunks: 0,
    certified: None,
    is_certified: true,
};

pub const PAGES: [Page; 5] = [
    PAGE,
    Page { path: "/tampered", certified: Some("another page"), ..PAGE },
    Page { path: "/uncertified", is_certified: false, ..PAGE },
    Page { path: "/big", content_type: "text/plain", chunks: 3, ..PAGE },
    Page { path: "/huge", content_type: "text/plain", chunks: 20, ..PAGE },
];

impl Page {
    /// A chunk, which begins with its number.
    pub fn chunk(&self, number: usize, bytes: usize) -> ByteBuf {
        let mut body = format!("<{number}>").into_bytes();
        body.resize(bytes, b'.');
        ByteBuf::from(body)
    }

    fn complete_body(&self) -> Vec<u8> {
        let mut body = self.certified.unwrap_or(self.body).as_bytes().to_vec();
        (0..self.chunks).for_each(|number| body.extend(self.chunk(number, CHUNK_BYTES).iter()));
        body
    }
}

/// All certificates of the website.
pub struct Site {
    tree: HttpCertificationTree,
    /// With the path of each page, and `/ranged` for each of its parts.
    entries: Vec<(&'static str, HttpCertificationTreeEntry<'static>)>,
}

fn range_headers(part: usize) -> Vec<(String, String)> {
    let (begin, end) = (part * RANGE_BYTES, (part + 1) * RANGE_BYTES - 1);
    let total = RANGES * RANGE_BYTES;
    vec![
        ("content-type".into(), "text/plain".into()),
        ("content-range".into(), format!("bytes {begin}-{end}/{total}")),
    ]
}

fn expression() -> String {
    certified_headers().to_string()
}

fn certified_headers() -> ic_http_certification::DefaultResponseOnlyCelExpression<'static> {
    let headers = DefaultResponseCertification::certified_response_headers(vec![
        "content-type",
        "content-range",
    ]);
    DefaultCelBuilder::response_only_certification().with_response_certification(headers).build()
}

fn certify(
    path: &'static str,
    status: StatusCode,
    mut headers: Vec<(String, String)>,
    body: Vec<u8>,
) -> HttpCertificationTreeEntry<'static> {
    headers.push((CERTIFICATE_EXPRESSION_HEADER_NAME.into(), expression()));
    let response = HttpResponse::builder()
        .with_status_code(status)
        .with_headers(headers)
        .with_body(body)
        .build();
    let certification = HttpCertification::response_only(&certified_headers(), &response, None);
    let certification = certification.expect("the response has the expression");
    HttpCertificationTreeEntry::new(HttpCertificationPath::exact(path), certification)
}

impl Site {
    pub fn new() -> Self {
        let pages = PAGES.iter().filter(|page| page.is_certified).map(|page| {
            let headers = vec![("content-type".into(), page.content_type.into())];
            (page.path, certify(page.path, StatusCode::OK, headers, page.complete_body()))
        });
        let parts = (0..RANGES).map(|part| {
            let body = PAGE.chunk(part, RANGE_BYTES).into_vec();
            ("/ranged", certify("/ranged", StatusCode::PARTIAL_CONTENT, range_headers(part), body))
        });
        let entries: Vec<_> = pages.chain(parts).collect();
        let mut tree = HttpCertificationTree::default();
        entries.iter().for_each(|(_, entry)| tree.insert(entry));
        Self { tree, entries }
    }

    pub fn digest(&self) -> [u8; 32] {
        fork(version_1_tree(), pruned(self.tree.root_hash())).digest()
    }

    /// The page at a path.
    pub fn page(&self, path: &str) -> Response {
        let Some(page) = PAGES.iter().find(|page| page.path == path) else {
            return Response::plain(404, format!("there is no page {path}"));
        };
        let mut response = Response::plain(200, page.body.to_owned());
        response.headers = vec![("content-type".into(), page.content_type.into())];
        if page.chunks > 0 {
            let callback = Callback::new(ic_cdk::api::canister_self(), "stream".into());
            let token = Token { key: page.path.to_owned(), chunk: 0 };
            response.streaming_strategy = Some(Strategy::Callback(Stream { callback, token }));
        }
        if let Some((_, entry)) = self.entries.iter().find(|(found, _)| *found == path) {
            self.add_certificate(&mut response, path, entry);
        }
        response
    }

    /// The part of the page `/ranged` that begins where a header says, or the first one.
    pub fn range(&self, header: Option<&str>) -> Response {
        let begin =
            header.and_then(|text| text.strip_prefix("bytes=")?.split('-').next()?.parse().ok());
        let part = begin.unwrap_or(0_usize) / RANGE_BYTES;
        let mut response = Response::plain(206, String::new());
        response.headers = range_headers(part);
        response.body = PAGE.chunk(part, RANGE_BYTES);
        let mut entries = self.entries.iter().filter(|(found, _)| *found == "/ranged");
        let (path, entry) = entries.nth(part).expect("the part is there");
        self.add_certificate(&mut response, path, entry);
        response
    }

    fn add_certificate(
        &self,
        response: &mut Response,
        path: &str,
        entry: &HttpCertificationTreeEntry<'static>,
    ) {
        let certificate = ic_cdk::api::data_certificate().expect("queries have a certificate");
        let witness = self.tree.witness(entry, path).expect("the entry is in the tree");
        let witness = fork(pruned(version_1_tree().digest()), witness);
        let expression_path =
            cbor_encode_to_base64(&HttpCertificationPath::exact(path).to_expr_path());
        let value = build_v2_certificate_header_value(&certificate, &witness, &expression_path);
        response.headers.push((CERTIFICATE_EXPRESSION_HEADER_NAME.into(), expression()));
        response.headers.push((CERTIFICATE_HEADER_NAME.into(), value));
    }

    /// A page that is certified as the first version of the protocol has it.
    pub fn version_1(&self) -> Response {
        let certificate = ic_cdk::api::data_certificate().expect("queries have a certificate");
        let tree = fork(version_1_tree(), pruned(self.tree.root_hash()));
        let certificate = base64(&certificate);
        let value = format!("certificate=:{certificate}:, tree=:{}:", cbor_encode_to_base64(&tree));
        let mut response = Response::plain(200, VERSION_1_BODY.to_owned());
        response.headers.push((CERTIFICATE_HEADER_NAME.into(), value));
        response
    }
}

fn version_1_tree() -> HashTree {
    labeled("http_assets", labeled("/v1", leaf(Sha256::digest(VERSION_1_BODY).to_vec())))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}
