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
    args::{Cli, FileArgs, Settings, Task},
    client,
    error::Error,
    recorded::Recorded,
    report::BenchmarkReport,
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
    if let Task::Once(settings) = &task {
        cli.files.check(&settings.server)?;
    }
    let mut stdout = stdout::take().map_err(Error::Output)?;
    let (text, recorded) = match task {
        Task::Once(settings) => {
            let (report, recorded) = run_once(cli, &settings)?;
            (report.to_text_in(format), recorded)
        }
        Task::Sweep(settings) => {
            let sweep = multi_subnet::run_sweep(&settings, env, &progress(SHARE_OF_SWEEP))?;
            (sweep.to_text_in(format), None)
        }
    };
    match writeln!(stdout, "{}", text.trim_end()) {
        // The reader has closed its end of the pipe, as `head` does: it needs no more output.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.map_err(Error::Output)?,
    }
    recorded.map_or(Ok(()), |recorded| write_files(&cli.files, &recorded))
}

/// Measures each strategy, and records what happens if a file needs it.
fn run_once(cli: &Cli, settings: &Settings) -> Result<(BenchmarkReport, Option<Recorded>), Error> {
    let env = |name: &str| env::var_os(name);
    match cli.files.need_events() {
        true => multi_subnet::run_recorded(settings, env, &progress(ROUNDS)),
        false => Ok((multi_subnet::run(settings, env, &progress(ROUNDS))?, None)),
    }
}

/// Writes the files that the user wants.
fn write_files(files: &FileArgs, recorded: &Recorded) -> Result<(), Error> {
    if let Some(path) = &files.trace {
        recorded.write_trace(path, files.format_of(path)?, &recorded.names(&files.names))?;
    }
    Ok(())
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
