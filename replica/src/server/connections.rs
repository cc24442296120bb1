//! Connections: accepting them, serving them, and closing those on which no request arrives.

use crate::limits::ACCEPT_RETRY_DELAY;
use crate::server::api::ApiError;
use axum::Router;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::any::Any;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower_http::catch_panic::CatchPanicLayer;

/// Listens on an address.
///
/// # Errors
///
/// Fails if the operating system does not allow that, for example because the port is in use.
pub(super) fn listen(address: (std::net::IpAddr, u16)) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Accepts and serves connections until this future is dropped, which closes all of them. A connection
/// is closed if the head of a request does not arrive within `head_timeout`.
///
/// # Errors
///
/// Fails if tokio cannot use the listener.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    router: Router,
    head_timeout: Duration,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let router = router.layer(CatchPanicLayer::custom(panic_response));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, router.clone(), head_timeout));
                }
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router, head_timeout: Duration) {
    // Requests are small, and a client waits for each response: sending without delay halves the time
    // of a request.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("cannot set TCP_NODELAY: {error}");
    }
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = served.await {
        tracing::debug!("a connection ended: {error}");
    }
}

/// The response to a request whose handler panicked.
///
/// A panic ends the instance that it happens on before it gets here (`HostedInstance::access`). Other
/// shared state is changed in single steps, so a panic does not leave it half changed.
fn panic_response(_: Box<dyn Any + Send>) -> Response {
    let error = ApiError::internal(
        "the replica panicked while it handled this request: the panic message is in the standard \
         error of its process; existing instances keep running",
    );
    error.into_response()
}

#[cfg(test)]
mod tests;
