//! Failures as canisters and users see them.

use crate::ic00::submit_management;
use crate::patterns::{open_gate, pong, wait_for};
use candid::Principal;
use pocket_ic::{ErrorCode, RejectCode};
use test_support::script::{Call, Script, call, rejected, script};
use test_support::{ScriptedNetwork, Server, on_every_server};

/// A failure as another canister sees it, by reject code and the beginning of the message, and as a
/// user sees it, by error code; with a part of the message.
struct Seen {
    by_canister: (u64, &'static str),
    by_user: ErrorCode,
    part: &'static str,
}

/// Fails unless a callee that runs `script` fails like this within and between subnets.
fn assert_failure(server: Server, script: Script, seen: &Seen) {
    for network in [server.one_subnet(), server.two_subnets()] {
        let reject = network.run(network.b, script.clone()).unwrap_err();
        let text = &reject.reject_message;
        assert_eq!(reject.error_code, seen.by_user, "{text}");
        assert_eq!(reject.reject_code as u64, seen.by_canister.0);
        assert!(text.contains(seen.part) && !text.starts_with("IC0"), "{text}");
        assert!(reject.certified);
        let (code, text) = reject_of(&network, call(network.b).running(script.clone()));
        assert_eq!(code, seen.by_canister.0, "{text}");
        assert!(text.starts_with(seen.by_canister.1) && text.contains(seen.part), "{text}");
        assert!(text.contains(&network.b.to_text()), "{text}");
    }
}

/// What the first canister gets for a call.
fn reject_of(network: &ScriptedNetwork, one: Call) -> (u64, String) {
    let message = network.submit(network.a, script().call(one));
    rejected(&network.ticks(&message).1.expect("the canister replies with the reject"))
}

#[test]
fn an_explicit_trap_has_code_5_and_error_503_and_quotes_its_text() {
    on_every_server(|server| {
        let seen = Seen {
            by_canister: (5, "IC0503: "),
            by_user: ErrorCode::CanisterCalledTrap,
            part: "'out of tea'",
        };
        assert_failure(server, script().trap("out of tea"), &seen);
    });
}

#[test]
fn a_wasm_trap_gets_reject_code_5_and_error_502_and_names_its_kind() {
    on_every_server(|server| {
        for (trap, part) in [
            (script().unreachable(), "unreachable"),
            (script().load_outside(), "out of bounds"),
            (script().divide_by_zero(), "division by"),
            (script().recurse(), "stack"),
        ] {
            let by_user = ErrorCode::CanisterTrapped;
            assert_failure(server, trap, &Seen { by_canister: (5, "IC0502: "), by_user, part });
        }
    });
}

#[test]
fn the_stack_is_whole_again_after_an_overflow() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for _ in 0..5 {
            network.run(network.a, script().recurse()).unwrap_err();
            assert_eq!(network.run(network.a, script().reply("well")), Ok(b"well".to_vec()));
        }
    });
}

#[test]
fn a_call_without_a_reply_gets_reject_code_5_and_users_get_error_506() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for method in ["run", "ask"] {
            let (code, message) =
                reject_of(&network, call(network.b).method(method).running(script()));
            assert_eq!((code, message.as_str()), (5, "No response"));
            let by_user =
                network.pic.update_call(network.b, Principal::anonymous(), method, vec![]);
            assert_eq!(by_user.unwrap_err().error_code, ErrorCode::CanisterDidNotReply);
        }
    });
}

#[test]
fn too_many_instructions_get_reject_code_5_and_error_522() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // Each turn moves 10 MB at 50 instructions a byte: 40 billion are reached in 80 turns.
        let turn = |network: &ScriptedNetwork| script().prepare(call(network.b).zeros(10_000_000));
        let script = script().put(9, 1).repeat(81, turn(&network)).reply("");
        let message = network.submit(network.a, script);
        let reject = network.ticks(&message).1.unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterInstructionLimitExceeded);
        assert!(reject.reject_message.contains("instructions"), "{}", reject.reject_message);
        assert_eq!(network.cell(network.a, 9), 0);
    });
}

#[test]
fn a_callback_that_runs_out_of_instructions_leaves_some_for_cleanup() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let turn = script().prepare(call(network.b).zeros(10_000_000));
        let one = pong(network.b)
            .on_reply(script().repeat(81, turn))
            .on_cleanup(script().spin(100_000).put(9, 1));
        let message = network.submit(network.a, script().call(one));
        let reject = network.ticks(&message).1.unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterInstructionLimitExceeded);
        assert_eq!(network.cell(network.a, 9), 1);
    });
}

#[test]
fn a_violation_of_the_system_interface_gets_reject_code_5_and_error_504() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let one = || pong(network.b);
        for broken in [
            script().reply("").reply(""),
            script().call_perform_it(),
            script().call_data("no call_new before"),
            script().call_cycles(1),
            script().call_timeout(1),
            script().call(one()).call_perform_it(),
            script().prepare(one().timeout(1)).call_timeout(1),
            script().prepare(one().on_cleanup(script())).on_cleanup_again(),
            script().call(one().callee(&[7; 30])),
            script().reject_code(),
            script().refunded(),
            script().accept_ingress(),
            script().method_name_size(),
            script().append_reject_message(),
            script().counter(2),
        ] {
            let seen = Seen {
                by_canister: (5, "IC0504: "),
                by_user: ErrorCode::CanisterContractViolation,
                part: "violat",
            };
            assert_failure(server, broken, &seen);
        }
    });
}

#[test]
fn a_query_may_not_call_accept_cycles_or_set_timers() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for forbidden in [script().call(pong(network.b)), script().accept(1), script().timer(1)] {
            let reject = network.ask(network.a, forbidden).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
        }
    });
}

#[test]
fn an_explicit_reject_has_code_4_and_error_406_and_its_own_text() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let text = "IC0503: not an error code, only text – ü";
            let one = call(network.b).running(script().reject(text));
            assert_eq!(reject_of(&network, one), (4, text.to_owned()));
            let reject = network.run(network.b, script().reject(text)).unwrap_err();
            assert_eq!(reject.reject_message, text);
            assert_eq!(reject.reject_code, RejectCode::CanisterReject);
            assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
        }
    });
}

#[test]
fn a_call_of_a_method_that_does_not_exist_gets_reject_code_5_and_error_536() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let (code, text) = reject_of(&network, call(network.b).method("nowhere"));
            assert_eq!(code, 5);
            assert!(text.starts_with("IC0536: ") && text.contains("'nowhere'"), "{text}");
            let anonymous = Principal::anonymous();
            let by_update = network.pic.update_call(network.b, anonymous, "nowhere", vec![]);
            let by_query = network.pic.query_call(network.b, anonymous, "nowhere", vec![]);
            for (reject, kind) in [(by_update, "update"), (by_query, "query")] {
                let reject = reject.unwrap_err();
                assert_eq!(reject.error_code, ErrorCode::CanisterMethodNotFound);
                let part = format!("{kind} method 'nowhere'");
                assert!(reject.reject_message.contains(&part), "{}", reject.reject_message);
            }
        }
    });
}

#[test]
fn a_composite_query_cannot_be_called_as_an_update() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let (code, text) = reject_of(&network, call(network.b).method("compose"));
            assert_eq!(code, 5);
            assert!(text.starts_with("IC0527: "), "{text}");
        }
    });
}

#[test]
fn a_query_method_can_be_called_as_an_update_and_changes_nothing() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let one = call(network.b).method("ask").running(script().put(9, 1).reply("asked"));
            let message = network.submit(network.a, script().call(one));
            assert_eq!(network.ticks(&message).1, Ok(b"asked".to_vec()));
            assert_eq!(network.cell(network.b, 9), 0);
        }
    });
}

#[test]
fn a_call_to_a_canister_without_code_gets_reject_code_5_and_error_537() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let subnet = network.pic.get_subnet(network.b).unwrap();
            let empty = network.pic.create_canister_on_subnet(None, None, subnet);
            let (code, text) = reject_of(&network, call(empty));
            assert_eq!(code, 5);
            assert!(text.starts_with("IC0537: "), "{text}");
            let reject = network.run(empty, script()).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterWasmModuleNotFound);
        }
    });
}

#[test]
fn a_call_to_a_canister_that_does_not_exist_gets_reject_code_3() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let subnet = network.pic.get_subnet(network.b).unwrap();
            let gone = network.pic.create_canister_on_subnet(None, None, subnet);
            network.pic.stop_canister(gone, None).unwrap();
            network.pic.delete_canister(gone, None).unwrap();
            let (code, text) = reject_of(&network, call(gone).cycles(5));
            assert_eq!(code, 3);
            assert!(text.to_lowercase().contains("not found"), "{text}");
            assert!(text.contains(&gone.to_text()) && !text.starts_with("IC0"), "{text}");
            let reject = network.run(gone, script()).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterNotFound);
        }
    });
}

#[test]
fn a_call_to_a_principal_that_no_subnet_hosts_gets_reject_code_3() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (code, text) = reject_of(&network, call(network.b).callee(&[9; 29]));
        assert_eq!(code, 3);
        assert!(text.to_lowercase().contains("no route"), "{text}");
    });
}

#[test]
fn a_call_that_cannot_be_delivered_is_rejected_in_the_next_tick() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.stop_canister(network.b, None).unwrap();
        for one in [pong(network.b), pong(network.b).callee(&[9; 29])] {
            let message =
                network.submit(network.a, script().call(one.on_reject(script().reply("no"))));
            assert_eq!(network.ticks(&message), (2, Ok(b"no".to_vec())));
        }
    });
}

#[test]
fn a_call_to_a_stopped_canister_gets_reject_code_5_and_error_508() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            network.pic.stop_canister(network.b, None).unwrap();
            let (code, text) = reject_of(&network, call(network.b));
            assert_eq!(code, 5);
            assert!(text.contains("is stopped") && !text.starts_with("IC0"), "{text}");
            let reject = network.run(network.b, script()).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterStopped);
        }
    });
}

#[test]
fn a_stopping_canister_rejects_calls_with_code_5_and_error_509_but_gets_responses() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let held = network.submit(network.b, wait_for(network.a, script().reply("held")));
        network.pic.tick();
        let stopping = submit_management(&network, "stop_canister", network.b);
        network.pic.tick();
        let (code, text) = reject_of(&network, call(network.b));
        assert_eq!(code, 5);
        assert!(text.contains("is stopping"), "{text}");
        let reject = network.run(network.b, script()).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterStopping);
        assert_eq!((network.response(&held), network.response(&stopping)), (None, None));
        network.run(network.a, open_gate()).unwrap();
        assert_eq!(network.ticks(&held).1, Ok(b"held".to_vec()));
        assert!(network.ticks(&stopping).1.is_ok());
    });
}

#[test]
fn a_callee_without_cycles_rejects_with_code_2_and_error_207() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            network.run(network.b, script().liquid().burn_acc().reply("")).unwrap();
            let message = network.submit(network.a, script().call(pong(network.b).cycles(3)));
            let reply = network.ticks(&message).1.unwrap();
            // What is left is just short of an execution's prepayment.
            let (code, text) = rejected(&reply);
            assert_eq!(code, 2);
            assert!(text.starts_with("IC0207: ") && text.contains("out of cycles"), "{text}");
        }
    });
}

#[test]
fn canisters_get_long_reject_messages_without_their_middle_and_users_get_all() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let long = "x".repeat(10_000) + "end";
        let one = call(network.b).running(script().reject(&long));
        let (code, text) = reject_of(&network, one);
        assert_eq!(code, 4);
        assert!(text.len() <= 8 * 1024 && text.len() > 8_000, "{}", text.len());
        assert!(text.starts_with("xxx") && text.contains("...") && text.ends_with("end"), "{text}");
        let unknown = call(Principal::management_canister()).method(&"x".repeat(20_000));
        let (code, text) = reject_of(&network, unknown);
        assert_eq!((code, text.len()), (5, 8 * 1024));
        let whole = network.run(network.b, script().reject(&long)).unwrap_err();
        assert_eq!(whole.reject_message, long);
    });
}
