//! The outbox: a list of calls of any methods, in stable memory. It makes its calls in the background, and continues
//! after an upgrade.

use candid::CandidType;
use ic_cdk_macros::{query, update};
use parallel_calls::canister::Canister;
use parallel_calls::outbox::Outbox;
use parallel_calls::{Request, Retry};

use crate::guards;
use crate::memory::{self, Memory};
use crate::raw::{RawOutcome, RawRequest, shortened};
use crate::run::{Failures, failures};

/// Attempts per call.
const ATTEMPTS: u32 = 10;

/// Bytes of a reply that are kept, so that [`RESULTS_MAX`] results fit into the reply of this canister.
const REPLY_BYTES_MAX: usize = 1_000;

/// Results that a message takes, at most.
const RESULTS_MAX: usize = 1_000;

thread_local! {
    static OUTBOX: Outbox<Memory> = Outbox::init(memory::get(memory::OUTBOX))
        .with_retry(Retry::attempts(ATTEMPTS))
        .keeping(REPLY_BYTES_MAX);
}

/// The progress of the outbox. `caller.did` explains each field.
#[derive(CandidType)]
pub struct Status {
    pub entries: u64,
    pub waiting: u64,
    pub open: u64,
    pub succeeded: u64,
    pub not_done: u64,
    pub unknown: u64,
    pub failures: Vec<Failures>,
    pub results: u64,
    pub bytes: u64,
    pub paused: bool,
    pub waiting_for: Option<String>,
}

/// The outcome of an entry. `caller.did` explains each field.
#[derive(CandidType)]
pub struct EntryResult {
    pub number: u64,
    pub outcome: RawOutcome,
    pub earlier_unknown: Option<String>,
}

/// Lets the outbox make its calls from now on.
pub fn start() {
    OUTBOX.with(|outbox| outbox.start(&Canister));
}

/// Appends calls to the outbox: all of them or none. Returns the number of the first one.
#[update(guard = "guards::controllers_only")]
fn enqueue(requests: Vec<RawRequest>) -> Result<u64, String> {
    let numbers = OUTBOX.with(|outbox| outbox.enqueue(requests.into_iter().map(Request::from)));
    numbers.map(|numbers| numbers.start).map_err(|error| error.to_string())
}

/// Returns the progress of the outbox.
#[query(guard = "guards::controllers_only")]
fn outbox_status() -> Status {
    let status = OUTBOX.with(Outbox::status);
    Status {
        entries: status.entries,
        waiting: status.waiting,
        open: status.open,
        succeeded: status.summary.succeeded,
        not_done: status.summary.not_done(),
        unknown: status.summary.unknown(),
        failures: failures(&status.summary),
        results: status.results,
        bytes: status.bytes,
        paused: status.paused,
        waiting_for: status.waiting_for.map(|kind| kind.label().into()),
    }
}

/// Forgets the results before the entry `from`, and returns the next ones in the order of the entries. A user who
/// gets no reply can repeat the message.
#[update(guard = "guards::controllers_only")]
fn take_results(from: u64) -> Vec<EntryResult> {
    let results = OUTBOX.with(|outbox| {
        outbox.discard_results(from);
        outbox.results(RESULTS_MAX)
    });
    let mut bytes_left = REPLY_BYTES_MAX * RESULTS_MAX;
    results
        .into_iter()
        .map(|result| EntryResult {
            number: result.number,
            outcome: shortened(result.outcome, &mut bytes_left),
            earlier_unknown: result.earlier_unknown.map(|kind| kind.label().into()),
        })
        .collect()
}

/// Makes no further calls until `resume_outbox`.
#[update(guard = "guards::controllers_only")]
fn pause_outbox() {
    OUTBOX.with(Outbox::pause);
}

/// Ends a pause.
#[update(guard = "guards::controllers_only")]
fn resume_outbox() {
    OUTBOX.with(Outbox::resume);
}

/// Cancels the entries that are in the outbox now. Open calls get their responses.
#[update(guard = "guards::controllers_only")]
fn cancel_outbox() {
    OUTBOX.with(Outbox::cancel);
}
