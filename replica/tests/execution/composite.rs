//! Queries that call queries.

use crate::script::{Call, Script, call, number, numbers, rejected, script};
use crate::world::{Answer, World, on_every_server};
use candid::Principal;
use pocket_ic::{CanisterSettings, ErrorCode};

/// A composite query's call of a composite query.
fn compose(callee: Principal, asked: Script) -> Call {
    call(callee).method("compose").running(asked)
}

/// A composite query's call of a query.
fn ask(callee: Principal, asked: Script) -> Call {
    call(callee).method("ask").running(asked)
}

impl World {
    /// Has a canister run a script as a composite query.
    fn compose(&self, canister: Principal, script: Script) -> Answer {
        self.pic.query_call(canister, Principal::anonymous(), "compose", script.bytes())
    }

    /// What `a` gets when it makes a call as a composite query, which is rejected.
    fn rejected(&self, call: Call) -> (u64, String) {
        rejected(&self.compose(self.a, script().call(call)).expect("the caller replies"))
    }

    fn error(&self, script: Script) -> ErrorCode {
        self.compose(self.a, script).expect_err("it is rejected").error_code
    }
}

#[test]
fn composite_queries_call_queries_and_composite_queries_of_their_subnet() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let (a, b) = (world.a, world.b);
        let asked = || script().append_caller().reply(" asks");
        let expected = |caller: Principal| [caller.as_slice(), b" asks"].concat();
        let reply = world.compose(a, script().call(ask(b, asked())));
        assert_eq!(reply, Ok(expected(a)));
        let reply = world.compose(a, script().call(compose(b, asked())));
        assert_eq!(reply, Ok(expected(a)));
        let reply = world.compose(a, script().call(compose(b, script().call(ask(a, asked())))));
        assert_eq!(reply, Ok(expected(b)));
        let reply = world.compose(a, script().call(ask(a, asked())));
        assert_eq!(reply, Ok(expected(a)));
    });
}

#[test]
fn callbacks_see_what_their_query_changed_and_nobody_else_ever_does() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let (a, b) = (world.a, world.b);
        let steps =
            script().put(9, 7).call(ask(a, script().load(9).reply_number()).on_reply(
                // What it asked itself saw the canister as it was.
                script().take().store(8).count(9).call(
                    ask(b, script().reply("asked")).on_reply(
                        script().load(8).append_acc().load(9).append_acc().reply_appended(),
                    ),
                ),
            ));
        assert_eq!(numbers(&world.compose(a, steps).unwrap()), [0, 8]);
        assert_eq!(world.cell(a, 9), 0);
    });
}

#[test]
fn what_a_composite_query_asked_changed_is_gone_at_the_next_call() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let count = || compose(world.b, script().count(9).load(9).reply_number());
        let steps = script().call(count().on_reply(script().call(count())));
        assert_eq!(number(&world.compose(world.a, steps).unwrap()), 1);
    });
}

#[test]
fn calls_are_executed_one_after_the_other_until_one_of_them_answers() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let note = |name| ask(world.b, script().reply("")).on_reply(script().append(name));
        let last = ask(world.b, script().reply("")).on_reply(script().reply("3"));
        let never = ask(world.b, script().reply("")).on_reply(script().trap("too late"));
        let calls = [note("1"), note("2"), last, never];
        let steps = calls.into_iter().fold(script(), Script::call);
        // What was appended in earlier executions is no part of the reply.
        assert_eq!(world.compose(world.a, steps), Ok(b"3".to_vec()));
    });
}

#[test]
fn composite_queries_cannot_leave_their_subnet_nor_call_updates() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let (code, text) = world.rejected(ask(world.b, script().reply("never")));
        assert!(code == 3 && text.contains("not found"), "{code} {text}");
        let (code, text) = world.rejected(call(world.a).running(script().reply("never")));
        assert!(code == 5 && text.contains("query method 'run'"), "{code} {text}");
    });
}

#[test]
fn composite_queries_are_not_for_updates() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let anonymous = Principal::anonymous();
        let answer = world.pic.update_call(world.a, anonymous, "compose", script().bytes());
        let code = answer.unwrap_err().error_code;
        assert_eq!(code, ErrorCode::CompositeQueryCalledInReplicatedMode);
    });
}

#[test]
fn seven_queries_may_be_open_at_once_and_no_more() {
    on_every_server(|server| {
        let world = server.one_subnet();
        // A chain of composite queries with a reply at its end.
        let chain = |queries: usize| {
            (1..queries).fold(script().reply("end"), |rest, number| {
                let callee = if number % 2 == 0 { world.a } else { world.b };
                script().call(compose(callee, rest))
            })
        };
        assert_eq!(world.compose(world.a, chain(7)), Ok(b"end".to_vec()));
        assert_eq!(world.error(chain(8)), ErrorCode::QueryCallGraphTooDeep);
    });
}

#[test]
fn all_calls_of_a_query_share_its_instructions() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let done = |calls| {
            let ask = ask(world.b, script().reply("")).on_reply(
                script().count_down(9).load(9).unless(script().reply("all are answered")),
            );
            script().put(9, calls).repeat(calls, script().call(ask))
        };
        assert_eq!(world.compose(world.a, done(99)), Ok(b"all are answered".to_vec()));
        let too_many = ErrorCode::QueryCallGraphTotalInstructionLimitExceeded;
        assert_eq!(world.error(done(100)), too_many);
    });
}

#[test]
fn callers_learn_why_a_query_failed() {
    on_every_server(|server| {
        let world = server.one_subnet();
        for (asked, expected) in [
            (script().trap("no"), (5, "IC0503")),
            (script(), (5, "IC0506")),
            (script().reject("I will not"), (4, "I will not")),
        ] {
            for call in [ask(world.b, asked.clone()), compose(world.b, asked.clone())] {
                let (code, text) = world.rejected(call);
                assert!(text.contains(expected.1), "{text}");
                assert_eq!(code, expected.0, "{text}");
            }
        }
        let missing = Principal::from_slice(&[0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 1, 1]);
        assert_eq!(world.rejected(ask(missing, script())).0, 3);
    });
}

#[test]
fn a_composite_query_that_answers_nothing_fails() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let asks = |then| script().call(ask(world.b, script().reply("")).on_reply(then));
        for steps in [script(), asks(script()), asks(asks(script()))] {
            assert_eq!(world.error(steps), ErrorCode::CanisterDidNotReply);
        }
    });
}

#[test]
fn a_callback_that_traps_changes_nothing_and_its_cleanup_runs() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let asks = || ask(world.b, script().reply(""));
        let traps = asks()
            .on_reply(script().put(9, 1).trap("in the callback"))
            .on_cleanup(script().put(10, 2));
        let reads =
            asks().on_reply(script().load(9).append_acc().load(10).append_acc().reply_appended());
        let steps = script().call(traps.clone()).call(reads);
        assert_eq!(numbers(&world.compose(world.a, steps).unwrap()), [0, 2]);
        // The last one that traps decides.
        let error = world.compose(world.a, script().call(traps)).unwrap_err();
        assert_eq!(error.error_code, ErrorCode::CanisterCalledTrap);
        assert!(error.reject_message.contains("in the callback"), "{}", error.reject_message);
    });
}

#[test]
fn queries_make_no_calls() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let error = world.ask(world.a, script().call(ask(world.b, script()))).unwrap_err();
        assert_eq!(error.error_code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn queries_cost_nothing() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let steps = script().spin(1_000_000).call(ask(world.b, script().spin(1_000_000).reply("")));
        for canister in [world.a, world.b] {
            let (cycles, answer) = world.spent(canister, || world.compose(world.a, steps.clone()));
            assert_eq!((cycles, answer), (0, Ok(vec![])));
        }
    });
}

#[test]
fn frozen_canisters_answer_no_queries() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let settings = CanisterSettings {
            freezing_threshold: Some(u64::MAX.into()),
            ..CanisterSettings::default()
        };
        world.pic.update_canister_settings(world.b, None, settings).unwrap();
        let error = world.ask(world.b, script().reply("never")).unwrap_err();
        assert_eq!(error.error_code, ErrorCode::CanisterOutOfCycles);
        let (code, text) = world.rejected(ask(world.b, script().reply("never")));
        assert!(code == 2 && text.starts_with("IC0207"), "{code} {text}");
    });
}
