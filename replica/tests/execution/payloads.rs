//! The largest messages that the network accepts.

use crate::patterns::pong;
use candid::Principal;
use pocket_ic::ErrorCode;
use test_support::script::{Call, call, canister_with, number, rejected, script};
use test_support::scripted::install_module;
use test_support::{CallResult, ScriptedNetwork, on_every_server};

const MIB: u64 = 1024 * 1024;

/// The name of the method that says how large its argument is.
const METHOD: &str = "size";

/// Has the first canister call the second with this many bytes of method name and argument.
fn send(network: &ScriptedNetwork, bytes: u64) -> CallResult {
    let one = call(network.b).method(METHOD).zeros(bytes - METHOD.len() as u64);
    let message = network.submit(network.a, script().call(one));
    network.ticks(&message).1
}

#[test]
fn a_request_within_a_subnet_may_have_10_mib_and_no_byte_more() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let reply = send(&network, 10 * MIB).unwrap();
        assert_eq!(number(&reply), 10 * MIB - METHOD.len() as u64);
        let reject = send(&network, 10 * MIB + 1).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn a_query_from_outside_may_have_a_larger_argument_than_a_message() {
    const SIZE: &str = r#"(func (export "canister_query argument_size")
        (call $append_argument_size) (call $msg_reply))"#;
    on_every_server(|server| {
        let network = server.one_subnet();
        let canister = install_module(&network.pic, canister_with(SIZE));
        let argument = vec![0; 7_000_000];
        let reply =
            network.pic.query_call(canister, Principal::anonymous(), "argument_size", argument);
        assert_eq!(number(&reply.unwrap()), 7_000_000);
    });
}

#[test]
fn a_request_to_another_subnet_may_have_2_mib_and_no_byte_more() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let reply = send(&network, 2 * MIB).unwrap();
        assert_eq!(number(&reply), 2 * MIB - METHOD.len() as u64);
        let (code, text) = rejected(&send(&network, 2 * MIB + 1).unwrap());
        assert_eq!(code, 5);
        let sizes = [2 * MIB + 1, 2 * MIB].map(|bytes| bytes.to_string());
        assert!(sizes.iter().all(|size| text.contains(size)), "{text}");
    });
}

#[test]
fn a_reply_may_have_2_mib_and_no_byte_more() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let reply = |bytes: u64| {
                let one = call(network.b)
                    .running(script().append_zeros(bytes).reply_appended())
                    .on_reply(script().append_argument_size().reply_appended());
                let message = network.submit(network.a, script().call(one));
                network.ticks(&message).1.unwrap()
            };
            assert_eq!(number(&reply(2 * MIB)), 2 * MIB);
            let (code, text) = rejected(&reply(2 * MIB + 1));
            assert_eq!(code, 5);
            assert!(text.starts_with("IC0504: "), "{text}");
        }
    });
}

#[test]
fn a_query_may_reply_with_3_mib_and_no_byte_more() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let reply =
            |bytes: u64| network.ask(network.a, script().append_zeros(bytes).reply_appended());
        assert_eq!(reply(3 * MIB).unwrap().len() as u64, 3 * MIB);
        let reject = reply(3 * MIB + 1).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn a_method_name_may_have_20_000_bytes_and_no_byte_more() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let named = |bytes: usize| {
            let one = pong(network.b).method(&"m".repeat(bytes));
            network.run(network.a, script().call(one))
        };
        assert!(rejected(&named(20_000).unwrap()).1.starts_with("IC0536: "));
        let reject = named(20_001).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn an_ingress_message_may_have_2_mib_with_its_envelope_and_its_id() {
    // Names and lengths of the envelope's parts, the sender, the canister, and the id of the message.
    let other = 110 + 4 + 1 + 10 + 32;
    on_every_server(|server| {
        let network = server.one_subnet();
        let send = |bytes: u64| {
            let argument = vec![0; bytes as usize];
            network.pic.update_call(network.a, Principal::anonymous(), METHOD, argument)
        };
        let largest = 2 * MIB - other - METHOD.len() as u64;
        assert_eq!(number(&send(largest).unwrap()), largest);
        server.assert_refuses("2097152", || send(largest + 1));
        assert_eq!(number(&send(8).unwrap()), 8);
    });
}

#[test]
fn each_byte_of_a_request_and_of_its_response_costs_1000_cycles() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let spent = |one: Call| {
                let script = script().call(one.on_reply(script().reply("")));
                network.spent(network.a, || network.run(network.a, script).unwrap()).0
            };
            // Up to 32,000 zeros are appended at once, at 50 instructions a byte.
            let request = |bytes: u64| spent(call(network.b).method(METHOD).zeros(bytes));
            assert_eq!(request(31_000) - request(1_000), 30_000 * (1_000 + 50));
            let response = |bytes: u64| {
                spent(call(network.b).running(script().append_zeros(bytes).reply_appended()))
            };
            assert_eq!(response(31_000) - response(1_000), 30_000 * 1_000);
        }
    });
}
