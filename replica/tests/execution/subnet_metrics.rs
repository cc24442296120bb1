//! What a subnet counts of itself, told to canisters by `subnet_metrics` and to users in its state.

use crate::ic00::{ask, decode, management, somebody};
use crate::script::{call, rejected, script};
use crate::world::{World, on_every_server};
use candid::Principal;
use ic_management_canister_types::{SubnetMetricsArgs, SubnetMetricsResult};
use pocket_ic::ErrorCode;

/// What `a` is told of the subnet of a canister.
fn metrics(world: &World, of: Principal) -> SubnetMetricsResult {
    let subnet_id = world.pic.get_subnet(of).unwrap();
    let call = management("subnet_metrics", SubnetMetricsArgs { subnet_id })
        .on_reply(script().append_argument().reply_appended());
    decode::<(_,)>(&world.run(world.a, script().call(call)).unwrap()).0
}

/// What users can read of it.
fn read(world: &World, of: Principal) -> pocket_ic::SubnetMetrics {
    world.pic.get_subnet_metrics(world.pic.get_subnet(of).unwrap()).unwrap()
}

#[test]
fn a_canister_learns_how_many_canisters_and_blocks_any_subnet_has() {
    on_every_server(|server| {
        let world = server.two_subnets();
        for of in [world.a, world.b] {
            let before = metrics(&world, of);
            assert_eq!(before.num_canisters, 1_u64);
            let subnet = world.pic.get_subnet(of).unwrap();
            let made = world.pic.create_canister_on_subnet(None, None, subnet);
            let after = metrics(&world, of);
            assert_eq!(after.num_canisters, 2_u64);
            assert!(after.block_height > before.block_height);
            world.pic.stop_canister(made, None).unwrap();
            world.pic.delete_canister(made, None).unwrap();
            assert_eq!(metrics(&world, of).num_canisters, 1_u64);
        }
    });
}

#[test]
fn a_subnet_counts_what_its_canisters_execute_and_spend() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let work = || {
            let (spent, _) = world.spent(world.b, || {
                for _ in 0..5 {
                    world.run(world.b, script().spin(100_000_000).reply("")).unwrap();
                }
            });
            spent
        };
        let before = metrics(&world, world.b);
        let spent = work();
        let after = metrics(&world, world.b);
        // The call that asks is a transaction of its own.
        let transactions = after.update_transactions_total - before.update_transactions_total;
        assert_eq!(transactions, 6_u64);
        assert_eq!(after.consumed_cycles_total - before.consumed_cycles_total, spent);
        let spun = after.million_round_instructions_total - before.million_round_instructions_total;
        assert!(spun >= 500_u64, "{spun} million instructions");
    });
}

#[test]
fn what_a_deleted_canister_had_left_counts_as_consumed() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let subnet = world.pic.get_subnet(world.b).unwrap();
        let made = world.pic.create_canister_on_subnet(None, None, subnet);
        world.pic.stop_canister(made, None).unwrap();
        let before = metrics(&world, world.b);
        let left = world.pic.cycle_balance(made);
        world.pic.delete_canister(made, None).unwrap();
        let after = metrics(&world, world.b);
        let consumed = after.consumed_cycles_total - before.consumed_cycles_total;
        assert!(consumed >= left, "{consumed} of {left}");
    });
}

#[test]
fn sums_end_at_the_largest_number_of_cycles() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let subnet = world.pic.get_subnet(world.b).unwrap();
        for _ in 0..2 {
            let made = world.pic.create_canister_on_subnet(None, None, subnet);
            world.pic.add_cycles(made, u128::MAX - world.pic.cycle_balance(made));
            world.pic.stop_canister(made, None).unwrap();
            world.pic.delete_canister(made, None).unwrap();
        }
        assert_eq!(metrics(&world, world.b).consumed_cycles_total, u128::MAX);
        world.run(world.b, script().reply("")).unwrap();
    });
}

#[test]
fn users_read_the_same_from_the_subnets_state() {
    on_every_server(|server| {
        let world = server.two_subnets();
        world.run(world.b, script().stable_grow(100).reply("")).unwrap();
        for _ in 0..10 {
            world.pic.tick();
        }
        let told = metrics(&world, world.b);
        let read = read(&world, world.b);
        assert_eq!(told.num_canisters, read.num_canisters);
        assert_eq!(told.consumed_cycles_total, read.consumed_cycles_total);
        assert_eq!(told.canister_state_bytes, read.canister_state_bytes);
        assert!(read.canister_state_bytes > 100 << 16);
        assert!(read.update_transactions_total > 0);
    });
}

#[test]
fn subnet_metrics_are_for_canisters_that_ask_the_right_subnet() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let refused = |argument| {
            let call = management("subnet_metrics", argument);
            rejected(&world.run(world.a, script().call(call)).unwrap())
        };
        let nowhere = SubnetMetricsArgs { subnet_id: Principal::self_authenticating([9]) };
        assert_eq!(refused(nowhere).0, 3);
        let subnet_id = world.pic.get_subnet(world.a).unwrap();
        let own = SubnetMetricsArgs { subnet_id };
        let by_user = ask(&world.pic, somebody(), world.a, "subnet_metrics", own.clone());
        assert_eq!(by_user.unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
        let undecodable = call(Principal::management_canister()).method("subnet_metrics");
        let reply = world.run(world.a, script().call(undecodable)).unwrap();
        assert_eq!(rejected(&reply).0, 3);
    });
}
