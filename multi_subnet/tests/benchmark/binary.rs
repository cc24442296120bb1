//! Runs the benchmark's binary in an environment of the test's own.

use std::process::{Command, Output};

use serde_json::Value;

/// What a run printed and how it ended.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the binary with these arguments and environment variables.
pub fn run_with(args: &[&str], env: &[(&str, &str)]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_multi_subnet"));
    for variable in ["CALLER_WASM", "CALLEE_WASM", "POCKET_IC_BIN"] {
        command.env_remove(variable);
    }
    // A server that outlives the run must not hold on to the pipes we read.
    command.env("POCKET_IC_MUTE_SERVER", "1");
    let Output { status, stdout, stderr } = command
        .args(args)
        .envs(env.iter().copied())
        .output()
        .expect("the binary was built for this test");
    Run {
        code: status.code().expect("no signal ended it"),
        stdout: String::from_utf8(stdout).expect("text"),
        stderr: String::from_utf8(stderr).expect("text"),
    }
}

/// Runs the binary with these arguments.
pub fn run(args: &[&str]) -> Run {
    run_with(args, &[])
}

impl Run {
    /// The object that `--json` printed.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).expect("the output is one JSON object and nothing else")
    }

    /// The message of a run that failed with this code and printed no result.
    pub fn error(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "results only");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        // What building the canisters printed may come first.
        let start = self.stderr.find("error: ").unwrap_or_else(|| panic!("{}", self.stderr));
        &self.stderr[start..]
    }
}
