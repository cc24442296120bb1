//! The modules that this process has compiled. Each is compiled once, also when several threads need it at the same time.

use crate::wasm::engine::CompiledModule;
use crate::wasm::module::InvalidModule;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Capacity of a [`ModuleCache`], in modules. A bound of this project.
const MODULE_CACHE_MAX: usize = 32;

/// Compiled modules, by the bytes that were installed.
pub(super) struct ModuleCache {
    /// The most recently used module is the last.
    modules: Mutex<VecDeque<Arc<CompiledModule>>>,
    /// Locks of the modules that are being compiled, by the hash of their bytes.
    compiling: Mutex<BTreeMap<[u8; 32], Arc<Mutex<()>>>>,
}

impl ModuleCache {
    /// A cache without modules.
    pub(super) const fn new() -> Self {
        Self { modules: Mutex::new(VecDeque::new()), compiling: Mutex::new(BTreeMap::new()) }
    }

    /// The module with these bytes. If the cache does not have it, `compile` compiles it; `compile` gets the SHA-256 of
    /// the bytes. Waits if another thread compiles the same module: tests that run at the same time begin with the
    /// same modules.
    ///
    /// # Errors
    ///
    /// Fails if `compile` fails.
    pub(super) fn get_or_compile(
        &self,
        bytes: &[u8],
        compile: impl FnOnce([u8; 32]) -> Result<CompiledModule, InvalidModule>,
    ) -> Result<Arc<CompiledModule>, InvalidModule> {
        if let Some(module) = self.get(bytes) {
            return Ok(module);
        }
        let hash = Sha256::digest(bytes).into();
        // The compiler divides its work among the threads of `rayon`. Such a thread that waits for a part of its work
        // begins other work meanwhile. That work may compile the same module, and would wait for ever for a lock that its
        // own thread holds. So threads of `rayon` do not wait for each other: several of them may compile one module.
        if rayon::current_thread_index().is_some() {
            return Ok(self.insert(compile(hash)?));
        }
        let _entry = CompilingEntry { cache: self, hash };
        let lock = self.compiling.lock().entry(hash).or_default().clone();
        let _only = lock.lock();
        match self.get(bytes) {
            Some(module) => Ok(module),
            None => Ok(self.insert(compile(hash)?)),
        }
    }

    /// The module with these bytes, if the cache has it. To compare bytes takes a tenth of the time of hashing them.
    fn get(&self, bytes: &[u8]) -> Option<Arc<CompiledModule>> {
        let of_this_size = |module: &&Arc<CompiledModule>| module.bytes.len() == bytes.len();
        let candidates: Vec<_> = self.modules.lock().iter().filter(of_this_size).cloned().collect();
        let module = candidates.into_iter().find(|module| *module.bytes == *bytes)?;
        let mut modules = self.modules.lock();
        // Another thread may have dropped the module from the cache meanwhile.
        if let Some(position) = modules.iter().position(|other| Arc::ptr_eq(other, &module)) {
            modules.remove(position);
            modules.push_back(module.clone());
        }
        Some(module)
    }

    /// Adds a module, in the place of the one that was not used for longest if the cache is full. Returns the module in
    /// the cache: the one of another thread, if that thread was faster.
    fn insert(&self, module: CompiledModule) -> Arc<CompiledModule> {
        let mut modules = self.modules.lock();
        if let Some(same) = modules.iter().find(|other| other.hash == module.hash) {
            return same.clone();
        }
        if modules.len() == MODULE_CACHE_MAX {
            modules.pop_front();
        }
        let module = Arc::new(module);
        modules.push_back(module.clone());
        module
    }
}

/// Removes a lock from the list of modules that are being compiled when the last thread that uses it drops this value,
/// also after a panic of the compiler.
struct CompilingEntry<'a> {
    cache: &'a ModuleCache,
    hash: [u8; 32],
}

impl Drop for CompilingEntry<'_> {
    fn drop(&mut self) {
        let mut compiling = self.cache.compiling.lock();
        // Each thread that compiles the module, or waits for it, has a clone. If the list has the only one, nobody uses it;
        // and nobody gets a clone while the list is locked.
        if compiling.get(&self.hash).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            compiling.remove(&self.hash);
        }
    }
}

#[cfg(test)]
mod tests;
