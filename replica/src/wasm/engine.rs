//! The engine: compiles prepared modules once, in this process and, through the engine's own
//! cache, on this machine.

use crate::limits::{COMPILE_COST_PER_WASM_INSTRUCTION, WASM_STACK_BYTES};
use crate::types::Instructions;
use crate::wasm::module::{InvalidModule, ModuleInfo, decompressed_bytes_stated, prepare};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use wasmtime::{Cache, CacheConfig, Collector, Config, Engine, Module, OptLevel};

/// A module ready to be instantiated any number of times.
pub struct CompiledModule {
    /// SHA-256 of the bytes it was installed from.
    pub hash: [u8; 32],
    /// These bytes.
    pub bytes: Arc<[u8]>,
    /// What is known of it.
    pub info: ModuleInfo,
    pub(crate) module: Module,
}

impl CompiledModule {
    /// Instructions that compiling it costs.
    pub fn compilation_cost(&self) -> Instructions {
        self.info.compiled_instructions * COMPILE_COST_PER_WASM_INSTRUCTION
    }

    /// Instructions that failing to compile `bytes` costs: as if each byte were an instruction
    /// (`hypervisor.rs`, `create_execution_state`).
    pub fn failed_compilation_cost(bytes: &[u8]) -> Instructions {
        decompressed_bytes_stated(bytes) * COMPILE_COST_PER_WASM_INSTRUCTION
    }

    /// What the engine made of it, for those who execute it without the system interface.
    pub fn engine_module(&self) -> &Module {
        &self.module
    }
}

impl std::fmt::Debug for CompiledModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompiledModule").field("hash", &self.hash).finish_non_exhaustive()
    }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    // Without a cache on disk (no home directory, read-only file system) everything still works,
    // only the first installation of a module takes longer.
    let cache = Cache::new(CacheConfig::new()).ok();
    Engine::new(&config(cache)).expect("the engine's configuration is constant")
});

/// Modules this process keeps compiled, whether or not an instance still uses them.
const MODULE_CACHE_MAX: usize = 32;

/// The most recently used modules, the latest last.
static MODULE_CACHE: Mutex<VecDeque<Arc<CompiledModule>>> = Mutex::new(VecDeque::new());

/// The engine that modules are compiled for.
pub(crate) fn engine() -> &'static Engine {
    &ENGINE
}

/// The replica's feature set (`embedders/src/wasmtime_embedder.rs`), deterministic throughout, and a
/// second memory for what instrumentation adds. Modules were validated before, without it.
fn config(cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    config
        // Modules are optimised already, and instrumentation adds little that could be.
        .cranelift_opt_level(OptLevel::None)
        .cranelift_nan_canonicalization(true)
        .wasm_backtrace_max_frames(None)
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

/// Checks and compiles `bytes` (plain or gzip), or finds what was compiled of them before.
pub fn compile(bytes: &[u8]) -> Result<Arc<CompiledModule>, InvalidModule> {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    if let Some(module) = cached(&hash) {
        return Ok(module);
    }
    let (prepared, info) = prepare(bytes)?;
    let module = Module::from_binary(engine(), &prepared)
        .map_err(|error| InvalidModule(format!("{error:#}")))?;
    let compiled = Arc::new(CompiledModule { hash, bytes: bytes.into(), info, module });
    cache(compiled.clone());
    Ok(compiled)
}

fn cached(hash: &[u8; 32]) -> Option<Arc<CompiledModule>> {
    let mut kept = MODULE_CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    let position = kept.iter().position(|module| module.hash == *hash)?;
    let module = kept.remove(position)?;
    kept.push_back(module.clone());
    Some(module)
}

fn cache(module: Arc<CompiledModule>) {
    let mut kept = MODULE_CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() == MODULE_CACHE_MAX {
        kept.pop_front();
    }
    kept.push_back(module);
}

#[cfg(test)]
mod tests;
