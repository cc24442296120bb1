//! Call contexts: the table of outcomes row by row, and what must hold whatever happens.

use super::*;
use crate::canister::received_call::Origin;
use crate::cycles::Prices;
use crate::error::{ErrorCode, Reject, Trap};
use crate::message::CallContent;
use crate::system_api::Closure;
use crate::topology::canister_id;
use crate::types::MessageId;
use candid::Principal;
use proptest::prelude::*;

const CYCLES: Cycles = 1_000;

fn own() -> CanisterId {
    canister_id(9)
}

fn origin() -> Origin {
    Origin::Ingress { message: MessageId([1; 32]), sender: Principal::anonymous(), info: None }
}

fn outgoing(deadline: Option<u64>) -> OutgoingCall {
    let closure = Closure { function: 0, env: 0 };
    OutgoingCall {
        callee: canister_id(1).into(),
        content: CallContent { method: "m".into(), ..CallContent::default() },
        deadline: deadline.map(|seconds| Time::from_nanos(0).plus_secs(seconds)),
        callbacks: Callbacks { on_reply: closure, on_reject: closure, on_cleanup: None },
        price: Prices::new(13, false).call(1, false),
    }
}

fn reply() -> Outcome {
    Outcome::Responded(Ok(vec![7]))
}

fn failed() -> Outcome {
    Outcome::Failed(Trap::Called("no".into()))
}

/// A context with `open_calls` open calls, which has responded or not.
fn context(open_calls: usize, answered: bool) -> (CallContexts, CallContextId) {
    let mut contexts = CallContexts::default();
    let id = contexts.open(ReceivedCall { origin: origin(), cycles: CYCLES });
    for _ in 0..open_calls {
        contexts.register(id, &outgoing(None), own());
    }
    if answered {
        // To be there at all, an answered context had a call open when it was answered.
        let extra = contexts.register(id, &outgoing(None), own());
        assert!(contexts.conclude(id, reply(), 0, own()).is_some());
        assert!(contexts.take_callback(extra.callback).is_some());
    }
    (contexts, id)
}

fn error_code(response: &CallResponse) -> Option<ErrorCode> {
    match &response.result {
        Err(Failure::Error(error)) => Some(error.code),
        _ => None,
    }
}

#[test]
fn an_answer_with_nothing_open_is_given_and_ends_the_context() {
    let (mut contexts, id) = context(0, false);
    let response = contexts.conclude(id, reply(), 0, own()).expect("a response is due");
    assert_eq!(response, CallResponse { origin: origin(), result: Ok(vec![7]), refund: CYCLES });
    assert!(contexts.is_empty());
    let (mut contexts, id) = context(0, false);
    let reject = Reject::by_canister("no".into());
    let response = contexts.conclude(id, Outcome::Responded(Err(reject.clone())), 0, own());
    assert_eq!(response.expect("a response is due").result, Err(Failure::Rejected(reject)));
}

#[test]
fn an_answer_with_calls_open_is_given_at_once_and_leaves_the_context_without_cycles() {
    let (mut contexts, id) = context(2, false);
    let response = contexts.conclude(id, reply(), 0, own()).expect("a response is due");
    assert_eq!(response.refund, CYCLES);
    let context = contexts.get(id);
    assert!(context.responded);
    assert_eq!((context.received.cycles, context.open_calls), (0, 2));
}

#[test]
fn nothing_or_a_trap_with_calls_open_answers_nothing_yet() {
    for outcome in [Outcome::Nothing, failed()] {
        let (mut contexts, id) = context(1, false);
        assert_eq!(contexts.conclude(id, outcome, 0, own()), None);
        let context = contexts.get(id);
        assert!(!context.responded);
        assert_eq!(context.received.cycles, CYCLES);
    }
}

#[test]
fn nothing_with_nothing_open_is_answered_with_no_reply_and_all_cycles() {
    let (mut contexts, id) = context(0, false);
    let response = contexts.conclude(id, Outcome::Nothing, 0, own()).expect("a response is due");
    assert_eq!(error_code(&response), Some(ErrorCode::CanisterDidNotReply));
    assert_eq!(response.refund, CYCLES);
    assert!(contexts.is_empty());
}

#[test]
fn a_canister_gets_no_response_without_an_error_code() {
    let caller = Origin::Canister(CallHeader {
        caller: canister_id(1),
        callee: own().into(),
        callback: CallbackId(0),
        deadline: None,
    });
    let mut contexts = CallContexts::default();
    let id = contexts.open(ReceivedCall { origin: caller, cycles: CYCLES });
    let response = contexts.conclude(id, Outcome::Nothing, 0, own()).expect("a response is due");
    let Err(failure) = response.result else { panic!("nothing was replied") };
    let reject = failure.into_reject_with_code();
    assert_eq!(reject.code, crate::error::RejectCode::CanisterError);
    assert_eq!(reject.message, "No response");
}

#[test]
fn a_trap_with_nothing_open_is_answered_with_its_error_and_the_cycles_not_accepted() {
    let (mut contexts, id) = context(0, false);
    contexts.accept_cycles(id, 300);
    let response = contexts.conclude(id, failed(), 0, own()).expect("a response is due");
    assert_eq!(error_code(&response), Some(ErrorCode::CanisterCalledTrap));
    assert_eq!(response.refund, 700);
    assert!(contexts.is_empty());
}

#[test]
fn whatever_happens_after_the_answer_answers_no_more() {
    for outcome in [reply(), Outcome::Nothing, failed()] {
        let (mut contexts, id) = context(1, true);
        assert_eq!(contexts.conclude(id, outcome.clone(), 0, own()), None);
        assert!(!contexts.is_empty(), "a call is open");
        let (mut contexts, id) = context(0, true);
        assert_eq!(contexts.conclude(id, outcome, 0, own()), None);
        assert!(contexts.is_empty());
    }
}

#[test]
fn a_context_counts_the_instructions_of_all_its_executions() {
    let (mut contexts, id) = context(1, false);
    contexts.conclude(id, Outcome::Nothing, 30, own());
    contexts.conclude(id, Outcome::Nothing, 12, own());
    assert_eq!(contexts.get(id).instructions, 42);
}

#[test]
fn a_callback_is_taken_once() {
    let (mut contexts, id) = context(0, false);
    let call = contexts.register(id, &outgoing(None), own());
    assert!(contexts.settle(&call));
    assert_eq!(contexts.open_callbacks(), 1);
    assert_eq!(contexts.take_callback(call.callback).map(|taken| taken.call_context_id), Some(id));
    assert!(!contexts.settle(&call));
    assert_eq!(contexts.take_callback(call.callback), None);
    assert_eq!(contexts.open_callbacks(), 0);
}

#[test]
fn a_bounded_wait_expires_once_after_its_deadline_and_stays_open_for_its_reject() {
    let (mut contexts, id) = context(0, false);
    let call = contexts.register(id, &outgoing(Some(10)), own());
    let patient = contexts.register(id, &outgoing(None), own());
    let at = |seconds| Time::from_nanos(0).plus_secs(seconds);
    assert_eq!(contexts.expire(at(10)), []);
    assert_eq!(contexts.expire(at(11)), [call]);
    assert_eq!(contexts.expire(at(1_000)), []);
    assert!(!contexts.settle(&call), "a response that comes now is too late");
    assert!(contexts.settle(&patient));
    assert!(contexts.take_callback(call.callback).is_some());
}

#[test]
fn a_response_that_has_arrived_does_not_expire() {
    let (mut contexts, id) = context(0, false);
    let call = contexts.register(id, &outgoing(Some(10)), own());
    assert!(contexts.settle(&call));
    assert_eq!(contexts.expire(Time::from_nanos(u64::MAX)), []);
    assert!(contexts.take_callback(call.callback).is_some());
}

#[test]
fn removing_the_code_answers_what_is_unanswered_and_keeps_contexts_that_wait_for_responses() {
    let mut contexts = CallContexts::default();
    let idle = contexts.open(ReceivedCall { origin: origin(), cycles: 5 });
    let waiting = contexts.open(ReceivedCall { origin: origin(), cycles: 6 });
    let call = contexts.register(waiting, &outgoing(None), own());
    let answered = contexts.open(ReceivedCall { origin: origin(), cycles: 7 });
    contexts.register(answered, &outgoing(None), own());
    contexts.conclude(answered, reply(), 0, own());
    let error = UserError::new(ErrorCode::CanisterRejectedMessage, "uninstalled");
    let responses = contexts.delete_all(&error);
    assert_eq!(responses.iter().map(|response| response.refund).collect::<Vec<_>>(), [5, 6]);
    assert!(responses.iter().all(|response| response.result == Err(Failure::Error(error.clone()))));
    assert!(!contexts.contexts.contains_key(&idle));
    assert!(contexts.get(waiting).deleted && contexts.get(answered).deleted);
    contexts.take_callback(call.callback).expect("its response can still come");
    assert_eq!(contexts.conclude(waiting, Outcome::Nothing, 0, own()), None);
}

/// One execution: how many calls it makes, what share of the cycles it accepts, how it ends.
#[derive(Clone, Debug)]
struct Execution {
    /// A new call with these cycles, or the response to one of the open calls.
    new_call: Option<Cycles>,
    which: prop::sample::Index,
    calls: usize,
    accept_percent: u128,
    outcome: Outcome,
}

fn execution() -> impl Strategy<Value = Execution> {
    let outcome = prop_oneof![
        Just(reply()),
        Just(Outcome::Responded(Err(Reject::by_canister("no".into())))),
        Just(Outcome::Nothing),
        Just(failed()),
    ];
    let new_call = prop::option::of(0..1_000u128);
    (new_call, any::<prop::sample::Index>(), 0..3usize, 0..=100u128, outcome).prop_map(
        |(new_call, which, calls, accept_percent, outcome)| Execution {
            new_call,
            which,
            calls,
            accept_percent,
            outcome,
        },
    )
}

/// What the model remembers of a call context.
#[derive(Debug, Default)]
struct Record {
    attached: Cycles,
    accepted: Cycles,
    responses: Vec<Cycles>,
    open: usize,
}

proptest! {
    #[test]
    fn every_context_is_answered_exactly_once_and_no_cycle_is_lost(
        executions in prop::collection::vec(execution(), 1..60),
            which in any::<prop::sample::Index>(),
        ) {
        // In the end no more calls are made, and all responses come in.
        let last = Execution {
            new_call: None,
            which,
            calls: 0,
            accept_percent: 100,
            outcome: Outcome::Nothing,
        };
        let mut contexts = CallContexts::default();
        let mut records: Vec<Record> = Vec::new();
        let mut open: Vec<(usize, CallHeader)> = Vec::new();
        let mut ids: Vec<CallContextId> = Vec::new();
        let mut executions = executions.into_iter();
        loop {
            let execution = match executions.next() {
                Some(execution) => execution,
                None if open.is_empty() => break,
                None => last.clone(),
            };
            let number = match execution.new_call {
                Some(attached) => {
                    ids.push(contexts.open(ReceivedCall { origin: origin(), cycles: attached }));
                    records.push(Record { attached, ..Record::default() });
                    ids.len() - 1
                }
                None if open.is_empty() => continue,
                None => {
                    let (number, call) = open.remove(execution.which.index(open.len()));
                    let taken = contexts.take_callback(call.callback);
                    prop_assert_eq!(taken.map(|taken| taken.call_context_id), Some(ids[number]));
                    records[number].open -= 1;
                    number
                }
            };
            let (id, record) = (ids[number], &mut records[number]);
            // What an execution that trapped did was undone before it came here.
            if !matches!(execution.outcome, Outcome::Failed(_)) {
                let accepted = contexts.get(id).received.cycles * execution.accept_percent / 100;
                contexts.accept_cycles(id, accepted);
                record.accepted += accepted;
                for _ in 0..execution.calls {
                    open.push((number, contexts.register(id, &outgoing(None), own())));
                    record.open += 1;
                }
            }
            let response = contexts.conclude(id, execution.outcome.clone(), 1, own());
            let responds = matches!(execution.outcome, Outcome::Responded(_)) || record.open == 0;
            prop_assert_eq!(response.is_some(), responds && record.responses.is_empty());
            record.responses.extend(response.map(|response| response.refund));
            prop_assert_eq!(contexts.contexts.contains_key(&id), record.open > 0);
            prop_assert_eq!(contexts.open_callbacks(), open.len());
        }
        prop_assert!(contexts.is_empty());
        for record in records {
            let [refund] = record.responses[..] else {
                return Err(TestCaseError::fail(format!("not answered once: {record:?}")));
            };
            prop_assert_eq!(refund + record.accepted, record.attached);
        }
    }
}
