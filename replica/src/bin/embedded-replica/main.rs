//! The embedded replica as a program: a PocketIC server, a live network for command line tools, and
//! what `icp network start` launches.

mod ending;
mod launcher;
mod pocket_ic;
mod port_file;
mod serve;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// An Internet Computer replica in one program.
///
/// `embedded-replica serve` runs a network that `icp`, `dfx` and any agent can talk to; see its own
/// --help. Without `serve` it stands in for the PocketIC server. This is not DFINITY's PocketIC
/// server, but speaks the same protocol, so that PocketIC's clients can start and drive it: set
/// POCKET_IC_BIN to its path. `icp network start` starts its network with it when
/// ICP_CLI_NETWORK_LAUNCHER_PATH is its path.
///
/// Canisters run as real Wasm under the network's rules for rounds, queues, calls and cycles;
/// threshold signatures are missing, and routes it does not serve answer 404.
///
/// It listens on the loopback interface. As a PocketIC server, it ends by itself when nobody uses it.
#[derive(Debug, Parser)]
#[command(
    name = "embedded-replica",
    disable_version_flag = true,
    args_conflicts_with_subcommands = true
)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    pocket_ic: pocket_ic::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Arguments),
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let done = match launcher::is_asked_for(&arguments) {
        true => {
            let arguments = launcher::Arguments::parse_from(arguments);
            log(arguments.log_levels());
            launcher::run(&arguments)
        }
        false => {
            let Program { command, pocket_ic } = Program::parse_from(arguments);
            log(pocket_ic.log_levels.clone());
            match command {
                Some(Command::Serve(arguments)) => serve::run(&arguments),
                None => pocket_ic::run(&pocket_ic),
            }
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("embedded-replica: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Has what is told from here on written to standard error.
fn log(levels: Targets) {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
}
