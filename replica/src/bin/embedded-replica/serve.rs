//! `embedded-replica serve`: a live network for command line tools, started by hand.

use crate::canister_lines::TARGET;
use crate::outcall_destinations;
use crate::pocket_ic::host_name;
use crate::shutdown::ShutdownSignals;
use crate::status::StatusLine;
use crate::stderr;
use crate::utc::utc;
use clap::{Args, ValueEnum};
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{LiveConfig, LiveNetwork};
use embedded_replica::state_dir::contains_state;
use embedded_replica::topology::SubnetKind;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The port in the project's `icp.yaml` and `dfx.json`.
const COMMITTED_PORT: u16 = 4943;

/// Run a local network for `icp`, `dfx` and agents.
///
/// The network has the subnets that you choose, an NNS subnet and an II subnet. It runs by itself until
/// Ctrl-C. Nothing of it is saved, unless you give a directory with --state. Its keys are the same in
/// every run and known to everybody: their signatures prove nothing outside this network.
///
/// The network prints a link to its page, which shows canisters, their calls and their logs in a browser,
/// and makes calls. On a terminal, a line shows how many rounds and messages were executed.
///
/// Fake canisters replace the mainnet canisters that the tools need to create canisters: the cycles
/// ledger (um5iw-rqaaa-aaaaq-qaaba-cai), the ICP ledger (ryjl3-tyaaa-aaaaa-aaaba-cai), the cycles
/// minting canister (rkp4c-7iaaa-aaaaa-aaaca-cai) and the registry (rwlgt-iiaaa-aaaaa-aaaaa-cai). A
/// user gets a large balance at the first use of a ledger. There are no blocks and no archives.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The kind of a subnet to create: application, verified-application, system, fiduciary, sns or
    /// cloud-engine. Repeat it for several subnets. Without it, the network has two application subnets
    #[arg(long = "subnet", value_name = "KIND")]
    subnets: Vec<SubnetKind>,

    /// The address to listen on. Everybody who can reach it can use the network
    #[arg(short, long, default_value_t = Ipv4Addr::LOCALHOST.into(), value_name = "ADDRESS")]
    ip_addr: IpAddr,

    /// A host name that clients may use besides localhost and IP addresses. Repeat it for several names
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    domain: Vec<String>,

    /// Let canisters make HTTP outcalls to all machines, not to this machine only.
    /// EMBEDDED_REPLICA_ALLOW_OUTCALLS=1 in the environment does the same
    #[arg(long)]
    allow_outcalls: bool,

    /// The port to listen on; 0 for any free port
    #[arg(short, long, default_value_t = COMMITTED_PORT, value_name = "PORT")]
    port: u16,

    /// How rounds relate to time: `pocket-ic` (no latency) or `mainnet` (half a second per round, two
    /// rounds from subnet to subnet)
    #[arg(long, default_value = "pocket-ic", value_name = "PROFILE")]
    profile: NetworkProfile,

    /// A directory in which the network is saved, about once a second while it changes and when it ends.
    /// If the directory contains a saved network, that network continues, with its subnets
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// What to log to standard error: `canisters` for the lines that canisters log, as they come
    #[arg(long, value_name = "WHAT")]
    log: Vec<Log>,

    /// A file to delete when a new network has started, such as a file in which a tool keeps the ids of
    /// the canisters of the previous network. Repeat it for several files
    #[arg(long, value_name = "FILE")]
    forget: Vec<PathBuf>,
}

/// What the network can log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Log {
    /// The lines that canisters log.
    Canisters,
}

impl Arguments {
    /// Whether to log the lines of canisters.
    pub fn logs_canisters(&self) -> bool {
        self.log.contains(&Log::Canisters)
    }
}

/// The log levels of the network itself.
pub fn log_levels() -> Targets {
    Targets::new().with_default(LevelFilter::INFO).with_target(TARGET, LevelFilter::OFF)
}

/// Starts a network and serves it until a shutdown signal.
///
/// # Errors
///
/// Fails if the network cannot start, or if it fails later.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    let signals = ShutdownSignals::listen()?;
    let continues = arguments.state.as_deref().is_some_and(contains_state);
    let subnets = match arguments.subnets.as_slice() {
        // A saved network has subnets already.
        [] if continues => Vec::new(),
        [] => vec![SubnetKind::Application; 2],
        subnets => subnets.to_vec(),
    };
    let Arguments { ip_addr, port, profile, .. } = *arguments;
    let mut network = LiveNetwork::start(LiveConfig {
        ip_addr,
        port,
        profile,
        subnets,
        domains: arguments.domain.clone(),
        outcalls: outcall_destinations(arguments.allow_outcalls),
        state_dir: arguments.state.clone(),
        ..LiveConfig::default()
    })
    .map_err(|error| error.to_string())?;
    for file in arguments.forget.iter().filter(|_| !continues) {
        // It is no error if the file does not exist.
        let _ = std::fs::remove_file(file);
    }
    let text = description(&network, profile, arguments.state.as_deref());
    if let (Some(saved), Some(folder)) = (network.crashed_run(), &arguments.state) {
        stderr::say(crashed(folder, saved));
    }
    // The network runs even if nobody wants to read this.
    if let Err(error) = io::stdout().write_all(text.as_bytes()) {
        stderr::say(format_args!("cannot write to standard output: {error}"));
    }
    let mut status = StatusLine::default();
    let ended = signals.wait_unless(|| {
        status.show(network.activity());
        network.failure()
    });
    // A further signal ends the program at once, so the status line is removed first.
    status.remove();
    ended?;
    network.stop()
}

/// The message about a run before this one that crashed. `saved` is the time of its latest save.
fn crashed(folder: &Path, saved: SystemTime) -> String {
    format!(
        "the network in {} did not end properly the last time: it crashed or was killed. It continues from \
         its latest save, of {}. What happened after this save is lost: usually at most a second",
        folder.display(),
        utc(saved)
    )
}

/// The text that describes the network to the user.
fn description(network: &LiveNetwork, profile: NetworkProfile, state: Option<&Path>) -> String {
    let saved = match state {
        Some(folder) => format!("it is saved in {}", folder.display()),
        None => "nothing is saved".into(),
    };
    let mut text = format!(
        "A local network with the interface of the Internet Computer is running. Ctrl-C ends it, and \
         {saved}.\n\n",
    );
    let mut line = |name: &str, value: &str| {
        writeln!(text, "{name:<10}{value}").expect("a string takes everything");
    };
    line("URL", &network.url());
    line("page", &network.page_url());
    line("profile", profile.name);
    for (number, info) in network.subnets().iter().enumerate() {
        let name = if number == 0 { "subnets" } else { "" };
        line(name, &format!("{}  {}", info.place.id, info.request.kind));
    }
    line("root key", &network.root_key_hex());
    if network.port() != COMMITTED_PORT {
        let port = network.port();
        let note = format!(
            "\nThis project's icp.yaml and dfx.json have port {COMMITTED_PORT}: change it to {port}.\n"
        );
        text.push_str(&note);
    }
    text.push_str(
        "\nTry next, in another terminal, in this project's folder:\n  \
         icp deploy -e live --cycles 30t\n  \
         icp canister call -e live caller sequential_calls '(100 : nat64)'\n  \
         icp canister call -e live caller parallel_calls '(100 : nat64)'\n",
    );
    text
}
