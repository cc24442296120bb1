//! Compilation with wasmtime. Two caches keep compiled modules: one in this process, and wasmtime's own cache on disk.
//! In the same directory, a third cache keeps instrumented modules.

use crate::limits::{COMPILE_COST_PER_WASM_INSTRUCTION, WASM_STACK_BYTES};
use crate::types::Instructions;
use crate::wasm::module::{
    InvalidModule, KeptModules, ModuleInfo, decompressed_bytes_stated, prepare, prepare_exact,
};
use crate::wasm::module_cache::ModuleCache;
use std::sync::{Arc, LazyLock, OnceLock};
use wasmtime::{Cache, CacheConfig, Collector, Config, Engine, Module, OptLevel, Trap};

/// A compiled module. It can be instantiated any number of times.
pub struct CompiledModule {
    /// SHA-256 of `bytes`.
    pub hash: [u8; 32],
    /// The module as it was installed, plain or compressed with gzip.
    pub bytes: Arc<[u8]>,
    /// The properties of the module that the replica needs.
    pub info: ModuleInfo,
    pub(crate) module: Module,
    /// The module with an instruction counter that is exact after every trap. Compiled when first needed.
    exact: OnceLock<Module>,
}

impl CompiledModule {
    /// Instructions that a canister is charged for compiling the module.
    pub fn compilation_cost(&self) -> Instructions {
        self.info.compiled_instructions * COMPILE_COST_PER_WASM_INSTRUCTION
    }

    /// Instructions that a canister is charged if `bytes` cannot be compiled: each byte counts like an
    /// instruction (`hypervisor.rs`, `create_execution_state`).
    pub fn failed_compilation_cost(bytes: &[u8]) -> Instructions {
        decompressed_bytes_stated(bytes) * COMPILE_COST_PER_WASM_INSTRUCTION
    }

    /// The wasmtime module, to execute it without the system API.
    pub fn engine_module(&self) -> &Module {
        &self.module
    }

    /// The wasmtime module whose instruction counter is exact after every trap. Its code is slower, so it is for
    /// executing again what trapped and has [no exact counter](counter_is_exact).
    ///
    /// # Errors
    ///
    /// Fails if the engine cannot compile this module, although it has compiled the same module with fewer added
    /// instructions.
    pub(crate) fn exact_module(&self) -> Result<&Module, InvalidModule> {
        if let Some(module) = self.exact.get() {
            return Ok(module);
        }
        let module = compile_instrumented(&prepare_exact(&self.bytes)?)?;
        Ok(self.exact.get_or_init(|| module))
    }
}

impl std::fmt::Debug for CompiledModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompiledModule").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// The cache on disk, which is optional. Without the cache (no home directory, read-only file system), only the first
/// compilation of a module in each process takes longer.
static DISK_CACHE: LazyLock<Option<Cache>> = LazyLock::new(|| Cache::new(CacheConfig::new()).ok());

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::new(&config(DISK_CACHE.clone())).expect("the engine's configuration is constant")
});

/// The cache on disk for instrumented modules.
static KEPT_MODULES: LazyLock<Option<KeptModules>> =
    LazyLock::new(|| Some(KeptModules::new(DISK_CACHE.as_ref()?.directory())));

/// The cache in this process.
static MODULE_CACHE: ModuleCache = ModuleCache::new();

/// The wasmtime engine that all modules are compiled for.
pub(crate) fn engine() -> &'static Engine {
    &ENGINE
}

/// The configuration of the engine: the replica's features (`embedders/src/wasmtime_embedder.rs`), all
/// of them deterministic, and multiple memories. Only instrumentation may add a second memory: each
/// module is validated before, without that feature.
fn config(cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    config
        // Compilers have optimised the modules, but not the added instructions, and not for this processor.
        .cranelift_opt_level(OptLevel::Speed)
        // Instrumentation adds branches that are hardly ever taken.
        .wasm_branch_hinting(true)
        .cranelift_nan_canonicalization(true)
        .wasm_backtrace_max_frames(None)
        // Only backtraces need it. Compiled modules are smaller without.
        .generate_address_map(false)
        .async_stack_size(2 * WASM_STACK_BYTES)
        .max_wasm_stack(WASM_STACK_BYTES)
        .collector(Collector::Null)
        .wasm_bulk_memory(true)
        .wasm_reference_types(true)
        .wasm_tail_call(true)
        .wasm_memory64(true)
        .wasm_simd(true)
        .wasm_multi_value(true)
        .wasm_multi_memory(true)
        .wasm_extended_const(false)
        .wasm_relaxed_simd(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .cache(cache);
    config
}

/// Validates, instruments and compiles a module, or returns it from the cache. `bytes` is the module,
/// plain or compressed with gzip.
///
/// # Errors
///
/// [`InvalidModule`] if the network would not accept the module. The error names the violated rule.
pub fn compile(bytes: &[u8]) -> Result<Arc<CompiledModule>, InvalidModule> {
    MODULE_CACHE.get_or_compile(bytes, |hash| compile_uncached(bytes, hash))
}

/// Validates, instruments and compiles a module. Instrumented modules and machine code may come from the caches on disk.
///
/// # Errors
///
/// As [`compile`].
pub(super) fn compile_uncached(
    bytes: &[u8],
    hash: [u8; 32],
) -> Result<CompiledModule, InvalidModule> {
    let (instrumented, info) = prepare(bytes, &hash, KEPT_MODULES.as_ref())?;
    let module = compile_instrumented(&instrumented)?;
    Ok(CompiledModule { hash, bytes: bytes.into(), info, module, exact: OnceLock::new() })
}

/// Compiles an instrumented module.
fn compile_instrumented(instrumented: &[u8]) -> Result<Module, InvalidModule> {
    Module::from_binary(engine(), instrumented).map_err(|error| InvalidModule(format!("{error:#}")))
}

/// Whether the instruction counter is exact after this trap in the code of [`CompiledModule::engine_module`]. The code
/// stores the counter before calls, which these traps come from, and before `unreachable`.
pub(crate) const fn counter_is_exact(trap: Trap) -> bool {
    matches!(
        trap,
        Trap::UnreachableCodeReached
            | Trap::StackOverflow
            | Trap::IndirectCallToNull
            | Trap::BadSignature
    )
}

#[cfg(test)]
mod tests;
