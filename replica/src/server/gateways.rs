//! Gateways: listeners of their own, each of which serves the HTTP interface for agents of one instance
//! at the root path.

use crate::server::canister_pages::CustomDomains;
use crate::server::connections::{Patience, Shared, listen, serve};
use crate::server::names::Names;
use axum::Router;
use parking_lot::Mutex;
use pocket_ic::common::rest::{
    HttpGatewayBackend, HttpGatewayConfig, HttpGatewayDetails, HttpGatewayInfo,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use tokio::task::JoinHandle;

/// All gateways, by number. A number is never used twice. `None` is a stopped gateway.
#[derive(Debug, Default)]
pub(super) struct Gateways(Mutex<Vec<Option<Gateway>>>);

#[derive(Debug)]
struct Gateway {
    details: HttpGatewayDetails,
    instance: usize,
    task: JoinHandle<std::io::Result<()>>,
}

impl Gateway {
    async fn stop(self) {
        self.task.abort();
        // The only possible error is that the task was aborted, which is the purpose.
        let _ = self.task.await;
    }
}

/// Listens on an address for a gateway that is about to start: on `ip_addr`, or else on the loopback
/// interface; on `port`, or else on any free port.
///
/// # Errors
///
/// Fails if the address cannot be listened on. The message says what to change.
pub(super) fn listen_for(ip_addr: Option<&str>, port: Option<u16>) -> Result<TcpListener, String> {
    let ip_addr: IpAddr = match ip_addr {
        Some(text) => {
            text.parse().map_err(|error| format!("'{text}' is not an IP address: {error}"))?
        }
        None => Ipv4Addr::LOCALHOST.into(),
    };
    let address = SocketAddr::from((ip_addr, port.unwrap_or(0)));
    listen((address.ip(), address.port())).map_err(|error| {
        format!(
            "Failed to bind to address {address}: {error}; choose another port, or leave it out for any \
             free port"
        )
    })
}

impl Gateways {
    /// Starts a gateway on a listener. It ends with the server that `shared` is of, if it is not stopped before.
    /// `router` makes its routes, from the number of the instance, the host names that clients may use, and those of
    /// canisters.
    ///
    /// # Errors
    ///
    /// Fails if the configuration asks for a feature that does not exist here. The message says what to
    /// change.
    pub(super) fn start(
        &self,
        config: HttpGatewayConfig,
        listener: TcpListener,
        shared: Shared,
        router: impl FnOnce(usize, Names, CustomDomains) -> Result<Router, String>,
    ) -> Result<HttpGatewayInfo, String> {
        let HttpGatewayBackend::PocketIcInstance(instance) = config.forward_to else {
            return Err(
                "a gateway of the embedded replica forwards to one of its own instances only: \
                        set 'forward_to' to a PocketIcInstance"
                    .into(),
            );
        };
        if config.https_config.is_some() {
            return Err(
                "TLS config could not be created: gateways of the embedded replica have no \
                        TLS; leave out 'https_config'"
                    .into(),
            );
        }
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let names = Names::with(config.domains.as_deref().unwrap_or_default());
        let domains = config.domain_custom_provider_local_file.map(PathBuf::from);
        let router = router(instance, names, CustomDomains::in_file(domains))?;
        let serve = serve(listener, router, Patience::default(), shared);
        let task = tokio::spawn(serve);
        let mut gateways = self.0.lock();
        let id = gateways.len();
        let details = HttpGatewayDetails {
            instance_id: id,
            port,
            forward_to: config.forward_to,
            domains: config.domains,
            https_config: None,
        };
        gateways.push(Some(Gateway { details, instance, task }));
        Ok(HttpGatewayInfo { instance_id: id, port })
    }

    /// All running gateways.
    pub(super) fn list(&self) -> Vec<HttpGatewayDetails> {
        self.0.lock().iter().flatten().map(|gateway| gateway.details.clone()).collect()
    }

    /// Stops a gateway and closes its connections, if there is such a gateway.
    pub(super) async fn stop(&self, id: usize) {
        let stopped = self.0.lock().get_mut(id).and_then(Option::take);
        if let Some(gateway) = stopped {
            gateway.stop().await;
        }
    }

    /// Waits until all gateways have ended, after the server has got the signal to stop.
    pub(super) async fn drain(&self) {
        let gateways: Vec<Gateway> = self.0.lock().iter_mut().filter_map(Option::take).collect();
        for gateway in gateways {
            // The only possible errors are that the gateway was aborted or has panicked.
            let _ = gateway.task.await;
        }
    }

    /// Stops all gateways of an instance.
    pub(super) async fn stop_all_of(&self, instance: usize) {
        let is_of = |gateway: &mut Gateway| gateway.instance == instance;
        let stopped: Vec<Gateway> =
            self.0.lock().iter_mut().filter_map(|gateway| gateway.take_if(is_of)).collect();
        for gateway in stopped {
            gateway.stop().await;
        }
    }
}
