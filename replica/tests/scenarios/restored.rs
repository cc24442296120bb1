//! A network that is saved and restored in the middle of a scenario.

use crate::random::Random;
use crate::run::{Run, run, run_restoring};
use crate::scenario::scenario;
use embedded_replica::limits::WASM_STACK_BYTES;

/// The scenarios that are tried. Each runs twice.
const SCENARIOS: u64 = 40;

#[track_caller]
fn assert_equal(seed: u64, restored: &Run, never_stopped: &Run) {
    let ticks = restored.ticks.iter().zip(&never_stopped.ticks);
    for (number, (restored, never_stopped)) in ticks.enumerate() {
        assert_eq!(restored, never_stopped, "tick {number} of seed {seed}");
    }
    assert_eq!(restored.ticks.len(), never_stopped.ticks.len(), "seed {seed}");
    assert_eq!(restored.submitted, never_stopped.submitted, "seed {seed}");
    assert_eq!(restored.answers, never_stopped.answers, "seed {seed}");
    assert_eq!(restored.memories, never_stopped.memories, "seed {seed}");
    assert_eq!(restored.says_it_rests, never_stopped.says_it_rests, "seed {seed}");
}

fn compare() {
    for seed in 0..SCENARIOS {
        let scenario = scenario(seed);
        // Before every third tick; in every eighth scenario before every tick.
        let is_restored = move |tick: usize| {
            seed.is_multiple_of(8) || Random::new(seed << 32 | tick as u64).next().is_multiple_of(3)
        };
        assert_equal(seed, &run_restoring(&scenario, is_restored), &run(&scenario));
    }
}

#[test]
fn a_restored_network_continues_as_if_it_had_never_stopped() {
    let thread = std::thread::Builder::new().stack_size(2 * WASM_STACK_BYTES);
    let compared = thread.spawn(compare).expect("a thread can start").join();
    compared.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
