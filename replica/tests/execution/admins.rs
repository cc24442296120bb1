//! Subnets with admins, and what the admins may do.

use crate::ic00::{about, ask, decode, query, somebody};
use candid::{Encode, Principal};
use ic_management_canister_types::{
    CanisterIdRange, CanisterIdRecord, CreateCanisterArgs, ListCanistersResult,
};
use pocket_ic::common::rest::{
    CanisterCyclesCostSchedule, ExtendedSubnetConfigSet, RawEffectivePrincipal, RawPrincipalId,
    SubnetSpec,
};
use pocket_ic::{ErrorCode, PocketIc};
use test_support::script::{call, rejected, script};
use test_support::scripted::install;
use test_support::{CallResult, ScriptedNetwork, Server, StatusOf, on_every_server};

fn admin() -> Principal {
    Principal::self_authenticating([8; 32])
}

fn free() -> SubnetSpec {
    SubnetSpec::default().with_cost_schedule(CanisterCyclesCostSchedule::Free)
}

/// A network of one application subnet.
fn network(server: Server, subnet: SubnetSpec) -> PocketIc {
    let application = vec![subnet];
    server.network_of(ExtendedSubnetConfigSet { application, ..Default::default() }).build()
}

/// A network whose only subnet has an admin.
fn with_admin(server: Server) -> PocketIc {
    network(server, free().with_subnet_admins(vec![admin()]))
}

fn subnet(pic: &PocketIc) -> RawEffectivePrincipal {
    RawEffectivePrincipal::SubnetId(pic.topology().get_app_subnets()[0].as_slice().to_vec())
}

/// A user's call to the subnet.
fn at_subnet(pic: &PocketIc, user: Principal, method: &str, argument: Vec<u8>) -> CallResult {
    let management = Principal::management_canister();
    pic.update_call_with_effective_principal(management, subnet(pic), user, method, argument)
}

fn create(pic: &PocketIc, user: Principal) -> Result<Principal, ErrorCode> {
    let argument = Encode!(&CreateCanisterArgs::default()).unwrap();
    let created = at_subnet(pic, user, "create_canister", argument);
    let reply = created.map_err(|reject| reject.error_code)?;
    Ok(decode::<(CanisterIdRecord,)>(&reply).0.canister_id)
}

fn list(pic: &PocketIc, user: Principal) -> Result<Vec<CanisterIdRange>, ErrorCode> {
    let (management, argument) = (Principal::management_canister(), Encode!().unwrap());
    let answer = pic.query_call_with_effective_principal(
        management,
        subnet(pic),
        user,
        "list_canisters",
        argument,
    );
    let reply = answer.map_err(|reject| reject.error_code)?;
    Ok(decode::<(ListCanistersResult,)>(&reply).0.canisters)
}

/// The number in a canister's id.
fn number(id: Principal) -> u64 {
    u64::from_be_bytes(id.as_slice()[..8].try_into().unwrap())
}

#[test]
fn the_topology_names_a_subnets_admins() {
    on_every_server(|server| {
        let pic = with_admin(server);
        let topology = pic.topology();
        let named = &topology.subnet_configs[&topology.get_app_subnets()[0]].subnet_admins;
        assert_eq!(named.as_deref(), Some(&[RawPrincipalId::from(admin())][..]));
    });
}

#[test]
fn admins_create_canisters_for_nothing_and_other_users_create_none() {
    on_every_server(|server| {
        let pic = with_admin(server);
        let id = create(&pic, admin()).unwrap();
        assert_eq!(pic.cycle_balance(id), 0);
        let status = pic.status_of(id, Some(admin())).unwrap();
        assert_eq!(status.settings.controllers, [admin()]);
        assert_eq!(create(&pic, somebody()), Err(ErrorCode::InvalidSubnetAdmin));
        let nobody = network(server, free());
        assert_eq!(create(&nobody, admin()), Err(ErrorCode::InvalidSubnetAdmin));
        let ordinary = network(server, SubnetSpec::default());
        assert_eq!(create(&ordinary, admin()), Err(ErrorCode::CanisterRejectedMessage));
    });
}

#[test]
fn admins_stop_start_uninstall_and_delete_canisters_and_learn_how_they_are() {
    on_every_server(|server| {
        let pic = with_admin(server);
        let id = install(&pic);
        let manage = |user, method| ask(&pic, user, id, method, about(id));
        let methods = ["stop_canister", "start_canister", "canister_metrics", "uninstall_code"];
        for method in methods {
            let refused = manage(somebody(), method).unwrap_err().error_code;
            assert_eq!(refused, ErrorCode::CanisterInvalidControllerOrSubnetAdmin, "{method}");
            manage(admin(), method).unwrap();
        }
        let refused = manage(somebody(), "canister_status").unwrap_err().error_code;
        assert_eq!(refused, ErrorCode::CanisterStatusAccessDenied);
        manage(admin(), "canister_status").unwrap();
        query(&pic, admin(), id, "canister_status", about(id)).unwrap();
        for method in ["take_canister_snapshot", "clear_chunk_store"] {
            let refused = manage(admin(), method).unwrap_err().error_code;
            assert_eq!(refused, ErrorCode::CanisterInvalidController, "{method}");
        }
        manage(admin(), "stop_canister").unwrap();
        manage(admin(), "delete_canister").unwrap();
        assert!(!pic.canister_exists(id));
    });
}

#[test]
fn canisters_are_listed_in_ranges_without_those_that_are_deleted() {
    on_every_server(|server| {
        let pic = with_admin(server);
        assert_eq!(list(&pic, admin()), Ok(vec![]));
        let ids: Vec<Principal> = (0..5).map(|_| pic.create_canister()).collect();
        let range = |start: usize, end: usize| CanisterIdRange { start: ids[start], end: ids[end] };
        assert_eq!(number(ids[4]), number(ids[0]) + 4);
        assert_eq!(list(&pic, admin()), Ok(vec![range(0, 4)]));
        for id in [ids[1], ids[2]] {
            pic.stop_canister(id, None).unwrap();
            pic.delete_canister(id, None).unwrap();
        }
        assert_eq!(list(&pic, admin()), Ok(vec![range(0, 0), range(3, 4)]));
    });
}

#[test]
fn only_admins_list_canisters_and_only_on_subnets_that_can_have_admins() {
    on_every_server(|server| {
        let pic = with_admin(server);
        assert_eq!(list(&pic, somebody()), Err(ErrorCode::InvalidSubnetAdmin));
        let nobody = network(server, free());
        assert_eq!(list(&nobody, admin()), Err(ErrorCode::InvalidSubnetAdmin));
        let ordinary = network(server, SubnetSpec::default());
        assert_eq!(list(&ordinary, admin()), Err(ErrorCode::CanisterRejectedMessage));
        let update = at_subnet(&pic, admin(), "list_canisters", Encode!().unwrap());
        let refused = update.expect_err("users list canisters by queries only");
        assert_eq!(refused.error_code, ErrorCode::CanisterRejectedMessage);
    });
}

#[test]
fn a_canister_lists_the_canisters_of_its_subnet_if_it_is_an_admin() {
    on_every_server(|server| {
        // The first canister of the first application subnet.
        let canister = Principal::from_text("lxzze-o7777-77777-aaaaa-cai").unwrap();
        let pic = network(server, free().with_subnet_admins(vec![canister]));
        let [a, b] = [install(&pic), install(&pic)];
        assert_eq!(a, canister);
        let network = ScriptedNetwork { pic, a, b };
        let list = |canister| {
            let list = call(Principal::management_canister())
                .method("list_canisters")
                .argument(Encode!().unwrap())
                .on_reply(script().append_argument().reply_appended());
            network.run(canister, script().call(list)).unwrap()
        };
        let (code, text) = rejected(&list(b));
        assert_eq!(code, 4);
        assert!(!text.starts_with("IC0"), "{text}");
        let listed = decode::<(ListCanistersResult,)>(&list(a)).0.canisters;
        assert_eq!(listed, [CanisterIdRange { start: a, end: b }]);
    });
}

#[test]
fn a_composite_query_lists_the_canisters_of_its_subnet_if_its_canister_is_an_admin() {
    on_every_server(|server| {
        let canister = Principal::from_text("lxzze-o7777-77777-aaaaa-cai").unwrap();
        let pic = network(server, free().with_subnet_admins(vec![canister]));
        let [a, b] = [install(&pic), install(&pic)];
        let list = |canister| {
            let list = call(Principal::management_canister())
                .method("list_canisters")
                .argument(Encode!().unwrap());
            let steps = script().call(list).bytes();
            pic.query_call(canister, Principal::anonymous(), "compose", steps).unwrap()
        };
        assert_eq!(rejected(&list(b)).0, 4);
        let listed = decode::<(ListCanistersResult,)>(&list(a)).0.canisters;
        assert_eq!(listed, [CanisterIdRange { start: a, end: b }]);
    });
}

#[test]
fn what_a_composite_query_asks_the_management_canister_counts_instructions() {
    on_every_server(|server| {
        let canister = Principal::from_text("lxzze-o7777-77777-aaaaa-cai").unwrap();
        let pic = network(server, free().with_subnet_admins(vec![canister]));
        assert_eq!(install(&pic), canister);
        // The whole query has 5 billion instructions. A call counts 50 million, and listing 20 million more.
        let ask = |method, argument, times| {
            let done = script().count_down(9).load(9).unless(script().reply("done"));
            let one = call(Principal::management_canister()).method(method).argument(argument);
            let steps = script().put(9, times).repeat(times, script().call(one.on_reply(done)));
            let reply = pic.query_call(canister, Principal::anonymous(), "compose", steps.bytes());
            reply.map_err(|reject| reject.error_code)
        };
        let too_many = Err(ErrorCode::QueryCallGraphTotalInstructionLimitExceeded);
        let status = || Encode!(&about(canister)).unwrap();
        assert_eq!(ask("canister_status", status(), 95), Ok(b"done".to_vec()));
        assert_eq!(ask("canister_status", status(), 105), too_many);
        assert_eq!(ask("list_canisters", Encode!().unwrap(), 65), Ok(b"done".to_vec()));
        assert_eq!(ask("list_canisters", Encode!().unwrap(), 75), too_many);
    });
}
