//! Results that are kept in a file ([`Results`]), and the comparison of new results with them ([`Comparison`]).
//!
//! With the embedded server, all figures depend on the canisters and on this program only, not on the machine.

mod compare;
#[cfg(test)]
mod fixtures;
mod output;
mod plan;
mod results;

pub use compare::{Change, Comparison, Figure, Verdict};
pub use plan::{Outcome, Plan};
pub use results::{
    ModuleResult, ModuleResults, RESULTS_VERSION, ResultSettings, Results, StrategyResult,
};
