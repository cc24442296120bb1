//! HTTPS outcalls whose response the nodes agree on.

use crate::ic00::{decode, management, reject};
use candid::Encode;
use ic_management_canister_types::*;
use pocket_ic::common::rest::*;
use std::time::Duration;
use test_support::script::{Call, canister_with, number, rejected, script};
use test_support::scripted::install_module;
use test_support::{CallResult, ScriptedNetwork, Server, on_every_server};

/// Cycles that are more than enough for any outcall.
pub const ENOUGH: u64 = 1_000_000_000_000;

pub const NODES: u128 = 13;

/// A request whose URL is all that it has of any length.
pub fn get() -> HttpRequestArgs {
    HttpRequestArgs { url: "https://example.com".into(), ..HttpRequestArgs::default() }
}

pub fn reply(body: &[u8]) -> CanisterHttpResponse {
    let reply = CanisterHttpReply { status: 200, headers: vec![], body: body.to_vec() };
    CanisterHttpResponse::CanisterHttpReply(reply)
}

/// As when a node cannot connect.
pub fn no_reply(message: &str) -> CanisterHttpResponse {
    let reject = CanisterHttpReject { reject_code: 2, message: message.into() };
    CanisterHttpResponse::CanisterHttpReject(reject)
}

/// The code of a transform function that makes this body of every response.
pub fn transform_to(name: &str, body: &[u8]) -> String {
    let transformed = HttpRequestResult { body: body.to_vec(), ..Default::default() };
    let bytes = Encode!(&transformed).unwrap();
    let text: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!(
        r#"(data (i32.const 3000) "{text}")
           (func (export "canister_query {name}")
             (call $msg_reply_data_append (i32.const 3000) (i32.const {}))
             (call $msg_reply))"#,
        bytes.len()
    )
}

/// A call of `a` that makes an outcall.
pub fn outcall(arguments: HttpRequestArgs) -> Call {
    management("http_request", arguments).cycles(ENOUGH)
}

/// Has `a` make an outcall, which then waits for responses.
pub fn begin(network: &ScriptedNetwork, call: Call) -> (RawMessageId, CanisterHttpRequest) {
    let message = network.submit(network.a, script().call(call));
    network.pic.tick();
    network.pic.tick();
    let mut waiting = network.pic.get_canister_http();
    assert_eq!(waiting.len(), 1);
    (message, waiting.remove(0))
}

/// Says that every node got the same, or each its own.
pub fn respond(
    network: &ScriptedNetwork,
    request: &CanisterHttpRequest,
    mut responses: Vec<CanisterHttpResponse>,
) {
    network.pic.mock_canister_http_response(MockCanisterHttpResponse {
        subnet_id: request.subnet_id,
        request_id: request.request_id,
        response: responses.remove(0),
        additional_responses: responses,
    });
}

/// What `a` gets if every node gets this.
pub fn result(network: &ScriptedNetwork, call: Call, response: CanisterHttpResponse) -> CallResult {
    let (message, request) = begin(network, call);
    respond(network, &request, vec![response]);
    network.pic.await_call(message)
}

pub fn body(answer: &CallResult) -> Vec<u8> {
    decode::<(HttpRequestResult,)>(answer.as_ref().unwrap()).0.body
}

/// The reject code and the message that `a` got.
pub fn failure(answer: CallResult) -> (u64, String) {
    rejected(&answer.unwrap())
}

/// A network whose canister `a` has this, too.
pub fn with_code(server: Server, more: &str) -> ScriptedNetwork {
    let network = server.one_subnet();
    let a = install_module(&network.pic, canister_with(more));
    ScriptedNetwork { a, ..network }
}

/// A transformation of responses by the caller's own query.
pub fn transform(network: &ScriptedNetwork, method: &str) -> Option<TransformContext> {
    let function = candid::Func { principal: network.a, method: method.into() };
    Some(TransformContext { function: TransformFunc(function), context: b"context".to_vec() })
}

#[test]
fn every_node_may_say_that_it_got_the_largest_response() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let size = script().append_argument_size().reply_appended();
        let (message, request) = begin(&network, outcall(get()).on_response(size));
        respond(&network, &request, vec![reply(&[b'a'; 2_000_000]); NODES as usize]);
        assert!(number(&network.pic.await_call(message).unwrap()) > 2_000_000);
    });
}

#[test]
fn an_outcall_waits_for_responses_and_shows_what_is_requested() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let header =
            |name: &str, value: &str| HttpHeader { name: name.into(), value: value.into() };
        let arguments = HttpRequestArgs {
            method: HttpMethod::POST,
            headers: vec![header("accept", "text/html"), header("x", "y")],
            body: Some(b"question".to_vec()),
            max_response_bytes: Some(1_000),
            ..get()
        };
        let (message, request) = begin(&network, outcall(arguments));
        assert_eq!(request.subnet_id, network.pic.get_subnet(network.a).unwrap());
        assert_eq!(request.url, "https://example.com");
        assert_eq!(request.http_method, CanisterHttpMethod::POST);
        let headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .map(|header| (header.name.as_str(), header.value.as_str()))
            .collect();
        assert_eq!(headers, [("accept", "text/html"), ("x", "y")]);
        assert_eq!(
            (&request.body[..], request.max_response_bytes),
            (&b"question"[..], Some(1_000))
        );
        assert_eq!(request.replication, CanisterHttpReplication::FullyReplicated);
        assert_eq!(request.pricing_version, CanisterHttpPricingVersion::Legacy);
        network.pic.tick();
        assert_eq!(network.response(&message), None);

        let header = CanisterHttpHeader { name: "server".into(), value: "test".into() };
        let reply =
            CanisterHttpReply { status: 404, headers: vec![header], body: b"answer".to_vec() };
        respond(&network, &request, vec![CanisterHttpResponse::CanisterHttpReply(reply)]);
        assert!(network.pic.get_canister_http().is_empty());
        let answer = network.pic.await_call(message).unwrap();
        let result = decode::<(HttpRequestResult,)>(&answer).0;
        assert_eq!(result.status, 404u16);
        assert_eq!(result.headers, [HttpHeader { name: "server".into(), value: "test".into() }]);
        assert_eq!(result.body, b"answer");
    });
}

#[test]
fn an_outcall_of_one_node_brings_what_that_node_got() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let arguments = HttpRequestArgs { is_replicated: Some(false), ..get() };
        let (message, request) = begin(&network, outcall(arguments));
        assert_eq!(request.replication, CanisterHttpReplication::NonReplicated);
        respond(&network, &request, vec![reply(b"answer")]);
        assert_eq!(body(&network.pic.await_call(message)), b"answer");
    });
}

#[test]
fn an_outcall_that_fails_on_all_nodes_is_rejected_with_their_reason() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let answer = result(&network, outcall(get()), no_reply("Connection refused"));
        assert_eq!(failure(answer), (2, "Connection refused".into()));
    });
}

#[test]
fn more_than_two_thirds_of_the_nodes_must_agree() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let responses = |agreeing: usize| {
            let others = (agreeing..NODES as usize).map(|node| reply(&[node as u8]));
            std::iter::repeat_n(reply(b"answer"), agreeing).chain(others).collect::<Vec<_>>()
        };
        let (message, request) = begin(&network, outcall(get()));
        respond(&network, &request, responses(9));
        assert_eq!(body(&network.pic.await_call(message)), b"answer");
        let (message, request) = begin(&network, outcall(get()));
        respond(&network, &request, responses(8));
        let (code, text) = failure(network.pic.await_call(message));
        assert_eq!(code, 2);
        let words = "No consensus could be reached. Replicas had different responses. Details: ";
        assert!(text.starts_with(words), "{text}");
        assert_eq!((text.matches(": 8]").count(), text.matches(": 1]").count()), (1, 5), "{text}");
    });
}

#[test]
fn an_outcall_without_responses_is_given_up_after_a_minute() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (message, _) = begin(&network, outcall(get()));
        network.pic.advance_time(Duration::from_secs(59));
        network.pic.tick();
        assert_eq!(network.pic.get_canister_http().len(), 1);
        network.pic.advance_time(Duration::from_secs(2));
        network.pic.tick();
        assert!(network.pic.get_canister_http().is_empty());
        let (code, text) = failure(network.pic.await_call(message));
        assert_eq!(code, 2);
        assert!(text.contains("http request timed out"), "{text}");
    });
}

#[test]
fn the_canister_transforms_responses_before_they_are_compared() {
    on_every_server(|server| {
        let network = with_code(
            server,
            &format!(
                r#"{}
                   (func (export "canister_query argument")
                     (call $append_argument)
                     (call $append_caller)
                     (call $msg_reply))
                   (func (export "canister_query failing") (unreachable))"#,
                transform_to("same", b"the same")
            ),
        );
        let arguments =
            |method| HttpRequestArgs { transform: transform(&network, method), ..get() };
        let (message, request) = begin(&network, outcall(arguments("same")));
        respond(&network, &request, (0..13).map(|node| reply(&[node])).collect());
        assert_eq!(body(&network.pic.await_call(message)), b"the same");

        // It gets the response and the context, from the management canister.
        let response =
            HttpRequestResult { status: 200u8.into(), headers: vec![], body: b"answer".to_vec() };
        let expected = Encode!(&TransformArgs { response, context: b"context".to_vec() }).unwrap();
        let answer = result(&network, outcall(arguments("argument")), reply(b"answer"));
        assert_eq!(answer, Ok(expected));

        for (method, code, fragment) in
            [("failing", 5, "unreachable"), ("missing", 5, "no query method 'missing'")]
        {
            let answer = failure(result(&network, outcall(arguments(method)), reply(b"answer")));
            assert_eq!(answer.0, code);
            assert!(answer.1.contains(fragment), "{}", answer.1);
        }
    });
}

#[test]
fn a_response_longer_than_the_requested_maximum_is_not_delivered() {
    // The mocked nodes of a PocketIC server do not look at what they download.
    let network = Server::Embedded.one_subnet();
    let arguments = HttpRequestArgs { max_response_bytes: Some(10), ..get() };
    let answer = result(&network, outcall(arguments.clone()), reply(&[0; 11]));
    assert_eq!(failure(answer), (1, "Http body exceeds size limit of 10 bytes.".into()));
    assert_eq!(body(&result(&network, outcall(arguments), reply(&[0; 10]))), [0; 10]);
}

#[test]
fn an_outcall_costs_as_much_as_its_longest_response_would() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let arguments = |max| HttpRequestArgs { max_response_bytes: Some(max), ..get() };
        let cost = |max| {
            network
                .spent(network.a, || {
                    result(&network, outcall(arguments(max)), reply(b"answer")).unwrap()
                })
                .0
        };
        let [long, short] = [cost(2_000), cost(1_000)];
        let more = 1_000 * 800 * NODES;
        assert!((more - 10_000..more + 10_000).contains(&(long - short)), "{long} {short}");

        let required = (3_000_000 + 60_000 * 13 + 400 * 19 + 800 * 1_000) * 13;
        let (code, text) = reject(&network, outcall(arguments(1_000)).cycles(required - 1));
        assert_eq!(code, 4);
        let fragment =
            format!("sent with {} cycles, but {required} cycles are required", required - 1);
        assert!(text.replace('_', "").contains(&fragment), "{text}");
        let paid = outcall(arguments(1_000)).cycles(required);
        assert_eq!(body(&result(&network, paid, reply(b"answer"))), b"answer");
    });
}

#[test]
fn responses_that_no_nodes_could_have_got_are_refused_and_the_outcall_goes_on_waiting() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (message, request) = begin(&network, outcall(get()));
        let invalid_code = CanisterHttpReject { reject_code: 0, message: "none".into() };
        let unknown = CanisterHttpRequest { request_id: request.request_id + 1, ..request.clone() };
        for (request, responses, words) in [
            (&request, vec![reply(b"a"); 2], "13 nodes"),
            (&request, vec![no_reply(&"x".repeat(1_025))], "1025"),
            (&request, vec![CanisterHttpResponse::CanisterHttpReject(invalid_code)], "reject code"),
            (&unknown, vec![reply(b"a")], &format!("outcall {}", unknown.request_id)),
        ] {
            server.assert_refuses(words, || respond(&network, request, responses));
            assert_eq!(network.pic.get_canister_http().len(), 1);
        }
        let flexible = MockFlexibleCanisterHttpResponse {
            subnet_id: request.subnet_id,
            request_id: request.request_id,
            responses: vec![reply(b"a")],
        };
        server.assert_refuses("flexible", || {
            network.pic.mock_flexible_canister_http_response(flexible)
        });
        respond(&network, &request, vec![reply(b"a")]);
        assert_eq!(body(&network.pic.await_call(message)), b"a");
        server.assert_refuses(&format!("outcall {}", request.request_id), || {
            respond(&network, &request, vec![reply(b"a")])
        });
    });
}
