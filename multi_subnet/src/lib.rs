//! A benchmark of sequential and parallel inter-canister calls, on one subnet or between two.
//!
//! The command line becomes [`args::Settings`], and a [`scenario`] turns these into a
//! [`report::BenchmarkReport`]. The canisters run on the embedded replica or on a PocketIC server; the
//! benchmark uses both through the `pocket-ic` crate.
//!
//! Most people use the program of this crate: its README says how. The modules of caller and callee are those that
//! the environment variables `CALLER_WASM` and `CALLEE_WASM` name. Without them, a program that was built in a
//! checkout of the project uses the pair of canisters there ([`canisters::workspace_modules`], also for tests of the
//! workspace), and builds the pair first if it is missing or outdated.

pub mod args;
pub mod baseline;
pub mod canisters;
pub mod client;
pub mod csv;
pub mod deployment;
pub mod error;
pub mod escape;
pub mod files;
pub mod interface;
pub mod measures;
pub mod numbers;
pub mod page;
pub mod pictures;
pub mod recorded;
pub mod report;
pub mod scenario;
pub mod server;
pub mod stdout;
pub mod strategy;
pub mod sweep;
pub mod table;

use std::ffi::OsString;

use args::{Settings, SweepSettings};
use canisters::Modules;
use error::Error;
use indicatif::ProgressBar;
use recorded::Recorded;
use report::BenchmarkReport;
use sweep::Sweep;

/// Loads the canisters, starts the server and measures each strategy.
///
/// `env` returns the value of an environment variable. It is a parameter so that tests do not have to change
/// the environment of the process.
///
/// # Errors
///
/// Fails if the server cannot be used or started, if the canisters cannot be loaded or built, or if a
/// measurement fails. See [`Error`].
pub fn run(
    settings: &Settings,
    env: impl Fn(&str) -> Option<OsString>,
    progress: &ProgressBar,
) -> Result<BenchmarkReport, Error> {
    // First, so that a mistyped server is reported before the canisters are built.
    settings.server.check()?;
    let modules = Modules::load(env)?;
    scenario::run(settings, &modules, progress)
}

/// Loads the canisters, starts the server and measures each strategy with each number of calls. Returns the canisters'
/// modules, too.
///
/// # Errors
///
/// Fails for the same reasons as [`run`].
pub fn run_sweep(
    settings: &SweepSettings,
    env: impl Fn(&str) -> Option<OsString>,
    progress: &ProgressBar,
) -> Result<(Sweep, Modules), Error> {
    settings.server.check()?;
    let modules = Modules::load(env)?;
    Ok((sweep::run(settings, &modules, progress)?, modules))
}

/// Like [`run`], and records what happens. `None` instead of the recordings if the server is not the embedded one.
///
/// # Errors
///
/// Fails for the same reasons as [`run`].
pub fn run_recorded(
    settings: &Settings,
    env: impl Fn(&str) -> Option<OsString>,
    progress: &ProgressBar,
) -> Result<(BenchmarkReport, Option<Recorded>), Error> {
    settings.server.check()?;
    let modules = Modules::load(env)?;
    scenario::run_recorded(settings, &modules, progress)
}
