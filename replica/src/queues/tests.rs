//! The queues: slots, turns and time, and random use against a naive model.

mod against_model;
mod model;

use super::*;
use crate::message::{CallContent, CallHeader};
use crate::topology::canister_id;
use crate::types::{CallbackId, MessageId};
use candid::Principal;

/// Peers 0 and 1 are on the canister's subnet, 2 and 3 are not.
const PEERS: u64 = 4;
const OWN: u64 = 9;

fn is_local(peer: u64) -> bool {
    peer < 2
}

fn request(from: u64, to: u64, call: u64, deadline: Option<Time>) -> Request {
    let header = CallHeader {
        caller: canister_id(from),
        callee: canister_id(to).into(),
        callback: CallbackId(call),
        deadline,
    };
    let content = CallContent { method: "m".into(), argument: vec![], cycles: call.into() };
    Request { header, content }
}

fn answer(request: &Request) -> Response {
    request.response(Ok(vec![]), request.content.cycles)
}

fn seconds(seconds: u64) -> Time {
    Time::from_nanos(0).plus_secs(seconds)
}

fn ingress(number: u8) -> Ingress {
    Ingress {
        id: MessageId([number; 32]),
        sender: Principal::anonymous(),
        caller_info: None,
        receiver: canister_id(OWN),
        management: None,
        method: "m".into(),
        argument: vec![],
        expiry: seconds(0),
        envelope_bytes: 0,
    }
}

#[test]
fn five_hundred_calls_to_one_canister_can_be_open_and_no_more() {
    let mut queues = Queues::default();
    let requests: Vec<Request> = (0..500).map(|call| request(OWN, 0, call, None)).collect();
    for request in &requests {
        assert!(queues.free_slots(canister_id(0)) > 0);
        queues.push_output_request(request.clone(), seconds(0));
    }
    assert_eq!(queues.free_slots(canister_id(0)), 0);
    assert_eq!(queues.free_slots(canister_id(1)), 500);
    // Sending them frees no slot, nor does the response's arrival; only its execution does.
    while queues.pop_output(canister_id(0)).is_some() {}
    assert_eq!(queues.free_slots(canister_id(0)), 0);
    queues.push_input_response(answer(&requests[0]), true);
    assert_eq!(queues.free_slots(canister_id(0)), 0);
    assert!(queues.pop_input().is_some());
    assert_eq!(queues.free_slots(canister_id(0)), 1);
}

#[test]
fn a_request_takes_a_slot_for_its_response_at_the_callee_until_that_is_sent() {
    let mut queues = Queues::default();
    for call in 0..500 {
        assert!(queues.has_room_for_request(canister_id(2)));
        queues.push_input_request(request(2, OWN, call, None), false);
    }
    assert!(!queues.has_room_for_request(canister_id(2)));
    let Some(Input::Message(Message::Request(first))) = queues.pop_input() else {
        panic!("requests were pushed");
    };
    assert!(!queues.has_room_for_request(canister_id(2)));
    queues.push_output_response(answer(&first));
    assert!(!queues.has_room_for_request(canister_id(2)));
    assert!(queues.pop_output(canister_id(2)).is_some());
    assert!(queues.has_room_for_request(canister_id(2)));
}

#[test]
#[should_panic(expected = "call_perform checks the slots")]
fn a_call_without_a_slot_is_a_broken_invariant() {
    let mut queues = Queues::default();
    for call in 0..501 {
        queues.push_output_request(request(OWN, 0, call, None), seconds(0));
    }
}

#[test]
fn the_local_subnet_users_and_other_subnets_take_turns() {
    let mut queues = Queues::default();
    for call in 0..2 {
        queues.push_input_request(request(0, OWN, call, None), true);
        queues.push_input_request(request(2, OWN, 10 + call, None), false);
        queues.push_ingress(ingress(call as u8));
    }
    let order: Vec<char> = std::iter::from_fn(|| queues.pop_input())
        .map(|input| match input {
            Input::Ingress(_) => 'u',
            Input::Message(message) if message.sender() == canister_id(0) => 'l',
            Input::Message(_) => 'r',
        })
        .collect();
    assert_eq!(order, ['l', 'u', 'r', 'l', 'u', 'r']);
}

#[test]
fn requests_that_were_not_sent_in_time_are_rejected_by_deadline_and_then_in_the_order_of_the_calls()
{
    let mut queues = Queues::default();
    for (callback, callee, deadline) in [(0, 3, 5), (1, 2, 5), (2, 3, 4), (3, 1, 5)] {
        queues.push_output_request(
            request(OWN, callee, callback, Some(seconds(deadline))),
            seconds(0),
        );
    }
    let rejects = queues.time_out(seconds(6)).rejects;
    let order: Vec<_> = rejects.iter().map(|reject| reject.header.callback).collect();
    assert_eq!(order, [2, 0, 1, 3].map(CallbackId));
}

#[test]
fn a_request_waiting_for_five_minutes_is_rejected_and_its_slot_stays_until_that_is_executed() {
    let mut queues = Queues::default();
    let waiting = request(OWN, 2, 7, None);
    queues.push_output_request(waiting.clone(), seconds(10));
    assert_eq!(queues.time_out(seconds(310)), TimedOut::default());
    let timed_out = queues.time_out(seconds(311));
    let [reject] = &timed_out.rejects[..] else { panic!("one request timed out") };
    assert_eq!(
        (reject.header.callback, reject.refund),
        (waiting.header.callback, waiting.content.cycles)
    );
    assert!(reject.result.as_ref().is_err_and(|reject| reject.message.contains("timed out")));
    assert_eq!(queues.free_slots(canister_id(2)), 499);
    queues.push_input_response(reject.clone(), true);
    assert!(queues.pop_input().is_some());
    assert!(queues.is_idle());
    assert_eq!(queues.guaranteed_bytes(), 0);
}

#[test]
fn messages_to_the_canister_itself_are_sent_first_and_the_others_by_receiver() {
    let mut queues = Queues::default();
    let receivers = [OWN, 1, 3, OWN - 1, OWN + 1, 1];
    for (call, receiver) in (0..).zip(receivers) {
        queues.push_output_request(request(OWN, receiver, call, None), seconds(0));
    }
    let mut sending = queues.begin_sending(canister_id(OWN));
    let sent = std::iter::from_fn(|| queues.send_next(&mut sending));
    let order: Vec<Callee> = sent.map(|sent| sent.receiver).collect();
    let expected = [OWN, 1, 1, 3, OWN - 1, OWN + 1].map(|id| Callee::from(canister_id(id)));
    assert_eq!(order, expected);
    assert!(!queues.has_output() && queues.output_peers().is_empty());
}

#[test]
fn a_message_that_is_put_back_is_sent_next_time_and_no_other_before_it() {
    let mut queues = Queues::default();
    for (call, receiver) in [(0, 0), (1, 0), (2, 1)] {
        queues.push_output_request(request(OWN, receiver, call, None), seconds(0));
    }
    let bytes = queues.guaranteed_bytes();
    for refusing in [true, false] {
        let mut sending = queues.begin_sending(canister_id(OWN));
        let mut calls = Vec::new();
        while let Some(Sent { receiver, queued, .. }) = queues.send_next(&mut sending) {
            calls.push(queued.message.call().callback);
            if refusing && receiver == canister_id(0) {
                queues.put_back(receiver, queued, &mut sending);
            }
        }
        let expected: &[u64] = if refusing { &[0, 2] } else { &[0, 1] };
        assert_eq!(calls, Vec::from_iter(expected.iter().copied().map(CallbackId)));
        assert_eq!(queues.has_output(), refusing);
        assert_eq!(queues.guaranteed_bytes(), bytes);
    }
}

#[test]
fn pairs_without_messages_have_the_same_free_slots() {
    let mut queues = Queues::default();
    for (call, receiver) in [(0, 0), (1, 0), (2, 1)] {
        queues.push_output_request(request(OWN, receiver, call, None), seconds(0));
    }
    queues.push_input_request(request(2, OWN, 3, None), true);
    assert!(queues.pop_output(canister_id(1)).is_some());
    let copy = queues.pairs().without_messages();
    for peer in 0..PEERS {
        assert_eq!(copy.free_slots(canister_id(peer)), queues.free_slots(canister_id(peer)));
    }
    assert_eq!(copy.free_slots(canister_id(0)), 498);
}

#[test]
fn queues_are_not_only_waiting_while_a_pair_is_idle_or_a_message_is_in_them() {
    let mut queues = Queues::default();
    let call = request(OWN, 0, 0, None);
    queues.push_output_request(call.clone(), seconds(0));
    assert!(!queues.is_waiting(), "the request has not been sent");
    assert!(queues.pop_output(canister_id(0)).is_some());
    assert!(queues.is_waiting());
    queues.push_input_response(answer(&call), true);
    assert!(!queues.is_waiting(), "the response has not been executed");
    assert!(queues.pop_input().is_some());
    assert!(!queues.is_waiting(), "a round removes the idle pair");
    queues.time_out(seconds(0));
    assert!(queues.is_waiting());
}
