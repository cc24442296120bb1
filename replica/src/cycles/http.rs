//! Prices of HTTP outcalls. There are two ways of pricing.
//!
//! The older one charges for the largest possible response (`config/src/subnet_config.rs`,
//! `http_request_*_fee`). The newer one, pay as you go, charges for the resources that the outcall uses
//! (`https_outcalls/pricing/src/fees.rs`). Both sources are in the replica's repository.

use super::Prices;
use crate::limits::*;
use crate::types::{Cycles, Instructions};
use candid::{CandidType, Reserved};
use ic_management_canister_types::ReplicationCounts;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Fees of the older pricing, in cycles: for each outcall and node, for each pair of nodes, for each byte
/// of the request, for each byte of the largest response.
const LINEAR_BASE_FEE: Cycles = 3_000_000;
const QUADRATIC_BASE_FEE: Cycles = 60_000;
const REQUEST_BYTE_FEE: Cycles = 400;
const RESPONSE_BYTE_FEE: Cycles = 800;

/// Base fees of the newer pricing, in cycles, charged for each node of the subnet: for each outcall, and
/// for each byte of the request.
const BASE_FEE: Cycles = 1_000_000;
const BASE_BYTE_FEE: Cycles = 50;
/// Additional base fees of a fully replicated outcall: for each node, and for each pair of nodes.
const REPLICATED_NODE_FEE: Cycles = 140_000;
const REPLICATED_PAIR_FEE: Cycles = 800;
/// Additional base fees of a flexible outcall: for each node, for each response, and for each pair of a
/// response and a node.
const FLEXIBLE_NODE_FEE: Cycles = 90_000;
const FLEXIBLE_RESPONSE_FEE: Cycles = 100_000;
const FLEXIBLE_RESPONSE_NODE_FEE: Cycles = 2_000;

/// Usage fees of the newer pricing, in cycles, charged for each node that makes the request: for each
/// downloaded byte and for each millisecond. Instructions of the transform function are charged by
/// [`TRANSFORM_INSTRUCTIONS_PER_CYCLE`], gossip for each byte and node.
const DOWNLOAD_BYTE_FEE: Cycles = 50;
const MILLISECOND_FEE: Cycles = 300;
const TRANSFORM_INSTRUCTIONS_PER_CYCLE: Cycles = 13;
const GOSSIP_BYTE_NODE_FEE: Cycles = 50;

/// Consensus fees of the newer pricing, in cycles, for each byte that the nodes agree on: for each pair of
/// nodes, and for each node.
const CONSENSUS_BYTE_PAIR_FEE: Cycles = 10;
const CONSENSUS_BYTE_NODE_FEE: Cycles = 600;
/// Bytes that each response of a flexible outcall counts for in addition to its own bytes.
pub const FLEXIBLE_RESPONSE_BYTES: Cycles = 181;

/// The expected usage of an outcall: the parameter of `ic0.cost_http_request_v2`.
#[derive(Clone, Debug, CandidType, Deserialize)]
pub struct Outcall {
    /// Size of the request parts of variable length, in bytes.
    pub request_bytes: u64,
    /// Duration of the request, in milliseconds.
    pub http_roundtrip_time_ms: u64,
    /// Size of the response before the transform function, in bytes.
    pub raw_response_bytes: u64,
    /// Size of the response after the transform function, in bytes.
    pub transformed_response_bytes: u64,
    /// Instructions of the transform function.
    pub transform_instructions: u64,
    /// The nodes that make the request. `None` means all nodes.
    pub outcall_type: Option<OutcallType>,
}

/// The nodes that make an outcall, as a canister states them.
#[derive(Clone, Debug, CandidType, Deserialize)]
pub enum OutcallType {
    /// All nodes of the subnet, which must agree on one response.
    #[serde(rename = "fully_replicated")]
    FullyReplicated(Reserved),
    /// One node.
    #[serde(rename = "non_replicated")]
    NonReplicated(Reserved),
    /// Some nodes, each of whose responses counts. `None` means all nodes.
    #[serde(rename = "flexible")]
    Flexible(Option<ReplicationCounts>),
}

/// The nodes that make an outcall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Replication {
    /// All nodes of the subnet, which must agree on one response.
    FullyReplicated,
    /// One node.
    NonReplicated,
    /// Some nodes, each of whose responses counts.
    Flexible(ReplicationCounts),
}

impl Replication {
    /// The number of nodes that make the outcall, on a subnet with `nodes` nodes.
    pub fn node_count(&self, nodes: u64) -> u64 {
        match self {
            Self::FullyReplicated => nodes,
            Self::NonReplicated => 1,
            // Zero nodes are refused when the outcall is made, but its price can be asked for.
            Self::Flexible(counts) => u64::from(counts.total_requests.max(1)),
        }
    }
}

/// The number of equal responses that a fully replicated outcall needs: more than two thirds of the nodes
/// (`types/types/src/canister_http.rs`, `canister_http_threshold`).
pub fn quorum(nodes: u64) -> u64 {
    nodes - tolerated_faults(nodes)
}

/// The number of faulty nodes that a subnet tolerates: less than a third.
pub fn tolerated_faults(nodes: u64) -> u64 {
    (nodes - 1) / 3
}

impl Prices {
    /// The price of an HTTP outcall by the older pricing: a request of `request_bytes` with responses of at
    /// most `response_bytes`.
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

    /// The cycles to attach to an HTTP outcall by the newer pricing, so that it can have this usage.
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

    /// The base fee of an HTTP outcall by the newer pricing, without its usage.
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

    /// The largest allowance of a node for an outcall by the newer pricing, in cycles: the price of the
    /// largest usage.
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

    /// The price of one node's usage, with its share of the consensus fee. The result counts at least as a
    /// reject of the largest size.
    fn usage(self, replication: &Replication, outcall: &Outcall) -> Cycles {
        let bytes = outcall.transformed_response_bytes.max(OUTCALL_REJECT_BYTES_MAX);
        let gossip = match replication {
            Replication::FullyReplicated => 0,
            Replication::NonReplicated | Replication::Flexible(_) => self.gossip(bytes),
        };
        let bytes = Cycles::from(bytes);
        let nodes = Cycles::from(self.nodes);
        let count = Cycles::from(replication.node_count(self.nodes));
        let agreement = match replication {
            Replication::NonReplicated => self.consensus(bytes),
            // The nodes that agree pay the whole fee, even if they are only a quorum.
            Replication::FullyReplicated => {
                self.consensus(bytes).div_ceil(quorum(self.nodes).into()) * nodes
            }
            Replication::Flexible(ReplicationCounts { max_responses: 0, .. }) => 0,
            Replication::Flexible(counts) => {
                let extra = counts.total_requests.saturating_sub(counts.min_responses);
                self.consensus(count.saturating_mul(FLEXIBLE_RESPONSE_BYTES + bytes))
                    .saturating_add(self.extra_responses(extra.into()))
            }
        };
        (self.download(outcall.raw_response_bytes)
            + MILLISECOND_FEE * Cycles::from(outcall.http_roundtrip_time_ms)
            + self.transform(outcall.transform_instructions)
            + gossip)
            .saturating_add(agreement.div_ceil(count))
    }

    /// The price of downloading a response of this size, for one node.
    pub fn download(self, bytes: u64) -> Cycles {
        DOWNLOAD_BYTE_FEE * Cycles::from(bytes)
    }

    /// The price of waiting for a response, for one node.
    pub fn waiting(self, elapsed: Duration) -> Cycles {
        MILLISECOND_FEE * elapsed.as_millis()
    }

    /// The price of transforming a response, for one node.
    pub fn transform(self, instructions: Instructions) -> Cycles {
        Cycles::from(instructions) / TRANSFORM_INSTRUCTIONS_PER_CYCLE
    }

    /// The instructions of the transform function that `cycles` pay for.
    pub fn transform_instructions(self, cycles: Cycles) -> Instructions {
        let most = cycles.saturating_mul(TRANSFORM_INSTRUCTIONS_PER_CYCLE);
        most.min(QUERY_INSTRUCTIONS_MAX.into()) as Instructions
    }

    /// The price of gossip, for one node: sending its response to the other nodes.
    pub fn gossip(self, bytes: u64) -> Cycles {
        GOSSIP_BYTE_NODE_FEE * Cycles::from(bytes) * Cycles::from(self.nodes)
    }

    /// The price of consensus on this many bytes.
    pub fn consensus(self, bytes: Cycles) -> Cycles {
        let nodes = Cycles::from(self.nodes);
        (nodes * (CONSENSUS_BYTE_PAIR_FEE * nodes + CONSENSUS_BYTE_NODE_FEE)).saturating_mul(bytes)
    }

    /// The price of consensus on the responses of a flexible outcall. `sizes` are their sizes in bytes,
    /// `least` is the required number of responses.
    pub fn flexible_consensus(
        self,
        sizes: impl ExactSizeIterator<Item = u64>,
        least: u32,
    ) -> Cycles {
        let extra = Cycles::from((sizes.len() as u64).saturating_sub(least.into()));
        let bytes = sizes.map(|size| FLEXIBLE_RESPONSE_BYTES + Cycles::from(size)).sum();
        self.consensus(bytes) + self.extra_responses(extra)
    }

    /// The price of delivering `count` responses more than required.
    fn extra_responses(self, count: Cycles) -> Cycles {
        let nodes = Cycles::from(self.nodes);
        nodes * (FLEXIBLE_RESPONSE_NODE_FEE * nodes + FLEXIBLE_RESPONSE_FEE) * count
    }

    /// The additional base fee of a flexible outcall, for each node. `responses` is the required number of
    /// responses.
    fn flexible(self, responses: Cycles) -> Cycles {
        let nodes = Cycles::from(self.nodes);
        FLEXIBLE_NODE_FEE * nodes
            + FLEXIBLE_RESPONSE_NODE_FEE * nodes * responses
            + FLEXIBLE_RESPONSE_FEE * responses
    }

    /// The counts of a flexible outcall that states none: all nodes make the request, and more than two
    /// thirds of them must respond.
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
