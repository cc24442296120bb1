//! Validates a canister module and instruments it for the engine.
//!
//! `sections` and `code` check the rules of the network, and a bound of this project (`effort`), and collect the
//! properties of the module. The validator of `wasmparser` checks the rules of the Wasm standard. Then the module is
//! instrumented. `kept` is a cache on disk for the result.
//!
//! Rules of the network: `embedders/src/wasm_utils/validation.rs` in the replica's repository, and the
//! interface specification, "Canister module format".

mod code;
mod effort;
mod info;
mod kept;
mod sections;

use crate::limits::*;
use crate::wasm::instrument::{CounterStores, instrument};
pub use info::{MetadataSection, Method, MethodKind, ModuleInfo, Visibility};
use kept::KeptModule;
pub(crate) use kept::KeptModules;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use sections::ModuleScan;
use std::borrow::Cow;
use std::io::Read;
use wasmparser::{
    FuncToValidate, FuncValidatorAllocations, Parser, Payload, ValidPayload, Validator,
    WasmFeatures,
};

/// The reason why a module cannot be installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidModule(pub String);

fn invalid<T>(reason: impl Into<String>) -> Result<T, InvalidModule> {
    Err(InvalidModule(reason.into()))
}

impl From<wasmparser::BinaryReaderError> for InvalidModule {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self(format!("the bytes are not a Wasm module: {error}"))
    }
}

/// The Wasm features that modules may use (`embedders/src/wasm_utils/validation.rs`,
/// `wasmtime_validation_config`, in the replica's repository).
const FEATURES: WasmFeatures =
    WasmFeatures::WASM2.union(WasmFeatures::TAIL_CALL).union(WasmFeatures::MEMORY64);

/// The first bytes of gzip data.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Decompresses gzip data. Returns other bytes unchanged.
fn decompressed(bytes: &[u8]) -> Result<Cow<'_, [u8]>, InvalidModule> {
    let too_large = || {
        InvalidModule(format!(
            "the module is larger than {MODULE_BYTES_MAX} bytes after decompression; make it smaller"
        ))
    };
    if !bytes.starts_with(GZIP) {
        return if bytes.len() > MODULE_BYTES_MAX { Err(too_large()) } else { Ok(bytes.into()) };
    }
    let mut plain = Vec::new();
    let limit = MODULE_BYTES_MAX as u64 + 1;
    flate2::read::MultiGzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(|error| InvalidModule(format!("the gzip data is damaged: {error}")))?;
    if plain.len() > MODULE_BYTES_MAX { Err(too_large()) } else { Ok(plain.into()) }
}

/// The size of the decompressed module, in bytes, as the end of the gzip data states it. At least the size
/// of `bytes`. Data without room for a header and an end states no size
/// (`embedders/src/wasm_utils/decoding.rs`, `wasm_encoding_and_size`, in the replica's repository).
pub(crate) fn decompressed_bytes_stated(bytes: &[u8]) -> u64 {
    /// The first bytes of gzip data with the compression method DEFLATE, the only one in use.
    const GZIP_DEFLATE: &[u8] = &[0x1f, 0x8b, 0x08];
    const HEADER_AND_END_BYTES: usize = 8 + 8;
    let states_size = bytes.starts_with(GZIP_DEFLATE) && bytes.len() >= HEADER_AND_END_BYTES;
    let stated = match bytes.last_chunk::<4>() {
        Some(size) if states_size => u32::from_le_bytes(*size).into(),
        _ => 0,
    };
    stated.max(bytes.len() as u64)
}

/// Validates and instruments a module, or loads the instrumented module from the cache on disk. `bytes` is the module,
/// plain or compressed with gzip, and `hash` is their SHA-256. Returns the instrumented module and the properties of
/// the original one.
///
/// # Errors
///
/// [`InvalidModule`] if the module violates a rule. The error names the rule.
pub(crate) fn prepare(
    bytes: &[u8],
    hash: &[u8; 32],
    cache: Option<&KeptModules>,
) -> Result<(Vec<u8>, ModuleInfo), InvalidModule> {
    let bytes = decompressed(bytes)?;
    if let Some(kept) = cache.and_then(|cache| cache.load(hash)) {
        let (_, mut info) = scan(&bytes, Code::Skipped)?.finish()?;
        info.compiled_instructions = kept.compiled_instructions;
        info.drops_segments = kept.drops_segments;
        return Ok((kept.bytes, info));
    }
    let (parts, mut info) = scan(&bytes, Code::Checked)?.finish()?;
    validate(&bytes)?;
    let instrumented = instrument(&parts, CounterStores::AtCalls)?;
    info.compiled_instructions = instrumented.compiled_instructions;
    let prepared = KeptModule::new(instrumented.bytes, &info);
    if let Some(cache) = cache {
        cache.store(hash, bytes.len(), &prepared);
    }
    Ok((prepared.bytes, info))
}

/// What becomes of the code of a module that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    Checked,
    /// The module was checked before.
    Skipped,
}

fn scan(bytes: &[u8], code: Code) -> Result<ModuleScan<'_>, InvalidModule> {
    let mut scan = ModuleScan::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if code == Code::Checked || !matches!(payload, Payload::CodeSectionEntry(_)) {
            scan.payload(payload, bytes)?;
        }
    }
    Ok(scan)
}

/// Instruments a module for which [`prepare`] succeeded, so that its instruction counter is exact after every trap.
///
/// # Errors
///
/// [`InvalidModule`] if the module violates a rule.
pub(crate) fn prepare_exact(bytes: &[u8]) -> Result<Vec<u8>, InvalidModule> {
    let bytes = decompressed(bytes)?;
    let (parts, _) = scan(&bytes, Code::Checked)?.finish()?;
    Ok(instrument(&parts, CounterStores::AtTraps)?.bytes)
}

/// The parts of a module that instrumentation needs. `None` if the module violates a rule.
#[cfg(test)]
pub(in crate::wasm) fn parts(bytes: &[u8]) -> Option<crate::wasm::instrument::ModuleParts<'_>> {
    Some(scan(bytes, Code::Checked).ok()?.finish().ok()?.0)
}

/// Checks the rules of the Wasm standard. Functions are checked on all cores of the machine.
///
/// # Errors
///
/// The first mistake in the module.
fn validate(bytes: &[u8]) -> Result<(), wasmparser::BinaryReaderError> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    let mut functions = Vec::new();
    for payload in parser.parse_all(bytes) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            functions.push((function, body));
        }
    }
    let check = |space: &mut FuncValidatorAllocations, (function, body): (FuncToValidate<_>, _)| {
        let mut validator = function.into_validator(std::mem::take(space));
        let checked = validator.validate(&body);
        *space = validator.into_allocations();
        checked
    };
    let checked: Vec<_> =
        functions.into_par_iter().map_init(FuncValidatorAllocations::default, check).collect();
    checked.into_iter().collect()
}

#[cfg(test)]
mod tests;
