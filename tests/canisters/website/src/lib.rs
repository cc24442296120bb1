//! A website: a test canister that serves pages with certified responses, and a few with wrong certificates.

#![allow(missing_docs, reason = "the attributes generate functions without")]

mod pages;
mod protocol;

use ic_cdk::{init, query, update};
use pages::{CHUNK_BYTES, PAGES, Site};
use protocol::{Chunk, Request, Response, Token};
use std::cell::{Cell, RefCell};

thread_local! {
    static SITE: RefCell<Site> = RefCell::new(Site::new());
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

#[init]
fn certify() {
    SITE.with_borrow(|site| ic_cdk::api::certified_data_set(site.digest()));
}

#[query]
fn http_request(request: Request) -> Response {
    let path = request.url.split('?').next().unwrap_or_default();
    match path {
        "/count" => Response { upgrade: Some(true), ..Response::plain(200, String::new()) },
        "/echo" => {
            let host = request.header("host").unwrap_or_default();
            let bytes = request.body.len();
            Response::plain(200, format!("{} {} {bytes} {host}", request.method, request.url))
        }
        "/trap" => ic_cdk::trap("the website fell over"),
        "/v1" => SITE.with_borrow(Site::version_1),
        "/ranged" => SITE.with_borrow(|site| site.range(request.header("range"))),
        path => SITE.with_borrow(|site| site.page(path)),
    }
}

#[update]
fn http_request_update(request: Request) -> Response {
    COUNT.set(COUNT.get() + 1);
    let body = String::from_utf8_lossy(&request.body);
    Response::plain(201, format!("{} {} {body}", COUNT.get(), request.url))
}

/// The rest of a streamed page: one chunk at a time.
#[query]
fn stream(token: Token) -> Chunk {
    let page = PAGES.iter().find(|page| page.path == token.key).expect("only pages are streamed");
    let next = token.chunk + 1;
    let token = (next < page.chunks).then_some(Token { key: token.key, chunk: next });
    Chunk { body: page.chunk(next - 1, CHUNK_BYTES), token }
}
