//! The differences between system subnets and others.

use crate::ic00::submit;
use crate::queues::nobody;
use crate::subnets::{install_on, run};
use candid::Principal;
use ic_management_canister_types::{CanisterInstallMode, InstallCodeArgs, UploadChunkArgs};
use pocket_ic::ErrorCode;
use test_support::script::{call, number, numbers, script, wasm};
use test_support::{ScriptedNetwork, on_every_server};

#[test]
fn a_system_subnet_charges_nothing() {
    on_every_server(|server| {
        let pic = server.network().with_system_subnet().with_application_subnet().build();
        let subnet = pic.topology().get_system_subnets()[0];
        let id = install_on(&pic, subnet);
        let before = pic.cycle_balance(id);
        run(&pic, id, &script().spin(1_000).call(call(id).running(script().reply(""))));
        assert_eq!(pic.cycle_balance(id), before);
    });
}

#[test]
fn pages_that_are_written_to_count_on_a_system_subnet_as_on_others() {
    on_every_server(|server| {
        let pic = server.network().with_system_subnet().with_application_subnet().build();
        let topology = pic.topology();
        let stores = script().stable_grow(1).store_stable(0).counter(0).append_acc();
        let stores = stores.store_stable(8).counter(0).append_acc().store_stable(4096);
        let stores = stores.counter(0).append_acc().reply_appended();
        // The first execution of a context counts with its pages.
        let heap = script().put(9, 1).call(
            call(Principal::management_canister())
                .method("raw_rand")
                .on_response(script().counter(1).reply_number()),
        );
        let counted = |subnet| {
            let id = install_on(&pic, subnet);
            let at = numbers(&run(&pic, id, &stores));
            // Both are alike but for the page, of which the first was written to before.
            (at[2] - at[1]) - (at[1] - at[0]) + number(&run(&pic, id, &heap))
        };
        let counts = [topology.get_system_subnets()[0], topology.get_app_subnets()[0]].map(counted);
        assert!(counts[0] == counts[1] && counts[0] >= 2_000, "{counts:?}");
    });
}

#[test]
fn a_query_method_called_as_an_update_may_use_more_on_a_system_subnet() {
    on_every_server(|server| {
        let pic = server.network().with_system_subnet().with_application_subnet().build();
        // Six billion instructions: a byte that is filled counts as one.
        let module = wasm(
            r#"(module
                (import "ic0" "msg_reply" (func $reply))
                (memory 1000)
                (func $fill (local $left i32)
                  (local.set $left (i32.const 100))
                  (loop $again
                    (memory.fill (i32.const 0) (i32.const 1) (i32.const 60000000))
                    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                    (br_if $again (local.get $left)))
                  (call $reply))
                (export "canister_query fill" (func $fill)))"#,
        );
        let topology = pic.topology();
        let code = |subnet, by_query: bool| {
            let id = pic.create_canister_on_subnet(None, None, subnet);
            pic.install_canister(id, module.clone(), vec![], None);
            let answer = match by_query {
                true => pic.query_call(id, Principal::anonymous(), "fill", vec![]),
                false => pic.update_call(id, Principal::anonymous(), "fill", vec![]),
            };
            answer.map(|_| ()).map_err(|reject| reject.error_code)
        };
        let too_much = Err(ErrorCode::CanisterInstructionLimitExceeded);
        let (system, application) =
            (topology.get_system_subnets()[0], topology.get_app_subnets()[0]);
        assert_eq!(code(application, false), too_much);
        assert_eq!(code(system, false), Ok(()));
        assert_eq!(code(system, true), too_much);
    });
}

#[test]
fn management_calls_have_more_of_a_round_on_a_system_subnet() {
    on_every_server(|server| {
        let pic = server.network().with_system_subnet().with_application_subnet().build();
        let topology = pic.topology();
        let done = |subnet, number: u32| {
            let canisters =
                [0, 1].map(|more| (more, pic.create_canister_on_subnet(None, None, subnet)));
            let messages = canisters.map(|(more, canister_id)| {
                // Compiling one takes 360 M instructions, which is less than a sixteenth of 7 B.
                let drops = format!("(drop (i32.const {}))", number + more).repeat(30_000);
                let arguments = InstallCodeArgs {
                    mode: CanisterInstallMode::Install,
                    canister_id,
                    wasm_module: wasm(&format!("(module (func {drops}))")),
                    arg: vec![],
                    sender_canister_version: None,
                };
                submit(&pic, canister_id, "install_code", arguments)
            });
            pic.tick();
            messages
                .into_iter()
                .filter(|message| pic.ingress_status(message.clone()).is_some())
                .count()
        };
        assert_eq!(done(topology.get_app_subnets()[0], 0), 1);
        assert_eq!(done(topology.get_system_subnets()[0], 2), 2);
    });
}

#[test]
fn uploads_count_for_nothing_in_rounds_of_a_system_subnet() {
    on_every_server(|server| {
        let pic = server.network().with_system_subnet().build();
        let canister_id = pic.create_canister();
        let messages = [0u8, 1, 2, 3].map(|byte| {
            let chunk = UploadChunkArgs { canister_id, chunk: vec![byte] };
            submit(&pic, canister_id, "upload_chunk", chunk)
        });
        pic.tick();
        assert!(messages.into_iter().all(|message| pic.ingress_status(message).is_some()));
    });
}

#[test]
fn memory_for_responses_does_not_bound_calls_on_a_system_subnet() {
    on_every_server(|server| {
        let pic = server.network().with_system_subnet().build();
        let id = install_on(&pic, pic.topology().get_system_subnets()[0]);
        let network = ScriptedNetwork { pic, a: id, b: id };
        let calls = nobody(&network).into_iter().fold(script().put(5, 0), |calls, peer| {
            let one = script().call(call(peer).on_response(script())).unless(script().count(5));
            calls.repeat(500, one)
        });
        let made = network.run(id, calls.load(5).reply_number()).unwrap();
        assert_eq!(number(&made), 3_500);
    });
}
