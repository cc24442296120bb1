//! Flexible HTTPS outcalls: the canister gets the responses of single nodes.

use crate::ic00::{decode, management, reject};
use crate::outcalls::*;
use ic_management_canister_types::*;
use pocket_ic::common::rest::*;
use std::time::Duration;
use test_support::script::Call;
use test_support::{CallResult, ScriptedNetwork, on_every_server};

fn counts(min_responses: u32, max_responses: u32, total_requests: u32) -> ReplicationCounts {
    ReplicationCounts { min_responses, max_responses, total_requests }
}

fn arguments(replication: Option<ReplicationCounts>) -> FlexibleHttpRequestArgs {
    FlexibleHttpRequestArgs { url: get().url, replication, ..FlexibleHttpRequestArgs::default() }
}

fn flexible(replication: Option<ReplicationCounts>) -> Call {
    management("flexible_http_request", arguments(replication)).cycles(ENOUGH)
}

/// Says what some of the nodes got.
fn respond(
    network: &ScriptedNetwork,
    request: &CanisterHttpRequest,
    responses: Vec<CanisterHttpResponse>,
) {
    network.pic.mock_flexible_canister_http_response(MockFlexibleCanisterHttpResponse {
        subnet_id: request.subnet_id,
        request_id: request.request_id,
        responses,
    });
}

/// What `a` gets when nodes get this.
fn result(
    network: &ScriptedNetwork,
    call: Call,
    responses: Vec<CanisterHttpResponse>,
) -> CallResult {
    let (message, request) = begin(network, call);
    respond(network, &request, responses);
    assert!(network.pic.get_canister_http().is_empty());
    network.pic.await_call(message)
}

fn bodies(answer: CallResult) -> Vec<Vec<u8>> {
    match decode::<(FlexibleHttpRequestResult,)>(&answer.unwrap()).0 {
        FlexibleHttpRequestResult::Ok(responses) => {
            responses.into_iter().map(|response| response.body).collect()
        }
        FlexibleHttpRequestResult::Err(error) => panic!("{error:?}"),
    }
}

fn error(answer: CallResult) -> FlexibleHttpRequestErr {
    match decode::<(FlexibleHttpRequestResult,)>(&answer.unwrap()).0 {
        FlexibleHttpRequestResult::Ok(responses) => panic!("{responses:?}"),
        FlexibleHttpRequestResult::Err(error) => error,
    }
}

/// Codes and messages of the nodes an error is about, each of them another.
fn details(error: &FlexibleHttpRequestErr) -> Vec<(&str, &str)> {
    let mut nodes: Vec<_> = error.node_details.iter().map(|detail| detail.node_id).collect();
    nodes.sort();
    nodes.dedup();
    assert_eq!(nodes.len(), error.node_details.len());
    let errors = error.node_details.iter().map(|detail| detail.error.as_ref().unwrap());
    errors.map(|error| (error.code.as_str(), error.message.as_str())).collect()
}

#[test]
fn responses_are_delivered_the_shortest_first_and_no_more_than_are_wanted() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let responses = || [&b"ccc"[..], b"a", b"dddd", b"bb"].map(reply).to_vec();
        let (message, request) = begin(&network, flexible(Some(counts(1, 3, 4))));
        let told = CanisterHttpReplication::Flexible {
            total_requests: 4,
            min_responses: 1,
            max_responses: 3,
        };
        assert_eq!(request.replication, told);
        assert_eq!(request.pricing_version, CanisterHttpPricingVersion::PayAsYouGo);
        respond(&network, &request, responses());
        let answer = network.pic.await_call(message);
        assert_eq!(bodies(answer), [&b"a"[..], b"bb", b"ccc"]);
        let some = vec![reply(b"a"), no_reply("none"), reply(b"b")];
        assert_eq!(bodies(result(&network, flexible(Some(counts(2, 4, 4))), some)).len(), 2);
    });
}

#[test]
fn all_nodes_are_asked_when_nothing_else_is_said_and_nine_must_answer() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (_, request) = begin(&network, flexible(None));
        let told = CanisterHttpReplication::Flexible {
            total_requests: 13,
            min_responses: 9,
            max_responses: 13,
        };
        assert_eq!(request.replication, told);
    });
}

#[test]
fn too_many_rejects_are_an_error_that_names_the_nodes() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let responses = vec![no_reply("first"), reply(b"a"), no_reply("other"), reply(b"b")];
        let error = error(result(&network, flexible(Some(counts(3, 4, 4))), responses));
        let expected = Some(FlexibleHttpGlobalError::TooManyRejects(candid::Reserved));
        assert_eq!(error.global_error, expected);
        assert_eq!(error.message, "Too many rejects: 2 responses are rejects");
        let mut details = details(&error);
        details.sort();
        assert_eq!(details, [("SysTransient", "first"), ("SysTransient", "other")]);
    });
}

#[test]
fn an_outcall_with_too_few_responses_times_out() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (message, request) = begin(&network, flexible(Some(counts(3, 4, 4))));
        respond(&network, &request, vec![reply(b"a"), reply(b"b")]);
        network.pic.tick();
        network.pic.tick();
        assert_eq!(network.response(&message), None);
        network.pic.advance_time(Duration::from_secs(61));
        network.pic.tick();
        let error = error(network.pic.await_call(message));
        let expected = Some(FlexibleHttpGlobalError::Timeout(candid::Reserved));
        assert_eq!((error.global_error, error.node_details.len()), (expected, 0));
    });
}

#[test]
fn an_outcall_that_needs_no_response_ends_at_the_first_result_of_a_node() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for response in [reply(b"a"), no_reply("none")] {
            let call = flexible(Some(counts(0, 0, 4)));
            assert_eq!(bodies(result(&network, call, vec![response])).len(), 0);
        }
    });
}

#[test]
fn responses_that_do_not_fit_into_a_block_together_are_an_error() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let responses = vec![reply(&vec![b'x'; 1_100_000]); 2];
        let error = error(result(&network, flexible(Some(counts(2, 2, 2))), responses));
        let expected = Some(FlexibleHttpGlobalError::ResponsesTooLarge(candid::Reserved));
        assert_eq!(error.global_error, expected);
        assert!(error.message.starts_with("Responses too large"));
        let is_told = |(code, message): &(&str, &str)| *code == "ok" && message.ends_with(" bytes");
        assert!(details(&error).len() == 2 && details(&error).iter().all(is_told));
    });
}

#[test]
fn an_outcall_whose_nodes_cannot_pay_for_a_result_is_an_error() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let base = 13 * (1_000_000 + 50 * 19 + 90_000 * 13 + (2_000 * 13 + 100_000) * 4);
        let spent = 50 * 100_000 + 50 * 13 * 100_000;
        let call = flexible(Some(counts(4, 4, 4))).cycles(base + 4 * 2 * spent);
        let error = error(result(&network, call, vec![reply(&vec![b'x'; 100_000]); 4]));
        let expected = Some(FlexibleHttpGlobalError::OutOfCycles(candid::Reserved));
        assert_eq!(error.global_error, expected);
        assert!(error.message.starts_with("Out of cycles: 4 "));
        let is_told =
            |(code, message): &(&str, &str)| *code == "ok" && message.ends_with(" cycles spent");
        assert!(details(&error).len() == 4 && details(&error).iter().all(is_told));
    });
}

#[test]
fn a_node_that_says_nothing_gives_its_cycles_back_a_minute_later() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (message, request) = begin(&network, flexible(Some(counts(1, 1, 4))));
        respond(&network, &request, vec![reply(b"a")]);
        bodies(network.pic.await_call(message));
        // Three of four nodes still have what they might have spent: billions.
        let withheld = network.pic.cycle_balance(network.a);
        network.pic.advance_time(Duration::from_secs(61));
        network.pic.tick();
        network.pic.tick();
        let back = network.pic.cycle_balance(network.a) - withheld;
        assert!(back > 3_000_000_000, "{back}");
    });
}

#[test]
fn a_flexible_outcall_takes_one_mock_response_for_all_nodes() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (message, request) = begin(&network, flexible(Some(counts(1, 2, 2))));
        crate::outcalls::respond(&network, &request, vec![reply(b"a")]);
        assert_eq!(bodies(network.pic.await_call(message)), [b"a", b"a"]);
    });
}

#[test]
fn numbers_of_responses_that_make_no_sense_are_rejected() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for (counts, fragment) in [
            (counts(0, 0, 0), "total_requests (0) must be at least 1"),
            (counts(1, 1, 14), "must not exceed the number of available nodes (13)"),
            (counts(3, 2, 4), "min_responses (3) must not exceed max_responses (2)"),
            (counts(1, 3, 2), "max_responses (3) must not exceed total_requests (2)"),
        ] {
            let (code, text) = reject(&network, flexible(Some(counts)));
            assert_eq!(code, 4);
            assert!(text.contains(fragment), "{text}");
        }
        let put = |counts| {
            let arguments =
                FlexibleHttpRequestArgs { method: HttpMethod::PUT, ..arguments(Some(counts)) };
            management("flexible_http_request", arguments).cycles(ENOUGH)
        };
        assert_eq!(reject(&network, put(counts(1, 2, 2))).0, 4);
        assert_eq!(bodies(result(&network, put(counts(1, 1, 1)), vec![reply(b"a")])), [b"a"]);
    });
}
