//! Connections: accepted, served, and given up when nothing comes.

use crate::server::panics;
use axum::Router;
use axum::middleware::from_fn;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long a connection may take for the head of a request, or be without one. Longer than clients
/// keep connections for later, so that these are not closed just when they are used again.
pub(super) const HEAD_PATIENCE: Duration = Duration::from_secs(120);

/// How long to wait when no connection can be accepted, as when the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The listener for an address; fails when that is taken.
pub(super) fn listen(address: (std::net::IpAddr, u16)) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves connections until this is dropped, which ends them all.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    router: Router,
    head_patience: Duration,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let router = router.layer(from_fn(panics::answer));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_one(stream, router.clone(), head_patience));
                }
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_one(stream: TcpStream, router: Router, head_patience: Duration) {
    // Requests are small and wait for each other: sending at once halves the time of each.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("cannot set TCP_NODELAY: {error}");
    }
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_patience)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = served.await {
        tracing::debug!("a connection ended: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_request_that_panics_is_answered_with_500_and_a_message_and_others_are_served() {
        let listener = listen((Ipv4Addr::LOCALHOST.into(), 0)).expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let router = Router::new()
            .route(
                "/panics",
                get(async || {
                    if true {
                        panic!("a bug, on purpose")
                    }
                }),
            )
            .fallback(async || "served");
        let server = tokio::spawn(serve(listener, router, HEAD_PATIENCE));
        for (path, status, body) in [
            ("/panics", "500", "{\"message\":\"an error of the replica itself"),
            ("/", "200", "served"),
        ] {
            let mut connection = TcpStream::connect(address).await.expect("it listens");
            let head = format!("GET {path} HTTP/1.0\r\n\r\n");
            connection.write_all(head.as_bytes()).await.expect("it reads");
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.expect("it answers");
            assert_eq!(answer.split(' ').nth(1), Some(status), "{path}: {answer}");
            assert!(answer.contains(body), "{path}: {answer}");
        }
        server.abort();
    }

    #[tokio::test]
    async fn who_does_not_finish_a_head_is_cut_off_and_others_are_served() {
        let listener = listen((Ipv4Addr::LOCALHOST.into(), 0)).expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let router = Router::new().fallback(async || "served");
        let server = tokio::spawn(serve(listener, router, Duration::from_millis(50)));
        let mut slow = TcpStream::connect(address).await.expect("it listens");
        slow.write_all(b"GET / HTTP/1.1\r\nhost: ").await.expect("it reads");
        let mut quick = TcpStream::connect(address).await.expect("it listens");
        quick.write_all(b"GET / HTTP/1.0\r\n\r\n").await.expect("it reads");
        let mut answer = String::new();
        quick.read_to_string(&mut answer).await.expect("it answers");
        assert!(answer.ends_with("served"), "{answer}");
        let mut rest = Vec::new();
        let cut_off = tokio::time::timeout(Duration::from_secs(10), slow.read_to_end(&mut rest));
        assert!(cut_off.await.is_ok(), "the connection is still open");
        server.abort();
    }
}
