//! What `icp network start` launches: the contract between it and its launchers, version 1.
//!
//! The launcher listens, writes a file that says where, and ends when it is asked to. Of the network
//! that it starts nothing is kept, so the folder for its state stays empty.

use crate::ending::Ending;
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

/// The option that all calls by `icp` have.
const MARK: &str = "--interface-version";

/// The version of what is written into the status file.
const STATUS_VERSION: &str = "1";

/// What `icp network start` asks of a launcher.
#[derive(Debug, Parser)]
#[command(name = "embedded-replica", disable_version_flag = true)]
pub struct Arguments {
    /// The version of the contract, of which this is 1
    #[arg(long, value_name = "VERSION")]
    interface_version: String,

    /// Where a launcher keeps the network's state; this one keeps nothing
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,

    /// The address to listen on
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST.into(), value_name = "ADDRESS")]
    bind: IpAddr,

    /// The port to listen on; any that is free unless something is said
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    gateway_port: u16,

    /// Where to write `status.json`
    #[arg(long, value_name = "FOLDER")]
    status_dir: PathBuf,

    /// Tell more on standard error
    #[arg(long)]
    verbose: bool,

    /// Have an Internet Identity canister, which this network cannot
    #[arg(long)]
    ii: bool,

    /// Have the canisters of the NNS, which this network cannot
    #[arg(long)]
    nns: bool,

    /// How long a round takes at least, in milliseconds
    #[arg(long, default_value_t = 0, value_name = "MILLISECONDS")]
    artificial_delay_ms: u64,

    /// A subnet for canisters, once for each; one application subnet unless something is said
    #[arg(long = "subnet", value_name = "KIND")]
    subnets: Vec<SubnetKind>,

    /// A bitcoin node, which this network cannot talk to
    #[arg(long, value_name = "ADDRESS")]
    bitcoind_addr: Vec<String>,

    /// A dogecoin node, which this network cannot talk to
    #[arg(long, value_name = "ADDRESS")]
    dogecoind_addr: Vec<String>,

    /// A name by which clients find the network, beside localhost and addresses
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
}

/// Whether these are the arguments of a launcher.
pub fn is_asked_for(arguments: &[OsString]) -> bool {
    arguments.iter().skip(1).any(|argument| {
        let argument = argument.to_string_lossy();
        argument.strip_prefix(MARK).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}

impl Arguments {
    /// What to log.
    pub fn log_levels(&self) -> Targets {
        let level = if self.verbose { LevelFilter::DEBUG } else { LevelFilter::WARN };
        Targets::new().with_target("embedded_replica", level).with_default(LevelFilter::WARN)
    }

    /// Fails if more is asked for than this network has.
    fn check(&self) -> Result<(), String> {
        if self.interface_version.split('.').next() != Some(STATUS_VERSION) {
            return Err(format!(
                "this launcher follows version {STATUS_VERSION} of the contract, not {}: use an \
                 `icp` that does, too",
                self.interface_version
            ));
        }
        let missing = [
            (self.ii, "Internet Identity canister: leave `ii` out"),
            (self.nns, "NNS canisters: leave `nns` out"),
            (!self.bitcoind_addr.is_empty(), "connection to bitcoin: leave `bitcoind-addr` out"),
            (!self.dogecoind_addr.is_empty(), "connection to dogecoin: leave `dogecoind-addr` out"),
        ];
        match missing.iter().find(|(asked, _)| *asked) {
            Some((_, what)) => Err(format!(
                "the embedded replica's network has no {what} of the network in icp.yaml, or \
                 unset ICP_CLI_NETWORK_LAUNCHER_PATH"
            )),
            None => Ok(()),
        }
    }
}

/// Serves until somebody asks it to end.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    arguments.check()?;
    let mut ending = Ending::listen()?;
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
        ..LiveConfig::default()
    })
    .map_err(|error| error.to_string())?;
    let status = json!({
        "v": STATUS_VERSION,
        "gateway_port": network.port(),
        "root_key": network.root_key_hex(),
        "default_effective_canister_id": network.default_effective_canister().to_string(),
    });
    write_status(&arguments.status_dir, &format!("{status}\n")).map_err(|error| {
        format!("cannot write into {}: {error}", arguments.status_dir.display())
    })?;
    ending.wait_unless(|| network.failure())
}

/// Writes the status file as a whole: whoever looks for it finds all of it or nothing.
fn write_status(folder: &Path, line: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let unfinished = folder.join("status.json.unfinished");
    fs::write(&unfinished, line)?;
    fs::rename(unfinished, folder.join("status.json"))
}
