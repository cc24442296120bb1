//! Messages that take several rounds, here of few instructions each.

mod deferred;

use super::*;
use crate::canister::harness::*;
use crate::canister::{
    ExecutedManagementCall, Failure, InstallExecution, InstallMode, Installation,
    LowWasmMemoryHook, Origin, ReceivedCall, Slices, Status, Task, execute_next, execute_task,
    install, pause_installation,
};
use crate::error::{ErrorCode, Reject, RejectCode};
use crate::ic00::empty_reply;
use crate::limits::WASM_PAGE_BYTES;
use crate::trace::Fee;
use crate::types::{Instructions, MessageId, Time};
use candid::Principal;
use ic_management_canister_types::{ChangeDetails, ChangeOrigin, FromUserRecord};

/// Instructions of a slice.
const SLICE: Instructions = 100_000;

/// Each of its entry points takes longer than a slice.
const MODULE: &str = include_str!("module.wat");

/// A round with slices as large as this.
fn slices_of(slice_instructions_max: Instructions) -> RoundInput {
    let install_slice_instructions_max = slice_instructions_max;
    RoundInput { slice_instructions_max, install_slice_instructions_max, ..round() }
}

/// The heap's cell, the one of stable memory, and the global.
#[track_caller]
fn counts(canister: &mut Canister) -> [u32; 3] {
    let reply = ask(canister, "counts", &[]).expect("it replies");
    let numbers = reply.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    Vec::from_iter(numbers).try_into().expect("it is three numbers")
}

fn begin_in(canister: &mut Canister, method: &str, round: &RoundInput) -> Execution {
    canister.queues.push_ingress(ingress(canister, method, &[]));
    execute_next(canister, round).expect("there is a message")
}

/// Resumes until the end; how many rounds that took, and what they came to.
fn rest(canister: &mut Canister, round: &RoundInput) -> (u64, Instructions, Execution) {
    let (mut rounds, mut instructions) = (0, 0);
    loop {
        let execution = resume(canister, round);
        rounds += 1;
        instructions += execution.instructions;
        if !canister.is_paused() {
            return (rounds, instructions, execution);
        }
        assert!(execution.response.is_none());
        assert_eq!(execution.instructions, SLICE);
    }
}

#[test]
fn a_long_message_counts_when_its_last_slice_has_run_and_then_as_if_it_had_been_short() {
    for (method, heap_pages) in [("work", 1), ("grow_heap", 2)] {
        let (mut short, mut long) = (installed(MODULE), installed(MODULE));
        let once = begin_in(&mut short, method, &round());
        let expected = once.response.expect("it is answered");
        let slices = once.instructions.div_ceil(SLICE);
        assert!(slices > 1, "{slices}");

        let balance = long.balance;
        let round = slices_of(SLICE);
        let first = begin_in(&mut long, method, &round);
        assert_eq!((first.instructions, first.response), (SLICE, None));
        assert_eq!(first.processing, Some(MessageId([0; 32])));
        let prepaid = round.prices.execution(round.message_instructions_max, false);
        assert_eq!(long.balance, balance - prepaid);
        assert_eq!((counts(&mut long), long.heap_bytes()), ([0; 3], WASM_PAGE_BYTES));
        assert_eq!((long.global_timer, long.version), (None, 1));
        assert_eq!(long.log.records().count(), 0);
        assert!(long.contexts.is_empty());

        let (rounds, instructions, last) = rest(&mut long, &round);
        assert_eq!(rounds, slices - 1);
        assert_eq!(first.instructions + instructions, once.instructions);
        assert_eq!(last.response, Some(expected));
        assert_eq!((counts(&mut long), long.heap_bytes()), ([1; 3], heap_pages * WASM_PAGE_BYTES));
        assert_eq!((long.global_timer, long.version), (short.global_timer, short.version));
        assert_eq!(long.balance, short.balance);
        assert_eq!(long.log, short.log);
        assert!(long.contexts.is_empty());
    }
}

#[test]
fn what_ends_with_its_slice_is_not_long() {
    let used = begin_in(&mut installed(MODULE), "work", &round()).instructions;
    // One changed page is charged for after the last instruction.
    let run = used - crate::limits::DIRTY_PAGE_INSTRUCTIONS;
    for (slice, is_long) in [(run, false), (run - 1, true)] {
        let mut canister = installed(MODULE);
        begin_in(&mut canister, "work", &slices_of(slice));
        assert_eq!(canister.is_paused(), is_long, "{slice}");
    }
}

#[test]
fn a_long_message_fails_when_its_last_slice_has_run() {
    for method in ["fail", "endless"] {
        let mut canister = installed(MODULE);
        let balance = canister.balance;
        let round = RoundInput { message_instructions_max: 5 * SLICE, ..slices_of(SLICE) };
        begin_in(&mut canister, method, &round);
        let (rounds, instructions, last) = rest(&mut canister, &round);
        let failure = error(last.response.expect("it is answered").result);
        if method == "endless" {
            assert_eq!(failure.code, ErrorCode::CanisterInstructionLimitExceeded);
            assert_eq!((rounds, instructions), (4, 4 * SLICE));
        } else {
            assert_eq!(failure.code, ErrorCode::CanisterTrapped);
        }
        assert_eq!(counts(&mut canister), [0; 3]);
        let fee = round.prices.execution(SLICE + instructions, false);
        assert_eq!(canister.balance, balance - fee);
        let last_line = &canister.log.records().last().expect("it printed").content;
        assert_eq!(last_line.starts_with(b"[TRAP]"), method == "fail");
    }
}

#[test]
fn a_query_method_called_as_an_update_can_be_long_and_leaves_nothing_behind() {
    let mut canister = installed(MODULE);
    let round = slices_of(SLICE);
    let execution = begin_in(&mut canister, "add_in_vain", &round);
    assert!(execution.response.is_none() && canister.is_paused());
    let (_, _, last) = rest(&mut canister, &round);
    assert!(last.response.is_some());
    assert_eq!(counts(&mut canister), [0; 3]);
}

#[test]
fn a_task_can_be_long_and_takes_its_timer_away_at_once() {
    let mut canister = installed(MODULE);
    canister.global_timer = Some(Time::GENESIS);
    let round = slices_of(SLICE);
    execute_task(&mut canister, Task::GlobalTimer, &round);
    assert!(canister.is_paused());
    assert_eq!(canister.global_timer, None);
    assert_eq!(canister.due_tasks(Time::GENESIS), []);
    rest(&mut canister, &round);
    assert_eq!(canister.global_timer, Some(Time::from_nanos(77)));
    assert_eq!(counts(&mut canister), [1; 3]);
    assert_ne!(canister.due_tasks(Time::GENESIS), []);
}

/// A canister that has made a call with this callback, and the response to it.
fn responded(method: &str) -> Canister {
    responded_of(MODULE, method)
}

/// Like [`responded`], with another module.
fn responded_of(module: &str, method: &str) -> Canister {
    let mut canister = installed(module);
    begin(&mut canister, method, &[]);
    let peer = *canister.queues.output_peers().first().expect("there is a call");
    let Some(crate::message::Message::Request(request)) = canister.queues.pop_output(peer) else {
        panic!("there is a request");
    };
    let reject = Reject::from_code(ErrorCode::CanisterNotFound, "nobody");
    assert_eq!(reject.code, RejectCode::DestinationInvalid);
    canister.queues.push_input_response(request.response(Err(reject), 1_000), false);
    canister
}

#[test]
fn a_callback_and_its_cleanup_can_be_long() {
    for method in ["call_and_add", "call_and_fail"] {
        let (mut short, mut long) = (responded(method), responded(method));
        let once = execute_next(&mut short, &round()).expect("there is a response");
        let balance = long.balance;
        let round = slices_of(SLICE);
        let first = execute_next(&mut long, &round).expect("there is a response");
        assert_eq!((first.instructions, &first.response), (SLICE, &None));
        assert_eq!((long.balance, counts(&mut long)), (balance, [0; 3]));
        assert!(!long.contexts.is_empty());
        let (rounds, instructions, last) = rest(&mut long, &round);
        assert_eq!(first.instructions + instructions, once.instructions);
        assert_eq!(last.response, once.response);
        // A cleanup begins in the round in which the callback ends.
        let half = once.instructions / 2;
        let expected = match method {
            "call_and_fail" => 2 * half.div_ceil(SLICE) - 2,
            _ => once.instructions.div_ceil(SLICE) - 1,
        };
        assert_eq!(rounds, expected, "{method}");
        assert_eq!((counts(&mut long), long.balance), ([1; 3], short.balance));
        assert_eq!(long.log, short.log);
        assert!(long.contexts.is_empty());
    }
}

#[test]
fn fees_that_fall_due_in_the_meantime_are_paid_afterwards() {
    let mut canister = installed(MODULE);
    let round = slices_of(SLICE);
    begin_in(&mut canister, "work", &round);
    let balance = canister.balance;
    let fee = |canister: &mut Canister, cycles| {
        canister.charge(
            Fee::Ingress(MessageId([1; 32])),
            cycles,
            round.prices,
            Principal::anonymous(),
        )
    };
    assert_eq!(fee(&mut canister, 1_000_000), Ok(()));
    let all_but_that = balance - canister.freezing_threshold(round.prices) - 1_000_000;
    assert!(fee(&mut canister, all_but_that + 1).is_err());
    assert_eq!(canister.balance, balance);

    let mut other = installed(MODULE);
    begin_in(&mut other, "work", &round);
    rest(&mut canister, &round);
    rest(&mut other, &round);
    assert_eq!(canister.balance, other.balance - 1_000_000);
}

#[test]
fn an_aborted_message_takes_all_its_slices_again() {
    let mut canister = installed(MODULE);
    let round = slices_of(SLICE);
    begin_in(&mut canister, "work", &round);
    resume(&mut canister, &round);
    assert!(canister.holds_progress());
    canister.abort();
    assert!(!canister.holds_progress() && canister.is_paused());
    let used = begin_in(&mut installed(MODULE), "work", &self::round()).instructions;
    let (rounds, instructions, last) = rest(&mut canister, &round);
    assert_eq!((rounds, instructions), (used.div_ceil(SLICE), used));
    assert!(last.response.is_some());
    assert_eq!(counts(&mut canister), [1; 3]);
}

/// The management call of a user who installs.
fn management_call() -> ExecutedManagementCall {
    let sender = Principal::anonymous();
    let origin = Origin::Ingress { message: MessageId([2; 32]), sender, info: None };
    ExecutedManagementCall {
        subnet: round().subnet,
        received: ReceivedCall { origin, cycles: 0 },
        attached: 0,
    }
}

#[test]
fn an_installation_can_be_long_and_the_code_before_answers_until_it_is_over() {
    let upgrade = InstallMode::Upgrade(Default::default());
    for (mode, slices, expected) in [(upgrade, 3, [0, 2, 0]), (InstallMode::Reinstall, 2, [0; 3])] {
        let mut canister = installed(MODULE);
        begin(&mut canister, "work", &[]);
        assert_eq!(counts(&mut canister), [1; 3]);
        let (version, balance) = (canister.version, canister.balance);
        let round = slices_of(2 * SLICE);
        let caller = Principal::anonymous();
        let installation =
            Installation { mode, source: code(MODULE).into(), argument: vec![], caller };
        let mut attempt = install(&mut canister, installation, &round).expect("it can begin");
        // 240,000 instructions in each function; each one begins in the round in which another ends.
        assert_eq!(attempt.slices.count, slices, "{mode:?}");
        assert_eq!(counts(&mut canister), [1; 3]);
        assert_eq!(
            (canister.version, canister.global_timer),
            (version, Some(Time::from_nanos(77)))
        );
        let prepaid = round.prices.execution(round.install_instructions_max, false);
        assert_eq!(canister.balance, balance - prepaid);

        let count = attempt.slices.count;
        attempt.slices = Slices { count, instructions_max: SLICE, instructions: count * SLICE };
        let time = round.time;
        let origin = ChangeOrigin::FromUser(FromUserRecord { user_id: caller });
        let details = ChangeDetails::CodeUninstall;
        let installation = InstallExecution { attempt, time, origin, details };
        pause_installation(&mut canister, installation, management_call(), &round);
        assert!(canister.is_installing() && canister.message_since().is_none());
        assert_eq!(canister.history.total(), 0);
        let (rounds, _, last) = rest(&mut canister, &round);
        assert_eq!(rounds, count - 1);
        assert_eq!(last.response.expect("it is answered").result, Ok(empty_reply()));
        assert_eq!(canister.history.total(), 1);
        assert_eq!((canister.version, canister.global_timer), (version + 1, None));
        assert_eq!(canister.status, Status::Running);
        assert_eq!(canister.low_wasm_memory_hook, LowWasmMemoryHook::default());
        if mode == upgrade {
            assert_eq!(counts(&mut canister)[1], 3);
        } else {
            assert_eq!(counts(&mut canister), expected);
        }
    }
}

#[test]
fn an_installation_that_fails_leaves_everything_as_it_was() {
    let mut canister = installed(MODULE);
    begin(&mut canister, "work", &[]);
    let round = RoundInput { install_instructions_max: 100 * SLICE, ..slices_of(SLICE) };
    let failing = MODULE.replace(
        "(func (export \"canister_post_upgrade\")",
        "(func (export \"canister_post_upgrade\") (loop $again (br $again))",
    );
    let caller = Principal::anonymous();
    let mode = InstallMode::Upgrade(Default::default());
    let installation =
        Installation { mode, source: code(&failing).into(), argument: vec![], caller };
    let attempt = install(&mut canister, installation, &round).expect("it can begin");
    let result = attempt.finish(&mut canister, &round);
    assert_eq!(
        result.expect_err("it has no end").code,
        ErrorCode::CanisterInstructionLimitExceeded
    );
    assert_eq!(counts(&mut canister), [1; 3]);
    assert!(matches!(
        ask(&mut canister, "nothing", &[]),
        Err(Failure::Error(error)) if error.code == ErrorCode::CanisterMethodNotFound
    ));
}
