//! Which nodes make blocks, and what canisters learn about block makers and their subnet.

use crate::ic00::{decode, management};
use candid::Principal;
use ic_management_canister_types::{
    NodeMetricsHistoryArgs, NodeMetricsHistoryRecord, SubnetInfoArgs, SubnetInfoResult,
};
use pocket_ic::{SubnetBlockmakers, TickConfigs};
use std::time::Duration;
use test_support::script::script;
use test_support::{ScriptedNetwork, on_every_server};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn subnet(network: &ScriptedNetwork) -> Principal {
    network.pic.get_subnet(network.a).unwrap()
}

fn history(
    network: &ScriptedNetwork,
    start_at_timestamp_nanos: u64,
) -> Vec<NodeMetricsHistoryRecord> {
    let arguments = NodeMetricsHistoryArgs { subnet_id: subnet(network), start_at_timestamp_nanos };
    let call = management("node_metrics_history", arguments)
        .on_reply(script().append_argument().reply_appended());
    decode::<(_,)>(&network.run(network.a, script().call(call)).unwrap()).0
}

fn made_by(network: &ScriptedNetwork, blockmaker: Principal) -> TickConfigs {
    let makers =
        SubnetBlockmakers { subnet: subnet(network), blockmaker, failed_blockmakers: vec![] };
    TickConfigs { blockmakers: Some(vec![makers]) }
}

#[test]
fn blocks_of_past_days_are_told_by_node() {
    on_every_server(|server| {
        let network = server.one_subnet();
        assert_eq!(history(&network, 0), [], "there is only today");
        network.pic.advance_time(DAY);
        network.pic.tick();
        let [first] = history(&network, 0).try_into().expect("one day has passed");
        let maker = &first.node_metrics[0];
        assert!(maker.num_blocks_proposed_total > 0);

        for _ in 0..3 {
            network.pic.tick_with_configs(made_by(&network, maker.node_id));
        }
        network.pic.advance_time(DAY);
        network.pic.tick();
        let [again, second] = history(&network, 0).try_into().expect("two days are over");
        assert_eq!(again, first);
        let later = second.node_metrics.iter().find(|of| of.node_id == maker.node_id).unwrap();
        assert!(later.num_blocks_proposed_total >= maker.num_blocks_proposed_total + 3);
        assert_eq!(history(&network, second.timestamp_nanos), [second]);
    });
}

#[test]
fn a_node_that_the_subnet_does_not_have_makes_no_block() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let stranger = Principal::self_authenticating([9; 32]);
        let tick = || network.pic.tick_with_configs(made_by(&network, stranger));
        server.assert_refuses(&stranger.to_text(), tick);
    });
}

#[test]
fn when_one_of_several_block_makers_is_wrong_none_is_chosen() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.advance_time(DAY);
        network.pic.tick();
        let [first] = history(&network, 0).try_into().expect("one day has passed");
        let default = first.node_metrics[0].node_id;
        let stranger = Principal::self_authenticating([9; 32]);
        let [right, wrong] = [default, stranger].map(|blockmaker| SubnetBlockmakers {
            subnet: subnet(&network),
            blockmaker,
            failed_blockmakers: vec![],
        });
        let before = network.pic.get_time();
        let both = TickConfigs { blockmakers: Some(vec![right, wrong]) };
        let tick = || network.pic.tick_with_configs(both.clone());
        server.assert_refuses(&stranger.to_text(), tick);
        assert_eq!(network.pic.get_time(), before, "no round has happened");
    });
}

#[test]
fn a_subnet_tells_canisters_its_version() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let call = management("subnet_info", SubnetInfoArgs { subnet_id: subnet(&network) })
            .on_reply(script().append_argument().reply_appended());
        let reply = network.run(network.a, script().call(call)).unwrap();
        let (info,): (SubnetInfoResult,) = decode(&reply);
        assert!(!info.replica_version.is_empty() && info.registry_version > 0);
    });
}
