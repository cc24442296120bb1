//! The types of the HTTP gateway protocol.

use candid::{CandidType, define_function};
use serde::Deserialize;
use serde_bytes::ByteBuf;

#[derive(CandidType, Deserialize)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: ByteBuf,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(CandidType, Deserialize, Clone)]
pub struct Token {
    pub key: String,
    pub chunk: usize,
}

#[derive(CandidType, Deserialize)]
pub struct Chunk {
    pub body: ByteBuf,
    pub token: Option<Token>,
}

define_function!(pub Callback : (Token) -> (Chunk) query);

#[derive(CandidType)]
pub struct Stream {
    pub callback: Callback,
    pub token: Token,
}

#[derive(CandidType)]
pub enum Strategy {
    Callback(Stream),
}

#[derive(CandidType)]
pub struct Response {
    pub status_code: u16,
    pub headers: Vec<(String, String)>,
    pub body: ByteBuf,
    pub upgrade: Option<bool>,
    pub streaming_strategy: Option<Strategy>,
}

impl Response {
    pub fn plain(status_code: u16, body: String) -> Self {
        let headers = vec![("content-type".into(), "text/plain".into())];
        let body = ByteBuf::from(body);
        Self { status_code, headers, body, upgrade: None, streaming_strategy: None }
    }
}
