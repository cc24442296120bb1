//! What happened while the strategies ran: a recording of the embedded replica for each of them.

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::Receiver;

use candid::Principal;
use embedded_replica::trace::{Event, Names, Recording, json_lines, perfetto};
use embedded_replica::types::CanisterId;
use sha2::{Digest, Sha256};

use crate::args::{NamedId, TraceFormat};
use crate::canisters::Modules;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::files::write_file;
use crate::report::Measurement;

/// The recordings of a run.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The calling canister.
    pub caller: CanisterId,
    /// The called canister.
    pub callee: CanisterId,
    /// The modules of both canisters.
    pub modules: Vec<RecordedModule>,
    /// One recording per strategy, in the order in which they ran.
    pub strategies: Vec<RecordedStrategy>,
}

/// A module that was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedModule {
    /// `caller` or `callee`.
    pub name: &'static str,
    /// Its size, as it was installed.
    pub bytes: usize,
    /// Its hash, in hexadecimal.
    pub sha256: String,
}

/// The recording of one strategy.
#[derive(Clone, Debug)]
pub struct RecordedStrategy {
    /// The result.
    pub measurement: Measurement,
    /// The caller's balance before, in cycles.
    pub balance: u128,
    /// What happened.
    pub recording: Recording,
}

/// Records the strategies of a run.
pub(crate) struct Recorder {
    events: Receiver<Event>,
    recorded: Recorded,
}

impl Recorder {
    pub(crate) fn new(
        events: Receiver<Event>,
        deployment: &Deployment<'_>,
        modules: &Modules,
    ) -> Self {
        let (caller, callee) = (deployment.caller.into(), deployment.callee.into());
        let modules = RecordedModule::of(modules);
        Self { events, recorded: Recorded { caller, callee, modules, strategies: Vec::new() } }
    }

    /// Forgets what happened before.
    pub(crate) fn begin(&mut self) {
        self.events.try_iter().for_each(drop);
    }

    /// Ends the recording of a strategy. `balance` is that of the caller before, in cycles.
    pub(crate) fn end(&mut self, measurement: &Measurement, balance: u128) {
        let recording = Recording::of(self.events.try_iter());
        let measurement = measurement.clone();
        self.recorded.strategies.push(RecordedStrategy { measurement, balance, recording });
    }

    pub(crate) fn finish(self) -> Recorded {
        self.recorded
    }
}

impl RecordedModule {
    /// The modules of both canisters.
    pub fn of(modules: &Modules) -> Vec<Self> {
        vec![Self::new("caller", &modules.caller), Self::new("callee", &modules.callee)]
    }

    fn new(name: &'static str, module: &[u8]) -> Self {
        let hash = Sha256::digest(module);
        let sha256 = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { name, bytes: module.len(), sha256 }
    }
}

impl Recorded {
    /// Names of the canisters and of their subnets, and the names that the user gave.
    pub fn names(&self, named: &[NamedId]) -> Names {
        let mut names = Names::new();
        let subnet = |canister: CanisterId| {
            self.strategies.iter().find_map(|strategy| strategy.recording.subnet_of(canister))
        };
        match (subnet(self.caller), subnet(self.callee)) {
            (Some(caller), Some(callee)) if caller == callee => {
                names = names.with(caller, "subnet of caller and callee");
            }
            (caller, callee) => {
                for (subnet, name) in
                    [(callee, "subnet of the callee"), (caller, "subnet of the caller")]
                {
                    if let Some(subnet) = subnet {
                        names = names.with(subnet, name);
                    }
                }
            }
        }
        names = names.with(self.caller, "caller").with(self.callee, "callee");
        named.iter().fold(names, |names, named| names.with(named.id, &named.name))
    }

    /// The names for ids that do not occur in the recordings.
    pub fn unknown<'a>(&self, named: &'a [NamedId]) -> Vec<&'a NamedId> {
        let occurs = |id: Principal| {
            self.strategies.iter().map(|strategy| &strategy.recording).any(|recording| {
                recording.subnet_of(id).is_some()
                    || recording.rounds().iter().any(|round| round.subnet.principal() == id)
                    || recording.calls().iter().any(|call| call.callee.principal() == id)
            })
        };
        named.iter().filter(|named| !occurs(named.id)).collect()
    }

    /// Writes all events to a file.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file cannot be written.
    pub fn write_trace(
        &self,
        path: &Path,
        format: TraceFormat,
        names: &Names,
    ) -> Result<(), Error> {
        write_file(path, |mut out: &mut dyn Write| match format {
            TraceFormat::Jsonl => self.strategies.iter().try_for_each(|strategy| {
                json_lines::write(&mut out, strategy.measurement.name, &strategy.recording, names)
            }),
            TraceFormat::Perfetto => {
                let recordings: Vec<_> = self
                    .strategies
                    .iter()
                    .map(|strategy| (strategy.measurement.name, &strategy.recording))
                    .collect();
                perfetto::write(&mut out, &recordings, names)
            }
        })
    }
}
