//! What somebody attests of a user who calls, and who is told.

use crate::script::{ON_INSPECT, Script, call, canister, script};
use crate::world::{Answer, Server, World, on_every_server};
use candid::Principal;
use pocket_ic::ErrorCode;
use pocket_ic::common::rest::RawSenderInfo;

const INFO: &[u8] = b"a member since 2021";

/// A cell for what a cleanup finds.
const FOUND: u64 = 9;

fn signer() -> Principal {
    Principal::from_slice(&[1, 2, 3])
}

/// What a canister replies with that is told.
fn told() -> Answer {
    Ok([INFO, signer().as_slice()].concat())
}

/// Replies with what a canister is told: the information, and who attests it.
fn tell() -> Script {
    script().append_caller_info().reply_appended()
}

fn info() -> RawSenderInfo {
    RawSenderInfo { info: INFO.to_vec(), signer: signer().as_slice().to_vec() }
}

impl World {
    fn run_with_info(&self, script: Script) -> Answer {
        let sender = Principal::anonymous();
        self.pic.update_call_with_sender_info(self.a, sender, "run", script.bytes(), info())
    }

    fn query_with_info(&self, method: &str, script: Script) -> Answer {
        let sender = Principal::anonymous();
        self.pic.query_call_with_sender_info(self.a, sender, method, script.bytes(), info())
    }
}

#[test]
fn an_update_and_a_query_are_told_and_whoever_comes_without_has_nothing_told() {
    on_every_server(|server| {
        let world = server.one_subnet();
        assert_eq!(world.run_with_info(tell()), told());
        assert_eq!(world.query_with_info("ask", tell()), told());
        assert_eq!(world.query_with_info("compose", tell()), told());
        assert_eq!(world.run(world.a, tell()), Ok(vec![]));
        assert_eq!(world.ask(world.a, tell()), Ok(vec![]));
    });
}

#[test]
fn a_query_method_called_as_an_update_is_told() {
    on_every_server(|server| {
        let World { pic, a, .. } = server.one_subnet();
        let argument = tell().bytes();
        let reply =
            pic.update_call_with_sender_info(a, Principal::anonymous(), "ask", argument, info());
        assert_eq!(reply, told());
    });
}

#[test]
fn callbacks_of_a_call_are_told_and_callees_are_not() {
    on_every_server(|server| {
        for world in [server.one_subnet(), server.two_subnets()] {
            let callee = call(world.b).running(tell());
            assert_eq!(world.run_with_info(script().call(callee)), Ok(vec![]));
            for answer in [script().reply(""), script().reject("")] {
                let asked = call(world.b).running(answer).on_answer(tell());
                assert_eq!(world.run_with_info(script().call(asked)), told());
            }
        }
    });
}

#[test]
fn callbacks_of_a_composite_query_are_told_and_callees_are_not() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let ask = |script| call(world.b).method("ask").running(script);
        let reply = world.query_with_info("compose", script().call(ask(tell())));
        assert_eq!(reply, Ok(vec![]));
        for answer in [script().reply(""), script().reject("")] {
            let asked = ask(answer).on_answer(tell());
            assert_eq!(world.query_with_info("compose", script().call(asked)), told());
        }
    });
}

#[test]
fn a_cleanup_is_told() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let failing = call(world.b)
            .running(script().reply(""))
            .on_answer(script().trap(""))
            .on_cleanup(script().caller_info_size().store(FOUND));
        world.run_with_info(script().call(failing)).unwrap_err();
        assert_eq!(world.cell(world.a, FOUND), INFO.len() as u64);
    });
}

#[test]
fn inspection_is_told_before_a_message_is_let_in() {
    on_every_server(|server: &Server| {
        let world = server.one_subnet();
        let inspect = script().caller_info_size().when(script().accept_ingress());
        let setup = script().keep(ON_INSPECT, inspect).bytes();
        world.pic.reinstall_canister(world.a, canister(), setup, None).unwrap();
        assert_eq!(world.run_with_info(tell()), told());
        let refused = world.run(world.a, tell()).unwrap_err();
        assert_eq!(refused.error_code, ErrorCode::CanisterRejectedMessage);
    });
}
