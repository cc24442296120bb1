//! The embedded replica as a server binary, for clients that start one themselves.

use clap::Parser;
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{EmbeddedServer, PROTOCOL_VERSION, ServerConfig};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// How often the server looks whether it is time to end.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A stand-in for the PocketIC server: an Internet Computer replica in one program.
///
/// This is not DFINITY's PocketIC server. It speaks the same protocol, so that PocketIC's clients
/// can start and drive it: set POCKET_IC_BIN to its path. Canisters run as real Wasm under the
/// network's rules for rounds, queues, calls and cycles; threshold signatures and the HTTP
/// interface for agents are missing, and routes it does not serve answer 404.
///
/// It listens on the loopback interface and ends by itself when nobody uses it.
#[derive(Debug, Parser)]
#[command(name = "embedded-replica", disable_version_flag = true)]
struct Arguments {
    /// Print the version of the PocketIC protocol it speaks, in the form clients check.
    #[arg(long)]
    version: bool,

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
    log_levels: Targets,

    /// How rounds relate to time: `pocket-ic` (no latency) or `mainnet`.
    #[arg(long, default_value = "pocket-ic", value_name = "PROFILE")]
    profile: NetworkProfile,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.version {
        println!("pocket-ic-server {PROTOCOL_VERSION}");
        return ExitCode::SUCCESS;
    }
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(arguments.log_levels.clone())).init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("embedded-replica: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let port_file = match &arguments.port_file {
        Some(path) => match PortFile::claim(path) {
            Ok(Some(file)) => Some(file),
            Ok(None) => return Ok(()),
            Err(error) => return Err(format!("cannot create {}: {error}", path.display())),
        },
        None => None,
    };
    let Arguments { ip_addr, port, profile, .. } = *arguments;
    let server =
        EmbeddedServer::start(ServerConfig { ip_addr, port, profile }).map_err(|error| {
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
    wait_for_the_end(arguments, &server)
}

/// Returns when the server has been idle or alive for long enough, or is asked to end.
fn wait_for_the_end(arguments: &Arguments, server: &EmbeddedServer) -> Result<(), String> {
    let started = Instant::now();
    let ttl = Duration::from_secs(arguments.ttl);
    let hard_ttl = arguments.hard_ttl.map(Duration::from_secs);
    let lived_long_enough =
        || server.idle_time() >= ttl || hard_ttl.is_some_and(|limit| started.elapsed() >= limit);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot wait for signals: {error}"))?;
    runtime.block_on(async {
        let mut signals = std::pin::pin!(asked_to_end());
        while !lived_long_enough() {
            tokio::select! {
                asked = &mut signals => {
                    return asked.map_err(|error| format!("cannot wait for signals: {error}"));
                }
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
        Ok(())
    })
}

/// Waits for SIGINT or, where there is such a thing, SIGTERM.
async fn asked_to_end() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// The file in which clients look for the port. It is this process's alone while it exists.
struct PortFile {
    path: PathBuf,
}

impl PortFile {
    /// Creates the file, empty; nothing, if somebody else has.
    fn claim(path: &Path) -> io::Result<Option<Self>> {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => Ok(Some(Self { path: path.to_owned() })),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the port at once, with the line end by which clients know that it is complete.
    fn announce(&self, port: u16) -> io::Result<()> {
        OpenOptions::new().write(true).open(&self.path)?.write_all(format!("{port}\n").as_bytes())
    }
}

impl Drop for PortFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.path);
    }
}
