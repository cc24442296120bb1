//! A network that progresses by itself and serves agents, and nobody else.

use crate::instance::{Instance, InstanceConfig, InstanceError, SubnetInfo};
use crate::network::NetworkProfile;
use crate::server::background::Background;
use crate::server::connections::HEAD_PATIENCE;
use crate::server::instances::Instances;
use crate::server::names::{self, Names};
use crate::server::{agents, api::ApiError, connections};
use crate::subnet::RelaxedLimits;
use crate::topology::{SubnetKind, SubnetRequest};
use crate::types::{CanisterId, Time};
use axum::Router;
use axum::extract::{Extension, OriginalUri};
use axum::middleware::{from_fn, from_fn_with_state};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How a live network is started.
#[derive(Clone, Debug)]
pub struct LiveConfig {
    /// The address to listen on.
    pub ip_addr: IpAddr,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// How long a round takes, and a message from subnet to subnet.
    pub profile: NetworkProfile,
    /// The subnets it is to have, beside an NNS and an II subnet.
    pub subnets: Vec<SubnetKind>,
    /// How long a round takes at least.
    pub artificial_delay: Duration,
    /// Names by which clients may call it, beside `localhost`, names below that, and addresses.
    pub domains: Vec<String>,
}

impl Default for LiveConfig {
    fn default() -> Self {
        Self {
            ip_addr: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            profile: NetworkProfile::default(),
            subnets: vec![SubnetKind::Application],
            artificial_delay: Duration::ZERO,
            domains: Vec::new(),
        }
    }
}

/// Why a live network cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The port is taken, for instance.
    #[error("cannot listen on {address}: {error}; choose another port, or 0 for any that is free")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What went wrong.
        error: io::Error,
    },
    /// A kind of subnet without the canisters that make it what it is.
    #[error(
        "this network can have no {0} subnet, whose canisters it has not: ask for application, \
         verified-application, system, fiduciary, sns or cloud-engine subnets"
    )]
    Kind(SubnetKind),
    /// Subnets that make no sense.
    #[error(transparent)]
    Instance(#[from] InstanceError),
}

/// A live network. It ends when this value is dropped.
///
/// The NNS subnet is always the first, so the root key is the same in every run, and everybody can
/// know its secret: it is for development alone.
#[derive(Debug)]
pub struct LiveNetwork {
    address: SocketAddr,
    root_key: Vec<u8>,
    subnets: Vec<SubnetInfo>,
    default_canister: CanisterId,
    background: Background,
}

impl LiveNetwork {
    /// Starts a network. Fails when the port is taken, or for subnets it cannot have.
    pub fn start(config: LiveConfig) -> Result<Self, LiveError> {
        let address = SocketAddr::from((config.ip_addr, config.port));
        let listen = |error| LiveError::Listen { address, error };
        let listener = connections::listen((config.ip_addr, config.port)).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let instance = Instance::new(instance_config(&config)?)?;
        let subnets = instance.subnets().to_vec();
        let root_key = instance.root_key().public_key_der().to_vec();
        let default_canister = instance.default_effective_canister();
        let instances = Instances::new(config.profile);
        let id = instances.add(instance);
        let delay = config.artificial_delay;
        let names = Names::with(&config.domains);
        let serve = async move {
            let slot = instances.slot(id).map_err(io::Error::other)?;
            slot.start_progress(delay).await.map_err(io::Error::other)?;
            let router = Router::new()
                .nest("/api", agents::routes())
                .fallback(no_route)
                .layer(Extension(slot))
                .layer(from_fn(agents::allow_other_origins))
                .layer(from_fn_with_state(names, names::refuse_others));
            connections::serve(listener, router, HEAD_PATIENCE).await
        };
        let background = Background::start(serve).map_err(listen)?;
        Ok(Self { address, root_key, subnets, default_canister, background })
    }

    /// Why it serves nobody any more; nothing, as long as it does.
    pub fn failure(&mut self) -> Option<String> {
        self.background.failure()
    }

    /// Where agents find it: `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The key with which everything it says can be checked, in DER form and in hexadecimal digits.
    pub fn root_key_hex(&self) -> String {
        hex::encode(&self.root_key)
    }

    /// Its subnets, those it has in any case first.
    pub fn subnets(&self) -> &[SubnetInfo] {
        &self.subnets
    }

    /// The canister id that stands for the subnet where canisters are created unless somebody says
    /// where.
    pub fn default_effective_canister(&self) -> CanisterId {
        self.default_canister
    }
}

fn instance_config(config: &LiveConfig) -> Result<InstanceConfig, LiveError> {
    use SubnetKind::*;
    let own = [NetworkNervousSystem, InternetIdentity];
    let mut kinds = own.to_vec();
    for kind in &config.subnets {
        match kind {
            Bitcoin | TestThresholdKeys => return Err(LiveError::Kind(*kind)),
            kind if own.contains(kind) => {}
            kind => kinds.push(*kind),
        }
    }
    if kinds == own {
        kinds.push(Application);
    }
    Ok(InstanceConfig {
        subnets: kinds.into_iter().map(SubnetRequest::of).collect(),
        profile: config.profile,
        initial_time: Time::GENESIS,
        standins: true,
        relaxed: RelaxedLimits::default(),
    })
}

async fn no_route(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::not_found(format!(
        "this is a local network for agents, which serves nothing at {}: its interface is below \
         /api",
        uri.path()
    ))
}
