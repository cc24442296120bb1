//! The program as the network launcher of `icp network start`, by version 1 of the contract between `icp`
//! and its launchers.
//!
//! The launcher starts a network, writes a status file that says where the network listens, and ends at a
//! signal. It saves nothing of the network, so the folder for the state stays empty.

use crate::outcall_destinations;
use crate::shutdown::ShutdownSignals;
use crate::stderr;
use clap::Parser;
use embedded_replica::server::{LiveConfig, LiveNetwork};
use embedded_replica::topology::SubnetKind;
use serde_json::json;
use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The option with which `icp` always calls a launcher.
const LAUNCHER_OPTION: &str = "--interface-version";

/// The version of the contract, which the status file names.
const STATUS_VERSION: &str = "1";

/// The file in the status folder in which `icp` names canisters, and the name of this feature in the status file.
const CUSTOM_DOMAINS_FILE: &str = "custom-domains.txt";
const CUSTOM_DOMAINS_FEATURE: &str = "custom-domains";

/// The options that `icp network start` passes to a launcher.
#[derive(Debug, Parser)]
#[command(name = "embedded-replica", disable_version_flag = true)]
pub struct Arguments {
    /// The version of the launcher contract that icp uses; this launcher implements version 1
    #[arg(long, value_name = "VERSION")]
    interface_version: String,

    /// The folder for the network's state; this launcher saves nothing there
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,

    /// The address to listen on
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST.into(), value_name = "ADDRESS")]
    bind: IpAddr,

    /// The port to listen on; 0 for any free port
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    gateway_port: u16,

    /// The folder to write `status.json` to
    #[arg(long, value_name = "FOLDER")]
    status_dir: PathBuf,

    /// Log more to standard error
    #[arg(long)]
    verbose: bool,

    /// Install an Internet Identity canister (not supported)
    #[arg(long)]
    ii: bool,

    /// Install the canisters of the NNS (not supported)
    #[arg(long)]
    nns: bool,

    /// The shortest time from one round to the next, in milliseconds
    #[arg(long, default_value_t = 0, value_name = "MILLISECONDS")]
    artificial_delay_ms: u64,

    /// The kind of a subnet to create; repeat it for several subnets. Without it, the network has one
    /// application subnet for canisters
    #[arg(long = "subnet", value_name = "KIND")]
    subnets: Vec<SubnetKind>,

    /// The address of a Bitcoin node (not supported)
    #[arg(long, value_name = "ADDRESS")]
    bitcoind_addr: Vec<String>,

    /// The address of a Dogecoin node (not supported)
    #[arg(long, value_name = "ADDRESS")]
    dogecoind_addr: Vec<String>,

    /// A host name that clients may use besides localhost and IP addresses; repeat it for several names
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
}

/// Whether the program is called as a launcher.
pub fn is_called_by(arguments: &[OsString]) -> bool {
    arguments.iter().skip(1).any(|argument| {
        let argument = argument.to_string_lossy();
        argument
            .strip_prefix(LAUNCHER_OPTION)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}

impl Arguments {
    /// The log levels for standard error.
    pub fn log_levels(&self) -> Targets {
        let level = if self.verbose { LevelFilter::DEBUG } else { LevelFilter::WARN };
        Targets::new().with_target("embedded_replica", level).with_default(LevelFilter::WARN)
    }

    /// Checks that the network supports all options.
    fn check(&self) -> Result<(), String> {
        if self.interface_version.split('.').next() != Some(STATUS_VERSION) {
            return Err(format!(
                "this launcher implements version {STATUS_VERSION} of the launcher contract, not version \
                 {}: use an `icp` with version {STATUS_VERSION}",
                self.interface_version
            ));
        }
        let unsupported = [
            (self.ii, "Internet Identity canister: leave `ii` out"),
            (self.nns, "NNS canisters: leave `nns` out"),
            (!self.bitcoind_addr.is_empty(), "connection to Bitcoin: leave `bitcoind-addr` out"),
            (!self.dogecoind_addr.is_empty(), "connection to Dogecoin: leave `dogecoind-addr` out"),
        ];
        match unsupported.iter().find(|(requested, _)| *requested) {
            Some((_, what)) => Err(format!(
                "the embedded replica's network has no {what} of the network in icp.yaml, or \
                 unset ICP_CLI_NETWORK_LAUNCHER_PATH"
            )),
            None => Ok(()),
        }
    }
}

/// Starts a network and serves it until a shutdown signal.
///
/// # Errors
///
/// Fails if an option is not supported, if the network cannot start or fails, or if the status file cannot
/// be written.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    arguments.check()?;
    let signals = ShutdownSignals::listen()?;
    let subnets = match arguments.subnets.as_slice() {
        [] => vec![SubnetKind::Application],
        subnets => subnets.to_vec(),
    };
    let mut network = LiveNetwork::start(LiveConfig {
        ip_addr: arguments.bind,
        port: arguments.gateway_port,
        subnets,
        artificial_delay: Duration::from_millis(arguments.artificial_delay_ms),
        domains: arguments.domain.clone(),
        custom_domains_file: Some(arguments.status_dir.join(CUSTOM_DOMAINS_FILE)),
        outcalls: outcall_destinations(false),
        ..LiveConfig::default()
    })
    .map_err(|error| error.to_string())?;
    let status = json!({
        "v": STATUS_VERSION,
        "gateway_port": network.port(),
        "root_key": network.root_key_hex(),
        "default_effective_canister_id": network.default_effective_canister().to_string(),
        "supported_features": [CUSTOM_DOMAINS_FEATURE],
    });
    write_status(&arguments.status_dir, &format!("{status}\n"))
        .map_err(|error| format!("cannot write to {}: {error}", arguments.status_dir.display()))?;
    // Standard output is for programs.
    stderr::say(format_args!("the page of the network: {}", network.page_url()));
    signals.wait_unless(|| network.failure())
}

/// Writes the status file in one step: a reader finds either the complete file or none.
fn write_status(folder: &Path, line: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let unfinished = folder.join("status.json.unfinished");
    fs::write(&unfinished, line)?;
    fs::rename(unfinished, folder.join("status.json"))
}
