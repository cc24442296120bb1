//! The command line of the benchmark.

use std::{
    env,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use multi_subnet::{
    args::{Cli, Task},
    client,
    error::Error,
    stdout,
};

/// How often the progress line is redrawn.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// The progress line of a run: nobody knows how many rounds are left.
const ROUNDS: &str = "{spinner} {msg}: {human_pos} rounds, {elapsed}";
/// The progress line of a sweep.
const SHARE_OF_SWEEP: &str = "{spinner} [{bar:30}] {percent} %, about {eta} left: {msg}";

fn main() -> ExitCode {
    client::silence_client_panics();
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: &Cli) -> Result<(), Error> {
    let env = |name: &str| env::var_os(name);
    let format = cli.output.format();
    let task = Task::resolve(cli, env)?;
    let mut stdout = stdout::take().map_err(Error::Output)?;
    let text = match task {
        Task::Once(settings) => {
            multi_subnet::run(&settings, env, &progress(ROUNDS))?.to_text_in(format)
        }
        Task::Sweep(settings) => {
            multi_subnet::run_sweep(&settings, env, &progress(SHARE_OF_SWEEP))?.to_text_in(format)
        }
    };
    match writeln!(stdout, "{}", text.trim_end()) {
        // The reader has closed its end of the pipe, as `head` does: it needs no more output.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::Output),
    }
}

/// A progress line on standard error; hidden if standard error is not a terminal.
fn progress(template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(PROGRESS_INTERVAL);
    bar
}
