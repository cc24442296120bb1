//! HTTP outcalls: requests that nodes make for canisters, and what becomes of them.
//!
//! No node makes any request here. Whoever drives the network sees which requests wait and says what
//! the nodes got; from then on everything happens as on the network: each node has the response
//! transformed and spends cycles, then they agree, in a block, on what the canister gets.
//!
//! Rules: interface specification, `http_request` and `flexible_http_request`;
//! `https_outcalls/{client,consensus,pricing}` in the replica's repository.

mod agreement;
mod committee;
mod funds;
mod report;
mod request;

use crate::canister::{Answer, Failure, Origin};
use crate::error::Reject;
use crate::limits::*;
use crate::subnet::Subnet;
use crate::types::{CanisterId, Cycles, NANOS_PER_SECOND, NextWork, Payload, Time};
use ic_management_canister_types::HttpRequestResult;
use report::Report;
use std::collections::{BTreeMap, BTreeSet};

pub use request::{OutcallRequest, Pricing, Transform};

/// What one node got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeResponse {
    /// The server's response.
    Reply(HttpRequestResult),
    /// None, and why.
    Reject(Reject),
}

/// What the nodes got that made an outcall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeResponses {
    /// Every node the same.
    Same(NodeResponse),
    /// Each node of the subnet its own. Where only one makes the outcall, it is the first.
    Each(Vec<NodeResponse>),
    /// Some of the nodes that make a flexible outcall; the others are never heard of.
    Committee(Vec<NodeResponse>),
}

/// Responses that no nodes could have got, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutcallError {
    /// An outcall that does not wait for responses.
    #[error("there is no HTTP outcall {0} that waits for responses: list those that do")]
    NoSuchOutcall(u64),
    /// Neither one response for all nodes nor one for each.
    #[error("there are {given} responses of {nodes} nodes: give one for all, or one for each")]
    WrongNumber {
        /// How many there are.
        given: usize,
        /// How many nodes there are.
        nodes: u64,
    },
    /// More responses than nodes that make the outcall.
    #[error("there are {given} responses, but only {most} nodes make the outcall")]
    TooMany {
        /// How many there are.
        given: usize,
        /// How many nodes make the outcall.
        most: u64,
    },
    /// An outcall on which all nodes must agree.
    #[error("the outcall is not flexible: say what every node got")]
    NotFlexible,
    /// A reject that is longer than nodes make them.
    #[error(
        "a node's reject has at most {OUTCALL_REJECT_MESSAGE_BYTES_MAX} bytes of text, not {0}"
    )]
    RejectTooLong(usize),
}

/// An outcall under way.
#[derive(Debug)]
struct Outcall {
    request: OutcallRequest,
    caller: CanisterId,
    origin: Origin,
    /// Attached cycles that nobody needs.
    refund: Cycles,
    since: Time,
    /// What each node may spend; nothing is said where the outcall is paid for already.
    allowance: Option<Cycles>,
    /// What the nodes make of their responses, once there are any.
    reports: Option<Vec<Report>>,
}

/// What the nodes agree on.
#[derive(Debug)]
struct Verdict {
    result: Result<Payload, Reject>,
    /// The nodes whose part is settled with it.
    nodes: BTreeSet<usize>,
    /// What they spent, and what delivering it costs.
    spent: Cycles,
    /// What it takes of a block.
    bytes: u64,
}

/// Cycles that nodes were allowed to spend and did not.
#[derive(Debug)]
struct Unspent {
    canister: CanisterId,
    cycles: Cycles,
    due: Time,
}

/// The outcalls of a subnet.
#[derive(Debug, Default)]
pub(in crate::subnet) struct Outcalls {
    next: u64,
    open: BTreeMap<u64, Outcall>,
    unspent: Vec<Unspent>,
}

impl Subnet {
    /// The outcalls nobody has said anything about, by their numbers.
    pub fn outcalls(&self) -> impl Iterator<Item = (u64, &OutcallRequest)> {
        let open = self.outcalls.open.iter();
        open.filter(|(_, outcall)| outcall.reports.is_none())
            .map(|(id, outcall)| (*id, &outcall.request))
    }

    /// Says what the nodes got that make an outcall. They agree in the next round.
    pub fn answer_outcall(
        &mut self,
        id: u64,
        responses: NodeResponses,
    ) -> Result<(), OutcallError> {
        let waits = self.outcalls().any(|(waiting, _)| waiting == id);
        let outcall = self.outcalls.open.get(&id).filter(|_| waits);
        let outcall = outcall.ok_or(OutcallError::NoSuchOutcall(id))?;
        outcall.check(&responses, self.config.nodes)?;
        // Transforming a response needs the canisters.
        let mut outcall = self.outcalls.open.remove(&id).expect("it is there");
        outcall.reports = Some(self.reports(&outcall, responses));
        self.outcalls.open.insert(id, outcall);
        Ok(())
    }

    /// Puts into a block what the nodes agree on, and pays back what they did not spend.
    pub(in crate::subnet) fn deliver_outcalls(&mut self) {
        self.pay_back();
        let (mut bytes, mut results) = (0, 0);
        let ids: Vec<u64> = self.outcalls.open.keys().copied().collect();
        for id in ids {
            if results == OUTCALL_RESULTS_PER_BLOCK_MAX {
                break;
            }
            let left = OUTCALL_BYTES_PER_BLOCK_MAX.saturating_sub(bytes);
            let Some(verdict) = self.verdict(id, left) else { continue };
            bytes += verdict.bytes;
            results += 1;
            let outcall = self.outcalls.open.remove(&id).expect("it is open");
            self.settle(&outcall, &verdict);
            let result = verdict.result.map_err(Failure::Rejected);
            self.answer(Answer { origin: outcall.origin, result, refund: outcall.refund });
        }
    }

    /// What becomes of an outcall in a block with so many bytes left; nothing yet, as long as the
    /// nodes can still come to a result.
    fn verdict(&self, id: u64, bytes_left: u64) -> Option<Verdict> {
        let outcall = &self.outcalls.open[&id];
        if self.time.nanos_since(outcall.since) > OUTCALL_TIMEOUT_SECONDS * NANOS_PER_SECOND {
            let result = match outcall.committee() {
                Some(_) => Ok(committee::timed_out()),
                None => agreement::timed_out(),
            };
            return Some(Verdict { result, nodes: [].into(), spent: 0, bytes: 0 });
        }
        let reports = outcall.reports.as_ref().filter(|reports| !reports.is_empty())?;
        match outcall.committee() {
            Some(counts) => self.flexible_verdict(outcall, counts, reports, bytes_left),
            None => self.common_verdict(id, outcall, reports, bytes_left),
        }
    }

    /// Notes what is to be paid back: by those who took part now, by those who reported besides in
    /// the next round, and by the others once nothing can be expected of them any more.
    fn settle(&mut self, outcall: &Outcall, verdict: &Verdict) {
        let Some(allowance) = outcall.allowance else { return };
        let later = self.time.plus_secs(OUTCALL_TIMEOUT_SECONDS);
        let spent = |node| {
            let mut reports = outcall.reports.iter().flatten();
            reports.find(|report| report.node == node).map(|report| report.spent)
        };
        let together = allowance * verdict.nodes.len() as Cycles;
        self.credit_caller(outcall.caller, together.saturating_sub(verdict.spent));
        let makers = outcall.request.makers.count(self.config.nodes) as usize;
        for node in (0..makers).filter(|node| !verdict.nodes.contains(node)) {
            let (cycles, due) = match spent(node) {
                Some(spent) => (allowance.saturating_sub(spent), self.time),
                None => (allowance, later),
            };
            self.outcalls.unspent.push(Unspent { canister: outcall.caller, cycles, due });
        }
    }

    /// When something becomes of an outcall next.
    pub(in crate::subnet) fn next_outcall(&self) -> NextWork {
        let open = self.outcalls.open.iter().map(|(id, outcall)| {
            match self.verdict(*id, OUTCALL_BYTES_PER_BLOCK_MAX) {
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
