//! What it costs when there is nothing to execute.

use crate::cycles::{CALL_BYTE, EXECUTION_BASE, EXECUTION_PREPAID, RESPONSE_TRANSMISSION};
use crate::script::{ON_TIMER, call, canister, script};
use crate::world::{World, on_every_server};
use candid::Principal;
use pocket_ic::ErrorCode;
use std::time::Duration;

/// Has a canister call another, which fails.
fn call_in_vain(world: &World, callee: Principal, method: &str) {
    let vain = call(callee).method(method).on_answer(script().reply(""));
    world.run(world.a, script().call(vain)).unwrap();
}

#[test]
fn a_call_for_which_there_is_nothing_to_execute_costs_the_fee_of_an_execution() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let fee = u128::from(EXECUTION_BASE);
        let (spent, ()) = world.spent(world.b, || call_in_vain(&world, world.b, "nothing"));
        assert_eq!(spent, fee, "without the method");
        let empty = world.pic.create_canister();
        let (spent, ()) = world.spent(empty, || call_in_vain(&world, empty, "run"));
        assert_eq!(spent, fee, "without code");
    });
}

#[test]
fn whether_an_execution_can_be_paid_for_is_asked_before_whether_there_is_anything_to_execute() {
    on_every_server(|server| {
        let world = server.one_subnet();
        // What is left is what was prepaid for this message, less what it uses.
        world.run(world.b, script().liquid().burn_acc().reply("")).unwrap();
        let anonymous = Principal::anonymous();
        let nothing = world.pic.update_call(world.b, anonymous, "nothing", vec![]);
        assert_eq!(nothing.unwrap_err().error_code, ErrorCode::CanisterOutOfCycles);
        world.pic.add_cycles(world.b, EXECUTION_PREPAID.into());
        let nothing = world.pic.update_call(world.b, anonymous, "nothing", vec![]);
        assert_eq!(nothing.unwrap_err().error_code, ErrorCode::CanisterMethodNotFound);
    });
}

#[test]
fn a_callback_whose_code_is_gone_is_not_run_but_paid_for() {
    on_every_server(|server| {
        let world = server.two_subnets();
        // Pays as much for being uninstalled, and waits for nothing.
        let subnet = world.pic.get_subnet(world.a).expect("it is on a subnet");
        let other = world.pic.create_canister_on_subnet(None, None, subnet);
        world.pic.install_canister(other, canister(), vec![], None);
        world.submit(world.a, script().call(call(world.b).running(script().reply("nine bits"))));
        world.pic.tick();
        let balances = || [world.a, other].map(|id| world.pic.cycle_balance(id));
        let before = balances();
        for canister in [world.a, other] {
            world.submit_management("uninstall_code", canister);
        }
        world.pic.tick();
        world.pic.tick();
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
        let world = server.one_subnet();
        let now = world.pic.get_time().as_nanos_since_unix_epoch();
        let setup = script().keep(ON_TIMER, script().count(9)).timer(now + 1_000_000_000);
        world.run(world.a, setup.liquid().burn_acc().reply("")).unwrap();
        world.pic.advance_time(Duration::from_secs(1));
        world.pic.tick();
        assert_eq!(world.cell(world.a, 9), 0);
        world.pic.add_cycles(world.a, 2 * u128::from(EXECUTION_PREPAID));
        world.pic.tick();
        world.pic.tick();
        assert_eq!(world.cell(world.a, 9), 1);
    });
}
