//! A live network, started by hand.

use crate::ending::Ending;
use clap::Args;
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{LiveConfig, LiveNetwork};
use embedded_replica::topology::SubnetKind;
use std::fmt::Write;
use std::path::PathBuf;

/// The port that the project's `icp.yaml` and `dfx.json` name.
const COMMITTED_PORT: u16 = 4943;

/// Run a local network for `icp`, `dfx` and agents.
///
/// The network has the subnets asked for, and beside them an NNS and an II subnet. It progresses by
/// itself, and ends with Ctrl-C; nothing of it is kept. Its keys are the same in every run and known
/// to everybody: they are worth nothing elsewhere, and so is what they sign.
///
/// Some canisters of the mainnet have stand-ins, as far as the tools need them to create canisters:
/// the cycles ledger (um5iw-rqaaa-aaaaq-qaaba-cai), the ICP ledger (ryjl3-tyaaa-aaaaa-aaaba-cai), the
/// cycles minting canister (rkp4c-7iaaa-aaaaa-aaaca-cai) and the registry
/// (rwlgt-iiaaa-aaaaa-aaaaa-cai). They are not the real ones: every account starts with plenty,
/// and they have no blocks, approvals or archives.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A subnet for canisters, once for each: application, verified-application, system, fiduciary,
    /// sns or cloud-engine. Two application subnets unless something is said
    #[arg(long = "subnet", value_name = "KIND")]
    subnets: Vec<SubnetKind>,

    /// The port to listen on; 0 for any that is free
    #[arg(short, long, default_value_t = COMMITTED_PORT, value_name = "PORT")]
    port: u16,

    /// How long a round takes: `pocket-ic` (no latency) or `mainnet` (half a second, and two rounds
    /// from subnet to subnet)
    #[arg(long, default_value = "pocket-ic", value_name = "PROFILE")]
    profile: NetworkProfile,

    /// A file to delete once the network runs, once for each: in which a tool has written down what
    /// canisters the network before this one had
    #[arg(long, value_name = "FILE")]
    forget: Vec<PathBuf>,
}

/// Serves until somebody asks it to end.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    let mut ending = Ending::listen()?;
    let subnets = match arguments.subnets.as_slice() {
        [] => vec![SubnetKind::Application; 2],
        subnets => subnets.to_vec(),
    };
    let Arguments { port, profile, .. } = *arguments;
    let mut network =
        LiveNetwork::start(LiveConfig { port, profile, subnets, ..LiveConfig::default() })
            .map_err(|error| error.to_string())?;
    for file in &arguments.forget {
        // Mostly there is none.
        let _ = std::fs::remove_file(file);
    }
    print!("{}", description(&network, profile));
    ending.wait_unless(|| network.failure())
}

/// What people want to know of a network.
fn description(network: &LiveNetwork, profile: NetworkProfile) -> String {
    let mut text = String::from(
        "A local network is running, with the interface of the Internet Computer. Ctrl-C ends it, \
         and nothing is kept.\n\n",
    );
    let mut line = |name: &str, value: &str| {
        writeln!(text, "{name:<10}{value}").expect("a string takes everything");
    };
    line("URL", &network.url());
    line("profile", profile.name);
    for (number, info) in network.subnets().iter().enumerate() {
        let name = if number == 0 { "subnets" } else { "" };
        line(name, &format!("{}  {}", info.place.id, info.request.kind));
    }
    line("root key", &network.root_key_hex());
    if network.port() != COMMITTED_PORT {
        let port = network.port();
        let note = format!(
            "\nThis project's icp.yaml and dfx.json say {COMMITTED_PORT}: have them say {port}.\n"
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
