//! Results of fully replicated outcalls, whose nodes must agree on one response, and of non-replicated
//! outcalls, which one node makes.
//!
//! Rules: `https_outcalls/consensus/src/payload_builder` in the replica's repository.

use super::funds::{out_of_cycles, total_spent};
use super::report::OutcallReport;
use super::{Outcall, OutcallResult};
use crate::cycles::http::{Replication, quorum, tolerated_faults};
use crate::error::{Reject, RejectCode};
use crate::limits::SHA256_BYTES;
use crate::subnet::Subnet;
use crate::types::Payload;
use sha2::{Digest, Sha256};

/// The reports of all nodes that got the same response.
type Group<'a> = Vec<&'a OutcallReport>;

impl Subnet {
    /// The result of an outcall with these reports, in a block with `bytes_left` bytes. `None` while the
    /// nodes can still agree, or if the result does not fit into the block.
    pub(super) fn replicated_result(
        &self,
        id: u64,
        outcall: &Outcall,
        reports: &[OutcallReport],
        bytes_left: u64,
    ) -> Option<OutcallResult> {
        let nodes = outcall.request.replication.node_count(self.config.nodes);
        let threshold = if outcall.request.replication == Replication::NonReplicated {
            1
        } else {
            quorum(nodes)
        };
        let groups = groups(reports);
        let largest = groups.first().map_or(0, Vec::len);
        for group in groups.iter().filter(|group| group.len() as u64 >= threshold) {
            let bytes = group[0].bytes();
            let spent = total_spent(group.iter().copied()) + self.prices.consensus(bytes.into());
            if outcall.is_covered(group.len(), spent) {
                return (bytes <= bytes_left).then(|| OutcallResult {
                    result: group[0].content.clone(),
                    nodes: group.iter().map(|report| report.node).collect(),
                    spent,
                    bytes,
                });
            }
        }
        let settled = |result| OutcallResult {
            result,
            nodes: reports.iter().map(|report| report.node).collect(),
            spent: total_spent(reports),
            bytes: (SHA256_BYTES * reports.len()) as u64,
        };
        if (reports.len() - largest) as u64 > tolerated_faults(nodes) {
            return Some(settled(Err(disagreement(id, &groups))));
        }
        let unseen = nodes - reports.len() as u64;
        let possible = groups.iter().filter(|group| group.len() as u64 + unseen >= threshold);
        let cheapest =
            possible.map(|group| group[0].bytes()).chain((unseen >= threshold).then_some(0)).min();
        let needed = self.prices.consensus(cheapest?.into());
        let unspent = outcall.unspent(nodes, reports).filter(|unspent| *unspent < needed)?;
        let message = out_of_cycles(reports, unspent, needed);
        Some(settled(Err(Reject { code: RejectCode::CanisterReject, message, error_code: None })))
    }
}

/// Groups of equal reports, the largest group first.
fn groups(reports: &[OutcallReport]) -> Vec<Group<'_>> {
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
    Err(transient("Canister http request timed out"))
}

fn transient(message: impl Into<String>) -> Reject {
    Reject { code: RejectCode::SysTransient, message: message.into(), error_code: None }
}

/// The reject for nodes that got different responses. It lists the hash of each response and the number
/// of nodes that got it.
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
    hex::encode(Sha256::digest(bytes))
}
