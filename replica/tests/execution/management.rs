//! Calls of canisters to the management canister.

use crate::ic00::{about, management, reject};
use candid::{Decode, Encode, Principal};
use ic_management_canister_types::{
    CanisterIdRecord, CanisterSettings, CreateCanisterArgs,
    ProvisionalCreateCanisterWithCyclesArgs, UpdateSettingsArgs,
};
use pocket_ic::common::rest::{RawEffectivePrincipal, RawMessageId};
use test_support::script::{numbers, rejected, script};
use test_support::{StatusOf, in_block_order, on_every_server};

/// What creating a canister costs on 13 nodes.
const CREATION: u64 = 500_000_000_000;

#[test]
fn a_canister_creates_another_on_its_subnet_with_what_is_left_of_the_cycles() {
    on_every_server(|server| {
        let network = server.two_subnets();
        for creator in [network.a, network.b] {
            let one = management("create_canister", CreateCanisterArgs::default())
                .cycles(CREATION + 300_000_000);
            let reply = network.run(creator, script().call(one)).unwrap();
            let id = Decode!(&reply, CanisterIdRecord).unwrap().canister_id;
            assert_eq!(network.pic.cycle_balance(id), 300_000_000);
            assert_eq!(network.pic.get_subnet(id), network.pic.get_subnet(creator));
            let status = network.pic.status_of(id, Some(creator)).unwrap();
            assert_eq!(status.settings.controllers, [creator]);
        }
    });
}

#[test]
fn creating_a_canister_with_too_few_cycles_gives_them_back() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let one = management("create_canister", CreateCanisterArgs::default())
            .cycles(CREATION - 1)
            .on_reject(script().refunded().append_acc().append_reject_message().reply_appended());
        let (refunded, text) = rejected(&network.run(network.a, script().call(one)).unwrap());
        assert_eq!(refunded, CREATION - 1);
        assert!(text.starts_with("Creating a canister"), "{text}");
    });
}

#[test]
fn cycles_can_be_deposited_into_any_canister() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let before = network.pic.cycle_balance(network.b);
            let one = management("deposit_cycles", about(network.b)).cycles(77);
            network.run(network.a, script().call(one.on_reply(script().reply("")))).unwrap();
            assert_eq!(network.pic.cycle_balance(network.b), before + 77);
        }
    });
}

#[test]
fn a_canister_manages_what_it_controls_and_nothing_else() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let (code, text) = reject(&network, management("stop_canister", about(network.b)));
            assert_eq!(code, 5);
            assert!(text.starts_with("Only the controllers"), "{text}");
            network.pic.set_controllers(network.b, None, vec![network.a]).unwrap();
            let stop = management("stop_canister", about(network.b)).on_reply(script().reply("ok"));
            assert_eq!(network.run(network.a, script().call(stop)), Ok(b"ok".to_vec()));
            let status = network.pic.status_of(network.b, Some(network.a)).unwrap().status;
            assert_eq!(format!("{status:?}"), "Stopped");
        }
    });
}

#[test]
fn an_executed_management_call_on_the_own_subnet_takes_two_more_rounds() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let one = management("canister_status", about(network.a)).on_reply(script().reply(""));
        assert_eq!(network.ticks(&network.submit(network.a, script().call(one))).0, 3);
        // An argument that is found to be wrong only then has been carried there and back.
        let settings = CanisterSettings {
            compute_allocation: Some(101u8.into()),
            ..CanisterSettings::default()
        };
        let one = management(
            "update_settings",
            UpdateSettingsArgs { canister_id: network.a, settings, sender_canister_version: None },
        );
        assert_eq!(network.ticks(&network.submit(network.a, script().call(one))).0, 3);
    });
}

#[test]
fn a_canister_must_name_its_own_version_if_it_names_one() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.set_controllers(network.b, None, vec![network.a]).unwrap();
        let version = || network.pic.status_of(network.a, None).unwrap().version;
        let update = |version| {
            let settings = CanisterSettings::default();
            let sender_canister_version = Some(version);
            let arguments =
                UpdateSettingsArgs { canister_id: network.b, settings, sender_canister_version };
            management("update_settings", arguments)
        };
        let right = update(version()).on_reply(script().reply("ok"));
        assert_eq!(network.run(network.a, script().call(right)), Ok(b"ok".to_vec()));
        let (code, text) = reject(&network, update(version() + 1));
        assert_eq!(code, 5);
        assert!(text.starts_with("IC0504: ") && text.contains("sender canister version"), "{text}");
    });
}

#[test]
fn the_management_canister_has_500_slots_under_all_its_names() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let subnet = network.pic.get_subnet(network.a).unwrap();
        let status = || management("canister_status", about(network.a)).on_response(script());
        let by_subnet = || status().callee(subnet.as_slice());
        // Across executions, too: the callback finds what the update took, less its own call.
        let later =
            script().call(by_subnet()).append_acc().call(by_subnet()).append_acc().reply_appended();
        let script = script()
            .call(status().on_response(later))
            .repeat(499, script().call(status()))
            .call(by_subnet())
            .store(9);
        assert_eq!(numbers(&network.run(network.a, script).unwrap()), [0, 2]);
        assert_eq!(network.cell(network.a, 9), 2);
    });
}

#[test]
fn management_calls_of_canisters_and_of_users_take_turns() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let create = || {
            let one = management("create_canister", CreateCanisterArgs::default());
            one.cycles(2 * CREATION).on_reply(script().append_argument().reply_appended())
        };
        // Each of two canisters makes a call, and one of them makes a second one.
        let twice = script().call(create().on_reply(script())).call(create());
        let calls = [(network.a, twice), (network.b, script().call(create()))];
        let calls = calls.map(|(caller, script)| network.submit(caller, script));
        network.pic.tick();
        let by_user = || {
            let subnet = network.pic.get_subnet(network.a).unwrap();
            let subnet = RawEffectivePrincipal::SubnetId(subnet.as_slice().to_vec());
            let (management, anonymous) =
                (Principal::management_canister(), Principal::anonymous());
            let method = "provisional_create_canister_with_cycles";
            let arguments = ProvisionalCreateCanisterWithCyclesArgs::default();
            let argument = Encode!(&arguments).unwrap();
            let pic = &network.pic;
            pic.submit_call_with_effective_principal(
                management, subnet, anonymous, method, argument,
            )
            .unwrap()
        };
        let by_users = in_block_order([by_user(), by_user()].into());
        network.pic.tick();
        network.pic.tick();
        // New canisters get ids in ascending order.
        let created = |message: &RawMessageId| {
            let reply = network.response(message).unwrap().unwrap();
            let id = Decode!(&reply, CanisterIdRecord).unwrap().canister_id;
            u64::from_be_bytes(id.as_slice()[..8].try_into().unwrap())
        };
        let [second_of_a, first_of_b] = calls.each_ref().map(created);
        let [first_of_users, second_of_users] = [&by_users[0], &by_users[1]].map(created);
        // Which of the two canisters comes first is random.
        assert_eq!(first_of_b.abs_diff(first_of_users), 1);
        assert_eq!([second_of_users, second_of_a], [2, 3].map(|more| first_of_users + more));
    });
}
