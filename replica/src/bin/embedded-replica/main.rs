//! The embedded replica as a program, which has three uses: as a PocketIC server, as a live network for
//! command line tools (`serve`), and as the network launcher of `icp network start`.

mod canister_lines;
mod launcher;
mod memory;
mod pocket_ic;
mod port_file;
mod serve;
mod shutdown;
mod status;
mod stderr;
mod utc;

use clap::{Parser, Subcommand};
use embedded_replica::server::OutcallDestinations;
use std::ffi::OsString;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// An Internet Computer replica in one program.
///
/// Without a subcommand, the program is a server for PocketIC's clients. It is not DFINITY's PocketIC
/// server, but it implements the same protocol: set POCKET_IC_BIN to the path of this program, and
/// PocketIC's clients start it and use it. It ends by itself when no client uses it.
///
/// `embedded-replica serve` runs a local network for `icp`, `dfx` and agents: see `serve --help`.
///
/// `icp network start` starts its network with this program if ICP_CLI_NETWORK_LAUNCHER_PATH is the
/// path of this program.
///
/// Canisters run as real Wasm, by the network's rules for rounds, queues, calls and cycles. Threshold
/// signatures are not supported. Routes of PocketIC's protocol that are not supported respond with
/// status 404. The program listens on the loopback interface unless
/// you name another address.
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
    stderr::report_panics();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let done = match launcher::is_called_by(&arguments) {
        true => {
            let arguments = launcher::Arguments::parse_from(arguments);
            log(arguments.log_levels(), false);
            launcher::run(&arguments)
        }
        false => {
            let Program { command, pocket_ic } = Program::parse_from(arguments);
            match command {
                Some(Command::Serve(arguments)) => {
                    log(serve::log_levels(), arguments.logs_canisters());
                    serve::run(&arguments)
                }
                None => {
                    log(pocket_ic.log_levels.clone(), false);
                    pocket_ic::run(&pocket_ic)
                }
            }
        }
    };
    if let Err(message) = &done {
        stderr::say(message);
    }
    stderr::finish();
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The environment variable that has the effect of `--allow-outcalls` if its value is 1. Tools that start the program
/// have no such option.
const ALLOW_OUTCALLS: &str = "EMBEDDED_REPLICA_ALLOW_OUTCALLS";

/// The hosts to which the program makes HTTP requests for canisters. `all` is the option
/// `--allow-outcalls`.
fn outcall_destinations(all: bool) -> OutcallDestinations {
    let is_set = || std::env::var_os(ALLOW_OUTCALLS).is_some_and(|value| value == "1");
    OutcallDestinations::all_if(all || is_set())
}

/// Starts to write log lines of these levels to standard error, and perhaps the lines of canisters in the form for
/// people.
fn log(levels: Targets, canisters: bool) {
    let lines = tracing_subscriber::fmt::layer().with_writer(|| stderr::StandardError);
    let of_canisters = canisters.then(|| {
        let levels = Targets::new().with_target(canister_lines::TARGET, LevelFilter::INFO);
        canister_lines::CanisterLines.with_filter(levels)
    });
    tracing_subscriber::registry().with(lines.with_filter(levels)).with(of_canisters).init();
}
