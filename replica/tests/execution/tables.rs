//! The table of functions: callbacks, indirect calls, and the limits of the table.

use candid::Principal;
use pocket_ic::ErrorCode;
use test_support::script::wasm;
use test_support::scripted::install_module;
use test_support::{Server, on_every_server};

/// Two places, of which the second is empty.
const TABLE: &str = "(table 2 funcref) (elem (i32.const 0) $callback)";

/// A method with `body`, and two functions.
fn module(table: &str, body: &str) -> Vec<u8> {
    wasm(&format!(
        r#"(module
            (import "ic0" "call_new" (func $call_new (param i32 i32 i32 i32 i32 i32 i32 i32)))
            (import "ic0" "call_perform" (func $perform (result i32)))
            (import "ic0" "msg_reply" (func $reply))
            (memory 1)
            (data (i32.const 0) "raw_rand")
            {table}
            (func $callback (param i32) (call $reply))
            (func $no_callback (call $reply))
            (func (export "canister_update go") {body}))"#
    ))
}

/// What calling the method comes to.
fn called(server: Server, table: &str, body: &str) -> Result<(), ErrorCode> {
    let pic = server.network().with_application_subnet().build();
    let canister = install_module(&pic, module(table, body));
    let answer = pic.update_call(canister, Principal::anonymous(), "go", vec![]);
    answer.map(|_| ()).map_err(|reject| reject.error_code)
}

#[test]
fn a_callback_has_to_be_a_function_of_the_table_that_takes_one_pointer() {
    on_every_server(|server| {
        let calling = |index: i32| {
            format!(
                "(call $call_new (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)
                    (i32.const {index}) (i32.const 0) (i32.const {index}) (i32.const 0))
                 (drop (call $perform))"
            )
        };
        let other = "(table 1 funcref) (elem (i32.const 0) $no_callback)";
        for (table, index, came_to) in [
            (TABLE, 0, Ok(())),
            (TABLE, 1, Err(ErrorCode::CanisterContractViolation)),
            (TABLE, 2, Err(ErrorCode::CanisterFunctionNotFound)),
            (TABLE, -1, Err(ErrorCode::CanisterFunctionNotFound)),
            (other, 0, Err(ErrorCode::CanisterContractViolation)),
            ("", 0, Err(ErrorCode::CanisterContractViolation)),
        ] {
            assert_eq!(called(server, table, &calling(index)), came_to, "{table}, {index}");
        }
    });
}

#[test]
fn an_indirect_call_traps_but_one_with_another_signature_breaks_the_contract() {
    on_every_server(|server| {
        let calling = |parameter: &str, index: i32| {
            format!("(call_indirect (param {parameter}) ({parameter}.const 0) (i32.const {index}))")
        };
        for (parameter, index, came_to) in [
            ("i32", 0, Ok(())),
            ("i64", 0, Err(ErrorCode::CanisterContractViolation)),
            ("i32", 1, Err(ErrorCode::CanisterTrapped)),
            ("i32", 2, Err(ErrorCode::CanisterTrapped)),
        ] {
            let came = called(server, TABLE, &calling(parameter, index));
            assert_eq!(came, came_to, "{parameter}, {index}");
        }
    });
}

#[test]
fn a_module_has_one_table_in_which_its_functions_fit() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        let canister = pic.create_canister();
        for (table, came_to) in [
            (TABLE, Ok(())),
            ("(table 1 funcref) (table 1 funcref)", Err(ErrorCode::CanisterWasmEngineError)),
            (
                "(table 1 funcref) (elem (i32.const 1) $callback)",
                Err(ErrorCode::CanisterWasmEngineError),
            ),
        ] {
            let installed = pic.reinstall_canister(canister, module(table, ""), vec![], None);
            assert_eq!(installed.map_err(|reject| reject.error_code), came_to, "{table}");
        }
    });
}
