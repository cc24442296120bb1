//! Tests which pages are marked, and how many instructions do that.

use super::body;
use crate::wasm::harness::run;
use wasmtime::Trap;

/// Asserts the marked pages after executing this body, in a 32-bit and in a 64-bit module.
#[track_caller]
fn marks(pages: &[usize], text: &str) {
    for address in ["i32", "i64"] {
        let text = text.replace("ptr", address);
        let outcome = body(address, &text);
        assert_eq!(outcome.trap, None, "{text}");
        assert_eq!(outcome.marked, pages, "{text}");
    }
}

#[test]
fn each_store_marks_the_page_of_its_first_byte_or_the_page_shortly_before_it() {
    marks(&[], "(drop (i32.load (ptr.const 0)))");
    for store in "i32.store i64.store f32.store f64.store i32.store8 i32.store16 i64.store8 \
                  i64.store16 i64.store32"
        .split_whitespace()
    {
        let value = &store[..3];
        marks(&[0], &format!("({store} (ptr.const 7) ({value}.const 1))"));
        marks(&[2], &format!("({store} offset=8192 (ptr.const 7) ({value}.const 1))"));
        // The first bytes of page 3 are in the reach of a mark for page 2.
        marks(&[2], &format!("({store} offset=5 (ptr.const 12283) ({value}.const 1))"));
        marks(&[3], &format!("({store} offset=300 (ptr.const 12283) ({value}.const 1))"));
        marks(&[47], &format!("({store} offset=196600 (ptr.const 0) ({value}.const 1))"));
    }
    for store in ["v128.store", "v128.store8_lane", "v128.store16_lane", "v128.store32_lane"] {
        let lane = if store.ends_with("lane") { "1" } else { "" };
        let text = "(v128.const i64x2 1 2)";
        marks(&[1], &format!("({store} offset=4000 {lane} (ptr.const 200) {text})"));
    }
    // Each type of value has its own added local.
    marks(
        &[0, 1, 2, 3],
        "(i32.store (ptr.const 0) (i32.const 1)) (f64.store (ptr.const 4096) (f64.const 1))
         (i64.store (ptr.const 8192) (i64.const 1)) (f32.store (ptr.const 12288) (f32.const 1))
         (i32.store8 (ptr.const 0) (i32.const 1))",
    );
}

/// The number of instructions that mark pages in a function with these stores.
fn marking(address: &str, stores: &str) -> usize {
    let text = stores.replace("ptr", address);
    let module =
        format!("(module (memory {address} 1) (func $g) (func (param ptr) (local ptr) {text}))");
    let binary = wat::parse_str(module.replace("ptr", address)).expect("the text is a module");
    let (bytes, _) =
        crate::wasm::module::prepare(&binary, &[0; 32], None).expect("the module is valid");
    let bodies = wasmparser::Parser::new(0).parse_all(&bytes).filter_map(|payload| {
        match payload.expect("it is a module") {
            wasmparser::Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        }
    });
    // The added functions come after the two functions of the module.
    let operators =
        bodies.take(2).flat_map(|body| body.get_operators_reader().expect("it is a module"));
    operators
        .filter(|operator| {
            matches!(
                operator.as_ref().expect("it is a module"),
                wasmparser::Operator::I32Store8 { memarg } if memarg.memory == 1
            )
        })
        .count()
}

/// A store at the address in `local` plus `offset`.
fn at(local: u32, offset: u32) -> String {
    format!("(i32.store8 offset={offset} (local.get {local}) (i32.const 1))")
}

#[test]
fn stores_less_than_a_page_apart_are_marked_together() {
    for address in ["i32", "i64"] {
        let marks = |stores: &[String]| marking(address, &stores.concat());
        assert_eq!(marks(&[at(0, 0)]), 1);
        // The written bytes can begin in one page and end in the next.
        assert_eq!(marks(&[at(0, 0), at(0, 4_095)]), 2);
        assert_eq!(marks(&[at(0, 0), at(0, 8), at(0, 4_000), at(0, 16), at(0, 4_095)]), 2);
        assert_eq!(marks(&[at(0, 0), at(0, 4), at(0, 255)]), 1);
        assert_eq!(marks(&[at(0, 0), at(0, 4), at(0, 256)]), 2);
        assert_eq!(marks(&[at(0, 0), at(0, 4_096)]), 2);
        // Stores in pages that are two pages apart, in any order.
        assert_eq!(marks(&[at(0, 5_000), at(0, 0), at(0, 4_095), at(0, 9_095)]), 4);
        assert_eq!(marks(&[at(0, 0), at(1, 8)]), 2);
    }
    // In a 64-bit module, no store marks for a lower address.
    assert_eq!(marking("i32", &[at(0, 100), at(0, 0)].concat()), 1);
    assert_eq!(marking("i64", &[at(0, 100), at(0, 0)].concat()), 2);
    assert_eq!(marking("i32", &[at(0, 1_000), at(0, 0), at(0, 500)].concat()), 2);
    assert_eq!(marking("i64", &[at(0, 1_000), at(0, 0), at(0, 500)].concat()), 3);
    // A lower address than that of the operand may wrap around, so both stores need a mark.
    let lower = |address| {
        let text = "S0 (local.set 1 (ptr.sub (local.get 0) (ptr.const 4))) S1";
        marking(address, &text.replace("S0", &at(0, 0)).replace("S1", &at(1, 0)))
    };
    assert_eq!((lower("i32"), lower("i64")), (2, 2));
}

#[test]
fn the_analysis_follows_addresses_through_sums_and_locals() {
    for stores in [
        "(local.set 1 (ptr.add (local.get 0) (ptr.const 4))) A1 A0",
        "(local.set 1 (local.get 0)) A0 (local.set 0 (ptr.const 9)) A1",
        "(local.set 1 (ptr.sub (local.get 0) (ptr.const 4))) A1 A0",
        "A0 (call $g) A0",
        "A0 (block A0 (br_if 0 (i32.const 1)) A0) A0",
        "A0 (if (i32.const 1) (then A0) (else A0)) A0",
        "A0 (loop A0 (br_if 0 (i32.const 0))) A0",
        "(block A0 (br_if 0 (i32.const 1)) A0)",
    ] {
        let text = stores.replace("A0", &at(0, 8)).replace("A1", &at(1, 8));
        assert_eq!(marking("i32", &text), 1, "{stores}");
    }
}

#[test]
fn a_store_has_its_own_mark_if_no_marked_store_precedes_it_on_every_path() {
    for (count, stores) in [
        (2, "A0 (local.set 0 (ptr.const 9)) A0"),
        (2, "(block (br_if 0 (i32.const 1)) A0) A0"),
        (2, "(if (i32.const 1) (then A0) (else A0))"),
        (2, "(if (i32.const 1) (then A0)) A0"),
        (2, "A0 (loop A0 (local.set 0 (ptr.const 9)) (br_if 0 (i32.const 0)))"),
        (2, "A0 (if (i32.const 1) (then (local.set 0 (ptr.const 9)))) A0"),
        (2, "A0 (block (local.set 0 (ptr.const 9)) (br_if 0 (i32.const 1))) A0"),
        (2, "(loop A0 (br_if 0 (i32.const 0))) A0"),
    ] {
        let text = stores.replace("A0", &at(0, 8));
        assert_eq!(marking("i32", &text), count, "{stores}");
    }
}

#[test]
fn marks_for_several_stores_cover_the_pages_of_all() {
    for address in ["i32", "i64"] {
        let stores = |base: u32| {
            let text = format!(
                "(local $at ptr) (local.set $at (ptr.const {base}))
                 (i64.store (local.get $at) (i64.const 1))
                 (i64.store offset=4000 (local.get $at) (i64.const 1))"
            );
            run(&format!(r#"(module (memory {address} 3) (func (export "f") {text}))"#)
                .replace("ptr", address))
        };
        assert_eq!(stores(0).marked, [0]);
        assert_eq!(stores(88).marked, [0]);
        // One byte is in the next page.
        assert_eq!(stores(89).marked, [0, 1]);
        assert_eq!(stores(4_095).marked, [0, 1]);
        assert_eq!(stores(4_096).marked, [1]);
        // The second store traps. Its mark, which the first store sets, is after the end of the heap.
        let outcome = stores(3 * 65_536 - 8);
        assert_eq!((outcome.trap, outcome.marked), (Some(Trap::MemoryOutOfBounds), vec![47]));
    }
}

#[test]
fn bulk_operations_mark_every_written_page() {
    marks(&[1, 2, 3], "(memory.fill (ptr.const 8191) (i32.const 1) (ptr.const 4098))");
    marks(&[1, 2], "(memory.fill (ptr.const 4096) (i32.const 1) (ptr.const 8192))");
    marks(&[4, 5], "(memory.copy (ptr.const 20479) (ptr.const 0) (ptr.const 300))");
    // The first bytes of page 5 are in the reach of a mark for page 4.
    marks(&[4], "(memory.copy (ptr.const 20479) (ptr.const 0) (ptr.const 2))");
    marks(&[4], "(memory.copy (ptr.const 20479) (ptr.const 0) (ptr.const 128))");
    marks(&[0, 1], "(memory.init 0 (ptr.const 4095) (i32.const 0) (i32.const 2))");
    marks(&[47], "(memory.init 1 (ptr.const 196600) (i32.const 0) (i32.const 8))");
    for nothing in [
        "(memory.fill (ptr.const 0) (i32.const 1) (ptr.const 0))",
        "(memory.copy (ptr.const 196608) (ptr.const 0) (ptr.const 0))",
        "(memory.init 0 (ptr.const 0) (i32.const 0) (i32.const 0))",
    ] {
        marks(&[], nothing);
    }
}

#[test]
fn an_instruction_that_traps_marks_nothing() {
    for text in [
        "(i32.store (ptr.const 196605) (i32.const 1))",
        "(i32.store offset=4294967295 (ptr.const 4294967295) (i32.const 1))",
        "(memory.fill (ptr.const 196605) (i32.const 1) (ptr.const 4))",
        "(memory.init 0 (ptr.const 196605) (i32.const 0) (i32.const 4))",
    ] {
        for address in ["i32", "i64"] {
            let outcome = body(address, &text.replace("ptr", address));
            assert_eq!(
                (outcome.trap, outcome.marked),
                (Some(Trap::MemoryOutOfBounds), vec![]),
                "{text}"
            );
        }
    }
}

#[test]
fn marking_does_not_change_the_stack_or_the_original_locals() {
    // The code that computes the stored value contains another store, with operands below on the stack.
    let text = "(local.set $n (i32.const 4096))
      (i32.store (i32.const 0)
        (i32.add (i32.const 1000)
          (i32.add (local.get $n)
            (block (result i32)
              (i32.store offset=4 (local.get $n) (i32.const 77))
              (i32.load offset=4 (local.get $n))))))";
    let outcome = body("i32", text);
    assert_eq!(outcome.trap, None);
    assert_eq!(outcome.heap[..4], (1000 + 4096 + 77u32).to_le_bytes());
    assert_eq!(outcome.heap[4100..4104], 77u32.to_le_bytes());
    assert_eq!(outcome.marked, [0, 1]);
}
