//! Tests of compilation: the cache, and the Wasm features of the engine.

use super::*;
use crate::wasm::harness::set_counter;
use wasmtime::{Instance, Store, Trap, WasmResults};

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is a module")
}

/// Executes the function `f` of a module and returns its result.
fn call<R: WasmResults>(text: &str) -> wasmtime::Result<R> {
    let compiled = compile(&wat(text)).expect("the module is valid");
    let mut store = Store::new(engine(), ());
    let instance = Instance::new(&mut store, &compiled.module, &[])?;
    set_counter(&mut store, &instance, 1_000_000_000);
    instance.get_typed_func::<(), R>(&mut store, "f")?.call(&mut store, ())
}

#[test]
fn a_module_is_cached_under_the_hash_of_its_bytes() {
    let module = wat(r#"(module (func (export "compiled_once")))"#);
    let first = compile(&module).expect("the module is valid");
    assert_eq!(first.hash, <[u8; 32]>::from(Sha256::digest(&module)));
    assert_eq!(*first.bytes, module[..]);
    // Other tests share the cache and can evict this module between two uses.
    let again = || compile(&module).expect("the module is valid");
    assert!((0..10).any(|_| Arc::ptr_eq(&again(), &again())));
}

#[test]
fn threads_that_need_the_same_module_at_the_same_time_share_one_compilation() {
    let share = |attempt: usize| {
        let functions: String =
            (0..200).map(|n| format!(r#"(func (export "shared {attempt} {n}"))"#)).collect();
        let module = wat(&format!("(module {functions})"));
        let together = std::sync::Barrier::new(4);
        let compile_together = || {
            together.wait();
            compile(&module).expect("the module is valid")
        };
        let modules: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(compile_together)).collect();
            threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
        });
        assert!(!COMPILING.lock().contains_key(&modules[0].hash), "nobody compiles it any more");
        modules.iter().all(|module| Arc::ptr_eq(module, &modules[0]))
    };
    // Other tests share the cache and can evict the module before a waiting thread gets it.
    assert!((0..10).any(share));
}

#[test]
fn the_cache_evicts_old_modules_which_can_be_compiled_again() {
    let module = |n: usize| wat(&format!(r#"(module (func (export "forgotten {n}")))"#));
    let modules: Vec<_> =
        (0..=MODULE_CACHE_MAX).map(|n| compile(&module(n)).expect("the module is valid")).collect();
    let kept = || MODULE_CACHE.lock().len();
    assert!(kept() <= MODULE_CACHE_MAX);
    let again = compile(&module(0)).expect("the module is valid");
    assert_eq!(again.hash, modules[0].hash);
    assert!(!Arc::ptr_eq(&again, &modules[0]));
}

#[test]
fn an_invalid_module_is_refused_with_a_reason_each_time() {
    let module = wat(r#"(module (func (export "f") (result i32)))"#);
    for _ in 0..2 {
        let error = compile(&module).expect_err("the function returns nothing");
        assert!(error.to_string().contains("type mismatch"), "{error}");
    }
}

#[test]
fn nan_results_are_canonical() {
    let canonical = 0x7fc0_0000;
    for nan in ["f32.const 0 f32.const 0 f32.div", "f32.const -nan:0x1 f32.const 1 f32.add"] {
        let text =
            format!(r#"(module (func (export "f") (result i32) {nan} i32.reinterpret_f32))"#);
        assert_eq!(call::<i32>(&text).expect("nothing traps"), canonical, "{nan}");
    }
    let text = r#"(module (func (export "f") (result i64)
        f64.const -1 f64.sqrt i64.reinterpret_f64))"#;
    assert_eq!(call::<i64>(text).expect("nothing traps"), 0x7ff8_0000_0000_0000);
}

#[test]
fn the_engine_supports_the_features_of_the_network() {
    for text in [
        "(module (memory i64 1) (table i64 1 funcref))",
        "(module (memory 1) (func i32.const 0 i32.const 0 i32.const 0 memory.fill))",
        "(module (func $f return_call $f))",
        "(module (func (result v128) v128.const i64x2 1 2))",
        "(module (func (result i32 i32) i32.const 1 i32.const 2))",
        "(module (func (result i32) f32.const 1 i32.trunc_sat_f32_s i32.extend8_s))",
        "(module (func (result funcref) ref.null func))",
    ] {
        assert!(compile(&wat(text)).is_ok(), "{text}");
    }
}

#[test]
fn the_engine_refuses_features_that_the_network_does_not_have() {
    for text in [
        "(module (memory 1 1 shared))",
        "(module (func (param v128) local.get 0 local.get 0 local.get 0 f32x4.relaxed_madd drop))",
        "(module (type (struct)))",
        "(module (type $t (func)) (func (param (ref $t))))",
        "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
        "(module (memory 1) (memory 1))",
        "(module (tag))",
        "(module (func try_table end))",
        "(module (global (mut funcref) (ref.null func)))",
    ] {
        assert!(compile(&wat(text)).is_err(), "{text}");
    }
}

#[test]
fn endless_recursion_overflows_the_stack() {
    let deep = r#"(module (func $f (export "f") call $f))"#;
    let error = stacker::grow(4 * WASM_STACK_BYTES, || call::<()>(deep));
    assert_eq!(
        error.expect_err("the recursion does not end").downcast_ref(),
        Some(&Trap::StackOverflow)
    );
}
