//! Compilation with wasmtime. Two caches keep compiled modules: one in this process, and wasmtime's own cache on disk. In
//! the same directory, a third cache keeps instrumented modules.

use crate::limits::{COMPILE_COST_PER_WASM_INSTRUCTION, WASM_STACK_BYTES};
use crate::types::Instructions;
use crate::wasm::module::{
    InvalidModule, KeptModules, ModuleInfo, decompressed_bytes_stated, prepare, prepare_exact,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
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
        let module = compiled(&prepare_exact(&self.bytes)?)?;
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

/// Capacity of the cache in this process, in modules. A bound of this project.
const MODULE_CACHE_MAX: usize = 32;

/// The cache in this process. The most recently used module is the last.
static MODULE_CACHE: Mutex<VecDeque<Arc<CompiledModule>>> = Mutex::new(VecDeque::new());

/// Locks of the modules that are being compiled, by the hash of their bytes. Tests that run at the same time begin with the
/// same modules.
static COMPILING: Mutex<BTreeMap<[u8; 32], Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());

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
    if let Some(module) = cached(bytes) {
        return Ok(module);
    }
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let compiling = COMPILING.lock().entry(hash).or_default().clone();
    let compiled = {
        // Waits while another thread compiles the same module.
        let _only = compiling.lock();
        cached(bytes).map_or_else(|| compile_new(bytes, hash), Ok)
    };
    drop(compiling);
    let mut all = COMPILING.lock();
    if all.get(&hash).is_some_and(|compiling| Arc::strong_count(compiling) == 1) {
        all.remove(&hash);
    }
    compiled
}

fn compile_new(bytes: &[u8], hash: [u8; 32]) -> Result<Arc<CompiledModule>, InvalidModule> {
    let (prepared, info) = prepare(bytes, &hash, KEPT_MODULES.as_ref())?;
    let module = compiled(&prepared)?;
    let exact = OnceLock::new();
    let compiled = Arc::new(CompiledModule { hash, bytes: bytes.into(), info, module, exact });
    cache(compiled.clone());
    Ok(compiled)
}

/// Compiles an instrumented module.
fn compiled(instrumented: &[u8]) -> Result<Module, InvalidModule> {
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

/// The module with these bytes in the cache of this process. To compare bytes takes a tenth of the time of hashing them.
fn cached(bytes: &[u8]) -> Option<Arc<CompiledModule>> {
    let of_this_size = |module: &&Arc<CompiledModule>| module.bytes.len() == bytes.len();
    let candidates: Vec<_> = MODULE_CACHE.lock().iter().filter(of_this_size).cloned().collect();
    let module = candidates.into_iter().find(|module| *module.bytes == *bytes)?;
    let mut kept = MODULE_CACHE.lock();
    // Another thread may have dropped the module from the cache meanwhile.
    if let Some(position) = kept.iter().position(|kept| Arc::ptr_eq(kept, &module)) {
        kept.remove(position);
        kept.push_back(module.clone());
    }
    Some(module)
}

fn cache(module: Arc<CompiledModule>) {
    let mut kept = MODULE_CACHE.lock();
    if kept.len() == MODULE_CACHE_MAX {
        kept.pop_front();
    }
    kept.push_back(module);
}

#[cfg(test)]
mod tests;
