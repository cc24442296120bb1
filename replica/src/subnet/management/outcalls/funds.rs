//! The cycles that the nodes of an outcall may spend, have spent and have left.

use super::Outcall;
use super::report::OutcallReport;
use crate::types::Cycles;

impl Outcall {
    /// Whether the allowances of this many nodes cover `spent` cycles.
    pub(super) fn is_covered(&self, nodes: usize, spent: Cycles) -> bool {
        self.allowance.is_none_or(|allowance| spent <= allowance * nodes as Cycles)
    }

    /// The cycles that all `nodes` together have left. `None` if the outcall was paid for in advance.
    pub(super) fn unspent(&self, nodes: u64, reports: &[OutcallReport]) -> Option<Cycles> {
        let spent = total_spent(reports);
        Some((self.allowance? * Cycles::from(nodes)).saturating_sub(spent))
    }
}

/// The cycles that the nodes of these reports have spent.
pub(super) fn total_spent<'a>(reports: impl IntoIterator<Item = &'a OutcallReport>) -> Cycles {
    reports.into_iter().map(|report| report.spent).sum()
}

/// The message for an outcall whose nodes have too few cycles left for any result.
pub(super) fn out_of_cycles(reports: &[OutcallReport], unspent: Cycles, needed: Cycles) -> String {
    format!(
        "Out of cycles: {} nodes have spent {} cycles, which leaves {unspent} of the payment; \
         delivering a response costs at least {needed}: attach more cycles",
        reports.len(),
        total_spent(reports)
    )
}
