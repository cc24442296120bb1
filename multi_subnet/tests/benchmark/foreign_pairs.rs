//! The benchmark run with canisters that are not the workspace's pair.

use std::path::PathBuf;

use test_support::{MotokoCompiler, motoko, rust_canister};

use crate::measured::{Measured, measure_with};

/// A caller and a callee for the benchmark.
#[derive(Clone, Debug)]
pub struct ForeignPair {
    pub caller: PathBuf,
    pub callee: PathBuf,
}

impl ForeignPair {
    /// What the sequential and the parallel strategy of this pair do.
    pub fn measure(&self, server: &str, args: &[&str]) -> [Measured; 2] {
        let [caller, callee] = [&self.caller, &self.callee]
            .map(|path| path.to_str().expect("a checkout has a plain name"));
        measure_with(server, args, &[("CALLER_WASM", caller), ("CALLEE_WASM", callee)])
    }
}

/// The canisters that the tests use in place of the official sample's.
pub fn sample_pair() -> ForeignPair {
    ForeignPair { caller: rust_canister("plain_caller"), callee: rust_canister("plain_callee") }
}

/// The canisters of the Motoko sample, the caller with `nat64` and with `nat`; none where there is no compiler.
pub fn motoko_pairs(compiler: MotokoCompiler) -> impl Iterator<Item = ForeignPair> {
    ["caller", "caller_with_nat"].into_iter().filter_map(move |caller| {
        let [caller, callee] = [caller, "callee"].map(|name| motoko(compiler, name));
        Some(ForeignPair { caller: caller?, callee: callee? })
    })
}
