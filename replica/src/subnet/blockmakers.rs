//! Which nodes of a subnet made its blocks, and which failed to, as the management canister tells.
//!
//! Rules: `BlockmakerMetricsTimeSeries` in `replicated_state/src/metadata_state.rs` in the replica's
//! repository.

use crate::keys::SubnetKey;
use crate::limits::BLOCK_MAKER_DAYS_MAX;
use crate::subnet::{Subnet, SubnetConfig};
use crate::types::{NANOS_PER_DAY, Time};
use candid::Principal;
use ic_management_canister_types::{NodeMetrics, NodeMetricsHistoryRecord};
use std::collections::{BTreeMap, VecDeque};

/// Nodes by their numbers within the subnet.
type Node = u64;

/// Who makes a block, and who should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockMaker {
    /// Who makes it.
    pub(super) maker: Node,
    /// Whose turn it was before.
    pub(super) failed: Vec<Node>,
}

/// A node that is none of the subnet's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownNode(pub Principal);

/// What a node has done since the subnet began.
#[derive(Clone, Copy, Debug, Default)]
struct Made {
    blocks: u64,
    failures: u64,
}

/// What all nodes had done by the last round of a day.
#[derive(Clone, Debug, Default)]
struct Day {
    last_round: Time,
    nodes: BTreeMap<Node, Made>,
}

/// The days of a subnet, the latest last.
#[derive(Debug, Default)]
pub(super) struct BlockMakers {
    days: VecDeque<Day>,
    /// Who makes the next block, if somebody said so.
    next: Option<BlockMaker>,
}

fn day_of(time: Time) -> u64 {
    time.as_nanos() / NANOS_PER_DAY
}

impl BlockMakers {
    /// Decides who makes the next block.
    pub fn choose(&mut self, next: BlockMaker) {
        self.next = Some(next);
    }

    /// Notes a round, whose block the first node makes unless it was decided otherwise.
    pub fn note_round(&mut self, now: Time) {
        let BlockMaker { maker, failed } = self.next.take().unwrap_or_default();
        if self.days.back().is_none_or(|day| day_of(day.last_round) != day_of(now)) {
            let nodes = self.days.back().map(|day| day.nodes.clone()).unwrap_or_default();
            self.days.push_back(Day { last_round: now, nodes });
        }
        // Today is not told of yet.
        if self.days.len() > BLOCK_MAKER_DAYS_MAX + 1 {
            self.days.pop_front();
        }
        let today = self.days.back_mut().expect("it has just begun");
        today.last_round = now;
        today.nodes.entry(maker).or_default().blocks += 1;
        for node in failed {
            today.nodes.entry(node).or_default().failures += 1;
        }
    }

    /// The days whose last round was not before `start`, without today.
    pub fn history(&self, start: Time, key: &SubnetKey) -> Vec<NodeMetricsHistoryRecord> {
        let past = self.days.iter().take(self.days.len().saturating_sub(1));
        let records = past.filter(|day| day.last_round >= start).map(|day| {
            let mut node_metrics: Vec<NodeMetrics> = day
                .nodes
                .iter()
                .map(|(node, made)| NodeMetrics {
                    node_id: key.node(*node).node_id,
                    num_blocks_proposed_total: made.blocks,
                    num_block_failures_total: made.failures,
                })
                .collect();
            node_metrics.sort_by_key(|metrics| metrics.node_id);
            NodeMetricsHistoryRecord { timestamp_nanos: day.last_round.as_nanos(), node_metrics }
        });
        records.collect()
    }
}

impl Subnet {
    /// The node that makes a block, and those that should have; fails if it has no such nodes.
    pub fn block_maker(
        &self,
        maker: Principal,
        failed: &[Principal],
    ) -> Result<BlockMaker, UnknownNode> {
        let SubnetConfig { key, nodes, .. } = &self.config;
        let number = |id| number_of(id, key, *nodes).ok_or(UnknownNode(id));
        let failed = failed.iter().map(|id| number(*id)).collect::<Result<_, _>>()?;
        Ok(BlockMaker { maker: number(maker)?, failed })
    }

    /// Decides who makes the next block.
    pub fn choose_block_maker(&mut self, next: BlockMaker) {
        self.blockmakers.choose(next);
    }
}

/// The number of the node of this id, among so many.
fn number_of(node: Principal, key: &SubnetKey, nodes: u64) -> Option<u64> {
    (0..nodes).find(|number| key.node(*number).node_id == node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64, nanos: u64) -> Time {
        Time::from_nanos(day * NANOS_PER_DAY + nanos)
    }

    #[test]
    fn what_each_node_did_is_told_for_every_day_but_today() {
        let key = SubnetKey::of([7; 32]);
        let ids = [0, 1, 2].map(|number| key.node(number).node_id);
        let mut makers = BlockMakers::default();
        makers.note_round(at(1, 5));
        assert_eq!(makers.history(at(0, 0), &key), []);
        makers.choose(BlockMaker { maker: 1, failed: vec![0, 2] });
        makers.note_round(at(1, 9));
        makers.note_round(at(3, 2));
        makers.choose(BlockMaker { maker: 2, failed: vec![0] });
        makers.note_round(at(4, 0));

        let told = |start| {
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
        assert_eq!(told(at(0, 0)), [first, second]);
        assert_eq!(told(at(1, 9)), [first, second]);
        assert_eq!(told(at(1, 10)), [second]);
        assert_eq!(told(at(3, 3)), []);
    }

    #[test]
    fn sixty_days_are_remembered() {
        let key = SubnetKey::of([7; 32]);
        let mut makers = BlockMakers::default();
        for day in 0..100 {
            makers.note_round(at(day, 0));
        }
        let history = makers.history(at(0, 0), &key);
        assert_eq!(history.len(), BLOCK_MAKER_DAYS_MAX);
        assert_eq!(history[0].timestamp_nanos, at(39, 0).as_nanos());
    }
}
