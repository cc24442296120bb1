//! The options for results that are kept, and for the comparison with them.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::error::Error;

/// The tolerance of a comparison without `--tolerance`, in percent.
pub const DEFAULT_TOLERANCE: &str = "1";

/// The options for results that are kept.
#[derive(Args, Clone, Debug)]
pub struct ResultArgs {
    /// Write the results to a file, for a later --baseline
    ///
    /// The file is JSON with a line for each figure. With the embedded server, the same canisters give the same
    /// file on every machine.
    #[arg(long, value_name = "FILE", conflicts_with = "sweep")]
    pub save: Option<PathBuf>,

    /// Write the time that this machine took to the results of --save or --persist, too
    #[arg(long, conflicts_with = "sweep")]
    pub with_host_times: bool,

    /// Compare with the results in a file; the exit code is 3 if a figure is worse
    ///
    /// Rounds and successful calls must not be worse at all. Cycles, instructions, the most cycles that were set
    /// aside at the same time, and the sizes of the modules may be worse by --tolerance.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sweep", "csv"])]
    pub baseline: Option<PathBuf>,

    /// How much worse than the baseline a figure may be, in percent
    #[arg(long, value_name = "PERCENT", default_value = DEFAULT_TOLERANCE, requires = "baseline")]
    #[arg(allow_negative_numbers = true)]
    pub tolerance: Tolerance,

    /// Write the results to the file of --baseline after the comparison, whatever it says; the exit code is 0
    ///
    /// The file does not have to exist.
    #[arg(long, requires = "baseline")]
    pub persist: bool,
}

impl ResultArgs {
    /// Whether the figures are needed that only results have.
    pub fn need_results(&self) -> bool {
        self.save.is_some() || self.baseline.is_some()
    }

    /// The files to which the results go.
    pub fn written(&self) -> impl Iterator<Item = &PathBuf> {
        self.save.iter().chain(self.baseline.iter().filter(|_| self.persist))
    }

    /// Checks that no option is without effect.
    ///
    /// # Errors
    ///
    /// [`Error::HostTimesNeedResults`] if `--with-host-times` is given and no results are written.
    pub fn check(&self) -> Result<(), Error> {
        match self.with_host_times && self.written().next().is_none() {
            true => Err(Error::HostTimesNeedResults),
            false => Ok(()),
        }
    }
}

/// How much worse a figure may be, in percent: 0 or more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance(f64);

impl Tolerance {
    /// The percentage.
    pub fn percent(self) -> f64 {
        self.0
    }
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim_end_matches('%').trim().parse::<f64>() {
            Ok(percent) if percent.is_finite() && percent >= 0.0 => Ok(Self(percent)),
            _ => Err("give a percentage, 0 or greater, such as 1 or 0.5".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_a_percentage_from_zero_on() {
        for (text, percent) in [("0", 0.0), ("1", 1.0), ("0.5", 0.5), ("2 %", 2.0), ("3%", 3.0)] {
            assert_eq!(text.parse::<Tolerance>().map(Tolerance::percent), Ok(percent));
        }
        for text in ["-1", "many", "", "NaN", "inf", "1,5"] {
            let error = text.parse::<Tolerance>().expect_err(text);
            assert!(error.contains("percentage"), "{error}");
        }
    }
}
