//! A recording as JSON lines: one JSON object per line, for `jq`, scripts and databases.
//!
//! `docs/trace.md` describes the lines. [`VERSION`] changes when a field changes its meaning or disappears. New events
//! and new fields can come without a new version, so readers ignore what they do not know.

mod convert;

use super::clock::stamp;
use super::{Names, Recording, Refusal};
use crate::types::Cycles;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The version of the format.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "docs/trace.md describes the fields, and a test compares them")]
pub enum Line {
    /// Begins a recording. All lines until the next line of this kind belong to the recording.
    Trace { version: u32, title: String, names: BTreeMap<String, String> },
    /// A subnet began a round.
    Round { round: u64, time_ns: u64, subnet: String, network_time_ns: u64 },
    /// A canister executed a message or a task.
    Executed {
        round: u64,
        time_ns: u64,
        duration_ns: u64,
        canister: String,
        work: Kind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reject: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        instructions: u64,
        fee: Amount,
        accepted: Amount,
        burned: Amount,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund: Option<Amount>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unspent: Option<Amount>,
    },
    /// A canister executed a slice of an execution that continues in a later round.
    Slice { round: u64, time_ns: u64, duration_ns: u64, canister: String, number: u64, of: u64 },
    /// A canister made a call.
    Sent {
        round: u64,
        time_ns: u64,
        call: String,
        caller: String,
        callee: String,
        method: String,
        cycles: Amount,
        set_aside: Amount,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_ns: Option<u64>,
    },
    /// The system refused calls.
    Refused { round: u64, time_ns: u64, caller: String, callee: String, limit: Refusal, calls: u64 },
    /// A request was put into the input queue of the callee.
    Inducted { round: u64, time_ns: u64, call: String },
    /// A response was made.
    Responded {
        round: u64,
        time_ns: u64,
        call: String,
        by: By,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reject: Option<String>,
        refund: Amount,
    },
    /// A response was put into the input queue of the caller.
    Returned { round: u64, time_ns: u64, call: String },
    /// A message of a call was dropped.
    Dropped { round: u64, time_ns: u64, call: String, what: What, cycles: Amount, credited: bool },
    /// The cycles of a dropped message came back.
    Refunded { round: u64, time_ns: u64, canister: String, cycles: Amount, arrived: bool },
    /// A canister got cycles that were minted or deposited.
    Credited { round: u64, time_ns: u64, canister: String, cycles: Amount },
    /// A canister paid a fee that is not for an execution or a call.
    Charged { round: u64, time_ns: u64, canister: String, fee: ForWhat, cycles: Amount },
    /// The code of a canister was uninstalled.
    Uninstalled { round: u64, time_ns: u64, canister: String },
    /// A canister was deleted.
    Deleted { round: u64, time_ns: u64, canister: String, cycles: Amount },
}

/// An amount of cycles: a number, or a string of digits if it does not fit into 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Cycles);

/// The kind of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A message from a user.
    Ingress,
    /// A request from a canister.
    Request,
    /// The callback for a response.
    Response,
    /// A timer, a heartbeat or a hook.
    Task,
}

/// The origin of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The callee, or the replica on its behalf.
    Callee,
    /// The replica: the request could not be delivered.
    Routing,
    /// The replica: the deadline has passed.
    Deadline,
}

/// The message that was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A request after its deadline.
    Request,
    /// A response after its deadline.
    Response,
    /// A response to a call that has had another response.
    Late,
}

/// What a fee is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForWhat {
    /// The induction of an ingress message.
    Ingress,
    /// The installation of code.
    Installation,
    /// The instructions of another management call.
    Management,
    /// The creation of a canister.
    Creation,
    /// Memory and compute allocation.
    Resources,
    /// The rest of a balance that is too small for memory and compute allocation.
    Uninstall,
    /// An HTTP outcall.
    Outcall,
}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(self.0) {
            Ok(small) => to.serialize_u64(small),
            Err(_) => to.collect_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Digits(String),
        }
        match Written::deserialize(from)? {
            Written::Number(number) => Ok(Self(number.into())),
            Written::Digits(digits) => digits.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// Writes a recording. `title` names the recording in its first line.
///
/// # Errors
///
/// If `out` cannot be written to.
pub fn write(
    out: &mut impl Write,
    title: &str,
    recording: &Recording,
    names: &Names,
) -> io::Result<()> {
    for line in lines(title, recording, names) {
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The lines of a recording: first [`Line::Trace`], then one for each event.
pub fn lines<'a>(
    title: &str,
    recording: &'a Recording,
    names: &'a Names,
) -> impl Iterator<Item = Line> + 'a {
    let ids = names.iter().map(|(id, name)| (id.to_text(), name.to_owned()));
    let first = Line::Trace { version: VERSION, title: title.into(), names: ids.collect() };
    let events = stamp(recording.events()).into_iter();
    std::iter::once(first).chain(events.map(|stamped| convert::line(&stamped, names)))
}
