//! What HTTP outcalls cost, by both ways of pricing.
//!
//! The older one charges for the largest response there could be
//! (`config/src/subnet_config.rs`, `http_request_*_fee`), the newer one for what is used
//! (`https_outcalls/pricing/src/fees.rs`), both in the replica's repository.

use super::Prices;
use crate::limits::*;
use crate::types::{Cycles, Instructions};
use candid::{CandidType, Reserved};
use ic_management_canister_types::ReplicationCounts;
use serde::Deserialize;

/// The older way: an outcall, and what its nodes and bytes add.
const LINEAR_BASE_FEE: Cycles = 3_000_000;
const QUADRATIC_BASE_FEE: Cycles = 60_000;
const REQUEST_BYTE_FEE: Cycles = 400;
const RESPONSE_BYTE_FEE: Cycles = 800;

/// The newer way, each for every node that the base fee is charged for.
const BASE_FEE: Cycles = 1_000_000;
const BASE_BYTE_FEE: Cycles = 50;
/// Where all nodes make the request: for each node, and for each pair of nodes.
const REPLICATED_NODE_FEE: Cycles = 140_000;
const REPLICATED_PAIR_FEE: Cycles = 800;
/// Where some do: for each node, each response, and each response and node.
const FLEXIBLE_NODE_FEE: Cycles = 90_000;
const FLEXIBLE_RESPONSE_FEE: Cycles = 100_000;
const FLEXIBLE_RESPONSE_NODE_FEE: Cycles = 2_000;

/// The newer way, each for every node that makes the request.
const DOWNLOADED_BYTE_FEE: Cycles = 50;
const MILLISECOND_FEE: Cycles = 300;
const TRANSFORM_INSTRUCTIONS_PER_CYCLE: Cycles = 13;
const GOSSIPED_BYTE_NODE_FEE: Cycles = 50;

/// The newer way, for each byte that is agreed on: for each pair of nodes, and for each node.
const AGREED_BYTE_PAIR_FEE: Cycles = 10;
const AGREED_BYTE_NODE_FEE: Cycles = 600;
/// Bytes a response counts for beside its own where each is agreed on by itself.
pub const FLEXIBLE_RESPONSE_BYTES: Cycles = 181;

/// What an outcall is expected to use; the parameter of `ic0.cost_http_request_v2`.
#[derive(Clone, Debug, CandidType, Deserialize)]
pub struct Outcall {
    /// Bytes of the request's parts of variable length.
    pub request_bytes: u64,
    /// How long the request takes.
    pub http_roundtrip_time_ms: u64,
    /// Bytes of the response as it comes.
    pub raw_response_bytes: u64,
    /// Bytes of the response as the canister gets it.
    pub transformed_response_bytes: u64,
    /// Instructions it takes to transform it.
    pub transform_instructions: u64,
    /// Which nodes make it; all of them, if it is not said.
    pub outcall_type: Option<OutcallType>,
}

/// Which nodes make an outcall.
#[derive(Clone, Debug, CandidType, Deserialize)]
pub enum OutcallType {
    /// All of them, and they must agree on the response.
    #[serde(rename = "fully_replicated")]
    FullyReplicated(Reserved),
    /// One.
    #[serde(rename = "non_replicated")]
    NonReplicated(Reserved),
    /// Some, and each response counts; all of them, if it is not said how many.
    #[serde(rename = "flexible")]
    Flexible(Option<ReplicationCounts>),
}

/// Which nodes make an outcall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replication {
    /// All nodes of the subnet, which must agree on one response.
    FullyReplicated,
    /// One node.
    NonReplicated,
    /// Some nodes, each of whose responses counts.
    Flexible(ReplicationCounts),
}

impl Replication {
    /// How many of the subnet's `nodes` make the outcall.
    pub fn node_count(&self, nodes: u64) -> u64 {
        match self {
            Self::FullyReplicated => nodes,
            Self::NonReplicated => 1,
            // Zero nodes are refused when the outcall is made, but its price can be asked for.
            Self::Flexible(counts) => u64::from(counts.total_requests.max(1)),
        }
    }
}

/// How many equal responses it takes where all of so many nodes make an outcall: more than two
/// thirds (`types/types/src/canister_http.rs`, `canister_http_threshold`).
pub fn quorum(nodes: u64) -> u64 {
    nodes - tolerated_faults(nodes)
}

/// How many nodes may be wrong.
pub fn tolerated_faults(nodes: u64) -> u64 {
    (nodes - 1) / 3
}

impl Prices {
    /// An HTTP outcall of `request_bytes` with responses of at most `response_bytes`.
    pub fn http_request(self, request_bytes: u64, response_bytes: u64) -> Cycles {
        if self.free {
            return 0;
        }
        let nodes = Cycles::from(self.nodes);
        (LINEAR_BASE_FEE
            + QUADRATIC_BASE_FEE * nodes
            + REQUEST_BYTE_FEE * Cycles::from(request_bytes)
            + RESPONSE_BYTE_FEE * Cycles::from(response_bytes))
            * nodes
    }

    /// What must be attached to an HTTP outcall that is charged for what it uses, so that it can use
    /// this much.
    pub fn outcall(self, outcall: &Outcall) -> Cycles {
        if self.free {
            return 0;
        }
        let replication = match &outcall.outcall_type {
            None | Some(OutcallType::FullyReplicated(_)) => Replication::FullyReplicated,
            Some(OutcallType::NonReplicated(_)) => Replication::NonReplicated,
            Some(OutcallType::Flexible(counts)) => {
                Replication::Flexible(counts.clone().unwrap_or(self.all_nodes()))
            }
        };
        let node_count = Cycles::from(replication.node_count(self.nodes));
        let usage = self.usage(&replication, outcall).saturating_mul(node_count);
        self.outcall_base(outcall.request_bytes, &replication).saturating_add(usage)
    }

    /// What an outcall costs that is charged for what it uses, before it uses anything.
    pub fn outcall_base(self, request_bytes: u64, replication: &Replication) -> Cycles {
        if self.free {
            return 0;
        }
        let nodes = Cycles::from(self.nodes);
        let replication_fee = match replication {
            Replication::FullyReplicated => {
                REPLICATED_NODE_FEE * nodes + REPLICATED_PAIR_FEE * nodes * nodes
            }
            Replication::NonReplicated => self.flexible(1),
            Replication::Flexible(counts) => self.flexible(counts.min_responses.into()),
        };
        nodes * (BASE_FEE + BASE_BYTE_FEE * Cycles::from(request_bytes) + replication_fee)
    }

    /// The most that each node of such an outcall can be allowed to spend, which is all it could
    /// need.
    pub fn outcall_allowance_max(
        self,
        replication: &Replication,
        max_response_bytes: Option<u64>,
    ) -> Cycles {
        let response_bytes = max_response_bytes.unwrap_or(OUTCALL_RESPONSE_BYTES_MAX);
        let most = Outcall {
            request_bytes: 0,
            http_roundtrip_time_ms: OUTCALL_TIMEOUT_SECONDS * 1_000,
            raw_response_bytes: response_bytes,
            transformed_response_bytes: response_bytes + OUTCALL_RESPONSE_OVERHEAD_BYTES,
            transform_instructions: QUERY_INSTRUCTIONS_MAX,
            outcall_type: None,
        };
        self.usage(replication, &most)
    }

    /// What one node uses, its share of delivering the result included, which costs most if it is a
    /// reject instead of a short response.
    fn usage(self, replication: &Replication, outcall: &Outcall) -> Cycles {
        let bytes = outcall.transformed_response_bytes.max(OUTCALL_REJECT_BYTES_MAX);
        let gossip = match replication {
            Replication::FullyReplicated => 0,
            Replication::NonReplicated | Replication::Flexible(_) => self.gossiped(bytes),
        };
        let bytes = Cycles::from(bytes);
        let nodes = Cycles::from(self.nodes);
        let count = Cycles::from(replication.node_count(self.nodes));
        let agreement = match replication {
            Replication::NonReplicated => self.agreed(bytes),
            // Those who agree pay it all, and they need not be all.
            Replication::FullyReplicated => {
                self.agreed(bytes).div_ceil(quorum(self.nodes).into()) * nodes
            }
            Replication::Flexible(ReplicationCounts { max_responses: 0, .. }) => 0,
            Replication::Flexible(counts) => {
                let extra = counts.total_requests.saturating_sub(counts.min_responses);
                self.agreed(count.saturating_mul(FLEXIBLE_RESPONSE_BYTES + bytes))
                    .saturating_add(self.extra_responses(extra.into()))
            }
        };
        (self.downloaded(outcall.raw_response_bytes)
            + MILLISECOND_FEE * Cycles::from(outcall.http_roundtrip_time_ms)
            + self.transformed(outcall.transform_instructions)
            + gossip)
            .saturating_add(agreement.div_ceil(count))
    }

    /// What a node pays for a response of this size.
    pub fn downloaded(self, bytes: u64) -> Cycles {
        DOWNLOADED_BYTE_FEE * Cycles::from(bytes)
    }

    /// What a node pays for transforming a response.
    pub fn transformed(self, instructions: Instructions) -> Cycles {
        Cycles::from(instructions) / TRANSFORM_INSTRUCTIONS_PER_CYCLE
    }

    /// Instructions that transforming a response may take for so many cycles.
    pub fn transform_instructions(self, cycles: Cycles) -> Instructions {
        let most = cycles.saturating_mul(TRANSFORM_INSTRUCTIONS_PER_CYCLE);
        most.min(QUERY_INSTRUCTIONS_MAX.into()) as Instructions
    }

    /// What a node pays for telling the others about a response of its own.
    pub fn gossiped(self, bytes: u64) -> Cycles {
        GOSSIPED_BYTE_NODE_FEE * Cycles::from(bytes) * Cycles::from(self.nodes)
    }

    /// Agreeing on this many bytes.
    pub fn agreed(self, bytes: Cycles) -> Cycles {
        let nodes = Cycles::from(self.nodes);
        (nodes * (AGREED_BYTE_PAIR_FEE * nodes + AGREED_BYTE_NODE_FEE)).saturating_mul(bytes)
    }

    /// Agreeing on responses that each count, of which `least` were needed.
    pub fn agreed_each(self, sizes: impl ExactSizeIterator<Item = u64>, least: u32) -> Cycles {
        let extra = Cycles::from((sizes.len() as u64).saturating_sub(least.into()));
        let bytes = sizes.map(|size| FLEXIBLE_RESPONSE_BYTES + Cycles::from(size)).sum();
        self.agreed(bytes) + self.extra_responses(extra)
    }

    /// Delivering more responses than were needed.
    fn extra_responses(self, count: Cycles) -> Cycles {
        let nodes = Cycles::from(self.nodes);
        nodes * (FLEXIBLE_RESPONSE_NODE_FEE * nodes + FLEXIBLE_RESPONSE_FEE) * count
    }

    /// What each node is charged for where `responses` of some nodes are needed.
    fn flexible(self, responses: Cycles) -> Cycles {
        let nodes = Cycles::from(self.nodes);
        FLEXIBLE_NODE_FEE * nodes
            + FLEXIBLE_RESPONSE_NODE_FEE * nodes * responses
            + FLEXIBLE_RESPONSE_FEE * responses
    }

    /// A request by all nodes, with an answer by more than two thirds of them.
    pub fn all_nodes(self) -> ReplicationCounts {
        let nodes = self.nodes as u32;
        ReplicationCounts {
            min_responses: nodes * 2 / 3 + 1,
            max_responses: nodes,
            total_requests: nodes,
        }
    }
}

#[cfg(test)]
mod tests;
