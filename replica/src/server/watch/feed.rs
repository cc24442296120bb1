//! What pages get about calls and logs, as text. All pages get the same messages.

use super::lines::{Line, Lines};
use super::message::message;
use crate::instance::Instance;
use crate::limits::{PAGE_MESSAGES_MAX, PAGE_TEXT_BYTES_MAX, QUEUE_CAPACITY};
use crate::trace::watched::{Changes, Place, Progress, WatchedCall, WatchedCalls, WatchedRefused};
use crate::trace::{Moment, Notice, Outcome, Refusal};
use crate::types::NANOS_PER_SECOND;
use axum::body::Bytes;
use serde::Serialize;
use std::sync::mpsc;
use tokio::sync::broadcast;

/// Reads the notices of an instance, and sends messages about them to pages.
#[derive(Debug)]
pub(in crate::server) struct Feed {
    notices: mpsc::Receiver<Notice>,
    calls: WatchedCalls,
    lines: Lines,
    messages: broadcast::Sender<Bytes>,
    /// The messages for a page that is opened now, until the next message is sent.
    backlog: Option<Vec<Bytes>>,
}

impl Feed {
    /// Begins to watch an instance.
    pub(in crate::server) fn begin(instance: &mut Instance) -> Self {
        Self {
            lines: Lines::stored(instance),
            notices: instance.watch(),
            calls: WatchedCalls::default(),
            messages: broadcast::Sender::new(PAGE_MESSAGES_MAX),
            backlog: None,
        }
    }

    /// Reads what has happened in complete rounds. Returns whether that was anything.
    pub(in crate::server) fn read(&mut self, instance: &Instance) -> bool {
        let network = instance.network();
        let Some(first) = self.notices.try_iter().next() else { return false };
        let place = Place {
            subnets: network.subnets().map(|subnet| subnet.config().id).collect(),
            is_instant: network.profile().round_length_ms == 0,
        };
        let (lines, others) = (&mut self.lines, self.notices.try_iter());
        let calls = std::iter::once(first).chain(others).inspect(|notice| {
            if let Notice::Logged { canister, index, time, line } = notice {
                lines.push(Line::new(*canister, *index, *time, line));
            }
        });
        self.calls.read(calls, &place);
        true
    }

    /// Allows pages to show this number of calls more.
    pub(in crate::server) fn allow(&mut self, calls: u64) {
        self.calls.allow(calls);
    }

    /// Sends messages about what has happened since the last time.
    pub(in crate::server) fn send_changes(&mut self) {
        let changes = self.calls.take_changes();
        if !changes.is_empty() {
            self.send(message("calls", &CallMessage::from(&changes)));
        }
        if let Some(lines) = self.lines.take_message() {
            let lines = message("log", &lines);
            self.send(lines);
        }
    }

    /// Sends a message to all pages.
    pub(in crate::server) fn send(&mut self, message: Option<Bytes>) {
        self.backlog = None;
        if let Some(message) = message {
            // There may be no page right now.
            let _ = self.messages.send(message);
        }
    }

    /// The messages with all that was sent before, as far as it is remembered, and the receiver of those from now on.
    pub(in crate::server) fn subscribe(&mut self) -> (Vec<Bytes>, broadcast::Receiver<Bytes>) {
        let Self { calls, lines, backlog, .. } = self;
        let backlog = backlog.get_or_insert_with(|| {
            let calls = message("calls", &CallMessage::from(&calls.recent()));
            calls.into_iter().chain(message("log", &lines.sent())).collect()
        });
        (backlog.clone(), self.messages.subscribe())
    }
}

/// What a page gets about calls. Times are milliseconds of model time.
#[derive(Debug, Serialize)]
struct CallMessage {
    calls: Vec<CallRecord>,
    refused: Vec<RefusedRecord>,
    dropped: u64,
}

#[derive(Debug, Serialize)]
struct CallRecord {
    id: String,
    message: String,
    ingress: bool,
    caller: String,
    callee: String,
    method: String,
    sent: f64,
    executed: Option<f64>,
    ended: Option<f64>,
    outcome: &'static str,
    error: Option<ErrorRecord>,
    round: u64,
}

#[derive(Debug, Serialize)]
struct ErrorRecord {
    code: Option<String>,
    message: String,
}

#[derive(Debug, Serialize)]
struct RefusedRecord {
    id: String,
    message: String,
    caller: String,
    callee: String,
    at: f64,
    limit: String,
    calls: u64,
}

impl From<&Changes> for CallMessage {
    fn from(changes: &Changes) -> Self {
        Self {
            calls: changes.calls.iter().map(CallRecord::from).collect(),
            refused: changes.refused.iter().map(RefusedRecord::from).collect(),
            dropped: changes.dropped,
        }
    }
}

impl From<&WatchedCall> for CallRecord {
    fn from(watched: &WatchedCall) -> Self {
        let record = |callee: String, method: &str, sent: Moment| Self {
            id: watched.key.text(),
            message: watched.message.to_string(),
            ingress: false,
            caller: watched.caller.to_text(),
            callee,
            method: shortened(method),
            sent: millis(sent),
            executed: None,
            ended: None,
            outcome: "open",
            error: None,
            round: sent.round,
        };
        match &watched.progress {
            Progress::Call(call) => Self {
                executed: call.executed.map(millis),
                ended: call.ended.map(millis),
                outcome: match call.outcome {
                    Outcome::Open => "open",
                    Outcome::Replied => "replied",
                    Outcome::Rejected { .. } => "rejected",
                },
                error: call.failure().map(|message| ErrorRecord {
                    code: call.error.map(|code| format!("IC{:04}", code as i32)),
                    message,
                }),
                ..record(call.callee.principal().to_text(), &call.method, call.sent)
            },
            Progress::Ingress { callee, method, sent, executed, ended } => {
                let error = ended.as_ref().and_then(|(_, error)| error.as_ref());
                Self {
                    ingress: true,
                    executed: executed.map(millis),
                    ended: ended.as_ref().map(|(at, _)| millis(*at)),
                    outcome: match (ended, error) {
                        (None, _) => "open",
                        (Some(_), None) => "replied",
                        (Some(_), Some(_)) => "rejected",
                    },
                    error: error.map(|error| ErrorRecord {
                        code: Some(error.code_text()),
                        message: shortened(&error.description),
                    }),
                    ..record(callee.to_text(), method, *sent)
                }
            }
        }
    }
}

impl From<&WatchedRefused> for RefusedRecord {
    fn from(WatchedRefused { number, message, refused }: &WatchedRefused) -> Self {
        Self {
            id: format!("refused-{number}"),
            message: message.to_string(),
            caller: refused.caller.to_string(),
            callee: refused.callee.principal().to_text(),
            at: millis(refused.at),
            limit: match refused.limit {
                Refusal::QueueFull => format!("{QUEUE_CAPACITY} open calls"),
                Refusal::Callbacks => "callbacks of the canister".into(),
                Refusal::MessageMemory => "memory of the subnet for messages".into(),
                Refusal::Cycles => "cycles of the caller".into(),
            },
            calls: refused.calls,
        }
    }
}

/// Model time in milliseconds.
fn millis(moment: Moment) -> f64 {
    const NANOS_PER_MILLI: u64 = NANOS_PER_SECOND / 1_000;
    let (whole, rest) = (moment.nanos / NANOS_PER_MILLI, moment.nanos % NANOS_PER_MILLI);
    // Microseconds are enough, and shorter as text.
    whole as f64 + (rest / 1_000) as f64 / 1_000.0
}

/// The beginning of a text.
fn shortened(text: &str) -> String {
    if text.len() <= PAGE_TEXT_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(PAGE_TEXT_BYTES_MAX)])
}

#[cfg(test)]
mod tests;
