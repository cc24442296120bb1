//! Tests of the Wasm features of the engine.

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
