//! HTTPS outcalls that are refused before any node sends a request.

use crate::outcalls::{ENOUGH, body, get, outcall, reply, result};
use candid::{Encode, Principal};
use ic_management_canister_types::*;
use pocket_ic::ErrorCode;
use pocket_ic::common::rest::RawEffectivePrincipal;
use test_support::on_every_server;
use test_support::script::{rejected, script};

#[test]
fn requests_that_nodes_would_not_make_are_rejected_with_their_cycles() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let header = |name: usize, value: usize| HttpHeader {
            name: "n".repeat(name),
            value: "v".repeat(value),
        };
        let with_headers = |headers| HttpRequestArgs { headers, ..get() };
        let others = TransformFunc(candid::Func { principal: network.b, method: "ask".into() });
        for (arguments, fragment) in [
            (HttpRequestArgs { url: "u".repeat(8_193), ..get() }, "url size 8193 exceeds 8192"),
            (with_headers(vec![header(1, 1); 65]), "http headers 65 exceeds 64"),
            (with_headers(vec![header(8_193, 1)]), "http header name 8193 exceeds 8192"),
            (with_headers(vec![header(1, 8_193)]), "http header value 8193 exceeds 8192"),
            (with_headers(vec![header(1, 8_191); 7]), "57344 exceeds 49152"),
            (
                HttpRequestArgs { max_response_bytes: Some(2_000_001), ..get() },
                "in the range [0..2000000], got 2000001",
            ),
            (
                HttpRequestArgs { method: HttpMethod::PUT, ..get() },
                "only allowed for non-replicated requests",
            ),
            (
                HttpRequestArgs {
                    transform: Some(TransformContext { function: others, context: vec![] }),
                    ..get()
                },
                "transform principal id expected",
            ),
        ] {
            let refunded = script().refunded().append_acc().reject_code().append_acc();
            let call = outcall(arguments).on_reject(refunded.append_reject_message().reply(""));
            let answer = network.run(network.a, script().call(call)).unwrap();
            let (refund, reject) = answer.split_at(8);
            assert_eq!(refund, ENOUGH.to_le_bytes());
            let (code, text) = rejected(reject);
            assert_eq!(code, 4);
            assert!(text.contains(fragment), "{text}");
        }
        let non_replicated =
            HttpRequestArgs { method: HttpMethod::DELETE, is_replicated: Some(false), ..get() };
        assert_eq!(body(&result(&network, outcall(non_replicated), reply(b"gone"))), b"gone");
    });
}

#[test]
fn users_make_no_outcalls() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let arguments = Encode!(&get()).unwrap();
        let effective = RawEffectivePrincipal::SubnetId(
            network.pic.get_subnet(network.a).unwrap().as_slice().to_vec(),
        );
        let reject = network
            .pic
            .submit_call_with_effective_principal(
                Principal::management_canister(),
                effective,
                Principal::anonymous(),
                "http_request",
                arguments,
            )
            .unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
    });
}
