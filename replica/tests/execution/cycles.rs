//! The cycles of a call: what the network withholds, what it charges, and what comes back.

use candid::{Nat, Principal};
use test_support::script::{call, number, numbers, script};
use test_support::{ScriptedNetwork, StatusOf, on_every_server};

use pocket_ic::{CanisterSettings, CreateCanisterParams, ErrorCode, RejectCode};

/// Executing a message, on 13 nodes.
pub const EXECUTION_BASE: u64 = 5_000_000;
/// Making a call, and each byte of it and of its response.
pub const CALL_BASE: u64 = 260_000;
pub const CALL_BYTE: u64 = 1_000;
/// Prepaid for the largest response and for the longest callback.
pub const RESPONSE_TRANSMISSION: u64 = 2 * 1024 * 1024 * CALL_BYTE;
pub const EXECUTION_PREPAID: u64 = 40_000_000_000 + EXECUTION_BASE;
/// Withheld for a call without method name and argument.
const CALL_WITHHELD: u64 = 42_102_412_000;

/// `run` and an empty script.
pub const EMPTY_CALL_BYTES: u64 = 3;

#[test]
fn an_open_call_withholds_42_102_412_000_cycles_and_1000_for_each_byte() {
    assert_eq!(CALL_WITHHELD, CALL_BASE + RESPONSE_TRANSMISSION + EXECUTION_PREPAID);
    on_every_server(|server| {
        let network = server.one_subnet();
        for bytes in [0, 1, 1_000] {
            let one = call(network.b).argument(vec![0; bytes]).on_response(script());
            let script = script()
                .balance()
                .append_acc()
                .call(one)
                .balance()
                .append_acc()
                .cost_call(EMPTY_CALL_BYTES, bytes as u64)
                .append_acc()
                .reply_appended();
            let reply = numbers(&network.run(network.a, script).unwrap());
            let withheld = CALL_WITHHELD + CALL_BYTE * (EMPTY_CALL_BYTES + bytes as u64);
            assert_eq!(reply[0] - reply[1], withheld);
            assert_eq!(reply[2], withheld, "as quoted");
        }
    });
}

/// What memory costs in the 30 days of the default freezing threshold.
fn thirty_days(bytes: u64) -> u64 {
    30 * (bytes * 127_000 * 86_400 / (1 << 30))
}

#[test]
fn a_call_is_made_if_and_only_if_its_cycles_and_its_memory_fit_into_the_liquid_balance() {
    on_every_server(|server| {
        // A bounded-wait call takes the memory of its request, an unbounded-wait call that of the largest
        // response.
        let request = thirty_days(176 + EMPTY_CALL_BYTES);
        let response = thirty_days(144 + 2 * 1024 * 1024);
        for (timeout, memory) in [(Some(10), request), (None, response)] {
            let network = server.one_subnet();
            let cost = CALL_WITHHELD + CALL_BYTE * EMPTY_CALL_BYTES + memory;
            let one = call(network.b).on_response(script());
            let one = timeout.map_or(one.clone(), |seconds| one.timeout(seconds));
            // Attaches all the liquid balance but `kept`.
            let attempt = |kept: u64| {
                let prepared = script().prepare(one.clone());
                prepared.liquid().add(kept.wrapping_neg()).call_cycles_acc()
            };
            let script = script()
                .liquid()
                .append_acc()
                .append_after(attempt(cost - 1))
                .liquid()
                .append_acc()
                .append_after(attempt(cost))
                .liquid()
                .append_acc()
                .reply_appended();
            let reply = numbers(&network.run(network.a, script).unwrap());
            let [before, refused, between, made, after] = reply[..] else { panic!("five numbers") };
            assert_eq!((refused, made), (2, 0));
            assert_eq!(before, between, "a call that is not made returns its cycles");
            assert_eq!(after, 0);
        }
    });
}

#[test]
fn more_than_the_liquid_balance_cannot_be_attached() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let one = call(network.b).on_response(script());
        let script = script().prepare(one).liquid().add(1).call_cycles_acc().reply("");
        let reject = network.run(network.a, script).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn two_trillion_cycles_carry_46_open_calls() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        let cycles = Some(2_000_000_000_000);
        let params = CreateCanisterParams { cycles, ..Default::default() };
        let a = pic.create_canister_with_params(None, params).unwrap();
        pic.install_canister(a, test_support::script::canister(), vec![], None);
        let b = test_support::scripted::install(&pic);
        let network = ScriptedNetwork { pic, a, b };
        let one =
            script().call(call(b).timeout(60).on_response(script())).unless(script().count(0));
        let script =
            script().liquid().append_acc().repeat(60, one).load(0).append_acc().reply_appended();
        let reply = numbers(&network.run(a, script).unwrap());
        let [liquid, made] = reply[..] else { panic!("two numbers") };
        assert_eq!(made, liquid / (CALL_WITHHELD + CALL_BYTE * EMPTY_CALL_BYTES));
        assert_eq!(made, 46);
    });
}

#[test]
fn the_liquid_balance_is_what_lies_above_the_freezing_threshold() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let gap = || {
            let script = script().balance().append_acc().liquid().append_acc().reply_appended();
            let reply = numbers(&network.run(network.a, script).unwrap());
            reply[0] - reply[1]
        };
        let freeze = |days: u64| {
            let freezing_threshold = Some(Nat::from(days * 86_400));
            let settings = CanisterSettings { freezing_threshold, ..Default::default() };
            network.pic.update_canister_settings(network.a, None, settings).unwrap();
        };
        freeze(0);
        assert_eq!(gap(), 0);
        for days in [30, 10_000] {
            freeze(days);
            let status = network.pic.status_of(network.a, None).unwrap();
            let burn = u64::try_from(status.idle_cycles_burned_per_day.0).unwrap();
            let threshold = burn * days;
            // The day's burn is rounded down.
            assert!((threshold..threshold + days).contains(&gap()), "{} {threshold}", gap());
        }
    });
}

#[test]
fn a_message_is_not_executed_when_its_prepayment_does_not_fit() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // What is left is what was prepaid for this message, less what it uses.
        network.run(network.a, script().liquid().burn_acc().reply("")).unwrap();
        let reject = network.run(network.a, script().put(0, 1).reply("")).unwrap_err();
        assert_eq!(reject.reject_code, RejectCode::SysTransient);
        assert_eq!(reject.error_code, ErrorCode::CanisterOutOfCycles);
        assert!(reject.reject_message.contains("out of cycles"), "{}", reject.reject_message);
        network.pic.add_cycles(network.a, u128::from(EXECUTION_PREPAID));
        network.run(network.a, script().reply("")).unwrap();
        assert_eq!(network.cell(network.a, 0), 0);
    });
}

#[test]
fn a_call_of_a_query_method_is_prepaid_for_what_a_query_may_use() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // About 40 billion cycles are left.
        network.run(network.a, script().liquid().burn_acc().reply("")).unwrap();
        let call = |method| {
            let argument = script().reply("asked").bytes();
            network.pic.update_call(network.a, Principal::anonymous(), method, argument)
        };
        assert_eq!(call("run").unwrap_err().error_code, ErrorCode::CanisterOutOfCycles);
        assert_eq!(call("ask"), Ok(b"asked".to_vec()));
    });
}

#[test]
fn a_callback_is_prepaid_and_runs_in_a_frozen_canister() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let script =
            script().call(call(network.b).running(script().reply("b"))).liquid().burn_acc();
        assert_eq!(network.run(network.a, script), Ok(b"b".to_vec()));
    });
}

/// What two canisters and their caller spend on one call with cycles attached.
fn transfer(network: &ScriptedNetwork, attached: u64, accepted: u64) -> (i128, i128, Vec<u64>) {
    let balances = || [network.a, network.b].map(|id| network.pic.cycle_balance(id) as i128);
    let callee = script().available().append_acc().accept(accepted).append_acc().available();
    let on_reply = script().refunded().append_acc().append_argument().reply_appended();
    let one = call(network.b).running(callee.append_acc().reply_appended()).on_reply(on_reply);
    let before = balances();
    let script = script().prepare(one).call_cycles(attached).call_perform_it();
    let reply = network.run(network.a, script).unwrap();
    let after = balances();
    (before[0] - after[0], before[1] - after[1], numbers(&reply))
}

#[test]
fn attached_cycles_that_are_not_accepted_come_back() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let (a_idle, b_idle, _) = transfer(&network, 0, 0);
            for (attached, accepted) in [(1, 1), (1_000_000, 400_000), (7_000_000_000, 0)] {
                let (a, b, reply) = transfer(&network, attached, accepted);
                let refunded = attached - accepted;
                assert_eq!(reply, [refunded, attached, accepted, refunded]);
                // All else costs what it cost without cycles, but for pages whose content is the
                // same as before or not, at 1,000 each.
                for rest in [a - a_idle, b - b_idle + 2 * i128::from(accepted)] {
                    let rest = rest - i128::from(accepted);
                    assert!(rest % 1_000 == 0 && rest.abs() <= 5_000, "{rest}");
                }
            }
        }
    });
}

#[test]
fn no_more_than_what_is_attached_can_be_accepted() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (_, _, reply) = transfer(&network, 1_000, 5_000);
        assert_eq!(reply, [0, 1_000, 1_000, 0]);
    });
}

#[test]
fn cycles_can_be_accepted_in_a_callback_until_the_answer() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let later = script().accept(300).append_acc().available().append_acc().reply_appended();
        let callee = script().call(call(network.a).running(script().reply("")).on_reply(later));
        let one = call(network.b)
            .cycles(1_000)
            .running(callee)
            .on_reply(script().refunded().append_acc().append_argument().reply_appended());
        let reply = network.run(network.a, script().call(one)).unwrap();
        assert_eq!(numbers(&reply), [700, 300, 700]);
    });
}

#[test]
fn cycles_that_were_not_accepted_come_back_with_a_reject() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let refunded = || script().refunded().append_acc().reply_appended();
        // What a canister accepts before it traps it has not accepted.
        for (callee, accepted) in
            [(script().accept(400).reject("no"), 400), (script().accept(400).trap("no"), 0)]
        {
            let one = call(network.b).cycles(1_000).running(callee).on_response(refunded());
            let reply = network.run(network.a, script().call(one)).unwrap();
            assert_eq!(number(&reply), 1_000 - accepted);
        }
        let missing = call(network.b).cycles(1_000).method("missing").on_response(refunded());
        assert_eq!(number(&network.run(network.a, script().call(missing)).unwrap()), 1_000);
    });
}

#[test]
fn induction_costs_2000_cycles_for_each_byte() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let anonymous = Principal::anonymous();
        // A method that does not exist is not executed, so only its bytes matter.
        let induct = |bytes: usize| {
            let update =
                || network.pic.update_call(network.a, anonymous, "nothing", vec![1; bytes]);
            network.spent(network.a, || update().unwrap_err()).0
        };
        let small = induct(1_000);
        assert_eq!(induct(2_000) - small, 2_000 * 1_000);
        assert!(small > 1_200_000 + 2_000 * 1_000);
    });
}
