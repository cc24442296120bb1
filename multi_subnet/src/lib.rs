//! A benchmark of sequential and parallel inter-canister calls, on one subnet or between two.
//!
//! The command line becomes [`args::Settings`], and a [`scenario`] turns these into a
//! [`report::BenchmarkReport`]. The canisters run on the embedded replica or on a PocketIC server; the
//! benchmark uses both through the `pocket-ic` crate.
//!
//! [`canisters::workspace_modules`] is also for other tests: it returns the canisters of this workspace and
//! builds them first if they are missing or outdated.

pub mod args;
pub mod canisters;
pub mod client;
pub mod deployment;
pub mod error;
pub mod interface;
pub mod measures;
pub mod report;
pub mod scenario;
pub mod server;
pub mod stdout;
pub mod strategy;

use std::ffi::OsString;

use args::Settings;
use canisters::Modules;
use error::Error;
use indicatif::ProgressBar;
use report::BenchmarkReport;

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
