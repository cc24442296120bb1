//! The Motoko sample. Its modules have 64-bit memory and table, calls wait without bound, and every `await`
//! and `async` block is a call of the canister to itself.

use std::fs;

use multi_subnet::interface::{NumberType, number_type};
use wasmparser::{Parser, Payload};

use crate::{
    foreign_pairs::{ForeignPair, motoko_pairs},
    measured::servers,
};

/// How many parallel calls a caller of 64-bit code with 2 T cycles can have open.
///
/// Its instructions cost twice as much, so executing a message withholds 80.005 B cycles, and each open call
/// as much and 2.097 B for the response: (2,000 - 80.005) / 82.102 = 23.39.
const CALLS_CARRIED_BY_2T: u64 = 23;

/// The pairs with `nat64` and with `nat`; none when Motoko cannot be had.
fn pairs() -> impl Iterator<Item = ForeignPair> {
    motoko_pairs().into_iter().flatten()
}

#[test]
fn motoko_modules_have_64_bit_memory_and_table() {
    for pair in pairs() {
        for path in [pair.caller, pair.callee] {
            let module = fs::read(path).expect("it was compiled");
            let (mut memories, mut tables) = (Vec::new(), Vec::new());
            for payload in Parser::new(0).parse_all(&module) {
                match payload.expect("the module is valid") {
                    Payload::MemorySection(section) => memories
                        .extend(section.into_iter().map(|memory| memory.expect("valid").memory64)),
                    Payload::TableSection(section) => tables
                        .extend(section.into_iter().map(|table| table.expect("valid").ty.table64)),
                    _ => {}
                }
            }
            assert_eq!((memories, tables), (vec![true], vec![true]));
        }
    }
}

#[test]
fn motoko_callers_say_themselves_which_numbers_they_take() {
    for (pair, numbers) in pairs().zip(NumberType::ALL) {
        let module = fs::read(pair.caller).expect("it was compiled");
        assert_eq!(number_type(&module), Some(numbers));
    }
}

#[test]
fn motoko_makes_ninety_calls_across_subnets() {
    for pair in pairs() {
        for server in servers() {
            let [sequential, parallel] = pair.measure(&server, &[]);
            sequential.assert(90, 91);
            parallel.assert(90, 2);
        }
    }
}

#[test]
fn motoko_makes_2000_sequential_calls_on_one_subnet_and_500_parallel_ones() {
    for pair in pairs() {
        for server in servers() {
            let [sequential, parallel] =
                pair.measure(&server, &["--same-subnet", "--calls", "2000"]);
            assert_eq!(sequential.get("succeeded"), 2_000);
            assert_eq!(parallel.get("succeeded"), 500);
        }
    }
}

#[test]
fn with_two_trillion_cycles_motoko_can_pay_for_half_as_many_parallel_calls() {
    for pair in pairs() {
        for server in servers() {
            let [sequential, parallel] =
                pair.measure(&server, &["--caller-cycles", "2000000000000"]);
            sequential.assert(90, 91);
            parallel.assert(CALLS_CARRIED_BY_2T, 2);
        }
    }
}
