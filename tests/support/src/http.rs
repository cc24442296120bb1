//! HTTP requests that no well-behaved client would send.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A reply of an HTTP server.
#[derive(Debug)]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// The head: the status line and the headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Sends a request to a port of this machine. The head has the lines `lines`, each with its line end, and what an
/// exchange over one connection needs.
pub fn exchange(port: u16, method: &str, path: &str, lines: &str, body: &[u8]) -> HttpReply {
    let mut reply = send(port, method, path, lines, body);
    let end =
        reply.windows(4).position(|window| window == b"\r\n\r\n").expect("a reply has a head");
    let head = String::from_utf8(reply[..end].to_vec()).expect("the head is text");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    HttpReply {
        status: status.expect("a reply has a status"),
        head,
        body: reply.split_off(end + 4),
    }
}

/// Sends a request in the same way. Returns all bytes that the server sends before the connection ends.
pub fn send(port: u16, method: &str, path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nconnection: close\r\n{lines}content-length: {length}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).expect("the server reads the head");
    // A server that refuses a body need not read all of it.
    let _ = connection.write_all(body);
    let mut reply = Vec::new();
    let _ = connection.read_to_end(&mut reply);
    reply
}

impl HttpReply {
    /// The body as text.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Whether pages of every other origin may read the reply.
    pub fn allows_every_origin(&self) -> bool {
        self.head.to_ascii_lowercase().contains("access-control-allow-origin: *")
    }

    /// Asserts that the reply has this status, and a text that contains `words`.
    #[track_caller]
    pub fn assert_error(&self, status: u16, words: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert!(self.text().contains(words), "'{words}' is not in: {}", self.text());
    }
}
