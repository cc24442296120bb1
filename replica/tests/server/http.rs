//! Just enough of HTTP to send what no well-behaved client would.

use embedded_replica::server::{EmbeddedServer, ServerConfig};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A server of one's own.
pub fn server() -> EmbeddedServer {
    EmbeddedServer::start(ServerConfig::default()).expect("a port is free")
}

/// An answer: the status, and the body, which must be JSON.
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The error's message.
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_else(|| panic!("no message in {}", self.body))
    }
}

/// Sends a request and reads its answer.
pub fn request(port: u16, method: &str, path: &str, body: &[u8]) -> Answer {
    request_with(port, method, path, "content-type: application/json\r\n", body)
}

/// Sends a request with these lines in its head and reads its answer.
pub fn request_with(port: u16, method: &str, path: &str, lines: &str, body: &[u8]) -> Answer {
    let answer = exchange(port, method, path, &format!("host: localhost\r\n{lines}"), body);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.expect("an answer has a status"),
        body: serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {body}")),
    }
}

/// Sends a request with these lines alone in its head and returns all of the answer.
pub fn exchange(port: u16, method: &str, path: &str, lines: &str, body: &[u8]) -> String {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nconnection: close\r\n{lines}content-length: {length}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
    // A server that refuses a body need not read all of it.
    let _ = connection.write_all(body);
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

pub fn get(port: u16, path: &str) -> Answer {
    request(port, "GET", path, b"")
}

pub fn post(port: u16, path: &str, body: &str) -> Answer {
    request(port, "POST", path, body.as_bytes())
}

/// Makes an instance with one application subnet and returns its number.
pub fn instance(port: u16) -> u64 {
    let spec = r#"{"state_config":"New","instruction_config":"Production"}"#;
    let config = format!(
        r#"{{"subnet_config_set":{{"system":[],"application":[{spec}],"verified_application":[]}}}}"#
    );
    let answer = post(port, "/instances", &config);
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["Created"]["instance_id"].as_u64().unwrap()
}
