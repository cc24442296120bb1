//! The cycles of HTTPS outcalls that pay for what they use.

use crate::outcalls::*;
use ic_management_canister_types::*;
use pocket_ic::common::rest::*;
use test_support::{ScriptedNetwork, on_every_server};

/// Bytes of [`get`]'s URL.
const REQUEST_BYTES: u128 = 19;

/// What encoding a response adds to its body, at most.
const ENCODING: u128 = 64;

/// What the messages cost beside the outcall, at most.
const MESSAGES: u128 = 100_000_000;

fn used(arguments: HttpRequestArgs) -> HttpRequestArgs {
    HttpRequestArgs { pricing_version: Some(2), ..arguments }
}

fn base_fee() -> u128 {
    NODES * (1_000_000 + 50 * REQUEST_BYTES + 140_000 * NODES + 800 * NODES * NODES)
}

/// What agreeing on this many bytes costs.
fn agreement(bytes: u128) -> u128 {
    NODES * (10 * NODES + 600) * bytes
}

fn cost(
    network: &ScriptedNetwork,
    arguments: HttpRequestArgs,
    response: CanisterHttpResponse,
) -> u128 {
    network.spent(network.a, || result(network, outcall(arguments), response).unwrap()).0
}

#[test]
fn the_pricing_version_of_an_outcall_is_reported() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (_, request) = begin(&network, outcall(used(get())));
        assert_eq!(request.pricing_version, CanisterHttpPricingVersion::PayAsYouGo);
    });
}

#[test]
fn all_nodes_pay_for_what_they_download_and_once_for_agreeing() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let body = vec![b'x'; 1_000];
        let price = |bytes: u128| base_fee() + NODES * 50 * bytes + agreement(bytes);
        let cost = cost(&network, used(get()), reply(&body));
        assert!((price(1_000)..price(1_000 + ENCODING) + MESSAGES).contains(&cost), "{cost}");
    });
}

#[test]
fn one_node_pays_for_telling_the_others() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let arguments = HttpRequestArgs { is_replicated: Some(false), ..used(get()) };
        let [long, short] = [11_000, 1_000]
            .map(|bytes| cost(&network, arguments.clone(), reply(&vec![b'x'; bytes])));
        // The longer response also costs more as a message.
        let bytes = 10_000;
        let more = 50 * bytes + 50 * NODES * bytes + agreement(bytes) + 1_000 * bytes;
        let slack = agreement(ENCODING) + 10_000_000;
        assert!((more - slack..more + slack).contains(&(long - short)), "{long} {short} {more}");
    });
}

#[test]
fn a_reject_costs_what_agreeing_on_it_does() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let cost = cost(&network, used(get()), no_reply("Connection refused"));
        let price = base_fee() + agreement(1 + "Connection refused".len() as u128);
        assert!((price..price + MESSAGES).contains(&cost), "{cost}");
    });
}

#[test]
fn transforming_costs_a_cycle_for_thirteen_instructions() {
    on_every_server(|server| {
        let network = with_code(
            server,
            r#"(func (export "canister_query spin") (local $left i32)
                 (local.set $left (i32.const 1_000_000))
                 (loop $again
                   (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
                 (call $msg_reply))
               (func (export "canister_query reply") (call $msg_reply))"#,
        );
        let cost = |method| {
            let arguments =
                HttpRequestArgs { transform: transform(&network, method), ..used(get()) };
            cost(&network, arguments, reply(b"answer"))
        };
        let more = (cost("spin") - cost("reply")) * 13 / NODES;
        // A turn takes a few instructions.
        assert!((4_000_000..12_000_000).contains(&more), "{more}");
    });
}

#[test]
fn a_node_that_cannot_pay_for_its_response_sends_no_response() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // Every node may spend 49,999 cycles, and a thousand bytes cost 50,000.
        let attached = base_fee() + NODES * 49_999;
        let call = outcall(used(get())).cycles(attached as u64);
        let answer = failure(result(&network, call, reply(&[0; 1_000])));
        assert_eq!(answer.0, 4);
        assert!(
            ["Insufficient cycles", "Out of cycles:"].iter().any(|text| answer.1.contains(text)),
            "{}",
            answer.1
        );
        // The base fee is what must be there.
        let call = outcall(used(get())).cycles(base_fee() as u64 - 1);
        let (code, text) = crate::ic00::reject(&network, call);
        assert_eq!(code, 4);
        assert!(text.contains("cycles are required"), "{text}");
    });
}

#[test]
fn a_response_that_costs_more_than_the_nodes_have_left_is_not_delivered() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let bytes = 100_000;
        let attached = base_fee() + NODES * 2 * 50 * bytes;
        let call = outcall(used(get())).cycles(attached as u64);
        let (message, request) = begin(&network, call);
        respond(&network, &request, vec![reply(&vec![0; bytes as usize])]);
        let (code, text) = failure(network.pic.await_call(message));
        assert_eq!(code, 4);
        assert!(text.contains("Out of cycles: 13 "), "{text}");
    });
}

#[test]
fn the_unspent_cycles_of_an_outcall_come_back() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let before = network.pic.cycle_balance(network.a);
        let (message, request) = begin(&network, outcall(used(get())));
        assert!(before - network.pic.cycle_balance(network.a) >= u128::from(ENOUGH));
        respond(&network, &request, vec![reply(b"answer")]);
        network.pic.await_call(message).unwrap();
        let spent = before - network.pic.cycle_balance(network.a);
        assert!(spent < base_fee() + agreement(200) + MESSAGES, "{spent}");
    });
}
