//! What becomes of an outcall whose nodes must agree on one response, or of which one node makes it.
//!
//! Rules: `https_outcalls/consensus/src/payload_builder` in the replica's repository.

use super::funds::{out_of_cycles, total_spent};
use super::report::Report;
use super::{Outcall, Verdict};
use crate::cycles::http::{Makers, quorum, tolerated_faults};
use crate::error::{Reject, RejectCode};
use crate::limits::SHA256_BYTES;
use crate::subnet::Subnet;
use crate::types::Payload;
use sha2::{Digest, Sha256};

/// A response, and the reports of those nodes that have it.
type Group<'a> = Vec<&'a Report>;

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

/// The result of an outcall that took too long.
pub(super) fn timed_out() -> Result<Payload, Reject> {
    Err(transient("Canister http request timed out: its nodes have not agreed on a response"))
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
        "No consensus could be reached: the nodes got different responses to request {id}, with \
         these hashes: {}",
        hashes.join(", ")
    ))
}

fn hash(content: &Result<Payload, Reject>) -> String {
    let bytes = match content {
        Ok(response) => [&b"reply"[..], response].concat(),
        Err(reject) => [&b"reject"[..], &[reject.code as u8], reject.message.as_bytes()].concat(),
    };
    hex::encode(Sha256::digest(bytes))
}
