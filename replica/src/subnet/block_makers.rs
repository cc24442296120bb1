//! Block makers: which node of a subnet made each block, and which nodes failed to make it.
//!
//! `node_metrics_history` of the management canister reports the counts. They come from the replica's
//! `BlockmakerMetricsTimeSeries` (`replicated_state/src/metadata_state.rs`).

use crate::keys::SubnetKey;
use crate::limits::BLOCK_MAKER_DAYS_MAX;
use crate::subnet::Subnet;
use crate::types::{NANOS_PER_DAY, SubnetId, Time};
use candid::Principal;
use ic_management_canister_types::{NodeMetrics, NodeMetricsHistoryRecord};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// The index of a node within its subnet.
type NodeIndex = u64;

/// The nodes that make, or fail to make, the next block of one subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMakers {
    /// The subnet.
    pub subnet: SubnetId,
    /// The node that makes the block.
    pub maker: Principal,
    /// The nodes that should have made the block before the maker, and failed.
    pub failed: Vec<Principal>,
}

/// Why block makers cannot be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockMakerError {
    /// No subnet has this id.
    #[error("there is no subnet {0}")]
    NoSuchSubnet(SubnetId),
    /// The subnet has no such node.
    #[error("subnet {subnet} has no node {node}: `node_metrics_history` lists its nodes")]
    NoSuchNode {
        /// The subnet.
        subnet: SubnetId,
        /// The node.
        node: Principal,
    },
    /// One node is named as the maker and as failed.
    #[error("node {0} cannot both make a block and fail to make it: name it once")]
    MakesAndFails(Principal),
}

/// The block makers of the next block, as indices. By default the first node makes every block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NextBlock {
    maker: NodeIndex,
    failed: Vec<NodeIndex>,
}

/// The counts of a node since the subnet was created.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct NodeCounts {
    blocks: u64,
    failures: u64,
}

/// The counts of all nodes as of the last round of a day.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Day {
    last_round: Time,
    nodes: BTreeMap<NodeIndex, NodeCounts>,
}

/// The block maker counts of a subnet by day, the latest day last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct BlockMakerMetrics {
    days: VecDeque<Day>,
    /// The makers of the next block, if they were chosen.
    next: Option<NextBlock>,
}

fn day_of(time: Time) -> u64 {
    time.as_nanos() / NANOS_PER_DAY
}

impl BlockMakerMetrics {
    /// Counts a round at `now`. The chosen block maker made its block, or else the first node.
    pub fn record_round(&mut self, now: Time) {
        let NextBlock { maker, failed } = self.next.take().unwrap_or_default();
        if self.days.back().is_none_or(|day| day_of(day.last_round) != day_of(now)) {
            let nodes = self.days.back().map(|day| day.nodes.clone()).unwrap_or_default();
            self.days.push_back(Day { last_round: now, nodes });
        }
        // The current day is not reported yet, so it is kept in addition.
        if self.days.len() > BLOCK_MAKER_DAYS_MAX + 1 {
            self.days.pop_front();
        }
        let today = self.days.back_mut().expect("it was just pushed");
        today.last_round = now;
        today.nodes.entry(maker).or_default().blocks += 1;
        for node in failed {
            today.nodes.entry(node).or_default().failures += 1;
        }
    }

    /// The past days whose last round was at `start` or later. The current day is left out.
    pub fn history(&self, start: Time, key: &SubnetKey) -> Vec<NodeMetricsHistoryRecord> {
        let past = self.days.iter().take(self.days.len().saturating_sub(1));
        let records = past.filter(|day| day.last_round >= start).map(|day| {
            let mut node_metrics: Vec<NodeMetrics> = day
                .nodes
                .iter()
                .map(|(node, counts)| NodeMetrics {
                    node_id: key.node(*node).node_id,
                    num_blocks_proposed_total: counts.blocks,
                    num_block_failures_total: counts.failures,
                })
                .collect();
            node_metrics.sort_by_key(|metrics| metrics.node_id);
            NodeMetricsHistoryRecord { timestamp_nanos: day.last_round.as_nanos(), node_metrics }
        });
        records.collect()
    }
}

impl Subnet {
    /// The block makers as indices of this subnet's nodes.
    ///
    /// # Errors
    ///
    /// [`BlockMakerError::NoSuchNode`] or [`BlockMakerError::MakesAndFails`]: name each node once, as
    /// `node_metrics_history` lists them.
    pub(crate) fn next_block(&self, makers: &BlockMakers) -> Result<NextBlock, BlockMakerError> {
        let BlockMakers { subnet, maker, failed } = makers;
        if failed.contains(maker) {
            return Err(BlockMakerError::MakesAndFails(*maker));
        }
        let index = |node: &Principal| {
            (0..self.config.nodes)
                .find(|index| self.config.key.node(*index).node_id == *node)
                .ok_or(BlockMakerError::NoSuchNode { subnet: *subnet, node: *node })
        };
        let failed = failed.iter().map(index).collect::<Result<_, _>>()?;
        Ok(NextBlock { maker: index(maker)?, failed })
    }

    /// Chooses who makes the next block.
    pub(crate) fn choose_block_makers(&mut self, next: NextBlock) {
        self.block_makers.next = Some(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64, nanos: u64) -> Time {
        Time::from_nanos(day * NANOS_PER_DAY + nanos)
    }

    #[test]
    fn the_counts_of_all_nodes_are_reported_for_every_past_day() {
        let key = SubnetKey::of([7; 32]);
        let ids = [0, 1, 2].map(|number| key.node(number).node_id);
        let mut makers = BlockMakerMetrics::default();
        makers.record_round(at(1, 5));
        assert_eq!(makers.history(at(0, 0), &key), []);
        makers.next = Some(NextBlock { maker: 1, failed: vec![0, 2] });
        makers.record_round(at(1, 9));
        makers.record_round(at(3, 2));
        makers.next = Some(NextBlock { maker: 2, failed: vec![0] });
        makers.record_round(at(4, 0));

        let reported = |start| {
            let records = makers.history(start, &key).into_iter();
            let records =
                records.map(|NodeMetricsHistoryRecord { timestamp_nanos, node_metrics }| {
                    let of = |id| {
                        let found = node_metrics.iter().find(|metrics| metrics.node_id == id);
                        found.map(|of| (of.num_blocks_proposed_total, of.num_block_failures_total))
                    };
                    (Time::from_nanos(timestamp_nanos), ids.map(of))
                });
            Vec::from_iter(records)
        };
        let first = (at(1, 9), [Some((1, 1)), Some((1, 0)), Some((0, 1))]);
        let second = (at(3, 2), [Some((2, 1)), Some((1, 0)), Some((0, 1))]);
        assert_eq!(reported(at(0, 0)), [first, second]);
        assert_eq!(reported(at(1, 9)), [first, second]);
        assert_eq!(reported(at(1, 10)), [second]);
        assert_eq!(reported(at(3, 3)), []);
    }

    #[test]
    fn sixty_past_days_are_kept() {
        let key = SubnetKey::of([7; 32]);
        let mut makers = BlockMakerMetrics::default();
        for day in 0..100 {
            makers.record_round(at(day, 0));
        }
        let history = makers.history(at(0, 0), &key);
        assert_eq!(history.len(), BLOCK_MAKER_DAYS_MAX);
        assert_eq!(history[0].timestamp_nanos, at(39, 0).as_nanos());
    }
}
