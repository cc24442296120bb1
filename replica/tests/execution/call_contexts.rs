//! When a call context gets a response, and which one.

use crate::ic00::submit_management;
use crate::patterns::{open_gate, pong, wait_for};
use candid::Principal;
use pocket_ic::ErrorCode;
use test_support::script::{Script, call, number, numbers, rejected, script};
use test_support::{ScriptedNetwork, on_every_server};

/// Asks another canister first, which takes a tick, and then goes on.
fn later(network: &ScriptedNetwork, then: Script) -> Script {
    script().call(pong(network.b).on_response(then))
}

fn code(network: &ScriptedNetwork, script: Script) -> ErrorCode {
    network.run(network.a, script).expect_err("it is rejected").error_code
}

#[test]
fn an_answer_is_given_at_once_and_open_calls_go_on() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let script = later(&network, script().put(9, 1)).reply("at once");
        let message = network.submit(network.a, script);
        assert_eq!(network.ticks(&message), (1, Ok(b"at once".to_vec())));
        assert_eq!(network.cell(network.a, 9), 0);
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 1);
    });
}

#[test]
fn a_reject_is_given_at_once_and_open_calls_go_on() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let message =
            network.submit(network.a, later(&network, script().put(9, 1)).reject("at once"));
        let (ticks, answer) = network.ticks(&message);
        assert_eq!((ticks, answer.unwrap_err().reject_message.as_str()), (1, "at once"));
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 1);
    });
}

#[test]
fn a_call_that_ends_without_an_answer_is_rejected() {
    on_every_server(|server| {
        let network = server.two_subnets();
        for script in
            [script(), later(&network, script()), later(&network, later(&network, script()))]
        {
            let reject = network.run(network.a, script).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterDidNotReply);
            assert!(reject.reject_message.contains("did not reply"), "{}", reject.reject_message);
        }
        let reply = network.run(network.a, script().call(call(network.b).cycles(77))).unwrap();
        let (code, message) = rejected(&reply);
        assert_eq!((code, message.to_lowercase().as_str()), (5, "no response"));
    });
}

#[test]
fn a_trap_in_a_callback_does_not_answer_while_other_calls_are_open() {
    on_every_server(|server| {
        let network = server.two_subnets();
        // The first callback traps at once; the other call waits for the gate.
        let held = call(network.b).running(wait_for(network.a, script().reply("held")));
        let both = |then| {
            script()
                .call(pong(network.b).on_reply(script().trap("first")))
                .call(held.clone().on_reply(then))
        };
        let message = network.submit(network.a, both(script().reply("second")));
        for _ in 0..5 {
            network.pic.tick();
        }
        assert_eq!(network.response(&message), None);
        network.run(network.a, open_gate()).unwrap();
        assert_eq!(network.ticks(&message).1, Ok(b"second".to_vec()));
        // Whichever execution is the last decides.
        assert_eq!(code(&network, both(script())), ErrorCode::CanisterDidNotReply);
        assert_eq!(code(&network, both(script().unreachable())), ErrorCode::CanisterTrapped);
    });
}

#[test]
fn the_last_callback_that_traps_answers_with_its_error() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let script = later(&network, script().reply("thrown away").trap("after the reply"));
        let reject = network.run(network.a, script).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterCalledTrap);
        assert!(reject.reject_message.contains("'after the reply'"), "{}", reject.reject_message);
    });
}

#[test]
fn a_reply_followed_by_a_trap_in_the_same_execution_is_no_reply() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let script = script().reply("thrown away").trap("too late");
        assert_eq!(code(&network, script), ErrorCode::CanisterCalledTrap);
    });
}

#[test]
fn a_trap_after_the_answer_was_given_changes_nothing_for_the_caller() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let message = network.submit(
            network.a,
            later(&network, script().put(9, 1).trap("nobody hears")).reply("given"),
        );
        network.pic.tick();
        network.pic.tick();
        network.pic.tick();
        assert_eq!(network.response(&message), Some(Ok(b"given".to_vec())));
        assert_eq!(network.cell(network.a, 9), 0);
    });
}

#[test]
fn a_call_is_answered_only_once() {
    on_every_server(|server| {
        let network = server.two_subnets();
        for twice in [
            script().reply("one").reply("two"),
            script().reply("one").reject("two"),
            script().reject("one").append("more"),
        ] {
            assert_eq!(code(&network, twice), ErrorCode::CanisterContractViolation);
        }
        // In a callback after the answer: the callback traps and what it did is undone.
        let message = network
            .submit(network.a, later(&network, script().put(9, 1).reply("two")).reply("one"));
        assert_eq!(network.ticks(&message).1, Ok(b"one".to_vec()));
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 0);
    });
}

#[test]
fn no_cycles_are_available_after_the_answer() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let after = script().available().store(10).accept(5).store(11).put(9, 1);
        let callee = script()
            .call(pong(network.a).on_response(after))
            .available()
            .append_acc()
            .reply_appended();
        let one = call(network.b)
            .cycles(500)
            .running(callee)
            .on_reply(script().refunded().append_acc().append_argument().reply_appended());
        let reply = network.run(network.a, script().call(one)).unwrap();
        assert_eq!(numbers(&reply), [500, 500]);
        network.pic.tick();
        assert_eq!([9, 10, 11].map(|cell| network.cell(network.b, cell)), [1, 0, 0]);
    });
}

#[test]
fn call_contexts_of_one_canister_are_independent() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let messages: Vec<_> = ["one", "two", "three"]
            .map(|text| network.submit(network.a, later(&network, script().reply(text))))
            .into();
        network.pic.tick();
        network.pic.tick();
        let replies = messages.iter().map(|id| network.response(id).unwrap().unwrap());
        assert_eq!(replies.collect::<Vec<_>>(), [&b"one"[..], b"two", b"three"]);
    });
}

#[test]
fn counter_1_adds_up_the_instructions_of_a_call_context() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let both = || script().counter(0).append_acc().counter(1).append_acc();
        let script = later(&network, both().spin(100_000).append_argument().reply_appended())
            .spin(1_000_000)
            .counter(0)
            .store(9)
            .counter(1)
            .store(10);
        let reply = network.run(network.a, script).unwrap();
        let [own, all] = numbers(&reply[..16])[..] else { panic!("two numbers") };
        let first = network.cell(network.a, 9);
        // The first execution, of at least 8 instructions for each turn, and a little of this one.
        assert!(first > 8_000_000, "{first}");
        assert!(all > first && all - own < first + 10_000, "{all} {own} {first}");
        assert!(own < 100_000, "{own}");
        let unknown = test_support::script::script().counter(2).reply("");
        assert_eq!(code(&network, unknown), ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn the_version_counts_executions_that_succeed() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let version = || {
            number(
                &network
                    .ask(network.a, script().version().reply_number())
                    .expect("the canister replies"),
            )
        };
        let before = version();
        network.run(network.a, script().reply("")).unwrap();
        assert_eq!(version(), before + 1);
        network.run(network.a, script().trap("")).unwrap_err();
        network.ask(network.a, script().reply("")).unwrap();
        assert_eq!(version(), before + 1);
        // The update and its callback.
        network.run(network.a, later(&network, script().reply(""))).unwrap();
        assert_eq!(version(), before + 3);
        // The update and the cleanup of the callback that traps.
        let trapping = pong(network.b).on_reply(script().trap("")).on_cleanup(script().put(9, 1));
        network.run(network.a, script().call(trapping)).unwrap_err();
        assert_eq!(version(), before + 5);
        network.pic.stop_canister(network.a, None).unwrap();
        network.pic.start_canister(network.a, None).unwrap();
        // Stopping, stopped, started.
        assert_eq!(version(), before + 8);
    });
}

#[test]
fn a_callback_knows_the_caller_of_its_context() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let user = Principal::self_authenticating([1; 32]);
        let own = later(&network, script().append_caller().reply_appended());
        let update =
            |script: Script| network.pic.update_call(network.a, user, "run", script.bytes());
        assert_eq!(update(own).unwrap(), user.as_slice());
        let callee = call(network.b).running(script().append_caller().reply_appended());
        assert_eq!(update(script().call(callee)).unwrap(), network.a.as_slice());
    });
}

#[test]
fn a_callback_in_a_stopping_canister_runs_and_knows() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let status = || script().status().append_acc();
        let script = wait_for(network.b, status().reply_appended());
        let message = network.submit(network.a, script);
        network.pic.tick();
        let stopping = submit_management(&network, "stop_canister", network.a);
        network.pic.tick();
        network.run(network.b, open_gate()).unwrap();
        assert_eq!(numbers(&network.ticks(&message).1.unwrap()), [2]);
        assert!(network.ticks(&stopping).1.is_ok());
        network.pic.start_canister(network.a, None).unwrap();
        let reply = network.run(network.a, status().reply_appended()).unwrap();
        assert_eq!(number(&reply), 1);
    });
}
