//! The program as a PocketIC server, which PocketIC's clients start and use.

use crate::outcall_destinations;
use crate::port_file::PortFile;
use crate::shutdown::ShutdownSignals;
use crate::stderr;
use clap::Args;
use embedded_replica::limits::{SERVER_TTL_CHECK_INTERVAL_MILLIS, SERVER_TTL_SECONDS_DEFAULT};
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{EmbeddedServer, PROTOCOL_VERSION, ServerConfig};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tracing_subscriber::filter::Targets;

/// How often to check whether the server has been idle or running for long enough.
const TTL_CHECK_INTERVAL: Duration = Duration::from_millis(SERVER_TTL_CHECK_INTERVAL_MILLIS);

/// The options of a PocketIC server.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print the version of PocketIC's protocol, in the form that clients check, and end. A client that
    /// accepts an older version only can run this program through a link with that version in its name,
    /// such as `pocket-ic-server-13.0.0`: the program then prints the version 13.0.0.
    #[arg(long)]
    pub version: bool,

    /// The address to listen on. Every client that can reach it can do everything.
    #[arg(short, long, default_value_t = Ipv4Addr::LOCALHOST.into(), value_name = "ADDRESS")]
    ip_addr: IpAddr,

    /// The port to listen on; 0 for any free port.
    #[arg(short, long, default_value_t = 0, value_name = "PORT")]
    port: u16,

    /// Write the port to this file when the server listens, and delete the file at the end. If another
    /// server that runs has this file, that server serves the clients, and this one ends at once.
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,

    /// End after this many seconds without a request.
    #[arg(long, default_value_t = SERVER_TTL_SECONDS_DEFAULT, value_name = "SECONDS")]
    ttl: u64,

    /// End after this many seconds, with or without requests.
    #[arg(long, value_name = "SECONDS")]
    hard_ttl: Option<u64>,

    /// What to log to standard error, such as `info` or `embedded_replica=debug,warn`.
    #[arg(short, long, default_value = "info", value_name = "LEVELS")]
    pub log_levels: Targets,

    /// How rounds relate to time: `pocket-ic` (no latency) or `mainnet` (half a second per round, two
    /// rounds from subnet to subnet).
    #[arg(long, default_value = "pocket-ic", value_name = "PROFILE")]
    profile: NetworkProfile,

    /// A host name that clients may use besides localhost and IP addresses; repeat it for several names.
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    domain: Vec<String>,

    /// Let canisters of instances that progress by themselves make HTTP outcalls to all machines, not to
    /// this machine only. EMBEDDED_REPLICA_ALLOW_OUTCALLS=1 in the environment does the same.
    #[arg(long)]
    allow_outcalls: bool,

    /// Serve a page about each instance on its gateways (`make_live` of PocketIC's clients starts one): its
    /// canisters, their calls and their logs. The link is logged when the gateway starts; whoever has it can make
    /// calls as any user.
    #[arg(long)]
    pages: bool,
}

/// Checks that a host name has no scheme, port, path or wildcard.
pub fn host_name(text: &str) -> Result<String, String> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_valid) {
        true => Ok(text.into()),
        false => Err("give a host name without scheme and port, such as `replica`".into()),
    }
}

/// The oldest major version of PocketIC's clients that can use this program. Clients of version 9 need the
/// nodes of each subnet in the topology.
const OLDEST_CLIENT: u64 = 10;

/// The version in the name by which the program was called: `13.0.0` in `/tmp/pocket-ic-server-13.0.0`.
/// `None` if the name contains no version that clients of this program have.
fn version_in(program: &OsStr) -> Option<&str> {
    let name = Path::new(program).file_name()?.to_str()?;
    let name = name.strip_suffix(std::env::consts::EXE_SUFFIX)?;
    let version = name.strip_prefix("pocket-ic-server-").or(name.strip_prefix("pocket-ic-"))?;
    let number = |part: &str| {
        let has_only_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        has_only_digits.then(|| part.parse().ok()).flatten()
    };
    let numbers: Vec<u64> = version.split('.').map(number).collect::<Option<_>>()?;
    (numbers.len() == 3 && numbers[0] >= OLDEST_CLIENT).then_some(version)
}

/// Serves PocketIC's clients until a shutdown signal, or until the server has been idle or running for
/// long enough.
///
/// # Errors
///
/// Fails if the port file or the version cannot be written, or if the address cannot be listened on.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    if arguments.version {
        let program = std::env::args_os().next().unwrap_or_default();
        let version = version_in(&program).unwrap_or(PROTOCOL_VERSION);
        return writeln!(io::stdout(), "pocket-ic-server {version}")
            .map_err(|error| format!("cannot write to standard output: {error}"));
    }
    let signals = ShutdownSignals::listen()?;
    let mut port_file = match &arguments.port_file {
        Some(path) => match PortFile::claim(path)? {
            Some(file) => Some(file),
            None => return Ok(()),
        },
        None => None,
    };
    let Arguments { ip_addr, port, profile, pages, .. } = *arguments;
    let domains = arguments.domain.clone();
    let outcalls = outcall_destinations(arguments.allow_outcalls);
    let config = ServerConfig { ip_addr, port, profile, domains, outcalls, pages };
    let server = EmbeddedServer::start(config).map_err(|error| {
        format!("cannot listen on {ip_addr}, port {port}: {error}; choose another --port, or 0")
    })?;
    match &mut port_file {
        Some(file) => file.announce(server.port())?,
        None => stderr::say(format_args!(
            "listening on {}; ends after {} s without a request (--ttl)",
            server.url(),
            arguments.ttl
        )),
    }
    wait_for_the_end(arguments, &server, signals);
    // Delete the file before the port closes: a client that finds the file expects a server.
    drop(port_file);
    Ok(())
}

/// Returns after a shutdown signal, or when the server has been idle or running for long enough.
fn wait_for_the_end(arguments: &Arguments, server: &EmbeddedServer, mut signals: ShutdownSignals) {
    let started = Instant::now();
    let ttl = Duration::from_secs(arguments.ttl);
    let hard_ttl = arguments.hard_ttl.map(Duration::from_secs);
    let is_over =
        || server.idle_time() >= ttl || hard_ttl.is_some_and(|limit| started.elapsed() >= limit);
    while !is_over() && !signals.arrive_within(TTL_CHECK_INTERVAL) {}
    signals.end_at_the_next();
}
