//! The replica as an HTTP server, in two forms.
//!
//! - An [`EmbeddedServer`] serves PocketIC's clients. It has some of the routes of PocketIC 16.1. All other
//!   routes respond with status 404 and a message. Every operation is complete when its response is sent;
//!   the protocol's polling is not used. Below `/instances/ID/api`, and on HTTP gateways, the server has
//!   the HTTP interface for agents.
//! - A [`LiveNetwork`] has one instance that auto-progresses, and serves the HTTP interface for agents.

mod agents;
mod api;
mod auto_progress;
mod background;
mod blobs;
mod body;
mod canister_pages;
mod clock;
mod connections;
mod convert;
mod executions;
mod gateways;
mod hosted;
mod instances;
mod keywords;
mod live;
mod load;
mod names;
mod outcall_requests;
mod outcalls;
mod page;
mod routes;
mod snapshot_dir;
mod states;
mod threads;
mod watch;

use crate::instance::Instance;
use crate::limits::SERVER_STOP_TIMEOUT;
use crate::network::NetworkProfile;
use crate::trace::Event;
use background::Background;
use connections::Patience;
pub use hosted::Activity;
use instances::Instances;
pub use live::{LiveConfig, LiveError, LiveNetwork};
use names::Names;
pub use outcalls::OutcallDestinations;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// The version of PocketIC's protocol that the server implements.
pub const PROTOCOL_VERSION: &str = "16.1.0";

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address to listen on. The default is the loopback interface, because every client that can
    /// reach the server can do everything with it.
    pub ip_addr: IpAddr,
    /// The port to listen on; 0 for any free port.
    pub port: u16,
    /// How rounds relate to time in all instances.
    pub profile: NetworkProfile,
    /// Host names that clients may use, besides IP addresses, `localhost` and its subdomains.
    pub domains: Vec<String>,
    /// The hosts to which the server makes HTTP requests for canisters of instances that auto-progress.
    pub outcalls: OutcallDestinations,
    /// Whether gateways also serve the page of their instance. The server then logs a link when a gateway starts.
    pub pages: bool,
}

/// Why nobody can listen to the events of an instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// The instance cannot be used.
    #[error("{0}")]
    Instance(String),
    /// The server has ended.
    #[error("the server has ended: start another one")]
    ServerEnded,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            ip_addr: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            profile: NetworkProfile::default(),
            domains: Vec::new(),
            outcalls: OutcallDestinations::default(),
            pages: false,
        }
    }
}

/// A server that PocketIC's clients can use in place of a PocketIC server. It ends when this value is
/// dropped: it completes open requests, but does not wait for them for ever
/// ([`SERVER_DRAIN_TIMEOUT`](crate::limits::SERVER_DRAIN_TIMEOUT)). Instances with a state directory are then
/// saved.
///
/// The server runs on a thread and a runtime of its own, so it may be started and dropped anywhere, in
/// asynchronous code, too. The [crate documentation](crate) has an example.
#[derive(Debug)]
pub struct EmbeddedServer {
    address: SocketAddr,
    instances: Arc<Instances>,
    background: Background,
}

impl EmbeddedServer {
    /// Starts a server.
    ///
    /// # Errors
    ///
    /// Fails if the address cannot be listened on, for example because the port is in use: choose another
    /// port, or 0. Fails if the operating system does not start a thread, or has no random numbers for the links to
    /// pages.
    pub fn start(config: ServerConfig) -> io::Result<Self> {
        let listener = connections::listen((config.ip_addr, config.port))?;
        let address = listener.local_addr()?;
        tracing::debug!("listening on {address}");
        let page_token = config.pages.then(page::Token::random).transpose()?;
        let instances = Instances::new(config.profile, config.outcalls).with_pages(page_token);
        let instances = Arc::new(instances);
        let router = routes::router(instances.clone(), Names::with(&config.domains));
        let (served, all, shared) =
            (instances.clone(), instances.clone(), instances.shared().clone());
        let (stop, threads) = (shared.stop.clone(), shared.threads.clone());
        let serve = async move {
            connections::serve(listener, router, Patience::default(), shared).await?;
            served.gateways().drain().await;
            Ok(())
        };
        let finish = async move {
            all.save_all().await;
            threads.ended(SERVER_STOP_TIMEOUT).await;
            Ok(())
        };
        Ok(Self { address, instances, background: Background::start(stop, serve, finish)? })
    }

    /// The URL for clients, such as `http://127.0.0.1:8000/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The port that the server listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Starts to record the events of an instance (see [`trace`](crate::trace)). `instance` is the number that the
    /// client knows: `PocketIc::instance_id`. The receiver gets every event from now on, and an instance has one
    /// receiver: a later call takes the place of an earlier one. Events that nobody takes from the receiver use memory.
    ///
    /// If a request uses the instance, this waits until the request is complete.
    ///
    /// # Errors
    ///
    /// [`ListenError`] if there is no such instance, or if the instance has panicked.
    pub fn listen(&self, instance: usize) -> Result<Receiver<Event>, ListenError> {
        let instances = self.instances.clone();
        let listen = async move {
            let hosted = instances.get(instance)?;
            hosted.access(Instance::listen).await
        };
        let events = self.background.run(listen).ok_or(ListenError::ServerEnded)?;
        events.map_err(|error| ListenError::Instance(error.to_string()))
    }

    /// How long the server has been idle: the time since the end of the last request. Zero while a
    /// request is open.
    pub fn idle_time(&self) -> Duration {
        self.instances.idle_time()
    }
}
