//! The live network of `embedded-replica serve` and of `icp network start`: it auto-progresses and
//! serves the HTTP interface for agents, and its page.

use crate::instance::{Instance, InstanceConfig, InstanceError, SubnetInfo};
use crate::limits::SERVER_STOP_TIMEOUT;
use crate::network::NetworkProfile;
use crate::server::background::Background;
use crate::server::canister_pages::{self, CanisterPages, CustomDomains};
use crate::server::connections::Patience;
use crate::server::hosted::{Activity, HostedInstance};
use crate::server::instances::Instances;
use crate::server::names::{self, Names};
use crate::server::outcalls::OutcallDestinations;
use crate::server::page::{self, Token};
use crate::server::states;
use crate::server::{agents, api::ApiError, connections};
use crate::state_dir::{StateDir, StateDirError};
use crate::subnet::RelaxedLimits;
use crate::topology::{SubnetKind, SubnetRequest};
use crate::types::{CanisterId, Time};
use axum::Router;
use axum::extract::{Extension, OriginalUri};
use axum::middleware::from_fn_with_state;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The configuration of a live network.
#[derive(Clone, Debug)]
pub struct LiveConfig {
    /// The address to listen on.
    pub ip_addr: IpAddr,
    /// The port to listen on; 0 for any free port.
    pub port: u16,
    /// The timing of the network: the length of a round, and the rounds that a message to another subnet
    /// takes.
    pub profile: NetworkProfile,
    /// The subnets of the network, besides an NNS and an II subnet, which every live network has. If the
    /// list is empty, the network gets one application subnet.
    pub subnets: Vec<SubnetKind>,
    /// The shortest time from one round to the next. Longer than the profile's round length, it makes
    /// rounds slower; shorter, it has no effect.
    pub artificial_delay: Duration,
    /// Host names that clients may use, besides IP addresses, `localhost` and its subdomains.
    pub domains: Vec<String>,
    /// A file with host names of canisters, one in each line: `NAME:CANISTER_ID`. The names must be subdomains of
    /// `localhost` or of `domains`. The file need not exist yet, and may change at any time.
    pub custom_domains_file: Option<PathBuf>,
    /// The hosts to which the network makes HTTP requests for canisters.
    pub outcalls: OutcallDestinations,
    /// The directory in which the network is saved about once a second while it changes, and at its end.
    /// If the directory contains a state, the network continues from there. `None` if nothing is saved.
    pub state_dir: Option<PathBuf>,
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
            custom_domains_file: None,
            outcalls: OutcallDestinations::default(),
            state_dir: None,
        }
    }
}

/// Why a live network cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The address cannot be listened on, for example because the port is in use.
    #[error("cannot listen on {address}: {error}; choose another port, or 0 for any that is free")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A subnet of this kind would be of no use: it needs system canisters that this network does not
    /// have.
    #[error(
        "this network can have no {0} subnet, because it does not have the canisters of such a subnet: \
         choose application, verified-application, system, fiduciary, sns or cloud-engine"
    )]
    Kind(SubnetKind),
    /// The operating system has no random numbers, which the secret in the link to the page is made of.
    #[error("there are no random numbers for the link to the network's page: {0}")]
    Random(io::Error),
    /// The subnets cannot be created.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The network cannot be saved or restored.
    #[error(transparent)]
    State(#[from] StateDirError),
    /// The saved network was an instance of PocketIC's protocol.
    #[error(
        "the network saved in {} is an instance of a PocketIC client, which has no ledgers for the command \
         line tools: choose an empty directory", .0.display()
    )]
    NotLive(PathBuf),
    /// The saved network has other subnets than the configuration.
    #[error(
        "the network saved in {} has other subnets ({saved}): leave out the subnets, or choose an empty \
         directory", folder.display()
    )]
    OtherSubnets {
        /// The state directory.
        folder: PathBuf,
        /// The kinds of the subnets of the saved network.
        saved: String,
    },
}

/// A live network: an instance that auto-progresses and serves agents. It ends when this value is
/// dropped. If it has a state directory, it is then saved.
///
/// The first subnet is always the NNS subnet, so the root key is the same in every run. Everybody can
/// derive the private key: use it for development only.
#[derive(Debug)]
pub struct LiveNetwork {
    address: SocketAddr,
    root_key: Vec<u8>,
    subnets: Vec<SubnetInfo>,
    default_canister: CanisterId,
    token: Token,
    crashed_run: Option<SystemTime>,
    hosted: Arc<HostedInstance>,
    background: Background,
}

impl LiveNetwork {
    /// Starts a network.
    ///
    /// # Errors
    ///
    /// - [`LiveError::Listen`] if the address cannot be listened on: choose another port, or 0.
    /// - [`LiveError::Kind`] if a subnet of this kind cannot exist here: leave it out.
    /// - [`LiveError::Instance`] if the subnets cannot be created.
    /// - [`LiveError::State`], [`LiveError::NotLive`] or [`LiveError::OtherSubnets`] if the network in the
    ///   state directory cannot be restored, or a new one cannot be saved: choose an empty directory.
    pub fn start(config: LiveConfig) -> Result<Self, LiveError> {
        let address = SocketAddr::from((config.ip_addr, config.port));
        let listen = |error| LiveError::Listen { address, error };
        let listener = connections::listen((config.ip_addr, config.port)).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (instance, state_dir, crashed_run) = instance(&config)?;
        let subnets = instance.subnets().to_vec();
        let root_key = instance.root_key().public_key_der().to_vec();
        let default_canister = instance.default_effective_canister();
        let instances = Instances::new(config.profile, config.outcalls);
        let is_saved = state_dir.is_some();
        let id = instances.add(instance, state_dir);
        let hosted = instances.get(id).expect("the instance was just added");
        let (saved, network) = (hosted.clone(), hosted.clone());
        let shared = instances.shared().clone();
        let (stop, threads) = (shared.stop.clone(), shared.threads.clone());
        let delay = config.artificial_delay;
        let names = Names::with(&config.domains);
        let token = Token::random().map_err(LiveError::Random)?;
        let page = page::routes(names.clone(), token.clone(), stop.clone());
        let domains = CustomDomains::in_file(config.custom_domains_file);
        let pages = CanisterPages::new(&hosted, names.clone(), domains, true);
        let serve = async move {
            hosted.start_auto_progress(delay).await.map_err(io::Error::other)?;
            if is_saved {
                tokio::spawn(states::save_changes(hosted.clone()));
            }
            let router = Router::new()
                .nest("/api", agents::routes())
                .fallback(no_route)
                .layer(agents::allow_other_origins())
                .merge(page)
                .layer(Extension(hosted))
                .layer(from_fn_with_state(pages, canister_pages::serve))
                .layer(from_fn_with_state(names, names::refuse_other_hosts));
            connections::serve(listener, router, Patience::default(), shared).await
        };
        let finish = async move {
            let closed = saved.close(|_| ()).await.map_err(io::Error::other);
            threads.ended(SERVER_STOP_TIMEOUT).await;
            closed
        };
        let background = Background::start(stop, serve, finish).map_err(listen)?;
        Ok(Self {
            address,
            root_key,
            subnets,
            default_canister,
            token,
            crashed_run,
            hosted: network,
            background,
        })
    }

    /// Why the network has ended; `None` while it runs.
    pub fn failure(&mut self) -> Option<String> {
        self.background.failure()
    }

    /// Ends the network. If it has a state directory, it is saved.
    ///
    /// # Errors
    ///
    /// Fails if the network has failed before, or if it cannot be saved.
    pub fn stop(self) -> Result<(), String> {
        self.background.stop()
    }

    /// The time of the latest save of the run before this one, if that run did not end properly: its program
    /// crashed or was killed. What happened after that save is lost. `None` if the run ended properly, or
    /// if there was none.
    pub fn crashed_run(&self) -> Option<SystemTime> {
        self.crashed_run
    }

    /// What the network has done so far. Does not wait for a round.
    pub fn activity(&self) -> Activity {
        self.hosted.activity()
    }

    /// The URL for agents, such as `http://127.0.0.1:4943/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The link to the page of the network, for a browser on this machine. Its token lets the page make calls, so it is
    /// a secret. The part after `#` is never sent.
    pub fn page_url(&self) -> String {
        self.token.link(self.address)
    }

    /// The port that the network listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The root key in DER form, as hexadecimal digits. It verifies all certificates of the network.
    pub fn root_key_hex(&self) -> String {
        hex::encode(&self.root_key)
    }

    /// All subnets: first the NNS and the II subnet, then the configured ones.
    pub fn subnets(&self) -> &[SubnetInfo] {
        &self.subnets
    }

    /// The effective canister id that tools use to create canisters where the user selects no subnet.
    pub fn default_effective_canister(&self) -> CanisterId {
        self.default_canister
    }
}

/// The instance of a live network, its state directory, and the time of the latest save if the last run
/// crashed. The instance is restored, or created and saved.
fn instance(
    config: &LiveConfig,
) -> Result<(Instance, Option<StateDir>, Option<SystemTime>), LiveError> {
    let requested = instance_config(config)?;
    let Some(folder) = &config.state_dir else {
        return Ok((Instance::new(requested)?, None, None));
    };
    let mut state_dir = StateDir::open(folder)?;
    let crashed_run = state_dir.crashed_run();
    let instance = if state_dir.has_state() {
        let mut instance = state_dir.restore(false)?;
        if !instance.has_fake_canisters() {
            return Err(LiveError::NotLive(folder.clone()));
        }
        let kinds = || instance.subnets().iter().map(|info| info.request.kind);
        if !config.subnets.is_empty() && !kinds().eq(requested.subnets.iter().map(|new| new.kind)) {
            let saved = kinds().map(|kind| kind.to_string()).collect::<Vec<_>>().join(", ");
            return Err(LiveError::OtherSubnets { folder: folder.clone(), saved });
        }
        instance.set_profile(config.profile);
        instance
    } else {
        Instance::new(requested)?
    };
    state_dir.save(&instance, false)?;
    state_dir.begin_run()?;
    Ok((instance, Some(state_dir), crashed_run))
}

/// The configuration of the instance of a live network.
fn instance_config(config: &LiveConfig) -> Result<InstanceConfig, LiveError> {
    use SubnetKind::*;
    let always = [NetworkNervousSystem, InternetIdentity];
    let mut kinds = always.to_vec();
    for kind in &config.subnets {
        match kind {
            Bitcoin | TestThresholdKeys => return Err(LiveError::Kind(*kind)),
            kind if always.contains(kind) => {}
            kind => kinds.push(*kind),
        }
    }
    if kinds == always {
        kinds.push(Application);
    }
    Ok(InstanceConfig {
        subnets: kinds.into_iter().map(SubnetRequest::of).collect(),
        profile: config.profile,
        initial_time: Time::GENESIS,
        fake_canisters: true,
        relaxed: RelaxedLimits::default(),
    })
}

async fn no_route(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::not_found(format!(
        "this local network does not serve {}: it serves the interface for agents, below /api, and its page at /",
        uri.path()
    ))
}
