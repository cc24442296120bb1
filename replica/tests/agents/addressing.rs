//! The address of a request has to name the canister or subnet that the request is about.

use crate::identities::{Named, ed25519};
use crate::network::CounterNetwork;
use crate::raw::{call, post, send, signed, soon};
use candid::{Encode, Principal};
use ic_certification::Label;
use ic_management_canister_types::{
    CanisterIdRecord, ProvisionalCreateCanisterWithCyclesArgs as Creation,
};
use ic_transport_types::EnvelopeContent;
use test_support::http::HttpReply;
use test_support::nothing;

/// Sends a request to a subnet.
fn to_subnet(
    network: &CounterNetwork,
    subnet: Principal,
    route: &str,
    user: &Named,
    content: &EnvelopeContent,
) -> HttpReply {
    let version = if route == "call" { "v4" } else { "v3" };
    let path = format!("api/{version}/subnet/{subnet}/{route}");
    let body = signed(&*user.identity, content).encode_bytes();
    send(network, "POST", &path, "content-type: application/cbor\r\n", &body)
}

/// Sends a request to a canister.
fn to_canister(
    network: &CounterNetwork,
    canister: Principal,
    route: &str,
    user: &Named,
    content: &EnvelopeContent,
) -> HttpReply {
    let version = if route == "call" { "v4" } else { "v3" };
    post(network, version, canister, route, &signed(&*user.identity, content).encode_bytes())
}

fn management(user: &Named, method: &str, arg: Vec<u8>) -> EnvelopeContent {
    EnvelopeContent::Call {
        nonce: None,
        ingress_expiry: soon(60),
        sender: user.identity.sender().unwrap(),
        canister_id: Principal::management_canister(),
        method_name: method.into(),
        arg,
        sender_info: None,
    }
}

fn query(user: &Named, canister: Principal, method: &str, arg: Vec<u8>) -> EnvelopeContent {
    EnvelopeContent::Query {
        ingress_expiry: soon(60),
        sender: user.identity.sender().unwrap(),
        canister_id: canister,
        method_name: method.into(),
        arg,
        nonce: None,
        sender_info: None,
    }
}

fn read(user: &Named, paths: &[&[&[u8]]]) -> EnvelopeContent {
    let labels = |path: &&[&[u8]]| path.iter().map(|label| Label::from(*label)).collect();
    EnvelopeContent::ReadState {
        ingress_expiry: soon(60),
        sender: user.identity.sender().unwrap(),
        paths: paths.iter().map(labels).collect(),
    }
}

#[test]
fn a_creation_sent_to_a_subnet_is_followed_there_by_who_sent_it() {
    let network = CounterNetwork::live();
    let [user, other] = [1, 2].map(ed25519);
    for canister in [network.one, network.other] {
        let subnet = network.pic.get_subnet(canister).unwrap();
        let arg = Encode!(&Creation::default()).unwrap();
        let creation = management(&user, "provisional_create_canister_with_cycles", arg);
        let created = to_subnet(&network, subnet, "call", &user, &creation);
        assert_eq!(created.status, 200, "{}", created.text());
        let id = creation.to_request_id();
        let path: &[&[u8]] = &[b"request_status", id.as_slice()];
        let status = to_subnet(&network, subnet, "read_state", &user, &read(&user, &[path]));
        assert_eq!(status.status, 200, "{}", status.text());
        assert!(status.body.windows(7).any(|word| word == b"replied"));
        let refused = to_subnet(&network, subnet, "read_state", &other, &read(&other, &[path]));
        // Exactly these words: programs compare them (`dfx`'s tests and PocketIC's).
        assert_eq!(refused.status, 403);
        let words = "The user tries to access Request ID not signed by the caller.";
        assert_eq!(refused.text(), words);
    }
}

#[test]
fn what_became_of_a_call_of_a_canister_is_read_at_the_canister() {
    let network = CounterNetwork::live();
    let user = ed25519(1);
    let content = call(user.identity.sender().unwrap(), network.one, soon(60));
    assert_eq!(to_canister(&network, network.one, "call", &user, &content).status, 200);
    let id = content.to_request_id();
    let status = read(&user, &[&[b"request_status", id.as_slice()]]);
    let subnet = network.pic.get_subnet(network.one).unwrap();
    to_subnet(&network, subnet, "read_state", &user, &status)
        .assert_error(403, "read its status at the endpoint of the canister");
    assert_eq!(to_canister(&network, network.one, "read_state", &user, &status).status, 200);
}

#[test]
fn subnets_take_calls_that_create_canisters_and_queries_that_list_them_only() {
    let network = CounterNetwork::live();
    let user = ed25519(1);
    let subnet = network.pic.get_subnet(network.one).unwrap();
    let one = Encode!(&CanisterIdRecord { canister_id: network.one }).unwrap();
    let sender = user.identity.sender().unwrap();
    for content in [
        call(sender, network.one, soon(60)),
        management(&user, "canister_status", one.clone()),
        management(&user, "no_such_method", nothing()),
    ] {
        let answer = to_subnet(&network, subnet, "call", &user, &content);
        answer.assert_error(400, "calls that create canisters");
    }
    for content in [
        query(&user, network.one, "read", nothing()),
        query(&user, network.one, "list_canisters", nothing()),
        query(&user, Principal::management_canister(), "canister_status", one),
    ] {
        let answer = to_subnet(&network, subnet, "query", &user, &content);
        answer.assert_error(400, "queries of 'list_canisters'");
    }
    let creation = management(&user, "create_canister", nothing());
    to_subnet(&network, network.one, "call", &user, &creation).assert_error(400, "no subnet");
}

#[test]
fn requests_about_one_canister_are_not_taken_at_another() {
    let network = CounterNetwork::live();
    let user = ed25519(1);
    let one = Encode!(&CanisterIdRecord { canister_id: network.one }).unwrap();
    let to_management = Principal::management_canister();
    for (route, content) in [
        ("call", call(user.identity.sender().unwrap(), network.one, soon(60))),
        ("call", management(&user, "canister_status", one.clone())),
        ("query", query(&user, network.one, "read", nothing())),
        ("query", query(&user, to_management, "canister_status", one)),
    ] {
        let answer = to_canister(&network, network.other, route, &user, &content);
        answer.assert_error(400, "send it to canister");
    }
}

#[test]
fn a_query_is_not_taken_for_a_call_nor_a_call_for_a_query() {
    let network = CounterNetwork::live();
    let user = ed25519(1);
    let asked = query(&user, network.one, "count", nothing());
    to_canister(&network, network.one, "call", &user, &asked).assert_error(400, "type");
    let called = call(user.identity.sender().unwrap(), network.one, soon(60));
    to_canister(&network, network.one, "query", &user, &called).assert_error(400, "type");
    let count = network.pic.query_call(network.one, Principal::anonymous(), "read", nothing());
    assert_eq!(crate::network::number(&count.unwrap()), 0);
}

#[test]
fn canister_ranges_are_read_at_subnets_and_of_one_subnet_at_once() {
    let network = CounterNetwork::live();
    let user = ed25519(1);
    let [one, other] =
        [network.one, network.other].map(|canister| network.pic.get_subnet(canister).unwrap());
    let all: &[&[u8]] = &[b"canister_ranges"];
    let [of_one, of_other]: [&[&[u8]]; 2] =
        [&[b"canister_ranges", one.as_slice()], &[b"canister_ranges", other.as_slice()]];
    let at_subnet =
        |paths: &[&[&[u8]]]| to_subnet(&network, one, "read_state", &user, &read(&user, paths));
    for path in [of_one, of_other] {
        let answer = at_subnet(&[path, path]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let refused =
            to_canister(&network, network.one, "read_state", &user, &read(&user, &[path]));
        refused.assert_error(404, "canister_ranges");
    }
    at_subnet(&[all]).assert_error(404, "canister_ranges");
    at_subnet(&[of_one, of_other]).assert_error(400, "one subnet");
}
