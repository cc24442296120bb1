//! The types of the canisters' interfaces, written once more, as a client writes them.

use std::collections::BTreeMap;

use candid::{CandidType, Nat, Principal};
use serde::Deserialize;

/// How calls are made.
#[derive(CandidType, Clone, Copy, Debug)]
pub enum Way {
    Sequential,
    Parallel,
    Windowed(Option<u32>),
}

/// How calls went.
#[derive(CandidType, Clone, Debug, Deserialize)]
pub struct Report {
    pub attempted: u64,
    pub succeeded: u64,
    failures: Vec<Failures>,
    pub max_in_flight: u32,
    pub refused: u64,
    pub instructions: u64,
    pub elapsed_ns: u64,
}

#[derive(CandidType, Clone, Debug, Deserialize)]
struct Failures {
    reason: String,
    calls: u64,
}

/// A job that somebody wants.
#[derive(CandidType, Clone, Debug, Default)]
pub struct JobSpec {
    pub calls: u64,
    pub window: Option<u32>,
    pub attempts: Option<u32>,
    pub idempotent: Option<bool>,
}

/// How far a job is.
#[derive(CandidType, Clone, Debug, Deserialize)]
pub struct JobStatus {
    pub state: JobState,
    pub calls: u64,
    pub succeeded: u64,
    pub not_done: u64,
    pub unknown: u64,
    pub remaining: u64,
    pub in_flight: u64,
    pub max_in_flight: u32,
    failures: Vec<Failures>,
    pub waiting_for: Option<String>,
}

#[derive(CandidType, Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum JobState {
    Running,
    Cancelled,
    Finished,
}

/// Whom to ask about, and whom to ask.
#[derive(CandidType, Clone, Copy, Debug)]
pub struct PortfolioRequest {
    pub user: Principal,
    pub token: Principal,
    pub lending: Principal,
    pub staking: Principal,
}

/// What somebody has.
#[derive(CandidType, Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Portfolio {
    pub user: Principal,
    pub balance: Amount,
    pub lending: Amount,
    pub staking: Amount,
    pub answered: u32,
}

#[derive(CandidType, Clone, Debug, Deserialize, PartialEq, Eq)]
pub enum Amount {
    Answered(Nat),
    Missing { default: Nat, reason: String },
}

/// What the callee is to say of a user.
#[derive(CandidType, Clone, Debug)]
pub struct UserAccount {
    pub user: Principal,
    pub balance: Nat,
    pub position: Nat,
    pub rewards: Nat,
}

/// A call of any method.
#[derive(CandidType, Clone, Debug)]
pub struct RawRequest {
    pub canister: Principal,
    pub method: String,
    pub arg: Vec<u8>,
    pub cycles: Option<u128>,
    pub wait: Option<RawWait>,
    pub idempotent: Option<bool>,
}

/// How long to wait for the response.
#[derive(CandidType, Clone, Copy, Debug)]
pub enum RawWait {
    Bounded(u32),
    Unbounded,
}

/// The outcome of a call.
#[derive(CandidType, Clone, Debug, Deserialize, PartialEq, Eq)]
pub enum RawOutcome {
    Done(Vec<u8>),
    TooLong(u64),
    NotDone(RawReason),
    Unknown(RawReason),
}

#[derive(CandidType, Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct RawReason {
    pub kind: String,
    pub message: String,
}

/// How far the outbox is.
#[derive(CandidType, Clone, Debug, Deserialize)]
pub struct OutboxStatus {
    pub entries: u64,
    pub waiting: u64,
    pub open: u64,
    pub succeeded: u64,
    pub not_done: u64,
    pub unknown: u64,
    failures: Vec<Failures>,
    pub results: u64,
    pub bytes: u64,
    pub paused: bool,
    pub waiting_for: Option<String>,
}

/// What came of an entry of the outbox.
#[derive(CandidType, Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct EntryResult {
    pub number: u64,
    pub outcome: RawOutcome,
    pub earlier_unknown: Option<String>,
}

impl OutboxStatus {
    /// Failed calls by reason.
    pub fn failures(&self) -> BTreeMap<&str, u64> {
        by_reason(&self.failures)
    }
}

impl Report {
    /// Failed calls by reason.
    pub fn failures(&self) -> BTreeMap<&str, u64> {
        by_reason(&self.failures)
    }
}

impl JobStatus {
    /// Failed calls by reason.
    pub fn failures(&self) -> BTreeMap<&str, u64> {
        by_reason(&self.failures)
    }
}

fn by_reason(failures: &[Failures]) -> BTreeMap<&str, u64> {
    failures.iter().map(|failures| (&*failures.reason, failures.calls)).collect()
}
