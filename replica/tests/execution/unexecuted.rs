//! The fees of messages for which there is no code to execute.

use crate::cycles::{CALL_BYTE, EXECUTION_BASE, EXECUTION_PREPAID, RESPONSE_TRANSMISSION};
use crate::ic00::submit_management;
use candid::Principal;
use pocket_ic::ErrorCode;
use std::time::Duration;
use test_support::script::{ON_TIMER, call, canister, script};
use test_support::{ScriptedNetwork, on_every_server};

/// Has a canister call another, which fails.
fn call_in_vain(network: &ScriptedNetwork, callee: Principal, method: &str) {
    let vain = call(callee).method(method).on_response(script().reply(""));
    network.run(network.a, script().call(vain)).unwrap();
}

#[test]
fn a_call_without_code_to_execute_still_costs_the_execution_fee() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let fee = u128::from(EXECUTION_BASE);
        let (spent, ()) = network.spent(network.b, || call_in_vain(&network, network.b, "nothing"));
        assert_eq!(spent, fee, "without the method");
        let empty = network.pic.create_canister();
        let (spent, ()) = network.spent(empty, || call_in_vain(&network, empty, "run"));
        assert_eq!(spent, fee, "without code");
    });
}

#[test]
fn the_check_for_cycles_comes_before_the_check_for_code() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // What is left is what was prepaid for this message, less what it uses.
        network.run(network.b, script().liquid().burn_acc().reply("")).unwrap();
        let anonymous = Principal::anonymous();
        let nothing = network.pic.update_call(network.b, anonymous, "nothing", vec![]);
        assert_eq!(nothing.unwrap_err().error_code, ErrorCode::CanisterOutOfCycles);
        network.pic.add_cycles(network.b, EXECUTION_PREPAID.into());
        let nothing = network.pic.update_call(network.b, anonymous, "nothing", vec![]);
        assert_eq!(nothing.unwrap_err().error_code, ErrorCode::CanisterMethodNotFound);
    });
}

#[test]
fn a_callback_whose_code_is_gone_is_not_run_but_paid_for() {
    on_every_server(|server| {
        let network = server.two_subnets();
        // Pays as much for being uninstalled, and waits for nothing.
        let subnet = network.pic.get_subnet(network.a).expect("it is on a subnet");
        let other = network.pic.create_canister_on_subnet(None, None, subnet);
        network.pic.install_canister(other, canister(), vec![], None);
        network
            .submit(network.a, script().call(call(network.b).running(script().reply("nine bits"))));
        network.pic.tick();
        let balances = || [network.a, other].map(|id| network.pic.cycle_balance(id));
        let before = balances();
        for canister in [network.a, other] {
            submit_management(&network, "uninstall_code", canister);
        }
        network.pic.tick();
        network.pic.tick();
        let after = balances();
        let uninstalling = before[1] - after[1];
        let unsent = RESPONSE_TRANSMISSION - 9 * CALL_BYTE;
        let unspent = EXECUTION_PREPAID - EXECUTION_BASE;
        assert_eq!(after[0] + uninstalling - before[0], u128::from(unsent + unspent));
    });
}

#[test]
fn a_timer_that_cannot_be_paid_for_fires_once_it_can() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let now = network.pic.get_time().as_nanos_since_unix_epoch();
        let setup = script().keep(ON_TIMER, script().count(9)).timer(now + 1_000_000_000);
        network.run(network.a, setup.liquid().burn_acc().reply("")).unwrap();
        network.pic.advance_time(Duration::from_secs(1));
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 0);
        network.pic.add_cycles(network.a, 2 * u128::from(EXECUTION_PREPAID));
        network.pic.tick();
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 1);
    });
}
