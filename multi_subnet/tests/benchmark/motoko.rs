//! The Motoko sample, compiled for 32 and for 64 bits. Its calls have unbounded waits, and every `await` and `async` block
//! is a call of the canister to itself.

use std::fs;

use multi_subnet::interface::{NumberType, number_type};
use test_support::MotokoCompiler;
use wasmparser::{Parser, Payload};

use crate::{foreign_pairs::motoko_pairs, measured::servers};

/// How many parallel calls a caller with 2 T cycles can have open.
///
/// For an open call, the system sets aside the largest cost of its callback, and 2.097 B for the
/// response. The memory that is reserved for the response, 2 MiB, raises the freezing threshold (30
/// days) by another 0.643 B.
fn calls_carried_by_2t(compiler: MotokoCompiler) -> u64 {
    match compiler {
        // Execution withholds 40.005 B: (2,000 - 40.005) / (40.005 + 2.097 + 0.643) = 45.85. Calls with a bounded
        // wait reserve no memory; so the official sample in Rust makes one more.
        MotokoCompiler::Classic => 45,
        // 64-bit code costs twice as much: (2,000 - 80.005) / (80.005 + 2.097 + 0.643) = 23.20.
        MotokoCompiler::Current => 23,
    }
}

#[test]
fn motoko_modules_have_memory_and_table_of_their_compilers_width() {
    for compiler in MotokoCompiler::ALL {
        let wide = compiler == MotokoCompiler::Current;
        for path in motoko_pairs(compiler).flat_map(|pair| [pair.caller, pair.callee]) {
            let module = fs::read(path).expect("the module was compiled");
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
            assert_eq!((memories, tables), (vec![wide], vec![wide]));
        }
    }
}

#[test]
fn motoko_callers_say_themselves_which_numbers_they_take() {
    for compiler in MotokoCompiler::ALL {
        for (pair, numbers) in motoko_pairs(compiler).zip(NumberType::ALL) {
            let module = fs::read(pair.caller).expect("the module was compiled");
            assert_eq!(number_type(&module), Some(numbers));
        }
    }
}

#[test]
fn motoko_makes_ninety_calls_across_subnets() {
    for pair in MotokoCompiler::ALL.into_iter().flat_map(motoko_pairs) {
        for server in servers() {
            let [sequential, parallel] = pair.measure(&server, &[]);
            sequential.assert(90, 91);
            parallel.assert(90, 2);
        }
    }
}

#[test]
fn motoko_makes_2000_sequential_calls_on_one_subnet_and_500_parallel_ones() {
    for pair in MotokoCompiler::ALL.into_iter().flat_map(motoko_pairs) {
        for server in servers() {
            let [sequential, parallel] =
                pair.measure(&server, &["--same-subnet", "--calls", "2000"]);
            assert_eq!(sequential.get("succeeded"), 2_000);
            assert_eq!(parallel.get("succeeded"), 500);
        }
    }
}

#[test]
fn two_trillion_cycles_carry_half_as_many_parallel_calls_of_64_bit_motoko() {
    for compiler in MotokoCompiler::ALL {
        for pair in motoko_pairs(compiler) {
            for server in servers() {
                let [sequential, parallel] =
                    pair.measure(&server, &["--caller-cycles", "2000000000000"]);
                sequential.assert(90, 91);
                parallel.assert(calls_carried_by_2t(compiler), 2);
            }
        }
    }
}
