//! The information about a caller that an identity provider attests, and which code sees it.

use candid::Principal;
use pocket_ic::ErrorCode;
use pocket_ic::common::rest::RawSenderInfo;
use test_support::script::{ON_INSPECT, Script, call, canister, script};
use test_support::{CallResult, ScriptedNetwork, Server, on_every_server};

const INFO: &[u8] = b"a member since 2021";

/// A cell for what a cleanup finds.
const FOUND: u64 = 9;

fn signer() -> Principal {
    Principal::from_slice(&[1, 2, 3])
}

/// What a canister replies with that is told.
fn told() -> CallResult {
    Ok([INFO, signer().as_slice()].concat())
}

/// Replies with what a canister is told: the information, and who attests it.
fn tell() -> Script {
    script().append_caller_info().reply_appended()
}

fn info() -> RawSenderInfo {
    RawSenderInfo { info: INFO.to_vec(), signer: signer().as_slice().to_vec() }
}

fn run_with_info(network: &ScriptedNetwork, script: Script) -> CallResult {
    let (a, sender) = (network.a, Principal::anonymous());
    network.pic.update_call_with_sender_info(a, sender, "run", script.bytes(), info())
}

fn query_with_info(network: &ScriptedNetwork, method: &str, script: Script) -> CallResult {
    let (a, sender) = (network.a, Principal::anonymous());
    network.pic.query_call_with_sender_info(a, sender, method, script.bytes(), info())
}

#[test]
fn updates_and_queries_see_the_information_about_the_caller_if_there_is_any() {
    on_every_server(|server| {
        let network = server.one_subnet();
        assert_eq!(run_with_info(&network, tell()), told());
        assert_eq!(query_with_info(&network, "ask", tell()), told());
        assert_eq!(query_with_info(&network, "compose", tell()), told());
        assert_eq!(network.run(network.a, tell()), Ok(vec![]));
        assert_eq!(network.ask(network.a, tell()), Ok(vec![]));
    });
}

#[test]
fn a_query_method_called_as_an_update_sees_the_information_about_the_caller() {
    on_every_server(|server| {
        let ScriptedNetwork { pic, a, .. } = server.one_subnet();
        let argument = tell().bytes();
        let reply =
            pic.update_call_with_sender_info(a, Principal::anonymous(), "ask", argument, info());
        assert_eq!(reply, told());
    });
}

#[test]
fn callbacks_of_a_call_are_told_and_callees_are_not() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let callee = call(network.b).running(tell());
            assert_eq!(run_with_info(&network, script().call(callee)), Ok(vec![]));
            for answer in [script().reply(""), script().reject("")] {
                let asked = call(network.b).running(answer).on_response(tell());
                assert_eq!(run_with_info(&network, script().call(asked)), told());
            }
        }
    });
}

#[test]
fn callbacks_of_a_composite_query_are_told_and_callees_are_not() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let ask = |script| call(network.b).method("ask").running(script);
        let reply = query_with_info(&network, "compose", script().call(ask(tell())));
        assert_eq!(reply, Ok(vec![]));
        for answer in [script().reply(""), script().reject("")] {
            let asked = ask(answer).on_response(tell());
            assert_eq!(query_with_info(&network, "compose", script().call(asked)), told());
        }
    });
}

#[test]
fn cleanup_code_sees_the_information_about_the_caller() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let failing = call(network.b)
            .running(script().reply(""))
            .on_response(script().trap(""))
            .on_cleanup(script().caller_info_size().store(FOUND));
        run_with_info(&network, script().call(failing)).unwrap_err();
        assert_eq!(network.cell(network.a, FOUND), INFO.len() as u64);
    });
}

#[test]
fn inspect_message_sees_the_information_about_the_caller() {
    on_every_server(|server: Server| {
        let network = server.one_subnet();
        let inspect = script().caller_info_size().when(script().accept_ingress());
        let setup = script().keep(ON_INSPECT, inspect).bytes();
        network.pic.reinstall_canister(network.a, canister(), setup, None).unwrap();
        assert_eq!(run_with_info(&network, tell()), told());
        let refused = network.run(network.a, tell()).unwrap_err();
        assert_eq!(refused.error_code, ErrorCode::CanisterRejectedMessage);
    });
}
