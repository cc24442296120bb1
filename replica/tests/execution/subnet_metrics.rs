//! The metrics of a subnet. Canisters read them with `subnet_metrics`, users in the state.

use crate::ic00::{ask, decode, management, somebody};
use candid::Principal;
use ic_management_canister_types::{SubnetMetricsArgs, SubnetMetricsResult};
use pocket_ic::ErrorCode;
use test_support::script::{call, rejected, script};
use test_support::{ScriptedNetwork, on_every_server};

/// What `a` is told of the subnet of a canister.
fn metrics(network: &ScriptedNetwork, of: Principal) -> SubnetMetricsResult {
    let subnet_id = network.pic.get_subnet(of).unwrap();
    let call = management("subnet_metrics", SubnetMetricsArgs { subnet_id })
        .on_reply(script().append_argument().reply_appended());
    decode::<(_,)>(&network.run(network.a, script().call(call)).unwrap()).0
}

/// What users can read of it.
fn read(network: &ScriptedNetwork, of: Principal) -> pocket_ic::SubnetMetrics {
    network.pic.get_subnet_metrics(network.pic.get_subnet(of).unwrap()).unwrap()
}

#[test]
fn a_canister_learns_how_many_canisters_and_blocks_any_subnet_has() {
    on_every_server(|server| {
        let network = server.two_subnets();
        for of in [network.a, network.b] {
            let before = metrics(&network, of);
            assert_eq!(before.num_canisters, 1_u64);
            let subnet = network.pic.get_subnet(of).unwrap();
            let made = network.pic.create_canister_on_subnet(None, None, subnet);
            let after = metrics(&network, of);
            assert_eq!(after.num_canisters, 2_u64);
            assert!(after.block_height > before.block_height);
            network.pic.stop_canister(made, None).unwrap();
            network.pic.delete_canister(made, None).unwrap();
            assert_eq!(metrics(&network, of).num_canisters, 1_u64);
        }
    });
}

#[test]
fn a_subnet_counts_what_its_canisters_execute_and_spend() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let work = || {
            let (spent, _) = network.spent(network.b, || {
                for _ in 0..5 {
                    network.run(network.b, script().spin(100_000_000).reply("")).unwrap();
                }
            });
            spent
        };
        let before = metrics(&network, network.b);
        let spent = work();
        let after = metrics(&network, network.b);
        // The call that asks is a transaction of its own.
        let transactions = after.update_transactions_total - before.update_transactions_total;
        assert_eq!(transactions, 6_u64);
        assert_eq!(after.consumed_cycles_total - before.consumed_cycles_total, spent);
        let spun = after.million_round_instructions_total - before.million_round_instructions_total;
        assert!(spun >= 500_u64, "{spun} million instructions");
    });
}

#[test]
fn the_remaining_cycles_of_a_deleted_canister_count_as_consumed() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let subnet = network.pic.get_subnet(network.b).unwrap();
        let made = network.pic.create_canister_on_subnet(None, None, subnet);
        network.pic.stop_canister(made, None).unwrap();
        let before = metrics(&network, network.b);
        let left = network.pic.cycle_balance(made);
        network.pic.delete_canister(made, None).unwrap();
        let after = metrics(&network, network.b);
        let consumed = after.consumed_cycles_total - before.consumed_cycles_total;
        assert!(consumed >= left, "{consumed} of {left}");
    });
}

#[test]
fn sums_end_at_the_largest_number_of_cycles() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let subnet = network.pic.get_subnet(network.b).unwrap();
        for _ in 0..2 {
            let made = network.pic.create_canister_on_subnet(None, None, subnet);
            network.pic.add_cycles(made, u128::MAX - network.pic.cycle_balance(made));
            network.pic.stop_canister(made, None).unwrap();
            network.pic.delete_canister(made, None).unwrap();
        }
        assert_eq!(metrics(&network, network.b).consumed_cycles_total, u128::MAX);
        network.run(network.b, script().reply("")).unwrap();
    });
}

#[test]
fn users_read_the_same_from_the_subnets_state() {
    on_every_server(|server| {
        let network = server.two_subnets();
        network.run(network.b, script().stable_grow(100).reply("")).unwrap();
        for _ in 0..10 {
            network.pic.tick();
        }
        let told = metrics(&network, network.b);
        let read = read(&network, network.b);
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
        let network = server.one_subnet();
        let refused = |argument| {
            let call = management("subnet_metrics", argument);
            rejected(&network.run(network.a, script().call(call)).unwrap())
        };
        let nowhere = SubnetMetricsArgs { subnet_id: Principal::self_authenticating([9]) };
        assert_eq!(refused(nowhere).0, 3);
        let subnet_id = network.pic.get_subnet(network.a).unwrap();
        let own = SubnetMetricsArgs { subnet_id };
        let by_user = ask(&network.pic, somebody(), network.a, "subnet_metrics", own.clone());
        assert_eq!(by_user.unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
        let undecodable = call(Principal::management_canister()).method("subnet_metrics");
        let reply = network.run(network.a, script().call(undecodable)).unwrap();
        assert_eq!(rejected(&reply).0, 3);
    });
}
