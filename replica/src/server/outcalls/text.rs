//! Rejects of outcalls whose HTTP request failed.

use super::destinations::NotThisMachine;
use crate::error::{Reject, RejectCode};
use crate::limits::OUTCALL_REJECT_MESSAGE_BYTES_MAX;
use std::error::Error;

/// The reject for a failure that will happen again.
pub(super) fn fatal(message: impl Into<String>) -> Reject {
    reject(RejectCode::SysFatal, message.into())
}

/// The reject for a failed connection. A host to which outcalls may not go will never be reached;
/// another host may be reached later.
pub(super) fn unreachable(host: &str, error: reqwest::Error) -> Reject {
    let error = error.without_url();
    if let Some(refusal) = causes(&error).find(|cause| cause.is::<NotThisMachine>()) {
        return fatal(refusal.to_string());
    }
    let failed = if error.is_connect() { "Connecting to" } else { "The request to" };
    reject(RejectCode::SysTransient, format!("{failed} {host} failed: {}", with_causes(&error)))
}

/// A reject with a message that is as long as a node's message may be.
fn reject(code: RejectCode, mut message: String) -> Reject {
    message.truncate(message.floor_char_boundary(OUTCALL_REJECT_MESSAGE_BYTES_MAX));
    Reject { code, message, error_code: None }
}

/// The text of an error with the texts of its causes.
pub(super) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        // Some errors have the text of their cause as their own.
        if !texts.last().is_some_and(|last| last.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

/// An error and its causes.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}
