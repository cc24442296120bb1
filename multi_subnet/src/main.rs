//! The command line of the benchmark.

use std::{
    env,
    ffi::OsString,
    fmt,
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use multi_subnet::{
    args::{
        Cli, FileArgs, InEachForm, NamedId, SERVER_BINARY_VARIABLE, Settings, SweepSettings, Task,
    },
    baseline::Plan,
    canisters::{CALLEE_VARIABLE, CALLER_VARIABLE},
    client,
    error::Error,
    escape::shell_command,
    files::{write_file, write_pictures},
    page::{page as page_of, sweep_page},
    pictures,
    recorded::{Recorded, RecordedModule},
    report::BenchmarkReport,
    stdout,
};

/// How often the progress line is redrawn.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// The progress line of a run: nobody knows how many rounds are left.
const ROUNDS: &str = "{spinner} {msg}: {human_pos} rounds, {elapsed}";
/// The progress line of a sweep.
const SHARE_OF_SWEEP: &str = "{spinner} [{bar:20}] {percent} %{left}: {msg}";

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
    let task = Task::resolve(cli, env)?;
    cli.results.check()?;
    cli.check_distinct(env)?;
    cli.files.check_paths()?;
    match task {
        Task::Once(settings) => run_once(cli, &settings),
        Task::Sweep(settings) => run_sweep(cli, &settings),
    }
}

/// Measures each strategy, and writes the files that the user wants.
fn run_once(cli: &Cli, settings: &Settings) -> Result<(), Error> {
    let env = |name: &str| env::var_os(name);
    cli.files.check_server(&settings.server)?;
    let plan = Plan::prepare(&cli.results, settings, env)?;
    let colours =
        io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    let mut stdout = stdout::take().map_err(Error::Output)?;
    let (report, recorded) = match cli.files.need_events() || plan.is_some() {
        true => multi_subnet::run_recorded(settings, env, &progress(ROUNDS))?,
        false => (multi_subnet::run(settings, env, &progress(ROUNDS))?, None),
    };
    let outcome = plan.as_ref().map(|plan| plan.outcome(&report, recorded.as_ref()));
    let comparison = outcome.as_ref().and_then(|outcome| outcome.comparison.as_ref());
    let text = match comparison {
        Some(comparison) => comparison.after_report(&report, cli.output.format(), colours),
        None => report.to_text_in(cli.output.format()),
    };
    let printed = print(&mut stdout, &text);
    let written = recorded.iter().flat_map(|all| write_files(&cli.files, &report, all));
    let finished = plan.iter().zip(&outcome).map(|(plan, outcome)| plan.finish(outcome));
    // The results come last: their verdict is the exit code.
    last_error(std::iter::once(printed).chain(written).chain(finished))
}

/// The last error. Prints all errors before it, so that one file that cannot be written takes no other result away.
fn last_error(outcomes: impl Iterator<Item = Result<(), Error>>) -> Result<(), Error> {
    let mut errors = outcomes.filter_map(Result::err);
    let Some(mut last) = errors.next() else { return Ok(()) };
    for error in errors {
        eprintln!("error: {last}");
        last = error;
    }
    Err(last)
}

/// Measures each strategy with several numbers of calls, and writes the files that the user wants.
fn run_sweep(cli: &Cli, settings: &SweepSettings) -> Result<(), Error> {
    let env = |name: &str| env::var_os(name);
    let mut stdout = stdout::take().map_err(Error::Output)?;
    let (sweep, modules) = multi_subnet::run_sweep(settings, env, &progress(SHARE_OF_SWEEP))?;
    let printed = print(&mut stdout, &sweep.to_text_in(cli.output.format()));
    let svg = cli.files.svg.iter();
    let svg = svg.map(|folder| write_pictures(folder, &pictures::of_sweep(&sweep)));
    let page = cli.files.report.iter().map(|path| {
        let modules = RecordedModule::of(&modules);
        write_page(path, &sweep_page(&sweep, &modules, &command_line()))
    });
    last_error(std::iter::once(printed).chain(svg).chain(page))
}

/// Prints the result.
fn print(stdout: &mut impl Write, text: &str) -> Result<(), Error> {
    match writeln!(stdout, "{}", text.trim_end()) {
        // The reader has closed its end of the pipe, as `head` does: it needs no more output.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::Output),
    }
}

/// Writes the files that the user wants, and returns an outcome for each of them.
fn write_files(
    files: &FileArgs,
    report: &BenchmarkReport,
    recorded: &Recorded,
) -> Vec<Result<(), Error>> {
    for NamedId { id, name } in recorded.unknown(&files.names) {
        eprintln!("warning: `--name {id}={name}` has no effect: {id} does not occur in the trace");
    }
    let trace = files.trace.iter().map(|path| {
        let names = recorded.names(&files.names);
        recorded.write_trace(path, files.format_of(path)?, &names)
    });
    let svg = files.svg.iter().map(|folder| write_pictures(folder, &pictures::of_run(recorded)));
    let page = files.report.iter();
    let page = page.map(|path| write_page(path, &page_of(report, recorded, &command_line())));
    trace.chain(svg).chain(page).collect()
}

fn write_page(path: &Path, page: &str) -> Result<(), Error> {
    write_file(path, |out| out.write_all(page.as_bytes()))
}

/// The command line that the user typed, with the name of this program and the environment variables that matter.
fn command_line() -> String {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let variables = [CALLER_VARIABLE, CALLEE_VARIABLE, SERVER_BINARY_VARIABLE];
    let variables = variables.into_iter().filter_map(|name| Some((name, text(env::var_os(name)?))));
    let words = std::iter::once("multi_subnet".to_owned()).chain(env::args_os().skip(1).map(text));
    shell_command(variables, words)
}

/// A progress line on standard error; hidden if standard error is not a terminal.
fn progress(template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("left", time_left));
    }
    bar.set_message("starting");
    bar.enable_steady_tick(PROGRESS_INTERVAL);
    bar
}

/// Writes about how long a sweep still takes.
fn time_left(state: &ProgressState, text: &mut dyn fmt::Write) {
    // If the terminal cannot be written to, the next line shows it.
    let _ = text.write_str(&what_is_left(state.pos(), state.eta()));
}

/// About how long a sweep still takes, after this much work. Before the first measurement, nobody knows.
fn what_is_left(done: u64, estimate: Duration) -> String {
    match done {
        0 => String::new(),
        _ => format!(", about {:#} left", HumanDuration(estimate)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_progress_line_says_what_is_left_once_a_measurement_is_done() {
        assert_eq!(what_is_left(0, Duration::from_secs(7)), "");
        assert_eq!(what_is_left(1, Duration::from_secs(7)), ", about 7s left");
        assert_eq!(what_is_left(900, Duration::from_secs(150)), ", about 3m left");
    }

    #[test]
    fn the_progress_lines_are_templates_that_are_understood() {
        for template in [ROUNDS, SHARE_OF_SWEEP] {
            ProgressStyle::with_template(template).expect("a template");
        }
        assert!(SHARE_OF_SWEEP.contains("{left}"));
    }
}
