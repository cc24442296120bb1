//! The measurements of a sweep.

use indicatif::ProgressBar;
use pocket_ic::nonblocking::PocketIc;
use tokio::runtime::Builder;

use super::crossover::crossovers;
use super::known::Known;
use super::search::{Probe, next_probe};
use super::wall::walls;
use super::{Point, Series, Sweep};
use crate::args::{CallCounts, Profile, Settings, SweepSettings};
use crate::canisters::Modules;
use crate::client::ask;
use crate::deployment::{Deployment, needed_subnets};
use crate::error::Error;
use crate::interface;
use crate::numbers::grouped;
use crate::report::Measurement;
use crate::scenario;
use crate::server::Server;
use crate::strategy::Strategy;

/// The work of a measurement besides its rounds, in rounds: creating and installing two canisters.
const DEPLOYMENT_WEIGHT: u64 = 50;

/// Measures each strategy with each number of calls, for each series, and searches for walls and crossovers.
///
/// # Errors
///
/// Fails if the server, an instance or the canisters cannot be used, or if the caller does not reply as expected. See
/// [`Error`].
pub fn run(
    settings: &SweepSettings,
    modules: &Modules,
    progress: &ProgressBar,
) -> Result<Sweep, Error> {
    let strategies = Strategy::of(interface::has_run(&modules.caller));
    let planned = settings.series.iter().map(|series| planned_weight(series, settings, strategies));
    progress.set_length(planned.sum());
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let measure_each = || {
        let mut series = Vec::new();
        for settings_of_series in &settings.series {
            let server = Server::start(&settings.server, settings_of_series.profile)?;
            let run = RunningSeries { settings: settings_of_series, modules, strategies, progress };
            series.push(runtime.block_on(run.measure_on(&server, &settings.counts))?);
        }
        Ok(series)
    };
    let series = measure_each();
    // A client whose server has died blocks a thread for ever: do not wait for that thread.
    runtime.shutdown_background();
    progress.finish_and_clear();
    Ok(Sweep { server: settings.server.to_string(), series: series? })
}

/// A series that is being measured.
struct RunningSeries<'a> {
    settings: &'a Settings,
    modules: &'a Modules,
    strategies: &'static [Strategy],
    progress: &'a ProgressBar,
}

impl RunningSeries<'_> {
    async fn measure_on(&self, server: &Server, counts: &CallCounts) -> Result<Series, Error> {
        self.progress.set_message("starting");
        let subnets = needed_subnets(self.settings.same_subnet);
        let instance = server.create_instance(subnets).await?;
        let known = self.measure_all(&instance, counts).await;
        // Delete the instance after a failure, too: the server may keep running.
        let deleted = ask("deleting the instance", instance.drop()).await;
        let known = known?;
        deleted?;
        let point = |&calls: &u64| {
            let strategies = known.all(calls)?.into_iter().cloned().collect();
            Some(Point { calls, strategies })
        };
        Ok(Series {
            profile: self.settings.profile.name(),
            same_subnet: self.settings.same_subnet,
            caller_cycles: self.settings.caller_cycles,
            points: counts.as_slice().iter().filter_map(point).collect(),
            walls: walls(&known, self.settings.caller_cycles),
            crossovers: crossovers(&known),
        })
    }

    async fn measure_all(&self, instance: &PocketIc, counts: &CallCounts) -> Result<Known, Error> {
        let round_nanos = scenario::round_nanos(instance, self.settings).await?;
        let mut known = Known::new(self.strategies.len());
        // The largest number first: if the caller rejects it, the sweep fails at once.
        for &calls in counts.as_slice().iter().rev() {
            for strategy in 0..self.strategies.len() {
                let measurement =
                    self.measure(instance, round_nanos, Probe { strategy, calls }).await?;
                known.add(strategy, measurement);
            }
        }
        while let Some(probe) = next_probe(&known) {
            self.progress.inc_length(self.weight(probe));
            known.add(probe.strategy, self.measure(instance, round_nanos, probe).await?);
        }
        Ok(known)
    }

    /// Makes one measurement, on new canisters.
    async fn measure(
        &self,
        instance: &PocketIc,
        round_nanos: u64,
        probe: Probe,
    ) -> Result<Measurement, Error> {
        let strategy = self.strategies[probe.strategy];
        let placement = if self.settings.same_subnet { "one subnet" } else { "two subnets" };
        let calls = grouped(probe.calls.into());
        self.progress.set_message(format!("{placement}, {} {calls}", strategy.name()));
        let settings = Settings { calls: probe.calls, ..self.settings.clone() };
        let deployment = Deployment::new(instance, &settings, self.modules, round_nanos).await?;
        // The rounds are not shown: the bar shows measurements.
        let rounds = ProgressBar::hidden();
        let measurement = scenario::measure(&deployment, &settings, strategy, &rounds).await?;
        self.progress.inc(self.weight(probe));
        Ok(measurement)
    }

    fn weight(&self, probe: Probe) -> u64 {
        weight(self.settings, self.strategies[probe.strategy], probe.calls)
    }
}

/// The weight of all measurements of a series without the search.
fn planned_weight(series: &Settings, settings: &SweepSettings, strategies: &[Strategy]) -> u64 {
    let counts = settings.counts.as_slice().iter();
    counts.flat_map(|&calls| strategies.iter().map(move |&one| weight(series, one, calls))).sum()
}

/// About how long a measurement takes, in rounds of a sequential call. Only the progress bar depends on it.
fn weight(series: &Settings, strategy: Strategy, calls: u64) -> u64 {
    let per_call = match (strategy, series.same_subnet, series.profile) {
        (Strategy::Sequential, false, Profile::PocketIc) => 10,
        (Strategy::Sequential, false, Profile::Mainnet) => 40,
        _ => 1,
    };
    DEPLOYMENT_WEIGHT + calls.saturating_mul(per_call) / 10
}
