//! The users who may call the methods of the caller.

use candid::{Principal, encode_args, encode_one};
use test_support::on_every_server;

use crate::answers::{JobSpec, PortfolioRequest, Way};
use crate::forwarder::Forwarder;
use crate::pair::{Pair, controller, encode, nothing, stranger};
use crate::raw_calls::request;

fn portfolio_request(pair: &Pair) -> PortfolioRequest {
    let Pair { callee, .. } = *pair;
    PortfolioRequest { user: stranger(), token: callee, lending: callee, staking: callee }
}

/// Every update method of the caller, with an argument it understands.
fn updates(pair: &Pair) -> Vec<(&'static str, Vec<u8>)> {
    let number = || encode_one(1_u64).expect("the value has a Candid type");
    vec![
        ("setup_callee", encode_one(pair.callee).expect("the value has a Candid type")),
        ("sequential_calls", number()),
        ("parallel_calls", number()),
        ("windowed_calls", number()),
        ("run", encode_args((Way::Parallel, 1_u64)).expect("the value has a Candid type")),
        (
            "start_job",
            encode_one(JobSpec { calls: 1, ..JobSpec::default() })
                .expect("the value has a Candid type"),
        ),
        ("cancel_job", number()),
        ("get_portfolio", encode(portfolio_request(pair))),
        ("fan_out", encode(vec![request(pair.callee, "ping", nothing())])),
        ("enqueue", encode(vec![request(pair.callee, "ping", nothing())])),
        ("take_results", encode_one(0_u64).expect("the value has a Candid type")),
        ("pause_outbox", nothing()),
        ("resume_outbox", nothing()),
        ("cancel_outbox", nothing()),
    ]
}

/// Every query method of the caller, with an argument it understands.
fn queries() -> [(&'static str, Vec<u8>); 2] {
    let number = encode_one(0_u64).expect("the value has a Candid type");
    [("job_status", number), ("outbox_status", nothing())]
}

#[test]
fn strangers_are_refused_before_it_costs_anything() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let before = pair.cycles();
        for sender in [stranger(), Principal::anonymous(), pair.callee] {
            for (method, argument) in updates(&pair) {
                let refusal = pair
                    .pic
                    .submit_call(pair.caller, sender, method, argument)
                    .expect_err("it is no controller");
                assert!(refusal.reject_message.contains("only a controller"), "{refusal:?}");
            }
            for (method, argument) in queries() {
                let refusal = pair
                    .pic
                    .query_call(pair.caller, sender, method, argument)
                    .expect_err("it is no controller");
                assert!(refusal.reject_message.contains("only a controller"), "{refusal:?}");
            }
        }
        assert_eq!(pair.cycles(), before);
    });
}

#[test]
fn other_canisters_are_refused_for_the_price_of_a_message_and_no_call_is_made() {
    /// Executing a message costs 5,000,000 and what it executes.
    const REFUSAL_COST_MAX: u128 = 5_100_000;

    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let forwarder = Forwarder::install(&pair.pic, 1);
        let large = ("fan_out", vec![0; 1_000_000]);
        for (method, argument) in updates(&pair).into_iter().chain(queries()).chain([large]) {
            let before = pair.cycles();
            let refusal = forwarder
                .call(&pair.pic, pair.caller, method, &argument)
                .expect_err("it is no controller");
            assert!(refusal.reject_message.contains("only a controller"), "{method}: {refusal:?}");
            let [caller, callee] = pair.cycles();
            assert_eq!(callee, before[1], "{method}");
            let cost = before[0] - caller;
            assert!(cost < REFUSAL_COST_MAX, "{method} costs {cost}");
        }
    });
}

#[test]
fn these_tests_cover_every_method_of_the_interface() {
    let interface = include_str!("../../caller/caller.did");
    let service = interface.split("service : () -> {").nth(1).expect("it has one");
    let methods = service.lines().filter(|line| line.contains(" : (")).count();
    on_every_server(|server| {
        let pair = Pair::install(server, 1);
        assert_eq!(updates(&pair).len() + queries().len(), methods);
        for (method, argument) in queries() {
            let status = pair.pic.query_call(pair.caller, controller(), method, argument);
            assert!(status.is_ok(), "{method}: {status:?}");
        }
    });
}

#[test]
fn messages_that_cannot_be_decoded_are_refused() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        // A method without parameters takes any argument: further values are ignored.
        let methods = updates(&pair).into_iter().filter(|(_, argument)| *argument != nothing());
        for (method, _) in methods {
            for argument in
                [vec![], vec![1, 2, 3], encode_one("text").expect("the value has a Candid type")]
            {
                let refusal = pair
                    .pic
                    .update_call(pair.caller, controller(), method, argument)
                    .expect_err("it is nothing the method takes");
                assert!(!refusal.reject_message.is_empty());
            }
        }
    });
}
