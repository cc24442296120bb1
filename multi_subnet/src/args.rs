//! The command line, and the environment variable that belongs to it.

mod distinct;
mod files;
mod output;
mod results;
mod sweep;

use std::{ffi::OsString, fmt, path::PathBuf, str::FromStr};

use clap::{Parser, ValueEnum};
use embedded_replica::network::NetworkProfile;
use url::Url;

use crate::error::Error;
pub(crate) use files::folder_of;
pub use files::{FileArgs, NamedId, TraceFormat};
pub use output::{Format, InEachForm, OutputArgs};
pub use results::{ResultArgs, Tolerance};
pub use sweep::{CallCounts, SweepArgs, SweepSettings};

/// The environment variable with the path of a PocketIC server binary. The `pocket-ic` crate reads it, too.
pub const SERVER_BINARY_VARIABLE: &str = "POCKET_IC_BIN";

const LONG_ABOUT: &str = "\
Compares three ways to make many inter-canister calls.

A caller canister calls the method `ping` of a callee canister N times: first one call after the other, then all at \
once, then a limited number at a time. By default caller and callee are on different subnets, so every call takes a round trip between subnets. \
Sequential calls take one round trip after another; parallel calls take one round trip together. On one subnet a call \
gets its response in the same round, so the difference is small.";

const AFTER_HELP: &str = "\
What the columns mean:
  rounds      rounds that each subnet executed until the caller replied; the same number on every machine
  model time  the time that these rounds take on the mainnet: 0.5 s per round, 2 rounds per hop to another subnet
  host time   the time that this machine took; it says little about a real network
  cycles      cycles that the caller paid

Examples, in a checkout of the project (an installed program is `multi_subnet` instead of `cargo run --`):
  cargo run                                      90 calls across two subnets
  cargo run -- --same-subnet --calls 2000        2,000 sequential calls succeed, but only 500 parallel calls:
                                                 at most 500 calls may be open from one canister to another
  cargo run -- --caller-cycles 2_000_000_000_000 an open call sets aside cycles; 2 T cycles are enough for 46 calls
  cargo run -- --profile mainnet --json          execute the mainnet's latencies instead of computing them
  cargo run -- --sweep                           1 to 5,000 calls, and where one strategy overtakes another
  cargo run -- --calls 2000 --report r.html      pictures: where parallel calls fail, and why
  cargo run -- --trace trace.json                see each call at https://ui.perfetto.dev
  cargo run -- --baseline benchmark.json         compare with the results of an earlier run with --persist
  cargo run -- --server ./pocket-ic              use a PocketIC server

Your own canisters, named by CALLER_WASM and CALLEE_WASM:
  The caller has the methods `sequential_calls` and `parallel_calls : (nat64) -> (nat64)`. They take a number of calls
  and return how many succeeded. `setup_callee : (principal) -> ()` receives the id of the callee; without this
  method, the caller finds the id in its environment variable `PUBLIC_CANISTER_ID:callee`. The callee has the methods
  that the caller calls. If you installed this program from a registry, it has no canisters: name both.

Environment:
  CALLER_WASM, CALLEE_WASM  paths of Wasm modules to use instead of the canisters of this workspace
  POCKET_IC_BIN             path of a PocketIC server binary to use if --server is not given

Exit codes: 0 success, 1 the run failed, 2 wrong arguments, environment variables or baseline, 3 worse than the baseline.";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "multi_subnet",
    bin_name = "multi_subnet",
    version,
    about = "Compares sequential and parallel inter-canister calls",
    long_about = LONG_ABOUT,
    after_help = "`--help` explains the output and shows examples.",
    after_long_help = AFTER_HELP
)]
pub struct Cli {
    /// Number of calls that each strategy makes
    ///
    /// The caller of this workspace accepts up to 100,000.
    #[arg(long, value_name = "N", default_value = "90", value_parser = whole_number::<u64>)]
    #[arg(allow_negative_numbers = true)]
    pub calls: u64,

    /// Put caller and callee on one subnet
    #[arg(long)]
    pub same_subnet: bool,

    /// Cycles that the caller starts with; with --sweep perhaps several numbers, separated by commas
    #[arg(long, value_name = "N", default_value = "100_000_000_000_000", value_parser = whole_number::<u128>)]
    #[arg(allow_negative_numbers = true, value_delimiter = ',')]
    pub caller_cycles: Vec<u128>,

    /// How long a message to another subnet takes; with --sweep perhaps both profiles, separated by a comma
    #[arg(long, value_enum, default_value = Profile::PocketIc.name(), value_delimiter = ',')]
    pub profile: Vec<Profile>,

    /// The server that executes the canisters: `embedded`, `pocket-ic`, a path or a URL
    ///
    /// embedded: the replica inside this program (the default).
    /// pocket-ic: the PocketIC server that the `pocket-ic` crate finds or downloads.
    /// A path: this PocketIC server binary.
    /// A URL: the PocketIC server that runs there.
    #[arg(long, value_name = "SERVER", verbatim_doc_comment)]
    pub server: Option<ServerChoice>,

    /// The form of the result.
    #[command(flatten)]
    pub output: OutputArgs,

    /// The options of a sweep.
    #[command(flatten)]
    pub sweep: SweepArgs,

    /// The files that show what happened.
    #[command(flatten)]
    pub files: FileArgs,

    /// The options for results that are kept.
    #[command(flatten)]
    pub results: ResultArgs,
}

/// The network whose latency the rounds have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// No latency, as in PocketIC: a call to another subnet and its response take one more round
    PocketIc,
    /// The mainnet's latency: two rounds per hop, half a second each (embedded server only)
    Mainnet,
}

impl Profile {
    /// The embedded replica's profile of this name.
    pub fn network(self) -> NetworkProfile {
        match self {
            Self::PocketIc => NetworkProfile::POCKET_IC,
            Self::Mainnet => NetworkProfile::MAINNET,
        }
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::PocketIc => "pocket-ic",
            Self::Mainnet => "mainnet",
        }
    }
}

/// The server that executes the canisters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerChoice {
    /// The replica inside this program.
    Embedded,
    /// The PocketIC server that the `pocket-ic` crate finds or downloads.
    PocketIc,
    /// This PocketIC server binary.
    Binary(PathBuf),
    /// The PocketIC server that runs at this URL.
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

/// The settings of a run: the command line, with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Number of calls that each strategy makes.
    pub calls: u64,
    /// Whether caller and callee are on one subnet.
    pub same_subnet: bool,
    /// Cycles that the caller starts with.
    pub caller_cycles: u128,
    /// The timing of the network.
    pub profile: Profile,
    /// The server that executes the canisters.
    pub server: ServerChoice,
}

impl Settings {
    /// Fills in the defaults, one of them from an environment variable that `env` reads.
    ///
    /// # Errors
    ///
    /// - [`Error::ProfileNeedsEmbedded`] if the profile is not `pocket-ic` and the server is not the embedded
    ///   one.
    /// - [`Error::ListNeedsSweep`] if there is more than one profile or number of cycles.
    pub fn resolve(cli: &Cli, env: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let &[caller_cycles] = cli.caller_cycles.as_slice() else {
            return Err(Error::ListNeedsSweep { option: "--caller-cycles" });
        };
        let &[profile] = cli.profile.as_slice() else {
            return Err(Error::ListNeedsSweep { option: "--profile" });
        };
        Ok(Self {
            calls: cli.calls,
            same_subnet: cli.same_subnet,
            caller_cycles,
            profile,
            server: resolve_server(cli, env)?,
        })
    }
}

/// The chosen server, by default the one that an environment variable names or the embedded one.
fn resolve_server(
    cli: &Cli,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<ServerChoice, Error> {
    let server = cli
        .server
        .clone()
        .or_else(|| {
            env(SERVER_BINARY_VARIABLE)
                .filter(|path| !path.is_empty())
                .map(|path| ServerChoice::Binary(path.into()))
        })
        .unwrap_or(ServerChoice::Embedded);
    if cli.profile.contains(&Profile::Mainnet) && server != ServerChoice::Embedded {
        return Err(Error::ProfileNeedsEmbedded { server: server.to_string() });
    }
    Ok(server)
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// One number of calls.
    Once(Settings),
    /// Several numbers of calls.
    Sweep(SweepSettings),
}

impl Task {
    /// Fills in the defaults, one of them from an environment variable that `env` reads.
    ///
    /// # Errors
    ///
    /// The errors of [`Settings::resolve`] and [`SweepSettings::resolve`].
    pub fn resolve(cli: &Cli, env: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        match &cli.sweep.sweep {
            Some(counts) => SweepSettings::resolve(cli, counts.clone(), env).map(Self::Sweep),
            None => Settings::resolve(cli, env).map(Self::Once),
        }
    }
}

/// Whether the text is a host and a port rather than a path.
fn is_address(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
    })
}

/// Parses a number in Candid's notation: digits, with underscores anywhere between them.
fn whole_number<T: FromStr>(text: &str) -> Result<T, String> {
    let digits = text.replace('_', "");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("give a whole number, 0 or greater, such as 90 or 2_000".into());
    }
    digits.parse().map_err(|_| "this number is too large".into())
}

fn server_url(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("this is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "the URL of a server starts with http:// or https://, not {}://",
            url.scheme()
        ));
    }
    // The client joins relative paths to this URL. Without the slash, they would replace its last segment.
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
