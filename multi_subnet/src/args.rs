//! What the user asked for: the command line and the environment variables that go with it.

use std::{ffi::OsString, fmt, path::PathBuf, str::FromStr};

use clap::{Parser, ValueEnum};
use embedded_replica::network::NetworkProfile;
use url::Url;

use crate::error::Error;

/// The environment variable that names a PocketIC server binary; the `pocket-ic` crate reads it too.
pub const SERVER_BINARY_VARIABLE: &str = "POCKET_IC_BIN";

const LONG_ABOUT: &str = "\
Times sequential against parallel inter-canister calls.

A caller canister calls `ping` of a callee canister N times: first one call after the other, then all at once. By \
default the two live on different subnets, where every call has to cross the network and back, so that waiting for \
each answer adds up. On one subnet calls are answered within the round, and it makes little difference.";

const AFTER_HELP: &str = "\
What the figures mean:
  rounds      how many rounds every subnet executed until the caller answered; exact, the same on every machine
  model time  those rounds on the mainnet: 0.5 s per round, 2 rounds per hop to another subnet
  host time   what this machine needed; says little about a network
  cycles      what the caller paid

Examples:
  cargo run                                      90 calls across two subnets
  cargo run -- --same-subnet --calls 2000        all sequential calls succeed, only 500 parallel ones:
                                                 no more may be open between two canisters
  cargo run -- --caller-cycles 2_000_000_000_000 each open call withholds cycles; 2 T carry 46 of them
  cargo run -- --profile mainnet --json          run the mainnet's latencies instead of deriving them
  cargo run -- --server ./pocket-ic              ask a real PocketIC server

Environment:
  CALLER_WASM, CALLEE_WASM  Wasm modules to run instead of the canisters of this workspace
  POCKET_IC_BIN             path of a PocketIC server binary, used when --server is not given

Exit codes: 0 measured, 1 the run failed, 2 wrong arguments or environment.";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "multi_subnet",
    bin_name = "multi_subnet",
    version,
    about = "Times sequential against parallel inter-canister calls",
    long_about = LONG_ABOUT,
    after_help = "`--help` explains the figures and shows examples.",
    after_long_help = AFTER_HELP
)]
pub struct Cli {
    /// How many calls each strategy makes
    ///
    /// The caller of this workspace takes up to 100,000.
    #[arg(long, value_name = "N", default_value = "90", value_parser = whole_number::<u64>)]
    #[arg(allow_negative_numbers = true)]
    pub calls: u64,

    /// Put caller and callee on one subnet
    #[arg(long)]
    pub same_subnet: bool,

    /// Cycles the caller starts with
    #[arg(long, value_name = "N", default_value = "100_000_000_000_000", value_parser = whole_number::<u128>)]
    #[arg(allow_negative_numbers = true)]
    pub caller_cycles: u128,

    /// When a message reaches another subnet
    #[arg(long, value_enum, default_value_t = Profile::PocketIc)]
    pub profile: Profile,

    /// Who executes the canisters: `embedded`, `pocket-ic`, a path or a URL
    ///
    /// embedded: the replica inside this program, the default.
    /// pocket-ic: the PocketIC server that the `pocket-ic` crate finds, or downloads.
    /// A path: that PocketIC server binary. A URL: the PocketIC server running there.
    #[arg(long, value_name = "SERVER", verbatim_doc_comment)]
    pub server: Option<ServerChoice>,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Which network the rounds imitate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// PocketIC's order: a call to another subnet and its answer take one extra round
    PocketIc,
    /// The mainnet's latency: two rounds per hop, half a second each (embedded server only)
    Mainnet,
}

impl Profile {
    /// The profile as the embedded replica knows it.
    pub fn network(self) -> NetworkProfile {
        match self {
            Self::PocketIc => NetworkProfile::POCKET_IC,
            Self::Mainnet => NetworkProfile::MAINNET,
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::PocketIc => "pocket-ic",
            Self::Mainnet => "mainnet",
        }
    }
}

/// Who executes the canisters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerChoice {
    /// The replica inside this program.
    Embedded,
    /// The PocketIC server the `pocket-ic` crate finds or downloads.
    PocketIc,
    /// This PocketIC server binary.
    Binary(PathBuf),
    /// The PocketIC server that runs here.
    Url(Url),
}

impl FromStr for ServerChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("name `embedded`, `pocket-ic`, a path or a URL".into()),
            "embedded" => Ok(Self::Embedded),
            "pocket-ic" => Ok(Self::PocketIc),
            url if url.contains("://") => server_url(url).map(Self::Url),
            address if is_address(address) => {
                Err(format!("write the address of a running server as http://{address}/"))
            }
            path => Ok(Self::Binary(path.into())),
        }
    }
}

impl fmt::Display for ServerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::PocketIc => f.write_str("pocket-ic"),
            Self::Binary(path) => write!(f, "{}", path.display()),
            Self::Url(url) => write!(f, "{url}"),
        }
    }
}

/// What to measure, with every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many calls each strategy makes.
    pub calls: u64,
    /// Whether caller and callee share a subnet.
    pub same_subnet: bool,
    /// Cycles the caller starts with.
    pub caller_cycles: u128,
    /// When a message reaches another subnet.
    pub profile: Profile,
    /// Who executes the canisters.
    pub server: ServerChoice,
}

impl Settings {
    /// Fills in what the command line left open and refuses what cannot be done.
    pub fn resolve(cli: &Cli, env: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let server = cli
            .server
            .clone()
            .or_else(|| {
                env(SERVER_BINARY_VARIABLE)
                    .filter(|path| !path.is_empty())
                    .map(|path| ServerChoice::Binary(path.into()))
            })
            .unwrap_or(ServerChoice::Embedded);
        if cli.profile == Profile::Mainnet && server != ServerChoice::Embedded {
            return Err(Error::ProfileNeedsEmbedded { server: server.to_string() });
        }
        Ok(Self {
            calls: cli.calls,
            same_subnet: cli.same_subnet,
            caller_cycles: cli.caller_cycles,
            profile: cli.profile,
            server,
        })
    }
}

/// Whether this is a host and a port rather than a path.
fn is_address(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
    })
}

/// Parses a number as Candid prints it: digits, with underscores wherever they help.
fn whole_number<T: FromStr>(text: &str) -> Result<T, String> {
    let digits = text.replace('_', "");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("give a whole number of 0 or more, such as 90 or 2_000".into());
    }
    digits.parse().map_err(|_| "this number is too large".into())
}

fn server_url(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "a server's URL starts with http:// or https://, not {}://",
            url.scheme()
        ));
    }
    // Relative paths are joined to it; without the slash they would replace its last part.
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
