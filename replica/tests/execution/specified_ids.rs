//! Canisters that are created with a given id.

use crate::ic00::{decode, management, somebody};
use crate::subnets::{OPENCHAT, install_on};
use candid::{Encode, Principal};
use ic_management_canister_types::{CanisterIdRecord, ProvisionalCreateCanisterWithCyclesArgs};
use pocket_ic::common::rest::{RawEffectivePrincipal, SubnetKind};
use pocket_ic::{ErrorCode, PocketIc};
use test_support::script::{call, canister, script};
use test_support::{on_every_server, panic_message};

/// Another canister of the same subnet of the mainnet.
const OPENCHAT_USER_INDEX: &str = "4bkt6-4aaaa-aaaaf-aaaiq-cai";

/// The bitcoin canister of the mainnet.
const BITCOIN: &str = "ghsi2-tqaaa-aaaan-aaaca-cai";

/// The ledger, on the NNS subnet.
const LEDGER: &str = "ryjl3-tyaaa-aaaaa-aaaba-cai";

fn id(text: &str) -> Principal {
    Principal::from_text(text).unwrap()
}

fn with_id(specified_id: Principal) -> ProvisionalCreateCanisterWithCyclesArgs {
    let specified_id = Some(specified_id);
    ProvisionalCreateCanisterWithCyclesArgs { specified_id, ..Default::default() }
}

/// Has a subnet create a canister with this id.
fn create_on(pic: &PocketIc, subnet: Principal, id: Principal) -> Result<Principal, ErrorCode> {
    let reply = pic.update_call_with_effective_principal(
        Principal::management_canister(),
        RawEffectivePrincipal::SubnetId(subnet.as_slice().to_vec()),
        somebody(),
        "provisional_create_canister_with_cycles",
        Encode!(&with_id(id)).unwrap(),
    );
    let reply = reply.map_err(|reject| reject.error_code)?;
    Ok(decode::<(CanisterIdRecord,)>(&reply).0.canister_id)
}

#[test]
fn a_canister_can_have_the_id_it_has_on_mainnet() {
    on_every_server(|server| {
        let pic = server.network().with_nns_subnet().with_application_subnet().build();
        let ledger = id(LEDGER);
        assert_eq!(pic.create_canister_with_id(None, None, ledger), Ok(ledger));
        assert_eq!(pic.get_subnet(ledger), pic.topology().get_nns());
    });
}

#[test]
fn a_canister_created_with_its_id_on_the_mainnet_gets_the_subnet_that_hosts_it_there() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let pic = &network.pic;
        for (id, kind) in [(OPENCHAT, SubnetKind::Application), (BITCOIN, SubnetKind::Bitcoin)] {
            let id = self::id(id);
            let before = pic.topology();
            assert_eq!(pic.create_canister_with_id(None, None, id), Ok(id));
            pic.install_canister(id, canister(), vec![], None);
            let after = pic.topology();
            assert_eq!(after.subnet_configs.len(), before.subnet_configs.len() + 1);
            let subnet = pic.get_subnet(id).unwrap();
            assert!(!before.subnet_configs.contains_key(&subnet));
            assert_eq!(after.subnet_configs[&subnet].subnet_kind, kind);

            let reply =
                network.run(network.a, script().call(call(id).running(script().reply("hi"))));
            assert_eq!(reply.unwrap(), b"hi");
            // It makes canisters without being told their ids, too.
            let another = install_on(pic, subnet);
            assert_eq!(pic.get_subnet(another), Some(subnet));
        }
        // Another canister of the same subnet finds it there.
        let neighbour = id(OPENCHAT_USER_INDEX);
        let subnets = pic.topology().subnet_configs.len();
        assert_eq!(pic.create_canister_with_id(None, None, neighbour), Ok(neighbour));
        assert_eq!(pic.topology().subnet_configs.len(), subnets);
    });
}

#[test]
fn a_subnet_made_for_a_canister_can_be_deleted_and_made_again() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let pic = &network.pic;
        let id = id(OPENCHAT);
        for _ in 0..2 {
            assert_eq!(pic.create_canister_with_id(None, None, id), Ok(id));
            let subnet = pic.get_subnet(id).unwrap();
            install_on(pic, subnet);
            pic.delete_subnet(subnet);
        }
        assert_eq!(network.run(network.a, script().reply("still here")).unwrap(), b"still here");
    });
}

#[test]
fn no_canister_can_be_created_with_an_id_that_needs_a_subnet_nobody_asked_for() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        // 2^20 ids for each of 1,024 subnets: the first beyond them, and none at all.
        let beyond = Principal::from_slice(&[0, 0, 0, 0, 0x40, 0, 0, 0, 1, 1]);
        for id in [id(LEDGER), beyond, Principal::from_slice(&[1, 2, 3])] {
            let refusal = panic_message(|| pic.create_canister_with_id(None, None, id));
            assert!(refusal.contains(&id.to_text()), "{refusal}");
        }
        assert_eq!(pic.topology().subnet_configs.len(), 1);
    });
}

#[test]
fn an_id_that_is_taken_is_refused_until_its_canister_is_deleted() {
    on_every_server(|server| {
        let pic = server.network().with_nns_subnet().with_application_subnet().build();
        let nns = pic.topology().get_nns().unwrap();
        assert_eq!(create_on(&pic, nns, id(LEDGER)), Ok(id(LEDGER)));
        let taken = create_on(&pic, nns, id(LEDGER));
        assert_eq!(taken, Err(ErrorCode::CanisterAlreadyInstalled));
        let text = pic.create_canister_with_id(None, None, id(LEDGER)).unwrap_err();
        assert!(text.contains("is already installed"), "{text}");
        pic.stop_canister(id(LEDGER), Some(somebody())).unwrap();
        pic.delete_canister(id(LEDGER), Some(somebody())).unwrap();
        assert_eq!(create_on(&pic, nns, id(LEDGER)), Ok(id(LEDGER)));
    });
}

#[test]
fn an_id_that_a_subnet_gives_by_itself_cannot_be_chosen() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let [own, _] = [network.a, network.b].map(|id| network.pic.get_subnet(id).unwrap());
        let mut next = network.a.as_slice().to_vec();
        next[7] += 1;
        let next = Principal::from_slice(&next);
        for id in [network.a, next] {
            let refused = create_on(&network.pic, own, id);
            assert_eq!(refused, Err(ErrorCode::InvalidManagementPayload));
            let refused = network.pic.create_canister_with_id(None, None, id).unwrap_err();
            assert!(refused.contains("InvalidManagementPayload"), "{refused}");
        }
        // That the id was asked for does not matter to the canister that gets it.
        assert_eq!(network.pic.create_canister_on_subnet(None, None, own), next);
    });
}

#[test]
fn an_id_that_another_subnet_hosts_or_none_is_refused_by_the_subnet_that_is_asked() {
    on_every_server(|server| {
        let pic = server.network().with_nns_subnet().with_application_subnet().build();
        let topology = pic.topology();
        let application = topology.get_app_subnets()[0];
        let nns = topology.get_nns().unwrap();
        let on_application = pic.create_canister_on_subnet(None, None, application);
        for (subnet, id) in [
            (application, id(LEDGER)),
            (application, id(OPENCHAT)),
            (nns, id(OPENCHAT)),
            (nns, on_application),
        ] {
            assert_eq!(create_on(&pic, subnet, id), Err(ErrorCode::CanisterNotHostedBySubnet));
        }
        assert_eq!(pic.topology().subnet_configs.len(), 2);
        assert!(!pic.canister_exists(id(LEDGER)));
    });
}

#[test]
fn a_canister_chooses_an_id_for_another_on_its_own_subnet() {
    on_every_server(|server| {
        let pic = server.network().with_nns_subnet().with_application_subnet().build();
        let nns = pic.topology().get_nns().unwrap();
        let a = install_on(&pic, nns);
        let creation = management("provisional_create_canister_with_cycles", with_id(id(LEDGER)))
            .on_reply(script().append_argument().reply_appended());
        let reply = crate::subnets::run(&pic, a, &script().call(creation));
        assert_eq!(decode::<(CanisterIdRecord,)>(&reply).0.canister_id, id(LEDGER));
        assert_eq!(pic.get_subnet(id(LEDGER)), Some(nns));
        assert_eq!(pic.get_controllers(id(LEDGER)), [a]);
    });
}
