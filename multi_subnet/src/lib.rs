//! Times sequential against parallel inter-canister calls, across subnets or on one.
//!
//! Arguments become [`args::Settings`], a [`scenario`] turns them into a [`report::Report`]. Whatever
//! answers, the embedded replica or a PocketIC server, is spoken to through the `pocket-ic` crate alone.
//!
//! [`canisters::workspace_modules`] is of use beyond the benchmark: it hands out the canisters of this
//! workspace, freshly built.

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
use report::Report;

/// Finds the canisters, starts the server, measures each strategy.
///
/// `env` looks up an environment variable; it is an argument so that tests need not change the process's own.
pub fn run(
    settings: &Settings,
    env: impl Fn(&str) -> Option<OsString>,
    progress: &ProgressBar,
) -> Result<Report, Error> {
    // Before anything is built: a mistyped server is reported at once.
    settings.server.check()?;
    let modules = Modules::load(env)?;
    scenario::run(settings, &modules, progress)
}
