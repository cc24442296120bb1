//! The options of a sweep.

use std::ffi::OsString;
use std::str::FromStr;

use clap::Args;

use super::{Cli, ServerChoice, Settings, resolve_server, whole_number};
use crate::error::Error;

/// The numbers of calls of a sweep without a list. They include 500 and 1,000, between which parallel calls find no
/// more slots.
pub const DEFAULT_COUNTS: &str = "1,2,5,10,20,50,100,200,500,1000,2000,5000";

/// The options of a sweep.
#[derive(Args, Clone, Debug)]
pub struct SweepArgs {
    /// Measure several numbers of calls, and find where one strategy overtakes another
    ///
    /// LIST has the numbers, separated by commas. Without LIST: 1 to 5,000 calls in twelve steps.
    /// The sweep measures each strategy and number on new canisters.
    #[arg(long, value_name = "LIST", num_args = 0..=1, default_missing_value = DEFAULT_COUNTS)]
    #[arg(conflicts_with = "calls", allow_negative_numbers = true)]
    pub sweep: Option<CallCounts>,

    /// Sweep both with caller and callee on two subnets, and with both on one subnet
    #[arg(long, requires = "sweep", conflicts_with = "same_subnet")]
    pub both_placements: bool,
}

/// The numbers of calls of a sweep: at least one, in ascending order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallCounts(Vec<u64>);

impl CallCounts {
    /// The numbers.
    pub fn as_slice(&self) -> &[u64] {
        &self.0
    }
}

impl FromStr for CallCounts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| match whole_number(text.trim()) {
            Ok(0) => Err("`0` is too small: a sweep starts with 1 call or more".into()),
            Ok(number) => Ok(number),
            Err(reason) => Err(format!("`{text}`: {reason}")),
        };
        let mut counts = text.split(',').map(number).collect::<Result<Vec<u64>, String>>()?;
        counts.sort_unstable();
        counts.dedup();
        Ok(Self(counts))
    }
}

/// The settings of a sweep: the command line, with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepSettings {
    /// The numbers of calls that each strategy makes.
    pub counts: CallCounts,
    /// All other settings, one for each placement, profile and number of cycles, in this order. The field `calls`
    /// has no meaning.
    pub series: Vec<Settings>,
    /// The server that executes the canisters.
    pub server: ServerChoice,
}

impl SweepSettings {
    /// Fills in the defaults, as [`Settings::resolve`].
    ///
    /// # Errors
    ///
    /// [`Error::ProfileNeedsEmbedded`] if a profile is not `pocket-ic` and the server is not the embedded one.
    pub fn resolve(
        cli: &Cli,
        counts: CallCounts,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let server = resolve_server(cli, env)?;
        let placements =
            if cli.sweep.both_placements { vec![false, true] } else { vec![cli.same_subnet] };
        let mut series = Vec::new();
        for same_subnet in placements {
            for &profile in &cli.profile {
                for &caller_cycles in &cli.caller_cycles {
                    let server = server.clone();
                    let settings =
                        Settings { calls: 0, same_subnet, caller_cycles, profile, server };
                    if !series.contains(&settings) {
                        series.push(settings);
                    }
                }
            }
        }
        Ok(Self { counts, series, server })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Profile, Task};

    fn parse(args: &[&str]) -> Result<Cli, String> {
        Cli::try_parse_from([&["multi_subnet"], args].concat()).map_err(|error| error.to_string())
    }

    fn task(args: &[&str]) -> Result<Task, Error> {
        Task::resolve(&parse(args).expect("the arguments are well formed"), |_| None)
    }

    fn sweep(args: &[&str]) -> SweepSettings {
        match task(args).expect("a sweep") {
            Task::Sweep(settings) => settings,
            Task::Once(_) => panic!("{args:?} is no sweep"),
        }
    }

    #[test]
    fn a_sweep_without_a_list_has_twelve_steps_up_to_5000_calls() {
        for args in [&["--sweep"][..], &["--sweep", "--same-subnet"], &["--same-subnet", "--sweep"]]
        {
            let counts = sweep(args).counts;
            assert_eq!(
                counts.as_slice(),
                [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]
            );
        }
    }

    #[test]
    fn numbers_are_sorted_and_counted_once() {
        for list in ["20,3,1_000,3", "20, 3, 1000", "1000,20,3"] {
            assert_eq!(sweep(&["--sweep", list]).counts.as_slice(), [3, 20, 1_000]);
        }
    }

    #[test]
    fn a_list_with_something_else_is_refused_with_the_place() {
        for (list, expected) in [
            ("1,,2", "``: give a whole number"),
            ("", "give a whole number"),
            ("1,many", "`many`"),
            ("-1", "`-1`"),
            ("1,0", "too small"),
            ("1,99999999999999999999", "too large"),
        ] {
            let message = parse(&["--sweep", list]).expect_err(list);
            assert!(message.contains("--sweep") && message.contains(expected), "{message}");
        }
    }

    #[test]
    fn each_placement_profile_and_number_of_cycles_is_a_series() {
        let settings = sweep(&[
            "--sweep",
            "--both-placements",
            "--profile",
            "pocket-ic,mainnet",
            "--caller-cycles",
            "2_000_000_000_000,100_000_000_000_000,2_000_000_000_000",
        ]);
        let series: Vec<_> = settings
            .series
            .iter()
            .map(|one| (one.same_subnet, one.profile, one.caller_cycles / 1_000_000_000_000))
            .collect();
        let mut expected = Vec::new();
        for same_subnet in [false, true] {
            for profile in [Profile::PocketIc, Profile::Mainnet] {
                expected.extend([2, 100].map(|cycles| (same_subnet, profile, cycles)));
            }
        }
        assert_eq!(series, expected);
    }

    #[test]
    fn lists_without_a_sweep_are_refused() {
        for args in [["--caller-cycles", "1,2"], ["--profile", "pocket-ic,mainnet"]] {
            let error = task(&args).expect_err("one value each");
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("--sweep"), "{error}");
        }
    }

    #[test]
    fn options_that_contradict_a_sweep_are_refused() {
        for args in [
            &["--sweep", "--calls", "7"][..],
            &["--both-placements"],
            &["--sweep", "--both-placements", "--same-subnet"],
            &["--json", "--csv"],
        ] {
            parse(args).expect_err("a contradiction");
        }
    }
}
