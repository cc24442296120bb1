//! Stable memory: how much of it a message may access, and how clients read and set it.

use candid::Principal;
use flate2::{Compression, write::GzEncoder};
use pocket_ic::ErrorCode;
use pocket_ic::common::rest::BlobCompression;
use std::io::Write;
use test_support::script::{canister, numbers, script, wasm};
use test_support::scripted::install_module;
use test_support::{ScriptedNetwork, on_every_server};

const WASM_PAGE: usize = 65_536;

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The number at an offset, and the size, as the canister sees them.
fn seen(network: &ScriptedNetwork, offset: u64) -> Vec<u64> {
    let script = script().load_stable(offset).append_acc().stable_size().append_acc();
    numbers(&network.ask(network.a, script.reply("")).unwrap())
}

#[test]
fn stable_memory_that_a_test_sets_is_seen_by_the_canister_and_by_clients() {
    on_every_server(|server| {
        let network = server.one_subnet();
        assert!(network.pic.get_stable_memory(network.a).is_empty());
        let mut content = vec![0; 3 * WASM_PAGE + 10];
        content[150_000..150_008].copy_from_slice(&77_u64.to_le_bytes());
        for compression in [BlobCompression::NoCompression, BlobCompression::Gzip] {
            let blob = match compression {
                BlobCompression::Gzip => packed(&content),
                BlobCompression::NoCompression => content.clone(),
            };
            network.pic.set_stable_memory(network.a, blob, compression);
            let found = network.pic.get_stable_memory(network.a);
            assert_eq!(found.len(), 4 * WASM_PAGE, "whole pages");
            assert_eq!(found[..content.len()], content);
            assert!(found[content.len()..].iter().all(|byte| *byte == 0));
            assert_eq!(seen(&network, 150_000), [77, 4]);
        }
    });
}

#[test]
fn setting_stable_memory_replaces_it_and_leaves_the_heap_alone() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let fill = script().put(3, 11).stable_grow(5).set(7).store_stable(16);
        network.run(network.a, fill.reply("")).unwrap();
        network.pic.set_stable_memory(network.a, vec![1; 8], BlobCompression::NoCompression);
        assert_eq!(seen(&network, 16), [0, 1]);
        assert_eq!(network.cell(network.a, 3), 11);
        // It is the canister's own from then on, and kept like it.
        let write = script().set(9).store_stable(32).put(3, 12);
        let trapped = network.run(network.a, write.clone().trap("undone")).unwrap_err();
        assert_eq!(trapped.error_code, ErrorCode::CanisterCalledTrap);
        assert_eq!(seen(&network, 32), [0, 1]);
        network.run(network.a, write.reply("")).unwrap();
        network.pic.upgrade_canister(network.a, canister(), vec![], None).unwrap();
        assert_eq!(seen(&network, 32), [9, 1]);
        assert_eq!(network.pic.get_stable_memory(network.a)[..8], [1; 8]);
    });
}

#[test]
fn a_canister_without_code_has_no_stable_memory() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let empty = network.pic.create_canister();
        let set = || network.pic.set_stable_memory(empty, vec![1], BlobCompression::NoCompression);
        let get = || drop(network.pic.get_stable_memory(empty));
        server.assert_refuses(&empty.to_text(), set);
        server.assert_refuses(&empty.to_text(), get);
    });
}

#[test]
fn a_query_may_access_a_gib_of_it_and_no_page_more_and_an_update_twice_as_much() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        let module = wasm(
            r#"(module
                (import "ic0" "msg_reply" (func $reply))
                (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
                (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
                (memory 1)
                (func (export "canister_init") (drop (call $grow (i64.const 40000))))
                (func $touch (param $pages i64)
                  (loop $again
                    (local.set $pages (i64.sub (local.get $pages) (i64.const 1)))
                    (call $read
                      (i64.const 0) (i64.mul (local.get $pages) (i64.const 4096)) (i64.const 1))
                    (br_if $again (i64.ne (local.get $pages) (i64.const 0))))
                  (call $reply))
                (func (export "canister_query a_gib") (call $touch (i64.const 262144)))
                (func (export "canister_query more") (call $touch (i64.const 262145)))
                (func (export "canister_update two_gib") (call $touch (i64.const 524288)))
                (func (export "canister_update even_more") (call $touch (i64.const 524289))))"#,
        );
        let id = install_module(&pic, module);
        let query = |method| pic.query_call(id, Principal::anonymous(), method, vec![]);
        let update = |method| pic.update_call(id, Principal::anonymous(), method, vec![]);
        let limit = ErrorCode::CanisterMemoryAccessLimitExceeded;
        assert_eq!(query("a_gib"), Ok(vec![]));
        assert_eq!(query("more").unwrap_err().error_code, limit);
        assert_eq!(update("more").unwrap_err().error_code, limit);
        assert_eq!(update("two_gib"), Ok(vec![]));
        assert_eq!(update("even_more").unwrap_err().error_code, limit);
    });
}
