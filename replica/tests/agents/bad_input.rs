//! An invalid request gets an error with the reason, and the network keeps working.

use crate::identities::ed25519;
use crate::network::CounterNetwork;
use crate::raw::{call, post, send, signed, soon};
use candid::Principal;
use ic_transport_types::{Envelope, EnvelopeContent};
use proptest::prelude::*;
use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;
use test_support::nothing;

const CBOR: &str = "content-type: application/cbor\r\n";

fn unsigned(content: EnvelopeContent) -> Vec<u8> {
    Envelope {
        content: Cow::Owned(content),
        sender_pubkey: None,
        sender_sig: None,
        sender_delegation: None,
    }
    .encode_bytes()
}

fn read_state(paths: Vec<Vec<ic_certification::Label>>) -> Vec<u8> {
    let sender = Principal::anonymous();
    unsigned(EnvelopeContent::ReadState { ingress_expiry: soon(60), sender, paths })
}

#[test]
fn a_body_that_is_not_an_envelope_gets_status_400_with_a_message() {
    let network = CounterNetwork::live();
    let good = unsigned(call(Principal::anonymous(), network.one, soon(60)));
    let trailing = [good.as_slice(), &[0]].concat();
    let deep = vec![0x81; 100_000];
    let endless =
        [&[0xd9, 0xd9, 0xf7, 0xa1, 0x67], b"content".as_slice(), &[0x5b], &[0xff; 8]].concat();
    for (body, words) in [
        (b"".as_slice(), "not an envelope"),
        (b"not CBOR at all", "not an envelope"),
        (&good[..good.len() - 1], "not an envelope"),
        (&trailing, "followed by 1 bytes"),
        (&deep, "not an envelope"),
        (&endless, "not an envelope"),
    ] {
        for route in ["call", "query", "read_state"] {
            post(&network, "v3", network.one, route, body).assert_error(400, words);
        }
    }
    assert_eq!(post(&network, "v4", network.one, "call", &good).status, 200);
}

#[test]
fn requests_of_another_type_than_the_route_takes_are_400() {
    let network = CounterNetwork::live();
    let call = unsigned(call(Principal::anonymous(), network.one, soon(60)));
    let paths = read_state(vec![vec!["time".into()]]);
    post(&network, "v3", network.one, "read_state", &call).assert_error(400, "read_state");
    for route in ["call", "query"] {
        post(&network, "v3", network.one, route, &paths).assert_error(400, "type");
    }
}

#[test]
fn a_request_above_two_mebibytes_gets_status_413() {
    let network = CounterNetwork::live();
    let envelope = |bytes| {
        let mut content = call(Principal::anonymous(), network.one, soon(60));
        if let EnvelopeContent::Call { arg, .. } = &mut content {
            arg.resize(bytes, 0);
        }
        unsigned(content)
    };
    let answer = post(&network, "v2", network.one, "call", &envelope(2 * 1024 * 1024));
    answer.assert_error(
        413,
        "error: payload_too_large\ndetails: Payload is too large: maximum body size is 2097152 bytes",
    );
    assert_eq!(
        post(&network, "v2", network.one, "call", &envelope(2 * 1024 * 1024 - 1_000)).status,
        202
    );
}

#[test]
fn a_canister_that_no_subnet_hosts_or_that_is_not_meant_is_an_error() {
    let network = CounterNetwork::live();
    let nowhere = Principal::from_text("rrkah-fqaaa-aaaaa-aaaaq-cai").unwrap();
    let to = |canister| unsigned(call(Principal::anonymous(), canister, soon(60)));
    post(&network, "v4", nowhere, "call", &to(nowhere)).assert_error(400, "does not belong");
    // It does not matter what is asked there.
    for (version, route) in
        [("v2", "call"), ("v3", "call"), ("v4", "call"), ("v3", "query"), ("v3", "read_state")]
    {
        for canister in [nowhere, Principal::management_canister()] {
            for body in [&b""[..], &read_state(vec![vec!["time".into()]]), &to(canister)] {
                let answer = post(&network, version, canister, route, body);
                answer.assert_error(
                    400,
                    "error: canister_not_found\ndetails: The specified canister does not exist. Reason: ",
                );
            }
        }
    }
    for route in ["v4/subnet/{}/call", "v3/subnet/{}/query", "v3/subnet/{}/read_state"] {
        let path =
            format!("api/{}", route.replace("{}", &Principal::from_slice(&[42; 29]).to_text()));
        let answer = send(&network, "POST", &path, CBOR, b"");
        answer.assert_error(
            400,
            "error: subnet_not_found\ndetails: The specified subnet cannot be found. Reason: ",
        );
    }
    post(&network, "v4", network.other, "call", &to(network.one))
        .assert_error(400, "send it to canister");
    let path = "api/v4/canister/no-canister/call";
    send(&network, "POST", path, CBOR, &to(network.one)).assert_error(400, "'no-canister'");
    assert_eq!(send(&network, "GET", path, CBOR, b"").status, 405);
    for path in ["api/v2/no_such", "api/v5/status", "api/v1/canister/aaaaa-aa/call"] {
        assert_eq!(send(&network, "GET", path, "", b"").status, 404, "{path}");
    }
}

#[test]
fn an_unreadable_state_path_is_an_error_with_the_reason() {
    let network = CounterNetwork::live();
    let one = network.one.as_slice();
    let request = [7; 32];
    for (path, status, words) in [
        (
            vec![b"canister".as_slice(), network.other.as_slice(), b"controllers"],
            400,
            "cannot name another canister",
        ),
        (vec![b"canister", one, b"certified_data"], 404, "/canister/"),
        (vec![b"streams"], 404, "/streams"),
        (vec![b"request_status", b"short"], 400, "32 bytes, not 5"),
        (vec![b"canister", one, b"metadata", b"\xff"], 400, "UTF-8"),
        (vec![b"x"; 128], 400, "at most 127 labels"),
    ] {
        let path = path.into_iter().map(ic_certification::Label::from).collect();
        let answer = post(&network, "v3", network.one, "read_state", &read_state(vec![path]));
        answer.assert_error(status, words);
    }
    let many = vec![vec!["time".into()]; 1_001];
    let answer = post(&network, "v3", network.one, "read_state", &read_state(many));
    answer.assert_error(400, "at most 1000 paths");
    let status = |id: &[u8]| vec!["request_status".into(), ic_certification::Label::from(id)];
    let two = read_state(vec![status(&request), status(&[8; 32])]);
    post(&network, "v3", network.one, "read_state", &two).assert_error(400, "one request");
    let subnet = network.pic.get_subnet(network.one).unwrap();
    let metrics = vec!["subnet".into(), subnet.as_slice().into(), "metrics".into()];
    let answer = post(&network, "v3", network.one, "read_state", &read_state(vec![metrics]));
    answer.assert_error(404, "metrics");
}

#[test]
fn pages_of_other_origins_may_do_what_agents_may_and_no_more() {
    let network = CounterNetwork::live();
    let page = "origin: https://example.com\r\n";
    let preflight = format!("{page}access-control-request-method: POST\r\n");
    let route = format!("api/v4/canister/{}/call", network.one);
    let asked = send(&network, "OPTIONS", &route, &preflight, b"");
    assert_eq!((asked.status, asked.allows_every_origin()), (204, true));
    assert!(asked.head.contains("Content-Type"), "{}", asked.head);
    let body = unsigned(call(Principal::anonymous(), network.one, soon(60)));
    let called = send(&network, "POST", &route, &format!("{page}{CBOR}"), &body);
    assert_eq!((called.status, called.allows_every_origin()), (200, true));
    let status = send(&network, "GET", "api/v2/status", page, b"");
    assert_eq!((status.status, status.allows_every_origin()), (200, true));
    let failed = send(&network, "POST", &route, &format!("{page}{CBOR}"), b"");
    assert_eq!((failed.status, failed.allows_every_origin()), (400, true));

    let before = network.pic.get_time();
    for (method, route, body) in [
        ("POST", "update/tick", "{}"),
        ("POST", "update/set_time", r#"{"nanos_since_epoch":9000000000000000000}"#),
        ("GET", "read/topology", ""),
        ("DELETE", "", ""),
    ] {
        let lines = format!("{page}content-type: text/plain\r\n");
        let refused = send(&network, method, route, &lines, body.as_bytes());
        refused.assert_error(403, "pages in a browser");
        assert!(!refused.allows_every_origin(), "{route}");
    }
    assert!(send(&network, "OPTIONS", "update/tick", &preflight, b"").status >= 400);
    // The time that was to be set is centuries later.
    assert!(network.pic.get_time() < before + Duration::from_secs(86_400));
}

/// Where an envelope has the number of the CBOR tag in front of it. The number means nothing to decoders, so no
/// signature covers it.
const TAG_NUMBER: Range<usize> = 1..3;

#[test]
fn an_envelope_with_another_tag_in_front_of_it_is_the_same_request() {
    let network = CounterNetwork::live();
    let user = ed25519(9).identity;
    for (count, number) in (1..).zip([[0xd9, 0xf7], [0xd9, 0xdc], [0, 0], [0xff, 0xff]]) {
        let content = call(user.sender().unwrap(), network.one, soon(60));
        let mut body = signed(&*user, &content).encode_bytes();
        body[TAG_NUMBER].copy_from_slice(&number);
        let answer = post(&network, "v4", network.one, "call", &body);
        assert_eq!(answer.status, 200, "{number:?}: {}", answer.text());
        let read = network.pic.query_call(network.one, Principal::anonymous(), "read", nothing());
        assert_eq!(crate::network::number(&read.unwrap()), count);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A signed request with any byte changed that means something is refused.
    #[test]
    fn a_damaged_request_is_never_executed(place in 0usize..400, byte: u8, cut in 0usize..40) {
        let network = &*DAMAGED;
        let user = ed25519(9).identity;
        let content = call(user.sender().unwrap(), network.one, soon(60));
        let mut body = signed(&*user, &content).encode_bytes();
        let place = place % body.len();
        prop_assume!(body[place] != byte && !TAG_NUMBER.contains(&place));
        body[place] = byte;
        body.truncate(body.len() - cut);
        let answer = post(network, "v4", network.one, "call", &body);
        let count = network.pic.query_call(network.one, Principal::anonymous(), "read", nothing());
        let count = crate::network::number(&count.unwrap());
        prop_assert!(matches!(answer.status, 400 | 403), "{}: {}", answer.status, answer.text());
        prop_assert_eq!(count, 0);
    }
}

static DAMAGED: std::sync::LazyLock<CounterNetwork> =
    std::sync::LazyLock::new(CounterNetwork::live);
