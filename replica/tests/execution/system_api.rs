//! What canisters read with the system API.

use candid::Principal;
use test_support::on_every_server;
use test_support::script::wasm;
use test_support::scripted::install_module;

#[test]
fn a_canister_reads_the_root_key_that_clients_get() {
    on_every_server(|server| {
        let pic = server.network().with_nns_subnet().with_application_subnet().build();
        let reader = install_module(
            &pic,
            wasm(
                r#"(module
                  (import "ic0" "root_key_size" (func $size (result i32)))
                  (import "ic0" "root_key_copy" (func $copy (param i32 i32 i32)))
                  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
                  (import "ic0" "msg_reply" (func $reply))
                  (memory 1)
                  (func (export "canister_update read")
                    (call $copy (i32.const 0) (i32.const 0) (call $size))
                    (call $append (i32.const 0) (call $size))
                    (call $reply)))"#,
            ),
        );
        let read = pic.update_call(reader, Principal::anonymous(), "read", vec![]).unwrap();
        assert_eq!(pic.root_key(), Some(read));
    });
}
