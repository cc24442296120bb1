//! Gateways: listeners with the interface for agents of one instance at their root.

use crate::server::connections::{HEAD_PATIENCE, listen, serve};
use crate::server::names::Names;
use axum::Router;
use pocket_ic::common::rest::{
    HttpGatewayBackend, HttpGatewayConfig, HttpGatewayDetails, HttpGatewayInfo,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// All gateways, by number. A number is never used twice.
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
        // That it was aborted is what was asked for.
        let _ = self.task.await;
    }
}

impl Gateways {
    fn lock(&self) -> MutexGuard<'_, Vec<Option<Gateway>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a gateway that serves `router` for an instance; or says why there can be none.
    pub(super) fn start(
        &self,
        config: HttpGatewayConfig,
        router: impl FnOnce(usize, Names) -> Router,
    ) -> Result<HttpGatewayInfo, String> {
        let HttpGatewayBackend::PocketIcInstance(instance) = config.forward_to else {
            return Err(
                "a gateway of the embedded replica is for one of its instances: forward to \
                        a PocketIcInstance"
                    .into(),
            );
        };
        if config.https_config.is_some() || config.domain_custom_provider_local_file.is_some() {
            return Err("gateways of the embedded replica have neither TLS nor domains of their \
                        own: leave 'https_config' and 'domain_custom_provider_local_file' out"
                .into());
        }
        let ip_addr: IpAddr = match &config.ip_addr {
            Some(text) => {
                text.parse().map_err(|error| format!("'{text}' is no address: {error}"))?
            }
            None => Ipv4Addr::LOCALHOST.into(),
        };
        let asked = config.port.unwrap_or(0);
        let failed = |error| {
            format!(
                "cannot listen on {ip_addr}, port {asked}: {error}; choose another port, or none"
            )
        };
        let listener = listen((ip_addr, asked)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let names = Names::with(config.domains.as_deref().unwrap_or_default());
        let task = tokio::spawn(serve(listener, router(instance, names), HEAD_PATIENCE));
        let mut gateways = self.lock();
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

    /// Those there are.
    pub(super) fn list(&self) -> Vec<HttpGatewayDetails> {
        self.lock().iter().flatten().map(|gateway| gateway.details.clone()).collect()
    }

    /// Stops one, with all its connections; whether there was one.
    pub(super) async fn stop(&self, id: usize) -> bool {
        let stopped = self.lock().get_mut(id).and_then(Option::take);
        match stopped {
            Some(gateway) => {
                gateway.stop().await;
                true
            }
            None => false,
        }
    }

    /// Stops those of an instance.
    pub(super) async fn stop_all_of(&self, instance: usize) {
        let is_of = |gateway: &mut Gateway| gateway.instance == instance;
        let stopped: Vec<Gateway> =
            self.lock().iter_mut().filter_map(|gateway| gateway.take_if(is_of)).collect();
        for gateway in stopped {
            gateway.stop().await;
        }
    }
}
