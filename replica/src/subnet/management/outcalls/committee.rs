//! Results of flexible outcalls, where each response counts.
//!
//! Rules: `find_flexible_result` and `select_flexible_responses` in
//! `https_outcalls/consensus/src/payload_builder/utils.rs` in the replica's repository.

use super::funds::{out_of_cycles, total_spent};
use super::report::OutcallReport;
use super::{Outcall, OutcallResult};
use crate::cycles::Prices;
use crate::cycles::http::FLEXIBLE_RESPONSE_BYTES;
use crate::ic00::encode;
use crate::keys::SubnetKey;
use crate::limits::OUTCALL_BYTES_PER_BLOCK_MAX;
use crate::subnet::Subnet;
use crate::types::{Cycles, Payload};
use ic_management_canister_types::*;

/// A selection of reports.
struct Selection<'a> {
    /// The reports that are delivered.
    delivered: &'a [&'a OutcallReport],
    /// Further reports, whose nodes only help to pay.
    helping: Vec<&'a OutcallReport>,
    spent: Cycles,
}

/// The nodes that make a flexible outcall, with all they have reported so far.
struct Committee<'a> {
    key: &'a SubnetKey,
    outcall: &'a Outcall,
    counts: &'a ReplicationCounts,
    prices: Prices,
    bytes_left: u64,
    reports: &'a [OutcallReport],
    /// All reports. Nodes that spent least come first.
    all: Vec<&'a OutcallReport>,
    /// The reports with a response, the shortest first.
    replies: Vec<&'a OutcallReport>,
    /// The reports with a reject, the shortest first.
    rejects: Vec<&'a OutcallReport>,
}

impl Subnet {
    /// The result of a flexible outcall with these reports, in a block with `bytes_left` bytes. There is
    /// none as long as further reports may change it, or if it does not fit into the block.
    pub(super) fn flexible_result(
        &self,
        outcall: &Outcall,
        counts: &ReplicationCounts,
        reports: &[OutcallReport],
        bytes_left: u64,
    ) -> Option<OutcallResult> {
        let mut all: Vec<&OutcallReport> = reports.iter().collect();
        all.sort_by_key(|report| (report.bytes(), report.spent, report.node));
        let (replies, rejects) = all.iter().partition(|report| report.content.is_ok());
        all.sort_by_key(|report| (report.spent, report.node));
        let (key, prices) = (&self.config.key, self.prices);
        Committee { key, outcall, counts, prices, bytes_left, reports, all, replies, rejects }
            .result()
    }
}

impl<'a> Committee<'a> {
    fn result(&self) -> Option<OutcallResult> {
        self.enough().or_else(|| self.too_few()).or_else(|| self.failure())
    }

    /// The responses as the result, if enough of them can be delivered.
    fn enough(&self) -> Option<OutcallResult> {
        let (least, most) = (self.counts.min_responses, self.counts.max_responses);
        let selection = self.select(&self.replies, least as usize, most as usize)?;
        Some(selection.with_result(succeeded(selection.delivered)?))
    }

    /// The rejects as the result, if too few nodes are left for enough responses.
    fn too_few(&self) -> Option<OutcallResult> {
        let needed = (self.counts.total_requests - self.counts.min_responses) as usize + 1;
        let selection = self.select(&self.rejects, needed, self.rejects.len())?;
        let details = selection.delivered.iter().map(|report| {
            let reject = report.content.as_ref().expect_err("these are rejects");
            self.detail(report, format!("{:?}", reject.code), reject.message.clone())
        });
        Some(selection.with_result(failed(FlexibleHttpRequestErr {
            global_error: Some(FlexibleHttpGlobalError::TooManyRejects(candid::Reserved)),
            node_details: details.collect(),
            message: format!(
                "Too many rejects: {} responses are rejects",
                selection.delivered.len()
            ),
        })))
    }

    /// The failure of an outcall that can never deliver anything: its responses are too large, or its
    /// nodes are out of cycles.
    fn failure(&self) -> Option<OutcallResult> {
        let (error, message, told): (_, _, fn(&OutcallReport) -> String) =
            if let Some(message) = self.too_large() {
                let error = FlexibleHttpGlobalError::ResponsesTooLarge(candid::Reserved);
                (error, message, |report| format!("{} bytes", report.bytes()))
            } else {
                let error = FlexibleHttpGlobalError::OutOfCycles(candid::Reserved);
                let message = self.out_of_cycles()?;
                (error, message, |report| format!("{} cycles spent", report.spent))
            };
        let details = self.reports.iter().map(|report| {
            let kind = if report.content.is_ok() { "ok" } else { "reject" };
            self.detail(report, kind.to_owned(), told(report))
        });
        let result = failed(FlexibleHttpRequestErr {
            global_error: Some(error),
            node_details: details.collect(),
            message,
        });
        let spent = total_spent(self.reports);
        let selection = Selection { delivered: &[], helping: self.all.clone(), spent };
        Some(selection.with_result(result))
    }

    fn detail(
        &self,
        report: &OutcallReport,
        code: String,
        message: String,
    ) -> FlexibleHttpNodeDetail {
        FlexibleHttpNodeDetail {
            node_id: self.key.node(report.node as u64).node_id,
            report: HttpRequestResourceReport::default(),
            error: Some(FlexibleHttpNodeError { code, message }),
        }
    }

    /// Selects the shortest candidates: as many as fit into the block and are paid for, at most `most`
    /// and at least `least` of them.
    fn select(
        &'a self,
        candidates: &'a [&'a OutcallReport],
        least: usize,
        most: usize,
    ) -> Option<Selection<'a>> {
        (least..=most.min(candidates.len())).rev().find_map(|count| {
            let selection = self.funded(&candidates[..count])?;
            (selection.bytes() < self.bytes_left).then_some(selection)
        })
    }

    /// A selection that delivers these reports, with the fewest further nodes that are needed to pay
    /// for it.
    fn funded(&'a self, delivered: &'a [&'a OutcallReport]) -> Option<Selection<'a>> {
        let sizes = delivered.iter().map(|report| report.bytes());
        let mut spent = total_spent(delivered.iter().copied())
            + self.prices.flexible_consensus(sizes, self.counts.min_responses);
        let mut helping = Vec::new();
        let mut others = self
            .all
            .iter()
            .filter(|report| delivered.iter().all(|other| other.node != report.node));
        while !self.outcall.is_covered(delivered.len() + helping.len(), spent) {
            let helper = others.next()?;
            spent += helper.spent;
            helping.push(*helper);
        }
        Some(Selection { delivered, helping, spent })
    }

    /// The number of nodes that have not reported yet.
    fn unseen(&self) -> usize {
        self.counts.total_requests as usize - self.all.len()
    }

    /// The message that the responses fit into no block. `None` if they may fit: nodes that have not
    /// reported yet may have short responses.
    fn too_large(&self) -> Option<String> {
        let unseen = self.unseen();
        let least = self.counts.min_responses as usize;
        let needed = least.saturating_sub(unseen);
        let shortest = self.replies.get(..needed)?;
        if shortest.iter().map(|report| delivered_bytes(report)).sum::<u64>()
            <= OUTCALL_BYTES_PER_BLOCK_MAX
        {
            return None;
        }
        let sizes: Vec<String> = shortest.iter().map(|report| report.bytes().to_string()).collect();
        let (replies, rejects) = (self.replies.len(), self.rejects.len());
        Some(format!(
            "Responses too large: {least} of {} must come in {OUTCALL_BYTES_PER_BLOCK_MAX} bytes, but \
             the shortest {needed} of the {replies} that came have {} bytes; {rejects} nodes rejected, \
             {unseen} have not reported",
            self.counts.total_requests,
            sizes.join(", ")
        ))
    }

    /// The message that the nodes can pay for no result. `None` if they may still pay for one.
    fn out_of_cycles(&self) -> Option<String> {
        let least = self.counts.min_responses as usize;
        let rejects = self.counts.total_requests as usize - least + 1;
        let cheapest = [(&self.replies, least), (&self.rejects, rejects)]
            .into_iter()
            .filter_map(|(seen, needed)| self.cheapest(seen, needed))
            .min()?;
        let unspent = self.outcall.unspent(self.counts.total_requests.into(), self.reports)?;
        (unspent < cheapest).then(|| out_of_cycles(self.reports, unspent, cheapest))
    }

    /// The lowest possible cost of delivering `needed` reports of this kind. `None` if so many reports
    /// can no longer come. The reports of nodes that have not reported yet may be empty.
    fn cheapest(&self, seen: &[&OutcallReport], needed: usize) -> Option<Cycles> {
        let known = seen.get(..needed.saturating_sub(self.unseen()))?;
        let empty = needed - known.len();
        let sizes: Vec<u64> = known
            .iter()
            .map(|report| report.bytes())
            .chain(std::iter::repeat_n(0, empty))
            .collect();
        Some(self.prices.flexible_consensus(sizes.into_iter(), self.counts.min_responses))
    }
}

impl Selection<'_> {
    /// The bytes of a block that the selection takes.
    fn bytes(&self) -> u64 {
        let delivered: u64 = self.delivered.iter().map(|report| delivered_bytes(report)).sum();
        delivered + self.helping.len() as u64 * FLEXIBLE_RESPONSE_BYTES as u64
    }

    fn with_result(&self, result: Payload) -> OutcallResult {
        let nodes = self.delivered.iter().chain(&self.helping).map(|report| report.node);
        let bytes = self.bytes();
        OutcallResult { result: Ok(result), nodes: nodes.collect(), spent: self.spent, bytes }
    }
}

/// The bytes of a block that a delivered report takes.
fn delivered_bytes(report: &OutcallReport) -> u64 {
    report.bytes() + FLEXIBLE_RESPONSE_BYTES as u64
}

/// The result of an outcall with these responses. `None` if the canister's transform query returned
/// something that is not an HTTP response: such an outcall times out.
fn succeeded(reports: &[&OutcallReport]) -> Option<Payload> {
    let responses = reports.iter().map(|report| {
        let response = report.content.as_ref().ok()?;
        crate::ic00::decode::<HttpRequestResult>(response).ok()
    });
    let responses = responses.collect::<Option<Vec<_>>>()?;
    Some(encode((FlexibleHttpRequestResult::Ok(responses),)))
}

/// The result of an outcall that timed out.
pub(super) fn timed_out() -> Payload {
    failed(FlexibleHttpRequestErr {
        global_error: Some(FlexibleHttpGlobalError::Timeout(candid::Reserved)),
        node_details: vec![],
        message: "the request timed out: too few of its nodes have responded".to_owned(),
    })
}

/// The result of an outcall that failed.
fn failed(error: FlexibleHttpRequestErr) -> Payload {
    encode((FlexibleHttpRequestResult::Err(error),))
}
