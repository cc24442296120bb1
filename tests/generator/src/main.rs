//! usage: generator SEED COUNT
//!
//! Prints COUNT random Wasm modules to standard output. Before each module, its size in bytes: a `u32`, the lowest byte
//! first. The same SEED gives the same modules. All functions of a module end.

use arbitrary::Unstructured;
use std::io::Write;
use wasm_smith::{Config, Module};

/// Bytes from which a module is made.
const ENTROPY_BYTES: usize = 3_000;

/// The rounds of loops and calls after which a function ends.
const FUEL: u32 = 500;

/// Random bytes: the generator xorshift64*.
fn random_bytes(state: &mut u64, count: usize) -> Vec<u8> {
    let mut next = || {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

/// A module with features that canisters may use. Every second module has a table, and every fourth may have a 64-bit
/// memory.
fn module(number: u64, entropy: &[u8]) -> arbitrary::Result<Vec<u8>> {
    let has_table = number.is_multiple_of(2);
    let config = Config {
        allow_start_export: false,
        // With a table, the bulk operations include those that change the table, which canisters may not use.
        bulk_memory_enabled: !has_table,
        max_tables: usize::from(has_table),
        exceptions_enabled: false,
        export_everything: true,
        extended_const_enabled: false,
        gc_enabled: false,
        max_imports: 0,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        memory_max_size_required: true,
        memory64_enabled: number % 4 == 3,
        min_funcs: 2,
        min_memories: 1,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        ..Config::default()
    };
    let mut module = Module::new(config, &mut Unstructured::new(entropy))?;
    // Fails only for a module with code that was written by hand.
    module.ensure_termination(FUEL).expect("all code is generated");
    Ok(module.to_bytes())
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [seed, count] = numbers[..] else {
        eprintln!("usage: generator SEED COUNT");
        std::process::exit(2);
    };
    let mut state = seed | 1 << 63;
    let mut printed = 0;
    let mut stdout = std::io::stdout().lock();
    while printed < count {
        let entropy = random_bytes(&mut state, ENTROPY_BYTES);
        let Ok(module) = module(printed, &entropy) else { continue };
        let size = (module.len() as u32).to_le_bytes();
        // Nobody reads further if this fails.
        if stdout.write_all(&size).and_then(|()| stdout.write_all(&module)).is_err() {
            return;
        }
        printed += 1;
    }
}
