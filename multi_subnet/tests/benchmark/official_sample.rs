//! The results of the official Rust sample, measured on a real PocketIC server, version 10.0.0.
//!
//! The canisters are written anew after the sample's behaviour, so their instructions are not quite the same;
//! nearly all of a call's cost are fixed fees, though, and the rest is close.

use crate::{
    foreign_pairs::sample_pair,
    measured::{Measured, servers},
};

/// How far the caller's cycles may be from those of the real server with the real sample, in percent.
const CYCLES_TOLERANCE: f64 = 0.05;

/// What one strategy did on the real server.
struct Reference {
    succeeded: u64,
    rounds: u64,
    cycles: u64,
}

impl Reference {
    #[track_caller]
    fn assert(&self, measured: &Measured) {
        measured.assert(self.succeeded, self.rounds);
        let cycles = measured.get("cycles");
        let percent = (cycles as f64 / self.cycles as f64 - 1.0) * 100.0;
        println!("{cycles} cycles, {percent:+.3} % from the {} of the reference", self.cycles);
        assert!(percent.abs() < CYCLES_TOLERANCE, "{percent:+.3} %");
    }
}

/// Measures the sample and compares with what its sequential and its parallel strategy did.
#[track_caller]
fn assert_figures(args: &[&str], references: [Reference; 2]) {
    let pair = sample_pair();
    for server in servers() {
        let measured = pair.measure(&server, args);
        for (reference, measured) in references.iter().zip(&measured) {
            reference.assert(measured);
        }
    }
}

#[test]
fn the_sample_makes_ninety_calls_across_subnets() {
    assert_figures(
        &[],
        [
            Reference { succeeded: 90, rounds: 91, cycles: 483_080_498 },
            Reference { succeeded: 90, rounds: 2, cycles: 483_623_517 },
        ],
    );
}

#[test]
fn the_sample_makes_only_the_calls_that_two_trillion_cycles_carry() {
    assert_figures(
        &["--caller-cycles", "2000000000000"],
        [
            Reference { succeeded: 90, rounds: 91, cycles: 483_080_498 },
            Reference { succeeded: 46, rounds: 2, cycles: 250_571_386 },
        ],
    );
}

#[test]
fn the_sample_makes_2000_sequential_calls_on_one_subnet_and_500_parallel_ones() {
    assert_figures(
        &["--same-subnet", "--calls", "2000"],
        [
            Reference { succeeded: 2_000, rounds: 21, cycles: 10_596_145_633 },
            Reference { succeeded: 500, rounds: 2, cycles: 2_678_905_405 },
        ],
    );
}
