//! The kinds of subnets: which canisters they host, and what they charge.

use crate::cycles::{
    CALL_BASE, CALL_BYTE, EMPTY_CALL_BYTES, EXECUTION_PREPAID, RESPONSE_TRANSMISSION,
};
use candid::Principal;
use pocket_ic::common::rest::{CanisterIdRange, SubnetKind};
use pocket_ic::{ErrorCode, PocketIc};
use test_support::script::{Script, call, canister, numbers, rejected, script};
use test_support::{on_every_server, panic_message};

/// A canister of an application subnet of the mainnet.
pub const OPENCHAT: &str = "6hsbt-vqaaa-aaaaf-aaafq-cai";

/// A canister on a certain subnet.
pub fn install_on(pic: &PocketIc, subnet: Principal) -> Principal {
    let id = pic.create_canister_on_subnet(None, None, subnet);
    pic.install_canister(id, canister(), vec![], None);
    id
}

pub fn run(pic: &PocketIc, id: Principal, script: &Script) -> Vec<u8> {
    pic.update_call(id, Principal::anonymous(), "run", script.bytes()).unwrap()
}

#[test]
fn every_kind_of_subnet_can_be_had_and_hosts_its_own_canisters() {
    on_every_server(|server| {
        let pic = server
            .network()
            .with_nns_subnet()
            .with_sns_subnet()
            .with_ii_subnet()
            .with_fiduciary_subnet()
            .with_bitcoin_subnet()
            .with_system_subnet()
            .with_application_subnet()
            .with_verified_application_subnet()
            .build();
        let topology = pic.topology();
        assert_eq!(topology.subnet_configs.len(), 8);
        for subnet in topology.subnet_configs.keys() {
            let id = install_on(&pic, *subnet);
            assert_eq!(pic.get_subnet(id), Some(*subnet));
            assert_eq!(run(&pic, id, &script().reply("here")), b"here");
        }
    });
}

#[test]
fn a_canister_goes_to_an_application_subnet_unless_told_otherwise() {
    on_every_server(|server| {
        let pic = server.network().with_nns_subnet().with_application_subnet().build();
        let subnet = pic.get_subnet(pic.create_canister()).unwrap();
        assert_eq!(pic.topology().subnet_configs[&subnet].subnet_kind, SubnetKind::Application);
    });
}

#[test]
fn new_canisters_get_no_ids_that_are_taken_on_the_mainnet() {
    on_every_server(|server| {
        let pic = server.network().with_nns_subnet().with_application_subnet().build();
        let topology = pic.topology();
        let nns = topology.get_nns().unwrap();
        let id = pic.create_canister_on_subnet(None, None, nns);
        let governance = Principal::from_text("rrkah-fqaaa-aaaaa-aaaaq-cai").unwrap();
        let ranges = &topology.subnet_configs[&nns].canister_ranges;
        let range_of = |id: Principal| {
            let range = |(_, range): &(usize, &CanisterIdRange)| {
                (Principal::from(range.start.clone())..=range.end.clone().into()).contains(&id)
            };
            ranges.iter().enumerate().find(range).map(|(number, _)| number)
        };
        assert_eq!(range_of(governance), Some(0));
        assert_eq!(range_of(id), Some(ranges.len() - 1));
    });
}

#[test]
fn the_root_key_is_that_from_which_the_nns_subnets_id_is_derived() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().with_nns_subnet().build();
        let key = pic.root_key().unwrap();
        assert_eq!(key.len(), 133);
        assert_eq!(Principal::self_authenticating(key), pic.topology().get_nns().unwrap());
        let pic = server.network().with_application_subnet().build();
        assert_eq!(pic.root_key(), None, "there is no NNS subnet");
    });
}

#[test]
fn canisters_of_a_deleted_subnet_are_gone_and_calls_to_them_are_rejected() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let [kept, deleted] = [network.a, network.b].map(|id| network.pic.get_subnet(id).unwrap());
        network.pic.delete_subnet(deleted);
        assert_eq!(network.pic.topology().get_app_subnets(), [kept]);
        assert!(!network.pic.canister_exists(network.b));
        let reply = network.run(network.a, script().call(call(network.b))).unwrap();
        assert_eq!(rejected(&reply).0, 3, "the destination is invalid");
        let refusal = panic_message(|| network.run(network.b, script().reply("")));
        assert!(refusal.contains("does not belong to any subnet"), "{refusal}");
        assert_eq!(network.run(network.a, script().reply("still here")).unwrap(), b"still here");
    });
}

#[test]
fn calls_to_a_canister_that_no_subnet_hosts_are_refused_by_the_server() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // The second one is on the mainnet, but not here.
        for nobody in [Principal::anonymous(), Principal::from_text(OPENCHAT).unwrap()] {
            for refusal in [
                panic_message(|| network.run(nobody, script().reply(""))),
                panic_message(|| network.ask(nobody, script().reply(""))),
            ] {
                assert!(refusal.contains("does not belong to any subnet"), "{refusal}");
            }
        }
    });
}

#[test]
fn a_subnet_with_a_place_on_the_mainnet_cannot_be_deleted() {
    on_every_server(|server| {
        let pic = server.network().with_nns_subnet().with_application_subnet().build();
        let nns = pic.topology().get_nns().unwrap();
        server.assert_refuses("cannot be deleted", || pic.delete_subnet(nns));
        assert_eq!(pic.topology().get_nns(), Some(nns));
    });
}

#[test]
fn canisters_of_different_kinds_of_subnets_call_each_other() {
    on_every_server(|server| {
        let pic = server.network().with_nns_subnet().with_application_subnet().build();
        let topology = pic.topology();
        let a = install_on(&pic, topology.get_app_subnets()[0]);
        let b = install_on(&pic, topology.get_nns().unwrap());
        for (caller, callee) in [(a, b), (b, a)] {
            let one = call(callee).running(script().reply("kind"));
            assert_eq!(run(&pic, caller, &script().call(one)), b"kind");
        }
    });
}

#[test]
fn a_benchmarking_subnet_lifts_the_limit_of_instructions() {
    on_every_server(|server| {
        let pic = server.network().with_benchmarking_application_subnet().build();
        let id = pic.create_canister();
        // An execution is prepaid up to its limit, which is 100 T cycles here.
        pic.add_cycles(id, 200_000_000_000_000);
        pic.install_canister(id, canister(), vec![], None);
        // 40 billion are the limit elsewhere.
        let turn = script().prepare(call(id).zeros(10_000_000));
        assert_eq!(run(&pic, id, &script().repeat(82, turn).reply("done")), b"done");
    });
}

#[test]
fn larger_subnets_cost_in_proportion() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().with_fiduciary_subnet().build();
        let topology = pic.topology();
        let withheld = |subnet: Principal| {
            let id = pic.create_canister_on_subnet(None, None, subnet);
            pic.install_canister(id, test_support::script::canister(), vec![], None);
            let script: Script = script()
                .balance()
                .append_acc()
                .call(call(id).on_response(script()))
                .balance()
                .append_acc()
                .reply_appended();
            let reply = pic.update_call(id, Principal::anonymous(), "run", script.bytes());
            let reply = numbers(&reply.unwrap());
            reply[0] - reply[1]
        };
        let subnet = topology.get_fiduciary().unwrap();
        // Each part is multiplied by 34 nodes, then divided by 13.
        let scaled = |cycles: u64| cycles * 34 / 13;
        let expected = scaled(CALL_BASE + CALL_BYTE * EMPTY_CALL_BYTES)
            + scaled(RESPONSE_TRANSMISSION)
            + scaled(EXECUTION_PREPAID);
        assert_eq!(withheld(subnet), expected);
    });
}

#[test]
fn a_message_on_a_system_subnet_may_use_fifty_billion_instructions() {
    on_every_server(|server| {
        let pic = server.network().with_system_subnet().with_application_subnet().build();
        // Ten megabytes for a call that is not made cost half a billion.
        let half_a_billion = script().prepare(call(Principal::anonymous()).zeros(10_000_000));
        let work = script().repeat(88, half_a_billion).reply("done");
        let topology = pic.topology();
        let system = install_on(&pic, topology.get_system_subnets()[0]);
        assert_eq!(run(&pic, system, &work), b"done");
        let application = install_on(&pic, topology.get_app_subnets()[0]);
        let refused = pic.update_call(application, Principal::anonymous(), "run", work.bytes());
        assert_eq!(refused.unwrap_err().error_code, ErrorCode::CanisterInstructionLimitExceeded);
    });
}
