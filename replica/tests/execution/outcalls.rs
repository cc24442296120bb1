//! HTTP outcalls on whose response nodes agree.

use crate::calls::Call;
use crate::ic00::{decode, management, reject};
use crate::script::{canister_with, number, rejected, script};
use crate::world::{Answer, Server, World, install_module, on_every_server};
use candid::Encode;
use ic_management_canister_types::*;
use pocket_ic::common::rest::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

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

/// A call of `a` that makes an outcall.
pub fn outcall(arguments: HttpRequestArgs) -> Call {
    management("http_request", arguments).cycles(ENOUGH)
}

/// Has `a` make an outcall, which then waits for responses.
pub fn begin(world: &World, call: Call) -> (RawMessageId, CanisterHttpRequest) {
    let message = world.submit(world.a, script().call(call));
    world.pic.tick();
    world.pic.tick();
    let mut waiting = world.pic.get_canister_http();
    assert_eq!(waiting.len(), 1);
    (message, waiting.remove(0))
}

/// Says that every node got the same, or each its own.
pub fn respond(
    world: &World,
    request: &CanisterHttpRequest,
    mut responses: Vec<CanisterHttpResponse>,
) {
    world.pic.mock_canister_http_response(MockCanisterHttpResponse {
        subnet_id: request.subnet_id,
        request_id: request.request_id,
        response: responses.remove(0),
        additional_responses: responses,
    });
}

/// What `a` gets if every node gets this.
pub fn result(world: &World, call: Call, response: CanisterHttpResponse) -> Answer {
    let (message, request) = begin(world, call);
    respond(world, &request, vec![response]);
    world.pic.await_call(message)
}

pub fn body(answer: &Answer) -> Vec<u8> {
    decode::<(HttpRequestResult,)>(answer.as_ref().unwrap()).0.body
}

/// The reject code and the message that `a` got.
pub fn failure(answer: Answer) -> (u64, String) {
    rejected(&answer.unwrap())
}

/// A network whose canister `a` has this, too.
pub fn with_code(server: &Server, more: &str) -> World {
    let world = server.one_subnet();
    let a = install_module(&world.pic, canister_with(more));
    World { a, ..world }
}

/// A transformation of responses by the caller's own query.
pub fn transform(world: &World, method: &str) -> Option<TransformContext> {
    let function = candid::Func { principal: world.a, method: method.into() };
    Some(TransformContext { function: TransformFunc(function), context: b"context".to_vec() })
}

#[test]
fn every_node_may_say_that_it_got_the_largest_response() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let size = script().append_argument_size().reply_appended();
        let (message, request) = begin(&world, outcall(get()).on_answer(size));
        respond(&world, &request, vec![reply(&[b'a'; 2_000_000]); NODES as usize]);
        assert!(number(&world.pic.await_call(message).unwrap()) > 2_000_000);
    });
}

#[test]
fn an_outcall_waits_for_responses_and_shows_what_is_requested() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let header =
            |name: &str, value: &str| HttpHeader { name: name.into(), value: value.into() };
        let arguments = HttpRequestArgs {
            method: HttpMethod::POST,
            headers: vec![header("accept", "text/html"), header("x", "y")],
            body: Some(b"question".to_vec()),
            max_response_bytes: Some(1_000),
            ..get()
        };
        let (message, request) = begin(&world, outcall(arguments));
        assert_eq!(request.subnet_id, world.pic.get_subnet(world.a).unwrap());
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
        world.pic.tick();
        assert_eq!(world.answer(&message), None);

        let header = CanisterHttpHeader { name: "server".into(), value: "test".into() };
        let reply =
            CanisterHttpReply { status: 404, headers: vec![header], body: b"answer".to_vec() };
        respond(&world, &request, vec![CanisterHttpResponse::CanisterHttpReply(reply)]);
        assert!(world.pic.get_canister_http().is_empty());
        let answer = world.pic.await_call(message).unwrap();
        let result = decode::<(HttpRequestResult,)>(&answer).0;
        assert_eq!(result.status, 404u16);
        assert_eq!(result.headers, [HttpHeader { name: "server".into(), value: "test".into() }]);
        assert_eq!(result.body, b"answer");
    });
}

#[test]
fn an_outcall_of_one_node_brings_what_that_node_got() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let arguments = HttpRequestArgs { is_replicated: Some(false), ..get() };
        let (message, request) = begin(&world, outcall(arguments));
        assert_eq!(request.replication, CanisterHttpReplication::NonReplicated);
        respond(&world, &request, vec![reply(b"answer")]);
        assert_eq!(body(&world.pic.await_call(message)), b"answer");
    });
}

#[test]
fn what_no_node_gets_the_canister_does_not_get_either() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let answer = result(&world, outcall(get()), no_reply("Connection refused"));
        assert_eq!(failure(answer), (2, "Connection refused".into()));
    });
}

#[test]
fn more_than_two_thirds_of_the_nodes_must_agree() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let responses = |agreeing: usize| {
            let others = (agreeing..NODES as usize).map(|node| reply(&[node as u8]));
            std::iter::repeat_n(reply(b"answer"), agreeing).chain(others).collect::<Vec<_>>()
        };
        let (message, request) = begin(&world, outcall(get()));
        respond(&world, &request, responses(9));
        assert_eq!(body(&world.pic.await_call(message)), b"answer");
        let (message, request) = begin(&world, outcall(get()));
        respond(&world, &request, responses(8));
        let (code, text) = failure(world.pic.await_call(message));
        assert_eq!(code, 2);
        assert!(text.starts_with("No consensus could be reached"), "{text}");
        assert_eq!((text.matches(": 8]").count(), text.matches(": 1]").count()), (1, 5), "{text}");
    });
}

#[test]
fn an_outcall_without_responses_is_given_up_after_a_minute() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let (message, _) = begin(&world, outcall(get()));
        world.pic.advance_time(Duration::from_secs(59));
        world.pic.tick();
        assert_eq!(world.pic.get_canister_http().len(), 1);
        world.pic.advance_time(Duration::from_secs(2));
        world.pic.tick();
        assert!(world.pic.get_canister_http().is_empty());
        let (code, text) = failure(world.pic.await_call(message));
        assert_eq!(code, 2);
        assert!(text.contains("http request timed out"), "{text}");
    });
}

#[test]
fn the_canister_transforms_responses_before_they_are_compared() {
    on_every_server(|server| {
        let transformed = HttpRequestResult { body: b"the same".to_vec(), ..Default::default() };
        let bytes = Encode!(&transformed).unwrap();
        let text: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let world = with_code(
            server,
            &format!(
                r#"(data (i32.const 3000) "{text}")
                   (func (export "canister_query same")
                     (call $msg_reply_data_append (i32.const 3000) (i32.const {}))
                     (call $msg_reply))
                   (func (export "canister_query argument")
                     (call $append_argument)
                     (call $append_caller)
                     (call $msg_reply))
                   (func (export "canister_query failing") (unreachable))"#,
                bytes.len()
            ),
        );
        let arguments = |method| HttpRequestArgs { transform: transform(&world, method), ..get() };
        let (message, request) = begin(&world, outcall(arguments("same")));
        respond(&world, &request, (0..13).map(|node| reply(&[node])).collect());
        assert_eq!(body(&world.pic.await_call(message)), b"the same");

        // It gets the response and the context, from the management canister.
        let response =
            HttpRequestResult { status: 200u8.into(), headers: vec![], body: b"answer".to_vec() };
        let expected = Encode!(&TransformArgs { response, context: b"context".to_vec() }).unwrap();
        let answer = result(&world, outcall(arguments("argument")), reply(b"answer"));
        assert_eq!(answer, Ok(expected));

        for (method, code, fragment) in
            [("failing", 5, "unreachable"), ("missing", 5, "no query method 'missing'")]
        {
            let answer = failure(result(&world, outcall(arguments(method)), reply(b"answer")));
            assert_eq!(answer.0, code);
            assert!(answer.1.contains(fragment), "{}", answer.1);
        }
    });
}

#[test]
fn a_response_that_is_longer_than_was_asked_for_is_none() {
    // The mocked nodes of a PocketIC server do not look at what they download.
    let world = Server::Embedded.one_subnet();
    let arguments = HttpRequestArgs { max_response_bytes: Some(10), ..get() };
    let answer = result(&world, outcall(arguments.clone()), reply(&[0; 11]));
    assert_eq!(failure(answer), (1, "Http body exceeds size limit of 10 bytes.".into()));
    assert_eq!(body(&result(&world, outcall(arguments), reply(&[0; 10]))), [0; 10]);
}

#[test]
fn an_outcall_costs_as_much_as_its_longest_response_would() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let arguments = |max| HttpRequestArgs { max_response_bytes: Some(max), ..get() };
        let cost = |max| {
            world
                .spent(world.a, || {
                    result(&world, outcall(arguments(max)), reply(b"answer")).unwrap()
                })
                .0
        };
        let [long, short] = [cost(2_000), cost(1_000)];
        let more = 1_000 * 800 * NODES;
        assert!((more - 10_000..more + 10_000).contains(&(long - short)), "{long} {short}");

        let required = (3_000_000 + 60_000 * 13 + 400 * 19 + 800 * 1_000) * 13;
        let (code, text) = reject(&world, outcall(arguments(1_000)).cycles(required - 1));
        assert_eq!(code, 4);
        let fragment =
            format!("sent with {} cycles, but {required} cycles are required", required - 1);
        assert!(text.replace('_', "").contains(&fragment), "{text}");
        let paid = outcall(arguments(1_000)).cycles(required);
        assert_eq!(body(&result(&world, paid, reply(b"answer"))), b"answer");
    });
}

#[test]
fn responses_that_no_nodes_could_have_got_are_refused_and_the_outcall_goes_on_waiting() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let (message, request) = begin(&world, outcall(get()));
        let invalid_code = CanisterHttpReject { reject_code: 0, message: "none".into() };
        let unknown = CanisterHttpRequest { request_id: request.request_id + 1, ..request.clone() };
        for (request, responses) in [
            (&request, vec![reply(b"a"); 2]),
            (&request, vec![no_reply(&"x".repeat(1_025))]),
            (&request, vec![CanisterHttpResponse::CanisterHttpReject(invalid_code)]),
            (&unknown, vec![reply(b"a")]),
        ] {
            // The client panics at every error.
            let refused = AssertUnwindSafe(|| respond(&world, request, responses));
            assert!(catch_unwind(refused).is_err());
            assert_eq!(world.pic.get_canister_http().len(), 1);
        }
        let flexible = MockFlexibleCanisterHttpResponse {
            subnet_id: request.subnet_id,
            request_id: request.request_id,
            responses: vec![reply(b"a")],
        };
        let refused = AssertUnwindSafe(|| world.pic.mock_flexible_canister_http_response(flexible));
        assert!(catch_unwind(refused).is_err());
        respond(&world, &request, vec![reply(b"a")]);
        assert_eq!(body(&world.pic.await_call(message)), b"a");
        let again = AssertUnwindSafe(|| respond(&world, &request, vec![reply(b"a")]));
        assert!(catch_unwind(again).is_err());
    });
}
