//! Reports of nodes: each node checks its response, has the canister transform it, and spends cycles.
//!
//! Rules: `https_outcalls/client/src/client.rs` and `https_outcalls/pricing/src/payg.rs` in the
//! replica's repository.

use super::request::{check_parts, headers_bytes};
use super::{NodeResponse, NodeResponses, Outcall, OutcallError};
use crate::canister::{self, Failure};
use crate::cycles::Prices;
use crate::cycles::http::Replication;
use crate::error::{Reject, RejectCode};
use crate::ic00::encode;
use crate::limits::*;
use crate::subnet::Subnet;
use crate::types::{Cycles, Payload};
use ic_management_canister_types::{HttpRequestResult, ReplicationCounts, TransformArgs};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The report of one node to the other nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OutcallReport {
    /// The index of the node.
    pub node: usize,
    /// The transformed and encoded response, or the reject of the node.
    #[serde(with = "crate::types::encoding::call_result")]
    pub content: Result<Payload, Reject>,
    /// The cycles that the node spent of its allowance.
    pub spent: Cycles,
}

impl OutcallReport {
    /// The size of the report's content in bytes.
    pub fn bytes(&self) -> u64 {
        match &self.content {
            Ok(response) => response.len() as u64,
            // One byte is the reject code.
            Err(reject) => reject.message.len() as u64 + 1,
        }
    }
}

/// The cycles that one node may spend.
struct Budget {
    /// No limit, if the outcall was paid for in advance.
    allowance: Option<Cycles>,
    spent: Cycles,
    prices: Prices,
}

impl Budget {
    fn left(&self) -> Cycles {
        self.allowance.map_or(Cycles::MAX, |allowance| allowance.saturating_sub(self.spent))
    }

    fn spend(&mut self, cycles: Cycles) -> Result<(), Reject> {
        let affordable = cycles <= self.left();
        self.spent = match self.allowance {
            Some(allowance) => self.spent.saturating_add(cycles).min(allowance),
            None => 0,
        };
        match affordable {
            true => Ok(()),
            false => Err(reject(RejectCode::CanisterReject, "Insufficient cycles")),
        }
    }
}

fn reject(code: RejectCode, message: impl Into<String>) -> Reject {
    Reject { code, message: message.into(), error_code: None }
}

impl Outcall {
    /// The numbers of nodes and responses of a flexible outcall.
    pub(super) fn committee(&self) -> Option<&ReplicationCounts> {
        match &self.request.replication {
            Replication::Flexible(counts) => Some(counts),
            Replication::FullyReplicated | Replication::NonReplicated => None,
        }
    }

    /// Checks that the nodes of the outcall, on a subnet of `nodes` nodes, can have got these responses.
    pub(super) fn check(&self, responses: &NodeResponses, nodes: u64) -> Result<(), OutcallError> {
        let all = match responses {
            NodeResponses::Same(response) => std::slice::from_ref(response),
            NodeResponses::Each(each) if each.len() as u64 != nodes => {
                return Err(OutcallError::WrongNumber { given: each.len(), nodes });
            }
            NodeResponses::Each(each) => each,
            NodeResponses::Committee(some) => {
                let counts = self.committee().ok_or(OutcallError::NotFlexible)?;
                let most = u64::from(counts.total_requests);
                if some.len() as u64 > most {
                    return Err(OutcallError::TooMany { given: some.len(), most });
                }
                some
            }
        };
        for response in all {
            if let NodeResponse::Reject(Reject { message, .. }) = response
                && message.len() > OUTCALL_REJECT_MESSAGE_BYTES_MAX
            {
                return Err(OutcallError::RejectTooLong(message.len()));
            }
        }
        Ok(())
    }
}

impl Subnet {
    /// The reports of the nodes that got these responses, each after this time.
    pub(super) fn reports(
        &mut self,
        outcall: &Outcall,
        responses: NodeResponses,
        elapsed: Duration,
    ) -> Vec<OutcallReport> {
        let nodes = outcall.request.replication.node_count(self.config.nodes) as usize;
        match responses {
            NodeResponses::Same(response) => {
                let report = self.report(outcall, 0, response, elapsed);
                (0..nodes).map(|node| OutcallReport { node, ..report.clone() }).collect()
            }
            NodeResponses::Each(responses) | NodeResponses::Committee(responses) => {
                let mut report = |(node, response)| self.report(outcall, node, response, elapsed);
                responses.into_iter().take(nodes).enumerate().map(&mut report).collect()
            }
        }
    }

    fn report(
        &mut self,
        outcall: &Outcall,
        node: usize,
        response: NodeResponse,
        elapsed: Duration,
    ) -> OutcallReport {
        let mut budget = Budget { allowance: outcall.allowance, spent: 0, prices: self.prices };
        let content = budget.spend(self.prices.waiting(elapsed)).and_then(|()| match response {
            NodeResponse::Reply(reply) => self.processed(outcall, reply, &mut budget),
            NodeResponse::Reject(reject) => Err(reject),
        });
        let content = content.map_err(|mut reject| {
            let end = reject.message.floor_char_boundary(OUTCALL_REJECT_MESSAGE_BYTES_MAX);
            reject.message.truncate(end);
            reject
        });
        let mut report = OutcallReport { node, content, spent: 0 };
        if outcall.request.replication != Replication::FullyReplicated
            && let Err(reject) = budget.spend(self.prices.gossip(report.bytes()))
        {
            report.content = Err(reject);
        }
        OutcallReport { spent: budget.spent, ..report }
    }

    /// Checks a response and has the canister transform it.
    fn processed(
        &mut self,
        outcall: &Outcall,
        reply: HttpRequestResult,
        budget: &mut Budget,
    ) -> Result<Payload, Reject> {
        let fatal = |text| reject(RejectCode::SysFatal, text);
        let (header_bytes, body_bytes) = (headers_bytes(&reply.headers), reply.body.len());
        budget.spend(self.prices.download((header_bytes + body_bytes) as u64))?;
        let request = &outcall.request;
        let limit = request.max_response_bytes.unwrap_or(OUTCALL_RESPONSE_BYTES_MAX) as usize;
        if header_bytes > limit {
            return Err(fatal(format!(
                "Header size exceeds specified response size limit {limit}"
            )));
        }
        if header_bytes + body_bytes > limit {
            return Err(fatal(format!("Http body exceeds size limit of {limit} bytes.")));
        }
        check_parts(&reply.headers, body_bytes).map_err(fatal)?;
        let Some(transform) = &request.transform else { return Ok(encode((reply,))) };
        let argument =
            encode((TransformArgs { response: reply, context: transform.context.clone() },));
        let instructions_max = budget.prices.transform_instructions(budget.left());
        let round = self.round_input();
        let Some(canister) = self.canisters.get_mut(&outcall.caller) else {
            return Err(fatal(format!("Canister {} not found", outcall.caller)));
        };
        let method = transform.method.clone();
        let (response, used) =
            canister::transform(canister, method, argument, instructions_max, &round);
        budget.spend(self.prices.transform(used))?;
        let transformed = response.map_err(|failure| match failure {
            Failure::Rejected(rejected) => reject(RejectCode::CanisterReject, rejected.message),
            Failure::Error(error) => Reject { error_code: None, ..error.into_reject_with_code() },
        })?;
        if transformed.len() > limit {
            return Err(fatal(format!("Transformed http response exceeds limit: {limit}")));
        }
        Ok(transformed)
    }
}
