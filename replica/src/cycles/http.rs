//! What HTTP outcalls cost, by both ways of pricing.
//!
//! The older one charges for the largest response there could be
//! (`config/src/subnet_config.rs`, `http_request_*_fee`), the newer one for what is used
//! (`https_outcalls/pricing/src/fees.rs`), both in the replica's repository.

use super::Prices;
use crate::types::Cycles;
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
const FLEXIBLE_RESPONSE_BYTES: Cycles = 181;

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

    /// The most an HTTP outcall can cost that is charged for what it uses.
    pub fn outcall(self, outcall: &Outcall) -> Cycles {
        if self.free {
            return 0;
        }
        let nodes = Cycles::from(self.nodes);
        let bytes = Cycles::from(outcall.transformed_response_bytes);
        let base = BASE_FEE + BASE_BYTE_FEE * Cycles::from(outcall.request_bytes);
        let node = DOWNLOADED_BYTE_FEE * Cycles::from(outcall.raw_response_bytes)
            + MILLISECOND_FEE * Cycles::from(outcall.http_roundtrip_time_ms)
            + Cycles::from(outcall.transform_instructions) / TRANSFORM_INSTRUCTIONS_PER_CYCLE;
        let gossip = GOSSIPED_BYTE_NODE_FEE.saturating_mul(bytes).saturating_mul(nodes);
        let counts = match &outcall.outcall_type {
            None | Some(OutcallType::FullyReplicated(_)) => {
                let base = base + REPLICATED_NODE_FEE * nodes + REPLICATED_PAIR_FEE * nodes * nodes;
                return (nodes * (base + node)).saturating_add(self.agreement(bytes));
            }
            Some(OutcallType::NonReplicated(_)) => {
                let base = base + self.flexible(1);
                let used = node.saturating_add(gossip).saturating_add(self.agreement(bytes));
                return (nodes * base).saturating_add(used);
            }
            Some(OutcallType::Flexible(counts)) => counts.clone().unwrap_or(self.all_nodes()),
        };
        let [total, least, most] =
            [counts.total_requests, counts.min_responses, counts.max_responses].map(Cycles::from);
        let extra = most.saturating_sub(least);
        let extra_fee =
            nodes * extra * (FLEXIBLE_RESPONSE_NODE_FEE * nodes + FLEXIBLE_RESPONSE_FEE);
        (nodes * (base + self.flexible(least)))
            .saturating_add(total.saturating_mul(node.saturating_add(gossip)))
            .saturating_add(self.agreement(most.saturating_mul(FLEXIBLE_RESPONSE_BYTES + bytes)))
            .saturating_add(extra_fee)
    }

    /// Agreeing on this many bytes.
    fn agreement(self, bytes: Cycles) -> Cycles {
        let nodes = Cycles::from(self.nodes);
        (nodes * (AGREED_BYTE_PAIR_FEE * nodes + AGREED_BYTE_NODE_FEE)).saturating_mul(bytes)
    }

    /// What each node is charged for where `responses` of some nodes are needed.
    fn flexible(self, responses: Cycles) -> Cycles {
        let nodes = Cycles::from(self.nodes);
        FLEXIBLE_NODE_FEE * nodes
            + FLEXIBLE_RESPONSE_NODE_FEE * nodes * responses
            + FLEXIBLE_RESPONSE_FEE * responses
    }

    /// A request by all nodes, with an answer by more than two thirds of them.
    fn all_nodes(self) -> ReplicationCounts {
        let nodes = self.nodes as u32;
        ReplicationCounts {
            min_responses: nodes * 2 / 3 + 1,
            max_responses: nodes,
            total_requests: nodes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcall(outcall_type: Option<OutcallType>) -> Outcall {
        Outcall {
            request_bytes: 100,
            http_roundtrip_time_ms: 2_000,
            raw_response_bytes: 1_000,
            transformed_response_bytes: 500,
            transform_instructions: 26,
            outcall_type,
        }
    }

    #[test]
    fn an_outcall_by_all_nodes_costs_the_published_formula() {
        for n in [1u128, 13, 34] {
            let per_node = 1_000_000
                + 50 * 100
                + 140_000 * n
                + 800 * n * n
                + 50 * 1_000
                + 300 * 2_000
                + 26 / 13
                + (10 * n + 600) * 500;
            let prices = Prices::new(n as u64, false);
            assert_eq!(prices.outcall(&outcall(None)), n * per_node);
            let said = OutcallType::FullyReplicated(Reserved);
            assert_eq!(prices.outcall(&outcall(Some(said))), n * per_node);
        }
    }

    #[test]
    fn an_outcall_by_one_node_pays_for_spreading_its_response() {
        let base = 13 * (1_000_000 + 50 * 100 + 90_000 * 13 + 2_000 * 13 + 100_000);
        let used = 50 * 1_000 + 300 * 2_000 + 26 / 13 + 50 * 500 * 13;
        let agreed = 13 * (10 * 13 + 600) * 500;
        let one = outcall(Some(OutcallType::NonReplicated(Reserved)));
        assert_eq!(Prices::new(13, false).outcall(&one), base + used + agreed);
    }

    #[test]
    fn an_outcall_by_some_nodes_pays_for_each_response_it_may_bring() {
        let counts = ReplicationCounts { min_responses: 2, max_responses: 3, total_requests: 4 };
        let base = 13 * (1_000_000 + 50 * 100 + 90_000 * 13 + (2_000 * 13 + 100_000) * 2);
        let used = 4 * (50 * 1_000 + 300 * 2_000 + 26 / 13 + 50 * 500 * 13);
        let agreed = 13 * (10 * 13 + 600) * 3 * (181 + 500) + 13 * (2_000 * 13 + 100_000);
        let some = outcall(Some(OutcallType::Flexible(Some(counts))));
        assert_eq!(Prices::new(13, false).outcall(&some), base + used + agreed);
    }

    #[test]
    fn more_than_two_thirds_of_the_nodes_must_answer_when_nothing_else_is_said() {
        let least = |nodes| Prices::new(nodes, false).all_nodes().min_responses;
        assert_eq!([1, 3, 4, 13, 34, 40].map(least), [1, 3, 3, 9, 23, 27]);
    }

    proptest! {
        #[test]
        fn no_parameters_are_too_large_to_be_quoted_and_free_subnets_quote_nothing(
            numbers: [u64; 5],
            counts: [u32; 3],
            nodes in 1u64..60,
        ) {
            let [min_responses, max_responses, total_requests] = counts;
            let counts = ReplicationCounts { min_responses, max_responses, total_requests };
            for outcall_type in [
                None,
                Some(OutcallType::NonReplicated(Reserved)),
                Some(OutcallType::Flexible(None)),
                Some(OutcallType::Flexible(Some(counts))),
            ] {
                let outcall = Outcall {
                    request_bytes: numbers[0],
                    http_roundtrip_time_ms: numbers[1],
                    raw_response_bytes: numbers[2],
                    transformed_response_bytes: numbers[3],
                    transform_instructions: numbers[4],
                    outcall_type,
                };
                prop_assert!(Prices::new(nodes, false).outcall(&outcall) > 0);
                prop_assert_eq!(Prices::new(nodes, true).outcall(&outcall), 0);
            }
        }
    }
}
