//! What a trap undoes, and what stays.

use crate::patterns::pong;
use pocket_ic::ErrorCode;
use test_support::script::{Call, ON_TIMER, Script, call, number, numbers, rejected, script};
use test_support::scripted::install;
use test_support::{ScriptedNetwork, on_every_server};

/// Everything a script can change of its canister's memories.
fn change(by: u64) -> Script {
    script()
        .load(9)
        .add(by)
        .store(9)
        .load_global()
        .add(by)
        .store_global()
        .stable_grow(1)
        .load_stable(0)
        .add(by)
        .store_stable(0)
        .grow(1)
}

/// Cell, global, stable memory, its size and the heap's.
fn state(network: &ScriptedNetwork) -> Vec<u64> {
    let script = script()
        .load(9)
        .append_acc()
        .load_global()
        .append_acc()
        .load_stable(0)
        .append_acc()
        .stable_size()
        .append_acc()
        .heap_pages()
        .append_acc()
        .reply_appended();
    numbers(&network.ask(network.a, script).expect("state can be read"))
}

fn begun(network: &ScriptedNetwork) -> Vec<u64> {
    network.run(network.a, change(100).reply("")).unwrap();
    state(network)
}

#[test]
fn a_message_that_replies_changes_all_memories() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let before = begun(&network);
        assert_eq!(before[..4], [100, 100, 100, 1]);
        network.run(network.a, change(1).reply("")).unwrap();
        assert_eq!(state(&network), [101, 101, 101, 2, before[4] + 1]);
        // So does one that rejects or does not answer.
        network.run(network.a, change(1).reject("")).unwrap_err();
        network.run(network.a, change(1)).unwrap_err();
        assert_eq!(state(&network), [103, 103, 103, 4, before[4] + 3]);
    });
}

#[test]
fn a_trap_undoes_changes_of_all_memories() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let before = begun(&network);
        for trap in [
            script().trap("no"),
            script().unreachable(),
            script().divide_by_zero(),
            script().load_outside(),
            script().recurse(),
            script().reply("").reply(""),
        ] {
            network
                .run(network.a, change(1).reply("").call(trap_free(&network)).append_all(trap))
                .unwrap_err();
            assert_eq!(state(&network), before);
        }
        network.run(network.a, change(1).reply("")).unwrap();
        assert_eq!(state(&network), [101, 101, 101, 2, before[4] + 1]);
    });
}

/// A call to the other canister that it would notice.
fn trap_free(network: &ScriptedNetwork) -> Call {
    call(network.b).running(script().count(0)).on_response(script())
}

#[test]
fn calls_of_a_message_that_traps_are_not_made() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let reject =
            network.run(network.a, script().call(trap_free(&network)).trap("no")).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterCalledTrap);
        network.pic.tick();
        assert_eq!(network.cell(network.b, 0), 0);
        network.run(network.a, script().call(trap_free(&network)).reply("")).unwrap();
        network.pic.tick();
        assert_eq!(network.cell(network.b, 0), 1);
    });
}

#[test]
fn cycles_attached_to_calls_of_a_message_that_traps_stay() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let trapping = |cycles: u64| {
            let one = pong(network.b);
            let script = script().prepare(one).call_cycles(cycles).call_perform_it().trap("");
            network.spent(network.a, || network.run(network.a, script).unwrap_err()).0
        };
        assert_eq!(trapping(5_000_000_000), trapping(1));
        assert!(trapping(1) > 5_000_000, "what was executed is charged");
    });
}

#[test]
fn a_timer_set_by_a_message_that_traps_does_not_fire() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let timer = || script().keep(ON_TIMER, script().count(9)).timer(1);
        network.run(network.a, script().keep(ON_TIMER, script().count(9)).reply("")).unwrap();
        network.run(network.a, timer().trap("")).unwrap_err();
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 0);
        network.run(network.a, timer().reply("")).unwrap();
        network.pic.tick();
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 1, "once, since it was not set again");
    });
}

#[test]
fn a_trap_in_a_callback_undoes_the_callback_alone() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let before = begun(&network);
            let rejecting = call(network.b).running(script().reject("no"));
            for one in [pong(network.b), rejecting] {
                let script = change(1).call(one.on_response(change(10).trap("no")));
                network.run(network.a, script).unwrap_err();
            }
            assert_eq!(state(&network), [102, 102, 102, 3, before[4] + 2]);
        }
    });
}

#[test]
fn calls_made_in_a_callback_that_traps_are_not_made() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let on_reply = script().call(trap_free(&network)).trap("no");
        network.run(network.a, script().call(pong(network.b).on_reply(on_reply))).unwrap_err();
        network.pic.tick();
        assert_eq!(network.cell(network.b, 0), 0);
    });
}

#[test]
fn cleanup_runs_after_a_trap_from_the_state_before_the_callback() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let before = begun(&network);
        let one = pong(network.b).on_reply(change(10).trap("callback")).on_cleanup(change(1_000));
        let reject = network.run(network.a, change(1).call(one)).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterCalledTrap);
        assert!(reject.reject_message.contains("'callback'"), "{}", reject.reject_message);
        assert_eq!(state(&network), [1_101, 1_101, 1_101, 3, before[4] + 2]);
    });
}

#[test]
fn cleanup_does_not_run_without_a_trap() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let one = pong(network.b).on_cleanup(script().put(9, 1));
        assert_eq!(network.run(network.a, script().call(one)), Ok(b"pong".to_vec()));
        // A trap in the message that makes the call is no reason either.
        let one = pong(network.b).on_cleanup(script().put(9, 1));
        network.run(network.a, script().call(one).trap("")).unwrap_err();
        assert_eq!(network.cell(network.a, 9), 0);
    });
}

#[test]
fn cleanup_can_read_the_reject_code() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let cleanup = script().reject_code().store(9);
        let one = call(network.b).running(script().reject("no"));
        let one = one.on_reject(script().trap("")).on_cleanup(cleanup.clone());
        network.run(network.a, script().call(one)).unwrap_err();
        assert_eq!(network.cell(network.a, 9), 4);
        let one = pong(network.b).on_reply(script().trap("")).on_cleanup(cleanup);
        network.run(network.a, script().call(one)).unwrap_err();
        assert_eq!(network.cell(network.a, 9), 0);
    });
}

#[test]
fn a_trap_in_cleanup_undoes_the_cleanup_and_the_reject_names_both_errors() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let before = begun(&network);
        let forbidden = [
            script().trap("cleanup"),
            script().reply(""),
            script().reject(""),
            script().accept(1),
            script().call(pong(network.b)),
        ];
        for cleanup in forbidden {
            let one = pong(network.b)
                .on_reply(change(10).trap("callback"))
                .on_cleanup(change(1_000).append_all(cleanup));
            let reject = network.run(network.a, script().call(one)).unwrap_err();
            // The code is that of the callback's error.
            assert_eq!(reject.error_code, ErrorCode::CanisterCalledTrap);
            let text = reject.reject_message;
            assert!(text.contains("'callback'") && text.contains("call_on_cleanup"), "{text}");
            assert_eq!(state(&network), before);
        }
    });
}

#[test]
fn the_refund_of_a_response_stays_when_its_callback_traps() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let spent = |cycles: u64, then: Script| {
            let one = pong(network.b).on_reply(then);
            let script = script().prepare(one).call_cycles(cycles).call_perform_it();
            network.spent(network.a, || network.run(network.a, script)).0
        };
        let trapping = || script().trap("no");
        assert_eq!(spent(9_000_000_000, trapping()), spent(1, trapping()));
    });
}

#[test]
fn a_callee_that_traps_keeps_nothing_of_the_call_but_its_caller_goes_on() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let callee = script().count(0).accept(600).trap("no");
        let one = call(network.b).cycles(1_000).running(callee);
        let reply = network.run(network.a, script().count(0).call(one)).unwrap();
        assert_eq!(rejected(&reply).0, 5);
        assert_eq!((network.cell(network.a, 0), network.cell(network.b, 0)), (1, 0));
    });
}

#[test]
fn many_traps_between_many_changes_leave_exactly_the_changes() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let before = begun(&network);
        let messages: Vec<_> = (0..200u64)
            .map(|n| {
                let script = change(1);
                let trap = n % 3 == 0;
                network.submit(network.a, if trap { script.trap("") } else { script.reply("") })
            })
            .collect();
        network.pic.tick();
        let failed = messages.iter().filter(|id| network.response(id).unwrap().is_err()).count();
        assert_eq!(failed, 67);
        let kept = 200 - 67;
        assert_eq!(
            state(&network),
            [100 + kept, 100 + kept, 100 + kept, 1 + kept, before[4] + kept]
        );
    });
}

#[test]
fn heap_that_a_trap_gave_back_is_zero_when_it_is_grown_again() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let id = install(&network.pic);
        // A cell in the second page, which is beyond the heap at first.
        let cell = 65_536 / 8 + 7;
        let trapping = script().grow(1).put(cell, 77).trap("");
        network.run(id, trapping).unwrap_err();
        let read = script().grow(1).load(cell).reply_number();
        assert_eq!(number(&network.run(id, read).unwrap()), 0);
    });
}
