//! Messages and installations with more instructions than one round executes of them: two billion. They are paused at
//! the end of a round (deterministic time slicing, DTS).

use crate::ic00::{about, management, submit, submit_management};
use candid::Principal;
use ic_management_canister_types::{CanisterInstallMode, InstallCodeArgs};
use pocket_ic::common::rest::RawMessageId;
use pocket_ic::{ErrorCode, PocketIc};
use std::time::{Duration, Instant};
use test_support::script::{Script, call, script, wasm};
use test_support::scripted::{install, install_module};
use test_support::{DEFAULT_CYCLES, ScriptedNetwork, on_every_server};

/// Each turn moves ten megabytes at fifty instructions a byte.
fn half_billions(count: u64) -> Script {
    script().repeat(count, script().prepare(call(Principal::anonymous()).zeros(10_000_000)))
}

/// Work that marks what it has done.
fn long_work() -> Script {
    script().put(9, 1).append_all(half_billions(10)).count(9).reply("long")
}

/// Whether a canister responds within the next tick.
fn answers_at_once(network: &ScriptedNetwork, canister: Principal) -> bool {
    let message = network.submit(canister, script().reply("short"));
    network.pic.tick();
    network.response(&message).is_some()
}

#[test]
fn a_message_of_five_billion_instructions_takes_three_rounds_in_which_others_execute() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let long = network.submit(network.a, long_work());
        for _ in 0..2 {
            assert!(answers_at_once(&network, network.b));
            assert_eq!(network.response(&long), None);
            assert_eq!(network.cell(network.a, 9), 0, "nothing counts before its end");
        }
        network.pic.tick();
        assert_eq!(network.response(&long), Some(Ok(b"long".to_vec())));
        assert_eq!(network.cell(network.a, 9), 2);
    });
}

#[test]
fn a_query_method_called_as_an_update_takes_several_rounds_and_leaves_nothing_behind() {
    on_every_server(|server| {
        let ScriptedNetwork { pic, a: other, .. } = server.one_subnet();
        // Each byte that is filled is an instruction: three billion of the five that queries have.
        let module = wasm(
            r#"(module
                (import "ic0" "msg_reply" (func $reply))
                (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
                (memory 1000)
                (func (export "canister_query fill") (local $left i32)
                  (local.set $left (i32.const 50))
                  (loop $again
                    (memory.fill (i32.const 0) (i32.const 1) (i32.const 60000000))
                    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                    (br_if $again (local.get $left)))
                  (call $append (i32.const 0) (i32.const 1)) (call $reply))
                (func (export "canister_query first")
                  (call $append (i32.const 0) (i32.const 1)) (call $reply)))"#,
        );
        let canister = install_module(&pic, module);
        let submit =
            |method| pic.submit_call(canister, Principal::anonymous(), method, vec![]).unwrap();
        let long = submit("fill");
        let short =
            pic.submit_call(other, Principal::anonymous(), "run", script().reply("").bytes());
        pic.tick();
        assert_eq!(pic.ingress_status(short.unwrap()), Some(Ok(vec![])), "others execute");
        assert_eq!(pic.ingress_status(long.clone()), None);
        let next = submit("first");
        pic.tick();
        assert_eq!(pic.ingress_status(long), Some(Ok(vec![1])));
        pic.tick();
        assert_eq!(pic.ingress_status(next), Some(Ok(vec![0])));
    });
}

#[test]
fn a_canister_begins_nothing_else_until_the_round_after_its_long_message() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let long = network.submit(network.a, long_work());
        network.pic.tick();
        let next = network.submit(network.a, script().load(9).reply_number());
        for _ in 0..2 {
            network.pic.tick();
            assert_eq!(network.response(&next), None);
        }
        assert!(network.response(&long).is_some());
        network.pic.tick();
        assert_eq!(network.response(&next), Some(Ok(2u64.to_le_bytes().to_vec())));
    });
}

#[test]
fn a_callback_can_take_several_rounds_and_its_answer_comes_with_the_last_one() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let one = call(network.b).running(script().reply("")).on_reply(long_work());
        let (ticks, answer) = network.ticks(&network.submit(network.a, script().call(one)));
        assert_eq!((ticks, answer), (3, Ok(b"long".to_vec())));
    });
}

#[test]
fn a_message_that_needs_more_than_forty_billion_fails_after_twenty_rounds() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let script = script().put(9, 1).append_all(half_billions(82)).reply("");
        let (ticks, answer) = network.ticks(&network.submit(network.a, script));
        let reject = answer.unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterInstructionLimitExceeded);
        assert_eq!((ticks, network.cell(network.a, 9)), (20, 0));
    });
}

#[test]
fn long_messages_of_more_canisters_than_can_be_paused_all_end() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        let canisters: Vec<_> = (0..6).map(|_| install(&pic)).collect();
        let submit = |id: &Principal| {
            pic.submit_call(*id, Principal::anonymous(), "run", long_work().bytes()).unwrap()
        };
        let messages: Vec<RawMessageId> = canisters.iter().map(submit).collect();
        let ended =
            || messages.iter().filter(|id| pic.ingress_status((*id).clone()).is_some()).count();
        // Four threads: the first four take three rounds.
        for _ in 0..2 {
            pic.tick();
            assert_eq!(ended(), 0);
        }
        for _ in 0..8 {
            pic.tick();
        }
        assert_eq!(ended(), 6);
    });
}

#[test]
fn a_canister_is_managed_once_its_long_message_is_over() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let long = network.submit(network.a, long_work());
        network.pic.tick();
        let stop = submit_management(&network, "stop_canister", network.a);
        network.pic.tick();
        assert_eq!(network.response(&stop), None);
        network.ticks(&stop).1.unwrap();
        assert_eq!(network.response(&long), Some(Ok(b"long".to_vec())));
    });
}

#[test]
fn even_read_only_management_calls_wait_for_a_paused_message() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let long = network.submit(network.a, long_work());
        network.pic.tick();
        let status = submit_management(&network, "canister_status", network.a);
        let other = submit_management(&network, "canister_status", network.b);
        network.pic.tick();
        assert_eq!(network.response(&status), None);
        assert!(network.response(&other).is_some());
        network.ticks(&status).1.unwrap();
        assert_eq!(network.response(&long), Some(Ok(b"long".to_vec())));
    });
}

#[test]
fn a_long_message_ends_on_a_network_that_progresses_by_itself() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let began = Instant::now();
        network.run(network.a, long_work()).unwrap();
        let alone = began.elapsed();
        network.pic.auto_progress();
        // Afterwards everything that fell due when time began to pass is done.
        let short = network.submit(network.a, script().reply("short"));
        network.pic.await_call_no_ticks(short).unwrap();
        let began = Instant::now();
        let message = network.submit(network.a, long_work());
        assert_eq!(network.pic.await_call_no_ticks(message), Ok(b"long".to_vec()));
        // Charges for resources come every ten seconds.
        let most = 3 * alone + Duration::from_secs(8);
        assert!(began.elapsed() < most, "nothing else has to happen: {:?}", began.elapsed());
    });
}

/// A canister whose installation has 4.5 billion instructions, and which says `name`.
fn slow_to_install(name: &str) -> Vec<u8> {
    wasm(&format!(
        r#"(module
            (import "ic0" "msg_reply" (func $reply))
            (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
            (memory 16)
            (data (i32.const 0) "{name}")
            (func $work (local $turns i32)
              (local.set $turns (i32.const 4500))
              (loop $again
                (memory.fill (i32.const 1000) (i32.const 1) (i32.const 1000000))
                (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
                (br_if $again (local.get $turns))))
            (func (export "canister_init") (call $work))
            (func (export "canister_post_upgrade") (call $work))
            (func (export "canister_query name")
              (call $append (i32.const 0) (i32.const 3)) (call $reply)))"#
    ))
}

/// Sends an upgrade to this module, without a tick.
fn submit_upgrade(pic: &PocketIc, canister_id: Principal, wasm_module: Vec<u8>) -> RawMessageId {
    let mode = CanisterInstallMode::Upgrade(None);
    let arguments = InstallCodeArgs {
        mode,
        canister_id,
        wasm_module,
        arg: vec![],
        sender_canister_version: None,
    };
    submit(pic, canister_id, "install_code", arguments)
}

#[test]
fn an_upgrade_can_take_several_rounds_in_which_the_code_before_answers() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let canister = install_module(&network.pic, slow_to_install("old"));
        let name = || {
            let answer = network.pic.query_call(canister, Principal::anonymous(), "name", vec![]);
            String::from_utf8(answer.unwrap()).unwrap()
        };
        // Heavy installations must not follow each other too closely.
        for _ in 0..2 {
            network.pic.tick();
        }
        let upgrade = submit_upgrade(&network.pic, canister, slow_to_install("new"));
        for _ in 0..2 {
            assert!(answers_at_once(&network, network.b));
            assert_eq!((network.response(&upgrade), name()), (None, "old".to_owned()));
        }
        network.pic.tick();
        assert!(network.response(&upgrade).expect("there is a response").is_ok());
        assert_eq!(name(), "new");
    });
}

#[test]
fn one_long_installation_waits_for_the_other() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        let [first, second] = [(); 2].map(|()| install_module(&pic, slow_to_install("old")));
        let upgrades = [first, second].map(|id| submit_upgrade(&pic, id, slow_to_install("new")));
        let ended = || upgrades.clone().map(|id| pic.ingress_status(id).is_some());
        for _ in 0..2 {
            pic.tick();
            assert_eq!(ended(), [false; 2]);
        }
        pic.tick();
        assert_eq!(ended(), [true, false]);
        for _ in 0..3 {
            pic.tick();
        }
        assert_eq!(ended(), [true; 2]);
    });
}

#[test]
fn a_long_message_goes_on_by_itself_on_a_network_that_progresses_by_itself() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.auto_progress();
        let long = network.submit(network.a, long_work());
        assert_eq!(network.pic.await_call_no_ticks(long).unwrap(), b"long");
    });
}

#[test]
fn a_management_call_that_waits_for_a_paused_message_is_dropped_when_its_deadline_passes() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let long = network.submit(network.b, long_work());
        let deposit = management("deposit_cycles", about(network.b)).cycles(1_000_000_000_000);
        let deposit = deposit.timeout(1).on_reject(script().reject_code().reply_number());
        let message = network.submit(network.a, script().call(deposit));
        network.pic.tick();
        network.pic.advance_time(Duration::from_secs(3));
        network.pic.tick();
        let before = network.pic.cycle_balance(network.a);
        let unknown = 6u64.to_le_bytes().to_vec();
        assert_eq!(network.response(&message), Some(Ok(unknown)), "the outcome is unknown");
        // The call is dropped in the next round. Its cycles come back in a message of their own.
        network.pic.tick();
        network.pic.tick();
        assert_eq!(network.pic.cycle_balance(network.a), before + 1_000_000_000_000);
        assert_eq!(network.ticks(&long).1, Ok(b"long".to_vec()));
        network.pic.tick();
        assert!(network.pic.cycle_balance(network.b) < DEFAULT_CYCLES);
    });
}
