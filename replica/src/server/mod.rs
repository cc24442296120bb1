//! PocketIC's protocol over HTTP, on loopback.
//!
//! The routes of PocketIC 16.1; those that are not served answer 404 and say so. Each operation is
//! answered at once with its result, which the protocol allows. Below `/instances/ID/api`, and on
//! gateways, it is the HTTP interface for agents that is spoken.

mod agents;
mod api;
mod background;
mod blobs;
mod body;
mod connections;
mod convert;
mod gateways;
mod instances;
mod live;
mod names;
mod panics;
mod progress;
mod routes;
mod snapshot_dir;

use crate::network::NetworkProfile;
use background::Background;
use connections::HEAD_PATIENCE;
pub use instances::Instances;
pub use live::{LiveConfig, LiveError, LiveNetwork};
use names::Names;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// The version of the PocketIC protocol that is spoken here.
pub const PROTOCOL_VERSION: &str = "16.1.0";

/// How a server is started.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address to listen on; that of the loopback interface unless somebody says otherwise,
    /// since whoever reaches the server can do with it what he likes.
    pub ip_addr: IpAddr,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// How rounds relate to time, in all its instances.
    pub profile: NetworkProfile,
    /// Names by which clients may call it, beside `localhost`, names below that, and addresses.
    pub domains: Vec<String>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let profile = NetworkProfile::default();
        Self { ip_addr: Ipv4Addr::LOCALHOST.into(), port: 0, profile, domains: Vec::new() }
    }
}

/// A server with a runtime of its own, which ends when this value is dropped.
///
/// It may be started and dropped anywhere, in asynchronous code, too.
#[derive(Debug)]
pub struct EmbeddedServer {
    address: SocketAddr,
    instances: Arc<Instances>,
    _background: Background,
}

impl EmbeddedServer {
    /// Starts a server. Fails when the port is taken.
    pub fn start(config: ServerConfig) -> io::Result<Self> {
        let listener = connections::listen((config.ip_addr, config.port))?;
        let address = listener.local_addr()?;
        tracing::debug!("listening on {address}");
        let instances = Arc::new(Instances::new(config.profile));
        let router = routes::router(instances.clone(), Names::with(&config.domains));
        let serve = connections::serve(listener, router, HEAD_PATIENCE);
        Ok(Self { address, instances, _background: Background::start(serve)? })
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
