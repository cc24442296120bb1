//! Runs of which everything must be the same as in a plain run: of a network that is saved and restored in the middle
//! of a scenario, with deferred slices, and on several threads.

use crate::random::Random;
use crate::run::{Run, run, run_deferring, run_on_threads, run_restoring};
use crate::scenario::scenario;
use embedded_replica::limits::WASM_STACK_BYTES;
use embedded_replica::network::{HostThreads, NetworkProfile};
use embedded_replica::trace::Event;

/// The scenarios that are tried. Each runs twice.
const SCENARIOS: u64 = 40;

#[track_caller]
fn assert_equal(seed: u64, other: &Run, plain: &Run) {
    let ticks = other.ticks.iter().zip(&plain.ticks);
    for (number, (other, plain)) in ticks.enumerate() {
        assert_eq!(other, plain, "tick {number} of seed {seed}");
    }
    assert_eq!(other.ticks.len(), plain.ticks.len(), "seed {seed}");
    assert_eq!(other.submitted, plain.submitted, "seed {seed}");
    assert_eq!(other.answers, plain.answers, "seed {seed}");
    assert_eq!(other.memories, plain.memories, "seed {seed}");
    assert_eq!(other.says_it_rests, plain.says_it_rests, "seed {seed}");
}

/// Runs `compare` on a thread with a stack that is large enough for Wasm.
fn on_large_stack(compare: fn()) {
    let thread = std::thread::Builder::new().stack_size(2 * WASM_STACK_BYTES);
    let compared = thread.spawn(compare).expect("a thread can start").join();
    compared.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

#[test]
fn a_restored_network_continues_as_if_it_had_never_stopped() {
    on_large_stack(|| {
        for seed in 0..SCENARIOS {
            let scenario = scenario(seed);
            // Before every third tick; in every eighth scenario before every tick.
            let is_restored = move |tick: usize| {
                let number = Random::new(seed << 32 | tick as u64).next();
                seed.is_multiple_of(8) || number.is_multiple_of(3)
            };
            assert_equal(seed, &run_restoring(&scenario, is_restored), &run(&scenario));
        }
    });
}

#[test]
fn a_network_with_deferred_slices_does_the_same_as_one_without() {
    on_large_stack(|| {
        let mut slices = 0;
        for seed in 0..SCENARIOS {
            let scenario = scenario(seed);
            let plain = run(&scenario);
            let events = plain.ticks.iter().flat_map(|tick| &tick.events);
            let counted = events.filter(|event| matches!(event, Event::Slice { .. })).count();
            slices += counted;
            if counted > 0 || seed.is_multiple_of(8) {
                assert_equal(seed, &run_deferring(&scenario), &plain);
            }
        }
        assert!(slices > 0, "no scenario has a long execution");
    });
}

#[test]
fn subnets_on_several_threads_do_the_same_as_on_one() {
    on_large_stack(|| {
        for seed in 0..crate::variable("SCENARIOS").unwrap_or(SCENARIOS) {
            let scenario = scenario(seed);
            let profiles = [
                NetworkProfile::MAINNET,
                NetworkProfile::custom(0, 1),
                NetworkProfile::custom(1, 3),
            ];
            let profile = profiles[seed as usize % profiles.len()];
            let one = run_on_threads(&scenario, profile, HostThreads::One);
            let several = run_on_threads(&scenario, profile, HostThreads::Several);
            assert_equal(seed, &several, &one);
        }
    });
}
