//! What the nodes that make an outcall may spend, have spent and have left.

use super::Outcall;
use super::report::Report;
use crate::types::Cycles;

impl Outcall {
    /// Whether these nodes together can pay for a result that costs so much.
    pub(super) fn is_covered(&self, nodes: usize, spent: Cycles) -> bool {
        self.allowance.is_none_or(|allowance| spent <= allowance * nodes as Cycles)
    }

    /// What all nodes together have left, where that limits what can be delivered.
    pub(super) fn unspent(&self, makers: u64, reports: &[Report]) -> Option<Cycles> {
        let spent = total_spent(reports);
        Some((self.allowance? * Cycles::from(makers)).saturating_sub(spent))
    }
}

/// What these nodes have spent.
pub(super) fn total_spent<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Cycles {
    reports.into_iter().map(|report| report.spent).sum()
}

/// Says that what the nodes have left does not pay for any result.
pub(super) fn out_of_cycles(reports: &[Report], unspent: Cycles, needed: Cycles) -> String {
    format!(
        "Out of cycles: {} nodes have spent {} cycles, which leaves {unspent} of the payment; \
         delivering a response costs at least {needed}: attach more cycles",
        reports.len(),
        total_spent(reports)
    )
}
