//! Canisters that agents create on development networks: the address of the request decides on the subnet.

use crate::dfx::{agent, create};
use crate::identities::{Named, ed25519};
use crate::network::{CounterNetwork, run};
use crate::raw::{post, signed, soon};
use candid::{Encode, Principal};
use embedded_replica::server::{LiveConfig, LiveNetwork};
use ic_management_canister_types::ProvisionalCreateCanisterWithCyclesArgs as Creation;
use ic_transport_types::EnvelopeContent;
use test_support::http::exchange;
use test_support::patience::wait_until;

const CBOR: &str = "host: localhost\r\ncontent-type: application/cbor\r\n";

/// A canister on an application subnet of the mainnet.
const OPENCHAT: &str = "6hsbt-vqaaa-aaaaf-aaafq-cai";

/// A canister on the NNS subnet of the mainnet.
const GOVERNANCE: &str = "rrkah-fqaaa-aaaaa-aaaaq-cai";

fn id(text: &str) -> Principal {
    Principal::from_text(text).unwrap()
}

/// The signed request of a user for a new canister.
fn creation(user: &Named) -> Vec<u8> {
    let content = EnvelopeContent::Call {
        nonce: None,
        ingress_expiry: soon(60),
        sender: user.identity.sender().unwrap(),
        canister_id: Principal::management_canister(),
        method_name: "provisional_create_canister_with_cycles".into(),
        arg: Encode!(&Creation::default()).unwrap(),
        sender_info: None,
    };
    signed(&*user.identity, &content).encode_bytes()
}

/// The id of the canister that a subnet creates after this one.
fn after(canister: Principal) -> Principal {
    let mut bytes = canister.as_slice().to_vec();
    bytes[7] += 1;
    Principal::from_slice(&bytes)
}

#[test]
fn a_creation_sent_to_the_management_canister_takes_place_on_the_default_subnet() {
    let network = CounterNetwork::live_with_nns();
    let user = ed25519(1);
    let (made, on_nns) = (after(network.one), after(network.other));
    for version in ["v2", "v3", "v4"] {
        let management = Principal::management_canister();
        let answer = post(&network, version, management, "call", &creation(&user));
        assert!(matches!(answer.status, 200 | 202), "{}", answer.text());
    }
    // The server did not wait for the execution of the first request.
    wait_until("all canisters exist", || network.pic.canister_exists(after(after(made))));
    assert_eq!(network.pic.get_subnet(made), network.pic.get_subnet(network.one));
    assert!(!network.pic.canister_exists(on_nns));
    assert!(network.pic.cycle_balance(made) > 0);
}

#[test]
fn a_creation_sent_to_a_canister_of_the_mainnet_takes_place_on_a_subnet_that_hosts_it() {
    let network = CounterNetwork::live();
    let subnets = network.pic.topology().subnet_configs.len();
    let created = run(async {
        let agent = network.agent(ed25519(1)).await;
        [create(&agent, id(OPENCHAT)).await, create(&agent, id(OPENCHAT)).await]
    });
    let topology = network.pic.topology();
    assert_eq!(topology.subnet_configs.len(), subnets + 1);
    for canister in created {
        let subnet = network.pic.get_subnet(canister).unwrap();
        let hosts = |range: &pocket_ic::common::rest::CanisterIdRange| {
            let openchat = id(OPENCHAT);
            (range.start.canister_id.as_slice()..=range.end.canister_id.as_slice())
                .contains(&openchat.as_slice())
        };
        assert!(topology.subnet_configs[&subnet].canister_ranges.iter().any(hosts));
    }
}

#[test]
fn a_creation_sent_to_a_subnet_that_cannot_be_added_is_refused() {
    let network = CounterNetwork::live();
    for (nowhere, words) in [
        (id(GOVERNANCE), "ask for such a subnet when you create the instance"),
        (Principal::from_slice(&[1, 2, 3]), "and it is not a mainnet canister ID"),
    ] {
        let refused = post(&network, "v4", nowhere, "call", &creation(&ed25519(1)));
        refused.assert_error(
            400,
            "canister_not_found\ndetails: The specified canister does not exist. ",
        );
        refused.assert_error(400, words);
    }
    assert_eq!(network.pic.topology().subnet_configs.len(), 2);
}

#[test]
fn a_live_network_creates_canisters_on_its_default_subnet_and_adds_no_subnets() {
    let network = LiveNetwork::start(LiveConfig::default()).unwrap();
    let user = ed25519(1);
    let send = |canister: Principal| {
        let path = format!("/api/v4/canister/{canister}/call");
        exchange(network.port(), "POST", &path, CBOR, &creation(&user))
    };
    let answer = send(Principal::management_canister());
    assert_eq!(answer.status, 200, "{}", answer.text());
    run(async {
        let agent = agent(&network, ed25519(1)).await;
        let first = network.default_effective_canister().principal();
        let controllers = agent.read_state_canister_controllers(first).await.unwrap();
        assert_eq!(controllers, [user.identity.sender().unwrap()]);
    });
    send(id(OPENCHAT)).assert_error(400, "does not exist. Reason: no subnet");
}
