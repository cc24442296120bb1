//! HTTP outcalls: HTTP requests that the nodes of a subnet make for a canister.
//!
//! The replica makes no HTTP requests. The client of the instance, or the server while the instance
//! auto-progresses, lists the pending outcalls and provides the responses that the nodes got. The rest happens as on
//! the mainnet: each node has its response transformed by the canister and spends cycles; then the nodes agree on a
//! result, which the canister gets in a block.
//!
//! Rules: interface specification, `http_request` and `flexible_http_request`;
//! `https_outcalls/{client,consensus,pricing}` in the replica's repository.

mod agreement;
mod committee;
mod funds;
mod report;
mod request;

use crate::canister::{Failure, ReceivedCall};
use crate::error::Reject;
use crate::limits::*;
use crate::subnet::Subnet;
use crate::types::{CanisterId, Cycles, NANOS_PER_SECOND, NextWork, Payload, Time};
use ic_management_canister_types::HttpRequestResult;
use report::OutcallReport;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use request::{OutcallRequest, Pricing, Transform};

/// The result of the HTTP request of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeResponse {
    /// The response of the HTTP server.
    Reply(HttpRequestResult),
    /// There is no response. The reject is the reason.
    Reject(Reject),
}

/// The results of the HTTP requests of the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeResponses {
    /// All nodes got the same result.
    Same(NodeResponse),
    /// One result for each node of the subnet. The first one counts if only one node makes the outcall.
    Each(Vec<NodeResponse>),
    /// The results of some nodes of a flexible outcall. The other nodes never report.
    Committee(Vec<NodeResponse>),
}

/// Why responses to an outcall are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutcallError {
    /// No outcall with this number waits for responses.
    #[error("there is no HTTP outcall {0} that waits for responses: list those that do")]
    NoSuchOutcall(u64),
    /// The number of responses is neither one nor the number of nodes.
    #[error("there are {given} responses of {nodes} nodes: give one for all, or one for each")]
    WrongNumber {
        /// The number of responses.
        given: usize,
        /// The number of nodes.
        nodes: u64,
    },
    /// There are more responses than nodes that make the outcall.
    #[error("there are {given} responses, but only {most} nodes make the outcall")]
    TooMany {
        /// The number of responses.
        given: usize,
        /// The number of nodes that make the outcall.
        most: u64,
    },
    /// The responses of some nodes were given for an outcall that is not flexible.
    #[error("the outcall is not flexible: give one response for each node, or one for all")]
    NotFlexible,
    /// The message of a reject is longer than a node makes it. The field is its length in bytes.
    #[error(
        "a node's reject has at most {OUTCALL_REJECT_MESSAGE_BYTES_MAX} bytes of text, not {0}"
    )]
    RejectTooLong(usize),
}

/// An outcall that has no result yet.
#[derive(Debug, Serialize, Deserialize)]
struct Outcall {
    request: OutcallRequest,
    caller: CanisterId,
    /// The call, with the attached cycles beyond the price.
    received: ReceivedCall,
    since: Time,
    /// The cycles that each node may spend. `None` if the outcall was paid for in advance.
    allowance: Option<Cycles>,
    /// The reports of the nodes, once the client has provided their responses.
    reports: Option<Vec<OutcallReport>>,
}

/// The result of an outcall, on which the nodes have agreed.
#[derive(Debug)]
struct OutcallResult {
    result: Result<Payload, Reject>,
    /// The nodes that contributed to the result.
    nodes: BTreeSet<usize>,
    /// The cycles that these nodes spent, with the cost of delivering the result.
    spent: Cycles,
    /// The bytes of a block that the result takes.
    bytes: u64,
}

/// Cycles that a node was allowed to spend and did not spend. They are due to the caller.
#[derive(Debug, Serialize, Deserialize)]
struct Unspent {
    canister: CanisterId,
    cycles: Cycles,
    due: Time,
}

/// The outcalls of a subnet.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::subnet) struct Outcalls {
    next: u64,
    open: BTreeMap<u64, Outcall>,
    unspent: Vec<Unspent>,
}

impl Subnet {
    /// The outcalls that wait for responses, with their numbers.
    pub fn outcalls(&self) -> impl Iterator<Item = (u64, &OutcallRequest)> {
        let open = self.outcalls.open.iter();
        open.filter(|(_, outcall)| outcall.reports.is_none())
            .map(|(id, outcall)| (*id, &outcall.request))
    }

    /// Provides the results of the HTTP requests of the nodes, and how long each request took. The nodes
    /// agree on a result of the outcall in the next round.
    ///
    /// # Errors
    ///
    /// See [`OutcallError`]. The outcall then still waits for responses.
    pub fn respond_to_outcall(
        &mut self,
        id: u64,
        responses: NodeResponses,
        elapsed: Duration,
    ) -> Result<(), OutcallError> {
        let waits = self.outcalls().any(|(waiting, _)| waiting == id);
        let outcall = self.outcalls.open.get(&id).filter(|_| waits);
        let outcall = outcall.ok_or(OutcallError::NoSuchOutcall(id))?;
        outcall.check(&responses, self.config.nodes)?;
        // Transforming a response borrows the whole subnet.
        let mut outcall = self.outcalls.open.remove(&id).expect("it is there");
        outcall.reports = Some(self.reports(&outcall, responses, elapsed));
        self.outcalls.open.insert(id, outcall);
        Ok(())
    }

    /// Delivers the results that the nodes agree on, as many as fit into a block, and pays back the
    /// cycles that nodes did not spend.
    pub(in crate::subnet) fn deliver_outcalls(&mut self) {
        self.pay_back();
        let (mut bytes, mut results) = (0, 0);
        let ids: Vec<u64> = self.outcalls.open.keys().copied().collect();
        for id in ids {
            if results == OUTCALL_RESULTS_PER_BLOCK_MAX {
                break;
            }
            let left = OUTCALL_BYTES_PER_BLOCK_MAX.saturating_sub(bytes);
            let Some(result) = self.outcall_result(id, left) else { continue };
            bytes += result.bytes;
            results += 1;
            let outcall = self.outcalls.open.remove(&id).expect("it is open");
            self.settle(&outcall, &result);
            self.respond(outcall.received.respond(result.result.map_err(Failure::Rejected)));
        }
    }

    /// The result of an outcall, in a block with `bytes_left` bytes. `None` while the nodes can still
    /// agree.
    fn outcall_result(&self, id: u64, bytes_left: u64) -> Option<OutcallResult> {
        let outcall = &self.outcalls.open[&id];
        if self.time.nanos_since(outcall.since) > OUTCALL_TIMEOUT_SECONDS * NANOS_PER_SECOND {
            let result = match outcall.committee() {
                Some(_) => Ok(committee::timed_out()),
                None => agreement::timed_out(),
            };
            return Some(OutcallResult { result, nodes: [].into(), spent: 0, bytes: 0 });
        }
        let reports = outcall.reports.as_ref().filter(|reports| !reports.is_empty())?;
        match outcall.committee() {
            Some(counts) => self.flexible_result(outcall, counts, reports, bytes_left),
            None => self.replicated_result(id, outcall, reports, bytes_left),
        }
    }

    /// Pays back unspent cycles: those of the nodes that contributed to the result now, those of other
    /// nodes that reported in the next round, and those of nodes that never reported after a timeout.
    fn settle(&mut self, outcall: &Outcall, result: &OutcallResult) {
        let Some(allowance) = outcall.allowance else { return };
        let later = self.time.plus_secs(OUTCALL_TIMEOUT_SECONDS);
        let spent = |node| {
            let mut reports = outcall.reports.iter().flatten();
            reports.find(|report| report.node == node).map(|report| report.spent)
        };
        let together = allowance * result.nodes.len() as Cycles;
        self.credit_caller(outcall.caller, together.saturating_sub(result.spent));
        let node_count = outcall.request.replication.node_count(self.config.nodes) as usize;
        for node in (0..node_count).filter(|node| !result.nodes.contains(node)) {
            let (cycles, due) = match spent(node) {
                Some(spent) => (allowance.saturating_sub(spent), self.time),
                None => (allowance, later),
            };
            self.outcalls.unspent.push(Unspent { canister: outcall.caller, cycles, due });
        }
    }

    /// The time at which an outcall next gets a result, times out, or has cycles paid back.
    pub(in crate::subnet) fn next_outcall(&self) -> NextWork {
        let open = self.outcalls.open.iter().map(|(id, outcall)| {
            match self.outcall_result(*id, OUTCALL_BYTES_PER_BLOCK_MAX) {
                Some(_) => NextWork::Now,
                None => {
                    NextWork::At(outcall.since.plus_secs(OUTCALL_TIMEOUT_SECONDS).plus_nanos(1))
                }
            }
        });
        let unspent = self.outcalls.unspent.iter().map(|unspent| NextWork::At(unspent.due));
        open.chain(unspent).min().unwrap_or(NextWork::Never)
    }

    fn pay_back(&mut self) {
        let now = self.time;
        let is_due = |unspent: &mut Unspent| unspent.due <= now;
        let due: Vec<Unspent> = self.outcalls.unspent.extract_if(.., is_due).collect();
        for Unspent { canister, cycles, .. } in due {
            self.credit_caller(canister, cycles);
        }
    }

    fn credit_caller(&mut self, canister: CanisterId, cycles: Cycles) {
        if let Some(canister) = self.canisters.get_mut(&canister).filter(|_| cycles > 0) {
            canister.deposit(cycles);
            canister.consumption.outcalls -= cycles;
        }
    }
}
