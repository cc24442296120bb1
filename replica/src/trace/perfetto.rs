//! A recording in the Trace Event Format, which Perfetto (<https://ui.perfetto.dev>) and `chrome://tracing` open.
//!
//! Source: "Trace Event Format" by Google (the JSON of `chrome://tracing`), and the page "Other trace formats" of
//! Perfetto. A subnet is a process, a canister is a thread. Times are microseconds of model time.

mod events;

use super::{Names, Recording};
use events::{Part, TraceEvent};
use std::io::{self, Write};

/// Writes recordings side by side: all begin at time 0. Each has a title, which is part of the names of its processes.
///
/// # Errors
///
/// If `out` cannot be written to.
pub fn write(
    out: &mut impl Write,
    recordings: &[(&str, &Recording)],
    names: &Names,
) -> io::Result<()> {
    out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
    let (mut first_process, mut first_flow) = (1, 1);
    let mut is_first = true;
    for (title, recording) in recordings {
        let mut part = Part::new(title, recording, names, first_process, first_flow);
        for event in part.events() {
            out.write_all(if is_first { b"\n" } else { b",\n" })?;
            is_first = false;
            serde_json::to_writer(&mut *out, &event)?;
        }
        (first_process, first_flow) = (part.next_process(), part.next_flow());
    }
    out.write_all(b"\n]}\n")
}

impl TraceEvent {
    /// Nanoseconds in the unit of the format: microseconds.
    fn micros(nanos: u64) -> f64 {
        nanos as f64 / 1_000.0
    }
}
