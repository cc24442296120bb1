//! Compares the counted instructions of small functions with sums made by hand.
//!
//! The sums use the costs of the replica: entering a function is 1, a constant is 1, `drop` is 1.

use crate::wasm::harness::run;

/// The instructions that a function with this body uses. The module has a memory, a table, a global,
/// and segments that the body can use.
#[track_caller]
fn instructions_of(address: &str, body: &str) -> u64 {
    let outcome = run(&format!(
        r#"(module
          (memory {address} 1 10)
          (table $t 3 funcref)
          (type $void (func))
          (elem (i32.const 0) func $callee $callee)
          (data "passive data")
          (global $g (mut i32) (i32.const 0))
          (func $callee)
          (func (export "f") (local $n i32) (local $x i64) {body}))"#
    ));
    assert_eq!(outcome.trap, None, "{body}");
    outcome.instructions() as u64
}

const WASM32: &str = "i32";
const WASM64: &str = "i64";

/// An operand of the given type. No instruction traps on it.
fn operand(of: &str) -> String {
    match of {
        "v128" => "v128.const i32x4 1 2 3 4".into(),
        of => format!("{of}.const 7"),
    }
}

/// Asserts that each of the instructions costs `cost`. `operands` are the types of their operands.
fn check_cost(cost: u64, operands: &[&str], instructions: &str) {
    let given: Vec<String> = operands.iter().map(|of| operand(of)).collect();
    for instruction in instructions.split_whitespace() {
        // Some vector instructions name lanes.
        let immediate = match instruction {
            "i8x16.shuffle" => " 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
            lane if lane.contains("_lane") => " 0",
            _ => "",
        };
        let body = format!("{} {instruction}{immediate} drop", given.join(" "));
        let sum = 1 + operands.len() as u64 + cost + 1;
        assert_eq!(instructions_of(WASM32, &body), sum, "{body}");
    }
}

#[test]
fn entering_a_function_costs_one() {
    assert_eq!(instructions_of(WASM32, ""), 1);
}

#[test]
fn integer_instructions_cost_one_and_divisions_ten() {
    for of in ["i32", "i64"] {
        let named = |names: &str| {
            names.split_whitespace().map(|name| format!("{of}.{name} ")).collect::<String>()
        };
        let binary = "add sub mul and or xor shl shr_s shr_u rotl rotr eq ne lt_s lt_u gt_s gt_u \
                      le_s le_u ge_s ge_u";
        check_cost(1, &[of, of], &named(binary));
        check_cost(1, &[of], &named("clz ctz popcnt eqz extend8_s extend16_s"));
        check_cost(10, &[of, of], &named("div_s div_u rem_s rem_u"));
    }
    check_cost(1, &["i32"], "i64.extend_i32_s i64.extend_i32_u f32.reinterpret_i32");
    check_cost(1, &["i64"], "i32.wrap_i64 i64.extend32_s f64.reinterpret_i64");
}

#[test]
fn floating_point_instructions_have_their_own_costs() {
    for of in ["f32", "f64"] {
        let named = |names: &str| {
            names.split_whitespace().map(|name| format!("{of}.{name} ")).collect::<String>()
        };
        check_cost(2, &[of, of], &named("add sub mul"));
        check_cost(2, &[of], &named("ceil floor trunc nearest"));
        check_cost(1, &[of], &named("abs neg"));
        check_cost(18, &[of, of], &named("min max"));
        check_cost(3, &[of, of], &named("eq ne lt gt le ge"));
        check_cost(3, &["i32"], &named("convert_i32_s"));
        check_cost(3, &["i64"], &named("convert_i64_s"));
        check_cost(16, &["i32"], &named("convert_i32_u"));
        check_cost(16, &["i64"], &named("convert_i64_u"));
        for to in ["i32", "i64"] {
            for conversion in ["trunc", "trunc_sat"] {
                let both = format!("{to}.{conversion}_{of}_s {to}.{conversion}_{of}_u");
                check_cost(20, &[of], &both);
            }
        }
    }
    check_cost(2, &["f32", "f32"], "f32.copysign");
    check_cost(3, &["f64", "f64"], "f64.copysign");
    check_cost(3, &["f32", "f32"], "f32.div");
    check_cost(5, &["f64", "f64"], "f64.div");
    check_cost(5, &["f32"], "f32.sqrt");
    check_cost(8, &["f64"], "f64.sqrt");
    check_cost(1, &["f32"], "f64.promote_f32 i32.reinterpret_f32");
    check_cost(1, &["f64"], "f32.demote_f64 i64.reinterpret_f64");
}

#[test]
fn vector_instructions_cost_one_with_exceptions() {
    let (v, vv, vi) = (&["v128"][..], &["v128", "v128"][..], &["v128", "i32"][..]);
    check_cost(1, vv, "i8x16.add i16x8.mul i32x4.sub i64x2.add v128.and v128.xor i32x4.eq");
    check_cost(1, v, "v128.not i8x16.abs i32x4.neg i8x16.extract_lane_s v128.any_true");
    check_cost(1, vv, "i8x16.lt_s i8x16.le_u i16x8.ge_u i32x4.gt_s i64x2.lt_s f64x2.pmin");
    check_cost(2, vv, "i8x16.lt_u i8x16.gt_u i16x8.lt_u i16x8.gt_u i32x4.lt_u i32x4.gt_u");
    check_cost(3, vi, "i8x16.shl i8x16.shr_s i64x2.shr_s");
    check_cost(2, vi, "i8x16.shr_u i16x8.shl i16x8.shr_s i16x8.shr_u");
    check_cost(2, vi, "i32x4.shl i32x4.shr_s i32x4.shr_u i64x2.shl i64x2.shr_u");
    check_cost(3, vv, "i8x16.shuffle");
    check_cost(3, v, "i8x16.popcnt");
    check_cost(2, vv, "i32x4.mul");
    check_cost(4, vv, "i64x2.mul f32x4.min f32x4.max f64x2.min");
    check_cost(5, vv, "f64x2.max");
    check_cost(10, vv, "f32x4.div");
    check_cost(12, vv, "f64x2.div");
    check_cost(5, v, "f32x4.sqrt");
    check_cost(14, v, "f64x2.sqrt");
    for of in ["f32x4", "f64x2"] {
        let named = |names: &str| {
            names.split_whitespace().map(|name| format!("{of}.{name} ")).collect::<String>()
        };
        check_cost(2, vv, &named("add sub mul"));
        check_cost(2, v, &named("ceil floor trunc nearest abs neg"));
        check_cost(1, vv, &named("eq lt pmax"));
    }
}

#[test]
fn vector_widening_and_conversion_have_their_own_costs() {
    let (v, vv) = (&["v128"][..], &["v128", "v128"][..]);
    check_cost(1, v, "i16x8.extadd_pairwise_i8x16_s i32x4.extadd_pairwise_i16x8_s");
    check_cost(2, v, "i16x8.extadd_pairwise_i8x16_u");
    check_cost(3, v, "i32x4.extadd_pairwise_i16x8_u");
    check_cost(1, vv, "i16x8.extmul_low_i8x16_s i16x8.extmul_low_i8x16_u");
    check_cost(2, vv, "i16x8.extmul_high_i8x16_s i16x8.extmul_high_i8x16_u");
    check_cost(2, vv, "i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s");
    check_cost(2, vv, "i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u");
    check_cost(1, vv, "i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_u i32x4.dot_i16x8_s");
    check_cost(2, v, "i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f64x2_s_zero");
    check_cost(4, v, "i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_u");
    check_cost(3, v, "i32x4.trunc_sat_f64x2_u_zero");
    check_cost(1, v, "f32x4.convert_i32x4_s f64x2.convert_low_i32x4_u f32x4.demote_f64x2_zero");
}

#[test]
fn locals_cost_one_and_globals_two() {
    assert_eq!(instructions_of(WASM32, "local.get $n drop"), 1 + 1 + 1);
    assert_eq!(instructions_of(WASM32, "i32.const 1 local.set $n"), 1 + 1 + 1);
    assert_eq!(instructions_of(WASM32, "i32.const 1 local.tee $n drop"), 1 + 1 + 1 + 1);
    assert_eq!(instructions_of(WASM32, "global.get $g drop"), 1 + 2 + 1);
    assert_eq!(instructions_of(WASM32, "i32.const 1 global.set $g"), 1 + 1 + 2);
    assert_eq!(
        instructions_of(WASM32, "nop i32.const 1 i32.const 2 i32.const 3 select drop"),
        1 + 1 + 5
    );
}

#[test]
fn blocks_are_free_and_branches_cost_two() {
    assert_eq!(instructions_of(WASM32, "block nop end"), 1 + 1);
    assert_eq!(instructions_of(WASM32, "block br 0 end"), 1 + 2);
    assert_eq!(instructions_of(WASM32, "block i32.const 0 br_if 0 nop end"), 1 + 1 + 2 + 1);
    assert_eq!(instructions_of(WASM32, "block i32.const 1 br_if 0 nop end"), 1 + 1 + 2);
    assert_eq!(instructions_of(WASM32, "block i32.const 5 br_table 0 0 end"), 1 + 1 + 2);
    assert_eq!(instructions_of(WASM32, "i32.const 1 if nop nop else nop end"), 1 + 1 + 2 + 2);
    assert_eq!(instructions_of(WASM32, "i32.const 0 if nop nop else nop end"), 1 + 1 + 2 + 1);
    assert_eq!(instructions_of(WASM32, "return nop"), 1 + 1);
}

#[test]
fn a_loop_is_charged_for_each_iteration() {
    let body = "loop $again
        local.get $n i32.const 1 i32.add local.tee $n
        i32.const 100 i32.lt_u br_if $again
      end";
    assert_eq!(instructions_of(WASM32, body), 1 + 100 * (4 + 2 + 2));
}

#[test]
fn direct_calls_cost_less_than_indirect_calls() {
    let entry = 1;
    assert_eq!(instructions_of(WASM32, "call $callee"), 1 + 5 + entry);
    let indirect = "i32.const 1 call_indirect $t (type $void)";
    assert_eq!(instructions_of(WASM32, indirect), 1 + 1 + 10 + entry);
    assert_eq!(instructions_of(WASM32, "return_call $callee"), 1 + 3 + entry);
    let indirect = "i32.const 1 return_call_indirect $t (type $void)";
    assert_eq!(instructions_of(WASM32, indirect), 1 + 1 + 60 + entry);
}

#[test]
fn loads_and_stores_cost_one_in_32_bit_modules_and_two_in_64_bit_modules() {
    for (address, cost) in [(WASM32, 1), (WASM64, 2)] {
        for load in "i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s \
                     i32.load16_u i64.load8_s i64.load8_u i64.load16_s i64.load16_u \
                     i64.load32_s i64.load32_u"
            .split_whitespace()
        {
            let body = format!("{address}.const 8 {load} drop");
            assert_eq!(instructions_of(address, &body), 1 + 1 + cost + 1, "{body}");
        }
        for store in "i32.store i64.store f32.store f64.store i32.store8 i32.store16 i64.store8 \
                      i64.store16 i64.store32"
            .split_whitespace()
        {
            let body = format!("{address}.const 8 {}.const 1 {store}", &store[..3]);
            assert_eq!(instructions_of(address, &body), 1 + 1 + 1 + cost, "{body}");
        }
    }
    // Instructions without memory access cost the same in both.
    assert_eq!(
        instructions_of(WASM64, "i64.const 6 i64.const 3 i64.div_u drop"),
        1 + 1 + 1 + 10 + 1
    );
}

#[test]
fn vector_loads_and_stores_cost_the_same_as_other_loads_and_stores() {
    for (address, cost) in [(WASM32, 1), (WASM64, 2)] {
        for load in "v128.load v128.load8x8_s v128.load32_splat v128.load64_zero".split(' ') {
            let body = format!("{address}.const 8 {load} drop");
            assert_eq!(instructions_of(address, &body), 1 + 1 + cost + 1, "{body}");
        }
        for access in "v128.store v128.store8_lane v128.store64_lane".split(' ') {
            let lane = if access.ends_with("_lane") { " 0" } else { "" };
            let body = format!("{address}.const 8 {} {access}{lane}", operand("v128"));
            assert_eq!(instructions_of(address, &body), 1 + 1 + 1 + cost, "{body}");
        }
        let body = format!("{address}.const 8 {} v128.load16_lane 1 drop", operand("v128"));
        assert_eq!(instructions_of(address, &body), 1 + 1 + 1 + cost + 1, "{body}");
    }
}

#[test]
fn size_grow_and_drop_instructions_of_memories_and_tables_have_their_own_costs() {
    assert_eq!(instructions_of(WASM32, "memory.size drop"), 1 + 20 + 1);
    assert_eq!(instructions_of(WASM32, "i32.const 1 memory.grow drop"), 1 + 1 + 300 + 1);
    assert_eq!(instructions_of(WASM32, "i32.const 0 memory.grow drop"), 1 + 1 + 300 + 1);
    assert_eq!(instructions_of(WASM32, "data.drop 0"), 1 + 300);
    assert_eq!(instructions_of(WASM32, "elem.drop 0"), 1 + 300);
    assert_eq!(instructions_of(WASM32, "table.size $t drop"), 1 + 100 + 1);
    assert_eq!(instructions_of(WASM32, "i32.const 0 table.get $t drop"), 1 + 1 + 5 + 1);
    assert_eq!(instructions_of(WASM32, "ref.null func drop"), 1 + 1 + 1);
    assert_eq!(instructions_of(WASM32, "ref.null func ref.is_null drop"), 1 + 1 + 5 + 1);
    assert_eq!(instructions_of(WASM32, "ref.func $callee drop"), 1 + 130 + 1);
}
