//! Tests of the cache of compiled modules. Each has a cache of its own.

use super::*;
use crate::wasm::engine::{compile, compile_uncached};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Longer than anything takes that happens at all.
const LONG: Duration = Duration::from_secs(120);

fn module(export: &str) -> Vec<u8> {
    wat::parse_str(format!(r#"(module (func (export "{export}")))"#)).expect("it is a module")
}

/// Gets a module from a cache, and adds 1 to `compilations` if the module is compiled for that.
fn get(cache: &ModuleCache, bytes: &[u8], compilations: &AtomicUsize) -> Arc<CompiledModule> {
    let compile = |hash| {
        compilations.fetch_add(1, SeqCst);
        compile_uncached(bytes, hash)
    };
    cache.get_or_compile(bytes, compile).expect("the module is valid")
}

#[test]
fn a_module_is_cached_under_the_hash_of_its_bytes() {
    let (cache, compilations) = (ModuleCache::new(), AtomicUsize::new(0));
    let bytes = module("compiled once");
    let first = get(&cache, &bytes, &compilations);
    assert_eq!(first.hash, <[u8; 32]>::from(Sha256::digest(&bytes)));
    assert_eq!(*first.bytes, bytes[..]);
    assert!(Arc::ptr_eq(&first, &get(&cache, &bytes, &compilations)));
    assert_eq!(compilations.into_inner(), 1);
}

#[test]
fn all_users_of_the_engine_share_a_cache() {
    let bytes = module("shared by all");
    let again = || compile(&bytes).expect("the module is valid");
    // Other tests use this cache and can evict the module between two uses.
    assert!((0..10).any(|_| Arc::ptr_eq(&again(), &again())));
}

#[test]
fn the_cache_evicts_the_modules_that_were_not_used_for_longest_which_can_be_compiled_again() {
    let (cache, compilations) = (ModuleCache::new(), AtomicUsize::new(0));
    let get = |number: usize| get(&cache, &module(&format!("evicted {number}")), &compilations);
    let modules: Vec<_> = (0..MODULE_CACHE_MAX).map(get).collect();
    assert!(Arc::ptr_eq(&get(0), &modules[0]), "used again, so it stays");
    get(MODULE_CACHE_MAX);
    assert_eq!(cache.modules.lock().len(), MODULE_CACHE_MAX);
    assert!(Arc::ptr_eq(&get(0), &modules[0]));
    assert_eq!(compilations.load(SeqCst), MODULE_CACHE_MAX + 1);
    let again = get(1);
    assert_eq!(again.hash, modules[1].hash);
    assert!(!Arc::ptr_eq(&again, &modules[1]));
}

#[test]
fn threads_that_need_the_same_module_at_the_same_time_share_one_compilation() {
    const THREADS: usize = 4;
    let (cache, compilations) = (ModuleCache::new(), AtomicUsize::new(0));
    let (bytes, together) = (module("shared"), Barrier::new(THREADS));
    let get = || {
        together.wait();
        let compile = |hash| {
            compilations.fetch_add(1, SeqCst);
            // Time for the other threads to begin a compilation, which they must not do.
            std::thread::sleep(Duration::from_millis(50));
            compile_uncached(&bytes, hash)
        };
        cache.get_or_compile(&bytes, compile).expect("the module is valid")
    };
    let modules: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(get)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    assert!(modules.iter().all(|module| Arc::ptr_eq(module, &modules[0])));
    assert_eq!(compilations.load(SeqCst), 1);
    assert!(cache.compiling.lock().is_empty(), "nobody compiles any more");
}

#[test]
fn a_module_whose_compilation_fails_or_panics_can_be_compiled_again() {
    let (cache, bytes) = (ModuleCache::new(), module("late"));
    let fails = |_| Err(InvalidModule("on purpose".into()));
    cache.get_or_compile(&bytes, fails).expect_err("the compiler fails");
    let panics = || cache.get_or_compile(&bytes, |_| panic!("a bug, on purpose"));
    catch_unwind(AssertUnwindSafe(panics)).expect_err("the compiler panics");
    assert!(cache.compiling.lock().is_empty(), "nobody compiles any more");
    get(&cache, &bytes, &AtomicUsize::new(0));
}

/// One thread of a pool of `rayon` begins to compile a module, and waits for a part of that work, which another thread
/// does. Meanwhile it begins other work, which needs the same module.
#[test]
fn a_thread_of_rayon_that_compiles_a_module_may_begin_work_that_needs_the_same_module() {
    static CACHE: ModuleCache = ModuleCache::new();
    let bytes = Arc::new(module("needed within its compilation"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("there are threads");
    let (compiled, modules) = channel();
    let compile_outer = move |hash| {
        let (part_begins, part_begun) = channel();
        let (other_begins, other_begun) = channel();
        let other_bytes = bytes.clone();
        let other = move || {
            other_begins.send(()).expect("the part waits");
            let _ = compiled.send(get(&CACHE, &other_bytes, &AtomicUsize::new(0)));
        };
        rayon::join(
            move || {
                part_begun.recv().expect("the other thread begins the part");
                rayon::spawn(other);
            },
            move || {
                part_begins.send(()).expect("the first part waits");
                other_begun.recv().expect("the first thread begins the other work");
            },
        );
        compile_uncached(&bytes, hash)
    };
    let bytes = module("needed within its compilation");
    let (ended, end) = channel();
    pool.spawn(move || {
        let _ = ended.send(CACHE.get_or_compile(&bytes, compile_outer));
    });
    let module = end.recv_timeout(LONG).expect("it ends").expect("the module is valid");
    let other = modules.recv_timeout(LONG).expect("it ends");
    assert!(Arc::ptr_eq(&module, &other), "both have the module that was compiled first");
}
