//! Results as a file: JSON with one line for each figure, so that a change shows as a change of lines.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use embedded_replica::types::CanisterId;
use serde::{Deserialize, Serialize};

use crate::args::{ServerChoice, Settings};
use crate::canisters::{CALLEE_VARIABLE, CALLER_VARIABLE, ModuleSizes};
use crate::recorded::{Recorded, RecordedStrategy};
use crate::report::{BenchmarkReport, Measurement};

/// The version of the file's format. A file of another version is refused.
pub const RESULTS_VERSION: u64 = 1;

/// The results of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`RESULTS_VERSION`].
    pub version: u64,
    /// How the results were measured.
    pub settings: ResultSettings,
    /// The modules that were measured.
    pub modules: ModuleResults,
    /// One result for each strategy.
    pub strategies: Vec<StrategyResult>,
}

/// How results were measured. Results with different settings cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultSettings {
    /// `embedded`, or `pocket-ic` for every PocketIC server.
    pub server: String,
    /// The profile of the network.
    pub profile: String,
    /// Whether caller and callee were on one subnet.
    pub same_subnet: bool,
    /// Calls that each strategy was to make.
    pub calls: u64,
    /// Cycles that the caller started with.
    pub caller_cycles: u128,
}

/// The modules of caller and callee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleResults {
    /// The caller's module.
    pub caller: ModuleResult,
    /// The callee's module.
    pub callee: ModuleResult,
}

/// A module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleResult {
    /// The name of its file. Results of modules with other names cannot be compared.
    pub file: String,
    /// Its size as installed.
    pub bytes: u64,
}

/// The figures of one strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyResult {
    /// `sequential`, `parallel` or `windowed`.
    pub name: String,
    /// Calls that got a reply.
    pub succeeded: u64,
    /// All other calls.
    pub failed: u64,
    /// Failed calls by reason, if the caller returns the reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<BTreeMap<String, u64>>,
    /// Rounds until the caller replied.
    pub rounds: u64,
    /// The time that these rounds take on the mainnet, in milliseconds.
    pub model_time_ms: u64,
    /// Cycles that the caller spent.
    pub cycles: u128,
    /// Instructions that the caller executed. Only the embedded server tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_instructions: Option<u64>,
    /// Instructions that the callee executed. Only the embedded server tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callee_instructions: Option<u64>,
    /// The most cycles that were set aside for open calls at the same time. Only the embedded server tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_cycles_set_aside: Option<u128>,
    /// The time that this machine took, in milliseconds. Not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_time_ms: Option<f64>,
}

impl Results {
    /// The results of a run.
    pub fn new(
        report: &BenchmarkReport,
        recorded: Option<&Recorded>,
        settings: ResultSettings,
        modules: ModuleResults,
        with_host_times: bool,
    ) -> Self {
        let result = |(index, measurement): (usize, &Measurement)| {
            let recorded = recorded.and_then(|all| Some((all, all.strategies.get(index)?)));
            let host_time =
                with_host_times.then(|| measurement.host_time.as_micros() as f64 / 1_000.0);
            StrategyResult::new(measurement, recorded, host_time)
        };
        let strategies = report.strategies.iter().enumerate().map(result).collect();
        Self { version: RESULTS_VERSION, settings, modules, strategies }
    }

    /// The text of the file.
    pub fn to_json(&self) -> String {
        // Every field is a string or a number, which JSON can express.
        serde_json::to_string_pretty(self).expect("results are representable in JSON") + "\n"
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Fails if the text is not of this version, or no such results at all.
    pub fn from_json(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let other = |error: serde_json::Error| format!("it is not a file of --save ({error})");
        let Versioned { version } = serde_json::from_str(text).map_err(other)?;
        if version != RESULTS_VERSION {
            return Err(format!(
                "it has version {version}, but this program reads version {RESULTS_VERSION}: make it again with --save"
            ));
        }
        serde_json::from_str(text).map_err(other)
    }
}

impl ResultSettings {
    /// The settings of a run.
    pub fn of(settings: &Settings) -> Self {
        let server = match settings.server {
            ServerChoice::Embedded => "embedded",
            ServerChoice::PocketIc | ServerChoice::Binary(_) | ServerChoice::Url(_) => "pocket-ic",
        };
        Self {
            server: server.into(),
            profile: settings.profile.name().into(),
            same_subnet: settings.same_subnet,
            calls: settings.calls,
            caller_cycles: settings.caller_cycles,
        }
    }

    /// The options of the command line with which these results are measured.
    pub fn options(&self) -> String {
        let Self { server, profile, same_subnet, calls, caller_cycles } = self;
        let placement = if *same_subnet { " --same-subnet" } else { "" };
        format!(
            "--server {server} --profile {profile}{placement} --calls {calls} --caller-cycles {caller_cycles}"
        )
    }
}

/// The names of the files of caller and callee. `env` returns the value of an environment variable.
pub(super) fn module_files(env: impl Fn(&str) -> Option<OsString>) -> [String; 2] {
    [(CALLER_VARIABLE, "caller.wasm"), (CALLEE_VARIABLE, "callee.wasm")].map(
        |(variable, default)| {
            let path = env(variable).filter(|path| !path.is_empty());
            let name = path.as_deref().and_then(|path| Path::new(path).file_name());
            name.map_or_else(|| default.into(), |name| name.to_string_lossy().into_owned())
        },
    )
}

impl ModuleResults {
    /// The modules, with the names of their files.
    pub fn new([caller, callee]: [String; 2], sizes: ModuleSizes) -> Self {
        let result = |file, bytes| ModuleResult { file, bytes };
        Self { caller: result(caller, sizes.caller), callee: result(callee, sizes.callee) }
    }
}

impl StrategyResult {
    fn new(
        measurement: &Measurement,
        recorded: Option<(&Recorded, &RecordedStrategy)>,
        host_time_ms: Option<f64>,
    ) -> Self {
        let instructions = |canister: CanisterId, strategy: &RecordedStrategy| {
            let executions = strategy.recording.executions().iter();
            let own = executions.filter(|one| one.canister.principal() == canister.principal());
            own.map(|execution| execution.instructions).sum()
        };
        let set_aside = |(all, strategy): (&Recorded, &RecordedStrategy)| {
            let load = strategy.recording.load_by(all.caller);
            load.iter().map(|load| load.set_aside).max().unwrap_or_default()
        };
        Self {
            name: measurement.name.into(),
            succeeded: measurement.succeeded,
            failed: measurement.failed,
            failures: measurement.failures.clone(),
            rounds: measurement.rounds,
            // A model time of 2^64 milliseconds is half a billion years.
            model_time_ms: measurement.model_time.as_millis() as u64,
            cycles: measurement.cycles,
            caller_instructions: recorded.map(|(all, one)| instructions(all.caller, one)),
            callee_instructions: recorded.map(|(all, one)| instructions(all.callee, one)),
            peak_cycles_set_aside: recorded.map(set_aside),
            host_time_ms,
        }
    }
}

#[cfg(test)]
#[path = "results_tests.rs"]
mod tests;
