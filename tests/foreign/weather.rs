//! A service as authors write one: it makes HTTP outcalls, uses random numbers, writes a log, calls other services of
//! its kind, and lets only controllers change its source.

use candid::Principal;
use pocket_ic::ErrorCode;
use pocket_ic::common::rest::{
    CanisterHttpReject, CanisterHttpReply, CanisterHttpResponse, MockCanisterHttpResponse,
};
use test_support::{Canister, Program, controller, on_every_server, stranger};

const SOURCE: &str = "https://weather.example/today";

/// Has the station make an HTTP outcall, and provides the response.
fn refresh(station: Canister, response: CanisterHttpResponse) -> String {
    let pic = station.pic;
    let message = station.submit("refresh", "()");
    let request = (0..10).find_map(|_| {
        pic.tick();
        pic.get_canister_http().pop()
    });
    let request = request.expect("the station sends an HTTPS outcall");
    assert_eq!(request.url, SOURCE);
    assert_eq!(request.max_response_bytes, Some(2_000));
    assert_eq!(request.headers.len(), 1);
    let (subnet_id, request_id) = (request.subnet_id, request.request_id);
    let additional_responses = vec![];
    pic.mock_canister_http_response(MockCanisterHttpResponse {
        subnet_id,
        request_id,
        response,
        additional_responses,
    });
    station.reply("refresh", message)
}

fn answer(status: u16, body: &str) -> CanisterHttpResponse {
    let body = body.into();
    CanisterHttpResponse::CanisterHttpReply(CanisterHttpReply { status, headers: vec![], body })
}

#[test]
fn a_canister_takes_the_answer_of_the_web_as_its_transform_leaves_it() {
    let program = Program::rust("weather");
    on_every_server(|server| {
        let pic = server.instance(1);
        let station = program.install(&pic, "()");
        station.call("set_source", &format!("({SOURCE:?})"));
        let reply = refresh(station, answer(200, " sunny \n"));
        assert_eq!(reply, r#"(variant { Ok = "sunny stripped" })"#);
        assert!(station.ask("report", "()").contains("sunny stripped"));

        let reply = refresh(station, answer(404, "nothing here"));
        assert_eq!(reply, r#"(variant { Err = "the source answered 404" })"#);
        let reject = CanisterHttpReject { reject_code: 2, message: "no connection".into() };
        let reply = refresh(station, CanisterHttpResponse::CanisterHttpReject(reject));
        assert!(reply.contains("no connection"), "{reply}");
        assert!(station.ask("report", "()").contains("sunny stripped"));
    });
}

#[test]
fn lots_are_below_the_bound_and_differ() {
    let program = Program::rust("weather");
    on_every_server(|server| {
        let pic = server.instance(1);
        let station = program.install(&pic, "()");
        let [one, other] = [0, 1].map(|_| station.call("draw", "(1_000_000_000_000)"));
        assert_ne!(one, other);
        assert_eq!(station.call("draw", "(1)"), "(0 : nat64)");
    });
}

#[test]
fn messages_of_strangers_are_kept_out_where_the_canister_says_so() {
    let program = Program::rust("weather");
    on_every_server(|server| {
        let pic = server.instance(1);
        let station = program.install(&pic, "()");
        let before = pic.cycle_balance(station.id);
        for sender in [stranger(), Principal::anonymous()] {
            let reject = station.call_as(sender, "set_source", r#"("")"#).expect_err("kept out");
            assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
        }
        assert_eq!(pic.cycle_balance(station.id), before, "and cost nothing");
        station.call_as(stranger(), "draw", "(6)").expect("anybody may draw lots");
    });
}

#[test]
fn controllers_read_what_a_canister_printed() {
    let program = Program::rust("weather");
    on_every_server(|server| {
        let pic = server.instance(1);
        let station = program.install(&pic, "()");
        station.call("set_source", r#"("a")"#);
        station.call("set_source", r#"("b")"#);
        let logs = pic
            .fetch_canister_logs(station.id, controller())
            .expect("a controller may read the logs");
        let lines: Vec<_> = logs.iter().map(|log| String::from_utf8_lossy(&log.content)).collect();
        assert_eq!(lines, ["the source is a", "the source is b"]);
        let refused = pic.fetch_canister_logs(station.id, stranger()).expect_err("a stranger asks");
        assert_eq!(refused.error_code, ErrorCode::CanisterRejectedMessage);
    });
}

#[test]
fn a_composite_query_asks_other_canisters_of_its_subnet() {
    let program = Program::rust("weather");
    on_every_server(|server| {
        let pic = server.instance(2);
        let [one, other] = [0, 0].map(|subnet| program.install_on(&pic, subnet, "()"));
        let far = program.install_on(&pic, 1, "()");
        let stations = [other.id, far.id].map(|id| format!("principal \"{id}\"")).join("; ");
        let reports = one.ask("reports", &format!("(vec {{ {stations} }})"));
        // A query cannot leave its subnet.
        assert!(reports.starts_with(r#"(vec { "nothing yet"; "call rejected: "#), "{reports}");
        let reject = one.reject("reports", &format!("(vec {{ {stations} }})"));
        assert_eq!(reject.error_code, ErrorCode::CompositeQueryCalledInReplicatedMode);
    });
}
