//! The replica as a PocketIC server, which clients start and drive.

use crate::ending::Ending;
use crate::port_file::PortFile;
use clap::Args;
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{EmbeddedServer, PROTOCOL_VERSION, ServerConfig};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tracing_subscriber::filter::Targets;

/// How often the server looks whether it is time to end.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How a PocketIC server is started.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print the version of the PocketIC protocol it speaks, in the form clients check.
    #[arg(long)]
    pub version: bool,

    /// The address to listen on. Whoever reaches it can do everything.
    #[arg(short, long, default_value_t = Ipv4Addr::LOCALHOST.into(), value_name = "ADDRESS")]
    ip_addr: IpAddr,

    /// The port to listen on; 0 for any that is free.
    #[arg(short, long, default_value_t = 0, value_name = "PORT")]
    port: u16,

    /// Write the port to this file once the server listens, and remove the file at the end. If the
    /// file is there already, another server serves its clients, and this one ends at once.
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,

    /// End after this many seconds without a request.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    ttl: u64,

    /// End after this many seconds in any case.
    #[arg(long, value_name = "SECONDS")]
    hard_ttl: Option<u64>,

    /// What to log to standard error, as in `info` or `embedded_replica=debug,warn`.
    #[arg(short, long, default_value = "info", value_name = "LEVELS")]
    pub log_levels: Targets,

    /// How rounds relate to time: `pocket-ic` (no latency) or `mainnet`.
    #[arg(long, default_value = "pocket-ic", value_name = "PROFILE")]
    profile: NetworkProfile,

    /// A name by which clients may call the server, beside localhost and addresses; once for each.
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    domain: Vec<String>,
}

/// A name without scheme, port, path or wildcard.
fn host_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match !text.is_empty() && text.bytes().all(fits) {
        true => Ok(text.into()),
        false => Err("a name without scheme and port is needed, such as `replica`".into()),
    }
}

/// Serves PocketIC's clients until it is time to end.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    if arguments.version {
        println!("pocket-ic-server {PROTOCOL_VERSION}");
        return Ok(());
    }
    let ending = Ending::listen()?;
    let port_file = match &arguments.port_file {
        Some(path) => match PortFile::claim(path) {
            Ok(Some(file)) => Some(file),
            Ok(None) => return Ok(()),
            Err(error) => return Err(format!("cannot create {}: {error}", path.display())),
        },
        None => None,
    };
    let Arguments { ip_addr, port, profile, .. } = *arguments;
    let domains = arguments.domain.clone();
    let config = ServerConfig { ip_addr, port, profile, domains };
    let server = EmbeddedServer::start(config).map_err(|error| {
        format!("cannot listen on {ip_addr}, port {port}: {error}; choose another --port, or 0")
    })?;
    match &port_file {
        Some(file) => file
            .announce(server.port())
            .map_err(|error| format!("cannot write {}: {error}", file.path.display()))?,
        None => eprintln!(
            "embedded-replica: listening on {}; ends after {} s without a request (--ttl)",
            server.url(),
            arguments.ttl
        ),
    }
    wait_for_the_end(arguments, &server, ending);
    // Before the port closes: whoever finds the file takes it that somebody listens there.
    drop(port_file);
    Ok(())
}

/// Returns when the server has been idle or alive for long enough, or is asked to end.
fn wait_for_the_end(arguments: &Arguments, server: &EmbeddedServer, mut ending: Ending) {
    let started = Instant::now();
    let ttl = Duration::from_secs(arguments.ttl);
    let hard_ttl = arguments.hard_ttl.map(Duration::from_secs);
    let lived_long_enough =
        || server.idle_time() >= ttl || hard_ttl.is_some_and(|limit| started.elapsed() >= limit);
    while !lived_long_enough() && !ending.is_asked_within(LOOK_INTERVAL) {}
}
