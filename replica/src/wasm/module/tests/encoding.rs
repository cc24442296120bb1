//! Tests of sizes, compressed modules, and bytes that are not a module.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeSet;
use std::io::Write;
use wasm_encoder as encoder;

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// A module with one function of `count` `nop` instructions.
fn nops(count: usize) -> Vec<u8> {
    let mut module = encoder::Module::new();
    let mut types = encoder::TypeSection::new();
    types.ty().function([], []);
    let mut functions = encoder::FunctionSection::new();
    functions.function(0);
    let mut function = encoder::Function::new([]);
    const NOP: u8 = 0x01;
    function.raw(std::iter::repeat_n(NOP, count));
    function.instruction(&encoder::Instruction::End);
    let mut code = encoder::CodeSection::new();
    code.function(&function);
    module.section(&types).section(&functions).section(&code);
    module.finish()
}

#[test]
fn code_section_functions_and_module_have_size_limits() {
    refused(&nops(11 << 20), &["the code section", "11534336"]);
    assert!(check(&nops(999_999)).is_ok());
    refused(&nops(1_000_000), &["function 0", "1000001"]);
    refused(&vec![0; MODULE_BYTES_MAX + 1], &["larger than 104857600 bytes"]);
    refused(&gzip(&vec![0; MODULE_BYTES_MAX + 1]), &["larger than 104857600 bytes"]);
}

#[test]
fn a_compressed_module_has_the_properties_of_the_module() {
    let module = wat(RICH);
    let info = check(&gzip(&module)).expect("the module is valid");
    assert_eq!(info.exports, check(&module).expect("the module is valid").exports);
    // A gzip file can have several members.
    let (head, tail) = module.split_at(40);
    assert!(check(&[gzip(head), gzip(tail)].concat()).is_ok());
}

#[test]
fn damaged_gzip_data_is_refused() {
    let module = gzip(&wat(RICH));
    for end in 2..module.len() {
        refused(&module[..end], &["gzip"]);
    }
    let mut wrong = module;
    let middle = wrong.len() / 2;
    wrong[middle] ^= 0x55;
    assert!(check(&wrong).is_err());
}

#[test]
fn gzip_data_states_the_size_of_the_module_if_it_is_not_too_short() {
    let module = wat(RICH);
    assert_eq!(decompressed_bytes_stated(&module), module.len() as u64);
    let small = gzip(&vec![0; 1_000_000]);
    assert!(small.len() < 10_000);
    assert_eq!(decompressed_bytes_stated(&small), 1_000_000);
    let broken = |end: &[u8], length: usize| {
        let start = [0x1f, 0x8b, 0x08].into_iter().chain([b'?'; 100]).take(length - end.len());
        let bytes: Vec<u8> = start.chain(end.iter().copied()).collect();
        decompressed_bytes_stated(&bytes)
    };
    assert_eq!(broken(b"junk", 7), 7);
    assert_eq!(broken(b"junk", 15), 15);
    assert_eq!(broken(&[0, 0, 1, 0], 16), 0x1_0000);
    assert_eq!(broken(&[1, 0, 0, 0], 16), 16);
    // Other methods than DEFLATE do not exist.
    assert_eq!(
        decompressed_bytes_stated(&[0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]),
        16
    );
}

#[test]
fn a_module_with_an_incomplete_section_is_refused() {
    let module = wat(RICH);
    let mut section_ends = BTreeSet::from([8]);
    for payload in Parser::new(0).parse_all(&module) {
        let payload = payload.expect("it is a module");
        section_ends.extend(payload.as_section().map(|(_, range)| range.end));
    }
    for end in (0..module.len()).filter(|end| !section_ends.contains(end)) {
        assert!(check(&module[..end]).is_err(), "cut off after {end} bytes");
    }
}

#[test]
fn bytes_that_are_not_a_module_are_refused() {
    for bytes in [&b""[..], b"\0asm", b"(module)", b"#!/bin/sh", &[0x1f, 0x8b]] {
        assert!(check(bytes).is_err(), "{bytes:?}");
    }
    // A component has the same first bytes as a module.
    refused(&wat("(component)"), &["component"]);
    refused(&wat("(component (core module (memory 1)))"), &["component"]);
}
