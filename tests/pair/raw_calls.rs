//! Raw calls with any argument, and their outcomes in the order of the calls.

use std::time::Duration;

use candid::Principal;
use pocket_ic::RejectResponse;
use test_support::on_every_server;

use crate::answers::{RawOutcome, RawReason, RawRequest};
use crate::faults::{MARGIN, PING_WAIT};
use crate::moody::Mood;
use crate::pair::{
    OPEN_CALLS_MAX, Pair, Parallel, assert_refusal, controller, create, decode, encode, no_result,
    nothing,
};

/// The most calls of one message.
const CALLS_MAX: usize = 1_000;

/// Bytes of replies that are passed on.
const REPLIES_BYTES_MAX: usize = 1_500_000;

pub fn request(canister: Principal, method: &str, arg: impl Into<Vec<u8>>) -> RawRequest {
    RawRequest {
        canister,
        method: method.into(),
        arg: arg.into(),
        cycles: None,
        wait: None,
        idempotent: None,
    }
}

/// The class and the kind of an outcome.
fn class(outcome: &RawOutcome) -> (&str, &str) {
    match outcome {
        RawOutcome::Done(_) => ("done", ""),
        RawOutcome::TooLong(_) => ("too long", ""),
        RawOutcome::NotDone(RawReason { kind, .. }) => ("not done", kind),
        RawOutcome::Unknown(RawReason { kind, .. }) => ("unknown", kind),
    }
}

impl Pair {
    pub fn fan_out(&self, requests: &[RawRequest]) -> Vec<RawOutcome> {
        decode(&self.try_fan_out(requests).expect("the canister replies"))
    }

    fn try_fan_out(&self, requests: &[RawRequest]) -> Result<Vec<u8>, RejectResponse> {
        self.pic.update_call(self.caller, controller(), "fan_out", encode(requests))
    }

    /// A canister that replies with what it is sent.
    pub fn echo(&self, subnet: usize) -> Principal {
        let id = create(&self.pic, subnet);
        let module =
            wat::parse_str(include_str!("echo.wat")).expect("the file is WebAssembly text");
        self.install_code(id, module);
        id
    }
}

#[test]
fn outcomes_are_in_the_order_of_the_requests_whoever_answers_first() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            // Those on the caller's own subnet answer first.
            let callees = [0, subnets - 1, 0].map(|subnet| pair.echo(subnet));
            let words: Vec<Vec<u8>> = (0..700_u32)
                .map(|number| number.to_le_bytes().repeat(number as usize % 5))
                .collect();
            let requests: Vec<RawRequest> = (0..)
                .zip(&words)
                .map(|(number, word)| request(callees[number % 3], "echo", word.clone()))
                .collect();
            let expected: Vec<RawOutcome> = words.into_iter().map(RawOutcome::Done).collect();
            assert_eq!(pair.fan_out(&requests), expected);
        }
    });
}

#[test]
fn more_calls_than_slots_are_all_done() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let pings = vec![request(pair.callee, "ping", nothing()); CALLS_MAX];
        assert_eq!(pair.fan_out(&pings), vec![RawOutcome::Done(no_result()); CALLS_MAX]);
        assert_eq!(pair.successes(Parallel, OPEN_CALLS_MAX), OPEN_CALLS_MAX);
    });
}

#[test]
fn zero_raw_calls_have_zero_outcomes() {
    on_every_server(|server| assert_eq!(Pair::ready(server, 1).fan_out(&[]), []));
}

#[test]
fn too_many_calls_are_refused_and_none_is_made() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        let requests = vec![request(pair.callee, "ping", nothing()); CALLS_MAX + 1];
        let refusal = pair.try_fan_out(&requests).expect_err("they are too many");
        assert_refusal(&refusal, &["1001", "1000"]);
        assert_eq!(pair.calls_that_arrived(), 0);
    });
}

#[test]
fn each_failure_is_in_its_class_and_the_calls_around_it_are_done() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            pair.moody_callee();
            let echo = pair.echo(0);
            for (mood, expected) in [
                (Mood::Trap, ("unknown", "canister_error")),
                (Mood::Reject, ("unknown", "canister_reject")),
                (Mood::Garbage, ("done", "")),
                (Mood::TwoMegabytes, ("too long", "")),
            ] {
                pair.set_mood(mood);
                let moody = request(pair.callee, "ping", nothing());
                let others = ["first", "last"].map(|word| request(echo, "echo", word));
                let [first, last] = others;
                let outcomes = pair.fan_out(&[first, moody.clone(), moody, last]);
                assert_eq!(outcomes.len(), 4);
                assert_eq!(outcomes[0], RawOutcome::Done(b"first".into()), "{mood:?}");
                assert_eq!([&outcomes[1], &outcomes[2]].map(class), [expected; 2], "{mood:?}");
                assert_eq!(outcomes[3], RawOutcome::Done(b"last".into()), "{mood:?}");
                pair.mend();
            }
        }
    });
}

#[test]
fn a_call_without_an_answer_is_unknown_after_five_minutes_and_those_around_it_are_done() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        pair.set_mood(Mood::Silence);
        let echo = request(pair.echo(0), "echo", "answer");
        let requests = [echo.clone(), request(pair.callee, "ping", nothing()), echo];
        let message = pair
            .pic
            .submit_call(pair.caller, controller(), "fan_out", encode(&requests))
            .expect("the caller takes messages");
        pair.wait(Duration::ZERO, 3);
        pair.wait(PING_WAIT + MARGIN, 3);
        let answer = pair.pic.ingress_status(message).expect("there is a response");
        let outcomes: Vec<RawOutcome> = decode(&answer.expect("the canister replies"));
        let classes: Vec<_> = outcomes.iter().map(class).collect();
        assert_eq!(classes, [("done", ""), ("unknown", "deadline"), ("done", "")]);
        pair.mend();
    });
}

#[test]
fn requests_that_make_no_sense_fail_alone() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let echo = pair.echo(1);
        let hostile = [
            (request(echo, "no such method", nothing()), "canister_error"),
            (request(echo, "", nothing()), "canister_error"),
            (request(echo, &"a".repeat(20_000), nothing()), "canister_error"),
            (request(echo, &"a".repeat(20_001), nothing()), "destination_invalid"),
            (request(pair.another_canister(), "ping", nothing()), "canister_error"),
            (request(Principal::anonymous(), "ping", nothing()), "destination_invalid"),
            (request(controller(), "ping", nothing()), "destination_invalid"),
            (request(Principal::from_slice(&[]), "no such method", nothing()), ""),
            (request(Principal::from_slice(&[]), "stop_canister", b"not Candid"), ""),
            // The caller is none of its own controllers.
            (request(pair.caller, "fan_out", nothing()), "canister_reject"),
        ];
        let around = request(echo, "echo", "still here");
        let requests: Vec<RawRequest> = hostile
            .iter()
            .flat_map(|(request, _)| [request.clone(), around.clone()])
            .chain([around.clone()])
            .collect();
        let outcomes = pair.fan_out(&requests);
        assert_eq!(outcomes.len(), requests.len());
        for (number, (_, expected)) in hostile.iter().enumerate() {
            let outcome = &outcomes[2 * number];
            let (class, kind) = class(outcome);
            assert_ne!(class, "done", "{outcome:?}");
            assert!(kind.contains(expected), "{outcome:?} is no {expected}");
            assert_eq!(outcomes[2 * number + 1], RawOutcome::Done(b"still here".into()));
        }
    });
}

#[test]
fn replies_that_find_no_room_are_flagged_and_the_others_are_passed_on() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let [near, far] = [0, 1].map(|subnet| pair.echo(subnet));
        let words = [1, 600_000, 1, 600_000, 600_000, 1, 0].map(|length| vec![b'x'; length]);
        let requests = words.clone().map(|word| request(far, "echo", word));
        let outcomes = pair.fan_out(&requests);
        let too_long: Vec<usize> =
            (0..words.len()).filter(|&place| class(&outcomes[place]).0 != "done").collect();
        assert_eq!(too_long.len(), 1, "two of the three fit");
        for (place, word) in words.into_iter().enumerate() {
            match &outcomes[place] {
                RawOutcome::Done(reply) => assert_eq!(*reply, word),
                RawOutcome::TooLong(bytes) => {
                    assert_eq!((*bytes, word.len()), (600_000, 600_000));
                }
                other => panic!("it was done: {other:?}"),
            }
        }
        let exactly = request(near, "echo", vec![1; REPLIES_BYTES_MAX]);
        assert_eq!(class(&pair.fan_out(&[exactly])[0]).0, "done");
    });
}

#[test]
fn the_longest_replies_and_reasons_together_fit_into_one_reply() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let echo = pair.echo(0);
        let long = request(echo, "echo", vec![1; REPLIES_BYTES_MAX]);
        let shouts = vec![request(echo, "shout", nothing()); CALLS_MAX - 1];
        let outcomes = pair.fan_out(&[vec![long], shouts].concat());
        assert_eq!(class(&outcomes[0]).0, "done");
        for outcome in &outcomes[1..] {
            assert_eq!(class(outcome), ("unknown", "canister_reject"));
        }
    });
}
