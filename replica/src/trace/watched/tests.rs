use super::*;
use crate::trace::{Outcome, Recording, Refusal};
use std::ops::Range;

const MESSAGE: MessageId = MessageId([7; 32]);
const TEXT: &str = "0707070707070707";

fn id(number: u8) -> Principal {
    Principal::from_slice(&[number])
}

fn canister(number: u8) -> CanisterId {
    id(number).into()
}

/// Two subnets; the caller is on the first one, the callee on the second.
fn place() -> Place {
    Place { subnets: vec![id(1).into(), id(2).into()], is_instant: true }
}

const CALLER: u8 = 11;
const CALLEE: u8 = 12;

fn call_id(callback: u64) -> CallId {
    CallId { caller: canister(CALLER), callback: CallbackId(callback) }
}

fn round(subnet: u8, time: u64) -> Event {
    Event::Round { subnet: id(subnet).into(), time: Time::from_nanos(time) }
}

fn sent(callback: u64) -> Event {
    Event::Sent {
        call: call_id(callback),
        callee: canister(CALLEE).into(),
        method: "ping".into(),
        call_context_id: CallContextId(5),
        cycles: 0,
        withheld: 1_000,
        deadline: None,
    }
}

fn executed(number: u8, work: Work, context: u64) -> Event {
    Event::Executed {
        canister: canister(number).into(),
        work,
        call_context_id: Some(CallContextId(context)),
        result: Ok(()),
        instructions: 1_000_000,
        fee: 0,
        accepted: 0,
        burned: 0,
    }
}

/// A message makes calls, which are executed and return, in two ticks.
fn calls(count: u64) -> Vec<Event> {
    numbered_calls(0..count)
}

/// Calls with callbacks of these numbers.
fn numbered_calls(numbers: Range<u64>) -> Vec<Event> {
    let response = |call| Work::Response { call, reject: None, refund: 0, unspent: 0 };
    let by_callee =
        |call| Event::Responded { call, by: Responder::Callee, reject: None, refund: 0 };
    let mut events = vec![round(1, 100)];
    events.extend(numbers.clone().map(sent));
    events.push(Event::Refused {
        caller: canister(CALLER),
        callee: canister(CALLEE).into(),
        call_context_id: CallContextId(5),
        limit: Refusal::QueueFull,
        calls: 3,
    });
    events.push(executed(CALLER, Work::Ingress(MESSAGE), 5));
    events.push(round(2, 100));
    for call in numbers.clone().map(call_id) {
        events.push(executed(CALLEE, Work::Request(call), 100 + call.callback.0));
        events.push(by_callee(call));
    }
    events.push(round(1, 101));
    events.extend(numbers.map(|call| executed(CALLER, response(call_id(call)), 5)));
    events.push(round(2, 101));
    events
}

fn notices(events: Vec<Event>) -> impl Iterator<Item = Notice> {
    events.into_iter().map(Notice::Event)
}

fn between(changes: &Changes) -> Vec<&Call> {
    let calls = changes.calls.iter();
    calls
        .filter_map(|watched| match &watched.progress {
            Progress::Call(call) => Some(&**call),
            Progress::Ingress { .. } => None,
        })
        .collect()
}

#[test]
fn watched_calls_have_the_times_and_outcomes_of_a_recording() {
    let recording = Recording::of(calls(4));
    let mut watched = WatchedCalls::default();
    watched.read(notices(calls(4)), &place());
    let changes = watched.take_changes();
    let watched = between(&changes);
    assert_eq!(watched.len(), 4);
    for (watched, recorded) in watched.into_iter().zip(recording.calls()) {
        let times = |call: &Call| (call.sent, call.executed, call.responded, call.ended);
        assert_eq!(times(watched), times(recorded));
        assert_eq!((watched.outcome, watched.error), (Outcome::Replied, None));
        assert!(watched.ended.expect("it ended").nanos > 1_000_000_000, "a round trip");
    }
    assert_eq!(changes.refused[0].refused, recording.refused()[0]);
}

#[test]
fn rounds_are_read_one_after_the_other_with_the_same_result() {
    let mut whole = WatchedCalls::default();
    whole.read(notices(calls(2)), &place());
    let mut parts = WatchedCalls::default();
    let mut section = Vec::new();
    for event in calls(2) {
        if matches!(event, Event::Round { .. }) {
            parts.read(notices(std::mem::take(&mut section)), &place());
        }
        section.push(event);
    }
    parts.read(notices(section), &place());
    let [whole, parts] = [&mut whole, &mut parts].map(WatchedCalls::take_changes);
    assert_eq!(between(&whole), between(&parts));
}

#[test]
fn an_ingress_message_is_a_call_of_its_user_and_its_calls_belong_to_it() {
    let mut watched = WatchedCalls::default();
    let ingress = Notice::Ingress {
        message: MESSAGE,
        sender: id(99),
        receiver: canister(CALLER),
        method: "parallel_calls".into(),
    };
    watched.read([Notice::Event(round(1, 99)), ingress], &place());
    let begun = watched.take_changes();
    assert_eq!((begun.calls.len(), begun.calls[0].caller), (1, id(99)));
    watched.read(notices(calls(2)), &place());
    watched.read([Notice::Answered { message: MESSAGE, error: None }], &place());
    let changes = watched.take_changes();
    assert_eq!(changes.calls.len(), 3);
    assert!(changes.calls.iter().all(|call| &*call.message == TEXT));
    assert_eq!(&*changes.refused[0].message, TEXT);
    let progress = &changes.calls.iter().find(|call| call.caller == id(99)).expect("it").progress;
    let Progress::Ingress { sent, executed, ended, .. } = progress else { panic!("{progress:?}") };
    let ended = ended.as_ref().expect("it has a result").0;
    assert!(executed.is_some_and(|executed| *sent < executed && executed < ended));
    assert!(watched.take_changes().is_empty());
}

#[test]
fn a_page_that_is_opened_later_sees_the_latest_calls_and_no_refusal_twice() {
    let mut watched = WatchedCalls::default();
    watched.read(notices(calls(2)), &place());
    assert_eq!(watched.recent().refused.len(), 0);
    watched.take_changes();
    let recent = watched.recent();
    assert_eq!((recent.calls.len(), recent.refused.len()), (2, 1));
}

#[test]
fn of_too_many_calls_the_first_are_followed_to_their_end_and_the_others_are_counted() {
    let mut watched = WatchedCalls::default();
    let count = 4 * WATCHED_CALLS_BURST_MAX;
    watched.read(notices(calls(count)), &place());
    let changes = watched.take_changes();
    let shown = between(&changes);
    assert_eq!(shown.len() as u64, WATCHED_CALLS_BURST_MAX);
    assert!(shown.iter().all(|call| call.outcome == Outcome::Replied));
    assert_eq!(changes.dropped, count - WATCHED_CALLS_BURST_MAX + 3, "with those refused");
    watched.allow(10);
    watched.read(notices(numbered_calls(count..count + 20)), &place());
    assert_eq!(watched.take_changes().dropped, 13);
    assert!(watched.recent().calls.len() <= WATCHED_CALLS_MAX);
}

#[test]
fn real_time_without_rounds_passes_in_model_time_too() {
    let mut watched = WatchedCalls::default();
    let minute = 60 * NANOS_PER_SECOND;
    watched.read(notices(vec![round(1, 0), sent(0), executed(CALLER, Work::Task, 1)]), &place());
    let later = vec![round(1, minute), sent(1), executed(CALLER, Work::Task, 2)];
    watched.read(notices(later), &place());
    let changes = watched.take_changes();
    let [first, second] = between(&changes)[..] else { panic!("two calls") };
    assert_eq!(second.sent.nanos - first.sent.nanos, minute);
    assert_eq!(&*changes.calls[1].message, format!("{}-2", canister(CALLER)));
}
