//! Composite queries: queries that call queries.

use crate::cycles::EXECUTION_BASE;
use candid::Principal;
use pocket_ic::{CanisterSettings, ErrorCode};
use test_support::script::{Call, Script, call, number, numbers, rejected, script};
use test_support::{CallResult, ScriptedNetwork, on_every_server};

/// A composite query's call of a composite query.
fn compose(callee: Principal, asked: Script) -> Call {
    call(callee).method("compose").running(asked)
}

/// A composite query's call of a query.
fn ask(callee: Principal, asked: Script) -> Call {
    call(callee).method("ask").running(asked)
}

/// Has a canister run a script as a composite query.
fn run_composite(network: &ScriptedNetwork, canister: Principal, script: Script) -> CallResult {
    network.pic.query_call(canister, Principal::anonymous(), "compose", script.bytes())
}

/// The reject that `a` gets when it makes a call as a composite query.
fn reject_of(network: &ScriptedNetwork, call: Call) -> (u64, String) {
    let response = run_composite(network, network.a, script().call(call));
    rejected(&response.expect("the caller replies"))
}

/// The error code of a composite query of `a` that is rejected.
fn error_of(network: &ScriptedNetwork, script: Script) -> ErrorCode {
    run_composite(network, network.a, script).expect_err("the query is rejected").error_code
}

#[test]
fn composite_queries_call_queries_and_composite_queries_of_their_subnet() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (a, b) = (network.a, network.b);
        let asked = || script().append_caller().reply(" asks");
        let expected = |caller: Principal| [caller.as_slice(), b" asks"].concat();
        let reply = run_composite(&network, a, script().call(ask(b, asked())));
        assert_eq!(reply, Ok(expected(a)));
        let reply = run_composite(&network, a, script().call(compose(b, asked())));
        assert_eq!(reply, Ok(expected(a)));
        let reply =
            run_composite(&network, a, script().call(compose(b, script().call(ask(a, asked())))));
        assert_eq!(reply, Ok(expected(b)));
        let reply = run_composite(&network, a, script().call(ask(a, asked())));
        assert_eq!(reply, Ok(expected(a)));
    });
}

#[test]
fn callbacks_see_what_their_query_changed_and_nobody_else_ever_does() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (a, b) = (network.a, network.b);
        let steps =
            script().put(9, 7).call(ask(a, script().load(9).reply_number()).on_reply(
                // What it asked itself saw the canister as it was.
                script().take().store(8).count(9).call(
                    ask(b, script().reply("asked")).on_reply(
                        script().load(8).append_acc().load(9).append_acc().reply_appended(),
                    ),
                ),
            ));
        assert_eq!(numbers(&run_composite(&network, a, steps).unwrap()), [0, 8]);
        assert_eq!(network.cell(a, 9), 0);
    });
}

#[test]
fn what_a_composite_query_asked_changed_is_gone_at_the_next_call() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let count = || compose(network.b, script().count(9).load(9).reply_number());
        let steps = script().call(count().on_reply(script().call(count())));
        assert_eq!(number(&run_composite(&network, network.a, steps).unwrap()), 1);
    });
}

#[test]
fn calls_are_executed_one_after_the_other_until_one_of_them_answers() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let note = |name| ask(network.b, script().reply("")).on_reply(script().append(name));
        let last = ask(network.b, script().reply("")).on_reply(script().reply("3"));
        let never = ask(network.b, script().reply("")).on_reply(script().trap("too late"));
        let calls = [note("1"), note("2"), last, never];
        let steps = calls.into_iter().fold(script(), Script::call);
        // What was appended in earlier executions is no part of the reply.
        assert_eq!(run_composite(&network, network.a, steps), Ok(b"3".to_vec()));
    });
}

/// A call that adds a bit to the number in cell 9 when it gets a reply. The query replies with this number
/// once cell 8 has been counted down to 0.
fn noting(callee: Principal, bit: u64) -> Call {
    let note = script().load(9).plus(9).add(bit).store(9).count_down(8).load(8);
    ask(callee, script().reply("")).on_reply(note.unless(script().load(9).reply_number()))
}

#[test]
fn callees_take_turns_in_the_order_of_their_ids() {
    on_every_server(|server| {
        let network = server.one_subnet();
        assert!(network.a < network.b);
        let (a, b) = (|| noting(network.a, 0), || noting(network.b, 1));
        let calls = [b(), b(), b(), a(), a()];
        let steps = calls.into_iter().fold(script().put(8, 5).put(9, 1), Script::call);
        let order = number(&run_composite(&network, network.a, steps).unwrap());
        assert_eq!(format!("{order:b}"), "101011", "after the first 1: a is 0, b is 1");
    });
}

#[test]
fn the_calls_of_a_callback_come_after_those_that_wait() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let first = ask(network.b, script().reply(""))
            .on_reply(script().call(noting(network.a, 0)).call(noting(network.a, 0)));
        let steps = script().put(8, 4).put(9, 1).call(first);
        let steps = steps.call(noting(network.b, 1)).call(noting(network.b, 1));
        let order = number(&run_composite(&network, network.a, steps).unwrap());
        assert_eq!(format!("{order:b}"), "11100", "after the first 1: a is 0, b is 1");
    });
}

#[test]
fn composite_queries_cannot_leave_their_subnet_nor_call_updates() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let (code, text) = reject_of(&network, ask(network.b, script().reply("never")));
        assert!(code == 3 && text.contains("not found"), "{code} {text}");
        let (code, text) = reject_of(&network, call(network.a).running(script().reply("never")));
        assert!(code == 5 && text.contains("query method 'run'"), "{code} {text}");
    });
}

#[test]
fn a_user_who_calls_a_composite_query_as_an_update_is_refused_at_once_and_nothing_is_charged() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (spent, error) = network.spent(network.a, || {
            let script = script().bytes();
            let anonymous = Principal::anonymous();
            network.pic.submit_call(network.a, anonymous, "compose", script).unwrap_err()
        });
        assert_eq!(error.error_code, ErrorCode::CompositeQueryCalledInReplicatedMode);
        network.pic.tick();
        assert_eq!(spent, 0);
    });
}

#[test]
fn a_canister_that_calls_a_composite_query_is_rejected_and_the_callee_pays_for_an_execution() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let one = call(network.b).method("compose").running(script().reply("never"));
        let (spent, reply) =
            network.spent(network.b, || network.run(network.a, script().call(one)).unwrap());
        let (code, text) = rejected(&reply);
        assert!(code == 5 && text.starts_with("IC0527: "), "{code} {text}");
        assert_eq!(spent, u128::from(EXECUTION_BASE));
    });
}

#[test]
fn seven_queries_may_be_open_at_once_and_no_more() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // A chain of composite queries with a reply at its end.
        let chain = |queries: usize| {
            (1..queries).fold(script().reply("end"), |rest, number| {
                let callee = if number % 2 == 0 { network.a } else { network.b };
                script().call(compose(callee, rest))
            })
        };
        assert_eq!(run_composite(&network, network.a, chain(7)), Ok(b"end".to_vec()));
        assert_eq!(error_of(&network, chain(8)), ErrorCode::QueryCallGraphTooDeep);
    });
}

#[test]
fn all_calls_of_a_query_share_its_instructions() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let done = |calls| {
            let ask = ask(network.b, script().reply("")).on_reply(
                script().count_down(9).load(9).unless(script().reply("all are answered")),
            );
            script().put(9, calls).repeat(calls, script().call(ask))
        };
        assert_eq!(run_composite(&network, network.a, done(99)), Ok(b"all are answered".to_vec()));
        let too_many = ErrorCode::QueryCallGraphTotalInstructionLimitExceeded;
        assert_eq!(error_of(&network, done(100)), too_many);
    });
}

#[test]
fn calls_that_are_not_executed_count_no_instructions() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let nowhere = call(network.b)
            .method("nowhere")
            .running(script())
            .on_reject(script().count_down(9).load(9).unless(script().reply("all are answered")));
        let steps = script().put(9, 200).repeat(200, script().call(nowhere));
        let reply = run_composite(&network, network.a, steps);
        assert_eq!(reply, Ok(b"all are answered".to_vec()));
    });
}

#[test]
fn callers_learn_why_a_query_failed() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for (asked, expected) in [
            (script().trap("no"), (5, "'no'")),
            (script(), (5, "did not produce a response")),
            (script().reject("I will not"), (4, "I will not")),
        ] {
            for call in [ask(network.b, asked.clone()), compose(network.b, asked.clone())] {
                let (code, text) = reject_of(&network, call);
                assert!(text.contains(expected.1) && !text.starts_with("IC0"), "{text}");
                assert_eq!(code, expected.0, "{text}");
            }
        }
        let missing = Principal::from_slice(&[0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 1, 1]);
        assert_eq!(reject_of(&network, ask(missing, script())).0, 3);
    });
}

#[test]
fn a_composite_query_that_answers_nothing_fails() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let asks = |then| script().call(ask(network.b, script().reply("")).on_reply(then));
        for steps in [script(), asks(script()), asks(asks(script()))] {
            assert_eq!(error_of(&network, steps), ErrorCode::CanisterDidNotReply);
        }
    });
}

#[test]
fn a_callback_that_traps_changes_nothing_and_its_cleanup_runs() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let asks = || ask(network.b, script().reply(""));
        let traps = asks()
            .on_reply(script().put(9, 1).trap("in the callback"))
            .on_cleanup(script().put(10, 2));
        let reads =
            asks().on_reply(script().load(9).append_acc().load(10).append_acc().reply_appended());
        let steps = script().call(traps.clone()).call(reads);
        assert_eq!(numbers(&run_composite(&network, network.a, steps).unwrap()), [0, 2]);
        // The last one that traps decides.
        let error = run_composite(&network, network.a, script().call(traps)).unwrap_err();
        assert_eq!(error.error_code, ErrorCode::CanisterCalledTrap);
        assert!(error.reject_message.contains("in the callback"), "{}", error.reject_message);
    });
}

#[test]
fn queries_make_no_calls() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let error = network.ask(network.a, script().call(ask(network.b, script()))).unwrap_err();
        assert_eq!(error.error_code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn queries_cost_nothing() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let steps =
            script().spin(1_000_000).call(ask(network.b, script().spin(1_000_000).reply("")));
        for canister in [network.a, network.b] {
            let (cycles, answer) =
                network.spent(canister, || run_composite(&network, network.a, steps.clone()));
            assert_eq!((cycles, answer), (0, Ok(vec![])));
        }
    });
}

#[test]
fn frozen_canisters_answer_no_queries() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let settings = CanisterSettings {
            freezing_threshold: Some(u64::MAX.into()),
            ..CanisterSettings::default()
        };
        network.pic.update_canister_settings(network.b, None, settings).unwrap();
        let error = network.ask(network.b, script().reply("never")).unwrap_err();
        assert_eq!(error.error_code, ErrorCode::CanisterOutOfCycles);
        let (code, text) = reject_of(&network, ask(network.b, script().reply("never")));
        assert!(code == 2 && text.contains("frozen"), "{code} {text}");
        assert!(!text.starts_with("IC0"), "{text}");
    });
}
