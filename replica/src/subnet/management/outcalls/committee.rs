//! What becomes of a flexible outcall, of whose responses each counts.
//!
//! Rules: `find_flexible_result` and `select_flexible_responses` in
//! `https_outcalls/consensus/src/payload_builder/utils.rs` in the replica's repository.

use super::funds::{out_of_cycles, total_spent};
use super::report::Report;
use super::{Outcall, Verdict};
use crate::cycles::Prices;
use crate::cycles::http::FLEXIBLE_RESPONSE_BYTES;
use crate::ic00::encode;
use crate::keys::SubnetKey;
use crate::limits::OUTCALL_BYTES_PER_BLOCK_MAX;
use crate::subnet::Subnet;
use crate::types::{Cycles, Payload};
use ic_management_canister_types::*;

/// Reports that are delivered, and those that only help to pay.
struct Selection<'a> {
    delivered: &'a [&'a Report],
    helping: Vec<&'a Report>,
    spent: Cycles,
}

/// What a flexible outcall is about to come to.
struct Committee<'a> {
    key: &'a SubnetKey,
    outcall: &'a Outcall,
    counts: &'a ReplicationCounts,
    prices: Prices,
    bytes_left: u64,
    reports: &'a [Report],
    /// Those who spent least first.
    all: Vec<&'a Report>,
    /// Responses and rejects, the shortest first.
    replies: Vec<&'a Report>,
    rejects: Vec<&'a Report>,
}

impl Subnet {
    pub(super) fn flexible_verdict(
        &self,
        outcall: &Outcall,
        counts: &ReplicationCounts,
        reports: &[Report],
        bytes_left: u64,
    ) -> Option<Verdict> {
        let mut all: Vec<&Report> = reports.iter().collect();
        all.sort_by_key(|report| (report.bytes(), report.spent, report.node));
        let (replies, rejects) = all.iter().partition(|report| report.content.is_ok());
        all.sort_by_key(|report| (report.spent, report.node));
        let (key, prices) = (&self.config.key, self.prices);
        Committee { key, outcall, counts, prices, bytes_left, reports, all, replies, rejects }
            .verdict()
    }
}

impl<'a> Committee<'a> {
    fn verdict(&self) -> Option<Verdict> {
        self.enough().or_else(|| self.too_few()).or_else(|| self.failure())
    }

    /// Responses, if there are enough that can be delivered.
    fn enough(&self) -> Option<Verdict> {
        let (least, most) = (self.counts.min_responses, self.counts.max_responses);
        let selection = self.select(&self.replies, least as usize, most as usize)?;
        Some(selection.verdict(succeeded(selection.delivered)?))
    }

    /// Rejects, if there are so many that there will never be enough responses.
    fn too_few(&self) -> Option<Verdict> {
        let needed = (self.counts.total_requests - self.counts.min_responses) as usize + 1;
        let selection = self.select(&self.rejects, needed, self.rejects.len())?;
        let details = selection.delivered.iter().map(|report| {
            let reject = report.content.as_ref().expect_err("these are rejects");
            self.detail(report, format!("{:?}", reject.code), reject.message.clone())
        });
        Some(selection.verdict(failed(FlexibleHttpRequestErr {
            global_error: Some(FlexibleHttpGlobalError::TooManyRejects(candid::Reserved)),
            node_details: details.collect(),
            message: format!(
                "Too many rejects: {} responses are rejects",
                selection.delivered.len()
            ),
        })))
    }

    /// Why nothing will ever be delivered, if that is so.
    fn failure(&self) -> Option<Verdict> {
        let (error, message, told): (_, _, fn(&Report) -> String) =
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
        Some(selection.verdict(result))
    }

    fn detail(&self, report: &Report, code: String, message: String) -> FlexibleHttpNodeDetail {
        FlexibleHttpNodeDetail {
            node_id: self.key.node(report.node as u64).node_id,
            report: HttpRequestResourceReport::default(),
            error: Some(FlexibleHttpNodeError { code, message }),
        }
    }

    /// As many of the shortest as fit into the block and are paid for, perhaps with the help of
    /// others: at most `most`, and no fewer than `least`.
    fn select(
        &'a self,
        candidates: &'a [&'a Report],
        least: usize,
        most: usize,
    ) -> Option<Selection<'a>> {
        (least..=most.min(candidates.len())).rev().find_map(|count| {
            let selection = self.funded(&candidates[..count])?;
            (selection.bytes() < self.bytes_left).then_some(selection)
        })
    }

    /// These reports, with the fewest others that it takes to pay for delivering them.
    fn funded(&'a self, delivered: &'a [&'a Report]) -> Option<Selection<'a>> {
        let sizes = delivered.iter().map(|report| report.bytes());
        let mut spent = total_spent(delivered.iter().copied())
            + self.prices.agreed_each(sizes, self.counts.min_responses);
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

    /// How many of the committee have not reported.
    fn unseen(&self) -> usize {
        self.counts.total_requests as usize - self.all.len()
    }

    /// Why the responses do not fit into any block, if they do not: those who have not reported may
    /// still have short ones.
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

    /// Why no result can ever be paid for, if that is so.
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

    /// The least it can cost to deliver so many reports of this kind, if that can still be: who has
    /// not reported may have nothing to say.
    fn cheapest(&self, seen: &[&Report], needed: usize) -> Option<Cycles> {
        let known = seen.get(..needed.saturating_sub(self.unseen()))?;
        let empty = needed - known.len();
        let sizes: Vec<u64> = known
            .iter()
            .map(|report| report.bytes())
            .chain(std::iter::repeat_n(0, empty))
            .collect();
        Some(self.prices.agreed_each(sizes.into_iter(), self.counts.min_responses))
    }
}

impl Selection<'_> {
    /// What delivering it takes of a block.
    fn bytes(&self) -> u64 {
        let delivered: u64 = self.delivered.iter().map(|report| delivered_bytes(report)).sum();
        delivered + self.helping.len() as u64 * FLEXIBLE_RESPONSE_BYTES as u64
    }

    fn verdict(&self, result: Payload) -> Verdict {
        let nodes = self.delivered.iter().chain(&self.helping).map(|report| report.node);
        let bytes = self.bytes();
        Verdict { result: Ok(result), nodes: nodes.collect(), spent: self.spent, bytes }
    }
}

/// What delivering a report takes of a block.
fn delivered_bytes(report: &Report) -> u64 {
    report.bytes() + FLEXIBLE_RESPONSE_BYTES as u64
}

/// The result of an outcall that brought these responses; none, if the canister made something else
/// of one, so that nothing will ever come of it.
fn succeeded(reports: &[&Report]) -> Option<Payload> {
    let responses = reports.iter().map(|report| {
        let response = report.content.as_ref().ok()?;
        crate::ic00::decode::<HttpRequestResult>(response).ok()
    });
    let responses = responses.collect::<Option<Vec<_>>>()?;
    Some(encode((FlexibleHttpRequestResult::Ok(responses),)))
}

/// The result of an outcall that took too long.
pub(super) fn timed_out() -> Payload {
    failed(FlexibleHttpRequestErr {
        global_error: Some(FlexibleHttpGlobalError::Timeout(candid::Reserved)),
        node_details: vec![],
        message: "the request timed out: too few of its nodes have responded".to_owned(),
    })
}

/// The result of an outcall that brought too little.
fn failed(error: FlexibleHttpRequestErr) -> Payload {
    encode((FlexibleHttpRequestResult::Err(error),))
}
