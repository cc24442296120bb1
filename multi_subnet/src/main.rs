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
    args::{Cli, Settings},
    client,
    error::Error,
    stdout,
};

/// How often the progress line is redrawn.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

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
    let settings = Settings::resolve(cli, |name| env::var_os(name))?;
    let mut stdout = stdout::take().map_err(Error::Output)?;
    let report = multi_subnet::run(&settings, |name| env::var_os(name), &progress())?;
    let text = if cli.json { report.to_json() } else { report.to_string() };
    match writeln!(stdout, "{}", text.trim_end()) {
        // The reader has closed its end of the pipe, as `head` does: it needs no more output.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::Output),
    }
}

/// A progress line on standard error; hidden if standard error is not a terminal.
fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} {msg}: {human_pos} rounds, {elapsed}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(PROGRESS_INTERVAL);
    bar
}
