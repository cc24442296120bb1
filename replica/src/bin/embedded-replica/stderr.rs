//! Standard error. Nothing of the program waits for its reader: a thread of its own writes what others say.
//!
//! If nobody reads the other end of a pipe, or if the disk is full, lines are dropped. Canisters that print and
//! requests go on.
//!
//! If standard error is a terminal, a status line can stand below the lines. It is drawn only when it changes.

use embedded_replica::limits::{STANDARD_ERROR_BYTES_MAX, STANDARD_ERROR_PATIENCE};
use indicatif::{ProgressBar, ProgressStyle};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;

/// The lines that wait to be written.
#[derive(Debug)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    /// Bytes of the waiting lines, and of the line that is being written.
    bytes: usize,
    /// Lines that were dropped since the last line was written.
    dropped: u64,
    /// Whether the reader has taken nothing for as long as anybody waits for it.
    is_stuck: bool,
    /// The status line that is to be drawn. Empty: none is to be seen.
    status: Option<String>,
    /// Whether the status line is being drawn.
    is_drawing: bool,
}

static WAITING: Mutex<Waiting> = Mutex::new(Waiting {
    lines: VecDeque::new(),
    bytes: 0,
    dropped: 0,
    is_stuck: false,
    status: None,
    is_drawing: false,
});

/// Notified when a line was added, and when one was written.
static CHANGED: Condvar = Condvar::new();

/// The thread that writes. It is started with the first line.
static WRITER: Once = Once::new();

/// Standard error, for the log.
#[derive(Debug)]
pub struct StandardError;

impl Write for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        add(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a message of the program, as a line.
pub fn say(message: impl std::fmt::Display) {
    add(format!("embedded-replica: {message}\n").into_bytes());
}

/// Shows this status line, if standard error is a terminal. An empty one is removed.
pub fn show_status(status: String) {
    if io::stderr().is_terminal() {
        start_writer();
        waiting().status = Some(status);
        CHANGED.notify_all();
    }
}

/// Waits until everything is written, as long as somebody reads.
pub fn finish() {
    let mut waiting = waiting();
    let mut before = usize::MAX;
    while (1..before).contains(&waiting.unwritten()) {
        before = waiting.unwritten();
        let is_unchanged = |waiting: &mut Waiting| waiting.unwritten() == before;
        let waited = CHANGED.wait_timeout_while(waiting, STANDARD_ERROR_PATIENCE, is_unchanged);
        waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

impl Waiting {
    /// Bytes of lines, and one for the status line if it is to be drawn.
    fn unwritten(&self) -> usize {
        self.bytes + usize::from(self.status.is_some() || self.is_drawing)
    }
}

/// Has panics write their messages here.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|info| add(panic_message(info).into_bytes())));
}

/// The message of a panic, as the standard library words it.
fn panic_message(info: &PanicHookInfo<'_>) -> String {
    let current = thread::current();
    let name = current.name().unwrap_or("<unnamed>");
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => format!("\nthread '{name}' {info}\n{backtrace}\n"),
        _ => format!("\nthread '{name}' {info}\n"),
    }
}

/// Adds a line. Waits for room if many lines wait, and drops the line if the reader takes none of them.
pub fn add(line: Vec<u8>) {
    start_writer();
    let is_full = |waiting: &Waiting| waiting.bytes + line.len() > STANDARD_ERROR_BYTES_MAX;
    let mut waiting = waiting();
    if is_full(&waiting) && !waiting.is_stuck {
        let waits = |waiting: &mut Waiting| is_full(waiting);
        let waited = CHANGED.wait_timeout_while(waiting, STANDARD_ERROR_PATIENCE, waits);
        waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        waiting.is_stuck |= is_full(&waiting);
    }
    if is_full(&waiting) {
        waiting.dropped += 1;
        return;
    }
    waiting.bytes += line.len();
    waiting.lines.push_back(line);
    CHANGED.notify_all();
}

/// Starts the thread that writes, unless it has been started.
fn start_writer() {
    WRITER.call_once(|| {
        // Without the thread, lines are dropped once too many of them wait.
        let _ = thread::Builder::new().name("standard error".into()).spawn(write_all);
    });
}

/// Writes lines and draws the status line, for ever.
fn write_all() {
    let status = status_line();
    loop {
        let is_empty = |waiting: &mut Waiting| waiting.lines.is_empty() && waiting.status.is_none();
        let mut waiting =
            CHANGED.wait_while(waiting(), is_empty).unwrap_or_else(PoisonError::into_inner);
        match waiting.lines.pop_front() {
            Some(line) => {
                let dropped = std::mem::take(&mut waiting.dropped);
                drop(waiting);
                status.suspend(|| write(&line, dropped));
                let mut waiting = self::waiting();
                waiting.bytes -= line.len();
                waiting.is_stuck = false;
            }
            None => {
                let text = waiting.status.take().unwrap_or_default();
                waiting.is_drawing = true;
                drop(waiting);
                draw(&status, text);
                self::waiting().is_drawing = false;
            }
        }
        CHANGED.notify_all();
    }
}

/// Writes a line, and before it how many lines were dropped.
fn write(line: &[u8], dropped: u64) {
    let mut stderr = io::stderr();
    if dropped > 0 {
        let note =
            format!("embedded-replica: {dropped} lines were not written: nobody read them\n");
        let _ = stderr.write_all(note.as_bytes());
    }
    // There is nowhere to report that standard error cannot be written to.
    let _ = stderr.write_all(line);
}

/// A status line without a text.
fn status_line() -> ProgressBar {
    // Hidden if standard error is not a terminal.
    let line = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
        line.set_style(style);
    }
    line
}

/// Draws the status line, or removes it.
fn draw(line: &ProgressBar, text: String) {
    if text.is_empty() {
        line.finish_and_clear();
    } else {
        line.set_message(text);
        line.tick();
    }
}

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}
