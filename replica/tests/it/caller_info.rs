//! What canisters that vouch for users say of them.

use crate::script::{Script, call, script, wasm};
use crate::world::{World, install_module, on_every_server};
use candid::Principal;
use pocket_ic::ErrorCode;
use pocket_ic::common::rest::RawSenderInfo;

/// What is said of somebody, and by whom.
fn info(world: &World) -> RawSenderInfo {
    RawSenderInfo { info: b"they live in Bern".to_vec(), signer: world.b.as_slice().to_vec() }
}

/// What a canister sees of it.
fn seen(world: &World) -> Vec<u8> {
    [&info(world).info, world.b.as_slice()].concat()
}

#[test]
fn updates_and_queries_see_what_is_said_of_their_caller() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let me = Principal::anonymous();
        let tell = || script().append_caller_info().reply_appended();
        let (update, query) = (tell().bytes(), tell().bytes());
        let update =
            world.pic.update_call_with_sender_info(world.a, me, "run", update, info(&world));
        assert_eq!(update.unwrap(), seen(&world));
        let query = world.pic.query_call_with_sender_info(world.a, me, "ask", query, info(&world));
        assert_eq!(query.unwrap(), seen(&world));
        // Of the next one, nothing is said.
        assert_eq!(world.run(world.a, tell()), Ok(vec![]));
        assert_eq!(world.ask(world.a, tell()), Ok(vec![]));
    });
}

#[test]
fn callbacks_still_see_what_is_said_of_the_user_and_callees_do_not() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let me = Principal::anonymous();
        let tell = || script().append_caller_info().reply_appended();
        let asking = |callback| script().call(call(world.b).running(tell()).on_reply(callback));
        let run = |asking: Script| {
            let argument = asking.bytes();
            world.pic.update_call_with_sender_info(world.a, me, "run", argument, info(&world))
        };
        assert_eq!(run(asking(tell())).unwrap(), seen(&world));
        assert_eq!(run(asking(script().append_argument().reply_appended())).unwrap(), b"");
    });
}

/// Lets in those of whom something is said.
const CHOOSY: &str = r#"(module
  (import "ic0" "msg_caller_info_data_size" (func $size (result i32)))
  (import "ic0" "accept_message" (func $accept))
  (import "ic0" "msg_reply" (func $reply))
  (func (export "canister_inspect_message") (if (call $size) (then (call $accept))))
  (func (export "canister_update enter") (call $reply)))"#;

#[test]
fn a_canister_sees_what_is_said_of_a_user_before_it_lets_them_in() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let (club, me) = (install_module(&world.pic, wasm(CHOOSY)), Principal::anonymous());
        let enter = |info| world.pic.update_call_with_sender_info(club, me, "enter", vec![], info);
        enter(info(&world)).unwrap();
        let reject = world.pic.update_call(club, me, "enter", vec![]).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
    });
}
