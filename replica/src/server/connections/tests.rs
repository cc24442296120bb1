//! Requests that panic, and clients that are too slow.

use super::*;
use crate::limits::SERVER_THREAD_STACK_BYTES;
use crate::server::api::{JsonBody, RawBody};
use crate::server::body::BodyTimeout;
use axum::extract::Extension;
use axum::routing::{get, post};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

mod threads;

/// Most connections with a thread of their own in a test that opens many. Each of these threads has three open files, and
/// all tests together have 256 on some systems.
const FEW_THREADS: u32 = 3;

/// Connections of which at most this number have a thread of their own.
fn with_threads(max: u32) -> Shared {
    let threads = ConnectionThreads::new(max, SERVER_THREAD_STACK_BYTES);
    Shared { threads, ..Shared::default() }
}

/// Connections without threads of their own, and connections as those of a server.
fn without_and_with_threads() -> [Shared; 2] {
    [with_threads(0), Shared::default()]
}

/// A server with these routes, and its address.
fn start(router: Router, patience: Patience) -> (JoinHandle<io::Result<()>>, SocketAddr) {
    start_with(router, patience, Shared::default())
}

fn start_with(
    router: Router,
    patience: Patience,
    shared: Shared,
) -> (JoinHandle<io::Result<()>>, SocketAddr) {
    let listener = listen((Ipv4Addr::LOCALHOST.into(), 0)).expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    (tokio::spawn(serve(listener, router, patience, shared)), address)
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
    let (server, address) = start(router, Patience::default());
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
    for shared in without_and_with_threads() {
        let router = Router::new().fallback(async || "served");
        let patience = Patience { head: Duration::from_millis(50), ..Patience::default() };
        let (server, address) = start_with(router, patience, shared);
        let slow = connect(address, "GET / HTTP/1.1\r\nhost: ").await;
        // On a busy machine, this client may be too slow as well.
        let is_served = async || -> io::Result<bool> {
            let mut connection = TcpStream::connect(address).await?;
            connection.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
            let mut response = String::new();
            connection.read_to_string(&mut response).await?;
            Ok(response.ends_with("served"))
        };
        while !is_served().await.unwrap_or(false) {}
        rest(slow).await;
        server.abort();
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_408_and_one_that_does_is_read() {
    let router = Router::new()
        .route("/raw", post(async |RawBody(_): RawBody| ()))
        .route("/json", post(async |JsonBody(_): JsonBody<u64>| ()))
        .layer(Extension(BodyTimeout(Duration::from_millis(50))));
    let (server, address) = start(router, Patience::default());
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

/// Longer than anything takes that happens at all.
const LONG: Duration = Duration::from_secs(120);

/// Waits until the server closes a connection, and returns what it has sent.
async fn rest(mut connection: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = connection.read_to_end(&mut bytes);
    let read = tokio::time::timeout(LONG, read).await;
    // A connection may also be reset.
    let _ = read.expect("the connection is still open");
    bytes
}

/// Connects and sends this.
async fn connect(address: SocketAddr, sent: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.expect("it listens");
    connection.write_all(sent.as_bytes()).await.expect("it reads");
    connection
}

#[tokio::test]
async fn a_response_that_nobody_reads_is_dropped_after_a_while() {
    struct Dropped(tokio::sync::mpsc::UnboundedSender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (sender, mut dropped) = tokio::sync::mpsc::unbounded_channel();
    // Larger than what the operating system keeps for a connection.
    let large = async move || {
        let body = axum::body::Body::from(vec![7; 64 << 20]);
        Response::new(with_body(body, Dropped(sender.clone())))
    };
    let patience = Patience { write: Duration::from_millis(50), ..Patience::default() };
    let router = Router::new().fallback(large);
    for shared in without_and_with_threads() {
        let (server, address) = start_with(router.clone(), patience, shared.clone());
        let unread = connect(address, "GET / HTTP/1.1\r\n\r\n").await;
        let waited = tokio::time::timeout(LONG, dropped.recv()).await;
        assert_eq!(waited, Ok(Some(())), "the response is still there");
        assert!(rest(unread).await.len() < 64 << 20);
        server.abort();
        // A busy machine may not let the client read for a while.
        let (server, address) = start_with(router.clone(), Patience::default(), shared);
        let read = rest(connect(address, "GET / HTTP/1.0\r\n\r\n").await).await;
        assert!(read.len() > 64 << 20, "a response that is read is complete");
        assert_eq!(dropped.recv().await, Some(()));
        server.abort();
    }
}

/// A body whose parts somebody makes for ever, as those of the events of a page.
struct Endless(tokio::sync::mpsc::Receiver<axum::body::Bytes>);

impl hyper::body::Body for Endless {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        let part = self.0.poll_recv(context);
        part.map(|part| part.map(|part| Ok(hyper::body::Frame::data(part))))
    }
}

#[tokio::test]
async fn events_that_nobody_reads_are_not_kept_and_their_source_ends() {
    const EVENT_BYTES: usize = 64 << 10;
    // More than what the operating system keeps for a connection.
    const MADE_MAX: usize = 1_000;
    let (ended, mut made) = tokio::sync::mpsc::unbounded_channel();
    let events = async move || {
        let (sender, parts) = tokio::sync::mpsc::channel(1);
        let ended = ended.clone();
        tokio::spawn(async move {
            let mut made = 0;
            while sender.send(vec![7; EVENT_BYTES].into()).await.is_ok() {
                made += 1;
            }
            let _ = ended.send(made);
        });
        Response::new(axum::body::Body::new(Endless(parts)))
    };
    let patience = Patience { write: Duration::from_millis(50), ..Patience::default() };
    let router = Router::new().fallback(events);
    for shared in without_and_with_threads() {
        let (server, address) = start_with(router.clone(), patience, shared);
        let unread = connect(address, "GET / HTTP/1.1\r\n\r\n").await;
        let made = tokio::time::timeout(LONG, made.recv()).await.expect("the source goes on");
        assert!(made.is_some_and(|made| made < MADE_MAX), "{made:?} events were made");
        drop(unread);
        server.abort();
    }
}

#[tokio::test]
async fn a_server_that_ends_responds_to_open_requests_and_takes_no_others() {
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let slow = async move || {
        let _ = begun.send(());
        tokio::time::sleep(Duration::from_millis(100)).await;
        "answered"
    };
    let shared = with_threads(FEW_THREADS);
    let router = Router::new().route("/slow", get(slow));
    let (server, address) = start_with(router, Patience::default(), shared.clone());
    let idle = connect(address, "").await;
    let half = connect(address, "GET /slow HTT").await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(connect(address, "GET /slow HTTP/1.1\r\n\r\n").await);
        begins.recv().await.expect("it begins");
    }
    shared.stop.give();
    for connection in open {
        let response = String::from_utf8(rest(connection).await).expect("it is text");
        assert!(response.ends_with("answered"), "{response}");
    }
    for connection in [idle, half] {
        assert_eq!(rest(connection).await, b"");
    }
    let ended = tokio::time::timeout(LONG, server).await;
    ended.expect("it ends").expect("it does not panic").expect("it does not fail");
    TcpStream::connect(address).await.expect_err("nobody listens any more");
}

#[tokio::test]
async fn a_request_that_the_server_has_not_read_at_the_signal_to_end_gets_its_response() {
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    // A thread of its own would read what a connection gets before the signal.
    let shared = with_threads(0);
    let router = Router::new().fallback(async || "served");
    let (server, address) = start_with(router, Patience::default(), shared.clone());
    let mut kept_alive = connect(address, "GET / HTTP/1.1\r\n\r\n").await;
    let mut first = [0; 1 << 10];
    let bytes = kept_alive.read(&mut first).await.expect("it responds");
    assert!(first[..bytes].ends_with(b"served"), "a small response comes in one piece");
    // From here to the signal nothing is awaited. So the server, which runs on this thread, reads nothing.
    assert_eq!(kept_alive.try_write(REQUEST).expect("there is room"), REQUEST.len());
    let mut connections = vec![kept_alive];
    for _ in 0..20 {
        let mut new = std::net::TcpStream::connect(address).expect("it listens");
        io::Write::write_all(&mut new, REQUEST).expect("there is room");
        new.set_nonblocking(true).expect("it is a socket");
        connections.push(TcpStream::from_std(new).expect("a runtime runs"));
    }
    shared.stop.give();
    for connection in connections {
        let response = String::from_utf8(rest(connection).await).expect("it is text");
        assert!(response.ends_with("served"), "{response}");
    }
    server.await.expect("it does not panic").expect("it does not fail");
}

#[tokio::test]
async fn clients_that_do_not_use_their_connections_make_room_for_others() {
    for shared in without_and_with_threads() {
        let shared = Shared { load: Arc::new(Load::new(3, 0)), ..shared };
        let router = Router::new().fallback(async || "served");
        let (server, address) = start_with(router, Patience::default(), shared);
        let mut waiting = Vec::new();
        for sent in ["", "GET / HTT", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
            waiting.push(connect(address, sent).await);
        }
        for _ in 0..5 {
            let response = send(address, "GET / HTTP/1.0\r\n\r\n").await;
            assert!(response.ends_with("served"), "{response}");
        }
        for connection in waiting {
            rest(connection).await;
        }
        server.abort();
    }
}

#[tokio::test]
async fn a_request_beyond_what_the_server_holds_is_refused_and_others_are_not() {
    let shared = Shared { load: Arc::new(Load::new(10, 1 << 20)), ..Shared::default() };
    let router = Router::new().route("/", post(async |RawBody(body): RawBody| body));
    let (server, address) = start_with(router, Patience::default(), shared);
    for (bytes, status) in [(2 << 20, "503"), (10, "200"), (300_000, "200")] {
        let head = "POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: ";
        let request = format!("{head}{bytes}\r\n\r\n{}", "a".repeat(bytes));
        let response = String::from_utf8(rest(connect(address, &request).await).await);
        let response = response.expect("it is text");
        assert_eq!(response.split(' ').nth(1), Some(status), "{bytes}: {response:.300}");
    }
    server.abort();
}
