//! Connections: accepting them, serving them, and closing those on which nothing moves.

mod stream;

use crate::limits::{
    ACCEPT_RETRY_DELAY, REQUEST_HEAD_TIMEOUT, RESPONSE_WRITE_TIMEOUT, SEND_BUFFER_BYTES,
    SERVER_ARRIVAL_TIME,
};
use crate::server::api::ApiError;
use crate::server::background::StopSignal;
use crate::server::load::{Load, RequestBytes, with_body};
use crate::server::threads::{ConnectionThreads, poll_in};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use std::any::Any;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use stream::PatientStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tower_http::catch_panic::CatchPanicLayer;

/// How long a server waits for its clients.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Longest time for the head of a request to arrive.
    pub(super) head: Duration,
    /// Longest time in which a client reads nothing of a response.
    pub(super) write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: REQUEST_HEAD_TIMEOUT, write: RESPONSE_WRITE_TIMEOUT }
    }
}

/// What the listeners of a server share: the load, the threads for connections, and the signal that ends the server.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    pub(super) load: Arc<Load>,
    pub(super) threads: ConnectionThreads,
    pub(super) stop: StopSignal,
}

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

/// Accepts and serves connections until the signal to stop. Shortly after the signal no connection and no request is
/// accepted any more ([`SERVER_ARRIVAL_TIME`]). This future ends when all open requests are completed. To drop the
/// future closes all connections at once. A connection is also closed if its client keeps the server waiting longer
/// than `patience`.
///
/// # Errors
///
/// Fails if tokio cannot use the listener.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    router: Router,
    patience: Patience,
    shared: Shared,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let router = router
        .layer(CatchPanicLayer::custom(panic_response))
        .layer(from_fn_with_state(shared.load.clone(), count_bytes));
    let server_runtime = Handle::current();
    let service = ConnectionService { router, patience, shared, server_runtime };
    let mut connections = Connections { service, open: JoinSet::new() };
    connections.accept_until_signal(&listener).await;
    connections.accept_arrived(&listener).await;
    drop(listener);
    while connections.open.join_next().await.is_some() {}
    Ok(())
}

/// The connections of a listener.
struct Connections {
    service: ConnectionService,
    open: JoinSet<()>,
}

impl Connections {
    /// Accepts connections until the signal to stop.
    async fn accept_until_signal(&mut self, listener: &TcpListener) {
        let Shared { load, stop, .. } = self.service.shared.clone();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => tokio::select! {
                        biased;
                        counted = load.connection() => self.begin(stream, Some(counted)),
                        () = stop.given() => {
                            self.begin(stream, None);
                            break;
                        }
                    },
                    Err(error) => {
                        tracing::warn!("cannot accept a connection: {error}");
                        tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                    }
                },
                () = stop.given() => break,
            }
        }
    }

    /// Accepts, after the signal to stop, connections of clients that may have connected before.
    async fn accept_arrived(&mut self, listener: &TcpListener) {
        let end = Instant::now() + SERVER_ARRIVAL_TIME;
        while let Ok(accepted) = timeout_at(end, listener.accept()).await {
            match accepted {
                Ok((stream, _)) => self.begin(stream, None),
                // A client that has gone again, or too many open files: others may still come.
                Err(_) if Instant::now() < end => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(_) => break,
            }
        }
    }

    /// Begins to serve a connection: on a thread of its own, if one is free. `counted` is dropped at its end.
    fn begin(&mut self, stream: TcpStream, counted: Option<OwnedSemaphorePermit>) {
        let service = self.service.clone();
        let thread = service.shared.threads.take_free();
        self.open.spawn(async move {
            match thread {
                Some(thread) => thread.serve(stream, |stream| service.serve(stream)).await,
                None => service.serve(stream).await,
            }
            drop(counted);
        });
        // Forget connections that have ended.
        while self.open.try_join_next().is_some() {}
    }
}

/// What a connection needs to be served.
#[derive(Clone)]
struct ConnectionService {
    router: Router,
    patience: Patience,
    shared: Shared,
    /// The runtime of the server, which lives longer than the connection.
    server_runtime: Handle,
}

impl ConnectionService {
    async fn serve(self, stream: TcpStream) {
        let Self { router, patience, shared, server_runtime } = self;
        configure(&stream);
        let stream = PatientStream::new(stream, patience.write);
        let is_sending = stream.is_sending();
        let requests = OpenRequests::default();
        let (opened, router) = (requests.clone(), TowerToHyperService::new(router));
        let service = service_fn(move |request| {
            let open = opened.begin();
            let response = router.call(request);
            let server_runtime = server_runtime.clone();
            async move {
                let response = poll_in(&server_runtime, response).await;
                response.map(|response| response.map(|body| with_body(body, open)))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let served = tokio::select! {
            // First, so that the server has read what has arrived before it looks for open requests.
            biased;
            served = connection.as_mut() => served,
            () = ends(&shared) => {
                // A client that has sent a part of a head only would have much time for the rest.
                if requests.count() == 0 && !is_sending.load(Relaxed) {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!("a connection ended: {error}");
        }
    }
}

/// Sets the options of a connection's socket.
fn configure(stream: &TcpStream) {
    // Requests are small, and a client waits for each response: sending without delay halves the time of a request.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("cannot set TCP_NODELAY: {error}");
    }
    // The operating system would keep megabytes for each client that does not read.
    if let Err(error) = SockRef::from(stream).set_send_buffer_size(SEND_BUFFER_BYTES) {
        tracing::debug!("cannot set SO_SNDBUF: {error}");
    }
}

/// Waits until a connection must not begin another request: the server stops, or a client waits for a
/// connection. A request that a client has sent before that has arrived by then.
async fn ends(shared: &Shared) {
    tokio::select! {
        () = shared.stop.given() => {}
        () = shared.load.crowded() => {}
    }
    tokio::time::sleep(SERVER_ARRIVAL_TIME).await;
}

/// The number of open requests of a connection: those without a complete response.
#[derive(Clone, Debug, Default)]
struct OpenRequests(Arc<AtomicUsize>);

/// A request that counts as open until this value is dropped.
struct OpenRequest(OpenRequests);

impl OpenRequests {
    fn begin(&self) -> OpenRequest {
        self.0.fetch_add(1, Relaxed);
        OpenRequest(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// Counts the bytes of a request until it has a response, and those of the response until it is sent.
async fn count_bytes(
    State(load): State<Arc<Load>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    request.extensions_mut().insert(RequestBytes::new(load.clone()));
    let response = next.run(request).await;
    load.hold(response).map_err(ApiError::from)
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
