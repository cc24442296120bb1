//! Runs the benchmark's binary and reads the results that it prints.

use serde_json::Value;
use test_support::pocket_ic_binary;

use crate::binary::run_with;

/// The servers on which every test of PocketIC's order runs.
pub fn servers() -> Vec<String> {
    let mut servers = vec!["embedded".to_owned()];
    let binary = pocket_ic_binary().map(|path| path.to_str().expect("the path is UTF-8"));
    servers.extend(binary.map(str::to_owned));
    servers
}

/// One strategy of one run.
pub struct Measured(Value);

impl Measured {
    pub fn get(&self, key: &str) -> u64 {
        self.0[key].as_u64().unwrap_or_else(|| panic!("`{key}` is a whole number in {}", self.0))
    }

    /// How many calls failed for a reason, if the caller tells.
    pub fn failures(&self, reason: &str) -> Option<u64> {
        self.0.get("failures").map(|failures| failures[reason].as_u64().unwrap_or(0))
    }

    /// That all calls were accounted for, so many of them succeeded, in so many rounds.
    #[track_caller]
    pub fn assert(&self, succeeded: u64, rounds: u64) {
        let found = ["succeeded", "failed", "rounds"].map(|key| self.get(key));
        assert_eq!(found, [succeeded, self.get("attempted") - succeeded, rounds], "{}", self.0);
        assert!(self.get("cycles") > 0);
    }
}

/// Runs the benchmark with the canisters of this workspace; what its strategies did.
pub fn measure(server: &str, args: &[&str]) -> [Measured; 3] {
    measure_with(server, args, &[])
}

/// The same with environment variables, which may name other canisters, whose caller may have fewer strategies.
pub fn measure_with<const STRATEGIES: usize>(
    server: &str,
    args: &[&str],
    env: &[(&str, &str)],
) -> [Measured; STRATEGIES] {
    let report = run_with(&[&["--json", "--server", server], args].concat(), env).json();
    assert_eq!(report["server"], server);
    let strategies = report["strategies"].as_array().expect("a list");
    let names: Vec<_> = strategies.iter().map(|strategy| strategy["name"].clone()).collect();
    assert_eq!(names, ["sequential", "parallel", "windowed"][..STRATEGIES]);
    std::array::from_fn(|index| Measured(strategies[index].clone()))
}
