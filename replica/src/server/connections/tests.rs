//! Requests that panic, and clients that are too slow.

use super::*;
use crate::limits::REQUEST_HEAD_TIMEOUT;
use crate::server::api::{JsonBody, RawBody};
use crate::server::body::BodyTimeout;
use axum::extract::Extension;
use axum::routing::{get, post};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

/// A server with these routes, and its address.
fn start(router: Router, head_timeout: Duration) -> (JoinHandle<io::Result<()>>, SocketAddr) {
    let listener = listen((Ipv4Addr::LOCALHOST.into(), 0)).expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    (tokio::spawn(serve(listener, router, head_timeout)), address)
}

/// Sends a request as it is and reads until the server closes the connection.
async fn send(address: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.expect("it listens");
    connection.write_all(request.as_bytes()).await.expect("it reads");
    let mut response = String::new();
    connection.read_to_string(&mut response).await.expect("it responds");
    response
}

#[tokio::test]
async fn a_request_that_panics_gets_500_and_a_message_and_others_are_served() {
    let panics = async || {
        if true {
            panic!("a bug, on purpose")
        }
    };
    let router = Router::new().route("/panics", get(panics)).fallback(async || "served");
    let (server, address) = start(router, REQUEST_HEAD_TIMEOUT);
    for (path, status, body) in
        [("/panics", "500", "{\"message\":\"the replica panicked"), ("/", "200", "served")]
    {
        let response = send(address, &format!("GET {path} HTTP/1.0\r\n\r\n")).await;
        assert_eq!(response.split(' ').nth(1), Some(status), "{path}: {response}");
        assert!(response.contains(body), "{path}: {response}");
    }
    server.abort();
}

#[tokio::test]
async fn a_client_that_does_not_finish_a_head_is_cut_off_and_others_are_served() {
    let router = Router::new().fallback(async || "served");
    let (server, address) = start(router, Duration::from_millis(50));
    let mut slow = TcpStream::connect(address).await.expect("it listens");
    slow.write_all(b"GET / HTTP/1.1\r\nhost: ").await.expect("it reads");
    let response = send(address, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(response.ends_with("served"), "{response}");
    let mut rest = Vec::new();
    let cut_off = tokio::time::timeout(Duration::from_secs(10), slow.read_to_end(&mut rest));
    assert!(cut_off.await.is_ok(), "the connection is still open");
    server.abort();
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_408_and_one_that_does_is_read() {
    let router = Router::new()
        .route("/raw", post(async |RawBody(_): RawBody| ()))
        .route("/json", post(async |JsonBody(_): JsonBody<u64>| ()))
        .layer(Extension(BodyTimeout(Duration::from_millis(50))));
    let (server, address) = start(router, REQUEST_HEAD_TIMEOUT);
    for (path, sent, expected) in [
        ("/raw", "123456789", "200"),
        ("/raw", "123", "408"),
        ("/json", "123456789", "200"),
        ("/json", "123", "408"),
    ] {
        let request =
            format!("POST {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{sent}");
        let response = send(address, &request).await;
        assert_eq!(response.split(' ').nth(1), Some(expected), "{path}: {response}");
    }
    server.abort();
}
