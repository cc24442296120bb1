//! Results for the tests of this module.

use super::results::{
    ModuleResult, ModuleResults, RESULTS_VERSION, ResultSettings, Results, StrategyResult,
};

fn strategy(name: &str, succeeded: u64, rounds: u64, cycles: u128) -> StrategyResult {
    let failed = 2_000 - succeeded;
    StrategyResult {
        name: name.into(),
        succeeded,
        failed,
        failures: Some(
            (failed > 0).then(|| ("queue_full".to_owned(), failed)).into_iter().collect(),
        ),
        rounds,
        model_time_ms: 2_000 * (rounds - 1),
        cycles,
        caller_instructions: Some(30_000_000),
        callee_instructions: Some(4_000_000),
        peak_cycles_set_aside: Some(21_051_211_000_000),
        host_time_ms: None,
    }
}

/// The results of a pair with three strategies.
pub(super) fn results() -> Results {
    let module = |file: &str, bytes| ModuleResult { file: file.into(), bytes };
    Results {
        version: RESULTS_VERSION,
        settings: ResultSettings {
            server: "embedded".into(),
            profile: "pocket-ic".into(),
            same_subnet: false,
            calls: 2_000,
            caller_cycles: 100_000_000_000_000,
        },
        modules: ModuleResults {
            caller: module("caller.wasm", 577_518),
            callee: module("callee.wasm", 356_450),
        },
        strategies: vec![
            strategy("sequential", 2_000, 2_001, 10_607_945_142),
            strategy("parallel", 500, 2, 2_697_641_001),
            strategy("windowed", 2_000, 6, 10_619_792_666),
        ],
    }
}

/// Later results: the module of the caller is larger, sequential calls cost more, parallel calls cost less, and
/// windowed calls take a round more.
pub(super) fn later_results() -> Results {
    let mut later = results();
    later.modules.caller.bytes = 590_000;
    later.strategies[0].cycles += 5_000_000;
    later.strategies[0].caller_instructions = Some(30_600_000);
    later.strategies[1].cycles = 2_600_000_000;
    later.strategies[2].rounds = 7;
    later
}
