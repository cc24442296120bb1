//! What becomes of an outcall whose nodes must agree on one response, or of which one node makes it.
//!
//! Rules: `https_outcalls/consensus/src/payload_builder` in the replica's repository.

use super::report::Report;
use super::{Outcall, Verdict};
use crate::cycles::http::{Makers, quorum, tolerated_faults};
use crate::error::{Reject, RejectCode};
use crate::limits::SHA256_BYTES;
use crate::subnet::Subnet;
use crate::types::{Cycles, Payload};
use ic_management_canister_types::{FlexibleHttpGlobalError, FlexibleHttpRequestErr};
use sha2::{Digest, Sha256};

/// A response, and the reports of those nodes that have it.
type Group<'a> = Vec<&'a Report>;

impl Outcall {
    /// What becomes of it after too long a time.
    pub(super) fn timed_out(&self) -> Verdict {
        let result = match self.committee() {
            Some(_) => Ok(super::committee::failed(FlexibleHttpRequestErr {
                global_error: Some(FlexibleHttpGlobalError::Timeout(candid::Reserved)),
                node_details: vec![],
                message: "Flexible HTTP request timed out".to_owned(),
            })),
            None => Err(transient("Canister http request timed out")),
        };
        Verdict { result, nodes: [].into(), spent: 0, bytes: 0 }
    }

    /// A result to which these nodes contribute, if delivering it is paid for.
    pub(super) fn is_covered(&self, nodes: usize, spent: Cycles) -> bool {
        self.allowance.is_none_or(|allowance| spent <= allowance * nodes as Cycles)
    }

    /// What all nodes together have left, where that limits what can be delivered.
    pub(super) fn unspent(&self, makers: u64, reports: &[Report]) -> Option<Cycles> {
        let spent = total_spent(reports);
        Some((self.allowance? * Cycles::from(makers)).saturating_sub(spent))
    }
}

impl Subnet {
    pub(super) fn common_verdict(
        &self,
        id: u64,
        outcall: &Outcall,
        reports: &[Report],
        bytes_left: u64,
    ) -> Option<Verdict> {
        let makers = outcall.request.makers.count(self.config.nodes);
        let threshold = if outcall.request.makers == Makers::One { 1 } else { quorum(makers) };
        let groups = groups(reports);
        let largest = groups.first().map_or(0, Vec::len);
        for group in groups.iter().filter(|group| group.len() as u64 >= threshold) {
            let bytes = group[0].bytes();
            let spent = total_spent(group.iter().copied()) + self.prices.agreed(bytes.into());
            if outcall.is_covered(group.len(), spent) {
                return (bytes <= bytes_left).then(|| Verdict {
                    result: group[0].content.clone(),
                    nodes: group.iter().map(|report| report.node).collect(),
                    spent,
                    bytes,
                });
            }
        }
        let settled = |result| Verdict {
            result,
            nodes: reports.iter().map(|report| report.node).collect(),
            spent: total_spent(reports),
            bytes: (SHA256_BYTES * reports.len()) as u64,
        };
        if (reports.len() - largest) as u64 > tolerated_faults(makers) {
            return Some(settled(Err(disagreement(id, &groups))));
        }
        let unseen = makers - reports.len() as u64;
        let possible = groups.iter().filter(|group| group.len() as u64 + unseen >= threshold);
        let cheapest =
            possible.map(|group| group[0].bytes()).chain((unseen >= threshold).then_some(0)).min();
        let needed = self.prices.agreed(cheapest?.into());
        let unspent = outcall.unspent(makers, reports).filter(|unspent| *unspent < needed)?;
        let message = out_of_cycles(reports, unspent, needed);
        Some(settled(Err(Reject { code: RejectCode::CanisterReject, message, error_code: None })))
    }
}

/// Reports that say the same, the most frequent first.
fn groups(reports: &[Report]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for report in reports {
        match groups.iter_mut().find(|group| group[0].content == report.content) {
            Some(group) => group.push(report),
            None => groups.push(vec![report]),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups
}

pub(super) fn total_spent<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Cycles {
    reports.into_iter().map(|report| report.spent).sum()
}

pub(super) fn out_of_cycles(reports: &[Report], unspent: Cycles, needed: Cycles) -> String {
    format!(
        "Out of cycles: {} of the assigned replicas reported a collective spend of {} cycles, \
         leaving {unspent} cycles of the attached payment (after base fee deduction). Delivering a \
         response would cost at least {needed} cycles.",
        reports.len(),
        total_spent(reports)
    )
}

fn transient(message: impl Into<String>) -> Reject {
    Reject { code: RejectCode::SysTransient, message: message.into(), error_code: None }
}

/// How many nodes said what, by the hashes of it.
fn disagreement(id: u64, groups: &[Group<'_>]) -> Reject {
    let hashes: Vec<String> = groups
        .iter()
        .map(|group| format!("[{}: {}]", hash(&group[0].content), group.len()))
        .collect();
    transient(format!(
        "No consensus could be reached. Replicas had different responses. Details: request_id: {id}, \
         hashes: {}",
        hashes.join(", ")
    ))
}

fn hash(content: &Result<Payload, Reject>) -> String {
    let bytes = match content {
        Ok(response) => [&b"reply"[..], response].concat(),
        Err(reject) => [&b"reject"[..], &[reject.code as u8], reject.message.as_bytes()].concat(),
    };
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
