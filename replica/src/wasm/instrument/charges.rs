//! Decides how much each block of a function subtracts from the instruction counter.
//!
//! Each block could subtract its own cost. But the counter must be exact only where somebody reads it: after the
//! subtraction of each block that stores the counter. Between two such blocks, the sum of what the blocks on a path
//! subtract must be the sum of their costs, on every path. So a block before a branch can subtract the cost of what
//! follows, and one of the branches needs no subtraction. A block before a loop can subtract the cost of what follows
//! the loop.
//!
//! At the start and at the end of a block, the counter is ahead of the exact one by some number, which is the same on
//! every path. If a block can lead to another one, the number at the end of the first is the number at the start of the
//! second. All such ends and starts together are one *point*, which has one number. A block leads from one point to
//! another. So the blocks are the edges of a graph, and the points are its nodes. The blocks of a spanning tree of this
//! graph need not subtract anything: the numbers of all points follow from this. The numbers say what the other blocks
//! subtract. Profilers count the executions of blocks with few counters in the same way (D. E. Knuth, The Art of
//! Computer Programming, volume 1, section 2.3.4.1, "Free trees").
//!
//! A block that checks the counter compares it with the number at its end instead of zero: the exact counter is
//! negative if the counter is less than this number.

/// A block of code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The cost of its instructions.
    pub cost: i64,
    /// The block should subtract nothing rather than the blocks with less heat.
    pub heat: i32,
    /// The points at its start and at its end.
    pub from: usize,
    pub to: usize,
}

/// The point at which the counter is exact.
pub(super) const EXACT: usize = 0;

/// Points that were joined.
#[derive(Debug)]
pub(super) struct Points(Vec<usize>);

impl Points {
    /// Only [`EXACT`].
    pub fn new() -> Self {
        Self(vec![EXACT])
    }

    /// A new point.
    pub fn add(&mut self) -> usize {
        self.0.push(self.0.len());
        self.0.len() - 1
    }

    /// Joins two points.
    pub fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.find(one), self.find(other));
        // The lower one stays: `EXACT` is the lowest.
        self.0[one.max(other)] = one.min(other);
    }

    fn find(&mut self, mut point: usize) -> usize {
        while self.0[point] != point {
            self.0[point] = self.0[self.0[point]];
            point = self.0[point];
        }
        point
    }
}

/// What a block subtracts from the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Charge {
    pub subtracted: i64,
    /// How much the counter is ahead of the exact one after the subtraction.
    pub ahead: i64,
}

/// What each block subtracts from the counter.
pub(super) fn charges(blocks: &[Block], points: &mut Points) -> Vec<Charge> {
    let ends: Vec<_> =
        blocks.iter().map(|block| (points.find(block.from), points.find(block.to))).collect();
    // The blocks that are executed most often should subtract nothing. Of others, the last ones: then the engine
    // computes with one number until there.
    let mut order: Vec<_> = (0..blocks.len()).rev().collect();
    order.sort_by_key(|number| std::cmp::Reverse(blocks[*number].heat));
    let mut trees = Points((0..points.0.len()).collect());
    let mut free: Vec<Vec<usize>> = vec![Vec::new(); points.0.len()];
    for number in order {
        let (from, to) = ends[number];
        if trees.find(from) != trees.find(to) {
            trees.join(from, to);
            free[from].push(number);
            free[to].push(number);
        }
    }
    // How much the counter is ahead of the exact one at each point.
    let mut ahead: Vec<Option<i64>> = vec![None; points.0.len()];
    for root in 0..ahead.len() {
        if ahead[root].is_some() {
            continue;
        }
        ahead[root] = Some(0);
        let mut known = vec![root];
        while let Some(point) = known.pop() {
            let Some(here) = ahead[point] else { continue };
            for number in std::mem::take(&mut free[point]) {
                let (from, to) = ends[number];
                let cost = blocks[number].cost;
                let (other, there) =
                    if point == from { (to, here + cost) } else { (from, here - cost) };
                if ahead[other].is_none() {
                    ahead[other] = Some(there);
                    known.push(other);
                }
            }
        }
    }
    let ahead = |point: usize| ahead[point].unwrap_or_default();
    blocks
        .iter()
        .zip(&ends)
        .map(|(block, (from, to))| Charge {
            subtracted: block.cost + ahead(*from) - ahead(*to),
            ahead: ahead(*to),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What blocks subtract, for a graph of costs and points.
    fn subtracted(blocks: &[(i64, usize, usize)], points: usize) -> Vec<i64> {
        let blocks: Vec<_> =
            blocks.iter().map(|&(cost, from, to)| Block { cost, heat: 0, from, to }).collect();
        let found = charges(&blocks, &mut Points((0..points).collect()));
        found.iter().map(|charge| charge.subtracted).collect()
    }

    #[test]
    fn a_path_subtracts_the_sum_of_its_costs_in_as_few_blocks_as_possible() {
        // A block, then two branches, then a block: two of four blocks subtract.
        let diamond = [(10, EXACT, 1), (3, 1, 2), (4, 1, 2), (20, 2, EXACT)];
        let found = subtracted(&diamond, 3);
        assert_eq!(found.iter().filter(|charge| **charge != 0).count(), 2, "{found:?}");
        assert_eq!(found[0] + found[1] + found[3], 10 + 3 + 20);
        assert_eq!(found[0] + found[2] + found[3], 10 + 4 + 20);
    }

    #[test]
    fn between_exact_points_each_block_subtracts_its_cost() {
        assert_eq!(subtracted(&[(5, EXACT, EXACT), (7, EXACT, EXACT)], 1), [5, 7]);
    }

    #[test]
    fn the_blocks_that_are_executed_most_often_subtract_nothing() {
        let block = |heat, from, to| Block { cost: 1, heat, from, to };
        let blocks = [block(0, EXACT, 1), block(2, 1, 2), block(2, 2, 1), block(-1, 2, EXACT)];
        let found = charges(&blocks, &mut Points(vec![0, 1, 2]));
        assert_eq!((found[1].subtracted, found[2].subtracted), (2, 0));
    }

    #[test]
    fn the_block_before_a_loop_subtracts_the_cost_of_what_follows_the_loop() {
        // A loop of one block, then a block that stores the counter.
        let block = |cost, heat, from, to| Block { cost, heat, from, to };
        let blocks = [block(10, 0, EXACT, 1), block(3, 1, 1, 1), block(20, 0, 1, EXACT)];
        let found = charges(&blocks, &mut Points(vec![0, 1]));
        let subtracted: Vec<_> = found.iter().map(|charge| charge.subtracted).collect();
        assert_eq!(subtracted[1], 3);
        assert_eq!(subtracted[0] + subtracted[2], 10 + 20);
        assert!(subtracted[0] == 0 || subtracted[2] == 0, "{subtracted:?}");
        // What was subtracted before and in the loop is less than the cost by this.
        assert_eq!(found[0].ahead, 10 - subtracted[0]);
        assert_eq!((found[1].ahead, found[2].ahead), (found[0].ahead, 0));
    }
}
