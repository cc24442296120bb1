//! Executions that trap, changes that are dropped, and addresses that wrap around.

use super::*;

/// The code stores its instruction counter before calls, not before divisions and loads.
#[test]
fn an_execution_that_traps_outside_of_calls_is_charged_exactly_and_prints_once() {
    let executed = |end: &str| {
        let text = format!(
            r#"(module
              (import "ic0" "debug_print" (func $print (param i32 i32)))
              (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
              (memory 1)
              (func $traps (param $left i32)
                (loop $again
                  (i32.store (i32.const 5000) (local.get $left))
                  (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
                {end})
              (func (export "canister_update f")
                (call $print (i32.const 0) (i32.const 4))
                (drop (call $grow (i64.const 1)))
                (call $traps (i32.const 1000))))"#
        );
        let mut sandbox = Sandbox::new(harness::code(&text), StableMemory::default());
        // The second execution finds the instance of the first.
        [(); 2].map(|()| {
            let entry = Entry::Export("canister_update f".into());
            let executed = run(&mut sandbox, entry, Both::input(&[]));
            assert_eq!(
                executed.result.as_ref().map_err(Trap::code),
                Err(ErrorCode::CanisterTrapped)
            );
            assert_eq!(executed.log.printed().count(), 1);
            sandbox.undo();
            assert_eq!((sandbox.stable_bytes(), sandbox.kept.stable.dirty_pages()), (0, 0));
            executed.instructions
        })
    };
    let [expected, again] = executed("unreachable");
    assert_eq!(again, expected);
    // `unreachable` costs 1, like each of the other instructions, and a division 10.
    let division = "(drop (i32.div_u (i32.const 1) (i32.const 0)))";
    assert_eq!(executed(division), [expected + 12; 2]);
    // Here, the counter is stored because of the division alone: no call and no return follows in this part.
    let part = |division: &str| executed(&format!("(block {division} (br_if 0 (i32.const 0)))"));
    let expected_of_part = part(division);
    for operation in ["div_s", "div_u", "rem_s", "rem_u"] {
        for width in ["i32", "i64"] {
            let division =
                format!("(drop ({width}.{operation} ({width}.const 1) ({width}.const 0)))");
            assert_eq!(part(&division), expected_of_part, "{division}");
        }
    }
    assert_eq!(executed("(drop (i32.load (i32.const -1)))"), [expected + 2; 2]);
}

#[test]
fn the_slower_code_of_an_exact_counter_is_not_used_again() {
    let text = r#"(module (memory 1)
      (func (export "canister_update divides")
        (i32.store (i32.const 0) (i32.div_u (i32.const 1) (i32.load (i32.const 0))))))"#;
    let divided = || {
        let mut sandbox = Sandbox::new(harness::code(text), StableMemory::default());
        let entry = Entry::Export("canister_update divides".into());
        run(&mut sandbox, entry, Both::input(&[])).result.expect_err("it divides by 0");
        assert!(sandbox.instance.as_ref().is_some_and(|instance| instance.is_exact()));
        sandbox
    };
    let is_exact =
        |sandbox: &Sandbox| sandbox.instance.as_ref().is_some_and(|instance| instance.is_exact());
    let mut undone = divided();
    undone.undo();
    assert!(!is_exact(&undone));
    let mut discarded = divided();
    let changes = discarded.hold().expect("there is something to hold");
    discarded.discard(changes);
    assert!(!is_exact(&discarded));
    let mut split = divided();
    assert!(!is_exact(&split.split_off()) && !is_exact(&split));
}

#[test]
fn changes_that_are_dropped_leave_nothing_behind() {
    let mut both = Both::new();
    both.run(&[GROW_STABLE, Op(0, 1, 500)], Then::Keep);
    for ops in [&[Op(0, 9, 500), Op(1, 9, 0), Op(6, 500, 0)][..], &[Op(4, 0, 0), GROW_STABLE]] {
        both.execute(ops);
        let changes = both.sandbox.hold().expect("there is something to hold");
        both.sandbox.discard(changes);
        both.compare();
    }
}

#[test]
fn pages_of_stores_whose_addresses_wrap_around_are_found() {
    let changed = |first: i32, more: i32| {
        let text = format!(
            r#"(module (memory 65536) (func (export "canister_update f") (local $at i32)
              (i32.store8 (local.tee $at (i32.const {first})) (i32.const 1))
              (i32.store8 (i32.add (local.get $at) (i32.const {more})) (i32.const 1))))"#
        );
        let mut sandbox = Sandbox::new(harness::code(&text), StableMemory::default());
        run(&mut sandbox, Entry::Export("canister_update f".into()), Both::input(&[]));
        let changed = sandbox.pending.expect("it was executed").changed;
        changed.into_iter().map(|(number, _)| number).collect::<Vec<_>>()
    };
    let last = (1 << 20) - 1;
    assert_eq!(changed(-8, 4), [last]);
    assert_eq!(changed(-8, 100), [0, last]);
    assert_eq!(changed(-8, 2_000), [0, last]);
    assert_eq!(changed(2, -4), [0, last]);
    assert_eq!(changed(2, -2_000), [0, last]);
}
