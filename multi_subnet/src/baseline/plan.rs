//! What a run does with results: checked before the run, carried out after it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::compare::Comparison;
use super::results::{ModuleResults, ResultSettings, Results, module_files};
use crate::args::{ResultArgs, Settings};
use crate::error::Error;
use crate::files::{check_file, write_file};
use crate::recorded::Recorded;
use crate::report::BenchmarkReport;

/// What a run does with its results.
#[derive(Clone, Debug)]
pub struct Plan {
    args: ResultArgs,
    settings: ResultSettings,
    module_files: [String; 2],
    /// The results in the file of `--baseline`. `None` without this option, or if the file does not exist yet.
    baseline: Option<Results>,
}

/// The results of a run, and the comparison with the baseline.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The results.
    pub results: Results,
    /// The comparison, if there is a baseline.
    pub comparison: Option<Comparison>,
}

impl Plan {
    /// Reads the baseline, and checks that it fits the run and that the files can be written. `None` if the options ask
    /// for nothing. `env` returns the value of an environment variable.
    ///
    /// # Errors
    ///
    /// - [`Error::Baseline`] if the baseline cannot be read, or if it has other settings or modules.
    /// - [`Error::NoFolder`] or [`Error::NotWritable`] if a file cannot be written.
    pub fn prepare(
        args: &ResultArgs,
        settings: &Settings,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, Error> {
        if !args.need_results() {
            return Ok(None);
        }
        let settings = ResultSettings::of(settings);
        let module_files = module_files(env);
        let baseline = match &args.baseline {
            Some(path) => {
                let refuse = |reason| Error::Baseline { path: path.clone(), reason };
                let baseline = read(path, args.persist).map_err(refuse)?;
                if let Some(baseline) = &baseline {
                    fits(baseline, &settings, &module_files).map_err(refuse)?;
                }
                baseline
            }
            None => None,
        };
        args.written().try_for_each(|path| check_file(path))?;
        Ok(Some(Self { args: args.clone(), settings, module_files, baseline }))
    }

    /// Makes the results of a run, and compares them with the baseline.
    pub fn outcome(&self, report: &BenchmarkReport, recorded: Option<&Recorded>) -> Outcome {
        let modules = ModuleResults::new(self.module_files.clone(), report.modules);
        let settings = self.settings.clone();
        let results = Results::new(report, recorded, settings, modules, self.args.with_host_times);
        let compare = |path: &PathBuf| {
            let file = path.display().to_string();
            Comparison::new(file, self.baseline.as_ref(), &results, self.args.tolerance.percent())
        };
        let comparison = self.args.baseline.as_ref().map(compare);
        Outcome { results, comparison }
    }

    /// Writes the files, and says whether a figure is worse than the baseline. If a file cannot be written, writes the
    /// other one all the same.
    ///
    /// # Errors
    ///
    /// - [`Error::File`] if a file cannot be written.
    /// - [`Error::WorseThanBaseline`] if a figure is worse, unless the new results were to be accepted.
    pub fn finish(&self, outcome: &Outcome) -> Result<(), Error> {
        let json = outcome.results.to_json();
        let write = |path: &PathBuf| write_file(path, |file| file.write_all(json.as_bytes()));
        self.args.written().map(write).fold(Ok(()), Result::and)?;
        match &outcome.comparison {
            Some(comparison) if comparison.is_worse && !self.args.persist => {
                Err(Error::WorseThanBaseline { file: comparison.file.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// Reads a baseline. `None` if there is none and `may_be_absent`.
fn read(path: &Path, may_be_absent: bool) -> Result<Option<Results>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Results::from_json(&text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_be_absent => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("it does not exist: make it with --save, or add --persist".into())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a baseline can be compared with a run with these settings and modules.
fn fits(
    baseline: &Results,
    settings: &ResultSettings,
    [caller, callee]: &[String; 2],
) -> Result<(), String> {
    if baseline.settings != *settings {
        return Err(format!(
            "it was measured with `{}`, and this run has `{}`: use the same options, or another file",
            baseline.settings.options(),
            settings.options()
        ));
    }
    let modules = &baseline.modules;
    if (&modules.caller.file, &modules.callee.file) != (caller, callee) {
        return Err(format!(
            "it is about `{}` and `{}`, and this run measures `{caller}` and `{callee}`: use another file, or give \
             the modules the same names",
            modules.caller.file, modules.callee.file
        ));
    }
    Ok(())
}
