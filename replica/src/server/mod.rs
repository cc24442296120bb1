//! PocketIC's protocol over HTTP, on loopback.
//!
//! The routes of PocketIC 16.1 but for those of the HTTP interface and its gateway; routes that are
//! not served answer 404 and say so. Each operation is answered at once with its result, which the
//! protocol allows.

mod agents;
mod api;
mod blobs;
mod convert;
mod instances;
mod progress;
mod routes;
mod snapshot_dir;

use crate::network::NetworkProfile;
pub use instances::Instances;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// The version of the PocketIC protocol that is spoken here.
pub const PROTOCOL_VERSION: &str = "16.1.0";

/// Native stack of the threads that execute canisters: what Wasm may use, and as much again.
const THREAD_STACK_BYTES: usize = 2 * crate::limits::WASM_STACK_BYTES;

/// How long a server that is stopped waits for what it is just doing.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// How a server is started.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// The address to listen on; that of the loopback interface unless somebody says otherwise,
    /// since whoever reaches the server can do with it what he likes.
    pub ip_addr: IpAddr,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// How rounds relate to time, in all its instances.
    pub profile: NetworkProfile,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let profile = NetworkProfile::default();
        Self { ip_addr: Ipv4Addr::LOCALHOST.into(), port: 0, profile }
    }
}

/// A server with a runtime of its own, which ends when this value is dropped.
///
/// It may be started and dropped anywhere, in asynchronous code, too.
#[derive(Debug)]
pub struct EmbeddedServer {
    address: SocketAddr,
    instances: Arc<Instances>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedServer {
    /// Starts a server. Fails when the port is taken.
    pub fn start(config: ServerConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((config.ip_addr, config.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        tracing::debug!("listening on {address}");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("embedded-replica")
            .thread_stack_size(THREAD_STACK_BYTES)
            .build()?;
        let instances = Arc::new(Instances::new(config.profile));
        let (stop, stopped) = oneshot::channel();
        let shared = instances.clone();
        let thread =
            std::thread::Builder::new().name("embedded-replica".into()).spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        result = routes::serve(listener, shared) => {
                            if let Err(error) = result {
                                tracing::error!("the server ended: {error}");
                            }
                        }
                        _ = stopped => {}
                    }
                });
                runtime.shutdown_timeout(STOP_PATIENCE);
            })?;
        Ok(Self { address, instances, stop: Some(stop), thread: Some(thread) })
    }

    /// Where clients find it: `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How long nobody has asked anything of it. Nothing is under way then.
    pub fn idle_time(&self) -> Duration {
        self.instances.idle_time()
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone if the server has ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the server's thread panicked");
        }
    }
}
